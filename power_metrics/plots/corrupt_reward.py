"""Pictures of corrupt rewards: regret against what a quantiliser takes for enough, and rewards over time."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from power_metrics.agents.quantilisers import quantiliser_bound, quantiliser_delta
from power_metrics.measures.corrupt_agents import corrupt_agents
from power_metrics.measures.corrupt_learning import CorruptLearning, corrupt_learning
from power_metrics.measures.worst_case_regret import worst_case_regret
from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, NORMAL, SMALL, Picture, saved
from power_metrics.rewards.channels import state_rewards
from powerenvs.model.mdp import TabularMDP

OBSERVED, TRUE, BOUND = "#c0504d", "#4c9f70", "0.45"
ENUMERATED = 3
"""Corrupt states whose worst case is enumerated, at most."""
TEMPERATURES = np.geomspace(0.01, 10, 25)


@plot.register(CorruptLearning)
@saved
def plot_corrupt_learning(
    result: CorruptLearning, *, title: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws the observed and the true reward of a step over time, the means over all runs.

    Args:
        result: of `power_metrics.corrupt_learning`.
        title: above the picture.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_corrupt_learning
        >>> env = gym.make("powerenvs/CorruptReward-v0")
        >>> figure = plot_corrupt_learning(pm.corrupt_learning(env, steps=100, num_runs=2, progress=False))
        >>> figure.axes[0].get_ylabel()
        'average reward of a step'
    """
    figure = Picture(figsize=(5.6, 3.4), layout="constrained")
    ax = figure.subplots()
    _curve(ax, result, OBSERVED, TRUE)
    ax.set_title(f"{result.kind}, {result.num_runs} runs" if title is None else title, fontsize=LARGE)
    return figure


def _curve(ax: Axes, result: CorruptLearning, observed: str, true: str, name: str = "") -> None:
    ends = np.concatenate([[0.0], result.ends])
    for values, colour, label in ((result.observed_then, observed, "observed"), (result.true_then, true, "true")):
        ax.stairs(values, ends, baseline=None, color=colour, linewidth=1.5, label=f"{name}{label}")
    _dress(ax, "step", "average reward of a step")
    ax.legend(fontsize=SMALL, frameon=False)


def _dress(ax: Axes, across: str, up: str) -> None:
    ax.set_xlabel(across, fontsize=NORMAL)
    ax.set_ylabel(up, fontsize=NORMAL)
    ax.tick_params(labelsize=SMALL)
    ax.grid(color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


@saved
def plot_corrupt_reward(
    level: str = "four_goals", *, path: str | os.PathLike[str] | None = None, steps: int = 100_000
) -> Figure:
    """Draws what corrupt rewards cost in `CorruptReward`: by delta, by corrupt states, by temperature, and over time.

    Args:
        level: of the world.
        path: also save the figure there, whole or not at all; the suffix chooses the format.
        steps: of the simulated runs.

    Example:
        >>> from power_metrics.plots.corrupt_reward import plot_corrupt_reward
        >>> figure = plot_corrupt_reward("one_goal", steps=100)
        >>> [ax.get_xlabel() for ax in figure.axes]
        ['delta', 'corrupt states, q', 'temperature, 1/beta', 'step']
    """
    import gymnasium as gym

    from powerenvs import tabular_model

    env: Any = gym.make("powerenvs/CorruptReward-v0", level=level)
    mdp = tabular_model(env)
    assert isinstance(mdp, TabularMDP)
    figure = Picture(figsize=(10.4, 7.2), layout="constrained")
    (by_delta, by_q), (by_temperature, over_time) = figure.subplots(2, 2)
    _by_delta(by_delta, mdp)
    _by_q(by_q, mdp)
    _by_temperature(by_temperature, mdp)
    learner = corrupt_learning(mdp, "q_learning", steps, 20, progress=False)
    careful = corrupt_learning(mdp, "quantiliser", steps, 20, delta=0.5, progress=False)
    _curve(over_time, learner, OBSERVED, TRUE, "Q-learning, ")
    _curve(over_time, careful, "#e3a6a4", "#a6d3b7", "quantiliser 0.5, ")
    over_time.set_ylim(-0.03, 1.28)
    over_time.legend(fontsize=SMALL, frameon=False, ncols=2, loc="upper center")
    over_time.set_title("Rewards over time, 20 runs", fontsize=LARGE)
    return figure


def _by_delta(ax: Axes, mdp: TabularMDP) -> None:
    seen = state_rewards(mdp).observed
    deltas = np.linspace(0.01, 1.0, 100)
    actual = corrupt_agents(mdp, deltas=deltas.tolist()).regret[-len(deltas) :]
    # Between two levels of observed reward the same states are drawn, so that the worst case is the same.
    levels = np.unique(seen)
    cases = [worst_case_regret(mdp, q=1, delta=float(level)).regret for level in levels]
    worst = [cases[int(np.searchsorted(levels, delta - 1e-12))] for delta in deltas]
    bound = [quantiliser_bound(float(d), 1, num_above=int((seen >= d).sum())) for d in deltas]
    theorem = [quantiliser_bound(float(d), 1, num_states=len(seen)) for d in deltas]
    ax.plot(deltas, theorem, ":", color=BOUND, label="bound (12), all states")
    ax.plot(deltas, bound, "--", color=BOUND, label="bound (11), states above delta")
    ax.plot(deltas, worst, color=OBSERVED, label="worst case, one corrupt state")
    ax.plot(deltas, actual, color=TRUE, label="this world")
    ax.set_ylim(0, 1.33)
    _dress(ax, "delta", "regret of a step")
    ax.legend(fontsize=SMALL, frameon=False, loc="upper center", ncols=2)
    ax.set_title("Quantilisers by delta", fontsize=LARGE)


def _by_q(ax: Axes, mdp: TabularMDP) -> None:
    S = mdp.num_states
    numbers = np.arange(0, S // 3 + 1)
    deltas = [quantiliser_delta(int(q), S) for q in numbers]
    bound = [quantiliser_bound(delta, int(q), num_states=S) for q, delta in zip(numbers, deltas, strict=True)]
    highest = state_rewards(mdp).observed.max()
    worst = [worst_case_regret(mdp, q=q, delta=min(deltas[q], highest)).regret for q in range(ENUMERATED + 1)]
    ax.plot(numbers, bound, "--", color=BOUND, label="theorem 23, for worlds in which few states pay little")
    ax.plot(
        range(len(worst)),
        worst,
        "o-",
        markersize=4,
        color=OBSERVED,
        label="worst case in this world, which is none of these",
    )
    ax.set_ylim(0, 1.03)
    _dress(ax, "corrupt states, q", "regret of a step")
    ax.legend(fontsize=SMALL, frameon=False, loc="upper left")
    ax.set_title("Quantilisers with delta = 1 - sqrt(q/|S|)", fontsize=LARGE)


def _by_temperature(ax: Axes, mdp: TabularMDP) -> None:
    found = [corrupt_agents(mdp, beta=float(1 / temperature)) for temperature in TEMPERATURES]
    for name, colour in (("softmax", OBSERVED), ("soft_q", "#7a5aa6")):
        n = found[0].names.index(name)
        label = {"softmax": "softmax on Q-learning", "soft_q": "soft Q-learning"}[name]
        ax.plot(TEMPERATURES, [one.regret[n] for one in found], color=colour, label=label)
    ax.axhline(found[0].regret[found[0].names.index("random")], color=BOUND, linestyle=":", label="random")
    ax.set_xscale("log")
    ax.set_ylim(0, 1.03)
    _dress(ax, "temperature, 1/beta", "regret of a step")
    ax.legend(fontsize=SMALL, frameon=False, loc="lower left")
    ax.set_title("Softmax behaviour by temperature", fontsize=LARGE)
