"""ObstructedGoals: some doors are shut for the whole of an episode, and one has to find the way that is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from powerenvs.authoring.level import Cell
from powerenvs.authoring.world import Outcome
from powerenvs.render.first_person.scene import Door, Sprite
from powerenvs.worlds.labs.lab_world import LabWorld
from powerenvs.worlds.labs.text import DOORS

GOAL = "G"
MOST_WAYS = 10_000
ROOMS = """
*********
*P  I   *
*   *   *
**H***H**
*   *   *
*   I  G*
*********
"""


class Shut(NamedTuple):
    """Where the agent is and what it faces, and a bit for each door that is shut in this episode, in reading order."""

    agent: Cell
    heading: str
    shut: int


class ObstructedGoals(LabWorld[Shut]):
    """Doors that stay shut for an episode: there is always a way to the goal, but not always the same.

    Description:
        When an episode starts, a way from the spawn to the goal is drawn, each that passes no door twice as likely as
        any other, and its doors are open; of the other doors half are open (half a door is shut), each choice as likely
        as any other. What is shut stays shut. From inside, a shut door is seen only where it can be seen.

    Level map:
        '*' wall, ' ' or '.' floor, 'P' where episodes may start, 'G' goal, 'H' and 'I' doors, crossed from north to
        south and from east to west. On boards, open doors are floor.

    Action space:
        As in `Lab`: ``actions``, ``strafe``.

    Observation space:
        The board shows which doors are shut.

    Rewards:
        10 on a goal.

    Episode end:
        On a goal; or after the time limit, which is not part of the tables.

    Arguments:
        level: text, or the name of a level with doors, such as "explore_obstructed_goals_small".
        actions: as in `Lab`.
        strafe: as in `Lab`.
        heading: as in `Lab`.
        variations: as in `Lab`.
        walls: as in `Lab`; doors need "full".
        seed: as in `Lab`.

    Reference:
        Beattie et al., "DeepMind Lab", arXiv 1612.03801: explore_obstructed_goals of DMLab-30, where goal and spawn are
        drawn anew as well.

    Raises:
        ValueError: for a malformed level (with line and column), and one in which no way leads to a goal.
        ImportError: where a level has to be generated without the extra ``labs``.
    """

    def __init__(
        self,
        level: str | Sequence[str] | Mapping[str, Any] = ROOMS,
        actions: str = "grid",
        strafe: bool = False,
        heading: str | None = None,
        variations: str | Sequence[str] | None = None,
        walls: str | None = None,
        seed: int = 0,
    ):
        things = {GOAL: "goal", "H": "door from north to south", "I": "door from east to west"}
        super().__init__(level, things, actions, strafe, heading, variations, walls, seed)
        self.gates = self.text.places("".join(DOORS))
        self._draws = [(1 / len(self.spawns()), cell, self._ways(cell)) for cell in self.spawns()]
        cases = len({shut for _, _, ways in self._draws for shut in ways})
        self.check_size(4 * len(self.text.cells) * cases, "use a level with fewer doors")

    def _ways(self, spawn: Cell) -> dict[int, float]:
        """{doors that are shut: probability} where an episode starts in this cell."""
        room = {cell: i for i, cells in enumerate(self._rooms()) for cell in cells}
        sides = [
            tuple(
                room.get(there) for s in DOORS[str(self.text.glyphs[door])] if (there := self.text.neighbour(door, s))
            )
            for door in self.gates
        ]
        goals = {room[cell] for cell in self.text.places(GOAL)}

        def onwards(here: int, seen: frozenset[int]) -> Iterator[frozenset[int]]:
            """The doors of each way to a goal that passes no room twice."""
            if here in goals:
                yield frozenset()
                return
            for i, ends in enumerate(sides):
                if len(ends) == 2 and here in ends:
                    there = ends[1 - ends.index(here)]
                    if there is not None and there not in seen:
                        yield from (way | {i} for way in onwards(there, seen | {there}))

        ways = []
        for way in onwards(room[spawn], frozenset({room[spawn]})):
            ways.append(way)
            if len(ways) > MOST_WAYS:
                raise ValueError(f"{self.text.name}: expected at most {MOST_WAYS:,} ways to a goal, found more")
        if not ways:
            line, column = (n + 1 for n in self.text.on_text(spawn))
            raise ValueError(f"{self.text.name}: found no way to a goal from the spawn in line {line}, column {column}")
        found: Counter[int] = Counter()
        for way in ways:
            others = [i for i in range(len(self.gates)) if i not in way]
            choices = list(combinations(others, len(others) - len(others) // 2))
            for shut in choices:
                found[sum(1 << i for i in shut)] += 1 / (len(ways) * len(choices))  # type: ignore[assignment]
        return dict(found)

    def _rooms(self) -> list[tuple[Cell, ...]]:
        """The parts of the level between doors."""
        found: list[tuple[Cell, ...]] = []
        for cell in self.text.cells:
            if cell not in self.gates and not any(cell in cells for cells in found):
                found.append(self.text.reached([cell], self.gates))
        return found

    def initial(self) -> list[tuple[float, Shut]]:
        """Every spawn and heading, with every choice of doors."""
        return [
            (p * chance / len(self.headings), Shut(cell, heading, shut))
            for p, cell, ways in self._draws
            for heading in self.headings
            for shut, chance in ways.items()
        ]

    def terminal(self, state: Shut) -> bool:
        """On a goal."""
        return str(self.text.glyphs[state.agent]) == GOAL

    def step(self, state: Shut, action: str) -> list[Outcome]:
        """A step, unless a door is shut."""
        shut = [cell for i, cell in enumerate(self.gates) if state.shut >> i & 1]
        after = Shut(*self.go(state.agent, state.heading, action, shut), state.shut)
        return [Outcome(1.0, after, 10.0 * self.terminal(after))]

    def board(self, state: Shut) -> tuple[str, ...]:
        """Without the doors that are open."""
        return self.drawn(state, [(cell, " ") for i, cell in enumerate(self.gates) if not state.shut >> i & 1])

    def sprites(self) -> list[Sprite]:
        """The goals."""
        return [Sprite(*cell, "goal") for cell in self.text.places(GOAL)]

    def doors(self) -> list[Door]:
        """All of wood."""
        return [Door(*cell, str(self.text.glyphs[cell])) for cell in self.gates]

    def opened(self, state: Shut) -> list[bool]:
        """Those that are not shut in this episode."""
        return [not state.shut >> i & 1 for i in range(len(self.gates))]
