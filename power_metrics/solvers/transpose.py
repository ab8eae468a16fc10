"""Between rows of reward functions and lanes: how batches get in and solutions out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.simd import LANES, fill, larger, load, store
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import Table


class Batch(NamedTuple):
    """LANES reward functions at work side by side, by position.

    Attributes:
        reward: (S, LANES) rewards.
        value: (S, LANES) values.
        best: (S, LANES) the largest value of what follows.
        choice: (S, LANES) the choice that has it. A number of float64, since lanes hold nothing else.
    """

    reward: Floats
    value: Floats
    best: Floats
    choice: Floats


@inlined
def make_batch(num_states: int) -> Batch:
    """Room for a batch."""
    shape = (num_states, LANES)
    return Batch(np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape))


@kernel
def gather(rewards: Floats, start: int, count: int, order: Ints, reward: Floats) -> None:
    """Puts ``count`` rows of ``rewards`` (B, S) side by side into ``reward`` (S, LANES); the last fills up."""
    for lane in range(LANES):
        row = rewards[start + min(lane, count - 1)]
        for i in range(order.shape[0]):
            reward[i, lane] = row[order[i]]


@kernel
def scatter(batch: Batch, gamma: float, table: Table, start: int, count: int, out: Solution) -> None:
    """Writes ``count`` solved lanes to the rows of ``out`` from ``start`` on, with their Bellman residuals.

    Args:
        batch: the solved reward functions.
        gamma: discount.
        table: the model.
        start: the first row.
        count: the number of rows.
        out: the solution, all but its iterations.
    """
    error = fill(0.0)
    largest = fill(0.0)
    for i in range(table.order.shape[0]):
        value = load(batch.value, i)
        error = larger(absolute(value - (load(batch.reward, i) + gamma * load(batch.best, i))), error)
        largest = larger(absolute(value), largest)
    store_residual(error, largest, start, count, out.residual)
    for i in range(table.order.shape[0]):
        s = table.order[i]
        for lane in range(count):
            out.continuation[start + lane, s] = batch.best[i, lane]
    if out.values.shape[0] == 0:
        return
    for i in range(table.order.shape[0]):
        s = table.order[i]
        for lane in range(count):
            out.values[start + lane, s] = batch.value[i, lane]
            out.policy[start + lane, s] = table.action[int(batch.choice[i, lane])]


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
    return larger(a, 0.0 - a)


class Single(NamedTuple):
    """One reward function at work, by position, for kernels that solve one after the other.

    Attributes:
        reward: (S,) rewards.
        value: (S,) values.
        best: (S,) the largest value of what follows.
        choice: (S,) the choice that has it.
    """

    reward: Floats
    value: Floats
    best: Floats
    choice: Ints


@inlined
def make_single(num_states: int) -> Single:
    """Room for one reward function."""
    S = num_states
    return Single(np.empty(S), np.empty(S), np.empty(S), np.empty(S, np.int32))


@inlined
def write_row(single: Single, gamma: float, table: Table, b: int, out: Solution) -> None:
    """Writes one solved reward function to row ``b`` of ``out``, with its Bellman residual."""
    error = 0.0
    largest = 0.0
    for i in range(table.order.shape[0]):
        s = table.order[i]
        out.continuation[b, s] = single.best[i]
        if out.values.shape[0] > 0:
            out.values[b, s] = single.value[i]
            out.policy[b, s] = table.action[single.choice[i]]
        error = max(error, abs(single.value[i] - (single.reward[i] + gamma * single.best[i])))
        largest = max(largest, abs(single.value[i]))
    out.residual[b] = error / largest if error > 0.0 else 0.0
