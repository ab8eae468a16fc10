"""The figures of a sweep: its points, and what was measured against each key that was swept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from power_metrics.sweeps.keys import KINDS
from power_metrics.sweeps.results import SweepPoint, SweepResult
from powerenvs.model.labels import closest
from powerenvs.progress import progress_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "figures"
FILES = r"(point-\d{4,}|samples-\d{4,}|over-[A-Za-z0-9_]+(-\d+)?)\.png"
"""Names of the files that `draw_figures` writes."""

MAX_POINTS = 12
"""Of more points, this many are drawn, evenly spaced."""

MAX_LINES = 8
"""A key with up to this many values has a line for each of them."""

MAX_PANELS, MAX_PICTURES = 12, 4
"""Combinations of the remaining keys have a panel each: so many in a picture, in up to so many pictures."""


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


def plot_result(result: SweepResult, key: str | None = None, *, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draws a sweep against one key; see `power_metrics.SweepResult.plot`."""
    from power_metrics.plots import save_figure

    able = [name for name in result.parameters if len(result.config.values[name]) > 1]
    if key is not None and key not in able:
        raise ValueError(f"key: expected one with several values, found {key!r}; {closest(key, able)}")
    if not result.points:
        raise ValueError("result: expected a sweep with finished points, found none")
    jobs = dict(_curves(result))
    wanted = [name for name in jobs if re.fullmatch(rf"over-{key or able[0]}(-1)?", name)] if able else []
    draw = jobs[wanted[0]] if wanted else dict(_points(result))[f"point-{result.points[0].number:04}"]
    figure = draw()
    if path is not None:
        save_figure(figure, path)
    return figure


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
    """What was measured against each key with several values, with lines and panels for all values of the others."""
    from power_metrics.plots import plot_sweep

    for key in result.parameters:
        if len(result.config.values[key]) < 2:
            continue
        others = [other for other in result.parameters if other != key]
        for_lines = _key_of_lines(result, others)
        panels: dict[str, list[SweepPoint]] = {}
        for point in result.points:
            panels.setdefault(_settings(point, [k for k in others if k != for_lines]), []).append(point)
        chosen = list(panels)[: MAX_PANELS * MAX_PICTURES]
        pages = [chosen[i : i + MAX_PANELS] for i in range(0, len(chosen), MAX_PANELS)]
        for number, page in enumerate(pages, 1):
            drawn = [point for title in page for point in panels[title]]
            if len(drawn) < 2:
                continue
            about: dict[str, Any] = {
                "lines": None if for_lines is None else [_settings(point, [for_lines]) for point in drawn],
                "panels": [title for title in page for _ in panels[title]] if len(page) > 1 else None,
                "title": page[0] or None if len(page) == 1 else None,
            }
            if len(page) < len(panels):
                about["left_out"] = f"{len(page)} of {len(panels)} combinations of the other settings"
            results, values = [point.result for point in drawn], [point.cells[key] for point in drawn]
            name = f"over-{key}" if len(pages) == 1 else f"over-{key}-{number}"
            yield name, partial(plot_sweep, results, values, key, **about)


def _key_of_lines(result: SweepResult, keys: list[str]) -> str | None:
    """The key whose values become lines: that with the most values which colours can tell apart."""
    counts = {key: len(result.config.values[key]) for key in keys}
    able = [key for key, count in counts.items() if 1 < count <= MAX_LINES]
    return max(able, key=counts.__getitem__, default=None)


def _settings(point: SweepPoint, keys: list[str]) -> str:
    """The values of these keys at a point, on one line."""
    return ", ".join(f"{key}={point.cells[key]}" for key in keys)


def _spread(count: int, most: int) -> list[int]:
    """So many of ``range(count)`` at most, evenly spaced, with both ends."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})
