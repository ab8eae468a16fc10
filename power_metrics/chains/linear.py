"""Large systems (I - γP) V = r from Python: iterative, with SuperLU where that does not converge."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from power_metrics.solvers.compiled import SolverTables
from power_metrics.solvers.discounted.krylov import solve_iterative
from power_metrics.solvers.limits import EVALUATION, MAX_ITERATIONS, SWITCH


def chain_values(chain: scipy.sparse.csr_array, rewards: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """V = R + γPV for each row of ``rewards`` (B, S) in the chain P (S, S); returns (B, S)."""
    S = chain.shape[0]
    rows, space = np.arange(S, dtype=np.int32), np.empty((7, S))
    pointers, successor = chain.indptr.astype(np.int32), chain.indices.astype(np.int32)
    values = np.empty(rewards.shape)
    for reward, value in zip(rewards, values, strict=True):
        value[:] = reward.mean() / (1.0 - gamma)
        target = EVALUATION * np.abs(reward).max() / (1.0 - gamma)
        if not solve_iterative(reward.copy(), gamma, rows, pointers, successor, chain.data, target, value, space):
            value[:] = superlu_values(chain, reward, gamma)
    return values


def superlu_values(chain: scipy.sparse.csr_array, reward: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """V = R + γPV by SuperLU, with one step of refinement. ``reward`` and the result are (S,)."""
    system = (scipy.sparse.eye_array(chain.shape[0]) - gamma * chain).tocsc()
    factors = scipy.sparse.linalg.splu(system)
    value = factors.solve(reward)
    return value + factors.solve(reward - system @ value)


def iterate_with_superlu(
    tables: SolverTables, reward: NDArray[np.float64], gamma: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], int]:
    """Policy iteration for one reward function, in the order of ``tables``: slow, and always converges.

    Args:
        tables: the tables.
        reward: (S,) by position.
        gamma: discount.

    Returns:
        Values, values of what follows and choices, each (S,), and the number of policies evaluated.
    """
    table, matrix = tables.table(gamma), tables.matrix()
    extra, first = table.extra, table.choices[:-1].astype(np.int64)
    position = np.repeat(np.arange(len(first)), np.diff(table.choices))
    choice = first
    iteration = 0
    better = np.ones(len(first), dtype=bool)
    while better.any() and iteration < MAX_ITERATIONS:
        iteration += 1
        value = superlu_values(matrix[choice], reward + gamma * extra[choice], gamma)
        q = extra + matrix @ value
        best = np.maximum.reduceat(q, first)
        better = gamma * (best - q[choice]) > SWITCH * np.abs(value).max()
        leader = np.flatnonzero(q == best[position])
        leader = leader[np.unique(position[leader], return_index=True)[1]]
        choice = np.where(better, leader, choice)
    return value, best, choice, iteration
