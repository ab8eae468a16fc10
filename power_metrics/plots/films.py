"""Films: one picture for each value of a parameter, all on one scale, with a slider that shows the value."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from power_metrics.plots.joint import joint_scale, plot_joint_power
from power_metrics.plots.power import plot_power, power_scale
from power_metrics.plots.spread import of_quantity
from power_metrics.plots.style import NORMAL, Picture, agent_title
from power_metrics.plots.two_agents import plot_alignment
from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.multiagent import MultiagentPower
from powerenvs.model.game import TabularGame
from powerenvs.render.animation import check_animation_path, write_animation

DPI = 110
SLIDER = 0.55
"""The height of the slider, in inches."""
TRACK, KNOB = "0.75", "#2262c4"


def animate(
    results: Iterable[PowerEstimate | MultiagentPower],
    values: Iterable[Any],
    label: str,
    path: str | os.PathLike[str],
    /,
    *,
    agent: str | None = None,
    plot: Callable[..., Figure] | None = None,
    frame_seconds: float = 0.5,
    last_seconds: float | None = None,
    **options: Any,
) -> None:
    """Writes a film of a picture over any parameter.

    POWER of one agent is drawn by `plot_power`, on one scale. POWER of two agents is drawn by `plot_alignment` with
    shared axes, or, with ``agent``, by `plot_joint_power` on one scale. A slider above shows the value.

    Args:
        results: at least one, in the order of the film, all of one kind.
        values: of the parameter, one for each result.
        label: the name of the parameter.
        path: ends in ``.gif`` or ``.mp4``; written whole or not at all.
        agent: whose POWER to show, of two agents; None for their alignment.
        plot: another function that takes a result and returns a Figure; ``options`` are its own, scales included.
        frame_seconds: how long each value is shown.
        last_seconds: how long the last one is; twice as long as the others when None.
        options: of the function that draws, such as ``values=False`` for cells without numbers.

    Raises:
        ValueError: for no results, a wrong number of values, results of different kinds, an unknown agent, a path that
            names no animation, and whatever the function that draws refuses.

    Example:
        >>> import os, tempfile
        >>> import power_metrics as pm
        >>> from power_metrics.plots import animate
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> estimates = pm.power(turner_figure_1(), [0.1, 0.9], num_samples=50, progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     animate(estimates, [0.1, 0.9], "discount", os.path.join(folder, "power.gif"))
        ...     os.listdir(folder)
        ['power.gif']
    """
    check_animation_path(path)
    found, given = list(results), list(values)
    if not found:
        raise ValueError("results: expected at least one, found none")
    if len(given) != len(found):
        raise ValueError(f"values: expected {len(found)}, one for each result, found {len(given)}")
    if plot is not None:
        figures = [plot(result, **options) for result in found]
    elif all(isinstance(result, PowerEstimate) for result in found):
        figures = _maps([result for result in found if isinstance(result, PowerEstimate)], options)
    elif all(isinstance(result, MultiagentPower) for result in found):
        games = [result for result in found if isinstance(result, MultiagentPower)]
        if agent is None:
            figures = _alignments(games, options)
        else:
            options.setdefault("title", f"POWER of the {agent_title(agent)}")
            figures = _maps([game[agent] for game in games], options)
    else:
        raise ValueError("results: expected all of one agent or all of two, found both")
    last_seconds = 2 * frame_seconds if last_seconds is None else last_seconds
    animate_figures(figures, path, values=given, label=label, frame_seconds=frame_seconds, last_seconds=last_seconds)


def animate_figures(
    figures: Iterable[Figure],
    path: str | os.PathLike[str],
    *,
    values: Sequence[Any] | None = None,
    label: str = "",
    frame_seconds: float = 0.5,
    last_seconds: float | None = None,
) -> None:
    """Writes any figures as a film, whole or not at all; all are cut to the same edges.

    Args:
        figures: at least one, in order.
        path: ends in ``.gif`` or ``.mp4``.
        values: one for each figure, shown by a slider above; None for no slider.
        label: the name of what has these values.
        frame_seconds: how long each figure is shown.
        last_seconds: how long the last one is shown; as the others when None.

    Raises:
        ValueError: for no figures, a wrong number of values, or a path that names no animation.

    Example:
        >>> import os, tempfile
        >>> from power_metrics.plots import animate_figures, plot_mdp
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> figures = [plot_mdp(turner_figure_1(), title=title) for title in ("one", "two")]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     animate_figures(figures, os.path.join(folder, "graphs.gif"))
        ...     os.listdir(folder)
        ['graphs.gif']
    """
    check_animation_path(path)
    drawn = list(figures)
    if not drawn:
        raise ValueError("figures: expected at least one, found none")
    if values is not None and len(values) != len(drawn):
        raise ValueError(f"values: expected {len(drawn)}, one for each figure, found {len(values)}")
    frames = _frames(drawn)
    if values is not None:
        frames = _with_slider(frames, list(values), label)
    write_animation(frames, path, frame_seconds=frame_seconds, last_seconds=last_seconds)


def _maps(estimates: list[PowerEstimate], options: dict[str, Any]) -> list[Figure]:
    """Each estimate drawn on the scale of all."""
    shown = [of_quantity(estimate, options.get("quantity", "mean")) for estimate in estimates]
    joint = isinstance(estimates[0].model, TabularGame)
    scale = joint_scale if joint else power_scale
    low, high = scale(shown, options.get("vmin"), options.get("vmax"))
    draw = plot_joint_power if joint else plot_power
    return [draw(estimate, **{**options, "vmin": low, "vmax": high}) for estimate in estimates]


def _alignments(results: list[MultiagentPower], options: dict[str, Any]) -> list[Figure]:
    """Each alignment with the axes of all."""
    figures = [plot_alignment(result, **options) for result in results]
    for axis in ("x", "y"):
        limits = np.array([getattr(figure.axes[0], f"get_{axis}lim")() for figure in figures])
        for figure in figures:
            getattr(figure.axes[0], f"set_{axis}lim")(limits[:, 0].min(), limits[:, 1].max())
    return figures


def _frames(figures: list[Figure]) -> Iterator[NDArray[np.uint8]]:
    """The figures as pictures of one size that holds the content of each."""
    boxes = []
    for figure in figures:
        FigureCanvasAgg(figure)
        figure.set_dpi(DPI)
        figure.draw_without_rendering()
        boxes.append(figure.get_tightbbox())
    edges = Bbox.union(boxes).padded(0.1)
    for figure in figures:
        yield _pixels(figure, edges)


def _pixels(figure: Figure, edges: Bbox) -> NDArray[np.uint8]:
    """A figure (height, width, 3) between these edges, in inches."""
    from PIL import Image

    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI, bbox_inches=edges, facecolor="white")
    with Image.open(data) as picture:
        return np.asarray(picture.convert("RGB"))


def _with_slider(frames: Iterator[NDArray[np.uint8]], values: list[Any], label: str) -> Iterator[NDArray[np.uint8]]:
    """Each frame with the slider above it."""
    for i, frame in enumerate(frames):
        yield np.concatenate([_slider(values, i, label, frame.shape[1]), frame])


def _slider(values: list[Any], index: int, label: str, width: int) -> NDArray[np.uint8]:
    """(height, width, 3) a track with a mark for each value, and a knob on the current one."""
    figure = Picture(figsize=(width / DPI, SLIDER), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_axes((0.12, 0.1, 0.76, 0.35))
    numbers = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in values)
    places = np.array(values, dtype=np.float64) if numbers else np.arange(len(values), dtype=np.float64)
    ax.plot([places.min(), places.max()], [0, 0], color=TRACK, linewidth=2, solid_capstyle="round")
    ax.plot(places, np.zeros(len(places)), "|", color=TRACK, markersize=7)
    ax.plot(places[index], 0, "o", color=KNOB, markersize=8, gid="knob")
    ax.set_axis_off()
    value = f"{values[index]:g}" if numbers else str(values[index])
    figure.text(0.5, 0.72, f"{label} = {value}".replace("= -", "= −"), ha="center", va="center", fontsize=NORMAL + 1)
    canvas.draw()  # type: ignore[no-untyped-call]
    picture = np.asarray(canvas.buffer_rgba())[:, :, :3]  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(picture[:, :width] if picture.shape[1] >= width else np.pad(
        picture, [(0, 0), (0, width - picture.shape[1]), (0, 0)], mode="edge"
    ))  # fmt: skip
