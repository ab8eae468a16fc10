"""What a solver is, and the tables that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.solvers.jit import Floats, Ints
from power_metrics.solvers.limits import (
    BAND_MAX_NUMBERS,
    BAND_MAX_WORK,
    DIRECT_MAX_ENTRIES,
    DIRECT_MAX_FILL,
    DIRECT_MAX_STATES,
)
from power_metrics.solvers.ordering import Elimination, affordable, elimination, envelope, neighbours
from power_metrics.solvers.solution import Solution


class Table(NamedTuple):
    """The choices of each state as kernels read them: `SolverTables` for one discount.

    Attributes:
        order: (S,) the model's state at each position.
        choices: (S + 1,) row pointers: the choices of position i are ``choices[i]`` to ``choices[i + 1] - 1``.
        entries: (K + 1,) row pointers: the entries of choice k.
        successor: (N,) the position that each entry leads to.
        probability: (N,) its probability.
        action_reward: (K,) reward of the choice itself divided by γ; zeros where only states have rewards.
        action: (K,) the model's action.
    """

    order: Ints
    choices: Ints
    entries: Ints
    successor: Ints
    probability: Floats
    action_reward: Floats
    action: Ints


class Solver(Protocol):
    """A way to solve discounted models, asked in the order of `power_metrics.solvers.discounted.SOLVERS`.

    Attributes:
        name: how `SolverTables.method` and ``powerenvs bench`` call it.
    """

    name: str

    def fits(self, tables: SolverTables) -> bool:
        """Whether it can solve these tables, and well. Only tables that no earlier solver takes are shown to it."""
        ...

    def solve(self, rewards: Floats, gamma: float, tables: SolverTables, out: Solution) -> None:
        """Solves each row of ``rewards`` (B, S) in the calling thread, and writes solutions and residuals to ``out``.

        Args:
            rewards: (B, S) state rewards, contiguous and writeable.
            gamma: discount below 1; above 0 if choices have rewards of their own.
            tables: the model.
            out: the memory to write to.
        """
        ...


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
        action_reward: (K,) reward of the choice itself, on top of the state's; 0 unless the task has such rewards.
        action: (K,) the model's action.
        choice_of: (S, A) the choice that each of the model's actions is, -1 where unavailable.
        solvers: who may solve these tables, in the order in which they are asked; the last takes all.
    """

    order: Ints
    choices: Ints
    entries: Ints
    successor: Ints
    probability: Floats
    action_reward: Floats
    action: Ints
    choice_of: Ints
    solvers: tuple[Solver, ...]

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.order)

    @property
    def deterministic(self) -> bool:
        """Whether every choice leads to one state."""
        return len(self.successor) == len(self.action)

    @property
    def can_stay(self) -> bool:
        """Whether a deterministic model lets every state stay as it is."""
        # Choices of a state are distinct, so at most one of them stays.
        return int(np.count_nonzero(self.successor == self._positions)) == self.num_states

    @cached_property
    def moves(self) -> tuple[Ints, Ints]:
        """Of a deterministic model, where choices lead that do not stay: row pointers (S + 1,) and positions."""
        position = self._positions
        away = self.successor != position
        begin = np.zeros(self.num_states + 1, dtype=np.int32)
        np.cumsum(np.bincount(position[away], minlength=self.num_states), out=begin[1:])
        return begin, self.successor[away]

    def table(self, gamma: float) -> Table:
        """What kernels read."""
        # Kernels take max_k [action_reward + Σ P V] and discount all of it.
        reward = self.action_reward / gamma if self.action_reward.any() else self.action_reward
        return Table(self.order, self.choices, self.entries, self.successor, self.probability, reward, self.action)

    @cached_property
    def solver(self) -> Solver:
        """The first of the solvers that fits."""
        return next(solver for solver in self.solvers if solver.fits(self))

    @property
    def method(self) -> str:
        """The name of the solver."""
        return self.solver.name

    @cached_property
    def elimination(self) -> Elimination | None:
        """How elimination goes through these tables; None where it would fill up too much."""
        if len(self.successor) > DIRECT_MAX_ENTRIES:
            return None
        pattern = neighbours(self._positions, self.matrix())
        if not affordable(pattern, self.entries_of_policy):
            return None
        plan = elimination(pattern)
        small = self.num_states <= DIRECT_MAX_STATES or len(plan.upper_columns) <= DIRECT_MAX_FILL
        return plan if small else None

    @cached_property
    def band(self) -> int:
        """How far a choice leads at most, in positions, where elimination in a band pays; else 0."""
        width = envelope(neighbours(self._positions, self.matrix()))
        widest = int(width.max())
        pays = float((width * width).sum()) <= BAND_MAX_WORK * self.entries_of_policy
        return widest if pays and self.num_states * (widest + 3) <= BAND_MAX_NUMBERS else 0

    @property
    def entries_of_policy(self) -> float:
        """How many entries the rows of a policy have, on average."""
        return len(self.successor) / len(self.action) * self.num_states

    def matrix(self) -> scipy.sparse.csr_array:
        """(K, S) the choices as a sparse matrix, by position."""
        shape = (len(self.action), self.num_states)
        return scipy.sparse.csr_array((self.probability, self.successor, self.entries), shape=shape)

    @property
    def _positions(self) -> NDArray[np.int64]:
        """(K,) the position of each choice."""
        return np.repeat(np.arange(self.num_states), np.diff(self.choices))
