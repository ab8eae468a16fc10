"""Watermaze: a round pool with a platform that nobody sees."""

from __future__ import annotations

from typing import NamedTuple

from powerenvs.authoring.level import Cell
from powerenvs.authoring.world import Outcome
from powerenvs.model.labels import is_integer
from powerenvs.worlds.labs.lab_world import LabWorld


class Swim(NamedTuple):
    """Where the agent is and what it faces, where the platform of this episode is, and what it has paid so far."""

    agent: Cell
    heading: str
    platform: Cell
    paid: int


class Watermaze(LabWorld[Swim]):
    """A round pool: somewhere under the water is a platform, and only whoever is on it knows.

    Description:
        The platform is in another place in each episode. An agent has to search for it once, and then knows: each step
        that ends on it pays. Nothing shows the platform.

    Level map:
        The cells whose middle is at most ``radius`` from that of the middle cell.

    Action space:
        As in `Lab`: ``actions``, ``strafe``.

    Observation space:
        The board shows the pool and the agent, and not the platform or what has been paid: states look alike.

    Rewards:
        1 for each step that ends on the platform.

    Episode end:
        When it has paid ``triggers`` times; or after the time limit, which is not part of the tables.

    Arguments:
        radius: of the pool, in cells, from 1 to 20.
        triggers: how often the platform pays.
        actions: as in `Lab`.
        strafe: as in `Lab`.
        heading: as in `Lab`.

    Reference:
        Beattie et al., "DeepMind Lab", arXiv 1612.03801: rooms_watermaze of DMLab-30, where the platform is anywhere in
        a disc of 580 units, 5.8 cells; Morris, "Developments of a water-maze procedure", 1984.

    Raises:
        ValueError: for arguments out of range.
    """

    def __init__(
        self,
        radius: int = 5,
        triggers: int = 5,
        actions: str = "grid",
        strafe: bool = False,
        heading: str | None = None,
    ):
        for name, value, most in (("radius", radius, 20), ("triggers", triggers, 1000)):
            if not is_integer(value) or not 1 <= int(value) <= most:
                raise ValueError(f"{name}: expected a whole number from 1 to {most}, found {value!r}")
        middle = radius + 1
        size = range(2 * radius + 3)
        inside = [[(r - middle) ** 2 + (c - middle) ** 2 <= radius**2 for c in size] for r in size]
        pool = ["".join(" " if free else "*" for free in row) for row in inside]
        super().__init__(pool, {}, actions, strafe, heading)
        self.triggers = int(triggers)
        count = 4 * len(self.text.cells) ** 2 * (self.triggers + 1)
        self.check_size(count, "use a smaller radius, such as 2, or fewer triggers")

    def initial(self) -> list[tuple[float, Swim]]:
        """The platform anywhere, and the agent anywhere else."""
        cells = self.text.cells
        return [
            (p / len(cells), Swim(cell, heading, platform, 0))
            for platform in cells
            for p, cell, heading in self.started([cell for cell in cells if cell != platform])
        ]

    def terminal(self, state: Swim) -> bool:
        """When the platform has paid often enough."""
        return state.paid == self.triggers

    def step(self, state: Swim, action: str) -> list[Outcome]:
        """A step; the platform pays whoever is on it after it."""
        agent, heading = self.go(state.agent, state.heading, action)
        found = agent == state.platform
        return [Outcome(1.0, Swim(agent, heading, state.platform, state.paid + found), float(found))]
