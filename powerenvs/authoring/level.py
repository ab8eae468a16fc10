"""`Level`: ASCII text as cells."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.checks import as_list
from powerenvs.model.labels import closest

WALL = "#"
START = "S"

Cell = tuple[int, int]
"""(row, column)."""

_CELL = re.compile(r"\s*\(\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*\)\s*")


@dataclass(frozen=True)
class Level:
    """A rectangle of glyphs.

    Attributes:
        rows: the text, one string a row, all of one length.
        legend: what each glyph means; '#' is always a wall.
        name: what error messages and pictures call the level.

    Example:
        >>> from powerenvs import Level
        >>> level = Level.parse(["S.#", "..G"], {".": "floor", "S": "start", "G": "goal"})
        >>> level.shape, level.places("G"), level.is_wall((0, 2))
        ((2, 3), ((1, 2),), True)
        >>> print(level)
        S.#
        ..G
    """

    rows: tuple[str, ...]
    legend: Mapping[str, str] = field(hash=False)
    name: str = "level"

    @classmethod
    def parse(
        cls,
        text: str | Sequence[str],
        legend: Mapping[str, str],
        name: str = "level",
        start: str | None = START,
    ) -> Level:
        """Reads a level from text and checks it.

        Args:
            text: lines of glyphs (common indentation and blank lines around it are dropped), or the rows.
            legend: {glyph: meaning} of every glyph that may appear besides the wall '#'.
            name: for messages.
            start: the glyph that marks where an agent starts: at least one must be there, and every free cell
                must be reachable from one. None for levels that need no start.

        Raises:
            ValueError: for an empty or ragged level, an unknown glyph, a missing start, or a cell that cannot
                be reached from a start, with line and column (from 1).
        """
        rows = _rows(text, name)
        if not rows or not rows[0]:
            raise ValueError(f"{name}: expected lines of glyphs, found an empty level")
        for line, row in enumerate(rows, 1):
            if len(row) != len(rows[0]):
                raise ValueError(
                    f"{name}: expected lines of one length, found {len(rows[0])} columns in line 1 "
                    f"and {len(row)} in line {line}"
                )
            for column, glyph in enumerate(row, 1):
                if glyph != WALL and glyph not in legend:
                    raise ValueError(
                        f"{name}: unknown glyph {glyph!r} in line {line}, column {column}; "
                        f"{closest(glyph, [WALL, *legend])}"
                    )
        level = cls(tuple(rows), dict(legend), name)
        if not len(level.cells):
            raise ValueError(f"{name}: expected at least one free cell, found walls only")
        if start is not None:
            level._check_start(start)
        return level

    @classmethod
    def named(
        cls, level: str | Sequence[str], shipped: Mapping[str, str], legend: Mapping[str, str], start: str | None = None
    ) -> Level:
        """A shipped level by its name, or one from a text.

        Args:
            level: a name, lines of glyphs, or rows.
            shipped: {name: text}.
            legend: as for `parse`.
            start: as for `parse`.

        Raises:
            ValueError: for a name that is not shipped (with the closest), and text that is no level.
        """
        if isinstance(level, str) and level in shipped:
            return cls.parse(shipped[level], legend, level, start)
        if isinstance(level, str) and "\n" not in level and not set(level) <= {WALL, *legend}:
            raise ValueError(f"level: no shipped level is called {level!r}; {closest(level, shipped)}")
        return cls.parse(level, legend, start=start)

    @classmethod
    def from_rectangles(
        cls,
        num_rows: int,
        num_columns: int,
        squares_to_delete: Iterable[Sequence[str | Cell]] = (),
        name: str = "level",
    ) -> Level:
        """An open grid with rectangles taken out: POWERplay's way to describe a gridworld.

        ``PowerGrid(Level.from_rectangles(7, 7, [["(1, 1)", "(2, 2)"]]).rows)`` is a world with a wall of 2 by 2.

        Args:
            num_rows: rows of the grid.
            num_columns: columns of the grid.
            squares_to_delete: rectangles, each by two opposite corners, both of them inside; ``(row, column)`` from 0,
                or the same as text.
            name: for messages.

        Raises:
            ValueError: for a grid without cells, a rectangle that is not two cells, a corner outside the grid, and
                rectangles that leave nothing.
        """
        for argument, size in (("num_rows", num_rows), ("num_columns", num_columns)):
            if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
                raise ValueError(f"{argument}: expected a whole number of at least 1, found {size!r}")
        if isinstance(squares_to_delete, str) or not isinstance(squares_to_delete, Iterable):
            raise ValueError(f"squares_to_delete: expected rectangles, found {squares_to_delete!r}")
        glyphs = np.full((num_rows, num_columns), ".")
        for i, corners in enumerate(squares_to_delete):
            argument = f"squares_to_delete[{i}]"
            if isinstance(corners, str) or not isinstance(corners, Sequence) or len(corners) != 2:
                raise ValueError(f"{argument}: expected two opposite corners, found {corners!r}")
            (top, left), (bottom, right) = np.sort([_corner(argument, one, glyphs.shape) for one in corners], axis=0)
            glyphs[top : bottom + 1, left : right + 1] = WALL
        return cls.parse(["".join(row) for row in glyphs], {".": "floor"}, name, start=None)

    def _check_start(self, start: str) -> None:
        starts = self.find(start)
        if not len(starts):
            raise ValueError(
                f"{self.name}: found no start; mark one with {start!r}, for example in "
                f"line {self.cells[0][0] + 1}, column {self.cells[0][1] + 1}{self._other_starts(start)}"
            )
        region = self._regions()
        lost = ~np.isin(region, region[self.state_grid[tuple(starts.T)]])
        walled_in = len(self.cells) > 1 and np.bincount(region)[region[self.state_grid[tuple(starts[0])]]] == 1
        if walled_in:
            line, column = starts[0] + 1
            raise ValueError(f"{self.name}: the start in line {line}, column {column} is walled in on all sides")
        if lost.any():
            line, column = self.cells[np.flatnonzero(lost)[0]] + 1
            raise ValueError(
                f"{self.name}: the cell in line {line}, column {column} cannot be reached from a start; open a way or "
                f"make it a wall {WALL!r}"
            )

    def _other_starts(self, start: str) -> str:
        """What to write where agents have starts of their own."""
        named = [glyph for glyph, meaning in self.legend.items() if "start" in meaning and glyph != start]
        if not named:
            return ""
        return f"; for a level whose starts are {' and '.join(map(repr, named))}, write Level.parse(..., start=None)"

    def _regions(self) -> NDArray[np.int32]:
        """(n,) the connected region of each free cell, named by its lowest cell.

        Regions that touch are joined, each under the lower name, until none is left to join.
        """
        grid = self.state_grid
        pairs = [(grid[:-1], grid[1:]), (grid[:, :-1], grid[:, 1:])]
        ends = [(a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]) for a, b in pairs]
        source, target = (np.concatenate(side) for side in zip(*ends, strict=True))
        region = np.arange(len(self.cells), dtype=np.int32)
        while np.any(region[source] != region[target]):
            low = np.minimum(region[source], region[target])
            np.minimum.at(region, region[source], low)
            np.minimum.at(region, region[target], low)
            while np.any(region[region] != region):
                region = region[region]
        return region

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.rows), len(self.rows[0])

    @cached_property
    def glyphs(self) -> NDArray[np.str_]:
        """(rows, columns) array of single characters."""
        return np.array([list(row) for row in self.rows])

    @cached_property
    def walls(self) -> NDArray[np.bool_]:
        """(rows, columns) bool."""
        return self.glyphs == WALL

    @cached_property
    def cells(self) -> NDArray[np.int32]:
        """(n, 2) row and column of each free cell, in reading order."""
        return np.argwhere(~self.walls).astype(np.int32)

    @cached_property
    def state_grid(self) -> NDArray[np.int32]:
        """(rows, columns) the position of each free cell in `cells`; -1 on walls."""
        grid = np.full(self.shape, -1, dtype=np.int32)
        grid[tuple(self.cells.T)] = np.arange(len(self.cells))
        return grid

    def find(self, glyph: str) -> NDArray[np.int32]:
        """(k, 2) the cells with this glyph, in reading order."""
        return np.argwhere(self.glyphs == glyph).astype(np.int32)

    def places(self, glyphs: str) -> tuple[Cell, ...]:
        """The cells with one of these glyphs, in reading order, as plain tuples."""
        return tuple((r, c) for r, row in enumerate(self.rows) for c, glyph in enumerate(row) if glyph in glyphs)

    def is_wall(self, cell: Cell) -> bool:
        """Whether there is a wall in this cell; everything outside the level is wall."""
        r, c = cell
        return not (0 <= r < len(self.rows) and 0 <= c < len(self.rows[0])) or self.rows[r][c] == WALL

    def __getitem__(self, cell: Cell) -> str:
        """The glyph of a cell."""
        return self.rows[cell[0]][cell[1]]

    def draw(self, *layers: tuple[str, Iterable[Cell]]) -> tuple[str, ...]:
        """The rows with glyphs drawn over them: layers of (glyph, cells), the last on top."""
        canvas = list(map(list, self.rows))
        for glyph, cells in layers:
            for r, c in cells:
                canvas[r][c] = glyph
        return tuple(map("".join, canvas))

    def __str__(self) -> str:
        return "\n".join(self.rows)


def _corner(argument: str, corner: str | Cell, shape: tuple[int, ...]) -> Cell:
    """A cell inside a grid, given as (row, column) or as "(row, column)"."""
    found: tuple[object, ...] = ()
    if isinstance(corner, str):
        match = _CELL.fullmatch(corner)
        found = tuple(map(int, match.groups())) if match else ()
    elif isinstance(corner, Sequence):
        found = tuple(corner)
    numbers = [int(n) for n in found if isinstance(n, (int, np.integer)) and not isinstance(n, bool)]
    if len(found) != 2 or len(numbers) != 2:
        raise ValueError(f"{argument}: expected a corner (row, column), or the same as text, found {corner!r}")
    row, column = numbers
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        raise ValueError(
            f"{argument}: expected a corner from (0, 0) to ({shape[0] - 1}, {shape[1] - 1}), found {corner!r}"
        )
    return row, column


def _rows(text: str | Sequence[str], name: str) -> list[str]:
    if not isinstance(text, str):
        rows = as_list(name, text, "text or rows of text")
        if not all(isinstance(row, str) for row in rows):
            raise ValueError(f"{name}: expected text or rows of text, found {text!r}")
        return rows
    lines = [line.rstrip("\r") for line in textwrap.dedent(text).split("\n")]
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
