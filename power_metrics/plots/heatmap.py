"""Heat maps of state values on a model's board: one square a cell, walls hatched."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from power_metrics.plots.style import NORMAL, SMALL
from powerenvs.authoring.level import WALL

COLOURS = "viridis"
BELOW, ABOVE = "0.12", "#c8372d"
"""Colours of cells below the scale and above it."""
BEYOND = ("black: below the scale", "red: above the scale")
"""What notes say of them."""
WALL_FACE, WALL_HATCH, EDGE = "0.90", "0.74", "0.82"
"""Greys, which the colour map has none of: of walls, and of the edges of cells without states."""
FLOOR = {".", " ", "F"}
"""Glyphs that mark nothing ('F' is the ice of Gymnasium's FrozenLake); all others are drawn in their cell."""
LARGEST, LEGIBLE = 11.0, 6.5
"""Font sizes of numbers, in points; they are left out where they would be smaller, unless asked for."""
TICK_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class OnBoard(Protocol):
    """What a heat map needs to know of a model of S states: a `powerenvs.TabularMDP`, or a part of a game."""

    @property
    def board(self) -> tuple[str, ...] | None:
        """Rows of text."""

    @property
    def cells(self) -> NDArray[np.int32] | None:
        """(S, 2) the (row, column) of each state; -1 where it has none."""

    @property
    def num_states(self) -> int:
        """S."""


def placed_states(mdp: OnBoard) -> NDArray[np.bool_]:
    """(S,) which states have a cell on the model's board."""
    if mdp.board is None or mdp.cells is None:
        return np.zeros(mdp.num_states, dtype=bool)
    return np.all(mdp.cells >= 0, axis=1)


def has_board(mdp: OnBoard) -> bool:
    """Whether the model has a board with at least one state on it."""
    return bool(placed_states(mdp).any())


def board_glyphs(mdp: OnBoard) -> NDArray[np.str_]:
    """(rows, columns) the characters of the board."""
    return np.array([list(row) for row in mdp.board or ()])


def states_per_cell(mdp: OnBoard) -> NDArray[np.int64]:
    """(rows, columns) how many states lie in each cell of the board."""
    count = np.zeros(board_glyphs(mdp).shape, dtype=np.int64)
    np.add.at(count, _cells(mdp), 1)
    return count


def cell_means(mdp: OnBoard, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows, columns) the mean of ``values`` (S,) over the states of each cell of a board; nan where it has none."""
    count = states_per_cell(mdp)
    total = np.zeros(count.shape)
    np.add.at(total, _cells(mdp), values[placed_states(mdp)])
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def _cells(mdp: OnBoard) -> tuple[NDArray[np.int32], ...]:
    """The rows and the columns of the states that have a cell."""
    assert mdp.cells is not None
    return tuple(mdp.cells[placed_states(mdp)].T)


def heat_map(
    ax: Axes,
    mdp: OnBoard,
    values: NDArray[np.float64],
    norm: Normalize,
    inches: float,
    decimals: int,
    numbers: bool | None = None,
) -> AxesImage:
    """Draws the board with the mean value of each cell's states.

    Args:
        ax: where to draw.
        mdp: a model with a board, of S states.
        values: (S,) one number for each state.
        norm: the colour scale.
        inches: the side of a cell, from which fonts and ticks follow.
        decimals: of the numbers in the cells.
        numbers: whether cells show their numbers; None for where they are legible.

    Returns:
        The image, for a colour bar; its array is `cell_means`, masked where a cell has no state.
    """
    means, glyphs = cell_means(mdp, values), board_glyphs(mdp)
    rows, columns = means.shape
    empty = np.isnan(means) & (glyphs != WALL)
    _blank(ax, empty)
    colours = colormaps[COLOURS].with_extremes(under=BELOW, over=ABOVE)
    image = ax.imshow(np.ma.masked_invalid(means), cmap=colours, norm=norm, interpolation="nearest")
    _ticks(ax, rows, columns, inches)
    texts = {(r, c): f"{means[r, c]:.{decimals}f}" for r, c in np.argwhere(~np.isnan(means)).tolist()}
    size = min(LARGEST, 0.84 * 72 * inches / (0.62 * max(map(len, texts.values()))), 0.36 * 72 * inches)
    shown = size >= LEGIBLE if numbers is None else numbers
    for (r, c), text in texts.items():
        ink, glyph = ink_on(colours(norm(means[r, c]))), str(glyphs[r, c])
        if shown:
            ax.text(c, r, text, ha="center", va="center_baseline", fontsize=size, color=ink, gid="value")
        if glyph not in FLOOR:
            _mark(ax, r, c, glyph, ink, inches, corner=shown)
    _outline(ax, empty, inches)
    for r, c in np.argwhere(empty).tolist():
        if (glyph := str(glyphs[r, c])) not in FLOOR:
            _mark(ax, r, c, glyph, "0.35", inches, corner=shown)
    return image


def draw_board(ax: Axes, mdp: OnBoard, inches: float) -> None:
    """Draws the board alone: white cells, hatched walls, and glyphs in the corners of their cells."""
    glyphs = board_glyphs(mdp)
    rows, columns = glyphs.shape
    _blank(ax, glyphs != WALL)
    _ticks(ax, rows, columns, inches)
    ax.grid(which="minor", color="0.85", linewidth=min(0.8, 2.5 * inches))
    for r, c in np.argwhere(glyphs != WALL).tolist():
        if (glyph := str(glyphs[r, c])) not in FLOOR:
            _mark(ax, r, c, glyph, "black", inches, corner=True)


def _blank(ax: Axes, cells: NDArray[np.bool_]) -> None:
    """Opaque white in these cells, and walls elsewhere."""
    ax.patch.set(facecolor=WALL_FACE, edgecolor=WALL_HATCH, hatch="/////", linewidth=0)
    ax.imshow(np.where(cells[:, :, None], 1.0, np.zeros(4)), interpolation="nearest")


def _outline(ax: Axes, cells: NDArray[np.bool_], inches: float) -> None:
    """Grey edges around these cells, so that rooms without states are seen as rooms."""
    squares = [Rectangle((c - 0.5, r - 0.5), 1, 1) for r, c in np.argwhere(cells).tolist()]
    width = min(0.8, 2.5 * inches)
    ax.add_collection(
        PatchCollection(squares, facecolor="none", edgecolor=EDGE, linewidth=width, zorder=2.4), autolim=False
    )


def _mark(ax: Axes, row: int, column: int, glyph: str, ink: str, inches: float, corner: bool) -> None:
    """A start or a goal: in the middle of its cell, or in its corner, out of the way of the number."""
    if corner:
        place, style = 0.44, {"ha": "left", "va": "top", "fontsize": min(8.0, 17 * inches)}
    else:
        place, style = 0.0, {"ha": "center", "va": "center_baseline", "fontsize": min(9.0, 40 * inches)}
    ax.text(column - place, row - place, glyph, color=ink, gid="glyph", **style)  # type: ignore[arg-type]


def _ticks(ax: Axes, rows: int, columns: int, inches: float) -> None:
    """Rows and columns from 0, as in the labels of cells, and lines between cells."""
    ax.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=min(0.8, 2.5 * inches))
    ax.tick_params(which="minor", length=0)
    step = next((n for n in TICK_STEPS if n * inches >= 0.2), TICK_STEPS[-1])
    ax.set_xticks(range(0, columns, step))
    ax.set_yticks(range(0, rows, step))
    ax.tick_params(which="major", labelsize=SMALL, length=2)
    ax.set_xlabel("column", fontsize=NORMAL)
    ax.set_ylabel("row", fontsize=NORMAL)


def ink_on(colour: tuple[float, float, float, float]) -> str:
    """Black on light colours, white on dark ones, by luminance."""
    red, green, blue, _ = colour
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.43 else "white"
