"""The picture of a world in the terminal: lines of coloured text, without any knowledge of keys or windows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib import colormaps
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from power_metrics.editor.live import CellPower
from power_metrics.plots.heatmap import COLOURS
from powerenvs.authoring.level import WALL, Cell
from powerenvs.worlds.power.editing import EditedWorld
from powerenvs.worlds.power.grid import GOAL

ARROWS = {"stay": "•", "up": "↑", "down": "↓", "left": "←", "right": "→"}
MARGIN = 3
"""Columns of text left of the grid, for the numbers of rows; one line above it has those of columns."""
LARGE, SMALL = (2, 7), (1, 2)
"""Lines and columns of text that a cell takes."""
WALL_STYLE = Style(color="#585858", bgcolor="#303030")
CURSOR = "#ff5f1f"
UNKNOWN = "#181818"
PLAIN = Style(color="#909090")


@dataclass(frozen=True)
class View:
    """What is to be seen.

    Attributes:
        world: the world.
        power: its heat map; None before the first, and after edits of the size.
        current: False greys the heat map, which is then that of an earlier world.
        cursor: the cell under the cursor.
        large: whether cells are large enough for numbers.
        agent: of two agents, whose POWER it is.
    """

    world: EditedWorld
    power: CellPower | None
    current: bool
    cursor: Cell
    large: bool
    agent: str | None = None

    @property
    def cell_size(self) -> tuple[int, int]:
        """Lines and columns of text that a cell takes."""
        return LARGE if self.large else SMALL

    @property
    def size(self) -> tuple[int, int]:
        """Lines and columns of text of the whole picture."""
        lines, columns = self.cell_size
        return 1 + lines * self.world.shape[0], MARGIN + columns * self.world.shape[1]

    def corner(self, cell: Cell) -> tuple[int, int]:
        """The line and column of text at which a cell begins."""
        lines, columns = self.cell_size
        return 1 + lines * cell[0], MARGIN + columns * cell[1]

    def cell_at(self, line: int, column: int) -> Cell | None:
        """The cell at a place in the picture, if there is one."""
        lines, columns = self.cell_size
        cell = ((line - 1) // lines, (column - MARGIN) // columns)
        rows, cells = self.world.shape
        return cell if line >= 1 and column >= MARGIN and cell[0] < rows and cell[1] < cells else None

    def value(self, cell: Cell) -> float:
        """POWER of a cell; nan in a wall, and where it is not known."""
        wall = self.world.rows[cell[0]][cell[1]] == WALL
        return math.nan if self.power is None or wall else float(self.power.mean[cell])


def power_colour(value: float, low: float, high: float, grey: bool = False) -> tuple[int, int, int]:
    """The colour of a value, (red, green, blue), as in the plots; or its luminance as a grey."""
    share = (value - low) / (high - low) if high > low else 0.5
    red, green, blue, _ = colormaps[COLOURS](min(max(share, 0.0), 1.0))
    if grey:
        red = green = blue = 0.15 + 0.55 * (0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return round(255 * red), round(255 * green), round(255 * blue)


def power_style(value: float, low: float, high: float, grey: bool = False) -> Style:
    """Black or white, whichever is legible, on the colour of a value."""
    red, green, blue = power_colour(value, low, high, grey)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.43 * 255
    return Style(color="#000000" if light else "#ffffff", bgcolor=f"#{red:02x}{green:02x}{blue:02x}")


def removed_here(view: View, cell: Cell) -> list[str]:
    """The actions of a cell that were taken out, for the agent that is shown."""
    removed = {entry.action for entry in view.world.removed if (entry.cell, entry.agent) == (cell, view.agent)}
    return [action for action in ARROWS if action in removed]


def mark(view: View, cell: Cell) -> str:
    """The one character that says what is in a cell: an agent's place before the glyph; a blank for floor."""
    here = [agent[0].upper() for agent, place in view.world.places.items() if place == cell]
    glyph = view.world.rows[cell[0]][cell[1]]
    return here[0] if here else " " if glyph == "." else glyph


def grid_line(view: View, line: int) -> list[Segment]:
    """One line of text of the picture."""
    if line >= view.size[0]:
        return []
    columns = range(view.world.shape[1])
    width = view.cell_size[1]
    if line == 0:
        step = 1 if view.large or len(columns) <= 10 else 2  # numbers of two digits need room between them
        names = (str(c % 100) if c % step == 0 else "" for c in columns)
        return [Segment(" " * MARGIN), *(Segment(name.center(width), PLAIN) for name in names)]
    row, part = divmod(line - 1, view.cell_size[0])
    label = f"{row:>2} " if part == 0 else " " * MARGIN
    pieces = [Segment(label, PLAIN)]
    for c in columns:
        pieces += _large(view, (row, c), part) if view.large else _small(view, (row, c))
    return pieces


def _style(view: View, cell: Cell) -> Style:
    if view.world.rows[cell[0]][cell[1]] == WALL:
        return WALL_STYLE
    value = view.value(cell)
    if view.power is None or math.isnan(value):
        return Style(color="#d0d0d0", bgcolor=UNKNOWN)
    return power_style(value, view.power.low, view.power.high, grey=not view.current)


def _large(view: View, cell: Cell, part: int) -> list[Segment]:
    """A line of a large cell: its mark and the removed actions, or its number, between the sides of the cursor."""
    style = _style(view, cell)
    wall = view.world.rows[cell[0]][cell[1]] == WALL
    if wall:
        text = "╱╱╱╱╱"
    elif part == 0:
        text = mark(view, cell) + "".join(ARROWS[action] for action in removed_here(view, cell)).rjust(4)
    else:
        value = view.value(cell)
        text = "  -  " if math.isnan(value) else f"{value:.3f}"
    if view.cursor == cell:
        frame = Style(color=CURSOR, bgcolor=style.bgcolor.name if style.bgcolor else None)
        return [Segment("█", frame), Segment(text, style + Style(bold=True)), Segment("█", frame)]
    side = "╱" if wall else " "
    return [Segment(f"{side}{text}{side}", style)]


def _small(view: View, cell: Cell) -> list[Segment]:
    """A small cell: its mark, and a cross if actions were removed."""
    if view.world.rows[cell[0]][cell[1]] == WALL:
        text = "╱╱"
    else:
        text = mark(view, cell) + ("×" if removed_here(view, cell) else " ")
    style = _style(view, cell)
    return [Segment(text, Style(color="#000000", bgcolor=CURSOR, bold=True) if view.cursor == cell else style)]


def scale_text(view: View, width: int = 32) -> Text:
    """The legend: the colours between the lowest and the highest POWER."""
    text = Text().append("   POWER  ", "bold")
    if view.power is None:
        return text.append("not known yet", style="dim")
    low, high = view.power.low, view.power.high
    text.append(f"{low:.4f} ")
    for step in range(width):
        value = low + (high - low) * step / (width - 1)
        red, green, blue = power_colour(value, low, high, grey=not view.current)
        text.append(" ", Style(bgcolor=f"#{red:02x}{green:02x}{blue:02x}"))
    text.append(f" {high:.4f}")
    return text if view.current else text.append("  of an earlier world", style="dim")


def cell_text(view: View, actions: dict[str, bool] | None) -> Text:
    """What the panel says of the cell under the cursor.

    Args:
        view: the view.
        actions: {action: whether it exists} of the cell; None where the level is no world.
    """
    names = {WALL: "wall", ".": "floor", "S": "start", GOAL: "goal"}
    glyph = view.world.rows[view.cursor[0]][view.cursor[1]]
    here = [agent for agent, place in view.world.places.items() if place == view.cursor]
    text = Text().append(f"{view.cursor} ", "bold").append(", ".join([names[glyph], *here]) + "\n")
    value = view.value(view.cursor)
    if view.power is not None and not math.isnan(value):
        error = view.power.standard_error[view.cursor]
        text.append(f"POWER {value:.4f} ± {error:.4f}\n", style="bold" if view.current else "dim")
    else:
        text.append("POWER -\n")
    text.append("actions")
    for action, exists in (actions or {}).items():
        text.append(" ").append(ARROWS[action], Style() if exists else Style(color=CURSOR, strike=True))
    return text.append("\n")
