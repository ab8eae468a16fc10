"""What a game looks like: pictures and text of its states, and the observations of its agents."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from string import ascii_letters, digits
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.authoring.level import WALL
from powerenvs.envs.observations import KINDS, MAX_BYTES, MIN_IMAGE, TILE
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest
from powerenvs.render import render_board
from powerenvs.render.pictures import COMMON
from powerenvs.render.tiles import RGB, glyph_style

_MEANINGS = {"ai": "agent"}  # pictures have a look for an "agent" and a "human"


class GamePictures:
    """Draws the states of a game, the agents on top of the board of its world (or the game's own board).

    Attributes:
        legend: {glyph: meaning} of the board's glyphs besides the wall '#'.
        glyphs: {agent: its glyph}: its initial where that is free.
    """

    def __init__(self, game: TabularGame, world: TableGameWorld[Any] | None = None):
        self._game, self._world = game, world
        found = {glyph for row in game.board or () for glyph in row}
        self.legend: Mapping[str, str] = (
            dict(world.legend) if world is not None else {g: COMMON.get(g, g) for g in sorted(found - {WALL})}
        )
        taken = {WALL, *found, *self.legend}
        self.glyphs: dict[str, str] = {}
        for agent in game.agents:
            options = agent[0].upper() + agent[0].lower() + ascii_letters + digits
            self.glyphs[agent] = next(glyph for glyph in options if glyph not in taken)
            taken.add(self.glyphs[agent])
        self._drawn = {**self.legend, **{glyph: _MEANINGS.get(agent, agent) for agent, glyph in self.glyphs.items()}}

    def board(self, state: int) -> tuple[str, ...] | None:
        """The rows of glyphs below the agents, or None for games without a board."""
        if self._game.cells is None or self._game.board is None:
            return None
        return self._game.board if self._world is None else self._world.board(self._game.state_labels[state])

    def frame(self, state: int, tile: int | None = None) -> NDArray[np.uint8]:
        """A state as a picture (height, width, 3) uint8; agents that share a cell stand in it side by side."""
        rows = self.board(state)
        if rows is None:
            raise ValueError("pictures: expected a game with a board and cells, found none; it can be shown as text")
        overlays = {self.glyphs[agent]: [cell] for agent, cell in self._placed(state)}
        return render_board(rows, self._drawn, tile, overlays=overlays)

    def colour(self, agent: str) -> RGB:
        """The colour in which an agent is drawn."""
        return glyph_style(self.glyphs[agent], self._drawn).colour

    def text(self, state: int) -> str:
        """A state as coloured text: its board, every cell wide enough for all agents, and a line that describes it."""
        there: dict[tuple[int, int], str] = {}
        for agent, cell in self._placed(state):
            there[cell] = there.get(cell, "") + self.glyphs[agent]
        lines = [
            "".join(self._cell_text(glyph, there.get((r, c), "")) for c, glyph in enumerate(row))
            for r, row in enumerate(self.board(state) or ())
        ]
        return "\n".join([*lines, f"state {state}: {self._game.describe(state)}"])

    def _cell_text(self, glyph: str, agents: str) -> str:
        shown = "".join(self._coloured(agent) for agent in agents) or glyph
        return shown + (WALL if glyph == WALL else " ") * (self._game.num_agents - max(len(agents), 1))

    def _coloured(self, glyph: str) -> str:
        red, green, blue = glyph_style(glyph, self._drawn).colour
        return f"\x1b[1;38;2;{red};{green};{blue}m{glyph}\x1b[0m"

    def _placed(self, state: int) -> list[tuple[str, tuple[int, int]]]:
        """The agents that are on the board, with their cells."""
        if self._game.cells is None:
            return []
        cells = (tuple(cell) for cell in self._game.cells[state].tolist())
        return [(agent, cell) for agent, cell in zip(self._game.agents, cells, strict=True) if min(cell) >= 0]


class GameObservations:
    """What the agents see in each state, as a table. All of them see the whole state.

    "state": the state's index, Discrete(S). "onehot": S zeros with a one, float32. "board": planes of zeros and ones,
    uint8 (C, H, W): one for each glyph of the board, then one for each agent, so that agents that share a cell are
    all seen. "rgb": the picture with small tiles, uint8 (H, W, 3), each side at least 36 pixels.

    Attributes:
        values: (S, *shape) array, read-only: the observation of each state.
        glyphs: for "board", what each plane shows: the wall '#', then the world's legend, then the agents' glyphs.

    Raises:
        ValueError: for an unknown kind, a game without a board where one is needed, and tables above 1 GiB.
    """

    def __init__(self, game: TabularGame, pictures: GamePictures, kind: str):
        if kind not in KINDS:
            raise ValueError(f"observation: unknown kind {kind!r}; {closest(kind, KINDS)}")
        rows = pictures.board(0)
        if kind in ("board", "rgb") and rows is None:
            raise ValueError(f'observation: {kind!r} needs a board, and this game has none; use "state" or "onehot"')
        S, (height, width) = game.num_states, (len(rows), len(rows[0])) if rows else (0, 0)
        self.glyphs: tuple[str, ...] = ()
        self.values: NDArray[Any]
        self._space: spaces.Space[Any]
        if kind == "state":
            self._space, self.values = spaces.Discrete(S), np.arange(S)
        elif kind == "onehot":
            self._space = _affordable(spaces.Box(0, 1, (S,), np.float32), S)
            self.values = np.eye(S, dtype=np.float32)
        elif kind == "board":
            self.glyphs = (WALL, *pictures.legend, *pictures.glyphs.values())
            self._space = _affordable(spaces.Box(0, 1, (len(self.glyphs), height, width), np.uint8), S)
            self.values = self._planes(game, pictures)
        else:
            tile = max(TILE, math.ceil(MIN_IMAGE / min(height, width)))
            self._space = _affordable(spaces.Box(0, 255, (height * tile, width * tile, 3), np.uint8), S)
            self.values = np.stack([pictures.frame(s, tile) for s in range(S)])
        self.values.flags.writeable = False

    def space(self) -> spaces.Space[Any]:
        """A space of one observation; a new one every time, because spaces have random states."""
        return copy.deepcopy(self._space)

    def _planes(self, game: TabularGame, pictures: GamePictures) -> NDArray[np.uint8]:
        planes = np.zeros((game.num_states, *self._space.shape), dtype=np.uint8)  # type: ignore[misc]
        codes = np.array([ord(glyph) for glyph in self.glyphs], dtype=np.uint32)[:, None]
        known: dict[Any, NDArray[np.bool_]] = {}
        for s in range(game.num_states):
            board = pictures.board(s)
            if board not in known:
                text = np.frombuffer("".join(board or ()).encode("utf-32-le"), np.uint32)
                known[board] = (text == codes).reshape(planes.shape[1:])
            planes[s] = known[board]
        for i, (rows, columns) in enumerate(game.cells.transpose(1, 2, 0)):  # type: ignore[union-attr]
            placed = np.flatnonzero((rows >= 0) & (columns >= 0))
            planes[placed, len(self.glyphs) - game.num_agents + i, rows[placed], columns[placed]] = 1
        return planes


def _affordable(space: spaces.Box, num_states: int) -> spaces.Box:
    """The space, if a table of one observation for each state is within the limit."""
    size = num_states * math.prod(space.shape) * space.dtype.itemsize  # type: ignore[union-attr]
    if size > MAX_BYTES:
        raise ValueError(
            f"observation: {space.shape} numbers for each of {num_states:,} states need {size / 2**30:.1f} GiB, above "
            'the limit of 1 GiB; use "state", or a smaller level'
        )
    return space
