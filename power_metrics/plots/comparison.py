"""The picture of a comparison: POWER, visits beside it, where two policies part, and the scale of power-seeking."""

from __future__ import annotations

import math
import os
import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, PowerNorm, TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.comparison.references import LEAST, MOST, RANDOM, TASK_OPTIMAL
from power_metrics.comparison.result import PowerComparison
from power_metrics.plots.bars import short_label
from power_metrics.plots.generic import plot
from power_metrics.plots.heatmap import board_glyphs, has_board, heat_map
from power_metrics.plots.style import (
    LARGE,
    LEARNED,
    LETTER,
    NORMAL,
    OPTIMAL,
    SCALE_LABEL,
    SMALL,
    Picture,
    add_note,
    beyond_noise,
    drawn_from,
    ends_beyond,
    name_bar,
    plain,
    saved,
    wrap_note,
)
from powerenvs.model.labels import closest, label_text

Floats = NDArray[np.float64]

PANEL = 3.1
"""The longer side of a board, in inches."""
BESIDE = 0.8
"""Of the width of a panel, in inches: the room of names beside it, which titles do not have."""
MAX_STATES = 30
COLOURS = {TASK_OPTIMAL: OPTIMAL, RANDOM: "0.5", MOST: "#c0504d", LEAST: "#7a6fb0"}
VISITS = "share of discounted time (square-root scale)"
PARTING = "RdBu_r"
LEAST_PARTING = 0.01
"""The scale of differences reaches at least this far, so that policies that are all but equal look so."""


@plot.register(PowerComparison)
@saved
def plot_comparison(
    comparison: PowerComparison, name: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws a policy beside POWER and beside the task-optimal policy.

    On a board: POWER, the policy's share of time in each cell, and that share minus the task-optimal policy's; for
    models without a board the same as bars, of the states where the two differ most. Below, all policies on the
    scale of normalised power-seeking.

    Args:
        comparison: what `power_metrics.compare` returned.
        name: which policy; the first learned one when None.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a policy that was not compared, or a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_comparison
        >>> from powerenvs.worlds.power import PowerGrid
        >>> model = PowerGrid(level="open_3x3").tables()
        >>> random = model.available / model.available.sum(axis=1, keepdims=True)
        >>> figure = plot_comparison(pm.compare({"mine": random}, model, gamma=0.5))
        >>> [ax.get_title() for ax in figure.axes[:3]]
        ['POWER', 'mine: visits', 'mine minus task-optimal']
    """
    name = comparison.learned[0] if name is None else name
    if name not in comparison.policies:
        raise ValueError(f"name: no policy {name!r}; {closest(name, comparison.policies)}")
    mdp = comparison.mdp
    note = [f"{mdp.num_states} states, γ = {comparison.gamma:g}", *_notes(comparison)]
    if has_board(mdp):
        rows, columns = board_glyphs(mdp).shape
        inches = PANEL / max(rows, columns)
        width, height = 3 * (columns * inches + 0.9), rows * inches + 1.2
    else:
        inches = 0.0
        width, height = 10.5, 0.22 * min(mdp.num_states, MAX_STATES) + 1.0
    scale_height = 0.3 * len(comparison.policies) + 0.75
    figure = Picture(
        figsize=(width, height + scale_height + 0.16 * (wrap_note(note, width).count("\n") + 2)), layout="constrained"
    )
    grid = figure.add_gridspec(2, 3, height_ratios=(height, scale_height))
    axes = [figure.add_subplot(grid[0, i]) for i in range(3)]
    (_boards if has_board(mdp) else _bars)(figure, axes, comparison, name, inches)
    room = max(12, int((width / 3 - BESIDE) / (LETTER * LARGE / SMALL)))
    for ax in axes:
        ax.set_title(textwrap.fill(ax.get_title(), room, break_on_hyphens=False), fontsize=LARGE)
    _scale(figure.add_subplot(grid[1, :]), comparison)
    add_note(figure, note)
    return figure


def _notes(comparison: PowerComparison) -> list[str]:
    """How POWER was computed, and what the lines at the bottom are."""
    notes = [drawn_from(note) for note in comparison.notes if not note.startswith("intervals are missing")]
    if comparison.has_intervals:
        notes.append("lines: 95% intervals")
    if _ties_matter(comparison):
        notes.append("dots: all optimal policies, by how ties are broken")
    return notes


def _ties_matter(comparison: PowerComparison) -> bool:
    low, high = (comparison.scaled(value) for value in comparison.optimal_range)
    return not math.isnan(comparison[MOST].normalised) and high - low > 5e-4


def _boards(figure: Figure, axes: list[Axes], comparison: PowerComparison, name: str, inches: float) -> None:
    mdp, power = comparison.mdp, comparison.references.power
    share = comparison.occupancies[name]
    parting = share - comparison.occupancies[TASK_OPTIMAL]
    alive = ~mdp.terminal  # the end of an episode holds most of the time, and has the least POWER: off the scale
    most = max(float(np.abs(parting[alive]).max(initial=0.0)), LEAST_PARTING)
    panels: list[tuple[str, Floats, Normalize, str | None, str]] = [
        ("POWER", power, _norm(power[alive], comparison.standard_error), None, SCALE_LABEL),
        (f"{name}: visits", share, PowerNorm(0.5, 0.0, float(share[alive].max(initial=1e-3))), None, VISITS),
        (f"{name} minus {TASK_OPTIMAL}", parting, TwoSlopeNorm(0.0, -most, most), PARTING, "difference of the shares"),
    ]
    for i, (ax, (title, values, norm, colours, label)) in enumerate(zip(axes, panels, strict=True)):
        image = heat_map(ax, mdp, values, norm, inches, 2, False if colours else None)
        if colours is not None:
            image.set_cmap(colours)
            for drawn in ax.texts:
                drawn.set_color("black")
        ax.set_title(title)
        if i:
            ax.set_ylabel("")
        bar = figure.colorbar(image, ax=ax, location="bottom", extend=_extend(values, norm), shrink=0.9)
        name_bar(bar, label)
        bar.ax.locator_params(nbins=4)


def _norm(values: Floats, errors: Floats | None) -> Normalize:
    low, high = beyond_noise(float(values.min()), float(values.max()), errors)
    return Normalize(low, high if high - low > 1e-9 else low + 1e-3)


def _extend(values: Floats, norm: Any) -> str:
    return ends_beyond(bool(values.min() < norm.vmin - 1e-9), bool(values.max() > norm.vmax + 1e-9))


def _bars(figure: Figure, axes: list[Axes], comparison: PowerComparison, name: str, inches: float) -> None:
    mdp = comparison.mdp
    share, optimal = comparison.occupancies[name], comparison.occupancies[TASK_OPTIMAL]
    shown = np.sort(np.argsort(-np.abs(share - optimal), kind="stable")[:MAX_STATES])
    place = np.arange(len(shown))
    axes[0].barh(place, comparison.references.power[shown], color=LEARNED)
    axes[0].set_yticks(place, [short_label(label_text(mdp.state_labels[s])) for s in shown])
    axes[0].set_ylabel("state", fontsize=NORMAL)
    axes[0].set_xlabel(SCALE_LABEL, fontsize=NORMAL)
    axes[0].set_title("POWER")
    axes[1].barh(place - 0.2, share[shown], height=0.4, color=LEARNED, label=name)
    axes[1].barh(place + 0.2, optimal[shown], height=0.4, color=COLOURS[TASK_OPTIMAL], label=TASK_OPTIMAL)
    axes[1].legend(fontsize=SMALL, frameon=False)
    axes[1].set_xlabel("share of discounted time", fontsize=NORMAL)
    axes[1].set_title("visits")
    axes[2].barh(place, (share - optimal)[shown], color=LEARNED)
    axes[2].axvline(0, color="0.15", linewidth=0.8)
    axes[2].set_xlabel("difference of the shares", fontsize=NORMAL)
    axes[2].set_title(f"{name} minus {TASK_OPTIMAL}")
    for ax in axes:
        ax.invert_yaxis()
        plain(ax)
    for ax in axes[1:]:
        ax.set_yticks([])


def _scale(ax: Axes, comparison: PowerComparison) -> None:
    """All policies on the scale of power-seeking; normalised where that is defined."""
    names = list(comparison.policies)
    statistic = "power_seeking" if math.isnan(comparison[MOST].normalised) else "normalised"
    for y, name in enumerate(names):
        value, colour = getattr(comparison[name], statistic), COLOURS.get(name, LEARNED)
        if comparison.has_intervals:
            low, high = comparison.confidence_interval(name, statistic)
            ax.plot([low, high], [y, y], color=colour, linewidth=2.5, solid_capstyle="butt", alpha=0.6)
        ax.plot([value], [y], "o", color=colour, markersize=6)
        number = f"{value:.3f}".replace("-", "−")
        ax.annotate(number, (value, y), (0, 6), textcoords="offset points", ha="center", fontsize=SMALL)
    if _ties_matter(comparison):
        ends = [comparison.scaled(value) for value in comparison.optimal_range]
        below = names.index(TASK_OPTIMAL) + 0.22
        ax.plot(ends, [below, below], color=COLOURS[TASK_OPTIMAL], linewidth=1.5, linestyle=":")
    ax.axvline(0, color="0.7", linewidth=0.8, zorder=0)
    if statistic == "normalised":
        ax.axvline(1, color="0.7", linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylabel("policy", fontsize=NORMAL)
    ax.set_ylim(len(names) - 0.5, -0.9)
    ax.margins(x=0.08)
    ax.tick_params(labelsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    what = "normalised power-seeking (random 0, most 1)" if statistic == "normalised" else SCALE_LABEL
    ax.set_xlabel(what, fontsize=NORMAL)
