"""Figures outside pyplot's global state: made without a screen, shown in notebooks, saved whole or not at all."""

from __future__ import annotations

import functools
import inspect
import io
import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from numpy.typing import NDArray

from powerenvs.model.files import atomic_path

SMALL, NORMAL, LARGE = 8.0, 9.0, 11.0
"""Font sizes, in points: of ticks and notes, of axis labels, of titles."""
NOTE_COLOUR = "0.35"
SCALE_LABEL = "POWER (reward per step)"
AGENT_COLOURS = ("#de7c20", "#2262c4")
"""Of the first and the second agent, as in pictures of environments."""
LEARNED, OPTIMAL = "#2f6ea5", "#4c9f70"
"""Of a learned policy and of the optimal one."""
NOISE = 4.0
"""Standard errors that a scale of colours spans at least."""
FEW_OUTLIERS, LEAST_NUMBERS = 0.05, 8
"""Of the numbers on a scale, the share that may lie beyond it, and how many there have to be for that."""
LETTER = 0.52 * SMALL / 72
"""The mean width of a letter in small type, in inches."""

P = ParamSpec("P")


class Picture(Figure):
    """A matplotlib figure that notebooks show without pyplot, saved with everything that is drawn on it."""

    def savefig(self, fname: Any, **kwargs: Any) -> None:
        """As matplotlib's, except that the edges fit the content unless ``bbox_inches`` says otherwise."""
        super().savefig(fname, **{"bbox_inches": "tight", "pad_inches": 0.1, **kwargs})

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        self.savefig(data, format="png", dpi=100)
        return data.getvalue()


def root_figure(ax: Axes) -> Figure:
    """The figure that holds these axes, through any subfigures."""
    figure = ax.get_figure()
    while not isinstance(figure, Figure):
        figure = figure.figure  # type: ignore[union-attr]
    return figure


def drawn_from(reward: str) -> str:
    """A distribution of rewards for a note: not too long, and whole numbers without ``.0``."""
    return textwrap.shorten(re.sub(r"(?<=\d)\.0\b", "", reward), 90)


def agent_title(agent: str) -> str:
    """The name of an agent in titles, labels and notes: as in the game, but abbreviations in capitals."""
    return agent.upper() if agent == "ai" else agent


def wrap_note(parts: list[str], width: float) -> str:
    """The parts of a note in lines of at most ``width`` inches, broken between parts where that is possible."""
    letters = max(30, int(width / LETTER))
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 3 <= letters:
            lines[-1] += f"; {part}"
        else:
            lines.append(part)
    return "\n".join(textwrap.fill(line, letters) for line in ";\n".join(lines).split("\n"))


def add_note(figure: Figure, parts: list[str]) -> None:
    """Writes below a picture how it came about and what it leaves out."""
    figure.supxlabel(wrap_note(parts, figure.get_figwidth()), fontsize=SMALL, color=NOTE_COLOUR)


def plain(ax: Axes) -> None:
    """Small ticks, and axes on the left and below only."""
    ax.tick_params(labelsize=SMALL)
    ax.spines[["top", "right"]].set_visible(False)


def name_bar(bar: Colorbar, label: str) -> None:
    """The name and the ticks of a colour bar."""
    bar.set_label(label, fontsize=NORMAL)
    bar.ax.tick_params(labelsize=SMALL)


def ends_beyond(below: bool, above: bool) -> str:
    """At which ends a colour bar is pointed, because values lie beyond its scale."""
    return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[below, above]


def rising(low: float, high: float, vmin: float | None = None, vmax: float | None = None) -> tuple[float, float]:
    """The ends of a scale: of what is shown, apart even where all is equal, unless they are given.

    Raises:
        ValueError: if the scale does not rise.
    """
    if high - low <= 1e-9 * abs(high):  # equal but for rounding, which is no pattern to show
        low, high = low - 0.01 * (abs(low) or 1.0), high + 0.01 * (abs(high) or 1.0)
    low, high = low if vmin is None else vmin, high if vmax is None else vmax
    if not low < high:
        raise ValueError(f"vmin, vmax: expected a scale that rises, found one from {low:g} to {high:g}")
    return low, high


def beyond_noise(low: float, high: float, errors: NDArray[np.float64] | None) -> tuple[float, float]:
    """The ends of what is shown, moved apart about their middle to `NOISE` standard errors: colours are no noise."""
    known = np.empty(0) if errors is None else errors[np.isfinite(errors)]
    lacking = max(0.0, NOISE * float(np.median(known)) - (high - low)) if known.size else 0.0
    return low - lacking / 2, high + lacking / 2


def without_outliers(shown: NDArray[np.float64]) -> tuple[float, float]:
    """The ends of a scale for these numbers, beyond which single ones lie that would take most of it for themselves.

    These are what Tukey calls far out: beyond the middle half by more than three times its width. They stay beyond the
    scale only where they are few, `FEW_OUTLIERS` of the numbers, and would take more than half of it.
    """
    low, high = float(shown.min()), float(shown.max())
    first, third = np.quantile(shown, (0.25, 0.75))
    reach = 3 * (third - first)
    inside = shown[(shown >= first - reach) & (shown <= third + reach)]
    few = 0 < shown.size - inside.size <= max(2, FEW_OUTLIERS * shown.size)
    if reach > 0 and shown.size >= LEAST_NUMBERS and few and high - low > 2 * np.ptp(inside):
        return float(inside.min()), float(inside.max())
    return low, high


def saved(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Makes the ``path`` of a function that draws a figure work: the figure is also saved there, whole or not at all.

    A path whose suffix names no picture format is refused with a ValueError before anything is drawn.

    Args:
        draw: with a parameter ``path``, which it need not look at.

    Example:
        >>> import os, tempfile
        >>> from power_metrics.plots import saved
        >>> from power_metrics.plots.style import Picture
        >>> @saved
        ... def plot_nothing(path=None):
        ...     return Picture()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     figure = plot_nothing(path=os.path.join(folder, "nothing.png"))
        ...     os.listdir(folder)
        ['nothing.png']
    """
    signature = inspect.signature(draw)

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        path = signature.bind(*args, **kwargs).arguments.get("path")
        if path is not None:
            check_picture_path(path)
        figure = draw(*args, **kwargs)
        if path is not None:
            save_figure(figure, path)
        return figure

    return drawn


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: if the suffix names no picture format.

    Example:
        >>> import os, tempfile
        >>> from power_metrics.plots import plot_mdp, save_figure
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_figure(plot_mdp(turner_figure_1()), os.path.join(folder, "graph.svg"))
        ...     os.listdir(folder)
        ['graph.svg']
    """
    check_picture_path(path)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=200, bbox_inches="tight", pad_inches=0.1)


def check_picture_path(path: str | os.PathLike[str], name: str = "path") -> None:
    """Refuses a path whose suffix names no picture format; messages call it ``name``.

    Raises:
        ValueError: with the suffixes that do.
    """
    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if Path(path).suffix[1:].lower() not in known:
        raise ValueError(f"{name}: expected a picture file (.{', .'.join(known)}), found {os.fspath(path)!r}")
