"""The figures of a sweep: its points, and what was measured against each key that was swept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from power_metrics.sweeps.keys import KINDS
from power_metrics.sweeps.results import SweepPoint, SweepResult
from powerenvs.progress import progress_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "figures"
FILES = r"(point-\d{4,}|samples-\d{4,}|over-[A-Za-z0-9_]+(-\d+)?)\.png"
"""Names of the files that `draw_figures` writes."""

MAX_POINTS = 12
"""Of more points, this many are drawn, evenly spaced."""

MAX_LINES = 8
"""Values of the other keys that become lines of one picture, of one agent; of more, or of two agents:"""

MAX_CURVES = 4
"""pictures of each swept key, at so many values of the others."""


def draw_figures(result: SweepResult, show: bool | None = False) -> list[Path]:
    """Draws a sweep into ``figures/`` in its folder, each file whole or not at all.

    ``point-NNNN.png`` is the picture of a point's result, see `power_metrics.plots.plot`; ``samples-NNNN.png`` shows
    histograms of POWER, where samples were kept of one agent; ``over-KEY.png`` is POWER, or what another measure gave,
    against a key, see `power_metrics.plots.plot_sweep`.

    Args:
        result: of a sweep.
        show: True for a progress bar, None for one in a terminal.

    Returns:
        The paths.

    Raises:
        OSError: if a file cannot be written.
    """
    from power_metrics.plots import save_figure

    jobs = [*_points(result), *_curves(result)]
    written = []
    for name, draw in progress_bar(jobs, "figures", show, unit=" figures"):
        written.append(result.folder / FOLDER / f"{name}.png")
        save_figure(draw(), written[-1])
    return written


Job = tuple[str, Callable[[], "Figure"]]
"""The name of a file, and what draws it."""


def _points(result: SweepResult) -> Iterator[Job]:
    """A picture of each point, and of the samples that it kept."""
    from power_metrics.measures.power import power
    from power_metrics.plots import plot, plot_power_histograms

    measured = "POWER" if result.config.measure in KINDS.values() else result.config.measure.replace("_", " ")

    def drawn(point: SweepPoint) -> Figure:
        return plot(point.result, title=f"{measured}, {point.title}" if point.title else None)

    def histograms(point: SweepPoint) -> Figure:
        kept = power(point.result.mdp, point.result.gamma, rewards=point.kept["agent"].rewards)
        return plot_power_histograms(kept, title=f"POWER samples, {point.title}" if point.title else None)

    for number in _spread(len(result.points), MAX_POINTS):
        point = result.points[number]
        yield f"point-{point.number:04}", partial(drawn, point)
        if "agent" in point.kept:
            yield f"samples-{point.number:04}", partial(histograms, point)


def _curves(result: SweepResult) -> Iterator[Job]:
    """What was measured against each key with several values: a line, or a picture, for each value of the others."""
    from power_metrics.plots import plot_sweep

    for key in result.parameters:
        if len(result.config.values[key]) < 2:
            continue

        groups: dict[str, list[SweepPoint]] = {}
        for point in result.points:
            others = {k: v for k, v in point.cells.items() if k != key}
            groups.setdefault(", ".join(f"{k}={v}" for k, v in others.items()), []).append(point)
        if 1 < len(groups) <= MAX_LINES and result.kind != "two_agents":
            lines, points = zip(*((title, point) for title, group in groups.items() for point in group), strict=True)
            values = [point.cells[key] for point in points]
            yield f"over-{key}", partial(plot_sweep, [p.result for p in points], values, key, lines=lines)
            continue
        for number, (title, group) in enumerate(list(groups.items())[:MAX_CURVES], 1):
            name = f"over-{key}" if len(groups) == 1 else f"over-{key}-{number}"
            results, values = [point.result for point in group], [point.cells[key] for point in group]
            yield name, partial(plot_sweep, results, values, key, title=title or None)


def _spread(count: int, most: int) -> list[int]:
    """So many of ``range(count)`` at most, evenly spaced, with both ends."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})
