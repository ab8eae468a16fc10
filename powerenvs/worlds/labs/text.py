"""`LabText`: a text level of DeepMind Lab as cells and the walls between them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.level import Cell
from powerenvs.model.checks import as_list

WALL, SPAWN = "*", "P"
DOORS = {"H": (0, 2), "I": (1, 3)}
"""Doors, and the sides of their cell that they connect: north and south, or east and west."""
FLOOR = (" ", ".")
SIDES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""(rows, columns) to the neighbour in the north, east, south and west."""
KINDS = ("full", "thin")


@dataclass(frozen=True)
class LabText:
    """An entity layer and a variations layer, as DeepMind Lab reads them.

    Empty lines do not count. The longest line gives the width; what shorter ones lack is wall. '*' is wall, ' ' and
    '.' are floor, 'P' is where an agent may start, 'H' is a door that is crossed from north to south and 'I' one that
    is crossed from east to west. What any other letter means is up to the world; where it means nothing there is
    floor. In the variations layer 'A' to 'Z' name a look, and anything else is the default.

    With ``walls="full"`` each character is a cell. With "thin" walls, characters in odd lines and columns (from 0) are
    cells, those between two of them are walls '*' or openings, and the rest are posts: what is 2 H + 1 lines and
    2 W + 1 columns of text is a maze of H by W cells.

    Attributes:
        rows: the entity layer, all lines of one length.
        looks: the variations layer, of the same size.
        walls: "full" or "thin".
        name: what messages call the level.

    Example:
        >>> level = LabText.parse(["*****", "*P G*", "*****"], name="corridor")
        >>> level.shape, level.places("G"), level.neighbour((1, 1), 1)
        ((3, 5), ((1, 3),), (1, 2))
    """

    rows: tuple[str, ...]
    looks: tuple[str, ...]
    walls: str
    name: str

    @classmethod
    def parse(
        cls,
        text: str | Sequence[str],
        variations: str | Sequence[str] | None = None,
        walls: str = "full",
        name: str = "level",
        glyphs: Collection[str] = (),
    ) -> LabText:
        """Reads the two layers.

        Args:
            text: the entity layer, as text or lines. Nothing is stripped: a space is floor.
            variations: the variations layer; the default look everywhere when None.
            walls: "full" or "thin".
            name: for messages.
            glyphs: what may appear besides walls, floor, letters, as the world has a meaning for it.

        Raises:
            ValueError: for an empty level, a glyph that is none, a variations layer that is larger than the level,
                and thin walls in a text of even size, with things in walls, or with doors; with line and column, both
                from 1.
        """
        if walls not in KINDS:
            raise ValueError(f"walls: expected 'full' or 'thin', found {walls!r}")
        given = _lines(name, text)
        if not given:
            raise ValueError(f"{name}: expected lines of glyphs, found an empty level")
        for line, row in given:
            for column, glyph in enumerate(row, 1):
                if not (glyph in (WALL, *FLOOR) or glyph in glyphs or (glyph.isascii() and glyph.isalpha())):
                    hint = "; walls are '*'" if glyph == "#" else ""
                    raise ValueError(
                        f"{name}: expected a wall '*', floor ' ' or '.', or a letter, found {glyph!r} in line {line}, "
                        f"column {column}{hint}"
                    )
        width = max(len(row) for _, row in given)
        rows = tuple(row.ljust(width, WALL) for _, row in given)
        looks = cls._looks(name, variations, len(rows), width)
        found = cls(rows, looks, walls, name)
        if walls == "thin":
            found._check_thin([line for line, _ in given])
        if not found.cells:
            raise ValueError(f"{name}: expected at least one free cell, found walls only")
        return found

    @staticmethod
    def _looks(name: str, variations: str | Sequence[str] | None, height: int, width: int) -> tuple[str, ...]:
        given = [] if variations is None else _lines(f"{name}: variations", variations)
        for i, (line, row) in enumerate(given):
            if i >= height or len(row) > width:
                where = f"line {line}" if i >= height else f"line {line}, column {width + 1}"
                raise ValueError(
                    f"{name}: expected a variations layer of at most {height} lines and {width} columns, as the level "
                    f"has, found more in {where}"
                )
        lines = [row.ljust(width, ".") for _, row in given]
        return tuple(lines + ["." * width] * (height - len(lines)))

    def _check_thin(self, lines: Sequence[int]) -> None:
        height, width = len(self.rows), len(self.rows[0])
        if not (height % 2 and width % 2 and min(height, width) > 2):
            where = f"line {lines[-1]}" if height % 2 == 0 or height < 3 else f"line {lines[0]}, column {width}"
            raise ValueError(
                f"{self.name}: expected odd numbers of lines and columns, at least 3, for thin walls, found "
                f"{height} and {width}, up to {where}; walls='full' makes a cell of each character"
            )
        for r, row in enumerate(self.rows):
            for c, glyph in enumerate(row):
                between = not (r % 2 and c % 2)
                if glyph in DOORS or (between and glyph not in (WALL, *FLOOR)):
                    what = "a door" if glyph in DOORS else "a thing in a wall"
                    raise ValueError(
                        f"{self.name}: expected things in odd lines and columns (from 0) only, and no doors, for thin "
                        f"walls, found {what}, {glyph!r}, in line {lines[r]}, column {c + 1}"
                    )
                edge = r in (0, height - 1) or c in (0, width - 1)
                if edge and glyph != WALL:
                    raise ValueError(
                        f"{self.name}: expected walls '*' all around for thin walls, found {glyph!r} in line "
                        f"{lines[r]}, column {c + 1}"
                    )

    def with_things(self, things: Mapping[Cell, str]) -> LabText:
        """The same level with these letters in these cells."""
        rows = [list(row) for row in self.rows]
        for cell, glyph in things.items():
            r, c = self.on_text(cell)
            rows[r][c] = glyph
        return replace(self, rows=tuple("".join(row) for row in rows))

    @cached_property
    def _step(self) -> int:
        return 2 if self.walls == "thin" else 1

    def _cells_of(self, rows: Sequence[str]) -> NDArray[np.str_]:
        grid = np.array([list(row) for row in rows])
        return grid[1::2, 1::2] if self.walls == "thin" else grid

    @cached_property
    def glyphs(self) -> NDArray[np.str_]:
        """(rows, columns) the glyph of each cell."""
        return self._cells_of(self.rows)

    @cached_property
    def variations(self) -> NDArray[np.uint8]:
        """(rows, columns) the look of each cell: 0 for the default and walls, 1 to 26 for 'A' to 'Z'."""
        codes = np.array([[ord(look) for look in row] for row in self._cells_of(self.looks)])
        named = (codes >= ord("A")) & (codes <= ord("Z")) & ~self.solid
        return np.where(named, codes - ord("A") + 1, 0).astype(np.uint8)

    @cached_property
    def solid(self) -> NDArray[np.bool_]:
        """(rows, columns) which cells are wall."""
        return self.glyphs == WALL

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.glyphs.shape  # type: ignore[return-value]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The free cells, in reading order."""
        rows, columns = (axis.tolist() for axis in np.nonzero(~self.solid))
        return tuple(zip(rows, columns, strict=True))

    @cached_property
    def number(self) -> Mapping[Cell, int]:
        """{free cell: its position in `cells`}."""
        return {cell: i for i, cell in enumerate(self.cells)}

    @cached_property
    def open(self) -> NDArray[np.bool_]:
        """(rows, columns, 4) whether one can go from a cell to the next one in the north, east, south and west.

        A door is entered and left on the two sides that it connects only.
        """
        rows, columns = self.shape
        passable = np.repeat(~self.solid[:, :, None], 4, axis=2)
        for door, sides in DOORS.items():
            passable[self.glyphs == door] &= np.isin(np.arange(4), sides)
        beyond = np.zeros((rows + 2, columns + 2, 4), dtype=bool)
        beyond[1:-1, 1:-1] = passable
        back = [beyond[1 + r : 1 + r + rows, 1 + c : 1 + c + columns, (s + 2) % 4] for s, (r, c) in enumerate(SIDES)]
        found: NDArray[np.bool_] = passable & np.stack(back, axis=2)
        if self.walls == "thin":
            closed = np.array([list(row) for row in self.rows]) == WALL
            north, west = closed[0::2, 1::2], closed[1::2, 0::2]
            found &= ~np.stack([north[:-1], west[:, 1:], north[1:], west[:, :-1]], axis=2)
        return found

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """(n, 4) the position in `cells` of the next cell in the north, east, south and west; -1 where a wall is."""
        grid = np.full(self.shape, -1, dtype=np.int32)
        places = tuple(np.array(self.cells).T)
        grid[places] = np.arange(len(self.cells))
        beyond = np.pad(grid, 1, constant_values=-1)
        steps = np.stack([beyond[places[0] + 1 + r, places[1] + 1 + c] for r, c in SIDES], axis=1)
        return np.where(self.open[places], steps, -1)

    @cached_property
    def neighbours_of_eight(self) -> NDArray[np.int32]:
        """(n, 8) `neighbours`, and between them those across a corner, clockwise from the north.

        One can go across a corner where one can go around it on both sides.
        """
        straight = self.neighbours
        found = np.full((len(self.cells), 8), -1, dtype=np.int32)
        found[:, ::2] = straight
        for side in range(4):
            other = (side + 1) % 4
            one, two = straight[:, side], straight[:, other]
            around = np.where((one < 0) | (two < 0), -1, straight[one, other])
            found[:, 2 * side + 1] = np.where(around == straight[two, side], around, -1)
        return found

    def neighbour(self, cell: Cell, side: int) -> Cell | None:
        """The next cell on a side (0 north, 1 east, 2 south, 3 west); None where a wall is in the way."""
        i = self._ways[self.number[cell]][side]
        return None if i < 0 else self.cells[i]

    @cached_property
    def _ways(self) -> list[list[int]]:
        return self.neighbours.tolist()  # type: ignore[no-any-return]

    def places(self, glyphs: str) -> tuple[Cell, ...]:
        """The cells with one of these glyphs, in reading order."""
        return tuple(cell for cell in self.cells if self.glyphs[cell] in glyphs)

    def reached(self, starts: Iterable[Cell], shut: Collection[Cell] = ()) -> tuple[Cell, ...]:
        """The cells that can be reached from some of these, those included, in reading order; none of ``shut``."""
        found = set(starts) - set(shut)
        edge = list(found)
        while edge:
            cell = edge.pop()
            for side in range(4):
                there = self.neighbour(cell, side)
                if there is not None and there not in found and there not in shut:
                    found.add(there)
                    edge.append(there)
        return tuple(sorted(found))

    def distances(self, start: Cell) -> dict[Cell, int]:
        """{cell: steps from ``start``, from cell to cell} of all that can be reached."""
        found, edge = {start: 0}, [start]
        while edge:
            nearest = [self.neighbour(cell, side) for cell in edge for side in range(4)]
            steps = found[edge[0]] + 1
            edge = []
            for cell in nearest:
                if cell is not None and cell not in found:
                    found[cell] = steps
                    edge.append(cell)
        return found

    def on_text(self, cell: Cell) -> Cell:
        """Where in the text a cell is, (line, column) from 0."""
        return (2 * cell[0] + 1, 2 * cell[1] + 1) if self.walls == "thin" else cell

    def drawn(self, meanings: Collection[str]) -> tuple[str, ...]:
        """The entity layer as boards have it: walls are '#', and letters that mean nothing are floor."""
        kept = {SPAWN, *meanings}
        return tuple("".join("#" if g == WALL else g if g in kept else " " for g in row) for row in self.rows)


def _lines(name: str, text: str | Sequence[str]) -> list[tuple[int, str]]:
    """The lines that are not empty, with their numbers from 1."""
    rows = re.split(r"\r?\n", text) if isinstance(text, str) else as_list(name, text, "text or lines of text")
    if not all(isinstance(row, str) for row in rows):
        raise ValueError(f"{name}: expected text or lines of text, found {text!r}")
    return [(line, row) for line, row in enumerate(rows, 1) if row]
