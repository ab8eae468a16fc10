"""The picture of a training run: what episodes pay, beside what that is worth."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.plots.generic import plot
from power_metrics.plots.style import LARGE, NORMAL, SMALL, Picture, saved
from power_metrics.training.returns import EpisodeReturns

SMOOTH = 50
"""Episodes that a point of a curve is the mean of, at most; a tenth of all where these are few."""


@plot.register(EpisodeReturns)
@saved
def plot_returns(
    result: EpisodeReturns, *, title: str | None = None, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draws observed and true returns by the step at which episodes ended: each as a dot, and running means.

    Args:
        result: of a `power_metrics.ReturnTracker`.
        title: above the picture.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_returns
        >>> tracker = pm.ReturnTracker()
        >>> _ = tracker.add([1.0], [0.0], [True])
        >>> plot_returns(tracker.returns).axes[0].get_xlabel()
        'step of training'
    """
    figure = Picture(figsize=(5.6, 3.4), layout="constrained")
    ax = figure.subplots()
    width = int(np.clip(len(result.steps) // 10, 1, SMOOTH))
    for values, colour, label in (
        (result.observed, "#c0504d", "observed: what the agent is paid"),
        (result.true, "#4c9f70", "true: what its designer wants"),
    ):
        ax.plot(result.steps, values, ".", color=colour, alpha=0.18, markersize=3, rasterized=True)
        ax.plot(result.steps[width - 1 :], _running(values, width), color=colour, linewidth=1.8, label=label)
    ax.set_xlabel("step of training", fontsize=NORMAL)
    ax.set_ylabel("return of an episode", fontsize=NORMAL)
    ax.tick_params(labelsize=SMALL)
    ax.grid(color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False)
    ax.set_title("Returns over training" if title is None else title, fontsize=LARGE)
    return figure


def _running(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """(E - width + 1,) means of so many values in a row."""
    found: NDArray[np.float64] = np.convolve(values, np.full(width, 1.0 / width), mode="valid")
    return found
