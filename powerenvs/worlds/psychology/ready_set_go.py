"""Ready, set, go: an interval is shown, and one lets as much time go by before one answers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.special import ndtr

from powerenvs.worlds.psychology.paint import GREEN, ORANGE, WHITE, Item, draw_items
from powerenvs.worlds.psychology.task import Change, Part, Place, Scene, Task, ended

FLASH = 20
"""Frames of the last signal before the interval is to be reproduced."""


class Clock(NamedTuple):
    """How long the interval seemed, and how many ticks have gone by since: -1 before the interval was shown."""

    measured: int = -1
    elapsed: int = 0
    phase: str = "ready"


@dataclass(frozen=True)
class ReadySetGo(Task[Clock]):
    """An interval between two signals is to be reproduced: act when as much time has gone by again, not before.

    Description:
        How long the interval seems has a standard deviation of ``weber`` times its length (scalar timing). Since one
        knows which intervals there are, the best answers lean towards the middle (Jazayeri & Shadlen 2010). Time that
        goes by while one waits is counted without error.

    Action space:
        Discrete(2): 0 go, 1 wait.

    Rewards:
        1 for going within the tolerance, minus ``cost`` for each tick. Hidden performance: 1 for being within it.

    Episode end:
        With going; when even the longest interval is over, it is too late.

    Arguments:
        intervals: in ticks of 20 frames; all are alike.
        tolerance: by how many ticks one may be off.
        weber: the noise of what is measured.
        cost: of a tick.

    Numbers:
        Without noise the ideal observer is always right.

    Reference:
        Intervals of 200 and 300 frames as in Psychlab, arXiv 1801.08116.

    Raises:
        ValueError: for settings out of range.
    """

    intervals: tuple[int, ...] = (10, 15)
    tolerance: int = 1
    weber: float = 0.15
    cost: float = 0.0

    actions: ClassVar[tuple[str, ...]] = ("go", "wait")  # type: ignore[misc]
    answers: ClassVar[tuple[str, ...]] = ("go",)
    variable: ClassVar[str] = "tolerance"
    values: ClassVar[tuple[int, ...]] = (3, 2, 1)
    frames_per_tick: ClassVar[int] = 20
    legend: ClassVar[Mapping[str, str]] = {"o": "gone by", "m": "measured", ".": "floor"}

    def __post_init__(self) -> None:
        object.__setattr__(self, "intervals", tuple(self.intervals))  # a list from a command line or a file
        if not self.intervals or len(set(self.intervals)) < len(self.intervals):
            raise ValueError(f"intervals: expected different numbers, found {self.intervals!r}")
        for interval in self.intervals:
            self.check_count(1, intervals=interval)
        self.check_count(0, tolerance=self.tolerance)
        self.check_at_least(0, 1, weber=self.weber)
        self.check_cost()

    @cached_property
    def measures(self) -> Mapping[int, Mapping[int, float]]:
        """{interval: {what it seems: how likely}}: a normal distribution, in whole ticks, out to where 1e-4 is left."""
        found: dict[int, Mapping[int, float]] = {}
        for interval in self.intervals:
            spread = max(self.weber * interval, 1e-9)
            ticks = np.arange(max(0, int(interval - 4 * spread)), int(interval + 4 * spread) + 2)
            p = ndtr((ticks + 0.5 - interval) / spread) - ndtr((ticks - 0.5 - interval) / spread)
            kept = p > 1e-4
            found[interval] = dict(zip(ticks[kept].tolist(), (p[kept] / p[kept].sum()).tolist(), strict=True))
        return found

    def truths(self) -> Mapping[Hashable, float]:
        """The intervals."""
        return dict.fromkeys(self.intervals, 1 / len(self.intervals))

    def start(self) -> list[tuple[float, Clock]]:
        """Before the first signal."""
        return [(1.0, Clock())]

    def useful(self, state: Clock) -> tuple[str, ...]:
        """First one listens; in the end one has to go."""
        if state.phase == "ready":
            return ("wait",)
        return self.answers if state.elapsed == max(self.intervals) + self.tolerance + 1 else self.actions

    def likelihood(self, state: Clock, truth: Hashable) -> float:
        """Of what was measured."""
        return 1.0 if state.phase == "ready" else self.measures[truth].get(state.measured, 0.0)  # type: ignore[index]

    def outcomes(self, state: Clock, action: str, truth: Hashable) -> list[Change]:
        """A measurement, a tick, or the end."""
        if state.phase == "ready":
            return [Change(p, Clock(m, 0, "set")) for m, p in self.measures[truth].items()]  # type: ignore[index]
        if action == "wait":
            return [Change(1.0, state._replace(elapsed=state.elapsed + 1))]
        return [ended(state, abs(state.elapsed - truth) <= self.tolerance)]  # type: ignore[operator]

    def stage(self, rng: np.random.Generator, truth: Any) -> tuple[tuple[Scene, ...], Any]:
        """A disc for the interval, another one for a moment; then one goes by looking at the green one."""
        frames, off = truth * self.frames_per_tick, self.tolerance * self.frames_per_tick
        middle = Item("disc", 0.5, 0.3, 0.16, ORANGE)
        go = Item("disc", 0.5, 0.8, 0.16, GREEN)
        parts = (
            Part("ready", frames, partial(_draw, (middle,))),
            Part("set", FLASH, partial(_draw, (middle._replace(colour=WHITE),))),
            Part("go", None, partial(_draw, (go,)), open=True),
        )
        variables = {"interval": truth / 60 * self.frames_per_tick, "tolerance": self.tolerance}
        place = Place(0.5, 0.8, 0.1)
        return (Scene(0, (place,), parts, variables, (frames - off, frames + off)),), None

    def board(self, state: Clock) -> tuple[str, ...]:
        """Time that has gone by, below what was measured."""
        width = max(max(m) for m in self.measures.values()) + 1
        return ("m" * max(0, state.measured)).ljust(width, "."), ("o" * state.elapsed).ljust(width, ".")


def _draw(items: tuple[Item, ...], size: int, frame: int) -> Any:
    return draw_items(size, items)
