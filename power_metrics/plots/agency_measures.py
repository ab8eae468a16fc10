"""`plot_agency_measures`: policies, or one policy over its training, by all measures of agency side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from power_metrics.measures.agency_measures import AgencyMeasures
from power_metrics.plots.bars import short_label
from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, LEARNED, NORMAL, SMALL, Picture, add_note, plain, saved
from power_metrics.plots.sweep_lines import COLOURS
from power_metrics.plots.training import LABELS, plot_training
from power_metrics.results.estimate import critical_value

COLUMNS = ("probability", "meg", "coherence", "empowerment", "power")
ERRORS = {"probability": "probability_error", "coherence": "coherence_error"}
LINES = (3.7, 2.9)
"""The size of a panel of lines."""
RARE = 0.01
"""Coherence that a note explains."""
PANEL = 2.3
"""The width of the bars of a measure, in inches."""


@plot.register(AgencyMeasures)
@saved
def plot_agency_measures(
    result: AgencyMeasures | Mapping[str, Iterable[AgencyMeasures]],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Draws P(agent), goal-directedness, coherence, empowerment and POWER of policies, a panel for each.

    Policies of a training run are lines over its steps, and of several runs their mean with its 95 % interval.

    Args:
        result: what `power_metrics.agency_measures` or `power_metrics.agency_over_training` returned; or {name of a
            group: results of runs}, such as the seeds of an algorithm.
        title: above all panels.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for groups of what is no result of runs, and a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_agency_measures
        >>> from powerenvs.worlds.power import PowerGrid
        >>> figure = plot_agency_measures(pm.agency_measures(PowerGrid("S.G"), num_samples=50))
        >>> figure.axes[0].get_xlabel()
        'P(agent)'
    """
    if not isinstance(result, AgencyMeasures):
        return _lines(_groups(result), title)
    if result.step is not None:
        return _lines({"": [result]}, title)
    names = [short_label(name) for name in result.names]
    height = 0.3 * len(names) + 1.5
    figure = Picture(figsize=(PANEL * len(COLUMNS) + 0.07 * max(map(len, names)), height), layout="constrained")
    panels = figure.subplots(1, len(COLUMNS), sharey=True)
    for ax, column in zip(panels, COLUMNS, strict=True):
        _draw(ax, result, column, names)
    panels[0].set_yticks(range(len(names)), names, fontsize=SMALL)
    panels[0].invert_yaxis()
    panels[0].set_ylabel("policy", fontsize=NORMAL)
    if title:
        figure.suptitle(title, fontsize=LARGE + 1)
    add_note(figure, _note(result))
    return figure


def _groups(given: Any) -> dict[str, list[AgencyMeasures]]:
    """{group: its runs}."""
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"result: expected a result or {{name: results of runs}}, found {given!r}")
    found = {str(name): list(runs) for name, runs in given.items()}
    for runs in found.values():
        if not runs or any(not isinstance(run, AgencyMeasures) or run.step is None for run in runs):
            raise ValueError(f"result: expected results of agency_over_training in each group, found {runs!r}")
    return found


def _lines(groups: Mapping[str, list[AgencyMeasures]], title: str | None) -> Figure:
    """All measures, and the return, over the steps of training."""
    figure = Picture(figsize=(3 * LINES[0], 2 * LINES[1] + 0.6), layout="constrained")
    for number, (ax, column) in enumerate(zip(figure.subplots(2, 3).flat, (*COLUMNS, "return_exact"), strict=True)):
        plot_training(groups, column, band="interval", ax=ax)
        if number or len(groups) == 1:
            ax.get_legend().remove()
        for runs, colour in zip(groups.values(), COLOURS, strict=False):
            for run in runs if len(runs) > 1 else []:
                ax.plot(run.step, getattr(run, column), color=colour, linewidth=0.5, alpha=0.6, zorder=1.5)
        shown = np.concatenate([getattr(run, column) for runs in groups.values() for run in runs])
        if column == "coherence":
            ax.set_yscale("symlog", linthresh=1)
            ax.yaxis.get_major_locator().set_params(numticks=7)
        low, high = float(shown.min()), float(shown.max())
        room = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
        ends = (0.0, 1.6 * high) if column == "coherence" else (low - room, high + room)
        ax.set_ylim(*ends)  # intervals of few runs are wide
    if title:
        figure.suptitle(title, fontsize=LARGE + 1)
    runs = [run for some in groups.values() for run in some]
    most = max(map(len, groups.values()))
    about = ["thick: mean of runs, thin: single runs, bands: 95% intervals of the means"] if most > 1 else []
    if min(float(run.coherence.min()) for run in runs) < RARE:
        about += ["coherence near 0: optimal for next to none of the reward functions that were drawn"]
    add_note(figure, about + _note(runs[0]))
    return figure


def _draw(ax: Axes, result: AgencyMeasures, column: str, names: list[str]) -> None:
    """A bar for each policy, with its 95 % interval where it is an estimate."""
    values = getattr(result, column)
    ax.barh(range(len(names)), values, color=LEARNED, height=0.62)
    if column in ERRORS:
        errors = np.nan_to_num(getattr(result, ERRORS[column]))
        half = critical_value(0.95, None) * errors
        low = np.minimum(half, values)  # none of these is below 0
        ax.errorbar(values, range(len(names)), xerr=[low, half], fmt="none", ecolor="black", capsize=2, linewidth=0.9)
    if column == "probability":
        ax.set_xlim(0, 1.05)
    elif not values.any():
        ax.set_xlim(0, 1)
    if column == "coherence" and values.max() > 100:
        ax.set_xscale("symlog", linthresh=1)
    ax.set_xlabel(LABELS[column], fontsize=NORMAL)
    plain(ax)
    if ax.get_xscale() == "linear":
        ax.locator_params(axis="x", nbins=4)


def _note(result: AgencyMeasures) -> list[str]:
    return [
        f"agents: {', '.join(result.agents)}",
        f"devices: {', '.join(result.devices)}",
        f"prior {result.prior:g}",
        f"γ = {result.gamma:g}",
        f"walks of at most {result.steps} steps",
        f"coherence from {result.num_samples:,} reward functions",
        f"empowerment of {result.empowerment_steps} steps",
    ]
