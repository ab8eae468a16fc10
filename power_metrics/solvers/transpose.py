"""Between rows of reward functions and lanes: how batches get in and solutions out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.simd import LANES, larger, load, spread, store
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import Table


class Batch(NamedTuple):
    """LANES reward functions at work side by side, or GROUPS times as many, by position.

    Attributes:
        reward: (S, LANES) or (S, GROUPS, LANES) rewards.
        value: values.
        best: the largest value of what follows.
        choice: the choice that has it. A number of float64, since lanes hold nothing else.
    """

    reward: Floats
    value: Floats
    best: Floats
    choice: Floats


@inlined
def make_batch(num_states: int, lanes: Any) -> Batch:
    """Room for a batch of so many ``lanes``: (LANES,), or (GROUPS, LANES)."""
    shape = (num_states,) + lanes
    return Batch(np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape))


@kernel
def gather(rewards: Floats, start: int, count: int, order: Ints, reward: Floats) -> None:
    """Puts ``count`` rows of ``rewards`` (B, S) side by side into ``reward``, lane by lane; the last fills up."""
    lanes = reward.reshape((len(order), -1))
    for lane in range(lanes.shape[1]):
        row = rewards[start + min(lane, count - 1)]
        for i in range(order.shape[0]):
            lanes[i, lane] = row[order[i]]


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
    S = table.order.shape[0]
    error = spread(batch.value, 0.0)
    largest = spread(batch.value, 0.0)
    for i in range(S):
        value = load(batch.value, i)
        error = larger(absolute(value - (load(batch.reward, i) + gamma * load(batch.best, i))), error)
        largest = larger(absolute(value), largest)
    measured = np.empty((2,) + batch.value.shape[1:])
    store(measured, 0, error)
    store(measured, 1, largest)
    shares = measured.reshape((2, -1))
    for lane in range(count):
        out.residual[start + lane] = shares[0, lane] / shares[1, lane] if shares[0, lane] > 0.0 else 0.0
    best = batch.best.reshape((S, -1))
    for i in range(S):
        s = table.order[i]
        for lane in range(count):
            out.continuation[start + lane, s] = best[i, lane]
    if out.values.shape[0] == 0:
        return
    values, choice = batch.value.reshape((S, -1)), batch.choice.reshape((S, -1))
    for i in range(S):
        s = table.order[i]
        for lane in range(count):
            out.values[start + lane, s] = values[i, lane]
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
