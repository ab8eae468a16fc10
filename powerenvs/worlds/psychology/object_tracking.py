"""Multiple-object tracking: was this one of those that were marked?"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from powerenvs.worlds.psychology.held import Held
from powerenvs.worlds.psychology.paint import BLUE, GREEN, INK, YELLOW, Item, draw_items
from powerenvs.worlds.psychology.task import Part, Place, Scene

CUE = 60
"""Frames for which the targets are marked."""
LOW, HIGH = 0.08, 0.82
"""Where discs turn back."""
PLACES = (Place(0.15, 0.93, 0.06), Place(0.85, 0.93, 0.06))
MARKS = (Item("tick", 0.15, 0.93, 0.09, INK), Item("cross", 0.85, 0.93, 0.09, INK, angle=45.0))


@dataclass(frozen=True)
class MultipleObjectTracking(Held):
    """Of 2n discs n are marked for a while; then all move alike, and one is asked for: was it marked?

    Description:
        Up to ``capacity`` targets are followed, and each is lost in a tick with probability 1 - ``retention``
        (Pylyshyn & Storm 1988). A target that is followed is recognised.

    Action space:
        Discrete(3): 0 yes, 1 no, 2 wait.

    Rewards:
        1 for a correct answer, minus ``cost`` for each tick. Hidden performance: 1 for a correct answer.

    Episode end:
        With an answer.

    Arguments:
        track: n, how many are marked.
        duration: of the motion, in ticks of 30 frames.
        speed: of the discs, in thousandths of the screen for each frame.
        capacity: how many can be followed.
        retention: how likely a target is to be followed for another tick.
        cost: of a tick.

    Numbers:
        Accuracy: (1 + min(K, n) r^duration / n) / 2.

    Reference:
        Numbers of targets, speeds and durations of the task in Psychlab, arXiv 1801.08116.

    Raises:
        ValueError: for settings out of range.
    """

    track: int = 3
    duration: int = 4  # type: ignore[assignment]
    speed: float = 6.0
    capacity: int = 4
    retention: float = 0.95
    cost: float = 0.0

    actions: ClassVar[tuple[str, ...]] = ("yes", "no", "wait")  # type: ignore[misc]
    answers: ClassVar[tuple[str, ...]] = ("yes", "no")
    variable: ClassVar[str] = "track"
    values: ClassVar[tuple[int, ...]] = (1, 2, 3, 4, 5, 6, 7)
    staircase: ClassVar[tuple[float, float, float]] = (1.0, 0.5, 0.1)
    frames_per_tick: ClassVar[int] = 30

    def __post_init__(self) -> None:
        self.check_count(1, track=self.track, duration=self.duration)
        self.check_at_least(0, speed=self.speed)
        self.check_held()
        if self.track > 8:
            raise ValueError(f"track: expected at most 8, with as many others on the screen, found {self.track}")

    @property
    def items(self) -> int:
        """The targets."""
        return self.track

    def stage(self, rng: np.random.Generator, truth: Hashable) -> tuple[tuple[Scene, ...], Any]:
        """Straight paths that turn back at the edges; discs pass through each other."""
        n = 2 * self.track
        cells = rng.permutation(16)[:n]
        begin = np.stack([cells % 4, cells // 4], axis=1) * 0.22 + 0.12 + rng.uniform(-0.04, 0.04, (n, 2))
        angles = 2 * np.pi * rng.random(n)
        steps = self.speed / 1000 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        frames = self.duration * self.frames_per_tick
        asked = int(rng.integers(self.track)) + (0 if truth == "yes" else self.track)
        draw = partial(_draw, begin, steps, self.track)
        parts = (
            Part("cue", CUE, partial(draw, "cue", asked)),
            Part("motion", frames, partial(draw, "motion", asked), moving=True),
            Part("query", None, partial(_query, begin, steps, self.track, asked, frames), open=True),
        )
        variables = {"track": self.track, "speed": self.speed, "target": str(truth)}
        return (Scene(self.answers.index(str(truth)), PLACES, parts, variables),), None


def _places(begin: NDArray[np.float64], steps: NDArray[np.float64], frame: int) -> list[tuple[float, float]]:
    """Where the discs are: straight on, mirrored at the edges."""
    width = HIGH - LOW
    along = np.mod(begin - LOW + steps * frame, 2 * width)
    return (LOW + np.minimum(along, 2 * width - along)).tolist()  # type: ignore[no-any-return]


def _draw(
    begin: NDArray[np.float64], steps: NDArray[np.float64], track: int, phase: str, asked: int, size: int, frame: int
) -> Any:
    still = 0 if phase == "cue" else frame
    marked = range(track) if phase == "cue" else ()
    places = _places(begin, steps, still)
    return draw_items(
        size, [Item("disc", x, y, 0.09, GREEN if i in marked else BLUE) for i, (x, y) in enumerate(places)]
    )


def _query(
    begin: NDArray[np.float64], steps: NDArray[np.float64], track: int, asked: int, last: int, size: int, frame: int
) -> Any:
    places = _places(begin, steps, last)
    discs = [Item("disc", x, y, 0.09, BLUE) for x, y in places]
    discs.append(discs[asked]._replace(colour=YELLOW))  # once more, on top of those that may hide it
    return draw_items(size, [*discs, *MARKS])
