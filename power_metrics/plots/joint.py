"""POWER in a game: a heat map for each place of one of its two agents."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import ScalarFormatter
from numpy.typing import NDArray

from power_metrics.plots.bars import bar_chart, bar_labels, bar_limits
from power_metrics.plots.generic import plot
from power_metrics.plots.heatmap import BEYOND, board_glyphs, cell_means, heat_map, states_per_cell
from power_metrics.plots.panels import Panels, bar_panels, board_panels
from power_metrics.plots.power import decimals_shown, plot_power
from power_metrics.plots.split import Where, split
from power_metrics.plots.spread import QUANTITIES, of_quantity, quantity_title
from power_metrics.plots.style import (
    AGENT_COLOURS,
    NORMAL,
    agent_title,
    beyond_noise,
    drawn_from,
    ends_beyond,
    name_bar,
    rising,
    saved,
    without_outliers,
)
from power_metrics.results.estimate import PowerEstimate
from powerenvs.authoring.level import WALL
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest

Cell = tuple[int, int]

CORNER = 0.24
"""The side of cells, in inches, from which on they have room for a number and a disc in the corner."""
MOST_PLACES, SOME_PLACES = 9, 6
"""All places of the other agent get a panel if there are up to 9, else 6 of them."""


class PlacedStates(NamedTuple):
    """The states of a game in which one agent is in one place, on the board by the place of another.

    Attributes:
        board: of the game.
        cells: (S, 2) of the other agent; -1 in all other states.
        num_states: S.
    """

    board: tuple[str, ...] | None
    cells: NDArray[np.int32]
    num_states: int


@plot.register(PowerEstimate)
def plot_estimate(estimate: PowerEstimate, **kwargs: Any) -> Figure:
    """POWER of one agent by `plot_power`, in a game by `plot_joint_power`."""
    return (plot_joint_power if isinstance(estimate.model, TabularGame) else plot_power)(estimate, **kwargs)


@saved
def plot_joint_power(
    estimate: PowerEstimate,
    *,
    quantity: str = "mean",
    by: str | None = None,
    where: Where | None = None,
    positions: Sequence[Cell] | None = None,
    values: bool | None = None,
    title: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws the POWER of an agent in a game: one heat map for each place of the other agent, which is marked.

    Cells are the places of the agent that is not ``by``. Where several states share both places, a cell shows their
    mean. A game without a board becomes a bar chart.

    Args:
        estimate: POWER in a game of two agents.
        quantity: what of POWER is drawn, as in `plot_power`.
        by: the agent whose place tells the panels apart; by default the second of the game.
        where: which states are shown, as in `plot_power`; None for all.
        positions: its places (row, column); by default all if there are up to 9, else 6 at even distances in
            reading order.
        values: whether numbers appear in the cells; None for where they are legible.
        title: above all panels.
        vmin: POWER at the low end of the scale; by default the lowest of a cell that is not only terminal.
        vmax: POWER at its high end; by default the highest.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for an estimate of one agent, an unknown agent, places that the agent is never in, vmin not
            below vmax, a suffix that names no picture format, or a quantity that is unknown or needs samples that
            were not kept.

    Example:
        >>> import power_metrics as pm
        >>> from power_metrics.plots import plot_joint_power
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> both = pm.multiagent_power(PowerPair("S.."), 0.6, num_samples=20, progress=False)
        >>> figure = plot_joint_power(both["human"])
        >>> [ax.get_title() for ax in figure.axes[:3]]
        ['AI at (0, 0)', 'AI at (0, 1)', 'AI at (0, 2)']
    """
    game = estimate.model
    if not isinstance(game, TabularGame):
        raise ValueError(f"estimate: expected POWER in a game, found that in {game!r}; see plot_power")
    heading = f"{quantity_title(quantity)}, γ = {estimate.gamma:g}" if title is None else title
    panels = joint_panels(estimate, game, by, positions, values, heading, (vmin, vmax), quantity=quantity, where=where)
    return panels.figure


def joint_panels(
    estimate: PowerEstimate,
    game: TabularGame,
    by: str | None,
    positions: Sequence[Cell] | None,
    values: bool | None,
    heading: str,
    ends: tuple[float | None, float | None],
    *,
    quantity: str = "mean",
    where: Where | None = None,
) -> Panels:
    """A figure with one heat map for each place of the agent ``by``, or a bar chart for a game without a board."""
    estimate = of_quantity(estimate, quantity)
    other = game.num_agents - 1 if by is None else game.agent_index(by)
    own = next(i for i in range(game.num_agents) if i != other)
    names = [agent_title(agent) for agent in game.agents]
    (part,), chosen = split(game, None, where)
    how = [f"{estimate.num_samples:,} pairs of reward functions, {drawn_from(estimate.reward)}", *chosen]
    if game.board is None or game.cells is None:
        if positions is not None or where is not None:
            raise ValueError(
                f"{'where' if positions is None else 'positions'}: expected None for a game without a board"
            )
        scale = rising(*bar_limits([estimate]), *ends)
        labels = bar_labels(estimate)
        panels = bar_panels(len(labels), max(map(len, labels)), 1, [*how, "lines: 95% confidence intervals"], heading)
        bar_chart(panels.axes[0], estimate, scale, decimals_shown([estimate], scale), values, QUANTITIES[quantity])
        return panels
    places, known = panel_places(game, other, positions, part.states)
    views = [panel_view(game, own, other, place, part.states) for place in places]
    on_scale = np.concatenate([_on_scale(game, view, estimate.mean) for view in views])
    scale = rising(*beyond_noise(*without_outliers(on_scale), estimate.standard_error), *ends)
    note = [*how, f"disc: the {names[other]}; cells: the {names[own]}"]
    if len(places) < known:
        note.append(f"{len(places)} of {known} places of the {names[other]}")
    shown = np.concatenate([cell_means(view, estimate.mean).ravel() for view in views])
    below, above = bool(np.nanmin(shown) < scale[0]), bool(np.nanmax(shown) > scale[1])
    note += _notes(estimate, views) + [text for text, found in zip(BEYOND, (below, above), strict=True) if found]
    shape = board_glyphs(views[0]).shape
    panels = board_panels([(shape[0], shape[1])] * len(views), note, heading)
    norm, decimals = Normalize(*scale), decimals_shown([estimate], scale)
    for ax, view, place in zip(panels.axes, views, places, strict=True):
        image = heat_map(ax, view, estimate.mean, norm, panels.inches, decimals, values)
        ax.set_title(f"{names[other]} at {place}", fontsize=NORMAL)
        mark_agent(ax, place, panels.inches, bool(np.isfinite(cell_means(view, estimate.mean)[place])), other)
    name_outer_axes(panels.axes)
    bar = panels.figure.colorbar(
        image,
        cax=panels.colour_bar,
        orientation=panels.orientation,
        extend=ends_beyond(below, above),
        format=ScalarFormatter(useOffset=False),
    )
    name_bar(bar, QUANTITIES[quantity])
    return panels


def joint_scale(estimates: list[PowerEstimate], vmin: float | None, vmax: float | None) -> tuple[float, float]:
    """A scale for the pictures of several estimates in games: of all states that are not terminal, unless given."""
    if any(e.model.board is None or e.model.cells is None for e in estimates):
        return rising(*bar_limits(estimates), vmin, vmax)
    alive = [e.mean[~e.model.terminal] if not e.model.terminal.all() else e.mean for e in estimates]
    errors = np.concatenate([e.standard_error for e in estimates])
    return rising(*beyond_noise(*without_outliers(np.concatenate(alive)), errors), vmin, vmax)


def panel_places(
    game: TabularGame, agent: int, positions: Sequence[Cell] | None, states: NDArray[np.int64] | None = None
) -> tuple[list[Cell], int]:
    """The places that get a panel, and how many the agent has, in some states or, by default, in all."""
    assert game.cells is not None
    cells = game.cells[:, agent] if states is None else game.cells[states, agent]
    known = [(int(r), int(c)) for r, c in np.unique(cells[np.all(cells >= 0, axis=1)], axis=0)]
    if positions is None:
        count = len(known) if len(known) <= MOST_PLACES else SOME_PLACES
        return [known[i] for i in np.linspace(0, len(known) - 1, count).round().astype(int)], len(known)
    places = [(int(r), int(c)) for r, c in positions]
    strange = next((place for place in places if place not in known), None)
    if strange is not None:
        raise ValueError(f"positions: the {game.agents[agent]} is never at {strange}; {closest(strange, known)}")
    if not places:
        raise ValueError("positions: expected at least one place, found none")
    return places, len(known)


def panel_view(
    game: TabularGame, own: int, other: int, place: Cell, states: NDArray[np.int64] | None = None
) -> PlacedStates:
    """Those states, or all, in which the agent ``other`` is in this place, at the cells of the agent ``own``."""
    assert game.cells is not None
    there = np.all(game.cells[:, other] == place, axis=1)
    if states is not None:
        there &= np.isin(np.arange(game.num_states), states)
    return PlacedStates(game.board, np.where(there[:, None], game.cells[:, own], np.int32(-1)), game.num_states)


def _on_scale(game: TabularGame, view: PlacedStates, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cells of a panel with a state that is not terminal, or all if there are none."""
    means = cell_means(view, mean)
    alive = cell_means(view, np.where(game.terminal, 0.0, 1.0)) > 0
    return means[alive] if alive.any() else means[~np.isnan(means)]


def _notes(estimate: PowerEstimate, views: list[PlacedStates]) -> list[str]:
    """The size of the errors, and what the picture leaves out."""
    parts = []
    if np.isfinite(estimate.standard_error).any():
        low, high = (f"{bound(estimate.standard_error):.2g}" for bound in (np.nanmin, np.nanmax))
        parts.append(f"standard error {low}" + (f" to {high}" if high != low else ""))
    counts = np.concatenate([states_per_cell(view).ravel() for view in views])
    least, most = counts[counts > 0].min(), counts.max()
    if most > 1:
        parts.append(f"each cell: mean of its {most if least == most else f'{least} to {most}'} states")
    if (board_glyphs(views[0]) == WALL).any():
        parts.append("hatched: wall")
    if any((np.isnan(cell_means(view, estimate.mean)) & (board_glyphs(view) != WALL)).any() for view in views):
        parts.append("white: no states")
    return parts


def mark_agent(ax: Axes, place: Cell, inches: float, coloured: bool, agent: int = 1) -> None:
    """A disc for the agent of this number in its cell: in a corner where there is a number, in small cells large."""
    row, column = place
    written = coloured or any(t.get_position() == (column, row) for t in ax.texts)
    if written and inches >= CORNER:
        centre, radius = (column + 0.35, row - 0.35), 0.11
    else:
        centre, radius = (column, row), 0.4 if inches < CORNER else 0.25
    colour = AGENT_COLOURS[agent % len(AGENT_COLOURS)]
    width = min(1.2, 4 * inches)
    ax.add_patch(Circle(centre, radius, facecolor=colour, edgecolor="white", linewidth=width, gid="agent"))


def name_outer_axes(axes: list[Axes]) -> None:
    """Names rows only in the first column of panels, and columns only in the lowest panel of each."""
    boxes = [ax.get_position() for ax in axes]
    for ax, box in zip(axes, boxes, strict=True):
        if box.x0 > boxes[0].x0 + 0.01:
            ax.set_ylabel("")
        if any(abs(other.x0 - box.x0) < 0.01 and other.y0 < box.y0 - 0.01 for other in boxes):
            ax.set_xlabel("")
