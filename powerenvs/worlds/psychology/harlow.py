"""Harlow: of two images one pays, and the first choice tells which."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.worlds.psychology.paint import blank, put_pattern
from powerenvs.worlds.psychology.task import Block, Change, Part, Place, Scene, Task

SIDES = ("left", "right")
PLACES = (Place(0.22, 0.5, 0.16), Place(0.78, 0.5, 0.16))


class Choice(NamedTuple):
    """The trial, where the first image is, and which image pays as far as is known ("" for not at all)."""

    trial: int = 0
    first: str = ""
    known: str = ""
    phase: str = "choose"


@dataclass(frozen=True)
class Harlow(Task[Choice]):
    """Two new images, one of which pays: chosen by chance in the first trial, by knowledge in all that follow.

    Description:
        An episode has some trials with the same two images, side by side in an order that changes by chance. One of
        them pays, the other does not. Whoever learns to learn needs one trial.

    Action space:
        Discrete(2): 0 left, 1 right.

    Rewards:
        ``right`` for the image that pays, ``wrong`` for the other. Hidden performance: 1 and 0.

    Episode end:
        After the last trial.

    Arguments:
        trials: of an episode.
        right: what the right image pays; 5 in Psychlab.
        wrong: what the other one pays; -5 in Psychlab.
        cost: of a tick, of which there are none here.

    Numbers:
        The ideal observer is right half the time in the first trial and always afterwards.

    Reference:
        Harlow, The formation of learning sets, Psychological Review 56 (1949); Psychlab, arXiv 1801.08116.

    Raises:
        ValueError: for no trials, rewards that do not differ in the right direction, and negative costs.
    """

    trials: int = 6
    right: float = 1.0
    wrong: float = 0.0
    cost: float = 0.0

    actions: ClassVar[tuple[str, ...]] = SIDES  # type: ignore[misc]
    answers: ClassVar[tuple[str, ...]] = SIDES
    variable: ClassVar[str] = "trials"
    values: ClassVar[tuple[int, ...]] = (6,)
    legend: ClassVar[Mapping[str, str]] = {"1": "first image", "2": "second image", "+": "pays", ".": "floor"}

    def __post_init__(self) -> None:
        self.check_count(1, trials=self.trials)
        self.check_cost()
        if not self.wrong < self.right:
            raise ValueError(f"right: expected more than wrong={self.wrong!r}, found {self.right!r}")

    def truths(self) -> Mapping[Hashable, float]:
        """Which image pays."""
        return {"first": 0.5, "second": 0.5}

    def start(self) -> list[tuple[float, Choice]]:
        """The first image on either side."""
        return [(0.5, Choice(first=side)) for side in SIDES]

    def likelihood(self, state: Choice, truth: Hashable) -> float:
        """Nothing is known, or everything."""
        return float(state.known in ("", truth))

    def outcomes(self, state: Choice, action: str, truth: Hashable) -> list[Change]:
        """The answer tells; the images may change places."""
        correct = (action == state.first) == (truth == "first")
        known, trial = str(truth), state.trial + 1
        if trial == self.trials:
            return [Change(1.0, Choice(trial, "", known, "over"), correct)]
        return [Change(0.5, Choice(trial, side, known), correct) for side in SIDES]

    def paid(self, correct: bool) -> float:
        """As the arguments say."""
        return self.right if correct else self.wrong

    def fits(self, block: Block, ticks: int, before: Choice | None, action: str, after: Choice) -> bool:
        """The first image is where the scene of the trial has it."""
        return after.phase == "over" or block.fixed[after.trial] == after.first

    def stage(self, rng: np.random.Generator, truth: Hashable) -> tuple[tuple[Scene, ...], Any]:
        """The sides, and the screens."""
        images = tuple(rng.integers(2**31, size=2).tolist())
        sides = tuple(SIDES[i] for i in rng.integers(2, size=self.trials))
        scenes = []
        for trial, side in enumerate(sides):
            answer = SIDES.index(side) if truth == "first" else 1 - SIDES.index(side)
            order = images if side == "left" else images[::-1]
            variables = {"trial_in_block": trial + 1, "first_image": side}
            scenes.append(Scene(answer, PLACES, (Part("images", None, partial(_draw, order), open=True),), variables))
        return tuple(scenes), sides

    def hidden(self) -> Mapping[Hashable, float]:
        """The trial, which image pays, and where the first one is."""
        return {(0, best, side): p / 2 for best, p in self.truths().items() for side in SIDES}

    def following(self, hidden: Any) -> Mapping[Hashable, float]:
        """The images may change places."""
        trial, best, _ = hidden
        return {(trial + 1, best, side): 0.5 for side in SIDES} if trial + 1 < self.trials else {}

    def shown(self, hidden: Any) -> Scene:
        """The image that pays is the answer."""
        _, best, side = hidden
        answer = SIDES.index(side) if best == "first" else 1 - SIDES.index(side)
        return super().shown(best)._replace(answer=answer)

    def board(self, state: Choice) -> tuple[str, ...]:
        """The images; above them what is known of them."""
        shown = {"left": "1.2", "right": "2.1", "": "..."}[state.first]
        place = {"first": "1", "second": "2", "": "?"}[state.known]
        return "".join("+" if glyph == place else "." for glyph in shown), shown


def _draw(images: tuple[int, ...], size: int, frame: int) -> NDArray[np.uint8]:
    canvas = blank(size)
    for image, place in zip(images, PLACES, strict=True):
        put_pattern(canvas, image, place.x, place.y, 0.28)
    return canvas
