"""Pictures of learners over many reward functions: POWER they reach, and the power-seeking of what they do."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.measures.learning_curve import LearningCurve
from power_metrics.measures.policy_power import PolicyPower
from power_metrics.plots.generic import plot
from power_metrics.plots.style import (
    LARGE,
    LEARNED,
    NORMAL,
    OPTIMAL,
    SCALE_LABEL,
    SMALL,
    Picture,
    add_note,
    drawn_from,
    plain,
    rising,
    saved,
)
from power_metrics.results.estimate import critical_value

Floats = NDArray[np.float64]

SIZE = (9.0, 4.0)
SEEKING = "normalised power-seeking (random 0, most 1)"
SEEKING_UNIT = "power-seeking (reward per step)"


@plot.register(PolicyPower)
@saved
def plot_policy_power(
    result: PolicyPower, path: str | os.PathLike[str] | None = None, *, title: str | None = None
) -> Figure:
    """Learned POWER of every state against optimal, and both distributions of power-seeking over reward functions.

    Args:
        result: what `power_metrics.power_of_policies` returned.
        title: above both pictures.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: if the suffix names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_policy_power
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> found = pm.power_of_policies(pm.Boltzmann(1.0), turner_figure_1(), num_samples=50)
        >>> figure = plot_policy_power(found)
        >>> [ax.get_title() for ax in figure.axes]
        ['each state', 'each reward function']
    """
    figure = Picture(figsize=SIZE, layout="constrained")
    states, spread = figure.subplots(1, 2)
    best, learned = result.optimal.mean, result.power.mean
    low, high = min(learned.min(), best.min()), max(learned.max(), best.max())
    states.plot([low, high], [low, high], color="0.6", linewidth=0.8)
    half = critical_value(0.95, result.power.replicates) * result.shortfall_error
    states.errorbar(best, learned, yerr=half, fmt="o", color=LEARNED, markersize=4, capsize=2)
    states.set_xlabel(f"optimal {SCALE_LABEL}", fontsize=NORMAL)
    states.set_ylabel("learned POWER", fontsize=NORMAL)
    states.set_title("each state", fontsize=LARGE)
    scale, ((own, optimal),) = _seeking([result])
    both = np.concatenate([own, optimal])
    bins = np.linspace(*rising(float(both.min()), float(both.max())), 40)
    spread.hist(optimal, bins, color=OPTIMAL, alpha=0.55, label="optimal")
    spread.hist(own, bins, color=LEARNED, histtype="step", linewidth=1.5, label="learned")
    spread.set_ylim(top=1.2 * spread.get_ylim()[1])  # room for the legend
    spread.legend(fontsize=SMALL, frameon=False, loc="upper center", ncols=2)
    spread.set_xlabel(scale, fontsize=NORMAL)
    spread.set_ylabel("reward functions", fontsize=NORMAL)
    spread.set_title("each reward function", fontsize=LARGE)
    note = [
        result.learner,
        f"{result.power.num_samples:,} reward functions, {drawn_from(result.power.reward)}",
        f"γ = {result.power.gamma:g}",
        f"learned seeks more than optimal for {result.seeks_more:.0%}",
    ]
    return _finished(figure, [states, spread], title, note)


@plot.register(LearningCurve)
@saved
def plot_learning_curve(
    curve: LearningCurve, path: str | os.PathLike[str] | None = None, *, title: str | None = None
) -> Figure:
    """POWER of Q-learners after more and more steps, and their power-seeking beside that of optimal policies.

    Args:
        curve: what `power_metrics.q_learning_curve` returned.
        title: above both pictures.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: if the suffix names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_learning_curve
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> curve = pm.q_learning_curve(turner_figure_1(), steps=(0, 10, 100), num_learners=20)
        >>> figure = plot_learning_curve(curve)
        >>> [ax.get_title() for ax in figure.axes]
        ['POWER', 'power-seeking']
    """
    figure = Picture(figsize=SIZE, layout="constrained")
    reached, seeking = figure.subplots(1, 2)
    frame = curve.to_frame()
    steps = np.array(curve.steps, dtype=np.float64)
    powers = np.array([stage.power.mean for stage in curve.stages])
    best = curve.stages[-1].optimal.mean
    reached.fill_between(
        steps,
        powers.min(axis=1),
        powers.max(axis=1),
        color=LEARNED,
        alpha=0.2,
        linewidth=0,
        label="learned, all states",
    )
    reached.plot(steps, frame["power"], "o-", color=LEARNED, markersize=4, label="learned, mean over states")
    reached.axhspan(best.min(), best.max(), color=OPTIMAL, alpha=0.2, linewidth=0, label="optimal, all states")
    reached.axhline(best.mean(), color=OPTIMAL, linestyle="--", linewidth=1.2, label="optimal, mean over states")
    reached.set_ylabel(SCALE_LABEL, fontsize=NORMAL)
    reached.set_title("POWER", fontsize=LARGE)
    scale, spreads = _seeking(curve.stages)
    quartiles = np.array([np.quantile(own, [0.25, 0.75]) for own, _ in spreads])
    seeking.fill_between(
        steps, quartiles[:, 0], quartiles[:, 1], color=LEARNED, alpha=0.2, linewidth=0, label="learned, middle half"
    )
    seeking.plot(steps, [own.mean() for own, _ in spreads], "o-", color=LEARNED, markersize=4, label="learned, mean")
    last = spreads[-1][1]
    middle = np.quantile(last, [0.25, 0.75])
    seeking.axhspan(*middle, color=OPTIMAL, alpha=0.2, linewidth=0, label="optimal, middle half")
    seeking.axhline(last.mean(), color=OPTIMAL, linestyle="--", linewidth=1.2, label="optimal, mean")
    seeking.set_ylabel(scale, fontsize=NORMAL)
    seeking.set_title("power-seeking", fontsize=LARGE)
    for ax in (reached, seeking):
        ax.set_xscale("symlog", linthresh=max(1.0, float(steps[steps > 0].min(initial=1e9))) if steps.any() else 1.0)
        ax.set_xlim(left=0, right=1.1 * max(1.0, float(steps.max())))
        ax.set_xlabel("steps of each learner", fontsize=NORMAL)
    reached.legend(fontsize=SMALL, frameon=False, loc="lower right")
    low, high = seeking.get_ylim()
    seeking.set_ylim(low - 0.45 * (high - low), high)  # room for the legend
    seeking.legend(fontsize=SMALL, frameon=False, loc="lower right", ncols=2)
    stage = curve.stages[-1]
    note = [
        f"{stage.power.num_samples:,} learners, each with its own reward function, {drawn_from(stage.power.reward)}",
        f"γ = {stage.power.gamma:g}",
        f"learning rate {curve.settings.learning_rate:g}, ε = {curve.settings.epsilon:g}",
    ]
    return _finished(figure, [reached, seeking], title, note)


def _seeking(stages: Sequence[PolicyPower]) -> tuple[str, list[tuple[Floats, Floats]]]:
    """The name of the scale of power-seeking, and where learned and optimal policies of each stage are on it.

    Where no policy seeks more POWER than the random one there is nothing to normalise by, and power-seeking is in its
    own unit.
    """
    if all(np.isfinite(stage.normalised).all() for stage in stages):
        return SEEKING, [(stage.normalised, stage.optimal_normalised) for stage in stages]
    return SEEKING_UNIT, [(stage.seeking, stage.optimal_seeking) for stage in stages]


def _finished(figure: Picture, axes: list[Axes], title: str | None, note: list[str]) -> Figure:
    for ax in axes:
        plain(ax)
    if title:
        figure.suptitle(title, fontsize=LARGE + 1)
    add_note(figure, note)
    return figure
