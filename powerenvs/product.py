"""`product_game`: agents that live in worlds of their own, side by side, as one game."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs import tables
from powerenvs.game import TabularGame, check_agents
from powerenvs.labels import label_type
from powerenvs.mdp import TabularMDP

BYTES_PER_ENTRY = 150
"""Peak memory of building a product for each of its transitions, with two agents; measured."""


class _Rows(NamedTuple):
    """Compressed rows with the rewards of some agents, (agents, nnz)."""

    indptr: NDArray[np.int64]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    reward: NDArray[np.float64]
    performance: NDArray[np.float64]
    num_states: int


def product_game(*mdps: TabularMDP, agents: Sequence[str] = ("human", "ai"), max_gib: float = 4.0) -> TabularGame:
    """The game in which each agent moves in its own decision process, all at the same time and independently.

    States are numbered in C order (the first agent's state changes slowest) and labelled with named tuples of the
    agents' own labels, ``State(human=(0, 1), ai=(2, 2))``; with plain tuples if an agent's name is no identifier.
    Each agent gets the rewards of its own process. A joint state is terminal when all its parts are: an agent that
    is done first waits, without reward. The start is the product of the starts. The board and cells are kept if
    all agents live on the same board.

    Built by array operations: milliseconds for two 31-cell mazes, seconds for two 400-cell grids.

    Args:
        mdps: one for each agent.
        agents: their names, in the same order.
        max_gib: tables that would take more than this many GiB to build are refused.

    Raises:
        ValueError: if the numbers of agents and processes differ, or the tables would be too large.
    """
    agents = check_agents(agents)
    if len(mdps) != len(agents) or not all(isinstance(mdp, TabularMDP) for mdp in mdps):
        kinds = ", ".join(type(mdp).__name__ for mdp in mdps) or "none"
        raise ValueError(f"product_game: expected a TabularMDP for each of {agents}, found {kinds}")
    _check_size(mdps, max_gib)
    rows = reduce(_product, (_rows(mdp) for mdp in mdps))
    if any(_split_rewards(mdp) for mdp in mdps):
        rows = _sorted(rows)
    boards = {mdp.board for mdp in mdps}
    placed = len(boards) == 1 and all(mdp.cells is not None for mdp in mdps)
    return TabularGame(
        indptr=rows.indptr,
        successor=rows.successor,
        probability=rows.probability,
        num_actions=tuple(mdp.num_actions for mdp in mdps),
        agents=agents,
        reward=rows.reward,
        performance=rows.performance,
        terminal=_outer(np.logical_and, [mdp.terminal for mdp in mdps]),
        initial=_outer(np.multiply, [mdp.initial for mdp in mdps]),
        state_labels=_labels(agents, [mdp.state_labels for mdp in mdps]),
        action_labels={agent: mdp.action_labels for agent, mdp in zip(agents, mdps, strict=True)},
        board=mdps[0].board if len(boards) == 1 else None,
        cells=_joint_cells([mdp.cells for mdp in mdps]) if placed else None,  # type: ignore[misc]
    )


def _check_size(mdps: Sequence[TabularMDP], max_gib: float) -> None:
    entries = math.prod(mdp.num_transitions for mdp in mdps)
    states = math.prod(mdp.num_states for mdp in mdps)
    gib = entries * BYTES_PER_ENTRY * len(mdps) / 2 / 2**30
    if gib > max_gib:
        raise ValueError(
            f"product_game: {states:,} joint states with {entries:,} transitions need about {gib:.1f} GiB to build, "
            f"more than max_gib={max_gib}; use smaller worlds or less noise, or raise max_gib"
        )


def _rows(mdp: TabularMDP) -> _Rows:
    return _Rows(mdp.indptr, mdp.successor, mdp.probability, mdp.reward[None], mdp.performance[None], mdp.num_states)


def _product(first: _Rows, second: _Rows) -> _Rows:
    """All pairs of rows: (s1, s2, a1, a2) in C order, and in each row all pairs of entries."""

    def spread(values_1: NDArray[Any], values_2: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        one = values_1.reshape(first.num_states, 1, -1, 1)
        two = values_2.reshape(1, second.num_states, 1, -1)
        shape = np.broadcast_shapes(one.shape, two.shape)
        return np.broadcast_to(one, shape).ravel(), np.broadcast_to(two, shape).ravel()

    count_1, count_2 = spread(np.diff(first.indptr), np.diff(second.indptr))
    start_1, start_2 = spread(first.indptr[:-1], second.indptr[:-1])
    count = count_1 * count_2
    indptr = np.zeros(len(count) + 1, dtype=np.int64)
    np.cumsum(count, out=indptr[1:])
    place = np.arange(indptr[-1]) - np.repeat(indptr[:-1], count)  # of each entry in its row
    in_1, in_2 = np.divmod(place, np.repeat(count_2, count))
    entry_1 = in_1 + np.repeat(start_1, count)
    entry_2 = in_2 + np.repeat(start_2, count)
    return _Rows(
        indptr,
        first.successor[entry_1] * np.int32(second.num_states) + second.successor[entry_2],
        first.probability[entry_1] * second.probability[entry_2],
        np.concatenate([first.reward[:, entry_1], second.reward[:, entry_2]]),
        np.concatenate([first.performance[:, entry_1], second.performance[:, entry_2]]),
        first.num_states * second.num_states,
    )


def _split_rewards(mdp: TabularMDP) -> bool:
    """Whether a row has several entries with one next state, which the product takes out of order."""
    rows = tables.entry_rows(mdp.indptr)
    return bool(np.any((rows[1:] == rows[:-1]) & (mdp.successor[1:] <= mdp.successor[:-1])))


def _sorted(rows: _Rows) -> _Rows:
    """The same rows with their entries in the order that `tables.compress` gives, so that equal games are equal."""
    indptr, successor, probability, *columns = tables.compress(
        tables.entry_rows(rows.indptr),
        len(rows.indptr) - 1,
        rows.successor,
        rows.probability,
        *rows.reward,
        *rows.performance,
    )
    half = len(rows.reward)
    return _Rows(indptr, successor, probability, np.stack(columns[:half]), np.stack(columns[half:]), rows.num_states)


def _outer(combine: Callable[[Any, Any], Any], values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """One value for each joint state, in C order."""
    return reduce(lambda a, b: combine(a[:, None], b[None, :]).ravel(), values)


def _labels(agents: tuple[str, ...], labels: Sequence[tuple[Hashable, ...]]) -> tuple[Hashable, ...]:
    joint = itertools.product(*labels)
    try:
        kind = label_type("State", agents)
    except ValueError:  # a name that cannot be the name of a field
        return tuple(joint)
    return tuple(map(kind._make, joint))  # type: ignore[attr-defined]


def _joint_cells(cells: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
    """(S, N, 2) from each agent's (S_i, 2)."""
    numbers = np.indices([len(part) for part in cells]).reshape(len(cells), -1)
    return np.stack([part[number] for part, number in zip(cells, numbers, strict=True)], axis=1)
