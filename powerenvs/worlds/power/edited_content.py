"""What edits of a level change: its text, its noise, removed transitions and agents' places."""

from __future__ import annotations

import re
from typing import NamedTuple

from powerenvs.authoring.level import START, WALL, Cell
from powerenvs.worlds.power.grid import GOAL

FLOOR = "."
GLYPHS = {WALL: "wall", FLOOR: "floor", START: "start", GOAL: "goal"}
"""What a cell can be."""


class Removal(NamedTuple):
    """A transition that was taken out: ``agent`` cannot take ``action`` in ``cell``; None is the only agent."""

    cell: Cell
    action: str
    agent: str | None


class Content(NamedTuple):
    """Everything about a level that an edit can change, and undo brings back.

    Attributes:
        rows: the text, one string a row, all of one length.
        noise: of movement.
        removed: the transitions taken out.
        places: where each of two agents starts; None where the level's starts decide.
    """

    rows: tuple[str, ...]
    noise: float
    removed: frozenset[Removal]
    places: tuple[Cell | None, ...]

    def drawn(self, cell: Cell, glyph: str, ends_at_goals: bool) -> Content:
        """With another glyph in a cell, and without what that glyph makes impossible there.

        Raises:
            ValueError: for a glyph that levels do not have.
        """
        if glyph not in GLYPHS:
            raise ValueError(f"glyph: expected one of {' '.join(GLYPHS)}, found {glyph!r}")
        r, c = cell
        rows = list(self.rows)
        rows[r] = rows[r][:c] + glyph + rows[r][c + 1 :]
        ends = glyph == WALL or (glyph == GOAL and ends_at_goals)
        return self._replace(
            rows=tuple(rows),
            removed=frozenset(entry for entry in self.removed if entry.cell != cell) if ends else self.removed,
            places=tuple(None if glyph == WALL and place == cell else place for place in self.places),
        )

    def resized(self, axis: int, change: int, position: int | None) -> Content:
        """With a row (axis 0) or a column (axis 1) more (change 1) or less (-1); what lies behind it moves along.

        Raises:
            ValueError: if there is no such position, or nothing would be left.
        """
        size, name = (len(self.rows), len(self.rows[0]))[axis], ("row", "column")[axis]
        last = size if change > 0 else size - 1
        at = last if position is None else position
        if not 0 <= at <= last:
            raise ValueError(f"position: expected a {name} from 0 to {last}, found {at}")
        if size + change < 1:
            raise ValueError(f"position: expected a grid that keeps at least one {name}, found its only one")
        lines = list(self.rows) if axis == 0 else _transposed(self.rows)
        lines[at : at + (change < 0)] = [FLOOR * len(lines[0])] if change > 0 else []

        def moved(cell: Cell | None) -> Cell | None:
            if cell is None or cell[axis] < at:
                return cell
            if change < 0 and cell[axis] == at:
                return None
            return (cell[0] + change, cell[1]) if axis == 0 else (cell[0], cell[1] + change)

        kept = [(moved(entry.cell), entry) for entry in self.removed]
        return self._replace(
            rows=tuple(lines if axis == 0 else _transposed(lines)),
            removed=frozenset(entry._replace(cell=cell) for cell, entry in kept if cell is not None),
            places=tuple(map(moved, self.places)),
        )


def _transposed(lines: list[str] | tuple[str, ...]) -> list[str]:
    return ["".join(line) for line in zip(*lines, strict=True)]


def cell_within(shape: tuple[int, int], given: Cell | str) -> Cell:
    """A cell of a grid of ``shape`` as (row, column), from that or from its text.

    Raises:
        ValueError: if it is none.
    """
    cell = given
    if isinstance(given, str):
        found = re.fullmatch(r"\s*\(?\s*(\d+)\s*,\s*(\d+)\s*\)?\s*", given)
        cell = (int(found[1]), int(found[2])) if found else (-1, -1)
    r, c = int(cell[0]), int(cell[1])
    rows, columns = shape
    if not (0 <= r < rows and 0 <= c < columns):
        raise ValueError(f"cell: expected (row, column) from (0, 0) to ({rows - 1}, {columns - 1}), found {given!r}")
    return r, c
