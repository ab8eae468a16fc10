"""A model's tables in the form that the kernels read."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.discounted import SOLVERS
from power_metrics.solvers.duplicates import distinct, movement_choices
from power_metrics.solvers.limits import DIRECT_MAX_STATES
from power_metrics.solvers.ordering import locality_order, neighbours, scattered
from power_metrics.solvers.solver import SolverTables
from powerenvs.model.mdp import TabularMDP

NEAR = 2.0
"""Neighbours are near if they are so many times √S away, as in the rows of a square grid."""

_prepared: WeakKeyDictionary[TabularMDP, SolverTables] = WeakKeyDictionary()


def solver_tables(mdp: TabularMDP) -> SolverTables:
    """The tables for state rewards, prepared once for each model and kept as long as the model is."""
    tables = _prepared.get(mdp)
    if tables is None:
        tables = _prepared[mdp] = prepare_tables(mdp)
    return tables


def prepare_tables(mdp: TabularMDP, action_rewards: NDArray[np.float64] | None = None) -> SolverTables:
    """Prepares a model for solving.

    Args:
        mdp: the model.
        action_rewards: (S, A) reward of each action on top of the state's, or None.
    """
    S, A = mdp.num_states, mdp.num_actions
    if action_rewards is None and S > DIRECT_MAX_STATES and mdp.deterministic:
        found = _movement_tables(mdp)
        if found is not None:
            return found
    matrix = mdp.transition_matrix()
    if mdp.deterministic:
        matrix.data[:] = 1.0  # a row may sum to 1 only to rounding
    rows = np.flatnonzero(np.diff(matrix.indptr))
    if action_rewards is None:
        reward = np.zeros(len(rows))
    else:
        reward = np.asarray(action_rewards, dtype=np.float64).reshape(-1)[rows]
    signature = row_signatures(matrix.indptr, matrix.indices, matrix.data, rows)
    as_it_is = not mdp.deterministic and scattered(matrix.indptr, matrix.indices, A)
    order = np.arange(S) if as_it_is else locality_order(neighbours(np.repeat(np.arange(S), A), matrix))
    position = np.empty(S, dtype=np.int64)
    position[order] = np.arange(S)
    kept, kept_as = distinct_rows(position[rows // A], signature, reward)
    choice_of = np.full(S * A, -1, dtype=np.int32)
    choice_of[rows] = kept_as
    rows, reward = rows[kept], reward[kept]
    if len(rows) < S * A or not as_it_is:
        matrix = matrix[rows]
    choices = np.zeros(S + 1, dtype=np.int32)
    np.cumsum(np.bincount(position[rows // A], minlength=S), out=choices[1:])
    return SolverTables(
        order=order.astype(np.int32),
        choices=choices,
        entries=matrix.indptr.astype(np.int32),
        successor=matrix.indices.astype(np.int32) if as_it_is else position[matrix.indices].astype(np.int32),
        probability=np.ascontiguousarray(matrix.data, dtype=np.float64),
        action_reward=reward,
        action=(rows % A).astype(np.int32),
        choice_of=choice_of.reshape(S, A),
        solvers=SOLVERS,
    )


def _movement_tables(mdp: TabularMDP) -> SolverTables | None:
    """The tables of a large deterministic model whose states can all stay and are near their neighbours as they are.

    Values then do not depend on the order in which states are solved: sweeps end at the least fixed point above the
    value of staying put.
    """
    S, A = mdp.num_states, mdp.num_actions
    choices, successor, action = (np.empty(size, np.int32) for size in (S + 1, S * A, S * A))
    choice_of = np.empty((S, A), np.int32)
    stays, distance = movement_choices(mdp.indptr, mdp.successor, choices, successor, action, choice_of)
    K = int(choices[-1])
    if stays < S or distance > NEAR * K * np.sqrt(S):
        return None
    return SolverTables(
        order=np.arange(S, dtype=np.int32),
        choices=choices,
        entries=np.arange(K + 1, dtype=np.int32),
        successor=successor[:K].copy(),
        probability=np.ones(K),
        action_reward=np.zeros(K),
        action=action[:K].copy(),
        choice_of=choice_of,
        solvers=SOLVERS,
    )


def row_signatures(
    indptr: NDArray[np.int64], successor: NDArray[np.int64], probability: NDArray[np.float64], rows: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """A 64-bit hash of each row's entries, whatever their order."""
    mixed = successor.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ probability.view(np.uint64)
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (29, 0xC4CEB9FE1A85EC53)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    hashes: NDArray[np.uint64] = np.add.reduceat(mixed ^ (mixed >> np.uint64(32)), indptr[rows])
    return hashes


def distinct_rows(
    position: NDArray[np.int64], signature: NDArray[np.uint64], reward: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows to keep, and for every row the number of the kept one that stands for it; a position's rows adjoin.

    Of each position's rows with the same signature the first with the largest reward is kept. Kept rows come
    in order of position, then of the row itself.
    """
    kept, stands = distinct(position.astype(np.int32), signature.view(np.int64), reward)
    return kept.astype(np.int64), stands.astype(np.int64)
