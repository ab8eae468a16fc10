"""DeferredEffects: a box that costs something now and opens the way to more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from powerenvs.authoring.level import Cell
from powerenvs.authoring.world import Outcome
from powerenvs.render.first_person.scene import Door, Sprite
from powerenvs.worlds.labs.lab_world import LabWorld
from powerenvs.worlds.labs.text import DOORS

PAID = {"A": 1.0, "C": 10.0, "B": -3.0}
SPRITES = {"A": "apple", "C": "cake", "B": "box"}
ROOMS = """
*******
*P *  *
* A* C*
*  I  *
*B *  *
*******
"""


class Deferred(NamedTuple):
    """Where the agent is and what it faces, and a bit for each thing that is left, in reading order."""

    agent: Cell
    heading: str
    left: int


class DeferredEffects(LabWorld[Deferred]):
    """A box costs 3, and opens the door to cake: what is bad now is good later.

    Description:
        Apples are here for the taking. The cakes are behind a door that stays shut until a box has been picked up. How
        far an agent looks ahead decides whether it does that.

    Level map:
        '*' wall, ' ' or '.' floor, 'P' where episodes may start, 'A' apple, 'B' box, 'C' cake, 'H' and 'I' doors,
        crossed from north to south and from east to west. On boards, open doors are floor.

    Action space:
        As in `Lab`: ``actions``, ``strafe``.

    Observation space:
        The board shows everything.

    Rewards:
        1 for an apple, 10 for a cake, -3 for a box.

    Episode end:
        When no cake is left; or after the time limit, which is not part of the tables.

    Arguments:
        level: text, with at least one box and one cake.
        actions: as in `Lab`.
        strafe: as in `Lab`.
        heading: as in `Lab`.
        variations: as in `Lab`.

    Reference:
        Beattie et al., "DeepMind Lab", arXiv 1612.03801: rooms_exploit_deferred_effects of DMLab-30. The level is ours.

    Raises:
        ValueError: for a malformed level (with line and column), and one without boxes or cakes.
    """

    def __init__(
        self,
        level: str | Sequence[str] = ROOMS,
        actions: str = "grid",
        strafe: bool = False,
        heading: str | None = None,
        variations: str | Sequence[str] | None = None,
    ):
        meanings = {**SPRITES, "H": "door from north to south", "I": "door from east to west"}
        super().__init__(level, meanings, actions, strafe, heading, variations, walls="full")
        self.gates = self.text.places("".join(DOORS))
        self.things = self.text.places("".join(PAID))
        glyphs = [str(self.text.glyphs[cell]) for cell in self.things]
        self._bits = {letter: sum(1 << i for i, g in enumerate(glyphs) if g == letter) for letter in PAID}
        if not (self._bits["B"] and self._bits["C"]) or len(self.things) > 62:
            raise ValueError(
                f"level: expected at least one box 'B' and one cake 'C', and 62 things at most, found "
                f"{glyphs.count('B')}, {glyphs.count('C')} and {len(glyphs)}"
            )
        self.check_size(4 * len(self.text.cells) * 2 ** len(self.things), "use a level with fewer things")

    def _shut(self, left: int) -> bool:
        return left & self._bits["B"] == self._bits["B"]

    def initial(self) -> list[tuple[float, Deferred]]:
        """On a spawn, with everything there."""
        everything = (1 << len(self.things)) - 1
        return [(p, Deferred(cell, heading, everything)) for p, cell, heading in self.started(self.spawns())]

    def terminal(self, state: Deferred) -> bool:
        """When no cake is left."""
        return not state.left & self._bits["C"]

    def step(self, state: Deferred, action: str) -> list[Outcome]:
        """A step, unless a door is shut, and what is picked up by it."""
        agent, heading = self.go(state.agent, state.heading, action, self.gates if self._shut(state.left) else ())
        left, reward = state.left, 0.0
        if agent in self.things:
            bit = 1 << self.things.index(agent)
            if left & bit:
                left, reward = left & ~bit, PAID[str(self.text.glyphs[agent])]
        return [Outcome(1.0, Deferred(agent, heading, left), reward)]

    def board(self, state: Deferred) -> tuple[str, ...]:
        """What is left, doors that are shut, and the agent."""
        gone = [(cell, " ") for i, cell in enumerate(self.things) if not state.left >> i & 1]
        return self.drawn(state, gone + ([] if self._shut(state.left) else [(cell, " ") for cell in self.gates]))

    def sprites(self) -> list[Sprite]:
        """Apples, cakes and boxes."""
        return [Sprite(*cell, SPRITES[str(self.text.glyphs[cell])]) for cell in self.things]

    def present(self, state: Deferred) -> list[bool]:
        """What is left."""
        return [bool(state.left >> i & 1) for i in range(len(self.things))]

    def doors(self) -> list[Door]:
        """All of wood."""
        return [Door(*cell, str(self.text.glyphs[cell])) for cell in self.gates]

    def opened(self, state: Deferred) -> list[bool]:
        """All of them once a box has been picked up."""
        return [not self._shut(state.left)] * len(self.gates)
