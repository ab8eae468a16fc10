"""Figures outside pyplot's global state: made without a screen, shown in notebooks, saved whole or not at all."""

from __future__ import annotations

import io
import os
import re
import textwrap
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from powerenvs.model.files import atomic_path

SMALL, NORMAL, LARGE = 8.0, 9.0, 11.0
"""Font sizes, in points: of ticks and notes, of axis labels, of titles."""
NOTE_COLOUR = "0.35"
SCALE_LABEL = "POWER (reward per step)"
AGENT_COLOURS = ("#de7c20", "#2262c4")
"""Of the first and the second agent, as in pictures of environments."""


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


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: if the suffix names no picture format.
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
