"""A game of two agents in the form that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.solvers.compiled import distinct_rows, row_signatures
from power_metrics.solvers.jit import Floats, Ints
from power_metrics.solvers.limits import DIRECT_MAX_ENTRIES, DIRECT_MAX_STATES
from power_metrics.solvers.ordering import Elimination, affordable, elimination, locality_order, neighbours
from powerenvs.model.game import TabularGame

_prepared: WeakKeyDictionary[TabularGame, dict[tuple[str, ...], JointTables]] = WeakKeyDictionary()


class JointRows(NamedTuple):
    """A game as one of two agents sees it: a compressed row for each pair of choices, states by position.

    Attributes:
        choices: (S + 1,) the agent's choices at position i are ``choices[i]`` to ``choices[i + 1] - 1``.
        other_choices: (S + 1,) those of the other agent.
        start: (S + 1,) the rows of position i begin at ``start[i]``; the agent's own choice changes slowest.
        entries: (J + 1,) row pointers; a pair of choices that does not exist has no entries.
        successor: (N,) the position that each entry leads to.
        probability: (N,) its probability.
    """

    choices: Ints
    other_choices: Ints
    start: Ints
    entries: Ints
    successor: Ints
    probability: Floats


@dataclass(frozen=True, eq=False)
class JointTables:
    """The distinct choices of two agents, with states renumbered so that neighbours are close.

    Actions of an agent that lead to the same outcomes in a state, whatever the other does, are one choice.

    Attributes:
        order: (S,) the game's state at each position.
        rows: where pairs of choices lead, as each of the two agents sees them.
        choice_of: for each agent (S, A_i), the choice that each action is, -1 where it is unavailable.
        size: for each agent (K_i,), the number of actions that each choice stands for.
    """

    order: Ints
    rows: tuple[JointRows, JointRows]
    choice_of: tuple[Ints, Ints]
    size: tuple[Floats, Floats]

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.order)

    @cached_property
    def elimination(self) -> Elimination | None:
        """How elimination goes through the equations of any two policies; None where iteration is faster."""
        rows = self.rows[0]
        if self.num_states > DIRECT_MAX_STATES or len(rows.successor) > DIRECT_MAX_ENTRIES:
            return None
        pattern = neighbours(_state_of_row(rows), _matrix(rows))
        entries_of_policies = len(rows.successor) / len(rows.entries) * self.num_states
        if not affordable(pattern, entries_of_policies):
            return None
        plan = elimination(pattern)
        return plan if plan.pays(entries_of_policies) else None

    def choice_weights(self, agent: int, policy: Floats) -> Floats:
        """(K_i,) how likely each choice of an agent (0 or 1) is under a policy (S, A_i).

        What it puts on unavailable actions is left out.
        """
        choice = self.choice_of[agent]
        there = choice >= 0
        return np.bincount(choice[there], weights=policy[there], minlength=len(self.size[agent])).astype(np.float64)

    def against(self, weights: Floats) -> JointRows:
        """What the first agent sees while the second plays one policy: a game in which the second has one choice.

        A choice of the first leads where the second's policy, restricted to the choices that go with it and
        renormalised, leads; it has no entries where there are none.

        Args:
            weights: (K_2,) how likely each choice of the second agent is.
        """
        rows = self.rows[0]
        state = _state_of_row(rows)
        own, other = np.divmod(np.arange(len(state)) - rows.start[state], np.diff(rows.other_choices)[state])
        weight = np.where(np.diff(rows.entries) > 0, weights[rows.other_choices[state] + other], 0.0)
        choice = rows.choices[state] + own
        total = np.bincount(choice, weights=weight, minlength=rows.choices[-1])
        used = np.flatnonzero(weight)
        share = scipy.sparse.csr_array(
            (weight[used] / total[choice[used]], (choice[used], used)), shape=(len(total), len(state))
        )
        induced = (share @ _matrix(rows)).tocsr()
        induced.sort_indices()
        single = np.repeat(np.diff(induced.indptr) == 1, np.diff(induced.indptr))
        return JointRows(
            choices=rows.choices,
            other_choices=np.arange(self.num_states + 1, dtype=np.int32),
            start=rows.choices,
            entries=induced.indptr.astype(np.int32),
            successor=induced.indices.astype(np.int32),
            probability=np.where(single, 1.0, induced.data),  # not 1 but for rounding
        )


def joint_tables(game: TabularGame, agents: tuple[str, str]) -> JointTables:
    """The tables of a game of two agents, in this order; prepared once for each game and kept as long as it is."""
    known = _prepared.setdefault(game, {})
    if agents not in known:
        known[agents] = prepare_joint(game, agents)
    return known[agents]


def prepare_joint(game: TabularGame, agents: tuple[str, str]) -> JointTables:
    """Prepares a game for solving.

    Args:
        game: of two agents.
        agents: their names, in the order that the tables take them.
    """
    S = game.num_states
    first_axis = 1 + game.agent_index(agents[0])
    matrix = game.transition_matrix()
    if game.deterministic:
        matrix.data[:] = 1.0  # a row may sum to 1 only to rounding
    filled = np.flatnonzero(np.diff(matrix.indptr))
    signatures = np.zeros(game.num_rows, dtype=np.uint64)
    signatures[filled] = row_signatures(matrix.indptr, matrix.indices, matrix.data, filled)
    signature = np.moveaxis(signatures.reshape(S, *game.num_actions), first_axis, 1)
    row = np.moveaxis(np.arange(game.num_rows).reshape(S, *game.num_actions), first_axis, 1)
    order = locality_order(neighbours(filled // game.num_joint_actions, matrix[filled]))
    position = np.empty(S, dtype=np.int32)
    position[order] = np.arange(S)
    matrix.indices = position[matrix.indices]
    first, second = _choices(signature, position), _choices(signature.transpose(0, 2, 1), position)
    return JointTables(
        order=order.astype(np.int32),
        rows=(
            _rows(matrix, row[order], first, second),
            _rows(matrix, row[order].transpose(0, 2, 1), second, first),
        ),
        choice_of=(first.of, second.of),
        size=(first.size, second.size),
    )


def _state_of_row(rows: JointRows) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(rows.start) - 1), np.diff(rows.start))


def _matrix(rows: JointRows) -> scipy.sparse.csr_array:
    """(J, S) by position."""
    shape = (len(rows.entries) - 1, len(rows.start) - 1)
    return scipy.sparse.csr_array((rows.probability, rows.successor, rows.entries), shape=shape)


class _Choices(NamedTuple):
    """The distinct choices of an agent with A actions.

    Attributes:
        pointers: (S + 1,) row pointers, by position.
        of: (S, A) the choice of each action, -1 where unavailable, by state.
        action: (K,) one action of each choice.
        size: (K,) the number of its actions.
    """

    pointers: Ints
    of: Ints
    action: NDArray[np.int64]
    size: Floats


def _choices(signature: NDArray[np.uint64], position: Ints) -> _Choices:
    """The choices of the agent that the second axis of ``signature`` (S, A, B) belongs to."""
    S, A, B = signature.shape
    state, action = np.nonzero(signature.any(axis=2))
    salt = np.random.default_rng(0).integers(2**64, size=B, dtype=np.uint64) | np.uint64(1)
    mixed = signature[state, action] * salt
    outcomes = (mixed ^ (mixed >> np.uint64(29))).sum(axis=1, dtype=np.uint64)
    kept, choice = distinct_rows(position[state].astype(np.int64), outcomes, np.zeros(len(state)))
    of = np.full((S, A), -1, dtype=np.int32)
    of[state, action] = choice
    pointers = np.zeros(S + 1, dtype=np.int32)
    np.cumsum(np.bincount(position[state[kept]], minlength=S), out=pointers[1:])
    return _Choices(pointers, of, action[kept], np.bincount(choice).astype(np.float64))


def _rows(matrix: scipy.sparse.csr_array, row: NDArray[np.int64], own: _Choices, other: _Choices) -> JointRows:
    """The rows as one agent sees them. ``row`` (S, A, B), by position: the row of ``matrix`` for each joint action."""
    S = len(row)
    count = np.diff(own.pointers).astype(np.int64) * np.diff(other.pointers)
    start = np.zeros(S + 1, dtype=np.int32)
    np.cumsum(count, out=start[1:])
    at = np.repeat(np.arange(S), count)
    x, y = np.divmod(np.arange(len(at)) - start[at], np.diff(other.pointers)[at])
    kept = matrix[row[at, own.action[own.pointers[at] + x], other.action[other.pointers[at] + y]]]
    return JointRows(
        own.pointers,
        other.pointers,
        start,
        kept.indptr.astype(np.int32),
        kept.indices.astype(np.int32),
        np.ascontiguousarray(kept.data, dtype=np.float64),
    )
