"""A model's tables in the form that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.solvers.discounted.ordering import Elimination, elimination, locality_order, neighbours
from power_metrics.solvers.duplicates import distinct
from powerenvs.model.mdp import TabularMDP

DIRECT_MAX_STATES = 4096
"""Elimination is not looked into above this many states,"""

DIRECT_MAX_ENTRIES = 1 << 20
"""or this many entries."""

DIRECT_MAX_WORK = 2000
"""It is used up to this many multiplications for each entry of a policy: there iteration becomes faster."""


class Table(NamedTuple):
    """The choices of each state as kernels read them: `SolverTables` for one discount.

    Attributes:
        order: (S,) the model's state at each position.
        choices: (S + 1,) row pointers: the choices of position i are ``choices[i]`` to ``choices[i + 1] - 1``.
        entries: (K + 1,) row pointers: the entries of choice k.
        successor: (N,) the position that each entry leads to.
        probability: (N,) its probability.
        extra: (K,) reward of the choice itself divided by γ; zeros where only states have rewards.
        action: (K,) the model's action.
    """

    order: NDArray[np.int32]
    choices: NDArray[np.int32]
    entries: NDArray[np.int32]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    extra: NDArray[np.float64]
    action: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class SolverTables:
    """The distinct choices of each state, with states renumbered so that neighbours are close.

    Unavailable actions are gone, and of several actions of a state with the same outcome only the first
    (with task rewards: the best) is left. K is the number of choices left, N the number of entries.

    Attributes:
        order: (S,) the model's state at each position.
        choices: (S + 1,) row pointers: the choices of position i are ``choices[i]`` to ``choices[i + 1] - 1``.
        entries: (K + 1,) row pointers: the entries of choice k.
        successor: (N,) the position that each entry leads to.
        probability: (N,) its probability.
        bonus: (K,) reward of the choice itself, on top of the state's; 0 unless the task has such rewards.
        action: (K,) the model's action.
        choice_of: (S, A) the choice that each of the model's actions is, -1 where unavailable.
    """

    order: NDArray[np.int32]
    choices: NDArray[np.int32]
    entries: NDArray[np.int32]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    bonus: NDArray[np.float64]
    action: NDArray[np.int32]
    choice_of: NDArray[np.int32]

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.order)

    def table(self, gamma: float) -> Table:
        """What kernels read."""
        extra = self.bonus / gamma if self.bonus.any() else self.bonus
        return Table(self.order, self.choices, self.entries, self.successor, self.probability, extra, self.action)

    @cached_property
    def method(self) -> str:
        """The kernel for these tables.

        ``"resting"`` where the model is deterministic, every state can stay as it is and choices have no
        reward of their own; ``"deterministic"`` for other deterministic models; ``"direct"`` for stochastic
        ones where elimination takes little work, ``"iterative"`` for the rest.
        """
        if len(self.successor) == len(self.action):
            stays = np.count_nonzero(self.successor == self._positions) == self.num_states
            return "resting" if stays and not self.bonus.any() else "deterministic"
        if self.elimination is None:
            return "iterative"
        entries_of_policy = len(self.successor) / len(self.action) * self.num_states
        return "direct" if self.elimination.work <= DIRECT_MAX_WORK * entries_of_policy else "iterative"

    @cached_property
    def elimination(self) -> Elimination | None:
        """How elimination goes through these tables; None where they are too large to find out."""
        if self.num_states > DIRECT_MAX_STATES or len(self.successor) > DIRECT_MAX_ENTRIES:
            return None
        return elimination(neighbours(self._positions, self.matrix()))

    def matrix(self) -> scipy.sparse.csr_array:
        """(K, S) the choices as a sparse matrix, by position."""
        shape = (len(self.action), self.num_states)
        return scipy.sparse.csr_array((self.probability, self.successor, self.entries), shape=shape)

    @property
    def _positions(self) -> NDArray[np.int64]:
        """(K,) the position of each choice."""
        return np.repeat(np.arange(self.num_states), np.diff(self.choices))


_prepared: WeakKeyDictionary[TabularMDP, SolverTables] = WeakKeyDictionary()


def solver_tables(mdp: TabularMDP) -> SolverTables:
    """The tables for state rewards, prepared once for each model and kept as long as the model is."""
    tables = _prepared.get(mdp)
    if tables is None:
        tables = _prepared[mdp] = prepare_tables(mdp)
    return tables


def prepare_tables(mdp: TabularMDP, bonus: NDArray[np.float64] | None = None) -> SolverTables:
    """Prepares a model for solving.

    Args:
        mdp: the model.
        bonus: (S, A) reward of each action on top of the state's, or None.
    """
    S, A = mdp.num_states, mdp.num_actions
    matrix = mdp.transition_matrix()
    if mdp.deterministic:
        matrix.data[:] = 1.0  # a row may sum to 1 only to rounding
    rows = np.flatnonzero(np.diff(matrix.indptr))
    extra = np.zeros(len(rows)) if bonus is None else np.asarray(bonus, dtype=np.float64).reshape(-1)[rows]
    signature = row_signatures(matrix.indptr, matrix.indices, matrix.data, rows)
    order = locality_order(neighbours(np.repeat(np.arange(S), A), matrix))
    position = np.empty(S, dtype=np.int64)
    position[order] = np.arange(S)
    kept, kept_as = distinct_rows(position[rows // A], signature, extra)
    choice_of = np.full(S * A, -1, dtype=np.int32)
    choice_of[rows] = kept_as
    rows, extra = rows[kept], extra[kept]
    matrix = matrix[rows]
    choices = np.zeros(S + 1, dtype=np.int32)
    np.cumsum(np.bincount(position[rows // A], minlength=S), out=choices[1:])
    return SolverTables(
        order=order.astype(np.int32),
        choices=choices,
        entries=matrix.indptr.astype(np.int32),
        successor=position[matrix.indices].astype(np.int32),
        probability=np.ascontiguousarray(matrix.data, dtype=np.float64),
        bonus=extra,
        action=(rows % A).astype(np.int32),
        choice_of=choice_of.reshape(S, A),
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
    position: NDArray[np.int64], signature: NDArray[np.uint64], bonus: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows to keep, and for every row the place of the kept one that stands for it; a position's rows adjoin.

    Of each position's rows with the same signature the first with the largest bonus is kept. Kept rows come
    in order of position, then of the row itself.
    """
    kept, stands = distinct(position.astype(np.int32), signature.view(np.int64), bonus)
    return kept.astype(np.int64), stands.astype(np.int64)
