"""Glass patterns: dots in pairs that make circles, or make nothing."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from powerenvs.worlds.psychology.paint import INK, Item, draw_dots, put
from powerenvs.worlds.psychology.percept import Percept
from powerenvs.worlds.psychology.signal import forced_choice
from powerenvs.worlds.psychology.task import Part, Place, Scene

RADIUS = 0.2
APART = 0.03
"""The two dots of a pair."""
ASKED = {"side": ("left", "right"), "there": ("present", "absent")}


@dataclass(frozen=True)
class GlassPatterns(Percept):
    """Two fields of paired dots, in one of which the pairs lie along circles: say in which.

    Description:
        With ``ask="there"`` there is one field, and the question is whether it has a pattern. The percept is that of
        normal noise of standard deviation 1 and a signal of d' = sensitivity x coherence (Glass 1969).

    Action space:
        Discrete(3): 0 left, 1 right (or 0 present, 1 absent), 2 look.

    Rewards:
        1 for a correct answer, minus ``cost`` for the look. Hidden performance: 1 for a correct answer.

    Episode end:
        With an answer.

    Arguments:
        coherence: the share of pairs that lie along circles; the others lie anyhow.
        ask: "side" (which of two fields) or "there" (whether one has a pattern).
        sensitivity: d' at full coherence.
        dots: of a field, in pairs.
        cost: of the look.

    Numbers:
        Accuracy Φ(d'/√2) when asked for the side, Φ(d'/2) when asked whether it is there.

    Reference:
        Coherences of the task in Psychlab, arXiv 1801.08116; Green & Swets 1966.

    Raises:
        ValueError: for settings out of range.
    """

    coherence: float = 0.3
    ask: str = "side"
    sensitivity: float = 4.0
    dots: int = 128
    cost: float = 0.0

    variable: ClassVar[str] = "coherence"
    values: ClassVar[tuple[float, ...]] = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.15, 0.05)
    frames_per_tick: ClassVar[int] = 15

    def __post_init__(self) -> None:
        self.check_share(coherence=self.coherence)
        self.check_kind("ask", tuple(ASKED))
        self.check_at_least(0, sensitivity=self.sensitivity)
        self.check_count(2, dots=self.dots)
        self.check_cost()

    @property
    def answers(self) -> tuple[str, ...]:  # type: ignore[override]
        """As asked."""
        return ASKED[self.ask]

    def right(self) -> float:
        """As chosen between two fields, or decided about one with the criterion in the middle."""
        d = self.sensitivity * self.coherence
        return forced_choice(d, 2) if self.ask == "side" else float(ndtr(d / 2))

    def stage(self, rng: np.random.Generator, truth: Hashable) -> tuple[tuple[Scene, ...], Any]:
        """The fields."""
        answer = self.answers.index(str(truth))
        if self.ask == "side":
            fields = [(0.26, self.coherence * (answer == 0)), (0.74, self.coherence * (answer == 1))]
            places = (Place(0.26, 0.5, 0.2), Place(0.74, 0.5, 0.2))
            marks: tuple[Item, ...] = ()
        else:
            fields = [(0.5, self.coherence * (answer == 0))]
            places = (Place(0.15, 0.9, 0.06), Place(0.85, 0.9, 0.06))
            marks = (Item("tick", 0.15, 0.9, 0.09, INK), Item("cross", 0.85, 0.9, 0.09, INK, angle=45.0))
        dots = np.concatenate([self._field(rng, x, share) for x, share in fields])
        part = Part("pattern", None, partial(_draw, dots, marks), open=True)
        return (Scene(answer, places, (part,), {"coherence": self.coherence, "pattern": str(truth)}),), None

    def _field(self, rng: np.random.Generator, x: float, coherence: float) -> NDArray[np.float64]:
        """(n, 2) dots about (x, 0.5), in pairs of which this share lies along circles."""
        pairs = self.dots // 2
        radius, angle = RADIUS * np.sqrt(rng.random(pairs)), 2 * np.pi * rng.random(pairs)
        turn = np.where(rng.random(pairs) < coherence, angle + np.pi / 2, 2 * np.pi * rng.random(pairs))
        middle = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        half = APART / 2 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return np.asarray(np.concatenate([middle - half, middle + half]) + [x, 0.5])


def _draw(dots: NDArray[np.float64], marks: tuple[Item, ...], size: int, frame: int) -> Any:
    canvas = draw_dots(size, dots, width=0.014)
    for mark in marks:
        put(canvas, mark)
    return canvas
