"""Results as a page shows them: numbers of states on a board or a graph, tables, facts, arrows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.base import Result
from power_metrics.results.multiagent import MultiagentPower
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP

MAX_VALUES = 400_000
"""Numbers of one table that are sent."""
MAX_ROWS = 400
MAX_GRAPH = 120
"""States of a model without a board that are drawn as a graph."""
ERRORS = ("{} standard error", "{}_standard_error", "{}_error")
"""What columns are called that hold the standard error of another."""

Floats = NDArray[np.float64]


def numbers(array: Any) -> Any:
    """Numbers for JSON: None for what is not finite."""
    found = np.asarray(array)
    if found.dtype.kind == "f":
        if np.isfinite(found).all():
            return found.tolist()
        return np.where(np.isfinite(found), found.astype(object), None).tolist()  # type: ignore[call-overload]
    return found.tolist() if found.dtype.kind in "biu" else [str(one) for one in found.tolist()]


def model_view(model: TabularMDP | TabularGame, world: Any = None) -> dict[str, Any]:
    """What a page needs to draw a model's states: the board and their cells, or the places of a graph."""
    view: dict[str, Any] = {
        "states": model.num_states,
        "labels": [label_text(label) for label in model.state_labels],
        "terminal": np.flatnonzero(model.terminal).tolist(),
        "starts": np.flatnonzero(model.initial > 0).tolist() if model.num_states <= 5000 else [],
    }
    if isinstance(model, TabularGame):
        view["agents"] = list(model.agents)
        view["actions"] = {agent: [label_text(one) for one in model.action_labels[agent]] for agent in model.agents}
    else:
        view["actions"] = [label_text(one) for one in model.action_labels]
    if model.board is not None and model.cells is not None and bool(np.any(model.cells >= 0)):
        legend = dict(getattr(world, "legend", {}) or {})
        view |= {"board": list(model.board), "cells": model.cells.tolist(), "legend": legend}
    elif isinstance(model, TabularMDP) and model.num_states <= MAX_GRAPH:
        view["graph"] = _graph(model)
    return view


def _graph(mdp: TabularMDP) -> dict[str, Any]:
    from power_metrics.plots.layouts import edges_between, place_states

    states = np.arange(mdp.num_states)
    places, _ = place_states(mdp, states, (1.0, 1.0), (0.7, 0.6), None)
    return {"places": np.round(places, 4).tolist(), "edges": edges_between(mdp, states)}


def result_view(result: Result) -> dict[str, Any]:
    """The tables of a result: those by state for maps, the others as they are; and its facts."""
    maps, others = [], []
    for dims, columns in result.tables().items():
        if not dims:
            others.append({"dims": [], "columns": {name: numbers(array) for name, array in columns.items()}})
            continue
        shape = next(iter(columns.values())).shape
        coordinates = [_coordinates(result, dim, size) for dim, size in zip(dims, shape, strict=True)]
        total = int(np.prod(shape)) * len(columns)
        if "state" in dims and len(dims) <= 2 and total <= MAX_VALUES:
            maps.append(_map(result, dims, columns, coordinates))
        elif len(dims) == 1 and dims != ("state",):
            kept = {name: numbers(array[:MAX_ROWS]) for name, array in columns.items()}
            others.append({"dims": list(dims), "at": coordinates[0][:MAX_ROWS], "columns": kept, "rows": shape[0]})
    return {
        "kind": type(result).__name__,
        "maps": maps,
        "others": others,
        "facts": {name: value for name, value in result.facts().items() if name != "versions"},
        "summary": {name: value for name, value in result.summary().items() if _is_number(value)},
        "notes": list(getattr(result, "notes", ())),
        "cell_errors": cell_errors(result),
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _coordinates(result: Result, dim: str, size: int) -> list[str]:
    known = result.coordinates(dim)
    return [label_text(label) for label in known] if known is not None else [str(number) for number in range(size)]


def _map(
    result: Result, dims: tuple[str, ...], columns: Mapping[str, NDArray[Any]], coordinates: list[list[str]]
) -> dict[str, Any]:
    """A table with the states first; of a pair of states the other one is what a page chooses."""
    axis = dims.index("state")
    shape = next(iter(columns.values())).shape
    there = result.exists(dims, shape)
    errors = {}
    for name in columns:
        named = [form.format(name) for form in ERRORS]
        plain = ["standard_error"] if name == next(iter(columns)) else []
        found = next((error for error in [*named, *plain] if error in columns and error != name), None)
        if found is not None:
            errors[name] = found
    made = {}
    for name, array in columns.items():
        values = np.where(there, np.asarray(array, dtype=np.float64), np.nan) if array.dtype.kind != "U" else array
        made[name] = numbers(np.moveaxis(values, axis, 0))
    other = [i for i in range(len(dims)) if i != axis]
    return {
        "dims": ["state", *(dims[i] for i in other)],
        "choices": coordinates[other[0]] if other else [],
        "columns": made,
        "errors": errors,
    }


def cell_errors(result: Result) -> dict[str, list[list[float]]]:
    """{column: (row, column, standard error)} of means over all places of the other agent, where samples were kept."""
    if not isinstance(result, MultiagentPower):
        return {}
    found: dict[str, list[list[float]]] = {}
    model = result.game
    if model.cells is None:
        return {}
    for agent in result.agents:
        place = model.agents.index(agent)
        for name, estimate in ((agent, result.estimates[agent]), (f"{agent} baseline", result.baseline[agent])):
            if estimate._samples is None or len(estimate.samples) < 2:
                continue
            rows: list[list[float]] = []
            for cell in np.unique(model.cells[:, place], axis=0):
                here = np.all(model.cells[:, place] == cell, axis=1)
                means = estimate.samples[:, here].mean(axis=1)
                rows.append([int(cell[0]), int(cell[1]), float(means.std(ddof=1) / np.sqrt(len(means)))])
            found[name] = rows
    return found


def arrows(mdp: TabularMDP, kind: str, gamma: float, values: Floats | None) -> list[list[list[float]]]:
    """For each state the actions of a policy: [action, probability, rows down, columns right] of each.

    Args:
        mdp: the model.
        kind: "task": all actions that are optimal for the rewards of its transitions; "seeking": those whose next
            states have the largest mean of ``values``.
        gamma: discount of the task.
        values: (S,) of states.

    Raises:
        ValueError: where no value is there to seek, and what the solver refuses.
    """
    if kind == "task":
        from power_metrics.solvers.optimal import optimal_policies

        policy = optimal_policies(mdp, None, gamma)[0].numpy()
    else:
        if values is None:
            raise ValueError("arrows: expected a measure with a number for each state, found none")
        ahead = mdp.transition_matrix() @ values
        ahead = np.where(mdp.available, ahead.reshape(mdp.num_states, -1), -np.inf)
        best = ahead >= ahead.max(axis=1, keepdims=True) - 1e-12 * max(1.0, float(np.abs(values).max()))
        policy = best / best.sum(axis=1, keepdims=True)
    moves = _moves(mdp)
    found: list[list[list[float]]] = []
    for s in range(mdp.num_states):
        if mdp.terminal[s]:
            found.append([])
            continue
        actions = np.flatnonzero(policy[s] > 1e-9).tolist()
        found.append([[a, float(policy[s, a]), *moves[s * mdp.num_actions + a]] for a in actions])
    return found


def _moves(mdp: TabularMDP) -> list[list[float]]:
    """By row, how far down and right an action leads in the mean, over transitions between cells."""
    if mdp.cells is None:
        return [[0.0, 0.0]] * mdp.num_rows
    matrix = mdp.transition_matrix()
    here = np.repeat(mdp.cells, mdp.num_actions, axis=0).astype(np.float64)
    moved = matrix @ mdp.cells.astype(np.float64) - here * np.asarray(matrix.sum(axis=1)).reshape(-1, 1)
    return np.round(moved, 6).tolist()
