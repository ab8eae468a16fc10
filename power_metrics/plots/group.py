"""The picture of three agents and more: POWER of each two against each other, and their alignment."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, NORMAL, SMALL, Picture, add_note, agent_title, drawn_from, plain, saved
from power_metrics.results.group import GroupPower

PANEL = 1.9
"""The side of a panel, in inches."""
MOST = 8


@plot.register(GroupPower)
@saved
def plot_group(result: GroupPower, *, title: str | None = None, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draws POWER of each two agents in every state, below the diagonal; their alignment is written above it.

    On the diagonal stands the POWER of each agent, averaged over states, and what it planned for.

    Args:
        result: what `power_metrics.multiagent_power` returned of three agents or more.
        title: above all.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for more than eight agents, and a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_group
        >>> from powerenvs import TabularGame
        >>> votes = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
        >>> game = TabularGame.from_transitions(
        ...     [("start", joint, sum(joint), 1.0) for joint in votes], ("ann", "bob", "cy"), terminal=[0, 1, 2, 3])
        >>> figure = plot_group(pm.multiagent_power(game, num_samples=50, progress=False))
        >>> len(figure.axes)
        9
    """
    agents, N = result.agents, len(result.agents)
    if N > MOST:
        raise ValueError(f"result: expected at most {MOST} agents in one picture, found {N}")
    figure: Figure = Picture(figsize=(PANEL * N + 0.6, PANEL * N + 1.1), layout="constrained")
    panels = figure.subplots(N, N, squeeze=False)
    count = result.game.num_states
    size, alpha = float(np.clip(3000 / count, 2, 20)), float(np.clip(600 / count, 0.15, 0.8))
    shown = {(a, b): numbers for a, b, *numbers in result.pairs()}
    for i, row in enumerate(agents):
        for j, column in enumerate(agents):
            ax = panels[i, j]
            if j > i:
                _write(ax, *shown[column if i > j else row, column])
                continue
            if i == j:
                _name(ax, result, row)
                continue
            ax.scatter(
                result[column].mean, result[row].mean, s=size, alpha=alpha, color="0.25", linewidths=0,
                rasterized=count > 5000,
            )  # fmt: skip
            plain(ax)
            ax.tick_params(labelsize=SMALL)
            ax.xaxis.set_major_locator(MaxNLocator(3))
            ax.yaxis.set_major_locator(MaxNLocator(3))
            if i == N - 1:
                ax.set_xlabel(f"POWER of {agent_title(column)}", fontsize=NORMAL)
            if j == 0:
                ax.set_ylabel(f"POWER of {agent_title(row)}", fontsize=NORMAL)
    gammas = ", ".join(f"{g:g}" for g in dict.fromkeys(result[agent].gamma for agent in agents))
    drawn = "given rewards" if result.correlation is None else f"reward correlation {result.correlation:g}"
    figure.suptitle(f"POWER of {N} agents, γ = {gammas}, {drawn}" if title is None else title, fontsize=LARGE)
    add_note(figure, [
        f"{result.num_samples:,} draws of reward functions, {drawn_from(result[agents[0]].reward)}",
        "each dot a joint state",
    ])  # fmt: skip
    return figure


def _write(ax: Axes, alignment: float, corrected: float, low: float, high: float) -> None:
    """The alignment of two agents, on its colour: blue together, red against each other."""
    ax.set_xticks([])
    ax.set_yticks([])
    strength = 0.0 if alignment != alignment else abs(alignment)
    ax.set_facecolor(
        (1 - 0.5 * strength, 1 - 0.3 * strength, 1.0)
        if alignment > 0
        else (1.0, 1 - 0.35 * strength, 1 - 0.45 * strength)
    )
    text = "POWER does not vary" if alignment != alignment else f"alignment {alignment:.2f}"
    if low == low:
        text += f"\nwithout noise {corrected:.2f}\n[{low:.2f}, {high:.2f}]"
    ax.text(0.5, 0.5, text.replace("-", "−"), ha="center", va="center", fontsize=NORMAL, transform=ax.transAxes)


def _name(ax: Axes, result: GroupPower, agent: str) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    lines = f"mean {result.average(agent):.3f}\nbaseline {result.average(agent, baseline=True):.3f}"
    ax.text(0.5, 0.62, agent_title(agent), ha="center", fontsize=LARGE, fontweight="bold", transform=ax.transAxes)
    ax.text(0.5, 0.5, lines, ha="center", va="top", fontsize=NORMAL, transform=ax.transAxes)
