"""`EditedWorld`: movement worlds changed step by step, by program or on the page of ``powerenvs edit``."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from powerenvs.authoring.level import START, WALL, Cell, Level
from powerenvs.authoring.moves import DIRECTIONS
from powerenvs.model.checks import flag, real
from powerenvs.model.files import atomic_path, read_text
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.npz import saved_kind
from powerenvs.model.transforms import restricted
from powerenvs.worlds.power.edited_content import FLOOR, GLYPHS, Content, Removal, cell_within
from powerenvs.worlds.power.edited_models import placed_start, removed_actions, rows_of, start_places
from powerenvs.worlds.power.grid import GOAL, PowerGrid, shipped_or_text
from powerenvs.worlds.power.pair import PowerPair


class EditedWorld:
    """A level of `PowerGrid` or `PowerPair` with the changes made to it.

    Nothing changes in place: every edit returns a new world, which remembers the ones before it, so that
    ``EditedWorld("maze_7x7").wall((0, 2)).remove("(0, 0)", "down").model()`` is a model with both changes.
    Edits may pass through levels that are no world (such as walls only); `level` and `model` say what is wrong.
    Cells are (row, column), or that as text. Worlds are equal if their content is, however they came about.

    Attributes:
        walls: "bump" or "absent", as in `PowerGrid`.
        pair: whether two agents live in it.
        overlaps: of two agents, whether both may be in one cell.
        agents: their names; empty for a world of one.

    Args:
        level: the name of a shipped level, its text, or its rows.
        noise: as in `PowerGrid`.
        walls: as in `PowerGrid`.
        pair: True for the world of two agents, `PowerPair`.
        overlaps: as in `PowerPair`.

    Raises:
        ValueError: for what the worlds refuse.

    Example:
        >>> from powerenvs import EditedWorld
        >>> world = EditedWorld("open_3x3").wall((1, 1)).remove((0, 0), "down")
        >>> world.rows
        ('...', '.#.', '...')
        >>> world.actions((0, 0))
        {'stay': True, 'up': True, 'down': False, 'left': True, 'right': True}
        >>> world.undo() == EditedWorld("open_3x3").wall((1, 1))
        True
    """

    def __init__(
        self,
        level: str | Sequence[str] = "open_3x3",
        noise: float = 0.0,
        walls: str = "bump",
        pair: bool = False,
        overlaps: bool = True,
    ):
        pair, overlaps = flag("pair", pair), flag("overlaps", overlaps)
        if not pair and not overlaps:
            raise ValueError("overlaps: expected True for a world of one agent, found False")
        self.walls, self.pair, self.overlaps = walls, pair, overlaps
        self.agents: tuple[str, ...] = PowerPair.agents if pair else ()
        parsed = shipped_or_text(level)
        self._content = Content(parsed.rows, noise, frozenset(), (None,) * len(self.agents))
        self._past: tuple[Content, ...] = ()
        self._future: tuple[Content, ...] = ()
        self._world()

    # What it is

    @property
    def rows(self) -> tuple[str, ...]:
        """The level's text, one string a row."""
        return self._content.rows

    @property
    def text(self) -> str:
        """The level's text."""
        return "\n".join(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.rows), len(self.rows[0])

    @property
    def noise(self) -> float:
        """Probability that is spread over all open directions instead of the chosen one."""
        return self._content.noise

    @property
    def removed(self) -> frozenset[Removal]:
        """The transitions taken out."""
        return self._content.removed

    @property
    def places(self) -> dict[str, Cell]:
        """{agent: cell} of the agents whose start is fixed by `place`."""
        return {agent: cell for agent, cell in zip(self.agents, self._content.places, strict=True) if cell is not None}

    @property
    def beyond_text(self) -> bool:
        """Whether the level text alone does not say it all, so that the model has to be saved too."""
        return bool(self.removed or self.places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EditedWorld):
            return NotImplemented
        return self._content == other._content and self._kind == other._kind

    def __hash__(self) -> int:
        return hash((self._content, self._kind))

    def __repr__(self) -> str:
        kind = "pair" if self.pair else "one agent"
        rows, columns = self.shape
        return (
            f"EditedWorld({rows}x{columns}, {kind}, noise {self.noise:g}, {len(self.removed)} transitions removed, "
            f"{len(self._past)} edits)"
        )

    @property
    def _kind(self) -> tuple[str, bool, bool]:
        return self.walls, self.pair, self.overlaps

    def level(self) -> Level:
        """The level.

        Raises:
            ValueError: if the text is none, with line and column.
        """
        return shipped_or_text(self.rows)

    def model(self) -> TabularMDP | TabularGame:
        """The tables of the world as edited: a `TabularMDP` for one agent, a `TabularGame` for two.

        A removed transition is an action that no longer exists in its cell. Noise may still push the agent that way.

        Raises:
            ValueError: if the level is no world, or a state is left without any action.
        """
        world = self._world()
        if isinstance(world, PowerGrid):
            mdp = world.tables()
            return restricted(mdp, ~rows_of(mdp, self.removed))
        game = world.tables()
        game = restricted(game, ~rows_of(game, self.removed))
        if not self.places:
            return game
        starts = self.level().places(START) or [(int(r), int(c)) for r, c in self.level().cells]
        return game.with_(initial=placed_start(game, [starts if p is None else [p] for p in self._content.places]))

    def actions(self, cell: Cell | str, agent: str | None = None) -> dict[str, bool]:
        """{action: whether it still exists} for every action that the world itself has in a cell; a wall has none.

        Raises:
            ValueError: if the level is no world, or there is no such cell.
        """
        cell = self._cell(cell)
        agent = self._agent(agent) if self.pair else None
        if self._glyph(cell) == WALL:
            return {}
        mdp = self._grid()
        exists = mdp.available[mdp.index(cell)]
        return {
            str(action): Removal(cell, str(action), agent) not in self.removed
            for action, known in zip(mdp.action_labels, exists, strict=True)
            if known
        }

    # Edits of cells

    def draw(self, cell: Cell | str, glyph: str) -> EditedWorld:
        """Makes a cell a wall '#', floor '.', start 'S' or goal 'G'.

        Removed transitions of a cell that becomes a wall or (with one agent) a goal are forgotten, and so is an
        agent's place that becomes a wall.

        Raises:
            ValueError: for a cell outside the grid, or another glyph.
        """
        return self.with_content(self._content.drawn(self._cell(cell), glyph, ends_at_goals=not self.pair))

    def wall(self, cell: Cell | str) -> EditedWorld:
        """A wall in this cell."""
        return self.draw(cell, WALL)

    def floor(self, cell: Cell | str) -> EditedWorld:
        """Floor in this cell."""
        return self.draw(cell, FLOOR)

    def start(self, cell: Cell | str) -> EditedWorld:
        """A start in this cell; several share the start probability."""
        return self.draw(cell, START)

    def goal(self, cell: Cell | str) -> EditedWorld:
        """A goal in this cell."""
        return self.draw(cell, GOAL)

    def place(self, agent: str, cell: Cell | str | None) -> EditedWorld:
        """Lets one of two agents start in this cell, whatever the level's starts are; None leaves it to those.

        Raises:
            ValueError: in a world of one agent (which starts on 'S'), for an unknown agent, a wall, or the other
                agent's place where they must not overlap.
        """
        if not self.pair:
            raise ValueError(f"place: a world of one agent marks its start with {START!r}; use start(cell)")
        agent = self._agent(agent)
        if cell is not None:
            cell = self._cell(cell)
            if self._glyph(cell) == WALL:
                raise ValueError(f"place: expected a free cell for {agent}, found a wall in {cell}")
            if not self.overlaps and cell in [c for name, c in self.places.items() if name != agent]:
                raise ValueError(f"place: {cell} is the other agent's place, and overlaps is False")
        index = self.agents.index(agent)
        places = list(self._content.places)
        places[index] = cell
        return self._edited(places=tuple(places))

    # Edits of transitions and of noise

    def remove(self, cell: Cell | str, action: str, agent: str | None = None) -> EditedWorld:
        """Takes an action of a cell out of the model.

        Args:
            cell: a free cell.
            action: "stay", "up", "down", "left" or "right".
            agent: which of two agents; None for both, and in a world of one agent.

        Raises:
            ValueError: if the level is no world, for a wall, a goal that ends episodes, an action that does not
                exist there or is removed already, and for the last action of a cell.
        """
        cell = self._cell(cell)
        if action not in DIRECTIONS:
            raise ValueError(f"action: unknown action {action!r}; {closest(action, DIRECTIONS)}")
        if self._glyph(cell) == WALL or (self._glyph(cell) == GOAL and not self.pair):
            kind = GLYPHS[self._glyph(cell)]
            raise ValueError(f"remove: expected a cell that an agent leaves by its actions, found a {kind} in {cell}")
        added = set()
        for name in self._chosen(agent):
            known = self.actions(cell, name)
            if not known.get(action):
                has = ", ".join(name for name, exists in known.items() if exists)
                raise ValueError(f"remove: {action} does not exist in {cell}; it has {has}")
            if sum(known.values()) == 1:
                raise ValueError(f"remove: {action} is the last action in {cell}, and every state keeps at least one")
            added.add(Removal(cell, action, name))
        return self._edited(removed=self.removed | added)

    def restore(self, cell: Cell | str, action: str, agent: str | None = None) -> EditedWorld:
        """Puts back an action that was taken out; see `remove`.

        Raises:
            ValueError: if it was not removed.
        """
        cell = self._cell(cell)
        entries = {Removal(cell, action, name) for name in self._chosen(agent)}
        if not entries <= self.removed:
            raise ValueError(f"restore: {action} is not removed in {cell}")
        return self._edited(removed=self.removed - entries)

    def with_noise(self, noise: float) -> EditedWorld:
        """Changes the noise.

        Raises:
            ValueError: unless 0 <= noise <= 1.
        """
        if not 0 <= real(noise) <= 1:
            raise ValueError(f"noise: expected a number from 0 to 1, found {noise!r}")
        return self._edited(noise=float(noise))

    # Edits of the size

    def add_row(self, position: int | None = None) -> EditedWorld:
        """A row of floor that becomes row ``position``; at the end when None."""
        return self.with_content(self._content.resized(0, 1, position))

    def add_column(self, position: int | None = None) -> EditedWorld:
        """A column of floor that becomes column ``position``; at the end when None."""
        return self.with_content(self._content.resized(1, 1, position))

    def remove_row(self, position: int | None = None) -> EditedWorld:
        """Takes out row ``position``, the last when None.

        Raises:
            ValueError: if there is no such row, or it is the only one.
        """
        return self.with_content(self._content.resized(0, -1, position))

    def remove_column(self, position: int | None = None) -> EditedWorld:
        """Takes out column ``position``, the last when None.

        Raises:
            ValueError: if there is no such column, or it is the only one.
        """
        return self.with_content(self._content.resized(1, -1, position))

    # History

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether an edit was taken back."""
        return bool(self._future)

    def undo(self) -> EditedWorld:
        """The world before the last edit; itself if there is none."""
        if not self._past:
            return self
        return self._with(self._past[-1], self._past[:-1], (self._content, *self._future))

    def redo(self) -> EditedWorld:
        """The world before the last `undo`; itself if there is none."""
        if not self._future:
            return self
        return self._with(self._future[0], (*self._past, self._content), self._future[1:])

    # Files

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """Writes the level text and, where that does not say it all (`beyond_text`), the model beside it as ``.npz``.

        An ``.npz`` file from an earlier save is brought up to date in any case. Each file is written whole or not
        at all, and none before all can be. Noise is not part of the text.

        Args:
            path: of the level text; ends in ``.txt``.

        Returns:
            The files written.

        Raises:
            ValueError: if the world is none, for another suffix, or an ``.npz`` file there that holds something else.
            OSError: if a file cannot be written.
        """
        path = Path(path)
        if path.suffix != ".txt":
            raise ValueError(f"path: expected a name that ends in .txt, found {os.fspath(path)!r}")
        self._world()  # refuses what is no world
        beside = path.with_suffix(".npz")
        stale = beside.exists()
        if stale and saved_kind(beside) not in (TabularMDP.__name__, TabularGame.__name__):
            raise ValueError(
                f"path: {os.fspath(beside)!r}, where the model goes, holds something else; take another name"
            )
        with atomic_path(path) as text:
            text.write_text(self.text + "\n", encoding="utf-8")
            if self.beyond_text or stale:
                self.model().save(beside)
                return [path, beside]
        return [path]

    @classmethod
    def load(cls, path: str | os.PathLike[str], **settings: Any) -> EditedWorld:
        """Reads a file of level text, or a model that `save` wrote, with its removals and places.

        Args:
            path: ``.npz`` for a model, anything else is text.
            **settings: those of the constructor. A model needs its ``noise`` only; the rest it knows.

        Raises:
            ValueError: if the file is neither, or the model is not that of an edited level with this noise.
            OSError: if the file cannot be read.
        """
        name = os.fspath(path)
        if Path(path).suffix != ".npz":
            try:
                text = read_text(path)
            except ValueError:
                raise ValueError(f"{name!r}: expected level text, found a file that is no text") from None
            return cls(text + "\n", **settings)  # with a line's end it is never taken for a name
        kind = TabularGame if saved_kind(path) == TabularGame.__name__ else TabularMDP
        model = kind.load(path)
        noise = settings.get("noise", 0.0)
        if model.board is not None and model.cells is not None:
            pair = isinstance(model, TabularGame)
            overlaps = not pair or bool(np.any(np.all(model.cells[:, 0] == model.cells[:, 1], axis=-1)))
            for walls in ("absent", "bump"):  # without its moves into walls, a world that bumps is one without them
                world = cls(model.board, noise, walls, pair, overlaps)
                found = [Removal(*entry) for entry in removed_actions(model, world.model())]
                places = tuple(start_places(model, world.model())) if pair else ()
                world._content = world._content._replace(removed=frozenset(found), places=places)
                if world.model() == model:
                    return world
        raise ValueError(
            f"{name!r}: expected the model of an edited level with noise {noise:g}, found another one; "
            "give the noise that it was saved with"
        )

    def _world(self) -> PowerGrid | PowerPair:
        """The world without removals and places, checked, its tables not built yet."""
        if self.pair:
            return PowerPair(self.rows, overlaps=self.overlaps, noise=self.noise, walls=self.walls)
        return PowerGrid(self.rows, self.noise, walls=self.walls)

    def _grid(self) -> TabularMDP:
        """One agent's own tables before removals; a goal ends episodes in a world of one agent only."""
        rows = [row.replace(GOAL, FLOOR) for row in self.rows] if self.pair else self.rows
        return PowerGrid(rows, self.noise, walls=self.walls).tables()

    def _cell(self, cell: Cell | str) -> Cell:
        return cell_within(self.shape, cell)

    def _glyph(self, cell: Cell) -> str:
        return self.rows[cell[0]][cell[1]]

    def _agent(self, agent: str | None) -> str:
        if agent not in self.agents:
            raise ValueError(f"agent: unknown agent {agent!r}; {closest(agent, self.agents)}")
        return str(agent)

    def _chosen(self, agent: str | None) -> tuple[str | None, ...]:
        """The agents that an edit of transitions is for."""
        if not self.pair:
            if agent is not None:
                raise ValueError(f"agent: expected None in a world of one agent, found {agent!r}")
            return (None,)
        return self.agents if agent is None else (self._agent(agent),)

    def _edited(self, **changes: Any) -> EditedWorld:
        return self.with_content(self._content._replace(**changes))

    def with_content(self, content: Content) -> EditedWorld:
        """The next world in the history, with this content, unchecked; the same one if nothing changes."""
        return self if content == self._content else self._with(content, (*self._past, self._content), ())

    def _with(self, content: Content, past: tuple[Content, ...], future: tuple[Content, ...]) -> EditedWorld:
        world = copy.copy(self)
        world._content, world._past, world._future = content, past, future
        return world
