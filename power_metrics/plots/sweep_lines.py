"""The lines of sweeps: results in the order of an axis, their averages with intervals, and how these are drawn."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from power_metrics.plots.generic import error_of
from power_metrics.plots.style import AGENT_COLOURS, agent_title
from power_metrics.results.base import Result
from power_metrics.results.estimate import PowerEstimate, critical_value
from power_metrics.results.multiagent import MultiagentPower
from powerenvs.model.labels import label_text

Floats = NDArray[np.float64]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5b5b5b", "#000000")
"""Of lines; those of Okabe and Ito, which colour-blind readers tell apart."""
MARKERS = "osD^v<>P"
MOST_BANDS = 3
"""Of more lines only the intervals are drawn, without bands between them."""
ASIDE = 0.25
"""How far points of different lines are set apart at a name, to each side of its place."""


@dataclass(frozen=True)
class Swept:
    """Results in the order of the axis.

    Attributes:
        results: of all panels and lines.
        places: of each on the axis.
        lines: the name of the line of each.
        panels: the name of the panel of each.
        names: of the places, unless they are numbers.
    """

    results: list[Any]
    places: Floats
    lines: list[str]
    panels: list[str]
    names: list[str] | None

    def of_panel(self, name: str) -> Swept:
        """The results of one panel."""
        return self._some([i for i, panel in enumerate(self.panels) if panel == name])

    def of_line(self, name: str) -> Swept:
        """The results of one line."""
        return self._some([i for i, kind in enumerate(self.lines) if kind == name])

    def _some(self, kept: list[int]) -> Swept:
        results, lines, panels = ([each[i] for i in kept] for each in (self.results, self.lines, self.panels))
        return Swept(results, self.places[kept], lines, panels, self.names)


def ordered(
    results: Iterable[Any],
    values: Iterable[Any],
    lines: Iterable[Any] | None = None,
    panels: Iterable[Any] | None = None,
) -> Swept:
    """The results in the order of the axis."""
    found, given = list(results), list(values)
    of_line = [""] * len(found) if lines is None else list(map(str, lines))
    of_panel = [""] * len(found) if panels is None else list(map(str, panels))
    if len(found) < 2:
        raise ValueError(f"results: expected at least two, found {len(found)}")
    for name, each in (("values", given), ("lines", of_line), ("panels", of_panel)):
        if len(each) != len(found):
            raise ValueError(f"{name}: expected {len(found)}, one for each result, found {len(each)}")
    triples = list(zip(of_line, of_panel, given, strict=True))
    equal = next((one[2] for i, one in enumerate(triples) if any(one == other for other in triples[:i])), None)
    if equal is not None:
        raise ValueError(
            f"values: expected no two equal{'' if lines is None else ' in a line'}, found {equal!r} twice; of results "
            "that differ in something else too, say in what by lines= or panels=, or draw some of them"
        )
    numbers = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) and np.isfinite(v) for v in given)
    if not numbers:
        names = list(dict.fromkeys(map(str, given)))
        places = np.array([names.index(str(v)) for v in given], dtype=np.float64)
        return Swept(found, places, of_line, of_panel, names)
    order = np.argsort(given, kind="stable").tolist()
    kinds, parts = list(dict.fromkeys(of_line)), list(dict.fromkeys(of_panel))
    order = sorted(order, key=lambda i: (parts.index(of_panel[i]), kinds.index(of_line[i])))  # keeps theirs
    picked = [[each[i] for i in order] for each in (found, of_line, of_panel)]
    return Swept(picked[0], np.array(given, dtype=np.float64)[order], picked[1], picked[2], None)


def of_states(result: Result) -> tuple[tuple[str, ...], str] | None:
    """The dimensions and the name of the first numbers of states; None if there are none."""
    tables = result.tables()
    dims = next((dims for dims in tables if "state" in dims), None)
    return None if dims is None else (dims, next(iter(tables[dims])))


def average(result: Result) -> tuple[float, float, bool]:
    """The average of what is drawn, half its 95 % interval (nan: unknown), and whether that is exact, not a bound."""
    if isinstance(result, PowerEstimate):
        return _average_power(result)
    first = of_states(result)
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


def line(
    ax: Axes,
    places: Floats,
    middle: Floats,
    low: Floats,
    high: Floats,
    label: str = "",
    *,
    joined: bool,
    banded: bool = True,
    **style: Any,
) -> None:
    """Points with intervals; where there is something between them, joined by a line and, if wanted, a band."""
    below, above = np.maximum(middle - low, 0), np.maximum(high - middle, 0)
    style = {"marker": "o", "markersize": 4, "linewidth": 1.2, "capsize": 2, **style}
    if not joined:
        style |= {"linestyle": "none", "marker": style["marker"] or "x"}
    ax.errorbar(places, middle, yerr=(below, above), label=label, **style)
    if joined and banded:
        ax.fill_between(places, middle - below, middle + above, color=style["color"], alpha=0.15, linewidth=0)


def state_lines(
    ax: Axes, places: Floats, estimates: list[PowerEstimate], states: Sequence[Hashable], joined: bool
) -> None:
    """POWER of some states."""
    for state, colour, marker in zip(states, COLOURS, MARKERS, strict=False):
        index = [estimate.model.index(state) for estimate in estimates]
        rows = [
            (e.mean[s], *(end[s] for end in e.confidence_interval())) for e, s in zip(estimates, index, strict=True)
        ]
        middle, low, high = np.array(rows).T
        line(ax, places, middle, low, high, label_text(state), joined=joined, color=colour, marker=marker)


def agent_lines(ax: Axes, places: Floats, results: list[MultiagentPower], joined: bool) -> None:
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
            style: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": "" if baseline else "o"}
            line(ax, places, middle, middle - half, middle + half, label, joined=joined, **style)


def alignment_line(
    ax: Axes, places: Floats, results: list[MultiagentPower], joined: bool, label: str = "", **style: Any
) -> None:
    """Alignment without noise, with bootstrap intervals."""
    middle = np.array([result.alignment_corrected for result in results])
    low, high = np.array([result.alignment_interval(0.95) for result in results]).T
    ax.axhline(0, color="0.7", linewidth=0.8)
    line(ax, places, middle, low, high, label, joined=joined, **style)
    ax.set_ylim(-1.06, 1.06)
