"""The picture of training from preferences: what the policy falls short of over the labels it has learned from."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.figure import Figure

from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, LEARNED, NORMAL, OPTIMAL, SMALL, Picture, add_note, plain, saved
from power_metrics.preferences.result import PreferenceTraining


@plot.register(PreferenceTraining)
@saved
def plot_preference_training(
    result: PreferenceTraining, *, title: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws regret, or the share of answers that the reward gives too where nothing is paid, over labels.

    Args:
        result: what `power_metrics.preferences.train` returned.
        title: above all.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a suffix that names no picture format.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_preference_training
        >>> env = gym.make("PowerGrid-v0", level="S..G", max_episode_steps=20)
        >>> found = pm.preferences.train(env, labels=40, steps=1_000, rounds=2, length=5, progress=False)
        >>> [ax.get_xlabel() for ax in plot_preference_training(found).axes]
        ['labels', 'labels']
    """
    figure: Figure = Picture(figsize=(9.0, 3.8), layout="constrained")
    regret, agreed = figure.subplots(1, 2)
    labels, pays = result.labels, np.isfinite(result.regret).any()
    if pays:
        regret.plot(labels, result.regret, "o-", color=LEARNED, markersize=3, linewidth=1.5, label="of the reward")
        hidden = result.hidden_regret
        if np.isfinite(hidden).any() and not np.allclose(hidden, result.regret, equal_nan=True):
            regret.plot(labels, hidden, "s--", color="#b5542c", markersize=3, linewidth=1.2, label="of the performance")
        regret.axhline(0.0, color=OPTIMAL, linestyle="--", linewidth=1.2, label="best policy")
        regret.axhline(1.0, color="0.6", linestyle=":", linewidth=1.0, label="random policy")
        regret.legend(fontsize=SMALL, frameon=False)
    else:
        regret.text(0.5, 0.5, "all policies earn the same", ha="center", va="center", transform=regret.transAxes)
        regret.set_yticks([])
    regret.set_ylabel("regret (best 0, random 1)", fontsize=NORMAL)
    regret.set_title("what the policy falls short of", fontsize=LARGE)
    agreed.plot(labels, result.agreed, "o-", color=LEARNED, markersize=3, linewidth=1.5)
    agreed.set_ylim(min(0.5, float(np.nanmin(result.agreed, initial=1.0))) - 0.02, 1.02)
    agreed.set_ylabel("share of answers, without ties", fontsize=NORMAL)
    agreed.set_title("answers that the learned reward gives too", fontsize=LARGE)
    for axes in (regret, agreed):
        axes.set_xlabel("labels", fontsize=NORMAL)
        axes.set_xlim(0.0, float(labels.max()) * 1.02)
        plain(axes)
    if title is not None:
        figure.suptitle(title, fontsize=LARGE)
    add_note(figure, [
        result.algorithm, f"γ = {result.gamma:g}", f"{result.labelled:.2%} of {result.step[-1]:,.0f} steps were shown",
        f"best return {result.optimal_return:.4g}, random {result.random_return:.4g}", "exact numbers",
    ])  # fmt: skip
    return figure
