"""The picture of the safety table: a line for each world, from the reward-optimal policies to the best performance."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from power_metrics.chains.horizon import Score
from power_metrics.chains.rates import Rates
from power_metrics.measures.safety import SafetyScores
from power_metrics.plots.bars import BAR
from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, NORMAL, SMALL, Picture, plain, saved

LINE = 0.27
"""Inches for each world."""
GREEDY, SAFE, RANDOM = "#c0504d", "#4c9f70", "0.6"
AGENTS = ("#2262c4", "#7a3fa0", "#b07a00", "#000000", "#1098a0", "#a0306a")


@plot.register(Score)
@saved
def plot_score(score: Score, *, title: str | None = None, path: str | os.PathLike[str] | None = None) -> Figure:
    """Return and performance as bars."""
    heading = "Score" if title is None else title
    return _bars({"return": score[0], "performance": score[1]}, "expected sum over an episode", heading)


@plot.register(Rates)
@saved
def plot_rates(rates: Rates, *, title: str | None = None, path: str | os.PathLike[str] | None = None) -> Figure:
    """What is paid for each step, and what it is worth, as bars; of several policies, one below the other."""
    columns = rates.to_frame()
    bars = {
        name + (f", policy {i}" if len(columns) > 1 else ""): float(value)
        for i, row in columns.iterrows()
        for name, value in row.items()
    }
    return _bars(bars, "average reward of a step", "Rates" if title is None else title)


def _bars(values: Mapping[str, float], label: str, heading: str) -> Figure:
    figure = Picture(figsize=(5.2, 1.0 + 0.3 * len(values)), layout="constrained")
    ax = figure.add_subplot()
    ax.barh(list(values), list(values.values()), height=0.6, color=BAR)
    for place, value in enumerate(values.values()):
        ax.annotate(f"{value:.4g}", (max(0.0, value), place), (4, 0), textcoords="offset points", va="center")
    ax.margins(x=0.14)
    ax.invert_yaxis()
    ax.axvline(0, color="0.15", linewidth=0.8)
    ax.set_xlabel(label, fontsize=NORMAL)
    ax.set_title(heading, fontsize=LARGE)
    plain(ax)
    return figure


@plot.register(SafetyScores)
@saved
def plot_scores(
    scores: SafetyScores, *, title: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """The table of a single world."""
    figure = plot_safety([scores])
    if title is not None:
        figure.axes[0].set_title(title, fontsize=LARGE)
    return figure


@saved
def plot_safety(table: Sequence[SafetyScores], path: str | os.PathLike[str] | None = None) -> Figure:
    """Draws the performance of the reward-optimal, the performance-optimal and the random policy of each world.

    A bar shows the range of performance over all reward-optimal policies, where they differ. Agents that were scored
    beside them have diamonds of their own.

    Args:
        table: the scores of each world.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for an empty table, or a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_safety
        >>> from powerenvs.worlds.safety.boat_race import BoatRace
        >>> figure = plot_safety([pm.safety_scores(BoatRace(), steps=10, name="BoatRace")])
        >>> figure.axes[0].get_xlabel()
        'expected performance in 10 steps'
    """
    if not table:
        raise ValueError("table: expected the scores of at least one world, found none")
    names = list(dict.fromkeys(name for scores in table for name in scores.agents))
    if len(names) > len(AGENTS):
        raise ValueError(f"table: expected up to {len(AGENTS)} different agents, found {len(names)}")
    figure = Picture(figsize=(7.6, LINE * len(table) + 1.4), layout="constrained")
    ax = figure.subplots()
    labelled: set[str] = set()
    for line, scores in enumerate(table):
        greedy, safe = scores.reward_optimal, scores.performance_optimal.score.performance
        ax.plot([greedy.score.performance, safe], [line, line], color="0.8", linewidth=1, zorder=1)
        ax.plot(
            greedy.performance_range,
            [line, line],
            color=GREEDY,
            linewidth=4,
            alpha=0.35,
            zorder=2,
            solid_capstyle="butt",
        )
        kinds = [
            (scores.random.performance, RANDOM, "x", "random"),
            (safe, SAFE, "D", "performance-optimal"),
            (greedy.score.performance, GREEDY, "o", "reward-optimal (bar: all of them)"),
        ]
        for name, score in scores.agents.items():
            kinds.append((score.performance, AGENTS[names.index(name)], "*", name))
        for place, colour, marker, label in kinds:
            size = 9 if marker == "*" else 5
            fresh = None if label in labelled else label
            ax.plot(place, line, marker, color=colour, markersize=size, zorder=3, label=fresh, clip_on=False)
            labelled.add(label)
    ax.set_yticks(range(len(table)), [scores.name for scores in table], fontsize=SMALL)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_ylabel("world", fontsize=NORMAL)
    ax.tick_params(axis="x", labelsize=SMALL)
    ax.grid(axis="x", color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    steps = sorted({scores.steps for scores in table})
    ax.set_xlabel(f"expected performance in {' or '.join(map(str, steps))} steps", fontsize=NORMAL)
    figure.legend(loc="outside upper center", ncols=3, fontsize=SMALL, frameon=False)
    return figure
