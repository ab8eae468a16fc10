"""Small multiples: one little picture for each state, laid out as on the board where there is one."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.plots.bars import chosen_ranks
from power_metrics.plots.heatmap import board_glyphs
from power_metrics.plots.panels import LINE, MIN_WIDTH
from power_metrics.plots.style import LARGE, LETTER, NORMAL, NOTE_COLOUR, SMALL, Picture, wrap_note
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP

Model = TabularMDP | TabularGame

MOST = 49
"""The most states that get a picture each."""
SOME = 25
"""Of more states, this many are chosen."""
SIDES = ((3, 1.9), (5, 1.5), (9, 1.25), (12, 1.1))
"""(pictures in a row, their side in inches)."""
WIDEST = 2.2
"""The widest picture that is made wider to hold the name of its state."""
LEFT, BOTTOM, TITLE, HEADING, GAP = 0.75, 0.65, 0.26, 0.35, 0.16
"""Room for labels on the left and below, titles of pictures, the one over all, and between pictures, in inches."""


class Multiples(NamedTuple):
    """A figure with a picture for each of some states.

    Attributes:
        figure: the figure.
        axes: one for each state, in their order; the scales of all are shared.
        colour_bar: a place for a colour bar, or None.
    """

    figure: Figure
    axes: list[Axes]
    colour_bar: Axes | None


def chosen_states(
    model: Model, ranked_by: NDArray[np.float64], states: Sequence[Hashable] | None, most: int = MOST, some: int = SOME
) -> NDArray[np.int64]:
    """The indices of the states with these labels.

    Args:
        model: of S states.
        ranked_by: (S,) by what states are chosen where there are many: ``some`` at evenly spaced ranks, highest first.
        states: their labels; None for all, or for a choice where there are more than ``most``.
        most: how many are drawn.
        some: how many are chosen of more.

    Raises:
        ValueError: for no states, unknown ones, and more than ``most``.
    """
    if states is None:
        return chosen_ranks(ranked_by, most, some)
    found = np.array([model.index(label) for label in states], dtype=np.int64)
    if not 0 < len(found) <= most:
        raise ValueError(f"states: expected 1 to {most}, found {len(found)}; draw some of them at a time")
    return found


def choice_note(model: Model, count: int) -> list[str]:
    """What a note says of ``count`` states that are drawn: nothing if these are all."""
    return [] if count == model.num_states else [f"{count} of {model.num_states:,} states"]


def places(model: Model, states: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The (row, column) of each state's picture: its cell if no two of them share one, else in reading order."""
    if isinstance(model, TabularMDP) and model.board is not None and model.cells is not None:
        cells = model.cells[states]
        rows, columns = board_glyphs(model).shape
        if np.all(cells >= 0) and len(np.unique(cells, axis=0)) == len(states) and max(rows, columns) <= SIDES[-1][0]:
            low = cells.min(axis=0)
            return [(int(r), int(c)) for r, c in cells - low]
    across = int(np.ceil(np.sqrt(len(states))))
    return [divmod(i, across) for i in range(len(states))]


def small_multiples(
    model: Model,
    states: NDArray[np.int64],
    labels: tuple[str, str],
    note: list[str],
    heading: str,
    colour_bar: bool = False,
) -> Multiples:
    """Empty pictures for these states, named, with shared scales and labels of axes.

    Args:
        model: whose states they are.
        states: their indices.
        labels: of the horizontal and the vertical axes.
        note: the parts of the note.
        heading: the title over all.
        colour_bar: whether to leave a place for one.
    """
    where = places(model, states)
    rows, columns = (1 + max(side) for side in zip(*where, strict=True))
    side = next((inches for most, inches in SIDES if max(rows, columns) <= most), SIDES[-1][1])
    names = [label_text(model.state_labels[s]) for s in states]
    side = max(side, min(WIDEST, max(map(len, names)) * LETTER))
    bar = 0.9 if colour_bar else 0.1
    content = LEFT + columns * side + (columns - 1) * GAP
    width = max(content + bar, MIN_WIDTH)
    left = (width - content - bar) / 2 + LEFT
    text = wrap_note(note, width)
    note_height = LINE * (text.count("\n") + 1.5)
    pitch = side + TITLE + GAP / 2
    bottom = note_height + BOTTOM
    top = bottom + rows * pitch
    height = top + HEADING
    figure: Figure = Picture(figsize=(width, height))
    axes: list[Axes] = []
    letters = max(6, int(side / LETTER))
    for name, (r, c) in zip(names, where, strict=True):
        box = (
            (left + c * (side + GAP)) / width,
            (top - r * pitch - TITLE - side) / height,
            side / width,
            side / height,
        )
        first = axes[0] if axes else None
        ax = figure.add_axes(box, sharex=first, sharey=first)
        ax.set_title(textwrap.shorten(name, letters, placeholder="…") or name[:letters], fontsize=SMALL, pad=3)
        ax.tick_params(labelsize=SMALL, length=2)
        ax.tick_params(labelbottom=(r + 1, c) not in where, labelleft=(r, c - 1) not in where)
        ax.spines[["top", "right"]].set_visible(False)
        axes.append(ax)
    middle = (left + (columns * (side + GAP) - GAP) / 2) / width
    figure.text(middle, (bottom - 0.3) / height, labels[0], ha="center", va="top", fontsize=NORMAL, gid="xlabel")
    across = (bottom + rows * pitch / 2) / height
    figure.text(
        (left - LEFT + 0.05) / width, across, labels[1], va="center", rotation=90, fontsize=NORMAL, gid="ylabel"
    )
    figure.supxlabel(text, y=note_height / height, va="top", fontsize=SMALL, color=NOTE_COLOUR)
    figure.suptitle(heading, y=1 - 0.06 / height, fontsize=LARGE + 1)
    if not colour_bar:
        return Multiples(figure, axes, None)
    tall = min(rows * pitch - TITLE, 4.0)
    place = ((left - LEFT + content + 0.12) / width, across - tall / 2 / height, 0.15 / width, tall / height)
    return Multiples(figure, axes, figure.add_axes(place))
