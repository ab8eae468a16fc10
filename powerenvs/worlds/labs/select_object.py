"""SelectObject: things that differ, and an instruction that says which one to pick up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from powerenvs.authoring.level import Cell
from powerenvs.authoring.world import Outcome
from powerenvs.model.checks import flag
from powerenvs.render.first_person.scene import Sprite
from powerenvs.worlds.labs.lab_world import LabWorld

OBJECT = "O"
LOOKS = tuple(product(("ball", "hat", "car", "balloon"), ("red", "blue", "green")))
"""(kind, colour) of the things, in the order of their places."""
GLYPHS = "abcdefghijkl"


class Told(NamedTuple):
    """Where the agent is and what it faces, and the number of the thing that it was told to pick up."""

    agent: Cell
    heading: str
    target: int


class SelectObject(LabWorld[Told]):
    """A language task: pick up the thing that the instruction names, and no other.

    Description:
        The things in a level all look different; one of them is named in words when an episode starts. Without the
        instruction (`observation="instruction"`) nothing shows which one it is.

    Level map:
        '*' wall, ' ' or '.' floor, 'P' where episodes may start, 'O' a thing. On boards things are 'a', 'b', ... in
        reading order: balls, hats, cars and balloons, each in red, blue and green.

    Action space:
        As in `Lab`: ``actions``, ``strafe``.

    Observation space:
        The board shows everything but what the agent was told.

    Rewards:
        10 for the right thing, -10 for a wrong one, or as much less as there are wrong ones if ``balanced``.

    Episode end:
        When something has been picked up; or after the time limit, which is not part of the tables.

    Arguments:
        level: text, or the name of a level with 'O', such as "language_twoRoomMap".
        balanced: whether a wrong thing costs 10 divided by the number of wrong things, rounded.
        actions: as in `Lab`.
        strafe: as in `Lab`.
        heading: as in `Lab`.
        variations: as in `Lab`.
        walls: as in `Lab`.

    Reference:
        Beattie et al., "DeepMind Lab", arXiv 1612.03801: language_select_described_object of DMLab-30, where the things
        are drawn anew as well.

    Raises:
        ValueError: for a malformed level (with line and column), and fewer than 2 or more than 12 things.
    """

    def __init__(
        self,
        level: str | Sequence[str] = "language_twoAreaMap",
        balanced: bool = False,
        actions: str = "grid",
        strafe: bool = False,
        heading: str | None = None,
        variations: str | Sequence[str] | None = None,
        walls: str | None = None,
    ):
        super().__init__(level, {}, actions, strafe, heading, variations, walls)
        names = (f"{colour} {kind}" for kind, colour in LOOKS)
        self.legend: Mapping[str, str] = {**self.legend, **dict(zip(GLYPHS, names, strict=True))}  # type: ignore[misc]
        self.things = self.text.places(OBJECT)
        if not 2 <= len(self.things) <= len(LOOKS):
            raise ValueError(f"level: expected from 2 to {len(LOOKS)} things {OBJECT!r}, found {len(self.things)}")
        others = len(self.things) - 1
        self.wrong = -float(math.floor(10 / others + 0.5)) if flag("balanced", balanced) else -10.0

    def initial(self) -> list[tuple[float, Told]]:
        """On a spawn, told to pick up any of the things."""
        count = len(self.things)
        return [
            (p / count, Told(cell, heading, target))
            for p, cell, heading in self.started(self.spawns())
            for target in range(count)
        ]

    def terminal(self, state: Told) -> bool:
        """On a thing."""
        return state.agent in self.things

    def step(self, state: Told, action: str) -> list[Outcome]:
        """A step; a thing is picked up by walking onto it."""
        after = Told(*self.go(state.agent, state.heading, action), state.target)
        if not self.terminal(after):
            return [Outcome(1.0, after)]
        return [Outcome(1.0, after, 10.0 if self.things.index(after.agent) == state.target else self.wrong)]

    def board(self, state: Told) -> tuple[str, ...]:
        """The things, and the agent."""
        return self.drawn(state, zip(self.things, GLYPHS, strict=False))

    def sprites(self) -> list[Sprite]:
        """The things."""
        return [Sprite(*cell, *look) for cell, look in zip(self.things, LOOKS, strict=False)]

    def instruction(self, state: Any) -> str:
        """Which thing to pick up."""
        kind, colour = LOOKS[state.target]
        return f"Pick up the {colour} {kind}."
