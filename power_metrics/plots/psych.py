"""Pictures of psychology: psychometric and chronometric functions, set-size slopes, speed and accuracy, logs."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import ndtri

from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, LEARNED, NORMAL, OPTIMAL, SMALL, Picture, add_note, plain, saved
from power_metrics.plots.sweep_lines import COLOURS
from power_metrics.psych.fits import Psychometric
from power_metrics.psych.logs import TrialLog
from power_metrics.psych.named import task_of
from power_metrics.psych.observers import Tradeoff, ideal
from power_metrics.psych.times import Chronometric, SetSizeSlopes
from powerenvs.worlds.psychology.task import Task

Floats = NDArray[np.float64]
Path = str | os.PathLike[str] | None

MOST_LEVELS = 12
"""Levels at which the ideal observer is drawn beside a log, at most: each is solved."""


@plot.register(Psychometric)
@saved
def plot_psychometric(fit: Psychometric, title: str | None = None, path: Path = None) -> Figure:
    """Draws a psychometric function through the shares of correct answers, with the interval of its threshold.

    Args:
        fit: what `power_metrics.psych.psychometric` returned.
        title: above the picture.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_psychometric
        >>> found = pm.psych.psychometric([0.1, 0.2, 0.4], [11, 14, 19], num_trials=[20] * 3, num_bootstrap=50)
        >>> plot_psychometric(found).axes[0].get_ylabel()
        'share of correct answers'
    """
    figure = Picture(figsize=(5.2, 3.8), layout="constrained")
    ax = figure.subplots()
    _draw_psychometric(ax, fit)
    ax.set_title("Psychometric function" if title is None else title, fontsize=LARGE)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper", fontsize=SMALL, frameon=False)
    low, high = fit.slope_interval
    note = [
        f"{fit.shape}, slope {fit.slope:.3g} ({low:.3g} to {high:.3g})",
        f"guess {fit.guess:.3g}, lapse {fit.lapse:.3g}",
    ]
    add_note(figure, [*note, f"{fit.confidence:.0%} intervals by bootstrap", f"{fit.num_trials.sum():.0f} trials"])
    return figure


@plot.register(Chronometric)
@saved
def plot_chronometric(fit: Chronometric, title: str | None = None, path: Path = None) -> Figure:
    """Draws a chronometric function through the mean times, with their 95 % intervals.

    Args:
        fit: what `power_metrics.psych.chronometric` returned.
        title: above the picture.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_chronometric
        >>> log = pm.psych.run("MotionDiscrimination", "ideal", trials=300, seed=0, levels="all")
        >>> plot_chronometric(pm.psych.chronometric(log, num_bootstrap=20)).axes[0].get_ylabel()
        'time of correct answers (s)'
    """
    figure = Picture(figsize=(5.2, 3.8), layout="constrained")
    ax = figure.subplots()
    x = np.linspace(0, fit.x.max() * 1.02, 200)
    ax.errorbar(fit.x, fit.mean_time, 1.96 * fit.standard_error, fmt="o", color=LEARNED, capsize=2, label="mean, 95 %")
    ax.plot(x, fit.at(x), color=LEARNED, label="diffusion model")
    ax.set_xlabel(_words(fit.variable), fontsize=NORMAL)
    ax.set_ylabel("time of correct answers (s)", fontsize=NORMAL)
    ax.set_ylim(bottom=0)
    ax.set_title("Chronometric function" if title is None else title, fontsize=LARGE)
    plain(ax)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper", fontsize=SMALL, frameon=False)
    parts = [
        f"{name} {value:.3g} ({low:.3g} to {high:.3g})"
        for name, value, (low, high) in (
            ("sensitivity", fit.sensitivity, fit.sensitivity_interval),
            ("bound", fit.bound, fit.bound_interval),
            ("rest", fit.rest, fit.rest_interval),
        )
    ]
    add_note(figure, [*parts, f"{fit.confidence:.0%} intervals by bootstrap"])
    return figure


@plot.register(SetSizeSlopes)
@saved
def plot_set_size_slopes(fit: SetSizeSlopes, title: str | None = None, path: Path = None) -> Figure:
    """Draws mean times over set sizes, a line for each kind of trial.

    Args:
        fit: what `power_metrics.psych.set_size_slopes` returned.
        title: above the picture.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_set_size_slopes
        >>> log = pm.psych.run("VisualSearch", "ideal", trials=200, seed=0, levels="all")
        >>> plot_set_size_slopes(pm.psych.set_size_slopes(log)).axes[0].get_xlabel()
        'set size'
    """
    figure = Picture(figsize=(5.2, 3.8), layout="constrained")
    ax = figure.subplots()
    for i, kind in enumerate(fit.slope):
        sizes = np.array([float(size) for size in fit.means[kind]])
        low, high = fit.slope_interval[kind]
        colour = COLOURS[i % len(COLOURS)]
        label = f"{kind}: {1000 * fit.slope[kind]:.0f} ms an item\n({1000 * low:.0f} to {1000 * high:.0f})"
        ax.plot(sizes, list(fit.means[kind].values()), "o", color=colour)
        ends = np.array([0, sizes.max()])
        ax.plot(ends, fit.intercept[kind] + fit.slope[kind] * ends, color=colour, label=label)
    ax.set_xlabel("set size", fontsize=NORMAL)
    ax.set_ylabel("time of correct answers (s)", fontsize=NORMAL)
    ax.set_ylim(bottom=0)
    ax.set_title("Time over set size" if title is None else title, fontsize=LARGE)
    plain(ax)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper", fontsize=SMALL, frameon=False)
    add_note(figure, [f"{fit.confidence:.0%} intervals by bootstrap"])
    return figure


@plot.register(Tradeoff)
@saved
def plot_tradeoff(front: Tradeoff, title: str | None = None, path: Path = None) -> Figure:
    """Draws the speed-accuracy frontier of the ideal observer.

    Args:
        front: what `power_metrics.psych.tradeoff` returned.
        title: above the picture.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_tradeoff
        >>> plot_tradeoff(pm.psych.tradeoff("MotionDiscrimination", costs=[0.1, 0.01])).axes[0].get_ylabel()
        'accuracy'
    """
    figure = Picture(figsize=(5.2, 3.8), layout="constrained")
    ax = figure.subplots()
    order = np.argsort(front.seconds)
    ax.plot(front.seconds[order], front.accuracy[order], ".-", color=OPTIMAL)
    ax.set_xlabel("mean time to answer (s)", fontsize=NORMAL)
    ax.set_ylabel("accuracy", fontsize=NORMAL)
    ax.set_title("Speed against accuracy" if title is None else title, fontsize=LARGE)
    plain(ax)
    add_note(figure, ["ideal observer", *front.task.replace("(", ": ", 1).removesuffix(")").split(", ")])
    return figure


@saved
def plot_trials(log: TrialLog, title: str | None = None, with_ideal: bool = True, path: Path = None) -> Figure:
    """Draws a log: accuracy and time of correct answers over the task's variable, beside the ideal observer.

    Args:
        log: of trials.
        title: above the picture.
        with_ideal: whether the ideal observer is drawn too.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a log without trials or of an unknown task, and a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_trials
        >>> log = pm.psych.run("VisualSearch", "random", trials=100, seed=0, levels="all")
        >>> [ax.get_ylabel() for ax in plot_trials(log).axes]
        ['share of correct answers', 'time of correct answers (s)']
    """
    if not isinstance(log, TrialLog) or not len(log):
        raise ValueError(f"log: expected a TrialLog with trials, found {log!r}")
    task = task_of(log)
    variable = task.variable if task.variable in log.names else "trial"
    figure = Picture(figsize=(8.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    pairs = bool(task.second) and len(set(log.column(task.second).tolist())) > 1
    split = task.second if pairs else "target" if "target" in log.names else None
    groups = log.by(split) if split else {"": log}
    for i, (name, part) in enumerate(groups.items()):
        label = f"{_words(task.second)} {name:g}" if pairs else f"{log.subject} {name}".strip()
        colour = COLOURS[i % len(COLOURS)]
        x, share, low, high = _shares(part, variable)
        left.errorbar(x, share, [share - low, high - share], fmt="o-", color=colour, capsize=2, label=label)
        x, mean, error = _times(part, variable)
        right.errorbar(x, mean, 1.96 * error, fmt="o-", color=colour, capsize=2)
    if with_ideal and pairs:
        for i, (name, part) in enumerate(groups.items()):
            one = replace(task, **{task.second: name})  # type: ignore[type-var]
            _draw_ideal(left, right, one, part, variable, [], COLOURS[i % len(COLOURS)], "ideal" if i == 0 else None)
    elif with_ideal:
        _draw_ideal(left, right, task, log, variable, list(groups) if split else [])
    left.set_ylabel("share of correct answers", fontsize=NORMAL)
    right.set_ylabel("time of correct answers (s)", fontsize=NORMAL)
    left.set_ylim(-0.03, 1.03)
    right.set_ylim(bottom=0, top=None if log.column("reaction_time").any() else 1)
    for ax in (left, right):
        ax.set_xlabel("trial of the block" if variable == "trial" else _words(variable), fontsize=NORMAL)
        plain(ax)
    figure.suptitle(_words(type(task).__name__) if title is None else title, fontsize=LARGE)
    figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", fontsize=SMALL, frameon=False)
    who = [log.subject] if pairs else []
    add_note(figure, [*who, f"{len(log)} trials", f"seed {log.seed}", "95 % intervals"])
    return figure


def _draw_psychometric(ax: Axes, fit: Psychometric) -> None:
    low, high = fit.x.min(), fit.x.max()
    if fit.shape == "weibull":
        x = np.geomspace(low / 1.3, high * 1.1, 300)
        ax.set_xscale("log")
    else:
        x = np.linspace(low - 0.05 * (high - low), high + 0.05 * (high - low), 300)
    ax.scatter(
        fit.x, fit.correct, 8 + 60 * fit.num_trials / fit.num_trials.max(), color=LEARNED, label="answers", zorder=3
    )
    ax.plot(x, fit.at(x), color=LEARNED, label="fit")
    left, right = fit.threshold_interval
    ax.axvspan(left, right, color=OPTIMAL, alpha=0.2, linewidth=0)
    ax.axvline(fit.threshold, color=OPTIMAL, label=f"threshold {fit.threshold:.3g}\n({left:.3g} to {right:.3g})")
    ax.set_xlabel(_words(fit.variable), fontsize=NORMAL)
    ax.set_ylabel("share of correct answers", fontsize=NORMAL)
    ax.set_ylim(top=1.03)
    plain(ax)


def _shares(log: TrialLog, variable: str) -> tuple[Floats, Floats, Floats, Floats]:
    """Values, shares of correct answers, and the ends of Wilson's 95 % intervals."""
    found = log.by(variable)
    n = np.array([len(part) for part in found.values()], dtype=np.float64)
    share = np.array([part.accuracy() for part in found.values()])
    z = float(ndtri(0.975))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return _numbers(found), share, np.minimum(middle - half, share), np.maximum(middle + half, share)


def _times(log: TrialLog, variable: str) -> tuple[Floats, Floats, Floats]:
    """Values, mean times of correct answers, and their standard errors."""
    groups = {value: part.where(correct=True) for value, part in log.by(variable).items()}
    groups = {value: part for value, part in groups.items() if len(part)}
    times = [np.asarray(part.column("reaction_time"), dtype=np.float64) for part in groups.values()]
    errors = [time.std(ddof=1) / np.sqrt(len(time)) if len(time) > 1 else 0.0 for time in times]
    return _numbers(groups), np.array([time.mean() for time in times]), np.array(errors)


def _numbers(found: dict[Any, TrialLog]) -> Floats:
    return np.array([float(value) for value in found])


def _draw_ideal(
    left: Axes, right: Axes, task: Task[Any], log: TrialLog, variable: str, kinds: list[str], colour: str = OPTIMAL,
    label: str | None = "ideal",
) -> None:  # fmt: skip
    """The ideal observer at the levels of the log, dashed."""
    seconds = task.frames_per_tick / 60
    if variable == "trial":
        exact = ideal(task)
        left.plot(np.arange(len(exact.accuracy_in_block)), exact.accuracy_in_block, "--", color=colour, label=label)
        return
    levels = [level for level, value in enumerate(task.values, start=1) if value in log.by(variable)]
    if not 0 < len(levels) <= MOST_LEVELS:
        return
    found = [ideal(task.at(level)) for level in levels]
    x = [float(task.values[level - 1]) for level in levels]
    left.plot(x, [one.accuracy for one in found], "--", color=colour, label=label)
    for i, kind in enumerate(kinds or [""]):
        ticks = [one.ticks_given.get(kind, np.nan) if kind else one.ticks for one in found]
        shade = COLOURS[i % len(COLOURS)] if kinds else colour
        right.plot(x, np.array(ticks) * seconds, "--", color=shade)


def _words(name: str) -> str:
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return spaced.replace("_", " ")
