"""POWER, alignment, and the numbers of any other measure against whatever was varied."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.plots.generic import how_made, words_of
from power_metrics.plots.style import (
    LARGE,
    LETTER,
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
from power_metrics.plots.sweep_lines import (
    ASIDE,
    COLOURS,
    MARKERS,
    MOST_BANDS,
    Swept,
    agent_lines,
    alignment_line,
    average,
    line,
    of_states,
    ordered,
    state_lines,
)
from power_metrics.plots.two_agents import how_pairs
from power_metrics.results.base import Result
from power_metrics.results.estimate import PowerEstimate, critical_value
from power_metrics.results.multiagent import MultiagentPower

Floats = NDArray[np.float64]

PANEL, SMALL_PANEL = (4.3, 3.9), (2.9, 2.5)
"""Width and height of a panel alone, and of one of several, in inches."""
MOST_LETTERS = 30
"""Names below an axis stand upright if they have more letters than this."""
MOST_ACROSS = 4
"""Small multiples in a row."""


@saved
def plot_sweep(
    results: Iterable[Result],
    values: Iterable[Any],
    label: str,
    *,
    lines: Iterable[Any] | None = None,
    panels: Iterable[Any] | None = None,
    states: Sequence[Hashable] | None = None,
    left_out: str | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws POWER, or what another measure gave, against any parameter: a discount, a noise, a correlation, a level.

    Lines go through the average over states, or through the POWER of some states, with 95 % intervals. Of two agents,
    dashed lines are the baselines: the first agent against the second's seed policy, and the second playing it; a
    second picture shows alignment as `plot_alignment_sweep` does. With ``lines``, each agent has a picture of its own,
    without baselines.

    The interval of an average over states takes account of their common reward functions where the estimate kept its
    samples. Where it did not, the mean of the states' standard errors is drawn, which is never too small. Of results of
    other measures the same is drawn of their first numbers of states, or else the first number of their summary.

    Args:
        results: at least two, all of one agent or all of two.
        values: of the parameter, one for each result, no two equal in a line. Numbers become an axis, in rising order;
            anything else is written below evenly spaced points, in the order given.
        label: the name of the parameter.
        lines: what tells up to 8 lines apart, one for each result, such as its level; None for one line.
        panels: what tells small multiples apart, which share their axes: one for each result; None for one.
        states: labels of up to 8 states of all results, of POWER; None for the average over states.
        left_out: what the note says of results that are not given.
        title: above the picture; by default the discount, if it is one.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for fewer than two results, kinds that differ, a wrong number of values, of lines or of panels,
            equal values, unknown states or too many, lines of states, states of another measure, results without
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
    swept = ordered(results, values, lines, panels)
    kinds = list(dict.fromkeys(swept.lines))
    if len(kinds) > len(COLOURS):
        raise ValueError(f"lines: expected up to {len(COLOURS)} different ones, found {len(kinds)}")
    if states is not None and not 0 < len(states) <= len(COLOURS):
        raise ValueError(f"states: expected 1 to {len(COLOURS)}, found {len(states)}")
    two = [result for result in swept.results if isinstance(result, MultiagentPower)]
    others = [result for result in swept.results if not isinstance(result, (MultiagentPower, PowerEstimate))]
    count = len(swept.results)
    if two and len(two) < count:
        raise ValueError(f"results: expected all of one agent or all of two, found {count - len(two)} and {len(two)}")
    if others and len(others) < count:
        raise ValueError(f"results: expected all of one measure, found POWER and {type(others[0]).__name__}")
    if others and states is not None:
        raise ValueError(f"states: expected None for results other than POWER, found {states!r}")
    if lines is not None and states is not None:
        raise ValueError("lines: expected None for states, which have a line each")
    if any(result.agents != two[0].agents for result in two):
        raise ValueError("results: expected the same two agents in all, found others")
    draw = _drawing(swept, kinds, two, others, states)
    names = list(dict.fromkeys(swept.panels))
    legend = len(kinds) > 1 or states is not None or bool(two)
    figure, grid = _panels(len(names), len(draw), legend, _room_below(swept.names))
    for name, row in zip(names, grid, strict=True):
        mine = swept.of_panel(name)
        for ax, (quantity, axis, fill) in zip(row, draw, strict=True):
            fill(ax, mine)
            _name_places(ax, swept.names, label)
            ax.set_ylabel(axis, fontsize=NORMAL)
            ax.set_title(f"{quantity}\n{name}" if name and len(draw) > 1 else name or quantity, fontsize=NORMAL)
    width = [pick(ax.get_xlim()[end] for row in grid for ax in row) for end, pick in ((0, min), (1, max))]
    for ax in (ax for row in grid for ax in row):
        ax.set_xlim(*width)
    _share_axes(grid)
    _legend(figure, grid, "state" if states is not None else "")
    note = _sweep_note(swept.results, two, others, states) + ([] if left_out is None else [left_out])
    _finish(figure, swept.results, title, note, draw[0][0], len(names))
    return figure


def _drawing(
    swept: Swept,
    kinds: list[str],
    two: list[MultiagentPower],
    others: list[Result],
    states: Sequence[Hashable] | None,
) -> list[tuple[str, str, Callable[[Axes, Swept], None]]]:
    """What each column of pictures shows: its title, the name of its axis, and what draws the results of a panel."""
    joined = swept.names is None
    looks: list[dict[str, Any]] = [
        {"color": colour, "marker": marker} for colour, marker in zip(COLOURS, MARKERS, strict=True)
    ]
    several = len(kinds) > 1
    aside = np.linspace(-ASIDE, ASIDE, len(kinds)) if several and not joined else np.zeros(len(kinds))

    def averages(ax: Axes, mine: Swept, of: Callable[[Any], tuple[float, float]]) -> None:
        for kind, look, move in zip(kinds, looks, aside, strict=False):
            if (found := mine.of_line(kind)).results:
                middle, half = np.array(list(map(of, found.results))).T
                ends, banded = (middle - half, middle + half), len(kinds) <= MOST_BANDS
                line(ax, found.places + move, middle, *ends, kind, joined=joined, banded=banded, **look)

    def by_state(ax: Axes, mine: Swept, of: Callable[[Any], PowerEstimate]) -> None:
        state_lines(ax, mine.places, list(map(of, mine.results)), states or (), joined)

    def alignment(ax: Axes, mine: Swept) -> None:
        for kind, look, move in zip(kinds, looks, aside, strict=False):
            if (found := mine.of_line(kind)).results:
                style = look if several else {"color": "0.25"}
                banded = len(kinds) <= MOST_BANDS
                alignment_line(ax, found.places + move, found.results, joined, kind, banded=banded, **style)

    correlation = ("alignment", "correlation over states", alignment)
    if not two:
        if states is not None:
            return [("POWER", SCALE_LABEL, partial(by_state, of=lambda result: result))]
        quantity, axis = ("POWER, mean over states", SCALE_LABEL) if not others else _quantity(others)
        return [(quantity, axis, partial(averages, of=lambda result: average(result)[:2]))]
    agents = [(agent, f"POWER of the {agent_title(agent)}") for agent in two[0].agents]
    if states is not None:
        shown = [(name, SCALE_LABEL, partial(by_state, of=itemgetter(agent))) for agent, name in agents]
        return [*shown, correlation]
    if several:

        def average_of(agent: str) -> Callable[[Any], tuple[float, float]]:
            return lambda result: (result.average(agent), critical_value(0.95) * result.average_error(agent))

        means = [(name, SCALE_LABEL, partial(averages, of=average_of(agent))) for agent, name in agents]
        return [*means, correlation]

    def both(ax: Axes, mine: Swept) -> None:
        agent_lines(ax, mine.places, mine.results, joined)

    return [("POWER, mean over states", SCALE_LABEL, both), correlation]


def _room_below(names: list[str] | None) -> float:
    """How many inches names of places need that stand upright."""
    return max(map(len, names)) * LETTER if names is not None and _upright(names) else 0.0


def _upright(names: list[str]) -> bool:
    return max(map(len, names)) * len(names) > MOST_LETTERS


def _panels(count: int, columns: int, legend: bool, room: float) -> tuple[Figure, list[list[Axes]]]:
    """A figure, and a row of so many pictures for each panel; panels of one picture stand side by side."""
    across = min(count, MOST_ACROSS) if columns == 1 else 1
    down = -(-count // across)
    large = count == 1
    width, height = PANEL if large else SMALL_PANEL
    size = (across * columns * width + (1.6 if legend else 0.6), down * height + 0.3 + room)
    figure = Picture(figsize=size, layout="constrained")
    places = [(down, across * columns, i + 1) for i in range(count * columns)]
    axes = [figure.add_subplot(*place) for place in places]
    return figure, [axes[i * columns : (i + 1) * columns] for i in range(count)]


def _share_axes(grid: list[list[Axes]]) -> None:
    """The same limits in all panels of a quantity, and names of axes only at the outer ones."""
    axes = [ax for row in grid for ax in row]
    for name in {ax.get_ylabel() for ax in axes}:
        alike = [ax for ax in axes if ax.get_ylabel() == name]
        limits = np.array([ax.get_ylim() for ax in alike])
        for ax in alike:
            ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    for ax in axes:
        place = ax.get_subplotspec()
        assert place is not None
        lowest = not any(_below(place, other.get_subplotspec()) for other in axes)
        if len(grid) > 1 and len(grid[0]) == 1 and not place.is_first_col():
            ax.set_ylabel("")
        if not lowest:
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)


def _below(place: Any, other: Any) -> bool:
    """Whether the other place is in the same column, further down."""
    return bool(other.colspan == place.colspan and other.rowspan.start > place.rowspan.start)


def _legend(figure: Figure, grid: list[list[Axes]], title: str) -> None:
    """The lines of all panels, each once, beside them."""
    found: dict[str, Any] = {}
    for ax in (ax for row in grid for ax in row):
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    if found:
        style = {"fontsize": SMALL, "frameon": False, "title_fontsize": SMALL}
        figure.legend(found.values(), found, loc="outside right upper", title=title, **style)


def _sweep_note(
    results: list[Result], two: list[MultiagentPower], others: list[Result], states: Sequence[Hashable] | None
) -> list[str]:
    """How the numbers were computed, and what the intervals are."""
    note = ["95% intervals"] if states is not None else ["95% intervals of the mean over states"]
    if two:
        return [*how_pairs(two), *note]
    if states is None:
        _, half, exact = (np.array(part) for part in zip(*map(average, results), strict=True))
        if not exact.all():
            note = [] if np.isnan(half).all() else ["upper bounds of 95% intervals of the mean over states"]
    powers = [result for result in results if isinstance(result, PowerEstimate)]
    how = [f"{_count(powers)} reward functions, {drawn_from(e.reward)}" for e in powers]
    return [*dict.fromkeys([*how, *_shared(list(map(how_made, others)))]), *note]


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
    swept = ordered(results, values)
    two = [result for result in swept.results if isinstance(result, MultiagentPower)]
    if len(two) < len(swept.results):
        raise ValueError("results: expected POWER of two agents, found that of one; see plot_sweep")
    figure = Picture(figsize=(PANEL[0] + 0.4, PANEL[1]), layout="constrained")
    ax = figure.add_subplot()
    alignment_line(ax, swept.places, two, swept.names is None, color="0.25")
    ax.set_ylabel("correlation of POWER over states", fontsize=NORMAL)
    _name_places(ax, swept.names, label)
    _finish(figure, swept.results, title, [*how_pairs(two), "95% bootstrap intervals"], "alignment", 1)
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


def _shared(notes: list[list[str]]) -> list[str]:
    """The parts that all notes have."""
    return [part for part in notes[0] if all(part in note for note in notes)] if notes else []


def _quantity(results: list[Result]) -> tuple[str, str]:
    """What is drawn of results other than POWER, as a title and as the name of an axis."""
    kinds = list(dict.fromkeys(type(result).__name__ for result in results))
    if len(kinds) > 1:
        raise ValueError(f"results: expected all of one measure, found {' and '.join(kinds)}")
    first = of_states(results[0])
    if first is not None:
        dims, name = first
        return f"{words_of(name)}, mean over {' and '.join(f'{dim}s' for dim in dims)}", words_of(name)
    for name in results[0].summary():
        return words_of(name), words_of(name)
    raise ValueError(f"results: expected arrays or numbers, found none in a {kinds[0]}")


def _name_places(ax: Axes, names: list[str] | None, label: str) -> None:
    """The axis of the parameter."""
    if names is not None:
        ax.set_xticks(range(len(names)), names, rotation=90 if _upright(names) else 0)
        ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_xlabel(label, fontsize=NORMAL)
    plain(ax)


def _count(estimates: list[PowerEstimate]) -> str:
    counts = sorted({estimate.num_samples for estimate in estimates})
    return f"{counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "")


def _finish(
    figure: Figure, results: list[Result], title: str | None, note: list[str], quantity: str, panels: int
) -> None:
    """The title, which of several panels says what they show, and the note."""
    first = [result[result.agents[0]] if isinstance(result, MultiagentPower) else result for result in results]
    discounts = {getattr(result, "gamma", None) for result in first} - {None}
    heading = f"γ = {discounts.pop():g}" if title is None and len(discounts) == 1 else title
    single = panels == 1 and len(figure.axes) == 1
    if single:
        figure.axes[0].set_title(f"{quantity}, {heading}" if heading else quantity, fontsize=LARGE)
    elif panels > 1 and len(figure.axes) == panels:
        figure.suptitle(f"{quantity}, {heading}" if heading else quantity, fontsize=LARGE + 1)
    elif heading:
        figure.suptitle(heading, fontsize=LARGE + 1)
    add_note(figure, note)
