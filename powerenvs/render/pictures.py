"""`StatePictures`: the states of a model as boards, pictures and text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.level import WALL
from powerenvs.authoring.world import TableWorld
from powerenvs.model.mdp import TabularMDP
from powerenvs.render.first_person.side_by_side import SideBySide
from powerenvs.render.graph import render_state
from powerenvs.render.tiles import render_board

AGENT = "A"
COMMON = {".": "floor", " ": "floor", "S": "start", "G": "goal", "F": "floor"}  # 'F' is FrozenLake's floor
"""What glyphs mean on boards that come without a legend."""


class StatePictures:
    """Draws the states of a model, on the boards of its world where it has one.

    A model without a world is drawn on its own ``board``, with an agent 'A' at the state's cell. In a world with a
    scene, pictures have what the agent sees beside the level from above.

    Attributes:
        legend: {glyph: meaning} of every glyph on the boards besides the wall '#'.
    """

    def __init__(self, mdp: TabularMDP, world: TableWorld[Any] | None = None):
        self._mdp, self._world = mdp, world
        self._sides: dict[int | None, SideBySide] = {}
        if world is not None:
            self.legend: Mapping[str, str] = dict(world.legend)
        else:
            found = sorted({glyph for row in mdp.board or () for glyph in row} - {WALL})
            self.legend = {glyph: COMMON.get(glyph, glyph) for glyph in found} | {AGENT: "agent"}

    def board(self, state: int) -> tuple[str, ...] | None:
        """The rows of glyphs that show a state, or None for models without a board."""
        mdp = self._mdp
        if self._world is not None:
            return self._world.board(mdp.state_labels[state])
        if mdp.board is None or mdp.cells is None:
            return mdp.board
        r, c = mdp.cells[state].tolist()
        if r < 0:
            return mdp.board
        return tuple(row[:c] + AGENT + row[c + 1 :] if i == r else row for i, row in enumerate(mdp.board))

    def frame(self, state: int, tile: int | None = None) -> NDArray[np.uint8]:
        """A state as a picture (height, width, 3) uint8; ``tile`` pixels a cell, chosen by size when None."""
        if self._world is not None and self._world.scene() is not None:
            if tile not in self._sides:
                self._sides[tile] = SideBySide(self._world, tile)
            return self._sides[tile].frames([self._mdp.state_labels[state]])[0]
        rows = self.board(state)
        if rows is None:
            return render_state(self._mdp, state)
        return render_board(rows, self.legend, tile, ground=self._ground(rows))

    def text(self, state: int) -> str:
        """A state as text: its board, and a line that describes it."""
        return "\n".join([*(self.board(state) or ()), f"state {state}: {self._mdp.describe(state)}"])

    def _ground(self, rows: tuple[str, ...]) -> tuple[str, ...] | None:
        """What lies below agents: the level, where it has the size of the board."""
        level = self._mdp.board
        return level if level is not None and [len(r) for r in level] == [len(r) for r in rows] else None
