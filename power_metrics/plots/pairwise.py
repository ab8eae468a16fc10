"""How the POWER of states goes together, over reward functions."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count
from power_metrics.plots.bars import short_label
from power_metrics.plots.heatmap import COLOURS, WALL_FACE
from power_metrics.plots.multiples import choice_note, chosen_states, small_multiples
from power_metrics.plots.panels import MIN_WIDTH
from power_metrics.plots.style import (
    LARGE,
    LETTER,
    NORMAL,
    SMALL,
    Picture,
    add_note,
    drawn_from,
    name_bar,
    saved,
)
from powerenvs.model.labels import label_text

if TYPE_CHECKING:
    from power_metrics.results.estimate import PowerEstimate

SIGNED = "PuOr"
"""Colours from -1 to 1 that colour-blind readers tell apart."""
MOST_STATES = 400
NAMED, NUMBERED = 40, 12
"""Up to this many states are all named, and their correlations written out."""


@saved
def plot_power_pairs(
    estimate: PowerEstimate,
    state: Hashable,
    *,
    states: Sequence[Hashable] | None = None,
    bins: int = 25,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws the POWER of one state against that of each other, as 2-D histograms over reward functions.

    Pictures lie as their cells do on a board, and have shared scales and colours. The state itself shows as the
    diagonal; the correlation r with each other one is written in its picture.

    Args:
        estimate: of `power_metrics.power` with ``keep_samples=True``, or of one agent in a game.
        state: the label of the state on the horizontal axes.
        states: labels of up to 49 states for the vertical ones; by default all, or of more 25 at evenly spaced ranks.
        bins: along each side, over the range of all states.
        title: above all pictures.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for an estimate without samples, unknown states or too many, or a suffix that names no picture
            format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_power_pairs
        >>> from powerenvs.worlds.power import PowerGrid
        >>> kept = pm.power(PowerGrid(level="open_3x3"), num_samples=50, progress=False, keep_samples=True)
        >>> figure = plot_power_pairs(kept, (0, 0))
        >>> figure.get_suptitle()
        'POWER of (0, 0) and of each state, γ = 0.9'
    """
    bins, samples = check_count("bins", bins), estimate.samples
    own = estimate.model.index(state)
    shown = chosen_states(estimate.model, estimate.mean, states)
    name = label_text(estimate.model.state_labels[own])
    edges = np.histogram_bin_edges(samples[:, [own, *shown]], bins)
    counts = [np.histogram2d(samples[:, own], samples[:, s], bins=(edges, edges))[0] for s in shown]
    note = [
        f"{len(samples):,} reward functions, {drawn_from(estimate.reward)}",
        *choice_note(estimate.model, len(shown)),
        "r: correlation over reward functions",
    ]
    heading = f"POWER of {name} and of each state, γ = {estimate.gamma:g}" if title is None else title
    labels = (f"POWER of {name}", "POWER of the state named above")
    multiples = small_multiples(estimate.model, shown, labels, note, heading, colour_bar=True)
    norm = LogNorm(1, max(2.0, max(float(count.max()) for count in counts)))
    for ax, s, count in zip(multiples.axes, shown, counts, strict=True):
        mesh = ax.pcolormesh(
            edges, edges, np.ma.masked_equal(count.T, 0), norm=norm, cmap=COLOURS, rasterized=True, linewidth=0
        )
        r = _correlations(samples[:, [own, s]])[0, 1]
        text = "r undefined" if np.isnan(r) else f"r = {r:.2f}".replace("-", "−")
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}
        ax.text(0.96, 0.05, text, transform=ax.transAxes, ha="right", fontsize=SMALL, bbox=box, gid="correlation")
    multiples.axes[0].set(xlim=(edges[0], edges[-1]), ylim=(edges[0], edges[-1]))
    multiples.axes[0].xaxis.set_major_locator(MaxNLocator(3))
    multiples.axes[0].yaxis.set_major_locator(MaxNLocator(3))
    bar = multiples.figure.colorbar(mesh, cax=multiples.colour_bar)
    name_bar(bar, "reward functions")
    return multiples.figure


@saved
def plot_power_correlations(
    estimate: PowerEstimate,
    *,
    states: Sequence[Hashable] | None = None,
    values: bool | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws the correlation, over reward functions, between the POWER of all pairs of states.

    Args:
        estimate: of `power_metrics.power` with ``keep_samples=True``, or of one agent in a game.
        states: labels of up to 400 states; by default all, or of more 40 at evenly spaced ranks.
        values: whether numbers appear in the cells; None for where they are legible.
        title: above the picture; by default the discount.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for an estimate without samples, unknown states or too many, or a suffix that names no picture
            format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_power_correlations
        >>> from powerenvs.worlds.power import PowerGrid
        >>> kept = pm.power(PowerGrid(level="open_3x3"), num_samples=50, progress=False, keep_samples=True)
        >>> figure = plot_power_correlations(kept)
        >>> figure.axes[0].get_title()
        'Correlation of POWER, γ = 0.9'
    """
    samples, model = estimate.samples, estimate.model
    shown = chosen_states(model, estimate.mean, states, MOST_STATES, NAMED)
    count = len(shown)
    matrix = _correlations(samples[:, shown])
    names = [short_label(label_text(model.state_labels[s])) for s in shown]
    room = max(map(len, names)) * LETTER
    side = float(np.clip(0.42 * count, 2.6, 7.0))
    width = max(MIN_WIDTH, side + room + 1.6)
    figure = Picture(figsize=(width, side + room + 1.6), layout="constrained")
    ax = figure.add_subplot()
    ax.set_facecolor(WALL_FACE)
    image = ax.imshow(np.ma.masked_invalid(matrix), cmap=SIGNED, vmin=-1, vmax=1, interpolation="nearest")
    ticks = np.arange(0, count, -(-count // NAMED))
    upright = count > 6 or room > 0.5
    ax.set_xticks(ticks, [names[i] for i in ticks], rotation=90 if upright else 0)
    ax.set_yticks(ticks, [names[i] for i in ticks])
    ax.tick_params(labelsize=SMALL, length=2)
    ax.set_xlabel("state", fontsize=NORMAL)
    ax.set_ylabel("state", fontsize=NORMAL)
    if count <= NUMBERED if values is None else values:
        for (i, j), r in np.ndenumerate(matrix):
            if not np.isnan(r):
                ink = "white" if abs(r) > 0.75 else "black"
                text = f"{r:.2f}".replace("-", "−")
                ax.text(j, i, text, ha="center", va="center", fontsize=SMALL - 1, color=ink, gid="value")
    bar = figure.colorbar(image, ax=ax, shrink=0.8)
    name_bar(bar, "correlation of POWER over reward functions")
    note = [f"{len(samples):,} reward functions, {drawn_from(estimate.reward)}", *choice_note(model, count)]
    if np.isnan(matrix).any():
        note.append("grey: POWER does not vary")
    if len(ticks) < count:
        note.append(f"one state in {-(-count // NAMED)} is named")
    add_note(figure, note)
    ax.set_title(f"Correlation of POWER, γ = {estimate.gamma:g}" if title is None else title, fontsize=LARGE)
    return figure


def _correlations(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, K) Pearson correlations of the columns of (N, K); nan where one does not vary but for rounding."""
    centred = samples - samples.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    length[length <= 1e-12 * np.linalg.norm(samples, axis=0)] = np.nan
    unit = centred / length
    return np.clip(unit.T @ unit, -1, 1)
