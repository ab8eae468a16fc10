"""`plot`: the picture of any result, by its class; one that is drawn from its dimensions where the class has none."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.plots.bars import BAR, MAX_BARS, chosen_ranks, short_label
from power_metrics.plots.heatmap import COLOURS, WALL_FACE, ink_on
from power_metrics.plots.power import draw_split
from power_metrics.plots.split import By, Column, Where
from power_metrics.plots.style import (
    LARGE,
    LETTER,
    NORMAL,
    SMALL,
    Picture,
    add_note,
    drawn_from,
    name_bar,
    plain,
    rising,
    saved,
)
from power_metrics.results.base import Result
from power_metrics.results.shown import Shown
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

CELL, ROW = 0.55, 0.24
"""The least width of a column of a table, and the height of a row, in inches."""
BINS = 40
MOST_DECIMALS = 4
"""Of numbers in the cells of a table, which have as many as tell a tenth of the scale, and at least two."""
NUMBERED = 400
"""Up to this many cells of a table show their numbers."""


@functools.singledispatch
def plot(
    result: Shown,
    *,
    column: str | None = None,
    by: By | None = None,
    where: Where | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws a result.

    Classes of results have pictures of their own, which take further arguments: `plot_power`, `plot_two_agents` and
    others; ``plot.register(MyResult)`` makes a function the picture of a class from anywhere; it takes ``title`` and
    ``path`` as this does. A class without one gets a picture of one column of its tables: numbers of states as a heat
    map on the board, or as bars with 95 % intervals; those of states and actions, or of other pairs, as a table in
    colours; those of samples as a histogram; and single numbers as bars.

    Args:
        result: of any measure.
        column: of the result's tables; by default the first that can be drawn.
        by: of numbers of states, what tells panels apart, as in `plot_power`.
        where: of numbers of states, which of them, as in `plot_power`.
        title: above the picture; by default the name of the class, in words.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for what is no result or has nothing of at most two dimensions to draw, an unknown column, a
            suffix that names no picture format, or ``by`` and ``where`` that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> figure = plot(pm.optimality_probability(turner_figure_1(), num_samples=50))
        >>> figure.axes[0].get_title()
        'Optimality estimate'
    """
    if not isinstance(result, Result):
        raise ValueError(f"result: expected a Result, found {type(result).__name__}")
    return plot_columns(result, column=column, by=by, where=where, title=title, path=path)


@saved
def plot_columns(
    result: Result,
    *,
    column: str | None = None,
    by: By | None = None,
    where: Where | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """The picture of a class that has none of its own; see `plot`."""
    drawable = {dims: columns for dims, columns in result.tables().items() if len(dims) < 3}
    known = {name: dims for dims, columns in reversed(drawable.items()) for name in columns}
    if not known:
        raise ValueError(
            f"result: expected arrays of at most two dimensions, found none in a {type(result).__name__}; "
            "plots.plot.register gives the class a picture"
        )
    if column is not None and column not in known:
        raise ValueError(f"column: unknown column {column!r}; {closest(column, known)}")
    dims = next(iter(drawable)) if column is None else known[column]
    columns = drawable[dims]
    name = next(iter(columns)) if column is None else column
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(result).__name__).capitalize()
    heading = words if title is None else title
    values = np.asarray(columns[name], dtype=np.float64)
    if dims == ("state",):
        return _states(result, values, error_of(columns, name), words_of(name), heading, by, where)
    if by is not None or where is not None:
        raise ValueError(
            f"by, where: expected None for a column of {' and '.join(dims) or 'one number'}, not of states"
        )
    if len(dims) == 2:
        return _pairs(result, dims, values, words_of(name), heading)
    if dims == ("sample",):
        return _samples(result, values, words_of(name), heading)
    if not dims:
        shown = columns if column is None else {name: columns[name]}
        return _bars(
            result,
            [words_of(each) for each in shown],
            [float(value) for value in shown.values()],
            "value",
            heading,
            "statistic",
        )
    return _bars(result, _names(result, dims[0], len(values)), values.tolist(), words_of(name), heading, dims[0])


@dataclass(frozen=True)
class Unplaced:
    """States without a board.

    Attributes:
        state_labels: the label of each.
    """

    state_labels: Sequence[Any]
    board: None = None
    cells: None = None

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.state_labels)


def _states(
    result: Result, values: Floats, error: Floats | None, label: str, heading: str, by: By | None, where: Where | None
) -> Figure:
    """A heat map on the board, or bars."""
    model = getattr(result, "model", None)
    placed = model if isinstance(model, TabularMDP) else Unplaced(_names(result, "state", len(values)))
    one = Column(placed, values, np.full(values.shape, np.nan) if error is None else np.asarray(error))
    return draw_split(one, how_made(result), heading, label, by=by, where=where)


def _pairs(result: Result, dims: tuple[str, ...], values: Floats, label: str, heading: str) -> Figure:
    """A table in colours: a row for each place along the first dimension; grey where there is nothing."""
    rows = chosen_ranks(np.nan_to_num(values, neginf=0.0).max(axis=1), MAX_BARS)
    exists = np.isfinite(values) & result.exists(dims, values.shape)
    shown = np.ma.masked_array(values, ~exists)[rows]
    names = [_names(result, dim, size) for dim, size in zip(dims, values.shape, strict=True)]
    left, below = [names[0][i] for i in rows], names[1]
    room, foot = max(map(len, left)) * LETTER, max(map(len, below)) * LETTER
    upright = foot > CELL
    width = room + max(2.6, CELL * len(below)) + 1.8
    size = (width, ROW * len(left) + (foot if upright else 0.2) + 1.4)
    figure = Picture(figsize=size, layout="constrained")
    ax = figure.add_subplot()
    ax.set_facecolor(WALL_FACE)
    known = shown.compressed()
    scale = rising(float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    image = ax.imshow(shown, cmap=COLOURS, vmin=scale[0], vmax=scale[1], aspect="auto", interpolation="nearest")
    span = float(np.ptp(known)) if known.size else 0.0
    decimals = min(MOST_DECIMALS, max(2, 1 - math.floor(math.log10(span)))) if span > 0 else 2
    if shown.size <= NUMBERED:
        for i, j in np.argwhere(~np.ma.getmaskarray(shown)).tolist():
            red, green, blue, opacity = np.asarray(image.cmap(image.norm(shown[i, j]))).tolist()
            ink = ink_on((red, green, blue, opacity))
            style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL - 1, "gid": "value"}
            ax.text(j, i, f"{shown[i, j]:.{decimals}f}", color=ink, **style)
    ax.set_xticks(range(len(below)), below, rotation=90 if upright else 0)
    ax.set_yticks(range(len(left)), left)
    ax.tick_params(labelsize=SMALL, length=0)
    ax.set_xlabel(dims[1], fontsize=NORMAL)
    ax.set_ylabel(dims[0], fontsize=NORMAL)
    ax.set_title(heading, fontsize=LARGE)
    name_bar(figure.colorbar(image, ax=ax), label)
    note = how_made(result)
    if len(left) < len(names[0]):
        note.append(f"{len(left)} of {len(names[0]):,} {dims[0]}s, at evenly spaced ranks")
    add_note(
        figure,
        [*note, "grey: not available" if dims[-1] == "action" else "grey: not known"] if shown.mask.any() else note,
    )
    return figure


def _samples(result: Result, values: Floats, label: str, heading: str) -> Figure:
    """A histogram with a line at the mean."""
    figure = Picture(figsize=(5.2, 3.6), layout="constrained")
    ax = figure.add_subplot()
    ax.hist(values[np.isfinite(values)], min(BINS, max(5, len(values) // 5)), color=BAR)
    ax.axvline(float(np.nanmean(values)), color="0.15", linewidth=1, gid="mean")
    ax.set_ylabel("samples", fontsize=NORMAL)
    return _with_axes(figure, ax, result, label, heading, ["line: mean"])


def _bars(result: Result, names: list[str], values: list[float], label: str, heading: str, dim: str) -> Figure:
    """A horizontal bar for each name."""
    shown = chosen_ranks(np.nan_to_num(np.array(values)), MAX_BARS)
    figure = Picture(figsize=(6.2, 0.24 * len(shown) + 1.5), layout="constrained")
    ax = figure.add_subplot()
    ax.barh(np.arange(len(shown)), np.array(values)[shown], height=0.72, color=BAR)
    for place, i in enumerate(shown):
        ax.annotate(
            f"{values[i]:.4g}", (max(0.0, values[i]), place), (4, 0), textcoords="offset points", va="center",
            fontsize=SMALL, gid="value",
        )  # fmt: skip
    ax.margins(x=0.14)
    ax.axvline(0, color="0.15", linewidth=0.8)
    ax.set_yticks(np.arange(len(shown)), [names[i] for i in shown])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_ylabel(dim, fontsize=NORMAL)
    note = [f"{len(shown)} of {len(names):,} {dim}s"] if len(shown) < len(names) else []
    return _with_axes(figure, ax, result, label, heading, note, names if dim == "statistic" else ())


def _with_axes(
    figure: Figure,
    ax: Axes,
    result: Result,
    label: str,
    heading: str,
    note: list[str],
    shown: Sequence[str] = (),
) -> Figure:
    """Names on a picture with one axis of numbers; what it shows is not said again below it."""
    ax.set_xlabel(label, fontsize=NORMAL)
    ax.set_title(heading, fontsize=LARGE)
    plain(ax)
    add_note(figure, [*how_made(result, shown), *note])
    return figure


def error_of(columns: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any] | None:
    """The standard error of a column: "NAME_error", or "standard_error" of the first."""
    if name == next(iter(columns)) and "standard_error" in columns:
        return columns["standard_error"]
    return columns.get(f"{name}_error")


def _names(result: Result, dim: str, size: int) -> list[str]:
    """What there is along a dimension, as text, cut where it is long."""
    known = result.coordinates(dim) or range(size)
    texts = [str(i) for i in known] if isinstance(known, range) else [label_text(label) for label in known]
    return list(map(short_label, texts))


def words_of(name: str) -> str:
    """The name of a column or a fact, for readers."""
    return name.replace("_", " ")


def how_made(result: Result, without: Sequence[str] = ()) -> list[str]:
    """The short facts of a result, for the note, without those that are shown already."""
    counted, facts = {f.name for f in fields(result) if f.compare}, result.facts()
    shown = {words_of(name): value for name, value in facts.items() if name in counted and value is not None}
    texts = {name: f"{value:,}" if isinstance(value, int) else value for name, value in shown.items()}
    return [
        f"{name} {drawn_from(text) if isinstance(text, str) else f'{text:g}'}"
        for name, text in texts.items()
        if isinstance(text, str | float) and name not in without
    ] or [type(result).__name__]
