"""The picture of a front: return against power-seeking, and how far policies are from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from power_metrics.chains.occupancy import expected_return, occupancy
from power_metrics.comparison.front import PowerFront
from power_metrics.plots.generic import plot
from power_metrics.plots.style import NORMAL, OPTIMAL, SMALL, Picture, add_note, plain, saved
from power_metrics.plots.sweep_lines import COLOURS


@plot.register(PowerFront)
@saved
def plot_power_front(
    front: PowerFront, policies: Mapping[str, Any] | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws the most return that there is at any power-seeking, and policies beside it.

    Args:
        front: what `power_metrics.power_front` returned.
        policies: {name: (S, A) policy} to show as well, or (N, S, A) of N training runs, in one colour.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for policies that do not fit the model, and a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_power_front
        >>> from powerenvs.worlds.power import PowerGrid
        >>> front = pm.power_front(PowerGrid("S..", reward={(0, 2): 1.0}), gamma=0.5, power=[0.0, 1.0, 0.5])
        >>> plot_power_front(front).axes[0].get_xlabel()
        'power-seeking'
    """
    figure = Picture(figsize=(6.4, 4.0), layout="constrained")
    ax = figure.subplots()
    ax.plot(front.power_seeking, front.expected_return, ".-", color=OPTIMAL, label="front: the best there is")
    for i, (name, policy) in enumerate((policies or {}).items()):
        share = occupancy(front.model, policy, front.gamma, front._initial)
        earned = expected_return(front.model, policy, front.gamma, front._initial)
        ax.plot(
            np.atleast_1d(share @ front.power),
            np.atleast_1d(earned),
            "o",
            color=COLOURS[i % len(COLOURS)],
            markersize=7,
            markeredgecolor="0.2",
            label=name,
        )
    ax.set_xlabel("power-seeking", fontsize=NORMAL)
    ax.set_ylabel("expected discounted return", fontsize=NORMAL)
    plain(ax)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper", fontsize=SMALL, frameon=False)
    add_note(figure, [f"gamma {front.gamma:g}", f"{len(front.power_seeking)} corners"])
    return figure
