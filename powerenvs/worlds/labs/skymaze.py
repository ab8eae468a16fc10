"""Skymaze: platforms of different heights, from which one can only go down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from powerenvs.authoring.level import Cell
from powerenvs.authoring.world import Outcome
from powerenvs.render.first_person.scene import Sprite
from powerenvs.worlds.labs.lab_world import LabWorld

GOAL = "G"
PLATFORMS = """
*******
*P    *
* * * *
*  *  *
* * * *
*   *G*
*******
"""
HEIGHTS = """
.......
.99887.
.8.7.7.
.78.56.
.6.5.6.
.554.5.
.......
"""


class Perch(NamedTuple):
    """Where the agent is, and what it faces."""

    agent: Cell
    heading: str


class Skymaze(LabWorld[Perch]):
    """Platforms in the sky: each step goes on at the same height or down, and what is higher is out of reach for good.

    Description:
        The agent can walk onto a platform that is as high as its own or lower, and on no other; there is no jumping and
        no falling off. Many ways lead too far down to where the goal can no longer be reached.

    Level map:
        '*' the void, 'P' where episodes may start, 'G' goal, ' ' or '.' a platform. Heights are a second layer: a digit
        for each platform.

    Action space:
        As in `Lab`: ``actions``, ``strafe``.

    Observation space:
        The board shows where the agent is, but no heights: they are the same in every episode. First-person views show
        the void as wall and heights by the look of the floor.

    Rewards:
        100 on the goal.

    Episode end:
        On the goal; or after the time limit, which is not part of the tables.

    Arguments:
        level: text.
        heights: text of the same size, with a digit in each free cell.
        actions: as in `Lab`.
        strafe: as in `Lab`.
        heading: as in `Lab`.

    Reference:
        Beattie et al., "DeepMind Lab", arXiv 1612.03801: skymaze_irreversible_path of DMLab-30. The levels there are
        generated; these are ours.

    Raises:
        ValueError: for a malformed level, and a platform without a height (with line and column).
    """

    def __init__(
        self,
        level: str | Sequence[str] = PLATFORMS,
        heights: str | Sequence[str] = HEIGHTS,
        actions: str = "grid",
        strafe: bool = False,
        heading: str | None = None,
    ):
        rows = [row for row in (heights.splitlines() if isinstance(heights, str) else heights) if row]
        looks = ["".join(chr(ord("A") + int(h)) if h in "0123456789" else "." for h in row) for row in rows]
        super().__init__(level, {GOAL: "goal"}, actions, strafe, heading, variations=looks, walls="full")
        for cell in self.text.cells:
            if not self.text.variations[cell]:
                raise ValueError(f"heights: expected a digit in line {cell[0] + 1}, column {cell[1] + 1}, found none")
        self.heights = np.where(self.text.solid, -1, self.text.variations.astype(int) - 1)

    def initial(self) -> list[tuple[float, Perch]]:
        """On a spawn."""
        return [(p, Perch(cell, heading)) for p, cell, heading in self.started(self.spawns())]

    def terminal(self, state: Perch) -> bool:
        """On the goal."""
        return str(self.text.glyphs[state.agent]) == GOAL

    def step(self, state: Perch, action: str) -> list[Outcome]:
        """A step, unless it goes up."""
        agent, heading = self.go(state.agent, state.heading, action)
        if self.heights[agent] > self.heights[state.agent]:
            agent = state.agent
        after = Perch(agent, heading)
        return [Outcome(1.0, after, 100.0 * self.terminal(after))]

    def sprites(self) -> list[Sprite]:
        """The goals."""
        return [Sprite(*cell, "goal") for cell in self.text.places(GOAL)]

    def present(self, state: Any) -> list[bool]:
        """All of them."""
        return [True] * len(self.text.places(GOAL))
