"""Large stochastic models: value iteration where they mix, elimination in a band, or iterative evaluation."""

from __future__ import annotations

import numpy as np

from power_metrics.solvers.discounted.banded import solve_banded
from power_metrics.solvers.discounted.relative import solve_or
from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.limits import EVALUATION, MAX_ITERATIONS, SWITCH
from power_metrics.solvers.linear import Rows, solve_iterative, superlu_values
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import SolverTables, Table
from power_metrics.solvers.transpose import Single, make_single, write_row

START_SWEEPS = 10
"""Value sweeps that choose the policy to start from."""


class Iterative:
    """Value iteration on differences of values; where they do not settle soon, policy iteration.

    Policies are evaluated by elimination in a band, where that is narrow, else by preconditioned BiCGSTAB. SuperLU
    takes over where that does not converge: for one, where chance rarely leads off a long way round, and γ is near 1.
    """

    name = "iterative"

    def fits(self, tables: SolverTables) -> bool:
        """All models."""
        return True

    def solve(self, rewards: Floats, gamma: float, tables: SolverTables, out: Solution) -> None:
        """Writes the solutions for ``rewards`` (B, S) to ``out``."""
        table = tables.table(gamma)
        if tables.band:
            solve_or(
                lambda given, rest: solve_banded(given, gamma, table, tables.band, rest), rewards, gamma, table, out
            )
        else:
            solve_or(lambda given, rest: solve_by_policies(given, gamma, tables, rest), rewards, gamma, table, out)


def solve_by_policies(rewards: Floats, gamma: float, tables: SolverTables, out: Solution) -> None:
    """Writes the solutions for ``rewards`` (B, S) to ``out``: policy iteration, with SuperLU where it has to be."""
    table = tables.table(gamma)
    solve_iteratively(rewards, gamma, table, out)
    for b in np.flatnonzero(out.iterations < 0):
        single, iterations = iterate_with_superlu(tables, rewards[b, tables.order], gamma)
        out.iterations[b] = iterations
        write_row(single, gamma, table, b, out)


@kernel
def solve_iteratively(rewards: Floats, gamma: float, table: Table, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max_k [r(k) + Σ P(k, s') V(s')] for each row of ``rewards`` (B, S).

    Where an evaluation does not converge, ``out.iterations`` is -1.
    """
    S = table.order.shape[0]
    single = make_single(S)
    space = np.empty((8, S))
    for b in range(rewards.shape[0]):
        for i in range(S):
            single.reward[i] = rewards[b, table.order[i]]
        out.iterations[b] = _iterate(single, gamma, table, space)
        write_row(single, gamma, table, b, out)


@kernel
def _iterate(single: Single, gamma: float, table: Table, space: Floats) -> int:
    """Policy iteration for the rewards in ``single``.

    Policies on the way are evaluated only as well as their improvement asks for. The last one is evaluated
    to rounding, and found to allow no improvement.

    Args:
        single: the rewards in, the solution out.
        gamma: discount.
        table: the model.
        space: (8, S) work space.

    Returns:
        The number of policies evaluated, or -1 if an evaluation did not converge.
    """
    S = single.reward.shape[0]
    earned = space[0]
    rows = Rows(single.choice, table.entries, table.successor, table.probability)
    for i in range(S):
        single.value[i] = single.reward[i] / (1.0 - gamma)
    rise = 0.0
    for sweep in range(START_SWEEPS):
        rise = _improve(sweep % 2 == 1, -np.inf, single, gamma, table)
    for iteration in range(1, MAX_ITERATIONS + 1):
        largest = 0.0
        for i in range(S):
            earned[i] = single.reward[i] + gamma * table.action_reward[single.choice[i]]
            largest = max(largest, abs(single.value[i]))
        finest = EVALUATION * largest
        target = max(0.03 * rise, finest)
        if not solve_iterative(earned, gamma, rows, target, single.value, space[1:]):
            return -1
        # A switch must gain more than the evaluation left open, or rounding: so policies get better and better.
        margin = 4.0 * target
        rise = _improve(False, margin, single, gamma, table)
        if rise > 0.0:
            _improve(True, margin, single, gamma, table)
        elif target == finest:
            return iteration
    return MAX_ITERATIONS


@inlined
def _improve(backwards: bool, margin: float, single: Single, gamma: float, table: Table) -> float:
    """Switches to choices that are better by more than ``margin``, state by state; returns the largest gain.

    A state's value rises as soon as its choice does, so that one pass carries an improvement along whole
    paths. With a margin of minus infinity every state takes its best choice.
    """
    reward, value, best, choice = single.reward, single.value, single.best, single.choice
    S = reward.shape[0]
    gained = 0.0
    for step in range(S):
        i = S - 1 - step if backwards else step
        top = -np.inf
        chosen = table.choices[i]
        for k in range(table.choices[i], table.choices[i + 1]):
            q = table.action_reward[k]
            for e in range(table.entries[k], table.entries[k + 1]):
                q += table.probability[e] * value[table.successor[e]]
            if q > top:
                top = q
                chosen = k
        best[i] = top
        rise = reward[i] + gamma * top - value[i]
        if rise > margin:
            gained = max(gained, abs(rise))
            value[i] = reward[i] + gamma * top
            choice[i] = chosen
    return gained


def iterate_with_superlu(tables: SolverTables, reward: Floats, gamma: float) -> tuple[Single, int]:
    """Policy iteration for one reward function with SuperLU: slow, and always converges.

    Args:
        tables: the tables.
        reward: (S,) by position.
        gamma: discount.

    Returns:
        The solution, and the number of policies evaluated.
    """
    table, matrix = tables.table(gamma), tables.matrix()
    first = table.choices[:-1].astype(np.int64)
    position = np.repeat(np.arange(len(first)), np.diff(table.choices))
    choice = first
    iteration = 0
    better = np.ones(len(first), dtype=bool)
    while better.any() and iteration < MAX_ITERATIONS:
        iteration += 1
        value = superlu_values(matrix[choice], reward + gamma * table.action_reward[choice], gamma)
        q = table.action_reward + matrix @ value
        best = np.maximum.reduceat(q, first)
        better = gamma * (best - q[choice]) > SWITCH * np.abs(value).max()
        leader = np.flatnonzero(q == best[position])
        leader = leader[np.unique(position[leader], return_index=True)[1]]
        choice = np.where(better, leader, choice)
    chosen: Ints = choice.astype(np.int32)
    return Single(reward, value, best, chosen), iteration
