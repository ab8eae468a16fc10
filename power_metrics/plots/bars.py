"""Bar charts of POWER, for models without a board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from power_metrics.plots.style import NORMAL, SCALE_LABEL, SMALL
from powerenvs.model.labels import label_text

MAX_BARS = 40
MAX_LABEL = 48
BAR = "#5b8fb0"


class StateValues(Protocol):
    """A number for each of S states, with its error."""

    @property
    def model(self) -> Any:
        """The model."""

    @property
    def mdp(self) -> Any:
        """The model, of one agent."""

    @property
    def mean(self) -> NDArray[np.float64]:
        """(S,) the numbers."""

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """(S,) of each; nan where it is not known."""

    def confidence_interval(self, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(low, high) of each."""


def chosen_ranks(ranked_by: NDArray[np.float64], most: int, some: int | None = None) -> NDArray[np.int64]:
    """All positions of an array (n,), or, of more than ``most``, ``some`` at evenly spaced ranks, highest first."""
    if len(ranked_by) <= most:
        return np.arange(len(ranked_by))
    ranks = np.linspace(0, len(ranked_by) - 1, some or most).round().astype(np.int64)
    return np.argsort(-ranked_by, kind="stable")[ranks]


def shown_states(estimate: StateValues) -> NDArray[np.int64]:
    """The states that get a bar: all in their order, or 40 at evenly spaced ranks, highest POWER first."""
    return chosen_ranks(estimate.mean, MAX_BARS)


def bar_labels(estimate: StateValues) -> list[str]:
    """The labels of the states shown, cut where they are long."""
    return [short_label(label_text(estimate.model.state_labels[s])) for s in shown_states(estimate)]


def short_label(text: str) -> str:
    """A label without its middle where it is long: beginnings may be alike, and so may ends."""
    half = MAX_LABEL // 2
    return text if len(text) <= MAX_LABEL else f"{text[: half - 1]}…{text[-half:]}"


def bar_limits(estimates: Sequence[StateValues]) -> tuple[float, float]:
    """The ends of a scale that holds 0, all bars, their intervals, and numbers beside them."""
    numbers = np.concatenate([np.zeros(1), *(end for e in estimates for end in (e.mean, *e.confidence_interval(0.95)))])
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    return low - (0.04 * (high - low) if low < 0 else 0), high + 0.14 * (high - low)


def bar_chart(
    ax: Axes,
    estimate: StateValues,
    scale: tuple[float, float],
    decimals: int,
    numbers: bool | None = None,
    label: str = SCALE_LABEL,
) -> None:
    """Draws one horizontal bar a state, with its 95 % interval.

    Args:
        ax: where to draw.
        estimate: of S states.
        scale: the lowest and the highest POWER of the axis.
        decimals: of the numbers beside the bars.
        numbers: False to leave out the numbers beside the bars.
        label: of the axis.
    """
    states = shown_states(estimate)
    place = np.arange(len(states))
    mean = estimate.mean[states]
    low, high = (bound[states] for bound in estimate.confidence_interval(0.95))
    ax.barh(place, mean, height=0.72, color=BAR)
    ax.hlines(place, low, high, colors="0.15", linewidth=1)
    ax.plot([low, high], [place, place], "|", color="0.15", markersize=5)
    ax.axvline(0, color="0.15", linewidth=0.8)
    ax.set_yticks(place, bar_labels(estimate))
    ax.set_ylim(len(states) - 0.4, -0.6)
    ax.set_xlim(*scale)
    ax.tick_params(labelsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.set_xlabel(label, fontsize=NORMAL)
    ax.set_ylabel("state", fontsize=NORMAL)
    if numbers is False:
        return
    for y, value, end in zip(place, mean, np.fmax(np.fmax(high, mean), 0), strict=True):
        ax.annotate(
            f"{value:.{decimals}f}",
            (end, y),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            gid="value",
        )
