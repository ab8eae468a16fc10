"""Stochastic models whose equations fill up little: policy iteration with exact elimination."""

from __future__ import annotations

from typing import Any

import numpy as np

from power_metrics.solvers.discounted.relative import solve_or
from power_metrics.solvers.jit import Floats, inlined, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS, SWITCH
from power_metrics.solvers.ordering import Elimination
from power_metrics.solvers.reduction import Chains, Reduction, evaluate_chains, make_reduction
from power_metrics.solvers.simd import GROUPS, LANES, any_above, larger, load, pick_above, pick_equal, spread, store
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import SolverTables, Table
from power_metrics.solvers.transpose import Batch, absolute, gather, make_batch, scatter

START_SWEEPS = 10
"""Value sweeps that choose the policy to start from."""

MANY_NUMBERS = 8192
"""Several registers of reward functions are solved in turn where all there is, 256 bytes each, is in the cache."""

QUICK_WORK = 50
"""Multiplications for each entry of a policy up to which elimination is as quick as value iteration at its best."""


class Direct:
    """Policy iteration; states are eliminated without subtractions, in one order and pattern for all policies.

    Where that takes long, value iteration comes first, for what mixes.
    """

    name = "direct"

    def fits(self, tables: SolverTables) -> bool:
        """Models of which elimination takes less work than iteration would."""
        return tables.elimination is not None and tables.elimination.pays(tables.entries_of_policy)

    def solve(self, rewards: Floats, gamma: float, tables: SolverTables, out: Solution) -> None:
        """Writes the solutions for ``rewards`` (B, S) to ``out``."""
        table, plan = tables.table(gamma), tables.elimination
        if plan is not None and plan.work > QUICK_WORK * tables.entries_of_policy:
            solve_or(lambda given, rest: solve_direct(given, gamma, table, plan, rest), rewards, gamma, table, out)
        else:
            solve_direct(rewards, gamma, table, plan, out)


@kernel
def solve_direct(rewards: Floats, gamma: float, table: Table, plan: Elimination, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max_k [r(k) + Σ P(k, s') V(s')] for each row of ``rewards`` (B, S).

    What becomes of a reward function does not depend on those beside it.
    """
    B, S = rewards.shape
    start = 0
    if B > 2 * LANES and plan.upper_columns.shape[0] + table.action.shape[0] + 8 * S <= MANY_NUMBERS:
        many = make_batch(S, (GROUPS, LANES))
        weights, room = np.empty((table.action.shape[0], GROUPS, LANES)), make_reduction(S, plan, (GROUPS, LANES))
        while B - start > 2 * LANES:
            count = min(GROUPS * LANES, B - start)
            _solve(rewards, start, count, gamma, table, plan, many, weights, room, out)
            start += count
    batch = make_batch(S, (LANES,))
    weight, space = np.empty((table.action.shape[0], LANES)), make_reduction(S, plan, (LANES,))
    while start < B:
        count = min(LANES, B - start)
        _solve(rewards, start, count, gamma, table, plan, batch, weight, space, out)
        start += count


@kernel
def _solve(
    rewards: Floats, start: int, count: int, gamma: float, table: Table, plan: Elimination, batch: Batch,
    weight: Floats, space: Reduction, out: Solution,
) -> None:  # fmt: skip
    """Solves ``count`` rows from ``start`` on, in work space of as many lanes or more."""
    chains = Chains(
        table.choices, table.entries, table.successor, table.probability, table.action_reward, weight
    )  # fmt: skip
    gather(rewards, start, count, table.order, batch.reward)
    _start(batch, gamma, table, weight)
    zero = spread(batch.value, 0.0)
    needed = spread(batch.value, 1.0)
    iteration = 0
    switched = True
    # Lanes that are solved go on with the others: what they repeat changes nothing, and costs no time.
    while switched and iteration < MAX_ITERATIONS:
        iteration += 1
        evaluate_chains(batch.reward, gamma, chains, plan, space, batch.value)
        largest = zero
        for i in range(batch.reward.shape[0]):
            largest = larger(absolute(load(batch.value, i)), largest)
        # A switch must gain more than rounding: so every policy is better than the last, and none comes twice.
        margin = SWITCH * largest
        gained = _improve(False, margin, batch, gamma, table, weight)
        switched = any_above(gained, zero)
        needed = pick_above(gained, zero, spread(batch.value, float(iteration + 1)), needed)
        if switched:
            _improve(True, margin, batch, gamma, table, weight)
    taken = np.empty((1,) + batch.value.shape[1:])
    store(taken, 0, needed)
    lanes = taken.reshape(-1)
    for lane in range(count):
        out.iterations[start + lane] = int(lanes[lane])
    scatter(batch, gamma, table, start, count, out)


@inlined
def _look_ahead(i: int, table: Table, batch: Batch) -> None:
    """Sets ``best`` and ``choice`` of position i to the largest r(k) + Σ P(k, s') V(s') and its k."""
    top = spread(batch.value, -np.inf)
    chosen = spread(batch.value, 0.0)
    for k in range(table.choices[i], table.choices[i + 1]):
        q = spread(batch.value, table.action_reward[k])
        for e in range(table.entries[k], table.entries[k + 1]):
            q = q + table.probability[e] * load(batch.value, table.successor[e])
        chosen = pick_above(q, top, spread(batch.value, float(k)), chosen)
        top = larger(q, top)
    store(batch.best, i, top)
    store(batch.choice, i, chosen)


@inlined
def _start(batch: Batch, gamma: float, table: Table, weight: Floats) -> None:
    """Sets ``weight`` to the policies that a few sweeps, from staying at the state's own reward, end with."""
    S = batch.reward.shape[0]
    for i in range(S):
        store(batch.value, i, load(batch.reward, i) / spread(batch.value, 1.0 - gamma))
    for sweep in range(START_SWEEPS):
        for step in range(S):
            i = step if sweep % 2 == 0 else S - 1 - step
            _look_ahead(i, table, batch)
            store(batch.value, i, load(batch.reward, i) + gamma * load(batch.best, i))
    one, zero = spread(batch.value, 1.0), spread(batch.value, 0.0)
    for i in range(S):
        for k in range(table.choices[i], table.choices[i + 1]):
            store(weight, k, pick_equal(load(batch.choice, i), spread(batch.value, float(k)), one, zero))


@inlined
def _improve(backwards: bool, margin: Any, batch: Batch, gamma: float, table: Table, weight: Floats) -> Any:
    """Switches to choices that are better by more than ``margin``, state by state; returns by how much at most.

    A state's value rises as soon as its choice does, so that one pass carries an improvement along whole
    paths. The policies it leaves are at least as good as the values it leaves.
    """
    value = batch.value
    S = value.shape[0]
    one, zero = spread(value, 1.0), spread(value, 0.0)
    gained = zero
    for step in range(S):
        i = S - 1 - step if backwards else step
        _look_ahead(i, table, batch)
        new = load(batch.reward, i) + gamma * load(batch.best, i)
        enough = load(value, i) + margin
        if any_above(new, enough):
            gained = larger(new - enough, gained)
            store(value, i, pick_above(new, enough, new, load(value, i)))
            for k in range(table.choices[i], table.choices[i + 1]):
                chosen = pick_equal(load(batch.choice, i), spread(value, float(k)), one, zero)
                store(weight, k, pick_above(new, enough, chosen, load(weight, k)))
    return gained
