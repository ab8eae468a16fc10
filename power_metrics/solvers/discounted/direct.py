"""Stochastic models whose equations fill up little: policy iteration with exact elimination."""

from __future__ import annotations

from typing import Any

import numpy as np

from power_metrics.solvers.discounted.relative import solve_or
from power_metrics.solvers.jit import Floats, inlined, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS, SWITCH
from power_metrics.solvers.ordering import Elimination
from power_metrics.solvers.reduction import Chains, evaluate_chains, make_reduction
from power_metrics.solvers.simd import LANES, any_above, fill, larger, load, pick_above, pick_equal, store
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import SolverTables, Table
from power_metrics.solvers.transpose import Batch, absolute, gather, make_batch, scatter

START_SWEEPS = 10
"""Value sweeps that choose the policy to start from."""

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
    """Solves V(s) = R(s) + γ max_k [r(k) + Σ P(k, s') V(s')] for each row of ``rewards`` (B, S)."""
    S = table.order.shape[0]
    batch = make_batch(S)
    weight = np.empty((table.action.shape[0], LANES))
    chains = Chains(
        table.choices, table.entries, table.successor, table.probability, table.action_reward, weight
    )  # fmt: skip
    space = make_reduction(S, plan)
    for start in range(0, rewards.shape[0], LANES):
        count = min(LANES, rewards.shape[0] - start)
        gather(rewards, start, count, table.order, batch.reward)
        _start(batch, gamma, table, weight)
        iteration = 0
        switched = True
        # Lanes that are solved go on with the others: what they repeat changes nothing, and costs no time.
        while switched and iteration < MAX_ITERATIONS:
            iteration += 1
            evaluate_chains(batch.reward, gamma, chains, plan, space, batch.value)
            largest = fill(0.0)
            for i in range(S):
                largest = larger(absolute(load(batch.value, i)), largest)
            # A switch must gain more than rounding: so every policy is better than the last, and none comes twice.
            margin = SWITCH * largest
            switched = _improve(False, margin, batch, gamma, table, weight)
            if switched:
                _improve(True, margin, batch, gamma, table, weight)
        out.iterations[start : start + count] = iteration
        scatter(batch, gamma, table, start, count, out)


@inlined
def _look_ahead(i: int, table: Table, batch: Batch) -> None:
    """Sets ``best`` and ``choice`` of position i to the largest r(k) + Σ P(k, s') V(s') and its k."""
    top = fill(-np.inf)
    chosen = fill(0.0)
    for k in range(table.choices[i], table.choices[i + 1]):
        q = fill(table.action_reward[k])
        for e in range(table.entries[k], table.entries[k + 1]):
            q = q + table.probability[e] * load(batch.value, table.successor[e])
        chosen = pick_above(q, top, fill(float(k)), chosen)
        top = larger(q, top)
    store(batch.best, i, top)
    store(batch.choice, i, chosen)


@inlined
def _start(batch: Batch, gamma: float, table: Table, weight: Floats) -> None:
    """Sets ``weight`` to the policies that a few sweeps, from staying at the state's own reward, end with."""
    S = batch.reward.shape[0]
    for i in range(S):
        store(batch.value, i, load(batch.reward, i) / fill(1.0 - gamma))
    for sweep in range(START_SWEEPS):
        for step in range(S):
            i = step if sweep % 2 == 0 else S - 1 - step
            _look_ahead(i, table, batch)
            store(batch.value, i, load(batch.reward, i) + gamma * load(batch.best, i))
    for i in range(S):
        for k in range(table.choices[i], table.choices[i + 1]):
            store(weight, k, pick_equal(load(batch.choice, i), fill(float(k)), fill(1.0), fill(0.0)))


@inlined
def _improve(backwards: bool, margin: Any, batch: Batch, gamma: float, table: Table, weight: Floats) -> bool:
    """Switches to choices that are better by more than ``margin``, state by state; returns whether there were any.

    A state's value rises as soon as its choice does, so that one pass carries an improvement along whole
    paths. The policies it leaves are at least as good as the values it leaves.
    """
    value = batch.value
    S = value.shape[0]
    switched = False
    for step in range(S):
        i = S - 1 - step if backwards else step
        _look_ahead(i, table, batch)
        new = load(batch.reward, i) + gamma * load(batch.best, i)
        enough = load(value, i) + margin
        if any_above(new, enough):
            switched = True
            store(value, i, pick_above(new, enough, new, load(value, i)))
            for k in range(table.choices[i], table.choices[i + 1]):
                chosen = pick_equal(load(batch.choice, i), fill(float(k)), fill(1.0), fill(0.0))
                store(weight, k, pick_above(new, enough, chosen, load(weight, k)))
    return switched
