"""Pictures of many training runs: a panel for each world, a line for each algorithm."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.figure import Figure

from power_metrics.learners.runs import TrainingRuns
from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, SMALL, Picture, add_note, saved
from power_metrics.plots.training import plot_training
from powerenvs.model.labels import closest

COLUMNS = {
    "normalised": ("power_seeking", "normalised_task_optimal", "optimal_power_seeking"),
    "return_exact": ("returns", "return_task_optimal", "optimal_returns"),
    "score": ("score", "", ""),
    "performance_exact": ("performances", "", ""),
}
"""{column: (field, column of the optimum, its field)}."""

FEW = 5
"""Seeds from which on Student's interval says more than the range."""


@plot.register(TrainingRuns)
@saved
def plot_runs(
    result: TrainingRuns,
    column: str = "normalised",
    *,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Power-seeking over training in each world: the mean of an algorithm's seeds, and a band around it.

    The band is the 95 % interval of the mean; of fewer than five seeds it goes from the lowest to the highest.

    Args:
        result: of `power_metrics.train_many`.
        column: "normalised" (power-seeking), "return_exact", "performance_exact" or "score".
        title: above all panels.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for another column, or a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_runs
        >>> world = ("PowerGrid-v0", {"level": "S..G", "max_episode_steps": 20})
        >>> runs = pm.train_many({"corridor": world}, ["q_learning"], 2, steps=500, progress=False)
        >>> [ax.get_title() for ax in plot_runs(runs).axes]
        ['corridor']
    """
    if column not in COLUMNS:
        raise ValueError(f"column: unknown column {column!r}; {closest(column, COLUMNS)}")
    field, dashed, optimum = COLUMNS[column]
    count = len(result.worlds)
    wide = min(3, count)
    rows = -(-count // wide)
    figure = Picture(figsize=(4.2 * wide + 0.4, 3.2 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, wide, squeeze=False).ravel()
    few = len(result.seeds) < FEW
    band = "range" if few else "interval"
    for w, ax in enumerate(panels):
        if w >= count:
            ax.set_axis_off()
            continue
        groups = {}
        for a, name in enumerate(result.algorithms):
            runs = []
            for n in range(len(result.seeds)):
                there = ~np.isnan(result.step[w, a, n])
                columns = {"step": result.step[w, a, n][there], column: getattr(result, field)[w, a, n][there]}
                frame = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
                if dashed:
                    frame = [{**row, dashed: getattr(result, optimum)[w]} for row in frame]
                runs.append(frame)
            groups[name.replace("_", " ")] = runs
        plot_training(groups, column, band=band, ax=ax)
        ax.set_title(result.worlds[w], fontsize=LARGE)
        if (legend := ax.get_legend()) is not None and w:
            legend.remove()
        if w % wide:
            ax.set_ylabel("")
        ax.tick_params(labelsize=SMALL)
    handles, labels = panels[0].get_legend_handles_labels()
    if (legend := panels[0].get_legend()) is not None:
        legend.remove()
        figure.legend(
            handles, labels, loc="outside upper center", ncols=min(8, len(labels)), fontsize=SMALL, frameon=False
        )
    if title is not None:
        figure.suptitle(title, fontsize=LARGE)
    told = "from the lowest to the highest" if few else "95 % interval of the mean"
    add_note(figure, [f"{len(result.seeds)} seeds, bands: {told}", f"γ = {result.gamma:g}"])
    return figure
