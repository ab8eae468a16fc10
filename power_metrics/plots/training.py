"""`plot_training`: what training runs came to over their steps, several seeds as a line with a band."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.arguments.checks import as_float64
from power_metrics.learners.training import Training
from power_metrics.plots.generic import plot
from power_metrics.plots.learners import SEEKING
from power_metrics.plots.style import (
    LARGE,
    NORMAL,
    SCALE_LABEL,
    SMALL,
    Picture,
    add_note,
    agent_title,
    plain,
    root_figure,
    saved,
)
from power_metrics.plots.sweep_lines import COLOURS
from powerenvs.model.checks import as_list
from powerenvs.model.labels import closest
from powerenvs.model.rows import LARGEST

Floats = NDArray[np.float64]

LABELS = {
    "normalised": SEEKING,
    "seeking": f"power-seeking: {SCALE_LABEL}",
    "visited": f"visited {SCALE_LABEL}",
    "alive": "POWER until the episode ends",
    "correlation": "rank correlation of visits and POWER",
    "return_exact": "expected discounted return",
    "performance_exact": "expected discounted performance",
    "entropy": "entropy of actions (nats)",
    "probability": "P(agent)",
    "agents_bits": "log2 evidence of agents per action",
    "devices_bits": "log2 evidence of devices per action",
    "meg": "goal-directedness (nats)",
    "coherence": "coherence",
    "empowerment": "empowerment (bits)",
    "power": SCALE_LABEL,
    "alignment": "correlation of the agents' POWER",
    "alignment_visited": "correlation of the agents' POWER, visited",
    "exploitability": "exploitability (return)",
    "gap": "gain of a best response (return)",
}
"""Names of axes, of columns of `power_metrics.PowerTracker.evaluate`; others go by their own."""
REFERENCES = {
    "normalised": {"task-optimal": "normalised_task_optimal"},
    "seeking": {"task-optimal": "task_optimal", "random": "random"},
    "return_exact": {"task-optimal": "return_task_optimal"},
}
"""{column: {what it is compared with: column of that}}."""
BANDS = ("range", "interval")
PANEL = (5.2, 3.9)


@saved
def plot_training(
    runs: Mapping[str, Any] | Iterable[Any],
    columns: str | Sequence[str] = "normalised",
    *,
    band: str = "range",
    ax: Axes | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws numbers of training runs against their steps: the mean of each group of runs, and a band around it.

    Runs whose steps differ are joined by straight lines between their evaluations, as far as all runs of the group
    reach. Dashed lines are task-optimal policies, where the runs have them; in games best responses to what the others
    have learned by then.

    Args:
        runs: {name of a group: its runs}, such as the seeds of an algorithm; or the runs of a single group. A run is
            a `PowerTracker` or a `GameTracker`; anything with one as ``tracker``, such as a callback or a wrapper; its
            table, or rows of it, with a column ``step``; or the path of a ``.csv`` file with that.
        columns: what to draw, each in a picture of its own: see `PowerTracker.evaluate`, and of games, such as
            ``"ai/normalised"``, `GameTracker.evaluate`; or columns of the tables.
        band: ``"range"`` from the lowest run to the highest, ``"interval"`` for Student's 95 % interval of the mean.
        ax: axes to draw a single column on; a new figure when None.
        title: above all pictures.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for no runs, more than 8 groups, what is no run, a column that a run does not have, steps that do
            not overlap, or a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> seeds = [[{"step": 0, "normalised": 0.0}, {"step": 100, "normalised": end}] for end in (0.5, 0.7)]
        >>> figure = pm.plot_training({"PPO": seeds})
        >>> figure.axes[0].get_xlabel()
        'training steps'
    """
    names = [columns] if isinstance(columns, str) else as_list("columns", columns, "names of columns")
    if band not in BANDS:
        raise ValueError(f"band: unknown band {band!r}; {closest(band, BANDS)}")
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"columns: expected names of columns, found {names}")
    if not names or (ax is not None and len(names) > 1):
        raise ValueError(f"columns: expected at least one, and one alone on axes that are given, found {names}")
    groups = {str(name): _frames(some) for name, some in _named(runs).items()}
    if not groups or len(groups) > len(COLOURS):
        raise ValueError(f"runs: expected 1 to {len(COLOURS)} groups, found {len(groups)}")
    if ax is None:
        figure: Figure = Picture(figsize=(PANEL[0] * len(names) + 0.6, PANEL[1]), layout="constrained")
        axes = list(figure.subplots(1, len(names), squeeze=False)[0])
        add_note(figure, _note(groups, band))
    else:
        figure, axes = root_figure(ax), [ax]
    for panel, name in zip(axes, names, strict=True):
        _draw(panel, groups, name, band)
    if title is not None:
        figure.suptitle(title, fontsize=LARGE)
    return figure


@plot.register(Training)
def plot_learner(
    result: Training,
    columns: str | Sequence[str] = ("return_exact", "normalised"),
    *,
    ax: Axes | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws what `power_metrics.train` found: return and power-seeking over training, beside the optimum.

    Args:
        result: of `power_metrics.train`.
        columns: as for `plot_training`, of the result's table.
        ax: axes to draw a single column on; a new figure when None.
        title: above the pictures; by default the algorithm.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: as `plot_training` does.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..G", max_episode_steps=20)
        >>> found = pm.train(env, "q_learning", steps=200, progress=False)
        >>> [ax.get_ylabel() for ax in found.plot().axes][0]
        'expected discounted return'
    """
    frame = result.to_frame().assign(
        return_task_optimal=result.optimal_return, normalised_task_optimal=result.optimal_power_seeking
    )
    shown = f"{result.algorithm}, seed {result.seed}" if title is None else title
    return plot_training({"": [frame]}, columns, ax=ax, title=shown, path=path)


def _draw(ax: Axes, groups: Mapping[str, list[Any]], column: str, band: str) -> None:
    """One column of all groups."""
    for (name, frames), colour in zip(groups.items(), COLOURS, strict=False):
        steps, numbers = _joined(name, frames, column)
        low, high = _ends(numbers, band)
        ax.plot(steps, numbers.mean(axis=0), color=colour, label=name or "runs, mean")
        if len(numbers) > 1:
            ax.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    agent, slash, own = column.rpartition("/")
    if slash and own in REFERENCES:
        _draw_best_response(ax, groups, f"{agent}/{REFERENCES[own]['task-optimal']}")
    for what, reference in REFERENCES.get(column, {}).items():
        lines: dict[float, list[tuple[str, str]]] = {}
        for (name, frames), colour in zip(groups.items(), COLOURS, strict=False):
            if all(reference in frame for frame in frames):
                value = float(np.mean([frame[reference].iloc[-1] for frame in frames]))
                near = next((known for known in lines if np.isclose(known, value, rtol=1e-9, atol=0.0)), value)
                lines.setdefault(near, []).append((name, colour))
        for value, owners in lines.items():
            shared = len(owners) == len(groups)
            name, colour = ("", "0.4") if shared else owners[0]
            style: dict[str, Any] = {
                "color": colour,
                "linewidth": 1.1,
                "linestyle": "--" if what == "task-optimal" else ":",
            }
            ax.axhline(value, label=what if shared else f"{what}, {name}", **style)
    ax.set_xlabel("training steps", fontsize=NORMAL)
    label = LABELS.get(own, own.replace("_", " "))
    ax.set_ylabel(f"{agent_title(agent)}: {label}" if slash else label, fontsize=NORMAL)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.locator_params(axis="x", nbins=5)
    plain(ax)
    ax.legend(fontsize=SMALL, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _draw_best_response(ax: Axes, groups: Mapping[str, list[Any]], column: str) -> None:
    """What would be optimal among the others: in a game it changes as they learn."""
    for (name, frames), colour in zip(groups.items(), COLOURS, strict=False):
        if all(column in frame for frame in frames):
            steps, numbers = _joined(name, frames, column)
            label = f"best response, {name}" if name else "best response"
            ax.plot(steps, numbers.mean(axis=0), color=colour, linestyle="--", linewidth=1.1, label=label)


def _ends(numbers: Floats, band: str) -> tuple[Floats, Floats]:
    """The ends of the band of (runs, steps) numbers."""
    if band == "range":
        return numbers.min(axis=0), numbers.max(axis=0)
    from scipy.special import stdtrit

    count, middle = len(numbers), numbers.mean(axis=0)
    if count < 2:
        return middle, middle
    half = float(stdtrit(count - 1, 0.975)) * numbers.std(axis=0, ddof=1) / np.sqrt(count)
    return middle - half, middle + half


def _joined(name: str, frames: list[Any], column: str) -> tuple[Floats, Floats]:
    """The steps of all runs of a group, as far as all of them reach, and (runs, steps) numbers at these."""
    for frame in frames:
        if column not in frame:
            raise ValueError(f"columns: a run of {name or 'these'} has no {column!r}; {closest(column, frame)}")
    spans = [frame["step"].to_numpy(dtype=np.float64) for frame in frames]
    steps = np.unique(np.concatenate(spans))
    steps = steps[(steps >= max(span.min() for span in spans)) & (steps <= min(span.max() for span in spans))]
    if not steps.size:
        raise ValueError(f"runs: expected runs of {name or 'a group'} whose steps overlap, found none")
    parts = zip(spans, frames, strict=True)
    numbers = np.array([np.interp(steps, span, as_float64(column, frame[column].to_numpy())) for span, frame in parts])
    if (np.abs(numbers) > LARGEST).any():
        raise ValueError(f"columns: expected numbers of at most {LARGEST:g} in size, found larger ones in {column!r}")
    return steps, numbers


def _named(runs: Any) -> Mapping[str, Any]:
    """The groups by name; one without a name if they have none."""
    return runs if isinstance(runs, Mapping) else {"": runs}


def _frames(runs: Any) -> list[Any]:
    """The table of each run of a group, in the order of its steps."""
    single = isinstance(runs, (str, os.PathLike)) or hasattr(runs, "tracker") or hasattr(runs, "to_frame")
    given = [runs] if single or hasattr(runs, "columns") else as_list("runs", runs, "trackers, tables or their paths")
    if given and isinstance(given[0], Mapping):
        given = [given]
    if not given:
        raise ValueError("runs: expected at least one run in each group, found none")
    return [_frame(run) for run in given]


def _frame(run: Any) -> Any:
    import pandas

    inner = getattr(run, "tracker", run)
    run = getattr(run, "joint", run) if callable(inner) else inner  # those of games make a tracker of each agent
    if isinstance(run, (str, os.PathLike)):
        if Path(run).suffix != ".csv":
            raise ValueError(f"runs: expected the path of a .csv file, found {os.fspath(run)!r}")
        frame = pandas.read_csv(run)
    elif hasattr(run, "to_frame") and not isinstance(run, pandas.DataFrame):
        frame = run.to_frame()
    else:
        try:
            frame = pandas.DataFrame(run)
        except (TypeError, ValueError):
            raise ValueError(f"runs: expected a tracker, a table or the path of one, found {run!r}") from None
    if "step" not in frame or not len(frame):
        raise ValueError(f"runs: expected a table with a column 'step' and at least one row, found {list(frame)}")
    return frame.assign(step=as_float64("step", frame["step"].to_numpy())).sort_values("step", kind="stable")


def _note(groups: Mapping[str, list[Any]], band: str) -> list[str]:
    """How many runs there are, and what the band is."""
    counts = sorted({len(frames) for frames in groups.values()})
    runs = f"{counts[0]}" + (f" to {counts[-1]}" if len(counts) > 1 else "")
    if counts[-1] == 1:
        return ["one run" if len(groups) == 1 else "one run of each"]
    what = "lowest to highest run" if band == "range" else "95% interval of the mean"
    return [f"lines: mean of {runs} runs", f"bands: {what}"]
