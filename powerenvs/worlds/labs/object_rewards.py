"""ObjectRewards: things of several kinds, some kinds good and some bad, and which are which is new in each episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Any, NamedTuple

from powerenvs.authoring.level import Cell
from powerenvs.authoring.world import Outcome
from powerenvs.model.labels import is_integer
from powerenvs.render.first_person.scene import Sprite
from powerenvs.worlds.labs.lab_world import LabWorld

OBJECT = "O"
LOOKS = ("ball", "hat", "car", "balloon")
COLOURS = ("red", "blue")


class Objects(NamedTuple):
    """Where the agent is and what it faces, which things are left, and which kinds are good.

    Attributes:
        agent: (row, column).
        heading: "north", "east", "south" or "west".
        left: a bit for each thing that is left, in reading order, the first the lowest.
        good: a bit for each kind that is good in this episode.
    """

    agent: Cell
    heading: str
    left: int
    good: int


class ObjectRewards(LabWorld[Objects]):
    """Things of several kinds: half of the kinds are good, half are bad, and one has to try.

    Description:
        The kinds that are good are drawn anew in each episode, and nothing shows which they are but what one is paid
        for picking things up. An agent that remembers tries each kind once; one that does not cannot tell.

    Level map:
        '*' wall, ' ' or '.' floor, 'P' where episodes may start, 'O' a thing. The kinds of the things are 0, 1, 2, ...
        in turn, in reading order; on boards they are these digits.

    Action space:
        As in `Lab`: ``actions``, ``strafe``.

    Observation space:
        The board shows which things are left, and not which kinds are good: there are states that look alike.

    Rewards:
        2 for a good thing, -1 for a bad one.

    Episode end:
        When all good things have been picked up; or after the time limit, which is not part of the tables.

    Arguments:
        level: text, or the name of a level with 'O', such as "explore_object_rewards".
        kinds: how many, from 2 to 8.
        actions: as in `Lab`.
        strafe: as in `Lab`.
        heading: as in `Lab`.
        variations: as in `Lab`.
        walls: as in `Lab`.
        seed: as in `Lab`.

    Reference:
        Beattie et al., "DeepMind Lab", arXiv 1612.03801: explore_object_rewards of DMLab-30.

    Raises:
        ValueError: for a malformed level (with line and column), and fewer things than kinds.
        ImportError: where a level has to be generated without the extra ``labs``.
    """

    def __init__(
        self,
        level: str | Sequence[str] | Mapping[str, Any] = "explore_object_rewards",
        kinds: int = 4,
        actions: str = "grid",
        strafe: bool = False,
        heading: str | None = None,
        variations: str | Sequence[str] | None = None,
        walls: str | None = None,
        seed: int = 0,
    ):
        if not is_integer(kinds) or not 2 <= int(kinds) <= 8:
            raise ValueError(f"kinds: expected a whole number from 2 to 8, found {kinds!r}")
        super().__init__(level, {}, actions, strafe, heading, variations, walls, seed)
        self.kinds = int(kinds)
        self.legend: Mapping[str, str] = {**self.legend, **{str(k): f"thing {k}" for k in range(kinds)}}  # type: ignore[misc]
        self.things = self.text.places(OBJECT)
        if not self.kinds <= len(self.things) <= 62:
            raise ValueError(f"level: expected from {kinds} to 62 things {OBJECT!r}, found {len(self.things)}")
        count = 4 * len(self.text.cells) * 2 ** len(self.things) * comb(self.kinds, self.kinds // 2)
        self.check_size(count, "use a level with fewer things, and fewer kinds")

    def _of(self, kinds: int) -> int:
        """A bit for each thing of one of these kinds."""
        return sum(1 << i for i in range(len(self.things)) if kinds >> i % self.kinds & 1)

    def initial(self) -> list[tuple[float, Objects]]:
        """On a spawn, with every choice of half of the kinds."""
        choices = [sum(1 << k for k in good) for good in combinations(range(self.kinds), self.kinds // 2)]
        everything = (1 << len(self.things)) - 1
        return [
            (p / len(choices), Objects(cell, heading, everything, good))
            for p, cell, heading in self.started(self.spawns())
            for good in choices
        ]

    def terminal(self, state: Objects) -> bool:
        """When nothing good is left."""
        return not state.left & self._of(state.good)

    def step(self, state: Objects, action: str) -> list[Outcome]:
        """A step, and what is picked up by it."""
        agent, heading = self.go(state.agent, state.heading, action)
        left, reward = state.left, 0.0
        if agent in self.things:
            bit = 1 << self.things.index(agent)
            if left & bit:
                left, reward = left & ~bit, 2.0 if bit & self._of(state.good) else -1.0
        return [Outcome(1.0, Objects(agent, heading, left, state.good), reward)]

    def board(self, state: Objects) -> tuple[str, ...]:
        """The things that are left, by kind, and the agent."""
        kinds = ((cell, str(i % self.kinds)) for i, cell in enumerate(self.things) if state.left >> i & 1)
        return self.drawn(state, kinds)

    def sprites(self) -> list[Sprite]:
        """The things; their kinds differ in shape, and from four kinds on in colour."""
        looks = [(look, colour) for colour in COLOURS for look in LOOKS]
        return [Sprite(*cell, *looks[i % self.kinds]) for i, cell in enumerate(self.things)]

    def present(self, state: Objects) -> list[bool]:
        """Those that are left."""
        return [bool(state.left >> i & 1) for i in range(len(self.things))]
