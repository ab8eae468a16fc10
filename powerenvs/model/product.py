"""`product_game`: agents that live in worlds of their own, side by side, as one game."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.checks import real
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import check_agents
from powerenvs.model.labels import label_type
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import compress, entry_rows, seal

CHUNK = 1 << 16
"""Transitions made at a time, about; few enough for the processor's caches."""

LABEL_BYTES = 150
"""What the label of a joint state takes, with its place in the tables; measured."""


class _Rows(NamedTuple):
    """Compressed rows with what they pay some agents.

    Attributes:
        indptr: row pointers.
        successor: next states.
        probability: their probabilities.
        paid: (agents, nnz) each: the rewards, and the performance unless it is the same.
        num_states: S.
    """

    indptr: NDArray[np.int64]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    paid: tuple[NDArray[np.float64], ...]
    num_states: int


def product_game(*mdps: TabularMDP, agents: Sequence[str] = ("human", "ai"), max_gib: float = 4.0) -> TabularGame:
    """The game in which each agent moves in its own decision process, all at the same time and independently.

    States are numbered in C order (the first agent's state changes slowest) and labelled with named tuples of the
    agents' own labels, ``State(human=(0, 1), ai=(2, 2))``; with plain tuples if an agent's name is no identifier.
    Each agent gets the rewards of its own process. A joint state is terminal when all its parts are: an agent that
    is done first waits, without reward. The start is the product of the starts. The board and cells are kept if
    all agents live on the same board.

    Built by array operations: milliseconds for two 31-cell mazes, a second for two 400-cell grids.

    Args:
        mdps: one for each agent.
        agents: their names, in the same order.
        max_gib: tables that would take more than this many GiB are refused before any are made.

    Raises:
        ValueError: if the numbers of agents and processes differ, or the tables would be too large.

    Example:
        >>> from powerenvs import product_game
        >>> from powerenvs.worlds.power import PowerGrid
        >>> human, ai = PowerGrid("S..").tables(), PowerGrid("..S").tables()
        >>> game = product_game(human, ai)
        >>> game.num_states, game.describe(2)
        (9, 'human=(0, 0), ai=(0, 2) [start with probability 1]')
    """
    agents = check_agents(agents)
    if len(mdps) != len(agents) or not all(isinstance(mdp, TabularMDP) for mdp in mdps):
        kinds = ", ".join(type(mdp).__name__ for mdp in mdps) or "none"
        raise ValueError(f"product_game: expected a TabularMDP for each of {agents}, found {kinds}")
    hidden = any(not np.array_equal(mdp.reward, mdp.performance) for mdp in mdps)
    split = any(_split_rewards(mdp) for mdp in mdps)
    _check_size(mdps, hidden, split, max_gib)
    rows = reduce(_product, (_rows(mdp, hidden) for mdp in mdps))
    if split:
        rows = _sorted(rows)
    seal(rows.indptr, rows.successor, rows.probability, *rows.paid)
    boards = {mdp.board for mdp in mdps}
    placed = len(boards) == 1 and all(mdp.cells is not None for mdp in mdps)
    return TabularGame(
        indptr=rows.indptr,
        successor=rows.successor,
        probability=rows.probability,
        num_actions=tuple(mdp.num_actions for mdp in mdps),
        agents=agents,
        reward=rows.paid[0],
        performance=rows.paid[-1],
        terminal=_outer(np.logical_and, [mdp.terminal for mdp in mdps]),
        initial=_outer(np.multiply, [mdp.initial for mdp in mdps]),
        state_labels=_labels(agents, [mdp.state_labels for mdp in mdps]),
        action_labels={agent: mdp.action_labels for agent, mdp in zip(agents, mdps, strict=True)},
        board=mdps[0].board if len(boards) == 1 else None,
        cells=_joint_cells([mdp.cells for mdp in mdps]) if placed else None,  # type: ignore[misc]
    )


def _check_size(mdps: Sequence[TabularMDP], hidden: bool, split: bool, max_gib: float) -> None:
    entries = math.prod(mdp.num_transitions for mdp in mdps)
    states = math.prod(mdp.num_states for mdp in mdps)
    rows = math.prod(mdp.num_rows for mdp in mdps)
    number = entries * (12 + 8 * len(mdps) * (1 + hidden)) * (4 if split else 1)  # sorting takes copies
    if not real(max_gib) >= 0:
        raise ValueError(f"max_gib: expected a number of at least 0, found {max_gib!r}")
    gib = (number + rows * 9 + states * LABEL_BYTES) / 2**30
    if gib > max_gib:
        raise ValueError(
            f"product_game: {states:,} joint states with {entries:,} transitions need about {gib:,.2f} GiB to build, "
            f"more than max_gib={max_gib}; use smaller worlds or less noise, or raise max_gib"
        )


def _rows(mdp: TabularMDP, hidden: bool) -> _Rows:
    paid = (mdp.reward[None], mdp.performance[None]) if hidden else (mdp.reward[None],)
    return _Rows(mdp.indptr, mdp.successor, mdp.probability, paid, mdp.num_states)


def _product(first: _Rows, second: _Rows) -> _Rows:
    """All pairs of rows: (s1, s2, a1, a2) in C order, and in each row all pairs of entries.

    Written some joint states at a time, so that nothing on the way is as large as the product.
    """
    num_states, total = first.num_states * second.num_states, len(first.successor) * len(second.successor)
    begin_1, count_1 = _spans(first)
    begin_2, count_2 = _spans(second)
    num_rows = begin_1.shape[1] * begin_2.shape[1]
    made = _Rows(
        np.zeros(num_states * num_rows + 1, dtype=np.int64),
        np.empty(total, dtype=np.int32),
        np.empty(total),
        tuple(np.empty((len(a) + len(b), total)) for a, b in zip(first.paid, second.paid, strict=True)),
        num_states,
    )
    states = max(1, CHUNK * num_states // max(total, num_states * num_rows))
    done = 0
    for state in range(0, num_states, states):
        one, two = np.divmod(np.arange(state, min(state + states, num_states)), second.num_states)
        shape = (len(one), count_1.shape[1], count_2.shape[1])
        times_1, from_1 = (np.broadcast_to(of[one, :, None], shape).ravel() for of in (count_1, begin_1))
        times_2, from_2 = (np.broadcast_to(of[two, None, :], shape).ravel() for of in (count_2, begin_2))
        width = np.repeat(times_2, times_1)  # each entry of the first row goes with all of the second
        entry_1 = np.repeat(_ranges(from_1, times_1), width)
        entry_2 = _ranges(np.repeat(from_2, times_1), width)
        row, part = state * num_rows + 1, slice(done, done + len(entry_1))
        made.indptr[row : row + len(times_1)] = done + np.cumsum(times_1 * times_2)
        made.successor[part] = first.successor[entry_1] * np.int32(second.num_states) + second.successor[entry_2]
        made.probability[part] = first.probability[entry_1] * second.probability[entry_2]
        for out, paid_1, paid_2 in zip(made.paid, first.paid, second.paid, strict=True):
            out[: len(paid_1), part] = paid_1[:, entry_1]
            out[len(paid_1) :, part] = paid_2[:, entry_2]
        done += len(entry_1)
    return made


def _spans(rows: _Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each row begins and how many entries it has, by state."""
    return rows.indptr[:-1].reshape(rows.num_states, -1), np.diff(rows.indptr).reshape(rows.num_states, -1)


def _ranges(begin: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers ``begin, begin + 1, ...`` of each range, ``count`` of them, one range after the other."""
    ends = np.cumsum(count)
    return np.arange(ends[-1]) + np.repeat(begin - ends + count, count)


def _split_rewards(mdp: TabularMDP) -> bool:
    """Whether a row has several entries with one next state, which the product takes out of order."""
    rows = entry_rows(mdp.indptr)
    return bool(np.any((rows[1:] == rows[:-1]) & (mdp.successor[1:] <= mdp.successor[:-1])))


def _sorted(rows: _Rows) -> _Rows:
    """The same rows with their entries in the order that `compress` gives, so that equal games are equal."""
    indptr, successor, probability, *columns = compress(
        entry_rows(rows.indptr),
        len(rows.indptr) - 1,
        rows.successor,
        rows.probability,
        *(column for paid in rows.paid for column in paid),
    )
    paid = tuple(np.split(np.stack(columns), len(rows.paid)))
    return _Rows(indptr, successor, probability, paid, rows.num_states)


def _outer(combine: Callable[[Any, Any], Any], values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """One value for each joint state, in C order."""
    return reduce(lambda a, b: combine(a[:, None], b[None, :]).ravel(), values)


def _labels(agents: tuple[str, ...], labels: Sequence[tuple[Hashable, ...]]) -> tuple[Hashable, ...]:
    joint = itertools.product(*labels)
    try:
        kind = label_type("State", agents)
    except ValueError:  # a name that cannot be the name of a field
        return tuple(joint)
    return tuple(map(partial(tuple.__new__, kind), joint))  # what kind._make does, without a call of Python for each


def _joint_cells(cells: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
    """(S, N, 2) from each agent's (S_i, 2)."""
    numbers = np.indices([len(part) for part in cells]).reshape(len(cells), -1)
    return np.stack([part[number] for part, number in zip(cells, numbers, strict=True)], axis=1)
