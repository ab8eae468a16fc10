"""POWER in a maze with two agents, as the third post drew it: a small map for every place of the other agent."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from power_metrics.plots.heatmap import board_glyphs, cell_means, heat_map
from power_metrics.plots.joint import mark_agent, panel_places, panel_view
from power_metrics.plots.style import LARGE, NORMAL, NOTE_COLOUR, SCALE_LABEL, SMALL, Picture, drawn_from
from power_metrics.results.estimate import PowerEstimate
from powerenvs.model.game import TabularGame

PANEL, GAP = 1.15, 0.1
"""The side of a map, and the room between two, in inches."""
LEFT, RIGHT, TOP, BOTTOM = 0.15, 1.0, 0.45, 0.45
BAR_WIDTH = 0.17


def plot_every_place(estimate: PowerEstimate, title: str) -> Figure:
    """Draws an agent's POWER for every place of the second agent, each map where that place is in the world.

    Args:
        estimate: POWER in a game of two agents on a board.
        title: above all maps.
    """
    game = estimate.model
    assert isinstance(game, TabularGame)
    places, _ = panel_places(game, 1, [tuple(cell) for cell in np.unique(game.cells[:, 1], axis=0).tolist()])  # type: ignore[index]
    views = [panel_view(game, 0, 1, place) for place in places]
    shown = [cell_means(view, estimate.mean) for view in views]
    norm = Normalize(min(np.nanmin(means) for means in shown), max(np.nanmax(means) for means in shown))
    rows, columns = board_glyphs(views[0]).shape
    pitch, cell = PANEL + GAP, PANEL / max(rows, columns)
    across, down = columns * pitch - GAP, rows * pitch - GAP
    width, height = LEFT + across + RIGHT, BOTTOM + down + TOP
    figure = Picture(figsize=(width, height))
    for view, means, (row, column) in zip(views, shown, places, strict=True):
        x, y = LEFT + column * pitch, BOTTOM + (rows - 1 - row) * pitch
        ax = figure.add_axes((x / width, y / height, columns * cell / width, rows * cell / height))
        image = heat_map(ax, view, estimate.mean, norm, cell, 0, numbers=False)
        mark_agent(ax, (row, column), cell, bool(np.isfinite(means[row, column])))
        ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    bar = figure.colorbar(
        image,
        cax=figure.add_axes(((LEFT + across + 0.15) / width, BOTTOM / height, BAR_WIDTH / width, down / height)),
        format=ScalarFormatter(useOffset=False),
    )
    bar.set_label(SCALE_LABEL, fontsize=NORMAL)
    bar.ax.tick_params(labelsize=SMALL)
    low, high = (f"{bound(estimate.standard_error):.2g}" for bound in (np.nanmin, np.nanmax))
    note = (
        f"{estimate.num_samples:,} pairs of reward functions, {drawn_from(estimate.reward)}; standard error "
        f"{low} to {high}; cells: places of the human; disc, and place of each map: the AI"
    )
    figure.supxlabel(note, y=0.5 * BOTTOM / height, fontsize=SMALL, color=NOTE_COLOUR)
    figure.suptitle(title, y=1 - 0.1 / height, fontsize=LARGE + 1)
    return figure
