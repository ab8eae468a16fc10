"""Random dots: which way do they move, and how long does one have to look?"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.worlds.psychology.paint import INK, Item, blank, draw_dots, put
from powerenvs.worlds.psychology.task import Block, Change, Part, Place, Scene, Task, ended

COMPASS = ("right", "down_right", "down", "down_left", "left", "up_left", "up", "up_right")
"""Directions in steps of 45 degrees, clockwise, as screens have it."""
SPEED = 0.012
"""Of a dot in a frame, in screens."""
FIELD = 0.36
"""The radius of the field of dots."""


class Walk(NamedTuple):
    """How many more ticks were seen of each direction than of the rarest, and with a deadline the ticks so far."""

    ahead: tuple[int, ...] = ()
    tick: int = 0
    phase: str = "motion"


@dataclass(frozen=True)
class MotionDiscrimination(Task[Walk]):
    """Dots of which some move one way and the others anyhow: say which way.

    Description:
        In each tick the subject follows one dot. It belongs to the signal with probability ``coherence``, and moves in
        any of the directions alike otherwise. With two directions what is known is a walk by steps of one, up with
        probability p = (1 + coherence) / 2; with a bound and no deadline it ends as the sequential probability ratio
        test does (Wald 1945).

    Action space:
        Discrete(D+1): the directions, then wait.

    Rewards:
        1 for a correct answer, minus ``cost`` for each tick. Hidden performance: 1 for a correct answer.

    Episode end:
        With an answer. At the bound, and at the deadline, there is nothing more to see.

    Arguments:
        coherence: the share of the dots that move together, of all frames.
        directions: 2 (right, left), 4, or 8.
        bound: by how many ticks a direction may be ahead of all others; None for no bound.
        deadline: after how many ticks one has to answer; None for none. More than two directions need one.
        cost: of a tick.
        dots: on the screen.

    Numbers:
        With two directions, bound B and no deadline: accuracy 1/(1 + (q/p)^B), mean time B(2P - 1)/(p - q).

    Reference:
        Coherences of the task in Psychlab, arXiv 1801.08116; Britten et al., Journal of Neuroscience 12 (1992).

    Raises:
        ValueError: for settings out of range, and for neither bound nor deadline.
    """

    coherence: float = 0.2
    directions: int = 2
    bound: int | None = 4
    deadline: int | None = None
    cost: float = 0.0
    dots: int = 120

    variable: ClassVar[str] = "coherence"
    values: ClassVar[tuple[float, ...]] = (1.0, 0.9, 0.75, 0.5, 0.35, 0.2, 0.1, 0.05)
    legend: ClassVar[Mapping[str, str]] = {"o": "seen more often", ".": "floor"}

    def __post_init__(self) -> None:
        self.check_share(coherence=self.coherence)
        self.check_cost()
        self.check_count(1, dots=self.dots)
        if self.directions not in (2, 4, 8):
            raise ValueError(f"directions: expected 2, 4 or 8, found {self.directions!r}")
        for name in ("bound", "deadline"):
            if getattr(self, name) is not None:
                self.check_count(1, **{name: getattr(self, name)})
        if self.deadline is None and (self.bound is None or self.directions > 2):
            need = "a bound or a deadline" if self.directions == 2 else "a deadline with more than two directions"
            raise ValueError(
                f"deadline: expected {need}, without which there is no end to what may be known, found None"
            )

    @property
    def answers(self) -> tuple[str, ...]:  # type: ignore[override]
        """The directions."""
        return COMPASS[:: 8 // self.directions]

    @property
    def actions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The directions, and to wait."""
        return (*self.answers, "wait")

    def truths(self) -> Mapping[Hashable, float]:
        """Every direction alike."""
        return dict.fromkeys(self.answers, 1 / self.directions)

    def start(self) -> list[tuple[float, Walk]]:
        """Nothing has been seen."""
        return [(1.0, Walk((0,) * self.directions))]

    def useful(self, state: Walk) -> tuple[str, ...]:
        """At the bound and at the deadline there is no waiting."""
        first, second = sorted(state.ahead)[:-3:-1]
        over = state.tick == self.deadline or (self.bound is not None and first - second >= self.bound)
        return self.answers if over else self.actions

    def likelihood(self, state: Walk, truth: Hashable) -> float:
        """Up to what all directions have in common."""
        signal, other = self._rates()
        seen = state.ahead[self.answers.index(str(truth))]
        return float(signal**seen * other ** (sum(state.ahead) - seen))

    def outcomes(self, state: Walk, action: str, truth: Hashable) -> list[Change]:
        """One more tick of some direction."""
        if action != "wait":
            return [ended(state, action == truth)]
        signal, other = self._rates()
        rates = [signal if direction == truth else other for direction in self.answers]
        return [Change(p, self._seen(state, d)) for d, p in enumerate(rates) if p > 0]

    def fits(self, block: Block, ticks: int, before: Walk | None, action: str, after: Walk) -> bool:
        """The dot that the subject follows moves as it does on the screen, until that begins again."""
        if before is None or action != "wait" or ticks >= len(block.fixed):
            return True
        return after == self._seen(before, int(block.fixed[ticks]))

    def _rates(self) -> tuple[float, float]:
        """How often a dot moves in the direction of the signal, and in each other one."""
        other = (1 - self.coherence) / self.directions
        return self.coherence + other, other

    def _seen(self, state: Walk, direction: int) -> Walk:
        ahead = [n + (d == direction) for d, n in enumerate(state.ahead)]
        least = min(ahead)
        return Walk(tuple(n - least for n in ahead), state.tick + (self.deadline is not None))

    def stage(self, rng: np.random.Generator, truth: Hashable) -> tuple[tuple[Scene, ...], Any]:
        """What each dot does in each tick; the subject follows the first."""
        answer = self.answers.index(str(truth))
        way = rng.integers(self.directions, size=(TICKS, self.dots))
        way = np.where(rng.random(way.shape) < self.coherence, answer, way)
        begin = rng.uniform(-FIELD, FIELD, (self.dots, 2))
        paths = Paths(begin, way.astype(np.int8), SPEED * self.frames_per_tick, self.directions)
        places, arrows = arrows_around(self.directions)
        frames = None if self.deadline is None else self.deadline * self.frames_per_tick
        draw = partial(_draw, paths, self.frames_per_tick, arrows)
        parts: tuple[Part, ...] = (Part("motion", frames, draw, moving=True, open=True),)
        if frames is not None:
            parts += (Part("answer", None, partial(_draw_arrows, arrows), open=True),)
        variables = {"coherence": self.coherence, "direction": str(truth)}
        return (Scene(answer, places, parts, variables),), way[:, 0]

    def board(self, state: Walk) -> tuple[str, ...]:
        """A row for each direction: how far ahead it is."""
        most = self.bound if self.deadline is None else self.deadline
        ahead = state.ahead or (0,) * self.directions
        return tuple("o" * n + "." * (int(most or 0) - n) for n in ahead)


TICKS = 120
"""How long dots move before they do the same again."""


class Paths:
    """Where dots are after each tick, as far as anybody has looked: most trials end long before they do the same again.

    Args:
        begin: (n, 2) places.
        way: (ticks, n) the direction of each dot in each tick.
        length: of a step.
        directions: how many there are.
    """

    def __init__(self, begin: NDArray[np.float64], way: NDArray[np.int8], length: float, directions: int):
        angles = 2 * np.pi * np.arange(directions) / directions
        self._steps = length * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        self._way, self._places = way, [begin]

    def at(self, tick: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, 2) the places at a tick, and the steps that dots take in it."""
        tick %= len(self._way)
        while len(self._places) <= tick:
            self._places.append(self._places[-1] + self._steps[self._way[len(self._places) - 1]])
        return self._places[tick], self._steps[self._way[tick]]


def _draw(paths: Paths, per_tick: int, arrows: tuple[Item, ...], size: int, frame: int) -> Any:
    """The dots at a frame, wrapped around in their field."""
    tick, part = divmod(frame, per_tick)
    here, step = paths.at(tick)
    dots = (here + step * (part / per_tick) + FIELD) % (2 * FIELD) - FIELD
    canvas = draw_dots(size, dots[(dots**2).sum(axis=1) < FIELD**2] + 0.5)
    for arrow in arrows:
        put(canvas, arrow)
    return canvas


@lru_cache(maxsize=8)
def arrows_around(directions: int) -> tuple[tuple[Place, ...], tuple[Item, ...]]:
    """Where one answers with a direction: arrows around the middle."""
    angles = [2 * math.pi * i / directions for i in range(directions)]
    places = tuple(Place(0.5 + 0.44 * math.cos(a), 0.5 + 0.44 * math.sin(a), 0.055) for a in angles)
    degrees = [360.0 * i / directions for i in range(directions)]
    items = (Item("arrow", x, y, 0.09, INK, angle=a) for (x, y, _), a in zip(places, degrees, strict=True))
    return places, tuple(items)


def _draw_arrows(arrows: tuple[Item, ...], size: int, frame: int) -> Any:
    canvas = blank(size)
    for arrow in arrows:
        put(canvas, arrow)
    return canvas
