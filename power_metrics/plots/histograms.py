"""How POWER and reward vary in each state, over reward functions."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_rewards
from power_metrics.plots.bars import BAR
from power_metrics.plots.multiples import Model, choice_note, chosen_states, small_multiples
from power_metrics.plots.style import SCALE_LABEL, drawn_from, saved

if TYPE_CHECKING:
    from power_metrics.results.estimate import PowerEstimate

MEAN = "#b3480c"


@saved
def plot_power_histograms(
    estimate: PowerEstimate,
    *,
    states: Sequence[Hashable] | None = None,
    bins: int = 30,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws, for each state, how its POWER is distributed over reward functions.

    Pictures lie as their cells do on a board, and have shared scales. A line marks the mean.

    Args:
        estimate: of `power_metrics.power` with ``keep_samples=True``, or of one agent in a game.
        states: labels of up to 49 states; by default all, or of more 25 at evenly spaced ranks of POWER.
        bins: the number of bars over the range of all states.
        title: above all pictures; by default the discount.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for an estimate without samples, unknown states or too many, or a suffix that names no picture
            format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_power_histograms
        >>> from powerenvs.worlds.power import PowerGrid
        >>> kept = pm.power(PowerGrid(level="open_3x3"), num_samples=50, progress=False, keep_samples=True)
        >>> figure = plot_power_histograms(kept)
        >>> len(figure.axes)
        9
    """
    how = [f"{len(estimate.samples):,} reward functions, {drawn_from(estimate.reward)}"]
    heading = f"POWER samples, γ = {estimate.gamma:g}" if title is None else title
    return _histograms(estimate.model, estimate.samples, states, bins, SCALE_LABEL, how, heading)


@saved
def plot_reward_histograms(
    model: Model,
    rewards: Any,
    *,
    states: Sequence[Hashable] | None = None,
    bins: int = 30,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws, for each state, how its reward is distributed over reward functions.

    Args:
        model: of S states.
        rewards: (N, S), the reward of each state under N reward functions.
        states: labels of up to 49 states; by default all, or of more 25 at evenly spaced ranks of the mean reward.
        bins: the number of bars over the range of all states.
        title: above all pictures.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for rewards of another shape, unknown states or too many, or a suffix that names no picture
            format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_reward_histograms
        >>> from powerenvs.worlds.power import PowerGrid
        >>> rewards = pm.drawn_rewards(PowerGrid(level="open_3x3"), range(50))
        >>> figure = plot_reward_histograms(PowerGrid(level="open_3x3").tables(), rewards)
        >>> len(figure.axes)
        9
    """
    values = check_rewards(rewards, model)
    heading = "Reward samples" if title is None else title
    return _histograms(model, values, states, bins, "reward", [f"{len(values):,} reward functions"], heading)


def _histograms(
    model: Model,
    samples: NDArray[np.float64],
    states: Sequence[Hashable] | None,
    bins: int,
    label: str,
    how: list[str],
    heading: str,
) -> Figure:
    bins = check_count("bins", bins)
    shown = chosen_states(model, samples.mean(axis=0), states)
    edges = np.histogram_bin_edges(samples[:, shown], bins)
    note = [*how, *choice_note(model, len(shown)), "line: mean"]
    multiples = small_multiples(model, shown, (label, "share of reward functions"), note, heading)
    most = 0.0
    for ax, s in zip(multiples.axes, shown, strict=True):
        share = np.histogram(samples[:, s], edges)[0] / len(samples)
        most = max(most, share.max())
        ax.stairs(share, edges, fill=True, color=BAR)
        ax.axvline(samples[:, s].mean(), color=MEAN, linewidth=1, gid="mean")
    multiples.axes[0].set(xlim=(edges[0], edges[-1]), ylim=(0, 1.05 * most))
    multiples.axes[0].xaxis.set_major_locator(MaxNLocator(3))
    multiples.axes[0].yaxis.set_major_locator(MaxNLocator(3))
    return multiples.figure
