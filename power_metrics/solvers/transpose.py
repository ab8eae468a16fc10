"""Between rows of reward functions and lanes: how batches get in and solutions out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.compiled import Table
from power_metrics.solvers.jit import inlined, kernel
from power_metrics.solvers.simd import LANES, fill, larger, load, store
from power_metrics.solvers.solution import Solution

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@kernel
def gather(rewards: Floats, start: int, count: int, order: Ints, reward: Floats) -> None:
    """Puts ``count`` rows of ``rewards`` (B, S) side by side into ``reward`` (S, LANES); the last fills up."""
    for lane in range(LANES):
        row = rewards[start + min(lane, count - 1)]
        for i in range(order.shape[0]):
            reward[i, lane] = row[order[i]]


@kernel
def scatter(
    reward: Floats,
    gamma: float,
    table: Table,
    value: Floats,
    best: Floats,
    choice: Floats,
    start: int,
    count: int,
    out: Solution,
) -> None:
    """Writes ``count`` solved lanes to the rows of ``out`` from ``start`` on, with their Bellman residuals.

    Args:
        reward: (S, LANES) rewards by position.
        gamma: discount.
        table: the model.
        value: (S, LANES) optimal values.
        best: (S, LANES) the largest value of what follows.
        choice: (S, LANES) the choice that has it.
        start: the first row.
        count: the number of rows.
        out: the solution, all but its iterations.
    """
    error = fill(0.0)
    largest = fill(0.0)
    for i in range(table.order.shape[0]):
        error = larger(absolute(load(value, i) - (load(reward, i) + gamma * load(best, i))), error)
        largest = larger(absolute(load(value, i)), largest)
    store_residual(error, largest, start, count, out.residual)
    for i in range(table.order.shape[0]):
        s = table.order[i]
        for lane in range(count):
            out.values[start + lane, s] = value[i, lane]
            out.continuation[start + lane, s] = best[i, lane]
            out.policy[start + lane, s] = table.action[int(choice[i, lane])]


@kernel
def store_residual(error: Any, largest: Any, start: int, count: int, residual: Floats) -> None:
    """Writes ``error / largest``, or 0 where there is no error, to ``residual`` from ``start`` on."""
    measured = np.empty((2, LANES))
    store(measured, 0, error)
    store(measured, 1, largest)
    for lane in range(count):
        residual[start + lane] = measured[0, lane] / measured[1, lane] if measured[0, lane] > 0.0 else 0.0


@inlined
def absolute(a: Any) -> Any:
    """|a|, lane by lane."""
    return larger(a, fill(0.0) - a)
