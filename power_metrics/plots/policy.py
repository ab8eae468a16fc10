"""Policies: arrows on a board, or a graph."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_policy
from power_metrics.measures.run_policies import RunPolicies
from power_metrics.plots.generic import plot
from power_metrics.plots.graphs import draw_graph, graph_states
from power_metrics.plots.heatmap import board_glyphs, draw_board
from power_metrics.plots.joint import Cell, PlacedStates, mark_agent, name_outer_axes, panel_places, panel_view
from power_metrics.plots.panels import Panels, board_panels
from power_metrics.plots.style import LARGE, NORMAL, agent_title, name_bar, saved
from powerenvs.authoring.level import WALL
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.policy import Policy
from powerenvs.model.rows import entry_rows

Floats = NDArray[np.float64]

SHADES = ListedColormap(colormaps["Blues"](np.linspace(0.25, 1.0, 256)))
REACH = 0.46
"""From the middle of a cell to the tip of an arrow, in cells."""
STILL = 0.05
"""Actions that move by less than this many cells, on average over states, count as staying."""
LEAST = 0.005
"""Actions that are less probable than this are not drawn."""


@saved
def plot_policy(
    policy: Any,
    model: TabularMDP | TabularGame | None = None,
    *,
    agent: str | None = None,
    positions: Sequence[Cell] | None = None,
    layout: str | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws what a policy does in every state.

    On a board, each action is an arrow in the direction that it mostly moves in, over all states, and a dot if it
    moves nowhere; the more probable, the wider and darker. Without a board, or with ``layout``, the policy is drawn as
    a graph like `plot_mdp`. In a game, there is one board for each place of the other agent, as in `plot_joint_power`.

    Args:
        policy: a `powerenvs.model.policy.Policy`, or a table (S, A).
        model: what the table is for; not needed for a `Policy`.
        agent: whose policy it is, in a game; not needed for a `Policy`.
        positions: places (row, column) of the other agent; by default as in `plot_joint_power`.
        layout: of a graph, as in `plot_mdp`; None for arrows on the board, where there is one.
        title: above the picture.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Raises:
        ValueError: for a table that is no policy of the model, a table without a model, an unknown agent, a game
            without a board, cells shared by states that the policy tells apart, more than 40 states in a graph, or a
            suffix that names no picture format.

    Example:
        >>> from power_metrics.plots import plot_policy
        >>> from powerenvs.worlds.power import PowerGrid
        >>> model = PowerGrid(level="open_3x3").tables()
        >>> figure = plot_policy(model.available / model.available.sum(axis=1, keepdims=True), model)
        >>> figure.axes[0].get_title()
        'Policy'
    """
    if isinstance(policy, Policy):
        model, agent = policy.model if model is None else model, policy.agent if agent is None else agent
    if model is None:
        raise ValueError("model: expected the model that the table is for, found None")
    heading = "Policy" if title is None else title
    if isinstance(model, TabularGame):
        whose = heading if agent is None or title else f"Policy of the {agent_title(agent)}"
        figure = _game_boards(model, policy, agent, positions, whose)
    else:
        table = check_policy(policy, model)
        if layout is None and _one_state_a_cell(model):
            figure = _board(model, table, heading)
        else:
            figure = draw_graph(model, graph_states(model, None), table, layout, heading)
    return figure


@plot.register(RunPolicies)
def plot_run_policies(found: RunPolicies, *, agent: str | None = None, **kwargs: Any) -> Figure:
    """Draws the policy of a run with `plot_policy`; of two agents, that of ``agent``, by default of the first."""
    if isinstance(found.policies, Mapping):
        names = tuple(found.policies)
        name = names[0 if agent is None else agent_position("agent", agent, names)]
        return plot_policy(found.policies[name], found.model, agent=name, **kwargs)
    return plot_policy(found.policies, found.model, **kwargs)


def _one_state_a_cell(model: TabularMDP) -> bool:
    if model.board is None or model.cells is None:
        return False
    placed = model.cells[np.all(model.cells >= 0, axis=1)]
    return len(placed) > 0 and len(np.unique(placed, axis=0)) == len(placed)


def _board(model: TabularMDP, table: Floats, heading: str) -> Figure:
    assert model.cells is not None
    actions = entry_rows(model.indptr) % model.num_actions
    sources = entry_rows(model.indptr) // model.num_actions
    moves = _directions(model.num_actions, actions, sources, model.successor, model.probability, model.cells)
    names = [label_text(label) for label in model.action_labels]
    view = PlacedStates(model.board, model.cells, model.num_states)
    rows, columns = board_glyphs(view).shape
    panels = board_panels([(rows, columns)], _note(view, moves, names, bool(model.terminal.any())), None)
    _arrows(panels.axes[0], view, np.where(model.terminal[:, None], 0.0, table), moves, panels.inches)
    panels.axes[0].set_title(heading, fontsize=LARGE)
    _colour_bar(panels)
    return panels.figure


def _game_boards(
    game: TabularGame, policy: Any, agent: str | None, positions: Sequence[Cell] | None, heading: str
) -> Figure:
    """One board for each place of the other agent."""
    if agent is None:
        raise ValueError(f"agent: expected one of {', '.join(game.agents)}, found None")
    own = game.agent_index(agent)
    table = Policy(game, agent, np.asarray(policy)).table
    if game.board is None or game.cells is None:
        raise ValueError("model: expected a game with a board, found none; of one, draw Policy tables by game.against")
    other = next(i for i in reversed(range(game.num_agents)) if i != own)
    places, known = panel_places(game, other, positions)
    rows = entry_rows(game.indptr)
    actions = game.joint_actions[rows % game.num_joint_actions, own]
    sources = rows // game.num_joint_actions
    count = game.num_actions[own]
    moves = _directions(count, actions, sources, game.successor, game.probability, game.cells[:, own])
    names = [label_text(label) for label in game.action_labels[agent]]
    views = [panel_view(game, own, other, place) for place in places]
    note = _note(views[0], moves, names, bool(game.terminal.any()))
    marked = agent_title(game.agents[other])
    note.insert(0, f"disc: the {marked}; arrows: the {agent_title(agent)}")
    if len(places) < known:
        note.append(f"{len(places)} of {known} places of the {marked}")
    shape = board_glyphs(views[0]).shape
    panels = board_panels([(shape[0], shape[1])] * len(views), note, heading)
    live = np.where(game.terminal[:, None], 0.0, table)
    for ax, view, place in zip(panels.axes, views, places, strict=True):
        _arrows(ax, view, live, moves, panels.inches)
        ax.set_title(f"{marked} at {place}", fontsize=NORMAL)
        mark_agent(ax, place, panels.inches, True, other)
    name_outer_axes(panels.axes)
    _colour_bar(panels)
    return panels.figure


def _directions(
    count: int,
    actions: NDArray[np.int64],
    sources: NDArray[np.int64],
    targets: NDArray[np.int32],
    probability: Floats,
    cells: NDArray[np.int32],
) -> Floats:
    """(A, 2) the (row, column) direction that each action mostly moves in, summed over all states; 0 for none.

    It is the nearest of the eight directions of the compass: walls and edges bend the sum of noisy moves.
    """
    placed = np.all(cells[sources] >= 0, axis=1) & np.all(cells[targets] >= 0, axis=1)
    steps = (cells[targets] - cells[sources])[placed] * probability[placed, None]
    total, weight = np.zeros((count, 2)), np.zeros(count)
    np.add.at(total, actions[placed], steps)
    np.add.at(weight, actions[placed], probability[placed])
    angle = np.round(np.arctan2(total[:, 0], total[:, 1]) / (np.pi / 4)) * np.pi / 4
    moving = np.linalg.norm(total, axis=1) > STILL * weight
    return np.where(moving[:, None], np.round(np.stack([np.sin(angle), np.cos(angle)], axis=1), 6), 0.0)


def _arrows(ax: Axes, view: PlacedStates, table: Floats, moves: Floats, inches: float) -> None:
    """The board, with an arrow for each action in each cell; the array of the collection holds the probabilities."""
    placed = np.flatnonzero(np.all(view.cells >= 0, axis=1))
    if len(np.unique(view.cells[placed], axis=0)) < len(placed):
        raise ValueError("policy: expected a board on which each state has a cell of its own, found shared cells")
    draw_board(ax, view, inches)
    shapes, shades = [], []
    for s in placed:
        for a in np.argsort(table[s], kind="stable"):
            if (p := float(table[s, a])) >= LEAST:
                shapes.append(_shape(moves[a], p) + view.cells[s][::-1])
                shades.append(p)
    collection = PolyCollection(
        shapes, array=np.array(shades), cmap=SHADES, norm=Normalize(0, 1), linewidths=0, gid="policy"
    )
    ax.add_collection(collection, autolim=False)


def _shape(move: Floats, p: float) -> Floats:
    """The corners (x, y) of an arrow, or of a dot for an action that moves nowhere, around the middle of a cell."""
    width = np.sqrt(p)
    if not move.any():
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        return 0.11 * width * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    along, across = move[::-1], np.array([-move[0], move[1]])
    start, neck, shaft, head = 0.13, REACH - 0.19 * width, 0.045 * width, 0.13 * width
    corners = [(start, shaft), (neck, shaft), (neck, head), (REACH, 0), (neck, -head), (neck, -shaft), (start, -shaft)]
    return np.array([x * along + y * across for x, y in corners])


def _note(view: PlacedStates, moves: Floats, names: list[str], terminal: bool) -> list[str]:
    still = [name for name, move in zip(names, moves, strict=True) if not move.any()]
    note = ["arrows: the direction that an action mostly moves in"]
    if still:
        note.append(f"dot: {', '.join(still)}")
    if (board_glyphs(view) == WALL).any():
        note.append("hatched: wall")
    return [*note, "terminal states have no arrows"] if terminal else note


def _colour_bar(panels: Panels) -> None:
    collection = next(c for c in panels.axes[0].collections if c.get_gid() == "policy")
    bar = panels.figure.colorbar(collection, cax=panels.colour_bar, orientation=panels.orientation)
    name_bar(bar, "probability of the action")
