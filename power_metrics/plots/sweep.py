"""POWER, alignment, and the numbers of any other measure against whatever was varied."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.plots.generic import error_of, how_made, words_of
from power_metrics.plots.style import (
    AGENT_COLOURS,
    LARGE,
    NORMAL,
    SCALE_LABEL,
    SMALL,
    Picture,
    add_note,
    agent_title,
    drawn_from,
    plain,
    saved,
)
from power_metrics.plots.two_agents import how_pairs
from power_metrics.results.base import Result
from power_metrics.results.estimate import PowerEstimate, critical_value
from power_metrics.results.multiagent import MultiagentPower
from powerenvs.model.labels import label_text

Floats = NDArray[np.float64]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5b5b5b", "#000000")
"""Of states; those of Okabe and Ito, which colour-blind readers tell apart."""
MARKERS = "osD^v<>P"
PANEL = (4.3, 3.9)
"""Width and height of a panel, in inches."""


@saved
def plot_sweep(
    results: Iterable[Result],
    values: Iterable[Any],
    label: str,
    *,
    lines: Iterable[Any] | None = None,
    states: Sequence[Hashable] | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws POWER, or what another measure gave, against any parameter: a discount, a noise, a correlation, a level.

    Lines go through the average over states, or through the POWER of some states, with 95 % intervals. Of two agents,
    dashed lines are the baselines: the first agent against the second's seed policy, and the second playing it; a
    second picture shows alignment as `plot_alignment_sweep` does.

    The interval of an average over states takes account of their common reward functions where the estimate kept its
    samples. Where it did not, the mean of the states' standard errors is drawn, which is never too small. Of results of
    other measures the same is drawn of their first numbers of states, or else the first number of their summary.

    Args:
        results: at least two, all of one agent or all of two.
        values: of the parameter, one for each result, no two equal in a line. Numbers become an axis, in rising order;
            anything else is written below evenly spaced points, in the order given.
        label: the name of the parameter.
        lines: of one agent, what tells up to 8 lines apart, one for each result, such as its level; None for one line.
        states: labels of up to 8 states of all results, of POWER; None for the average over states.
        title: above the picture; by default the discount, if it is one.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for fewer than two results, kinds that differ, a wrong number of values or of lines, equal values,
            unknown states or too many, lines of two agents or of states, states of another measure, results without
            arrays, or a suffix that names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_sweep
        >>> from powerenvs.worlds.power import PowerGrid
        >>> gammas = [0.1, 0.5, 0.9]
        >>> estimates = pm.power(PowerGrid(level="open_3x3"), gammas, num_samples=50, progress=False)
        >>> figure = plot_sweep(estimates, gammas, "discount")
        >>> figure.axes[0].get_xlabel()
        'discount'
    """
    given = None if lines is None else [str(line) for line in lines]
    found, places, names, of_line = _ordered(results, values, given)
    joined, kinds = names is None, list(dict.fromkeys(given or of_line))
    if len(kinds) > len(COLOURS):
        raise ValueError(f"lines: expected up to {len(COLOURS)} different ones, found {len(kinds)}")
    if states is not None and not 0 < len(states) <= len(COLOURS):
        raise ValueError(f"states: expected 1 to {len(COLOURS)}, found {len(states)}")
    note = ["95% intervals"] if states is not None else ["95% intervals of the mean over states"]
    one = [result for result in found if not isinstance(result, MultiagentPower)]
    two = [result for result in found if isinstance(result, MultiagentPower)]
    if one and two:
        raise ValueError(f"results: expected all of one agent or all of two, found {len(one)} and {len(two)}")
    powers = [result for result in one if isinstance(result, PowerEstimate)]
    others = [result for result in one if not isinstance(result, PowerEstimate)]
    quantity, axis = ("POWER, mean over states", SCALE_LABEL) if not others else _quantity(others)
    if powers and others:
        raise ValueError(f"results: expected all of one measure, found POWER and {type(others[0]).__name__}")
    if others and states is not None:
        raise ValueError(f"states: expected None for results other than POWER, found {states!r}")
    if lines is not None and (two or states is not None):
        raise ValueError("lines: expected None for two agents and for states")
    if one:
        figure: Figure = Picture(figsize=(PANEL[0] + 1, PANEL[1]), layout="constrained")
        panels = [figure.add_subplot()]
        if states is not None:
            _state_lines(panels[0], places, powers, states, joined)
        else:
            middle, half, exact = (np.array(part) for part in zip(*map(_average, one), strict=True))
            for kind, colour, marker in zip(kinds, COLOURS, MARKERS, strict=False):
                mine = np.array([line == kind for line in of_line])
                ends = (middle - half)[mine], (middle + half)[mine]
                _line(panels[0], places[mine], middle[mine], *ends, kind, joined=joined, color=colour, marker=marker)
            if lines is not None:
                panels[0].legend(fontsize=SMALL, frameon=False)
            if not exact.all():
                note = [] if np.isnan(half).all() else ["upper bounds of 95% intervals of the mean over states"]
        panels[0].set_title("POWER" if states is not None else quantity, fontsize=LARGE)
        how = [f"{_count(powers)} reward functions, {drawn_from(e.reward)}" for e in powers]
        how = list(dict.fromkeys([*how, *_shared(list(map(how_made, others)))]))
    else:
        agents = two[0].agents
        if any(result.agents != agents for result in two):
            raise ValueError("results: expected the same two agents in all, found others")
        count = 2 if states is None else 3
        figure = Picture(figsize=(count * PANEL[0], PANEL[1]), layout="constrained")
        panels = list(figure.subplots(1, count))
        if states is None:
            _agent_lines(panels[0], places, two, joined)
            panels[0].set_title("POWER, mean over states", fontsize=LARGE)
        else:
            for ax, agent in zip(panels, agents, strict=False):
                _state_lines(ax, places, [result[agent] for result in two], states, joined)
                ax.set_title(f"POWER of the {agent_title(agent)}", fontsize=LARGE)
            panels[1].sharey(panels[0])
            panels[0].autoscale(axis="y")
        _alignment_line(panels[-1], places, two, joined)
        how = how_pairs(two)
    for ax in panels:
        _name_places(ax, names, label)
    for ax in panels if one else panels[:-1]:
        ax.set_ylabel(axis, fontsize=NORMAL)
    _finish(figure, found, title, [*how, *note])
    return figure


@saved
def plot_alignment_sweep(
    results: Iterable[MultiagentPower],
    values: Iterable[Any],
    label: str,
    *,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws the alignment of two agents against any parameter, freed of noise, with its 95 % bootstrap interval.

    Args:
        results: at least two.
        values: of the parameter, one for each result, as in `plot_sweep`.
        label: the name of the parameter.
        title: above the picture; by default the discount, if it is one.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for fewer than two results, a wrong number of values or equal ones, or a suffix that names no
            picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_alignment_sweep
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> correlations = [0.0, 1.0]
        >>> results = [
        ...     pm.multiagent_power(PowerPair("S.."), 0.6, correlation=c, num_samples=20, progress=False)
        ...     for c in correlations
        ... ]
        >>> figure = plot_alignment_sweep(results, correlations, "correlation of rewards")
        >>> figure.axes[0].get_ylabel()
        'correlation of POWER over states'
    """
    found, places, names, _ = _ordered(results, values)
    if not all(isinstance(result, MultiagentPower) for result in found):
        raise ValueError("results: expected POWER of two agents, found that of one; see plot_sweep")
    two = [result for result in found if isinstance(result, MultiagentPower)]
    figure = Picture(figsize=(PANEL[0] + 0.4, PANEL[1]), layout="constrained")
    ax = figure.add_subplot()
    _alignment_line(ax, places, two, names is None)
    _name_places(ax, names, label)
    _finish(figure, found, title, [*how_pairs(two), "95% bootstrap intervals"])
    return figure


@saved
def plot_correlation_sweep(
    results: Iterable[MultiagentPower], *, title: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws POWER, averaged over states, and alignment against the correlation of the rewards: see `plot_sweep`.

    Args:
        results: of one game, at least two with different correlations, in any order.
        title: above the picture; by default the discount.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for fewer than two results, given rewards, equal correlations, different games, or a suffix that
            names no picture format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_correlation_sweep
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> correlations = [0.0, 1.0]
        >>> results = [
        ...     pm.multiagent_power(PowerPair("S.."), 0.6, correlation=c, num_samples=20, progress=False)
        ...     for c in correlations
        ... ]
        >>> figure = plot_correlation_sweep(results)
        >>> [ax.get_title() for ax in figure.axes]
        ['POWER, mean over states', 'alignment']
    """
    found = list(results)
    if len(found) < 2:
        raise ValueError(f"results: expected at least two, found {len(found)}")
    if any(result.correlation is None for result in found):
        raise ValueError("results: expected runs with a correlation, found one of given rewards")
    if len({result.correlation for result in found}) < len(found):
        raise ValueError("results: expected different correlations, found equal ones")
    if any(result.game != found[0].game or result.agents != found[0].agents for result in found):
        raise ValueError("results: expected runs of one game, found different ones")
    return plot_sweep(found, [result.correlation for result in found], "correlation of rewards", title=title, path=path)


def _ordered(
    results: Iterable[Any], values: Iterable[Any], lines: list[str] | None = None
) -> tuple[list[Result], Floats, list[str] | None, list[str]]:
    """The results in the order of the axis, their places on it, its names unless values are numbers, their lines."""
    found, given = list(results), list(values)
    of_line = [""] * len(found) if lines is None else lines
    if len(found) < 2:
        raise ValueError(f"results: expected at least two, found {len(found)}")
    for name, each in (("values", given), ("lines", of_line)):
        if len(each) != len(found):
            raise ValueError(f"{name}: expected {len(found)}, one for each result, found {len(each)}")
    pairs = list(zip(of_line, given, strict=True))
    equal = next((pair[1] for i, pair in enumerate(pairs) if any(pair == other for other in pairs[:i])), None)
    if equal is not None:
        raise ValueError(
            f"values: expected no two equal{'' if lines is None else ' in a line'}, found {equal!r} twice; of results "
            "that differ in something else too, say in what by lines=, or draw some of them"
        )
    numbers = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) and np.isfinite(v) for v in given)
    if not numbers:
        names = list(dict.fromkeys(map(str, given)))
        return found, np.array([names.index(str(v)) for v in given], dtype=np.float64), names, of_line
    order = np.argsort(given, kind="stable")
    sorted_lines = [of_line[i] for i in order]
    return [found[i] for i in order], np.array(given, dtype=np.float64)[order], None, sorted_lines


def _shared(notes: list[list[str]]) -> list[str]:
    """The parts that all notes have."""
    return [part for part in notes[0] if all(part in note for note in notes)] if notes else []


def _of_states(result: Result) -> tuple[tuple[str, ...], str] | None:
    """The dimensions and the name of the first numbers of states; None if there are none."""
    tables = result.tables()
    dims = next((dims for dims in tables if "state" in dims), None)
    return None if dims is None else (dims, next(iter(tables[dims])))


def _quantity(results: list[Result]) -> tuple[str, str]:
    """What is drawn of results other than POWER, as a title and as the name of an axis."""
    kinds = list(dict.fromkeys(type(result).__name__ for result in results))
    if len(kinds) > 1:
        raise ValueError(f"results: expected all of one measure, found {' and '.join(kinds)}")
    first = _of_states(results[0])
    if first is not None:
        dims, name = first
        return f"{words_of(name)}, mean over {' and '.join(f'{dim}s' for dim in dims)}", words_of(name)
    for name in results[0].summary():
        return words_of(name), words_of(name)
    raise ValueError(f"results: expected arrays or numbers, found none in a {kinds[0]}")


def _average(result: Result) -> tuple[float, float, bool]:
    """The average of what is drawn, half its 95 % interval (nan: unknown), and whether that is exact, not a bound."""
    if isinstance(result, PowerEstimate):
        return _average_power(result)
    first = _of_states(result)
    if first is None:
        return float(next(iter(result.summary().values()))), np.nan, False
    dims, name = first
    columns = result.tables()[dims]
    there = result.exists(dims, columns[name].shape)
    error = error_of(columns, name)
    spread = np.nan if error is None else float(error[there].mean())
    return float(columns[name][there].mean()), critical_value(0.95) * spread, False


def _average_power(estimate: PowerEstimate) -> tuple[float, float, bool]:
    """The same of POWER of one agent."""
    samples = estimate._samples
    exact = samples is not None and len(samples) == estimate.num_samples > 1 and not estimate.method.startswith("sobol")
    if exact and samples is not None:
        error = float(samples.mean(axis=1).std(ddof=1) / np.sqrt(len(samples)))
    else:
        error = float(estimate.standard_error.mean())
    return float(estimate.mean.mean()), critical_value(0.95, estimate.replicates) * error, exact or error == 0


def _line(
    ax: Axes, places: Floats, middle: Floats, low: Floats, high: Floats, label: str = "", *, joined: bool, **style: Any
) -> None:
    """Points with intervals; where there is something between them, joined by a line and a band."""
    below, above = np.maximum(middle - low, 0), np.maximum(high - middle, 0)
    style = {"marker": "o", "markersize": 4, "linewidth": 1.2, "capsize": 2, **style}
    if not joined:
        style |= {"linestyle": "none", "marker": style["marker"] or "x"}
    ax.errorbar(places, middle, yerr=(below, above), label=label, **style)
    if joined:
        ax.fill_between(places, middle - below, middle + above, color=style["color"], alpha=0.15, linewidth=0)


def _state_lines(
    ax: Axes, places: Floats, estimates: list[PowerEstimate], states: Sequence[Hashable], joined: bool
) -> None:
    for state, colour, marker in zip(states, COLOURS, MARKERS, strict=False):
        index = [estimate.model.index(state) for estimate in estimates]
        rows = [
            (e.mean[s], *(end[s] for end in e.confidence_interval())) for e, s in zip(estimates, index, strict=True)
        ]
        middle, low, high = np.array(rows).T
        _line(ax, places, middle, low, high, label_text(state), joined=joined, color=colour, marker=marker)
    ax.legend(fontsize=SMALL, frameon=False, title="state", title_fontsize=SMALL)


def _agent_lines(ax: Axes, places: Floats, results: list[MultiagentPower], joined: bool) -> None:
    """POWER of both agents, averaged over states, and the baselines."""
    for agent, colour, meaning in zip(
        results[0].agents, AGENT_COLOURS, ("against the seed policy", "playing the seed policy"), strict=True
    ):
        name = agent_title(agent)
        for baseline, dashes, label in ((False, "-", name), (True, "--", f"{name}, {meaning}")):
            middle = np.array([result.average(agent, baseline=baseline) for result in results])
            half = critical_value(0.95) * np.array(
                [result.average_error(agent, baseline=baseline) for result in results]
            )
            style = {"color": colour, "linestyle": dashes, "marker": "" if baseline else "o"}
            _line(ax, places, middle, middle - half, middle + half, label, joined=joined, **style)
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.4 * (high - low), high)  # room for the legend
    ax.legend(fontsize=SMALL, frameon=False, loc="lower right")


def _alignment_line(ax: Axes, places: Floats, results: list[MultiagentPower], joined: bool) -> None:
    middle = np.array([result.alignment_corrected for result in results])
    low, high = np.array([result.alignment_interval(0.95) for result in results]).T
    ax.axhline(0, color="0.7", linewidth=0.8)
    _line(ax, places, middle, low, high, joined=joined, color="0.25")
    ax.set_ylim(-1.06, 1.06)
    ax.set_ylabel("correlation of POWER over states", fontsize=NORMAL)
    ax.set_title("alignment", fontsize=LARGE)


def _name_places(ax: Axes, names: list[str] | None, label: str) -> None:
    """The axis of the parameter."""
    if names is not None:
        ax.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) * len(names) > 40 else 0)
        ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_xlabel(label, fontsize=NORMAL)
    plain(ax)


def _count(estimates: list[PowerEstimate]) -> str:
    counts = sorted({estimate.num_samples for estimate in estimates})
    return f"{counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "")


def _finish(figure: Figure, results: list[Result], title: str | None, note: list[str]) -> None:
    """The title and the note."""
    first = [result[result.agents[0]] if isinstance(result, MultiagentPower) else result for result in results]
    discounts = {getattr(result, "gamma", None) for result in first} - {None}
    heading = f"γ = {discounts.pop():g}" if title is None and len(discounts) == 1 else title
    if heading:
        figure.suptitle(heading, fontsize=LARGE + 1)
    add_note(figure, note)
