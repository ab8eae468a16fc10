"""`GridWorld`: what worlds share in which an agent walks on a level."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from powerenvs.authoring.level import Cell, Level
from powerenvs.authoring.moves import DIRECTIONS
from powerenvs.authoring.world import World
from powerenvs.model.labels import closest

State = TypeVar("State", bound=Hashable)
Choice = TypeVar("Choice")

AGENT = "A"
NOOP = "noop"


class GridWorld(World[State]):
    """A world on a level, with an agent 'A' that moves up, down, left or right; walls and the edge block.

    Args:
        text: the level. Every glyph besides '#' has to be in the class's ``legend``.
        movable: glyphs of the text that only say where something starts; ``level`` has floor ' ' there.
        noops: whether there is a fifth action, "noop", that does not move.

    Attributes:
        art: the level as it is written, with what moves where it starts.
        level: the level without what moves.
        start: where the agent starts.

    Example:
        >>> from typing import NamedTuple
        >>> from powerenvs import GridWorld, Outcome
        >>> class Walker(NamedTuple):
        ...     agent: tuple[int, int]
        >>> class Corridor(GridWorld):
        ...     legend = {" ": "floor", "A": "agent", "G": "goal"}
        ...     def initial(self):
        ...         return [(1.0, Walker(self.start))]
        ...     def terminal(self, state):
        ...         return self.level[state.agent] == "G"
        ...     def step(self, state, action):
        ...         cell = self.walk(state.agent, action)
        ...         return [Outcome(1.0, Walker(cell), reward=float(self.level[cell] == "G"))]
        >>> mdp = Corridor("A  G", movable="A").tables()
        >>> mdp.num_states, mdp.state_labels[-1]
        (4, Walker(agent=(0, 3)))
    """

    level: Level

    def __init__(self, text: str | Sequence[str], movable: str = AGENT, noops: bool = False):
        self.actions = ("up", "down", "left", "right") + ((NOOP,) if noops else ())
        art = Level.parse(text, self.legend, type(self).__name__, start=None)
        self.level = Level(art.draw((" ", art.places(movable))), art.legend, art.name)
        self.art = art
        self.start = art.places(AGENT)[0]

    def walk(self, cell: Cell, action: str, blocked: Container[Cell] = ()) -> Cell:
        """Where a move ends: in the next cell, or where it began if something is in the way.

        Args:
            cell: where it begins, (row, column).
            action: "up", "down", "left", "right" or "noop".
            blocked: cells that nothing may enter, besides walls.
        """
        target = ahead(cell, action)
        return cell if self.level.is_wall(target) or target in blocked else target

    def board(self, state: State) -> tuple[str, ...]:
        """The level with the agent on top."""
        return self.level.draw((AGENT, [state.agent]))  # type: ignore[attr-defined]


def ahead(cell: Cell, action: str) -> Cell:
    """The cell that an action heads for; the cell itself for "noop"."""
    rows, columns = DIRECTIONS.get(action, (0, 0))
    return cell[0] + rows, cell[1] + columns


def chosen(name: str, value: Any, choices: Iterable[Choice]) -> Choice:
    """The choice that an argument names, itself or as text (numbers come as text from a command line).

    Raises:
        ValueError: if there is none; the message has the closest name.
    """
    known = list(choices)
    for choice in known:
        if value == choice or value == str(choice):
            return choice
    raise ValueError(f"{name}: unknown choice {value!r}; {closest(value, known)}")
