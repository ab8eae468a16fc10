"""Pictures of two agents side by side: their POWER, and its alignment."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from power_metrics.plots.generic import plot
from power_metrics.plots.joint import Cell, joint_panels
from power_metrics.plots.panels import Panels
from power_metrics.plots.split import Where
from power_metrics.plots.style import (
    NORMAL,
    Picture,
    add_note,
    agent_title,
    drawn_from,
    plain,
    root_figure,
    saved,
)
from power_metrics.results.multiagent import MultiagentPower

SCATTER, LARGEST_SCATTER = 3.6, 5.0
ABOVE, BELOW = 0.95, 1.2
"""The side of a scatter plot, at least and beside tall heat maps, and the room above it and below, in inches."""


@plot.register(MultiagentPower)
@saved
def plot_two_agents(
    result: MultiagentPower,
    *,
    agent: str | None = None,
    where: Where | None = None,
    positions: Sequence[Cell] | None = None,
    values: bool | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws an agent's POWER as `plot_joint_power` does, and beside it the alignment of both agents.

    Args:
        result: what `power_metrics.multiagent_power` returned.
        agent: whose POWER; by default the first (the human).
        where: which states the heat maps show, as in `plot_power`; None for all.
        positions: places of the second agent (row, column); by default as in `plot_joint_power`.
        values: whether numbers appear in the cells; None for where they are legible.
        title: above the heat maps.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for an unknown agent, places that the second agent is never in, or a suffix that names no
            picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_two_agents
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> figure = plot_two_agents(pm.multiagent_power(PowerPair("S.."), 0.6, num_samples=20, progress=False))
        >>> figure.get_suptitle()
        'POWER of the human, γ = 0.6, reward correlation 0'
    """
    estimate = result[result.agents[0] if agent is None else agent]
    drawn = "given rewards" if result.correlation is None else f"reward correlation {result.correlation:g}"
    name = result.agents[0] if agent is None else agent
    heading = f"POWER of the {agent_title(name)}, γ = {estimate.gamma:g}, {drawn}" if title is None else title
    panels = joint_panels(
        estimate, result.game, result.agents[1], positions, values, heading, (None, None), where=where
    )
    plot_alignment(result, ax=_widened(panels))
    return panels.figure


@saved
def plot_alignment(
    result: MultiagentPower, *, ax: Axes | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws both agents' POWER in every state against each other, with their alignment written above.

    Args:
        result: what `power_metrics.multiagent_power` returned.
        ax: axes to draw on; a new figure when None.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: if the suffix of ``path`` names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_alignment
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> figure = plot_alignment(pm.multiagent_power(PowerPair("S.."), 0.6, num_samples=20, progress=False))
        >>> figure.axes[0].get_xlabel()
        'POWER of the human'
    """
    human, ai = result.agents
    if ax is None:
        figure: Figure = Picture(figsize=(SCATTER + 1.4, SCATTER + 1.5), layout="constrained")
        ax = figure.add_subplot()
        add_note(figure, how_pairs([result]))
    figure = root_figure(ax)
    count = result.game.num_states
    size, alpha = float(np.clip(5000 / count, 2, 24)), float(np.clip(600 / count, 0.15, 0.8))
    ax.scatter(
        result[human].mean, result[ai].mean, s=size, alpha=alpha, color="0.25", linewidths=0, rasterized=count > 5000
    )
    ax.set_xlabel(f"POWER of the {agent_title(human)}", fontsize=NORMAL)
    ax.set_ylabel(f"POWER of the {agent_title(ai)}", fontsize=NORMAL)
    ax.set_title(_alignment_text(result), fontsize=NORMAL)
    plain(ax)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    return figure


def _widened(panels: Panels) -> Axes:
    """Axes for a scatter plot to the right of all panels, for which the figure is made wider."""
    figure = panels.figure
    figure.draw_without_rendering()  # places the panels, where a layout engine does it
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    side = float(np.clip(0.5 * height, SCATTER, LARGEST_SCATTER))
    wider, taller = width + side + 1.2, max(height, side + ABOVE + BELOW)
    shrink, lift = (width / wider, height / taller), (taller - height) / 2 / taller
    for ax in figure.axes:
        box = ax.get_position()
        ax.set_position((box.x0 * shrink[0], lift + box.y0 * shrink[1], box.width * shrink[0], box.height * shrink[1]))
    figure.set_size_inches(wider, taller)
    middle = taller * np.mean([(ax.get_position().y0 + ax.get_position().y1) / 2 for ax in panels.axes])
    bottom = float(np.clip(middle - side / 2, BELOW, taller - ABOVE - side))
    return figure.add_axes(((width + 0.8) / wider, bottom / taller, side / wider, side / taller))


def _alignment_text(result: MultiagentPower) -> str:
    """The alignment as measured, and freed of noise with its interval, where there are enough reward functions."""
    text = f"alignment {result.alignment:.2f}"
    low, high = result.alignment_interval(0.95)
    if low == low:
        text += f"\nwithout noise {result.alignment_corrected:.2f}, 95% interval {low:.2f} to {high:.2f}"
    return text.replace("-", "−")


def how_pairs(results: Sequence[MultiagentPower]) -> list[str]:
    """How the numbers were computed."""
    counts = sorted({result.num_samples for result in results})
    drawn = f"{counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "")
    first = results[0]
    parts = [f"{drawn} pairs of reward functions, {drawn_from(first[first.agents[0]].reward)}"]
    if len(results) == 1:
        discounts = dict.fromkeys(first[agent].gamma for agent in first.agents)
        parts.append("γ = " + ", ".join(f"{gamma:g}" for gamma in discounts))
        if first.correlation is not None:
            parts.append(f"reward correlation {first.correlation:g}")
    return parts
