"""What prints a short table, shows it in notebooks, and has a picture."""

from __future__ import annotations

import html
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

SHORT = 10
"""Rows of a table that is printed; of more, the first and the last five."""


class Shown:
    """What has a table, `to_frame`, and is shown by it."""

    __slots__ = ()

    if TYPE_CHECKING:
        to_frame: Any

    def plot(self, *args: Any, **kwargs: Any) -> matplotlib.figure.Figure:
        """The picture of such a result; see `power_metrics.plots.plot`, which takes the same arguments."""
        # Pictures know results, so results cannot import pictures: a name is all that they know of them.
        figure: matplotlib.figure.Figure = importlib.import_module("power_metrics.plots").plot(self, *args, **kwargs)
        return figure

    def __str__(self) -> str:
        frame = self._short_frame()
        return repr(self) if frame is None else f"{self!r}\n{frame.to_string(max_rows=SHORT)}"

    def _repr_html_(self) -> str:
        """What notebooks show: what it is, and its table, shortened."""
        frame = self._short_frame()
        heading = f"<p>{html.escape(repr(self).partition(chr(10))[0])}</p>"
        return heading if frame is None else f"{heading}\n{frame.to_html(max_rows=SHORT)}"

    def _short_frame(self) -> pandas.DataFrame | None:
        """The table that is printed; None without one."""
        frame: pandas.DataFrame = self.to_frame()
        return frame
