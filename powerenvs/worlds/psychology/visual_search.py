"""Visual search: is the target there, and how many looks does it take to know?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from powerenvs.worlds.psychology.paint import CYAN, INK, MAGENTA, Item, draw_items
from powerenvs.worlds.psychology.task import Block, Change, Part, Place, Scene, Task, ended

KINDS = ("conjunction", "colour", "shape")
INTERLEAVED = "interleaved"
PRESENT, ABSENT = "present", "absent"
BUTTONS = (Place(0.15, 0.93, 0.06), Place(0.85, 0.93, 0.06))
COLUMNS = 8
"""Items stand on a lattice of so many columns and rows, at most one in a cell."""
HEIGHT = 0.084
MARKS = (
    Item("tick", 0.15, 0.93, 0.09, INK),
    Item("cross", 0.85, 0.93, 0.09, INK, angle=45.0),
)


class Search(NamedTuple):
    """How many items the subject has looked at, whether it has found the target, and the kind where kinds change."""

    looks: int = 0
    found: bool = False
    phase: str = "array"
    kind: str = ""


@dataclass(frozen=True)
class VisualSearch(Task[Search]):
    """A target among distractors: say whether it is there.

    Description:
        Serial self-terminating search (Treisman & Gelade 1980). A target that differs from all distractors in colour
        or in shape alone is seen at one glance. One that shares its colour with some and its shape with others is
        looked for item by item; no item is looked at again before all have been.

    Action space:
        Discrete(3): 0 present, 1 absent, 2 look (at the next item, or at all of them).

    Rewards:
        1 for a correct answer, minus ``cost`` for each look. Hidden performance: 1 for a correct answer.

    Episode end:
        With an answer.

    Arguments:
        kind: "conjunction" (looked for one by one), "colour" or "shape" (seen at a glance), or "interleaved" (any of
            the three in each trial, which is seen at once).
        set_size: how many items, the target among them.
        present: how often the target is there.
        hit: how often the target is recognised when it is looked at: noise of vision.
        passes: how often every item may be looked at.
        cost: of a look.

    Numbers:
        Without cost and noise: (N+1)/2 looks in trials with a target, N in trials without.

    Reference:
        Set sizes of the task in Psychlab, arXiv 1801.08116; its target is magenta and T-like, ours is a magenta bar.

    Raises:
        ValueError: for settings out of range.
    """

    kind: str = "conjunction"
    set_size: int = 8
    present: float = 0.5
    hit: float = 1.0
    passes: int = 1
    cost: float = 0.0

    actions: ClassVar[tuple[str, ...]] = (PRESENT, ABSENT, "look")  # type: ignore[misc]
    answers: ClassVar[tuple[str, ...]] = (PRESENT, ABSENT)
    variable: ClassVar[str] = "set_size"
    values: ClassVar[tuple[int, ...]] = (1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64)
    staircase: ClassVar[tuple[float, float, float]] = (1.0, 0.75, 0.1)
    frames_per_tick: ClassVar[int] = 15
    legend: ClassVar[Mapping[str, str]] = {"?": "not looked at", "d": "distractor", "T": "target", ".": "floor"}

    def __post_init__(self) -> None:
        self.check_kind("kind", (*KINDS, INTERLEAVED))
        self.check_count(1, set_size=self.set_size, passes=self.passes)
        self.check_share(present=self.present, hit=self.hit)
        self.check_cost()
        if self.set_size > COLUMNS**2:
            raise ValueError(f"set_size: expected at most {COLUMNS**2}, which the screen holds, found {self.set_size}")
        if self.hit == 0:
            raise ValueError("hit: expected more than 0, without which nothing is ever found, found 0")

    def fixations(self, state: Search) -> int:
        """How many looks see everything once: a single one where the target pops out."""
        return self.set_size if (state.kind or self.kind) == "conjunction" else 1

    def truths(self) -> Mapping[Hashable, float]:
        """Whether the target is there."""
        return {truth: p for truth, p in ((PRESENT, self.present), (ABSENT, 1 - self.present)) if p > 0}

    def start(self) -> list[tuple[float, Search]]:
        """Nothing has been looked at."""
        if self.kind == INTERLEAVED:
            return [(1 / len(KINDS), Search(kind=kind)) for kind in KINDS]
        return [(1.0, Search())]

    def fits(self, block: Block, ticks: int, before: Search | None, action: str, after: Search) -> bool:
        """The kind is that of the screen."""
        return after.kind in ("", block.fixed)

    def useful(self, state: Search) -> tuple[str, ...]:
        """One does not look on when the target is found, nor when everything has been seen so often."""
        over = state.found or state.looks == self.fixations(state) * self.passes
        return self.answers if over else self.actions

    def likelihood(self, state: Search, truth: Hashable) -> float:
        """Of finding it, or of so many looks in vain."""
        if truth == ABSENT:
            return float(not state.found)
        return 1.0 if state.found else self._missed(state)

    def outcomes(self, state: Search, action: str, truth: Hashable) -> list[Change]:
        """A look finds the target if it is there and recognised."""
        if action != "look":
            return [ended(state, action == truth)]
        missed = state._replace(looks=state.looks + 1)
        if truth == ABSENT:
            return [Change(1.0, missed)]
        # of all looks in vain, those in which the next one is in vain too
        still = self._missed(missed) / self._missed(state)
        return [Change(still, missed), Change(1 - still, missed._replace(found=True))]

    def _missed(self, state: Search) -> float:
        """The probability that so many looks, item after item, do not find a target that is there."""
        n, miss = self.fixations(state), 1 - self.hit
        times, more = divmod(state.looks, n)
        return ((n - more) * miss**times + more * miss ** (times + 1)) / n

    def stage(self, rng: np.random.Generator, truth: Hashable) -> tuple[tuple[Scene, ...], Any]:
        """Items in a random order on a lattice, off its lines; and the kind."""
        cells = rng.permutation(COLUMNS**2)[: self.set_size]
        places = (
            np.stack([cells % COLUMNS, cells // COLUMNS], axis=1) + 0.5 + rng.uniform(-0.1, 0.1, (len(cells), 2))
        ) / COLUMNS
        places = np.array([0.04, 0.01]) + places * np.array([0.92, 0.85])
        kind = KINDS[int(rng.integers(len(KINDS)))] if self.kind == INTERLEAVED else self.kind
        items = [
            Item("bar", x, y, HEIGHT, *(_target() if truth == PRESENT and i == 0 else _distractor(kind, rng)))
            for i, (x, y) in enumerate(places.tolist())
        ]
        parts = (Part("array", None, partial(_draw, tuple(items)), open=True),)
        variables = {"set_size": self.set_size, "target": str(truth), "kind": kind}
        return (Scene(self.answers.index(str(truth)), BUTTONS, parts, variables),), kind

    def hidden(self) -> Mapping[Hashable, float]:
        """Whether the target is there, and in which of the places that items may have; 0 where it is not."""
        there = {(PRESENT, slot): self.present / COLUMNS**2 for slot in range(1, COLUMNS**2 + 1)}
        return {hidden: p for hidden, p in {**there, (ABSENT, 0): 1 - self.present}.items() if p > 0}

    def shown(self, hidden: Any) -> Scene:
        """Answers do not depend on where it is."""
        return super().shown(hidden[0])

    def board(self, state: Search) -> tuple[str, ...]:
        """The items, seen and not; the target where it was found."""
        n = self.fixations(state)
        seen = min(state.looks, n)
        row = "d" * seen + "?" * (n - seen)
        if state.found:
            at = (state.looks - 1) % n
            row = row[:at] + "T" + row[at + 1 :]
        if state.phase != "array":
            row = "." * n
        width = min(n, COLUMNS)
        row += "." * (-n % width)
        return tuple(row[i : i + width] for i in range(0, len(row), width))


def _target() -> tuple[tuple[int, int, int], float]:
    return MAGENTA, 90.0


def _distractor(kind: str, rng: np.random.Generator) -> tuple[tuple[int, int, int], float]:
    """Colour and angle: what it shares with the target depends on the kind."""
    first = bool(rng.random() < 0.5)
    if kind == "colour":
        return CYAN, 90.0 if first else 0.0
    if kind == "shape":
        return MAGENTA if first else CYAN, 0.0
    return (MAGENTA, 0.0) if first else (CYAN, 90.0)


def _draw(items: tuple[Item, ...], size: int, frame: int) -> Any:
    return draw_items(size, (*items, *MARKS))
