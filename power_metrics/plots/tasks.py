"""The picture of a learner over many tasks: what it earns, the POWER that it seeks, how far that is from optimal."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.plots.generic import plot
from power_metrics.plots.style import (
    LARGE,
    LEARNED,
    NORMAL,
    OPTIMAL,
    SMALL,
    Picture,
    add_note,
    agent_title,
    plain,
    saved,
)
from power_metrics.plots.sweep_lines import COLOURS
from power_metrics.results.estimate import critical_value
from power_metrics.tasks.game_result import ManyGameTasks
from power_metrics.tasks.result import ManyTasks

Floats = NDArray[np.float64]


@plot.register(ManyTasks)
@saved
def plot_many_tasks(
    result: ManyTasks, *, title: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws means over tasks, with 95 % intervals, over the steps of training.

    Args:
        result: what `power_metrics.many_tasks` returned.
        title: above all.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_many_tasks
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.many_tasks(PowerGrid("S.."), "q_learning", steps=200, num_tasks=3, progress=False)
        >>> [ax.get_title() for ax in plot_many_tasks(found).axes]
        ['return', 'power-seeking', 'learned less optimal']
    """
    figure: Figure = Picture(figsize=(11.0, 3.6), layout="constrained")
    returns, seeking, apart = figure.subplots(1, 3)
    steps = result.step
    _band(returns, steps, result.score, LEARNED, "learned")
    returns.axhline(1.0, color=OPTIMAL, linestyle="--", linewidth=1.2)
    returns.axhline(0.0, color="0.6", linestyle=":", linewidth=1.0)
    returns.set_ylabel("share of the best return (random 0, best 1)", fontsize=NORMAL)
    returns.set_title("return", fontsize=LARGE)
    _band(seeking, steps, result.normalised, LEARNED, "learned, mean over tasks")
    seeking.axhline(
        result.optimal_normalised.mean(), color=OPTIMAL, linestyle="--", linewidth=1.2, label="optimal, mean over tasks"
    )
    seeking.axhline(0.0, color="0.6", linestyle=":", linewidth=1.0)
    seeking.set_ylabel("normalised (random 0, most 1)", fontsize=NORMAL)
    seeking.set_title("power-seeking", fontsize=LARGE)
    drawn = seeking.get_legend_handles_labels()
    figure.legend(*drawn, loc="outside upper center", ncols=2, fontsize=SMALL, frameon=False)
    low, high = result.interval().T
    middle = result.difference.mean(axis=0)
    one = len(steps) == 1
    apart.fill_between(steps, low, high, color=LEARNED, alpha=0.2, linewidth=0)
    apart.errorbar(
        steps, middle, yerr=[middle - low, high - middle] if one else None, color=LEARNED, fmt="o-", markersize=3,
        linewidth=1.5,
    )  # fmt: skip
    apart.axhline(0.0, color=OPTIMAL, linestyle="--", linewidth=1.2)
    apart.set_ylabel("difference, on the same scale", fontsize=NORMAL)
    apart.set_title("learned less optimal", fontsize=LARGE)
    _finish((returns, seeking, apart), "steps of training, each task")
    if title is not None:
        figure.suptitle(title, fontsize=LARGE)
    add_note(figure, [
        result.learner, f"{len(result.rewards):,} tasks, {result.reward}", f"γ = {result.gamma:g}",
        f"learned seeks less than optimal for {result.seeks_less[-1]:.0%} at the end",
        "bands: 95 % intervals over tasks",
    ])  # fmt: skip
    return figure


@plot.register(ManyGameTasks)
@saved
def plot_many_game_tasks(
    result: ManyGameTasks, *, title: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws each agent's means over tasks, with 95 % intervals, over the steps of training.

    Args:
        result: what `power_metrics.many_tasks` returned of a game.
        title: above all.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_many_game_tasks
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> found = pm.many_tasks(PowerPair("S.."), steps=2_000, num_tasks=3, progress=False)
        >>> [ax.get_title() for ax in plot_many_game_tasks(found).axes]
        ['gap to a best response', 'power-seeking', 'learned less optimal']
    """
    figure: Figure = Picture(figsize=(11.0, 3.8), layout="constrained")
    gaps, seeking, apart = figure.subplots(1, 3)
    steps, low, high = result.step, *np.moveaxis(result.interval(), -1, 0)
    optimal, middle = result.optimal_normalised.mean(axis=0), result.difference.mean(axis=0)
    for i, agent in enumerate(result.model.agents):
        colour = COLOURS[i % len(COLOURS)]
        _band(gaps, steps, result.gap[:, :, i], colour, agent_title(agent))
        _band(seeking, steps, result.normalised[:, :, i], colour, agent_title(agent))
        seeking.plot(
            steps, optimal[:, i], color=colour, linestyle="--", linewidth=1.2, label=f"{agent_title(agent)}: optimal"
        )
        apart.fill_between(steps, low[:, i], high[:, i], color=colour, alpha=0.2, linewidth=0)
        ends = [middle[:, i] - low[:, i], high[:, i] - middle[:, i]] if len(steps) == 1 else None
        apart.errorbar(steps, middle[:, i], yerr=ends, color=colour, fmt="o-", markersize=3, linewidth=1.5)
    gaps.set_ylim(bottom=0.0)
    gaps.set_ylabel("what it would add, reward per step", fontsize=NORMAL)
    gaps.set_title("gap to a best response", fontsize=LARGE)
    seeking.axhline(0.0, color="0.6", linestyle=":", linewidth=1.0)
    seeking.set_ylabel("normalised (all random 0, most 1)", fontsize=NORMAL)
    seeking.set_title("power-seeking", fontsize=LARGE)
    drawn = seeking.get_legend_handles_labels()
    figure.legend(*drawn, loc="outside upper center", ncols=6, fontsize=SMALL, frameon=False)
    apart.axhline(0.0, color="0.6", linestyle="--", linewidth=1.2)
    apart.set_ylabel("difference, on the same scale", fontsize=NORMAL)
    apart.set_title("learned less optimal", fontsize=LARGE)
    _finish((gaps, seeking, apart), "joint steps of training, each task")
    if title is not None:
        figure.suptitle(title, fontsize=LARGE)
    add_note(figure, [
        f"{result.learner} of each agent", f"{len(result.rewards):,} tasks, {result.reward}", f"γ = {result.gamma:g}",
        "optimal: best response to what the others have learned", "bands: 95 % intervals over tasks",
    ])  # fmt: skip
    return figure


def _finish(axes: tuple[Axes, ...], label: str) -> None:
    for ax in axes:
        ax.set_xlabel(label, fontsize=NORMAL)
        ax.ticklabel_format(axis="x", style="plain")
        ax.tick_params(labelsize=SMALL)
        ax.locator_params(axis="x", nbins=5)
        plain(ax)


def _band(ax: Axes, steps: Floats, values: Floats, colour: str, label: str) -> None:
    """Means over tasks (T, L), and intervals by Student's t."""
    known = values[np.isfinite(values).all(axis=1)]
    if not len(known):
        return
    middle = known.mean(axis=0)
    ax.plot(steps, middle, "o-", color=colour, markersize=3, linewidth=1.5, label=label)
    if len(known) > 1:
        half = critical_value(0.95, len(known)) * known.std(axis=0, ddof=1) / np.sqrt(len(known))
        ax.fill_between(steps, middle - half, middle + half, color=colour, alpha=0.2, linewidth=0)
