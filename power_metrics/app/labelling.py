"""Comparisons that people give on a page: pairs of clips from a store of preferences, and their answers into it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from power_metrics.app import bounds
from power_metrics.app.clips import SIDES, Clips
from power_metrics.preferences import Pair, Store
from power_metrics.preferences.schema import LABELS
from power_metrics.preferences.store import Taken

MAX_SECONDS = 1e6
MAX_INSTRUCTIONS = 20_000
AHEAD = 8
"""Pairs whose clips are drawn before anybody asks."""
FETCHED = 3
"""Pairs whose clips a page fetches before it shows them."""
INSTRUCTIONS = """You see two clips of an agent, side by side. Which of them does better what is wanted?

Choose the clip in which more of it happens, or less goes wrong. If both are equally good, or equally bad, it is a \
tie. If the clips do not tell, say so: that is better than a guess."""
"""What raters read where no file of instructions is given."""


class Labelling:
    """What the page for comparisons is about.

    Args:
        store: the comparisons, or their file; None for none, which leaves made-up clips to try the page with.
        environment: draws segments that have no pictures of their own: an environment, or {"id": ..., "kwargs": ...};
            what the store notes as its "environment" when None.
        instructions: a text file for raters, read each time that it is shown.

    Raises:
        ValueError: for a file that is no store, or instructions that are not there.
    """

    def __init__(
        self,
        store: Store | str | os.PathLike[str] | None = None,
        environment: Any = None,
        instructions: str | os.PathLike[str] | None = None,
    ):
        self._store = store if store is None or isinstance(store, Store) else Store(store)
        self.clips = Clips(self._store, environment)
        self._instructions = None if instructions is None else Path(instructions)
        self.instructions()

    def instructions(self) -> str:
        """What raters read.

        Raises:
            ValueError: if the file is not there, is too long, or is no text.
        """
        if self._instructions is None:
            return INSTRUCTIONS
        try:
            text = self._instructions.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            found = f"{str(self._instructions)!r} ({error})"
            raise ValueError(f"instructions: expected a text file, found {found}") from None
        if len(text) > MAX_INSTRUCTIONS:
            raise ValueError(
                f"instructions: expected at most {MAX_INSTRUCTIONS:,} characters in {str(self._instructions)!r}, found "
                f"{len(text):,}"
            )
        return text

    @property
    def store(self) -> Store:
        """The store.

        Raises:
            ValueError: if there is none.
        """
        if self._store is None:
            raise ValueError("label: no comparisons are open; start with powerenvs app --labels FILE")
        return self._store

    # What a page asks

    def about(self) -> dict[str, Any]:
        """What the page says before a rater begins."""
        there = self._store is not None
        found: dict[str, Any] = {"there": there, "instructions": self.instructions(), "labels": list(LABELS)}
        if there:
            found |= {"store": self.store.path.name, "counts": self._counts(None)}
        return found

    def next(self, given: dict[str, Any]) -> dict[str, Any]:
        """The pair that a rater is to answer now."""
        bounds.known_keys("next", given, ("rater",))
        return self._shown(_rater(given))

    def answer(self, given: dict[str, Any]) -> dict[str, Any]:
        """Keeps an answer, and gives the next pair. One that comes again, as the page heard nothing, counts once."""
        bounds.known_keys("answer", given, ("rater", "pair", "label", "seconds"))
        rater, pair = _rater(given), bounds.whole("pair", given.get("pair"), 1)
        label, seconds = bounds.one_of("label", given.get("label"), LABELS), _seconds(given.get("seconds"))
        taken = ""
        if not self._answered(rater, pair, label):
            try:
                self.store.answer(pair, rater, label, seconds)
            except Taken:
                taken = "Somebody else had that pair by then, so your answer was not needed. Here is another."
        return {**self._shown(rater), "taken": taken}

    def undo(self, given: dict[str, Any]) -> dict[str, Any]:
        """Takes the last answer of a rater back, if it still is the one that the page means, and shows its pair."""
        bounds.known_keys("undo", given, ("rater", "comparison"))
        rater, comparison = _rater(given), bounds.whole("comparison", given.get("comparison"), 1)
        last = self.store.comparisons(rater=rater, latest=1)
        if len(last) and int(last.ids[-1]) == comparison:
            self.store.undo(rater)
        return self._shown(rater)

    def agreement(self) -> dict[str, Any]:
        """How far raters agree with each other and with themselves, where they compared the same two segments."""
        return {"agreement": self.store.agreement()}

    def practice(self, given: dict[str, Any]) -> dict[str, Any]:
        """A pair of made-up clips, by number; nothing of it is kept."""
        bounds.known_keys("practice", given, ("number",))
        number = bounds.whole("number", given.get("number", 0), 0, 1_000_000)
        return {"pair": number, **{side: self.clips.get(f"practice-{number}-{side}").about for side in SIDES}}

    def clip(self, name: str) -> bytes:
        """The picture of a clip, by the name that `next` and `practice` give."""
        return self.clips.get(bounds.text("clip", name, 60)).png

    # How

    def _answered(self, rater: str, pair: int, label: str) -> bool:
        """Whether this very answer is the last of the rater already."""
        last = self.store.comparisons(rater=rater, latest=1)
        return len(last) > 0 and int(last.pairs[-1]) == pair and last.labels[-1] == label

    def _shown(self, rater: str) -> dict[str, Any]:
        pair = self.store.next_pair(rater)
        last = self.store.comparisons(rater=rater, latest=1)
        found: dict[str, Any] = {"pair": None, "last": int(last.ids[-1]) if len(last) else None}
        if pair is not None:
            found |= self._of_pair(pair)
            soon = self.store.upcoming(AHEAD)
            names = [f"segment-{number}" for one in soon for number in (one.left, one.right)]
            self.clips.prepare(names)
            found["soon"] = names[: 2 * FETCHED]
        return found

    def _of_pair(self, pair: Pair) -> dict[str, Any]:
        found: dict[str, Any] = {"pair": pair.id, "lease": None}
        if pair.until is not None:
            found["lease"] = max(1.0, pair.until - time.time())
        for side, number in zip(SIDES, (pair.left, pair.right), strict=True):
            try:
                found[side] = self.clips.get(f"segment-{number}").about
            except ValueError as error:  # the rater may still say that it does not tell
                found[side] = {"trouble": str(error)}
        return found

    def counts(self, rater: str) -> dict[str, Any]:
        """How many answers there are, and how fast they come. It reads them all, so nobody who answers waits for it."""
        return self._counts(_rater({"rater": rater}) if rater else None)

    def _counts(self, rater: str | None) -> dict[str, Any]:
        found = self.store.counts()
        mine = {} if rater is None else {"mine": found["raters"].get(rater, 0)}
        kept = ("open", "leased", "labelled", "comparisons", "last_hour", "seconds")
        return {**{name: found[name] for name in kept}, "raters": len(found["raters"]), **mine}


def _rater(given: dict[str, Any]) -> str:
    name = bounds.text("rater", given.get("rater"), 80).strip()
    if not name or not name.isprintable():
        raise ValueError(f"rater: expected a name, found {bounds.shown(name)}")
    return name


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= MAX_SECONDS:
        raise ValueError(f"seconds: expected a number from 0 to {MAX_SECONDS:,.0f}, found {bounds.shown(value)}")
    return float(value)
