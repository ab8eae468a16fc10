"""Change detection: is the second display the same as the first?"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from powerenvs.worlds.psychology.held import Held
from powerenvs.worlds.psychology.paint import COLOURS, INK, Item, blank, draw_items
from powerenvs.worlds.psychology.task import Part, Place, Scene

STUDY = 90
"""Frames of the first display."""
PLACES = (Place(0.15, 0.93, 0.06), Place(0.85, 0.93, 0.06))
MARKS = (Item("star", 0.15, 0.93, 0.09, INK), Item("square", 0.85, 0.93, 0.075, INK))


@dataclass(frozen=True)
class ChangeDetection(Held):
    """Coloured squares, a blank, and squares again, of which one may have another colour.

    Description:
        Up to ``capacity`` items are held in memory, and each is lost in a tick of the delay with probability
        1 - ``retention`` (slots, as Luck & Vogel 1997). A change is seen if the item is held.

    Action space:
        Discrete(3): 0 different (a star on the screen), 1 same (a square), 2 wait.

    Rewards:
        1 for a correct answer, minus ``cost`` for each tick. Hidden performance: 1 for a correct answer.

    Episode end:
        With an answer.

    Arguments:
        set_size: how many items.
        delay: in ticks, of 8 frames.
        capacity: how many items memory holds.
        retention: how likely an item is to stay for a tick.
        cost: of a tick.

    Numbers:
        Accuracy: (1 + min(K, N) r^delay / N) / 2.

    Reference:
        Set sizes and delays of the task in Psychlab, arXiv 1801.08116; Pashler 1988.

    Raises:
        ValueError: for settings out of range.
    """

    set_size: int = 4
    delay: int = 4
    capacity: int = 4
    retention: float = 0.98
    cost: float = 0.0

    actions: ClassVar[tuple[str, ...]] = ("different", "same", "wait")  # type: ignore[misc]
    answers: ClassVar[tuple[str, ...]] = ("different", "same")
    variable: ClassVar[str] = "set_size"
    values: ClassVar[tuple[int, ...]] = tuple(range(1, 10))
    second: ClassVar[str] = "delay"
    seconds: ClassVar[tuple[int, ...]] = (1, 2, 4, 8, 16, 32)
    frames_per_tick: ClassVar[int] = 8

    def __post_init__(self) -> None:
        self.check_count(1, set_size=self.set_size)
        self.check_count(0, delay=self.delay)
        self.check_held()
        if self.set_size > 16:
            raise ValueError(f"set_size: expected at most 16, which the screen holds, found {self.set_size}")

    @property
    def items(self) -> int:
        """All squares."""
        return self.set_size

    @property
    def duration(self) -> int:
        """The delay."""
        return self.delay

    def stage(self, rng: np.random.Generator, truth: Hashable) -> tuple[tuple[Scene, ...], Any]:
        """Squares on a lattice."""
        cells = rng.permutation(16)[: self.set_size]
        colours = rng.integers(len(COLOURS), size=self.set_size)
        first = [
            Item("square", 0.17 + 0.22 * float(c % 4), 0.12 + 0.22 * float(c // 4), 0.13, COLOURS[k])
            for c, k in zip(cells.tolist(), colours.tolist(), strict=True)
        ]
        second = list(first)
        changed, by = int(rng.integers(self.set_size)), int(rng.integers(1, len(COLOURS)))
        if truth == "different":
            second[changed] = first[changed]._replace(colour=COLOURS[(int(colours[changed]) + by) % len(COLOURS)])
        parts = (
            Part("study", STUDY, partial(_draw, tuple(first))),
            Part("delay", max(1, self.delay * self.frames_per_tick), _blank),
            Part("test", None, partial(_draw, (*second, *MARKS)), open=True),
        )
        variables = {"set_size": self.set_size, "delay": self.delay, "change": str(truth)}
        return (Scene(self.answers.index(str(truth)), PLACES, parts, variables),), None


def _draw(items: tuple[Item, ...], size: int, frame: int) -> Any:
    return draw_items(size, items)


def _blank(size: int, frame: int) -> Any:
    return blank(size)
