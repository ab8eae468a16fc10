"""What a deviation is of: measure, function, rollouts and averages, checked, and worked out for pairs of states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.arguments.checks import (
    check_choice,
    check_count,
    check_gamma,
    check_progress,
    check_rewards,
    check_seed,
)
from power_metrics.chains.idling import baseline_chain, default_policy, rolled_out
from power_metrics.measures.reachability import check_room, reach_columns, reach_table
from power_metrics.measures.run_policies import drawn_rewards
from power_metrics.rewards.distributions import PerState, RewardDistribution
from power_metrics.solvers.jit import Ints, kernel
from power_metrics.solvers.optimal import solve
from powerenvs.model.checks import flag
from powerenvs.model.mdp import TabularMDP
from powerenvs.progress import progress_bar

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

MEASURES = ("relative_reachability", "unreachability", "attainable_utility")
FUNCTIONS = ("truncation", "absolute")
AVERAGED = ("nonterminal", "all", "reachable")

UTILITIES = 10
"""Auxiliary reward functions, where no number is given."""

TABLE = 2**28
"""Bytes of a table of reachability that is kept; a larger one is made column by column, in parts of this size."""


@dataclass(frozen=True, eq=False)
class Deviating:
    """What a deviation is of, checked.

    Attributes:
        mdp: with S states.
        measure: one of `MEASURES`, or "none", which is 0 everywhere.
        absolute: whether what is gained counts as well as what is lost.
        rollouts: whether states are compared by what follows when nothing is done.
        rollout_steps: for how many steps; None for all.
        averaged: one of `AVERAGED`.
        gamma: the discount of rollouts.
        value_discount: that of reachability or of auxiliary rewards.
        utilities: (n, S) auxiliary reward functions; of other measures None.
        chain: (S, S) sparse, where the world goes by itself.
        show: whether there is a progress bar.
    """

    mdp: TabularMDP
    measure: str
    absolute: bool
    rollouts: bool
    rollout_steps: int | None
    averaged: str
    gamma: float
    value_discount: float
    utilities: Floats | None
    chain: Any
    show: bool | None

    @classmethod
    def checked(
        cls,
        mdp: TabularMDP,
        *,
        measure: str,
        function: str,
        rollouts: bool,
        rollout_steps: int | None,
        averaged: str,
        gamma: float,
        value_discount: float,
        default: Any,
        reward: RewardDistribution | PerState,
        num_samples: int | None,
        seed: int | None,
        rewards: Any,
        max_gib: float,
        progress: bool | None,
        measures: tuple[str, ...] = MEASURES,
        whole: bool = True,
    ) -> Deviating:
        """From the arguments of `deviation`, which mean the same wherever deviations are.

        ``measures`` are those that there are, and ``whole`` says whether a table (S, S) is needed whatever they are.

        Raises:
            ValueError: for one that does not fit, naming it.
        """
        check_choice("measure", measure, measures)
        absolute = check_choice("function", function, FUNCTIONS) == "absolute"
        first, of_utilities = check_seed(seed), measure == "attainable_utility"
        if of_utilities and rewards is None:
            count = UTILITIES if num_samples is None else check_count("num_samples", num_samples)
            rewards = drawn_rewards(mdp, np.arange(count), reward, first)
        found = cls(
            mdp,
            measure,
            absolute,
            flag("rollouts", rollouts),
            None if rollout_steps is None else check_count("rollout_steps", rollout_steps, 0),
            check_choice("averaged", averaged, AVERAGED),
            check_gamma(gamma),
            check_gamma(value_discount, "value_discount", closed=not of_utilities),
            check_rewards(rewards, mdp) if of_utilities else None,
            baseline_chain(mdp, default_policy(mdp, default)),
            check_progress(progress),
        )
        check_room(mdp, max_gib, needed=whole or (measure == "unreachability" and found.by_chance))
        return found

    @property
    def by_chance(self) -> bool:
        """Whether rollouts are not certain."""
        return self.rollouts and self.chain.nnz > self.mdp.num_states

    def between(self, states: Any, baselines: Any) -> Floats:
        """The deviation of each state from the baseline state beside it; arrays of any one shape, or broadcast."""
        shape = np.broadcast_shapes(np.shape(states), np.shape(baselines))
        places, others = (np.broadcast_to(np.asarray(x, dtype=np.int32), shape) for x in (states, baselines))
        if self.measure == "none":
            return np.zeros(places.shape)
        if self.measure == "unreachability":
            return self._unreachable(places.ravel(), others.ravel()).reshape(places.shape)
        found = np.zeros((1, *places.shape)[-2:])
        counted = np.zeros(found.shape if self.averaged == "reachable" and self.utilities is None else (0, 0))
        pairs = places.reshape(found.shape), others.reshape(found.shape)
        for table, columns in self._parts():
            _add_differences(table, columns, *pairs, self.absolute, found, counted)
        found /= np.maximum(counted, 1) if counted.size else max(1, self._columns().size)
        return found.reshape(places.shape)

    def kept(self) -> Deviating:
        """The same, with its tables (S, S) or (S, n) made and kept, for deviations of a few pairs at a time."""
        _ = self.reachable if self.measure == "unreachability" else self.table
        return self

    @cached_property
    def reachable(self) -> Floats:
        """(S, S) see `power_metrics.reachability`."""
        return reach_table(self.mdp, self.value_discount, self.show)

    @cached_property
    def table(self) -> Floats:
        """(S, K) the numbers whose mean differences are deviations: reachabilities of states, or scaled values."""
        if self.utilities is None:
            return self._after(self.reachable)
        paid = np.where(self.mdp.terminal, 0.0, self.utilities)
        values = solve(self.mdp, paid, self.value_discount).values.T
        return self._after(np.ascontiguousarray((1 - self.value_discount) * values))

    def _after(self, values: Floats) -> Floats:
        """(S, n) of each state's values, or those of its rollout."""
        return rolled_out(self.chain, values, self.gamma, self.rollout_steps) if self.rollouts else values

    def _columns(self) -> Places:
        """Over which states reachability is averaged, or over which auxiliary reward functions."""
        if self.utilities is not None:
            return np.arange(len(self.utilities))
        return np.flatnonzero(~self.mdp.terminal | (self.averaged == "all"))

    @property
    def _size(self) -> int:
        """Columns of a table of reachability that may be kept."""
        return max(1, TABLE // (8 * self.mdp.num_states))

    def _parts(self) -> Iterator[tuple[Floats, Places]]:
        """`table` and which columns count; or parts of it that do, where it is too large to be kept."""
        columns = self._columns()
        if self.utilities is not None or self.mdp.num_states <= self._size or "table" in vars(self):
            yield self.table, columns
            return
        for first in progress_bar(range(0, len(columns), self._size), "reachability", self.show):
            part = columns[first : first + self._size]
            yield self._after(reach_columns(self.mdp, self.value_discount, part)), np.arange(len(part))

    def _reach(self, states: Any, baselines: Any) -> Floats:
        """(n,) how well each baseline state can be reached from the state beside it."""
        if self.mdp.num_states <= self._size or "reachable" in vars(self):
            return np.asarray(self.reachable[states, baselines])
        targets, which = np.unique(baselines, return_inverse=True)
        found = np.empty(len(states))
        for first in progress_bar(range(0, len(targets), self._size), "reachability", self.show):
            here = np.flatnonzero(which // self._size == first // self._size)
            table = reach_columns(self.mdp, self.value_discount, targets[first : first + self._size])
            found[here] = table[states[here], which[here] - first]
        return found

    def _unreachable(self, states: Ints, baselines: Ints) -> Floats:
        """(n,) 1 less the reachability of the baseline; by parallel rollouts of both, with noise of their own."""
        if not self.rollouts:
            return 1 - self._reach(states, baselines)
        if self.by_chance:
            return self._unreachable_by_chance[states, baselines]
        S, successor = self.mdp.num_states, self.chain.indices.astype(np.int64)
        codes = np.unique(states.astype(np.int64) * S + baselines)
        while True:  # with all pairs that follow
            after = successor[codes // S] * S + successor[codes % S]
            more = np.union1d(codes, after)
            if len(more) == len(codes):
                break
            codes = more
        places = np.searchsorted(codes, after)
        pairs = scipy.sparse.csr_array(
            (np.ones(len(codes)), places, np.arange(len(codes) + 1)), shape=(len(codes), len(codes))
        )
        apart = 1 - self._reach(codes // S, codes % S)
        found = rolled_out(pairs, apart[:, None], self.gamma, self.rollout_steps)
        return found[np.searchsorted(codes, states.astype(np.int64) * S + baselines), 0]

    @cached_property
    def _unreachable_by_chance(self) -> Floats:
        """(S, S) D = (1 - γ) Σ_k γ^k N^k (1 - R) N'^k, by doubling: 2^k terms make 2^(k + 1)."""
        apart, moves, weight = 1 - self.reachable, self.chain.toarray(), self.gamma
        if self.rollout_steps is not None:
            found = apart
            for _ in range(self.rollout_steps):
                found = (1 - self.gamma) * apart + self.gamma * (moves @ found @ moves.T)
            return found
        found = (1 - self.gamma) * apart
        while weight > np.finfo(np.float64).eps * (1 - self.gamma):
            found = found + weight * (moves @ found @ moves.T)
            moves, weight = moves @ moves, weight * weight
        return found


@kernel
def _add_differences(
    table: Floats,
    columns: Places,
    states: Ints,
    baselines: Ints,
    absolute: bool,
    found: Floats,
    counted: Floats,
) -> None:
    """Adds to ``found`` what baselines have more than states, over columns; or what either has more.

    With ``counted``, adds to it how many columns either has anything of.
    """
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            own, base, total, held = table[states[i, j]], table[baselines[i, j]], found[i, j], 0
            for column in columns:
                lost = base[column] - own[column]
                if lost > 0.0:
                    total += lost
                elif absolute:
                    total -= lost
                held += base[column] > 0.0 or own[column] > 0.0
            found[i, j] = total
            if counted.size:
                counted[i, j] += held
