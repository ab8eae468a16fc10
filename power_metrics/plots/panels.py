"""Where things go: the size of a figure and the places of its panels, colour bar and note, in inches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from power_metrics.plots.style import LARGE, LETTER, NOTE_COLOUR, SMALL, Picture, add_note, wrap_note

LARGEST_CELL = 0.8
PANEL_SIDES = {1: 6.0, 2: 4.4, 3: 3.4, 4: 3.0}
"""The longer side of a board by the number of panels in a row."""
MIN_WIDTH = 4.6
MIN_BAR = 1.6
"""The shortest colour bar; under boards that are lower than this it lies flat."""
LEFT, GAP, TITLE, HEADING, LABELS, LINE = 0.6, 0.5, 0.3, 0.27, 0.5, 0.15
"""Room for row labels, between panels, for their titles, the one over all, column labels, a line of the note."""
BAR_WIDTH, BAR_GAP, BAR_LABELS = 0.17, 0.15, 0.7
BAR_NUMBERS = 0.4
"""Room for the numbers beside a colour bar without a name."""
BAR_PITCH = 0.22
"""From one bar of a chart to the next."""


@dataclass(frozen=True)
class Panels:
    """A figure with its panels.

    Attributes:
        figure: the figure.
        axes: one for each panel.
        inches: the side of a cell, or the pitch of bars.
        colour_bar: axes for the colour bar; None to take room from the panels.
        own_bars: axes for a colour bar of each panel; none where all share one.
        orientation: of the colour bar.
    """

    figure: Figure
    axes: list[Axes]
    inches: float
    colour_bar: Axes | None = None
    orientation: Literal["vertical", "horizontal"] = "vertical"
    own_bars: tuple[Axes, ...] = ()


def board_panels(
    shapes: list[tuple[int, int]], note: list[str], heading: str | None = None, own_bars: bool = False
) -> Panels:
    """Panels for boards, all with cells of one size, a colour bar, and a note below.

    Args:
        shapes: (rows, columns) of each board.
        note: the parts of the note.
        heading: the title over all panels.
        own_bars: whether each panel has a colour bar of its own, beside it.
    """
    rows, columns = (max(side) for side in zip(*shapes, strict=True))
    across = 1 if columns >= 3 * rows else _across(len(shapes))
    down = -(-len(shapes) // across)
    widths = np.array([max(own for _, own in shapes[i::across]) for i in range(across)])
    inches = min(LARGEST_CELL, PANEL_SIDES[across] / rows, PANEL_SIDES[across] / widths.mean())
    board_height = rows * inches
    gap = GAP + (BAR_GAP + BAR_WIDTH + BAR_NUMBERS if own_bars else 0)
    grid_width = LEFT + widths.sum() * inches + (across - 1) * gap
    grid_height = down * board_height + (down - 1) * (TITLE + LABELS)
    flat = grid_height < MIN_BAR and not own_bars
    content = grid_width + (0 if flat else BAR_GAP + BAR_WIDTH + BAR_LABELS)
    width = max(content, MIN_WIDTH)
    text = wrap_note(note, width)
    note_height = LINE * (text.count("\n") + 1) + 0.5 * LINE
    bottom = note_height + LABELS + (BAR_WIDTH + LABELS if flat else 0)
    height = bottom + grid_height + TITLE + (0 if heading is None else HEADING)
    figure = Picture(figsize=(width, height))
    left = (width - content) / 2 + LEFT

    def place(x: float, y: float, w: float, h: float) -> Axes:
        return figure.add_axes((x / width, y / height, w / width, h / height))

    axes = []
    for i, (own_rows, own_columns) in enumerate(shapes):
        line, position = divmod(i, across)
        x = left + widths[:position].sum() * inches + position * gap
        top = bottom + grid_height - line * (board_height + TITLE + LABELS)
        axes.append(place(x, top - own_rows * inches, own_columns * inches, own_rows * inches))
    bar, bars = None, []
    if own_bars:
        for box in (ax.get_position() for ax in axes):
            bars.append(place(box.x1 * width + BAR_GAP, box.y0 * height, BAR_WIDTH, box.height * height))
    elif flat:
        length = max(MIN_BAR, 0.6 * (grid_width - LEFT))
        bar = place(left + (grid_width - LEFT - length) / 2, note_height + LABELS, length, BAR_WIDTH)
    else:
        bar = place(left - LEFT + grid_width + BAR_GAP, bottom, BAR_WIDTH, grid_height)
    figure.supxlabel(text, y=note_height / height, va="top", fontsize=SMALL, color=NOTE_COLOUR)
    if heading is not None:
        figure.suptitle(heading, y=1 - 0.06 / height, fontsize=LARGE + 1)
    return Panels(figure, axes, inches, bar, "horizontal" if flat else "vertical", tuple(bars))


def bar_panels(bars: int, letters: int, count: int, note: list[str], heading: str | None = None) -> Panels:
    """Panels for bar charts, and a note below.

    Args:
        bars: in the fullest chart.
        letters: of the longest label.
        count: of charts.
        note: the parts of the note.
        heading: the title over all charts.
    """
    across = _across(count)
    down = -(-count // across)
    width = max(MIN_WIDTH, across * (PANEL_SIDES[across] - 1 + letters * LETTER))
    figure = Picture(figsize=(width, down * (BAR_PITCH * bars + 1.0) + 0.5), layout="constrained")
    add_note(figure, note)
    if heading is not None:
        figure.suptitle(heading, fontsize=LARGE + 1)
    return Panels(figure, [figure.add_subplot(down, across, i + 1) for i in range(count)], BAR_PITCH)


def _across(count: int) -> int:
    """How many of ``count`` panels share a row, so that rows are about equally full."""
    rows = -(-count // max(PANEL_SIDES))
    return -(-count // rows)
