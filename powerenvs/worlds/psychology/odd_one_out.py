"""Odd one out: which item differs from all others?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.worlds.psychology.paint import BLUE, COLOURS, Item, draw_dots, draw_items
from powerenvs.worlds.psychology.task import CORRECT, WRONG, Change, Part, Place, Scene, Task

KINDS = ("colour", "shape", "orientation", "motion")
WINDOW, DOTS, DRIFT = 0.07, 12, 0.003
"""Of an item that differs in motion: half its width, how many dots, and how far they go in a frame."""
COLUMNS = 5
"""Items stand on a lattice of so many columns and rows, none in its middle."""


class Odd(NamedTuple):
    """How many items were looked at, and what they say: "", "same", "differ" (two that do), or "found"."""

    looks: int = 0
    says: str = ""
    phase: str = "array"


@dataclass(frozen=True)
class OddOneOut(Task[Odd]):
    """Items that are all alike but one: look at the one that differs.

    Description:
        Items are looked at one by one. Two that differ do not tell which of them is odd; the third does. The last item
        need not be looked at: if all others are alike, it is the odd one.

    Action space:
        Discrete(2): 0 choose (the odd one if it is known, else one of those it may be), 1 look (at the next item).

    Rewards:
        1 for the odd item, minus ``cost`` for each look. Hidden performance: 1 for the odd item.

    Episode end:
        With a choice.

    Arguments:
        set_size: how many items, at least 3.
        kind: what the odd one differs in: "colour", "shape", "orientation" or "motion" (dots of the item drift another
            way).
        known: whether one knows beforehand what the odd item looks like, so that a single look tells.
        cost: of a look.

    Numbers:
        Known: (N+1)/2 - 1/N looks. Not known: (6 + Σ_{k=3}^{N-1} k + N-1)/N.

    Reference:
        Set sizes of the task in Psychlab, arXiv 1801.08116.

    Raises:
        ValueError: for settings out of range.
    """

    set_size: int = 6
    kind: str = "colour"
    known: bool = False
    cost: float = 0.0

    actions: ClassVar[tuple[str, ...]] = ("choose", "look")  # type: ignore[misc]
    answers: ClassVar[tuple[str, ...]] = ("choose",)
    variable: ClassVar[str] = "set_size"
    values: ClassVar[tuple[int, ...]] = tuple(range(3, 16))
    frames_per_tick: ClassVar[int] = 15
    legend: ClassVar[Mapping[str, str]] = {
        "?": "not looked at",
        "x": "looked at",
        "o": "odd",
        ".": "floor",
        "|": "may be odd",
    }

    def __post_init__(self) -> None:
        self.check_count(3, set_size=self.set_size)
        self.check_kind("kind", KINDS)
        self.check_cost()
        if self.set_size > COLUMNS**2 - 1:
            raise ValueError(f"set_size: expected at most {COLUMNS**2 - 1}, found {self.set_size}")

    @property
    def buttons(self) -> tuple[str, ...]:
        """The items."""
        return tuple(f"item {i}" for i in range(1, self.set_size + 1))

    def truths(self) -> Mapping[Hashable, float]:
        """When the odd item comes, of those that one looks at."""
        return dict.fromkeys(range(1, self.set_size + 1), 1 / self.set_size)

    def start(self) -> list[tuple[float, Odd]]:
        """Nothing has been looked at."""
        return [(1.0, Odd())]

    def useful(self, state: Odd) -> tuple[str, ...]:
        """One does not look on when the odd item is known."""
        last = state.looks == self.set_size - 1 and state.says == "same"
        return self.answers if state.says == "found" or last else self.actions

    def likelihood(self, state: Odd, truth: Hashable) -> float:
        """Whether the looks say this with the odd item there."""
        place = int(truth)  # type: ignore[call-overload]
        if state.says != "found":
            return float(self._says(state.looks, place) == state.says)
        if state.looks == 3 and not self.known:  # the third look tells of those before it; the last item needs none
            return float(place <= min(3, self.set_size - 1))
        return float(place == state.looks)  # or one would have stopped before

    def _says(self, looks: int, truth: int) -> str:
        """What so many looks say."""
        if self.known:
            return "found" if truth <= looks else "same" if looks else ""
        if looks < 2:
            return ""
        if truth > looks:
            return "same"
        return "differ" if looks == 2 else "found"

    def outcomes(self, state: Odd, action: str, truth: Hashable) -> list[Change]:
        """One more look; or a choice among those that may be odd."""
        place = int(truth)  # type: ignore[call-overload]
        if action == "look":
            looks = state.looks + 1
            return [Change(1.0, Odd(looks, self._says(looks, place)))]
        # chosen by lot among those that may be odd, of which the odd one is
        right = 1.0 / len(self.posterior(state)) if state.says != "found" else 1.0
        ends = [Change(right, Odd(phase=CORRECT), True), Change(1 - right, Odd(phase=WRONG), False)]
        return [change for change in ends if change.probability > 0]

    def stage(self, rng: np.random.Generator, truth: Hashable) -> tuple[tuple[Scene, ...], Any]:
        """Items on a lattice; the order in which a model looks at them has nothing to do with their places."""
        middle = COLUMNS**2 // 2
        cells = rng.permutation([c for c in range(COLUMNS**2) if c != middle])[: self.set_size]
        odd = int(rng.integers(self.set_size))
        first, second = (COLOURS[i] for i in rng.permutation(len(COLOURS))[:2])
        shapes = [("disc", "square", "triangle", "star")[i] for i in rng.permutation(4)[:2]]
        angle = float(rng.integers(0, 4)) * 45.0
        items, places = [], []
        for i, cell in enumerate(cells.tolist()):
            x, y = (0.1 + 0.2 * (cell % COLUMNS), 0.1 + 0.2 * (cell // COLUMNS))
            places.append(Place(x, y, 0.08))
            if self.kind == "motion":
                continue
            item = {
                "colour": Item("disc", x, y, 0.12, second if i == odd else first),
                "shape": Item(shapes[i == odd], x, y, 0.12, BLUE),
                "orientation": Item("bar", x, y, 0.13, BLUE, angle=angle + 45.0 * (i == odd)),
            }[self.kind]
            items.append(item)
        part = Part("array", None, partial(_draw, tuple(items)), open=True)
        if self.kind == "motion":
            turns = np.where(np.arange(self.set_size) == odd, angle + 180.0, angle)
            dots = rng.uniform(-WINDOW, WINDOW, (self.set_size, DOTS, 2))
            discs = tuple(Item("disc", place.x, place.y, 2.3 * WINDOW, BLUE) for place in places)
            draw = partial(_drift, discs, dots, np.radians(turns))
            part = Part("array", None, draw, moving=True, open=True)
        return (Scene(odd, tuple(places), (part,), {"set_size": self.set_size, "kind": self.kind}),), None

    def hidden(self) -> Mapping[Hashable, float]:
        """Which item is odd, where every place has one.

        Raises:
            ValueError: for fewer items, whose places would have to be counted too.
        """
        if self.set_size < COLUMNS**2 - 1:
            raise ValueError(
                f"set_size: expected {COLUMNS**2 - 1}, at which every place has an item; the arrangements of "
                f"{self.set_size} items are too many"
            )
        return dict.fromkeys(range(self.set_size), 1 / self.set_size)

    def shown(self, hidden: Hashable) -> Scene:
        """The items in one order, of which this one is odd."""
        return super().shown(1)._replace(answer=int(hidden))  # type: ignore[call-overload]

    def board(self, state: Odd) -> tuple[str, ...]:
        """The items in the order in which they are looked at."""
        if state.phase != "array":
            return ("." * self.set_size,)
        glyph = {"differ": "|", "found": "x"}.get(state.says, "x")
        row = glyph * state.looks + "?" * (self.set_size - state.looks)
        return (row[: state.looks - 1] + "o" + row[state.looks :] if state.says == "found" else row,)


@lru_cache(maxsize=32)
def _ground(discs: tuple[Item, ...], size: int) -> NDArray[np.uint8]:
    return draw_items(size, discs)


def _drift(
    discs: tuple[Item, ...], dots: NDArray[np.float64], turns: NDArray[np.float64], size: int, frame: int
) -> Any:
    """Dots that drift within each item: in a picture that stands still all are alike."""
    way = np.stack([np.cos(turns), np.sin(turns)], axis=1)[:, None]
    off = (dots + DRIFT * frame * way + WINDOW) % (2 * WINDOW) - WINDOW
    places = np.array([(disc.x, disc.y) for disc in discs])[:, None] + off
    return draw_dots(size, places[(off**2).sum(axis=2) < WINDOW**2], width=0.022, on=_ground(discs, size).copy())


def _draw(items: tuple[Item, ...], size: int, frame: int) -> Any:
    return draw_items(size, items)
