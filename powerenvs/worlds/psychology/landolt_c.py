"""Landolt C: where is the gap of the ring?"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from powerenvs.worlds.psychology.motion import COMPASS, arrows_around
from powerenvs.worlds.psychology.paint import INK, Item, draw_items, pixels_of
from powerenvs.worlds.psychology.percept import Percept
from powerenvs.worlds.psychology.signal import forced_choice
from powerenvs.worlds.psychology.task import Part, Scene

LARGEST = 0.34
"""Of a ring at scale 1, in screens."""
JITTER = 0.015
"""How far it may be off its place along each axis, in screens."""
HALVED = 2.0
"""The eccentricity, in degrees, at which sensitivity is half of that in the middle."""
DEGREES = 30.0
"""How wide the screen is."""


@dataclass(frozen=True)
class LandoltC(Percept):
    """A ring with a gap: say where the gap is.

    Description:
        The percept is that of an observer who chooses the direction with the most evidence, with independent normal
        noise of standard deviation 1 and a signal of d' = sensitivity x contrast x scale / (1 + eccentricity / 2).

    Action space:
        Discrete(D+1): the directions, then look.

    Rewards:
        1 for a correct answer, minus ``cost`` for the look. Hidden performance: 1 for a correct answer.

    Episode end:
        With an answer.

    Arguments:
        scale: of the ring, 1 for the largest.
        contrast: of the ring with the screen.
        eccentricity: of the ring from where one fixates, in degrees; the screen is 30 wide.
        directions: 2 (right, left), 4, or 8.
        sensitivity: d' of the largest ring at full contrast in the middle.
        cost: of the look.

    Numbers:
        Accuracy: ∫ φ(x - d') Φ(x)^(D-1) dx; Φ(d'/√2) with two directions.

    Reference:
        Scales and contrasts of the task in Psychlab, arXiv 1801.08116; Green & Swets 1966.

    Raises:
        ValueError: for settings out of range.
    """

    scale: float = 0.25
    contrast: float = 1.0
    eccentricity: float = 0.0
    directions: int = 8
    sensitivity: float = 12.0
    cost: float = 0.0

    variable: ClassVar[str] = "scale"
    values: ClassVar[tuple[float, ...]] = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)
    second: ClassVar[str] = "contrast"
    seconds: ClassVar[tuple[float, ...]] = values
    frames_per_tick: ClassVar[int] = 15

    def __post_init__(self) -> None:
        self.check_share(scale=self.scale, contrast=self.contrast)
        self.check_cost()
        self.check_at_least(0, 12, eccentricity=self.eccentricity)
        self.check_at_least(0, sensitivity=self.sensitivity)
        if self.directions not in (2, 4, 8):
            raise ValueError(f"directions: expected 2, 4 or 8, found {self.directions!r}")

    @property
    def answers(self) -> tuple[str, ...]:  # type: ignore[override]
        """The directions."""
        return COMPASS[:: 8 // self.directions]

    def right(self) -> float:
        """As chosen among the directions with this d'."""
        d = self.sensitivity * self.contrast * self.scale / (1 + self.eccentricity / HALVED)
        return forced_choice(d, self.directions)

    def stage(self, rng: np.random.Generator, truth: Hashable) -> tuple[tuple[Scene, ...], Any]:
        """A ring, in the middle or away from it."""
        answer = self.answers.index(str(truth))
        places, arrows = arrows_around(self.directions)
        turn, away = 2 * np.pi * rng.random(), self.eccentricity / DEGREES
        x, y = (0.5 + float(away * np.cos(turn)), 0.5 + float(away * np.sin(turn)))
        x, y = (v + float(rng.uniform(-JITTER, JITTER)) for v in (x, y))
        ring = self._ring(x, y, answer)
        variables = {"scale": self.scale, "contrast": self.contrast, "direction": str(truth)}
        part = Part("ring", None, partial(_draw, (ring, *arrows)), open=True)
        return (Scene(answer, places, (part,), variables),), None

    def _ring(self, x: float, y: float, answer: int) -> Item:
        angle = answer * 360.0 / self.directions
        return Item("ring", x, y, LARGEST * self.scale, INK, angle=angle, contrast=self.contrast)

    def pictures(self, size: int) -> list[tuple[float, int, NDArray[np.uint8]]]:
        """All that the screen may show while answers count: (probability, number of the answer, picture).

        Rings are drawn at whole pixels, so that there are few; what an agent answers can be added up over them.

        Raises:
            ValueError: for rings away from the middle, of which there are many more.
        """
        if self.eccentricity > 0:
            raise ValueError(f"eccentricity: expected 0, at which there are few pictures, found {self.eccentricity!r}")
        pixels = pixels_of(LARGEST * self.scale, size)
        ends = size * np.array([0.5 - JITTER, 0.5 + JITTER])  # of the ring's middle; its corner is at a whole pixel
        corners = np.arange(round(ends[0] - pixels / 2), round(ends[1] - pixels / 2) + 1)
        edges = np.clip(corners[:, None] + pixels / 2 + [-0.5, 0.5], *ends)
        middles, shares = edges.mean(axis=1) / size, np.ptp(edges, axis=1) / np.ptp(ends)
        places = list(zip(middles.tolist(), shares.tolist(), strict=True))
        arrows = arrows_around(self.directions)[1]
        return [
            (p * q / self.directions, answer, _draw((self._ring(x, y, answer), *arrows), size, 0))
            for answer in range(self.directions)
            for y, q in places
            for x, p in places
            if p * q > 0
        ]


def _draw(items: tuple[Item, ...], size: int, frame: int) -> Any:
    return draw_items(size, items)
