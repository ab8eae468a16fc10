"""The picture of a comparison in a game: what each agent gets, could get, and how much POWER it is amidst."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.comparison.game_result import GameComparison
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

Floats = NDArray[np.float64]

COLOURS = (LEARNED, OPTIMAL, "0.6")


@plot.register(GameComparison)
@saved
def plot_game_comparison(comparison: GameComparison, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draws returns and power-seeking of each agent under each joint policy.

    Hatched is what a best response to the same others would add to the return.

    Args:
        comparison: what `power_metrics.compare` returned of a game.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_game_comparison
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> game = PowerPair("..").tables()
        >>> random = {agent: game.uniform_policy(agent) for agent in game.agents}
        >>> found = pm.compare(random, game, 0.6, num_samples=50, progress=False)
        >>> [ax.get_title() for ax in plot_game_comparison(found).axes]
        ['return, and the gap to a best response', 'power-seeking']
    """
    count = len(comparison.model.agents)
    figure = Picture(figsize=(6.0 + 1.2 * count, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _groups(left, comparison, comparison.expected_return, comparison.best_response_gap)
    left.set_title("return, and the gap to a best response", fontsize=LARGE)
    left.set_ylabel("discounted return", fontsize=NORMAL)
    _groups(right, comparison, comparison.power_seeking)
    right.set_title("power-seeking", fontsize=LARGE)
    right.set_ylabel("POWER against random others", fontsize=NORMAL)
    right.margins(x=0.15, y=0.15)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=SMALL, frameon=False
    )  # above both
    how = "converged" if comparison.converged else "went round in circles"
    gaps = ", ".join(
        f"{value:.3g} ({profile})"
        for profile, value in zip(comparison.profiles, comparison.exploitability, strict=True)
    )
    add_note(
        figure,
        [f"gamma {comparison.gamma:g}", f"exploitability {gaps}", f"best responses {how}"],
    )
    return figure


def _groups(ax: Axes, comparison: GameComparison, values: Floats, gaps: Floats | None = None) -> None:
    """Numbers (P, N) in a group for each agent: bars with what could be added, or dots on a scale without 0."""
    places, width = np.arange(values.shape[1]), 0.8 / len(values)
    for p, (profile, colour) in enumerate(zip(comparison.profiles, COLOURS, strict=True)):
        at = places + (p - (len(values) - 1) / 2) * width
        if gaps is None:
            ax.plot(at, values[p], "o", color=colour)
        else:
            ax.bar(at, values[p], width, color=colour, label=profile)
            ax.bar(at, gaps[p], width, values[p], fill=False, hatch="////", edgecolor=colour, linewidth=0.6)
    if gaps is not None:
        ax.axhline(0.0, color="0.3", linewidth=0.6)
        ends = float(min(values.min(), 0.0)), float(max((values + gaps).max(), 0.0))
        if ends[0] < ends[1]:  # bars would end at the frame where their gaps are 0
            room = 0.05 * (ends[1] - ends[0])
            ax.set_ylim(ends[0] - room * (ends[0] < 0), ends[1] + room * (ends[1] > 0))
    ax.set_xticks(places, [agent_title(name) for name in comparison.model.agents])
    plain(ax)
