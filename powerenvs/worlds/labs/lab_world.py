"""`LabWorld`: what worlds share in which an agent walks through a lab and looks in one of four directions."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from powerenvs.authoring.level import Cell, Level
from powerenvs.authoring.world import World
from powerenvs.model.checks import flag
from powerenvs.render.first_person.scene import DEFAULT, Door, Scene, Sprite, Viewpoints
from powerenvs.worlds.labs.actions import HEADINGS, motions, moved
from powerenvs.worlds.labs.sources import level_text
from powerenvs.worlds.labs.text import SPAWN, LabText

State = TypeVar("State", bound=Hashable)

MOST_ENUMERATED = 100_000
"""States of worlds that are enumerated one by one, above which environments make the rows that they visit."""
AGENTS = dict(zip(HEADINGS, "^>v<", strict=True))
"""The glyph of the agent on boards, by heading."""
LEGEND: Mapping[str, str] = {
    " ": "floor",
    SPAWN: "start",
    **{glyph: f"agent facing {heading}" for heading, glyph in AGENTS.items()},
}


class LabWorld(World[State]):
    """A lab: a level of DeepMind Lab, and an agent in one of its cells, facing north, east, south or west.

    States are named tuples with ``agent``, (row, column) of a cell, ``heading``, and what else there is.

    Args:
        level: the name of a shipped level or of a generator, text, or the settings of a generator; see
            `powerenvs.worlds.labs.sources.level_text`.
        things: {letter: meaning} of what may stand in cells besides spawns.
        actions: "grid", "impala9" or "allo"; see `powerenvs.worlds.labs.actions`.
        strafe: whether there are "backward", "strafe_left" and "strafe_right" besides "grid".
        heading: what the agent faces at the start; any of the four when None.
        variations: the variations layer of a text.
        walls: "full" or "thin"; None for what is usual on the level.
        seed: of generated levels.

    Attributes:
        text: the level as `powerenvs.worlds.labs.text.LabText`.
        level: what boards are drawn on.
        headings: that an episode may start with.
    """

    level: Level
    legend: ClassVar[Mapping[str, str]] = LEGEND

    def __init__(
        self,
        level: str | Sequence[str] | Mapping[str, Any],
        things: Mapping[str, str],
        actions: str = "grid",
        strafe: bool = False,
        heading: str | None = None,
        variations: str | Sequence[str] | None = None,
        walls: str | None = None,
        seed: int = 0,
    ):
        if heading is not None and heading not in HEADINGS:
            raise ValueError(f"heading: expected None or one of {', '.join(map(repr, HEADINGS))}, found {heading!r}")
        self._motions = motions(actions, flag("strafe", strafe))
        self.actions = tuple(self._motions)
        self.headings = HEADINGS if heading is None else (heading,)
        self.text: LabText = level_text(level, variations, walls, seed, things)
        self.legend = {**LEGEND, **things}  # type: ignore[misc]  # letters mean what the world says
        self.level = Level(self.text.drawn(things), self.legend, self.text.name)
        self.moves = [[moved(motion, heading) for motion in self._motions.values()] for heading in range(4)]

    def go(self, cell: Cell, heading: str, action: str, shut: Collection[Cell] = ()) -> tuple[Cell, str]:
        """Where an action leads: (cell, heading). Walls stop the agent, and so do cells that are ``shut``."""
        side, after = self.moves[HEADINGS.index(heading)][self.actions.index(action)]
        there = None if side is None else self.text.neighbour(cell, side)
        return cell if there is None or there in shut else there, HEADINGS[after]

    def spawns(self) -> tuple[Cell, ...]:
        """The cells with a 'P'.

        Raises:
            ValueError: if there is none.
        """
        found = self.text.places(SPAWN)
        if not found:
            line, column = self.text.on_text(self.text.cells[0])
            raise ValueError(
                f"{self.text.name}: found no spawn; mark one with {SPAWN!r}, for example in line {line + 1}, column "
                f"{column + 1}"
            )
        return found

    def started(self, cells: Sequence[Cell]) -> list[tuple[float, Cell, str]]:
        """(probability, cell, heading) of every way to start in one of these cells, each as likely as any other."""
        ways = [(cell, heading) for cell in cells for heading in self.headings]
        return [(1 / len(ways), cell, heading) for cell, heading in ways]

    def check_size(self, count: int, instead: str) -> None:
        """Says that the world is too large for tables if it has so many states; ``instead`` is what to do then."""
        if count > MOST_ENUMERATED:
            self.large = f"about {count:,} states; {instead}"

    def cell(self, state: Any) -> Cell:
        """Where on the board the agent is."""
        return self.text.on_text(state.agent)

    def drawn(self, state: Any, marks: Iterable[tuple[Cell, str]] = ()) -> tuple[str, ...]:
        """The level with these (cell, glyph) drawn over it, and the agent on top."""
        rows = list(self.level.rows)
        for cell, glyph in (*marks, (state.agent, AGENTS[state.heading])):
            r, c = self.text.on_text(cell)
            rows[r] = rows[r][:c] + glyph + rows[r][c + 1 :]
        return tuple(rows)

    def board(self, state: State) -> tuple[str, ...]:
        """The level with the agent, which points to where it looks."""
        return self.drawn(state)

    # Views

    def sprites(self) -> Sequence[Sprite]:
        """The things that come and go; see `present`."""
        return ()

    def doors(self) -> Sequence[Door]:
        """The doors; see `opened`."""
        return ()

    def present(self, state: State) -> Sequence[bool]:
        """Which of `sprites` are there in a state."""
        return [True] * len(self.scene().sprites)

    def opened(self, state: State) -> Sequence[bool]:
        """Which of `doors` are open in a state."""
        return [False] * len(self.scene().doors)

    def scene(self) -> Scene:
        """What a first-person observer may see."""
        if self._scene is None:
            text = self.text
            looks: dict[str, Any] = {
                "variations": text.variations,
                "ceiling": np.where(text.solid, 0, text.variations + DEFAULT).astype(np.uint8),
                "sprites": self.sprites(),
                "doors": self.doors(),
            }
            if text.walls == "full":
                self._scene = Scene.from_solid(text.solid, **looks)
            else:
                closed = ~text.open
                north = np.concatenate([closed[:, :, 0], closed[-1:, :, 2]])
                west = np.concatenate([closed[:, :, 3], closed[:, -1:, 1]], axis=1)
                self._scene = Scene.from_edges(north, west, **looks)
        return self._scene

    _scene: Scene | None = None

    def viewpoints(self, states: Sequence[Any]) -> Viewpoints:
        """Where the agent stands in these states and looks, and what is there."""
        scene, count = self.scene(), len(states)
        places = np.array([state.agent for state in states], dtype=np.int32).reshape(count, 2)
        heading = np.array([HEADINGS.index(state.heading) for state in states], dtype=np.int32)
        there = np.array([self.present(state) for state in states], dtype=bool).reshape(count, len(scene.sprites))
        opened = np.array([self.opened(state) for state in states], dtype=bool).reshape(count, len(scene.doors))
        return Viewpoints(places[:, 0], places[:, 1], heading, there, opened)

    def instruction(self, state: State) -> str:
        """What the agent is told: nothing in most labs, as in DeepMind Lab."""
        return ""
