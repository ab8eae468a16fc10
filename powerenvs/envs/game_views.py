"""`GamePictures`: the states of a game as boards, pictures and text."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_letters, digits
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.authoring.level import WALL
from powerenvs.authoring.styles import RGB
from powerenvs.model.game import TabularGame
from powerenvs.render import render_board
from powerenvs.render.pictures import COMMON
from powerenvs.render.tiles import glyph_style

_MEANINGS = {"ai": "agent"}  # pictures have a look for an "agent" and a "human"


class GamePictures:
    """Draws the states of a game, the agents on top of the board of its world (or the game's own board).

    Attributes:
        legend: {glyph: meaning} of the board's glyphs besides the wall '#'.
        glyphs: {agent: its glyph}: its initial where that is free.
        looks: {glyph: what it is drawn as} of the agents.
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
        self.looks = {glyph: _MEANINGS.get(agent, agent) for agent, glyph in self.glyphs.items()}
        self._drawn = {**self.legend, **self.looks}

    def board(self, state: int) -> tuple[str, ...] | None:
        """The rows of glyphs below the agents, or None for games without a board."""
        if self._game.cells is None or self._game.board is None:
            if self._world is None or self._world.level is not None:
                return None
            return self._world.board(self._game.state_labels[state])  # of what has no places, drawn in its own way
        return self._game.board if self._world is None else self._world.board(self._game.state_labels[state])

    def frame(self, state: int, tile: int | None = None) -> NDArray[np.uint8]:
        """A state as a picture (height, width, 3) uint8; agents that share a cell stand in it side by side."""
        rows = self.board(state)
        if rows is None:
            raise ValueError("pictures: expected a game with a board and cells, found none; it can be shown as text")
        return render_board(rows, self._drawn, tile, overlays=self.on_top(state))

    def colour(self, agent: str) -> RGB:
        """The colour in which an agent is drawn."""
        return glyph_style(self.glyphs[agent], self._drawn).colour

    def text(self, state: int) -> str:
        """A state as coloured text: its board, every cell wide enough for all agents, and a line that describes it."""
        there: dict[tuple[int, int], str] = {}
        for glyph, (cell,) in self.on_top(state).items():
            there[cell] = there.get(cell, "") + glyph
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

    def on_top(self, state: int) -> dict[str, list[tuple[int, int]]]:
        """{glyph: [cell]} of the agents that are on the board, in order."""
        if self._game.cells is None:
            return {}
        cells = zip(self.glyphs.values(), self._game.cells[state].tolist(), strict=True)
        return {glyph: [(row, column)] for glyph, (row, column) in cells if row >= 0 and column >= 0}
