"""Pairs of correlated rewards, as POWER of two agents draws them."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_seed
from power_metrics.expectation.draws import MonteCarlo
from power_metrics.plots.style import (
    LARGE,
    NORMAL,
    Picture,
    add_note,
    drawn_from,
    plain,
    root_figure,
    saved,
)
from power_metrics.rewards.distributions import RewardDistribution
from power_metrics.rewards.pairs import PairSampler, pair_sampler
from powerenvs.model.mdp import TabularMDP

SIDE = 3.6
POINT = "#2262c4"


@saved
def plot_reward_correlation(
    reward: RewardDistribution,
    correlation: float,
    *,
    num_samples: int = 256,
    seed: int = 0,
    agents: tuple[str, str] = ("human", "ai"),
    ax: Axes | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws samples of both agents' rewards in one state against each other, for a given correlation.

    The first agent's rewards, and the scale, are the same for every correlation, so that pictures of several can be
    compared, or shown one after another.

    Args:
        reward: the distribution, for both agents.
        correlation: of their rewards, ρ in [-1, 1].
        num_samples: how many pairs.
        seed: of the draws.
        agents: names for the axes.
        ax: axes to draw on; a new figure when None.
        title: above the picture; by default the correlation.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a correlation outside [-1, 1], a negative one with a distribution that is not symmetric on a
            bounded interval, fewer than one sample, or a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_reward_correlation
        >>> figure = plot_reward_correlation(pm.Uniform(0, 1), 0.5, num_samples=20)
        >>> figure.axes[0].get_title()
        'Reward correlation 0.5'
    """
    count, seed = check_count("num_samples", num_samples), check_seed(seed)
    state = TabularMDP.from_transitions([(0, 0, 0, 1.0)])
    human, ai = _drawn(pair_sampler(state, reward, correlation), seed, count)
    fresh = _drawn(pair_sampler(state, reward, 0.0), seed, count)
    interval = getattr(reward, "symmetric_interval", None)
    low, high = (min(map(np.min, fresh)), max(map(np.max, fresh))) if interval is None else interval
    margin = 0.04 * (high - low or 1.0)
    note = [f"{count:,} draws of the rewards of a state, {drawn_from(repr(reward))}", f"seed {seed}"]
    if count > 1 and np.ptp(human) > 0 and np.ptp(ai) > 0:
        note.append(f"correlation of the draws {np.corrcoef(human, ai)[0, 1]:.2f}".replace("-", "−"))
    if ax is None:
        figure: Figure = Picture(figsize=(SIDE + 1.0, SIDE + 1.2), layout="constrained")
        ax = figure.add_subplot()
        add_note(figure, note)
    ax.scatter(human, ai, s=14, alpha=0.6, color=POINT, linewidths=0)
    ax.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), aspect="equal")
    ax.set_xlabel(f"reward of the {agents[0]}", fontsize=NORMAL)
    ax.set_ylabel(f"reward of the {agents[1]}", fontsize=NORMAL)
    ax.set_title(f"Reward correlation {correlation:g}".replace("-", "−") if title is None else title, fontsize=LARGE)
    plain(ax)
    return root_figure(ax)


def _drawn(sampler: PairSampler, seed: int, count: int) -> NDArray[np.float64]:
    """(2, count) the rewards of both agents in one state."""
    draws = MonteCarlo(sampler, seed, count)
    blocks = [draws.block(number) for number in range(-(-count // draws.rows))]
    return np.concatenate(blocks)[:, :, 0].T
