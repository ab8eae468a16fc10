"""`LabWorld`: what worlds share in which an agent walks through a lab and looks in one of four directions, or eight."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from powerenvs.authoring.level import Cell, Level
from powerenvs.authoring.world import World
from powerenvs.model.checks import flag
from powerenvs.render.first_person.scene import DEFAULT, Door, Scene, Sprite, Viewpoints
from powerenvs.worlds.labs.actions import COMPASS, EIGHT, HEADINGS, motions, moved
from powerenvs.worlds.labs.sources import level_text
from powerenvs.worlds.labs.text import SPAWN, LabText

State = TypeVar("State", bound=Hashable)

MOST_ENUMERATED = 100_000
"""States of worlds that are enumerated one by one, above which environments make the rows that they visit."""
AGENTS = dict(zip(EIGHT, "^9>3v1<7", strict=True))
"""The glyph of the agent on boards, by heading; where it may look across corners, as on the keys of a number pad."""
LEGEND: Mapping[str, str] = {
    " ": "floor",
    SPAWN: "start",
    **{AGENTS[heading]: f"agent facing {heading}" for heading in HEADINGS},
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
        directions: that the agent may face, 4 or 8. With 8, a turn is an eighth, and steps across corners go where the
            way around the corner is free on both sides.

    Attributes:
        text: the level as `powerenvs.worlds.labs.text.LabText`.
        level: what boards are drawn on.
        compass: the headings that there are, clockwise.
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
        directions: int = 4,
    ):
        self._motions = motions(actions, flag("strafe", strafe), directions)
        self.actions = tuple(self._motions)
        self.compass = COMPASS[directions]
        if heading is not None and heading not in self.compass:
            known = ", ".join(map(repr, self.compass))
            raise ValueError(f"heading: expected None or one of {known}, found {heading!r}")
        self.headings = self.compass if heading is None else (heading,)
        self.text: LabText = level_text(level, variations, walls, seed, things)
        agents = {AGENTS[name]: f"agent facing {name}" for name in self.compass}
        self.legend = {**LEGEND, **agents, **things}  # type: ignore[misc]  # letters mean what the world says
        self.level = Level(self.text.drawn(things), self.legend, self.text.name)
        every = range(directions)
        self.moves = [[moved(motion, heading, directions) for motion in self._motions.values()] for heading in every]

    def go(self, cell: Cell, heading: str, action: str, shut: Collection[Cell] = ()) -> tuple[Cell, str]:
        """Where an action leads: (cell, heading). Walls stop the agent, and so do cells that are ``shut``."""
        side, after = self.moves[self.compass.index(heading)][self.actions.index(action)]
        there = None if side is None else self._beyond(cell, side, shut)
        return cell if there is None else there, self.compass[after]

    def _beyond(self, cell: Cell, side: int, shut: Collection[Cell]) -> Cell | None:
        if len(self.compass) == 8:
            side, corner = divmod(side, 2)
            if corner:
                around = [self._beyond(cell, 2 * one % 8, shut) for one in (side, side + 1)]
                last = [
                    None if there is None else self._beyond(there, 2 * one % 8, shut)
                    for there, one in zip(around, (side + 1, side), strict=True)
                ]
                return last[0] if last[0] == last[1] else None
        there = self.text.neighbour(cell, side)
        return None if there in shut else there

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
        heading = np.array([self.compass.index(state.heading) for state in states], dtype=np.int32)
        there = np.array([self.present(state) for state in states], dtype=bool).reshape(count, len(scene.sprites))
        opened = np.array([self.opened(state) for state in states], dtype=bool).reshape(count, len(scene.doors))
        return Viewpoints(places[:, 0], places[:, 1], heading, there, opened, len(self.compass))

    def instruction(self, state: State) -> str:
        """What the agent is told: nothing in most labs, as in DeepMind Lab."""
        return ""
