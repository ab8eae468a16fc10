"""Harvest: a commons on a grid, that feeds two agents as long as they leave some of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from powerenvs.authoring.game_world import GameWorld, JointOutcome
from powerenvs.authoring.level import START, Cell, Level
from powerenvs.authoring.moves import DIRECTIONS, moved
from powerenvs.model.checks import real

LEVEL = """
    #####
    #AAA#
    #S.S#
    #####
"""
APPLE, EATEN = "A", "a"


class Orchard(NamedTuple):
    """Where both agents are, and on which places, in the order of the level, there are apples."""

    human: Cell
    ai: Cell
    apples: tuple[bool, ...]


class Harvest(GameWorld[Orchard]):
    """Two agents live off apples that grow while some are left.

    Description:
        An apple that is eaten grows again, the sooner the more apples are left, and never when the last one is
        gone. To eat what is there pays now; to leave one pays both of them later.

    Level map:
        '#' wall, '.' floor, 'S' start, 'A' place of an apple; on boards 'a' where it has been eaten. The agents
        start on two different 'S', in a random order, and may share a cell.

    Action space:
        Discrete(5) for each agent: 0 stay, 1 up, 2 down, 3 left, 4 right. A move into a wall stays put.

    Rewards:
        1 to an agent that ends a step on an apple, a half to each if both do, 0 otherwise.

    Episode end:
        When the last apple has been eaten; or at the limit of cycles.

    Growing:
        At the end of a step, each place that was without an apple gets one with probability ``growth`` times the
        number of apples that are left, at most 1.

    Arguments:
        level: text with one to six places of apples and at least two starts.
        growth: from 0 to 1.

    Raises:
        ValueError: for a malformed level, another number of places or starts, and another growth.
    """

    actions: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(("human", "ai"), tuple(DIRECTIONS))
    legend: ClassVar[Mapping[str, str]] = {".": "floor", START: "start", APPLE: "apple", EATEN: "eaten apple"}

    def __init__(self, level: str | Sequence[str] = LEVEL, growth: float = 0.2):
        self.level: Level = Level.parse(level, {glyph: self.legend[glyph] for glyph in ".SA"}, "level")
        self._places, self._starts = self.level.places(APPLE), self.level.places(START)
        if not 1 <= len(self._places) <= 6 or len(self._starts) < 2:
            raise ValueError(
                f"level: expected one to six apples {APPLE!r} and at least two starts {START!r}, found "
                f"{len(self._places)} and {len(self._starts)}"
            )
        if not 0.0 <= real(growth) <= 1.0:
            raise ValueError(f"growth: expected a number from 0 to 1, found {growth!r}")
        self._growth = float(growth)

    def initial(self) -> list[tuple[float, Orchard]]:
        """Every pair of different starts, with all apples."""
        pairs = [(h, a) for h in self._starts for a in self._starts if h != a]
        return [(1 / len(pairs), Orchard(h, a, (True,) * len(self._places))) for h, a in pairs]

    def step(self, state: Orchard, actions: tuple[str, ...]) -> list[JointOutcome]:
        """Both move and eat; then apples grow by chance."""
        cells = [moved(self.level, *one) for one in zip((state.human, state.ai), actions, strict=True)]
        there = {place for place, apple in zip(self._places, state.apples, strict=True) if apple}
        paid = tuple(float(cell in there) / cells.count(cell) for cell in cells)
        left = [apple and place not in cells for place, apple in zip(self._places, state.apples, strict=True)]
        chance = min(1.0, self._growth * sum(left))
        found = []
        for grown in itertools.product(*([False] if apple else [True, False] for apple in state.apples)):
            grows = sum(grown)
            still = state.apples.count(False) - grows
            probability = chance**grows * (1.0 - chance) ** still
            if probability > 0:
                apples = tuple(a or b for a, b in zip(left, grown, strict=True))
                found.append(JointOutcome(probability, Orchard(cells[0], cells[1], apples), paid))
        return found

    def terminal(self, state: Orchard) -> bool:
        """When no apple is left, from which others could grow."""
        return not any(state.apples)

    def board(self, state: Orchard) -> tuple[str, ...]:
        """The level, with the apples that are there."""
        eaten = [place for place, apple in zip(self._places, state.apples, strict=True) if not apple]
        return self.level.draw((EATEN, eaten))
