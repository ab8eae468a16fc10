"""The picture of `power_metrics.side_effect_map`: what each action loses, over the POWER that it gains."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.figure import Figure

from power_metrics.measures.side_effect_map import SideEffectMap
from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, NORMAL, SMALL, Picture, add_note, saved

COLOURS = ("#2262c4", "#c0504d", "#4c9f70", "#b07a00", "0.45", "#7a3fa0", "#1098a0", "#a0306a")
MARKS = "^v<>osDP"
"""Of actions, in their order; more than these share what comes after the last."""


@plot.register(SideEffectMap)
@saved
def plot_side_effects(
    found: SideEffectMap, *, title: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws a dot for each action in each state that changes something and does not end the episode.

    Args:
        found: of `power_metrics.side_effect_map`.
        title: above both panels.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_side_effects
        >>> from powerenvs.worlds.side_effects import Vase
        >>> figure = plot_side_effects(pm.side_effect_map(Vase(), num_samples=50, progress=False))
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['options lost (share of states)', 'attainable utility lost (reward per step)']
    """
    figure = Picture(figsize=(9.2, 4.3), layout="constrained")
    counted = found.changes & np.isfinite(found.power_gained)
    lost = {"options lost": found.options_lost, "utility lost": found.utility_lost}
    labels = ("options lost (share of states)", "attainable utility lost (reward per step)")
    panels = figure.subplots(1, 2, sharex=True)
    for axes, (name, r), label in zip(panels, found.correlations().items(), labels, strict=True):
        for action, said in enumerate(found.model.action_labels):
            here, style = counted[:, action], min(action, len(MARKS) - 1)
            if here.any():
                axes.scatter(
                    found.power_gained[here, action], lost[name][here, action], s=18, marker=MARKS[style],
                    color=COLOURS[style], alpha=0.6, linewidths=0, label=str(said),
                )  # fmt: skip
        axes.axvline(0, color="0.75", linewidth=0.8, zorder=0)
        axes.axhline(0, color="0.75", linewidth=0.8, zorder=0)
        axes.set_xlabel("POWER gained (reward per step)", fontsize=NORMAL)
        axes.set_ylabel(label, fontsize=NORMAL)
        axes.set_title("no correlation to tell" if np.isnan(r) else f"rank correlation {r:+.2f}", fontsize=NORMAL)
        axes.tick_params(labelsize=SMALL)
    handles, said = panels[0].get_legend_handles_labels()
    if 0 < len(said) <= len(MARKS):
        figure.legend(handles, said, loc="outside right center", fontsize=SMALL, title="action", title_fontsize=SMALL)
    figure.suptitle(
        "What actions gain and lose, compared with doing nothing" if title is None else title, fontsize=LARGE
    )
    of = "what follows when nothing is done" if found.rollouts else "states"
    drawn = f"{found.num_samples:,} reward functions"
    add_note(figure, [f"{int(counted.sum()):,} actions, γ = {found.gamma:g}, {drawn}; losses of {of}"])
    return figure
