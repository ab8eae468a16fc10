"""Which kernel solves a model, and how reward functions are spread over threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from power_metrics.chains.linear import iterate_with_superlu
from power_metrics.solvers.compiled import SolverTables
from power_metrics.solvers.discounted.deterministic import solve_deterministic
from power_metrics.solvers.discounted.direct import solve_direct
from power_metrics.solvers.discounted.iterative import solve_large
from power_metrics.solvers.discounted.stay_put import solve_resting
from power_metrics.solvers.limits import RESIDUAL
from power_metrics.solvers.solution import Solution

Result = TypeVar("Result")

CHUNK = 1 << 19
"""Numbers (reward functions times states) that a thread works on at a time: 4 MB of float64."""


def solve_into(tables: SolverTables, rewards: NDArray[np.float64], gamma: float, out: Solution) -> None:
    """Solves ``rewards`` (B, S) in the calling thread and writes to ``out``.

    Raises:
        RuntimeError: if the Bellman residual shows that a value is not exact.
    """
    if not rewards.flags.writeable:  # kernels are compiled for arrays that are
        rewards = rewards.copy()
    table = tables.table(gamma)
    if tables.method == "resting":
        solve_resting(rewards, gamma, table, out)
    elif tables.method == "deterministic":
        solve_deterministic(rewards, gamma, table, out)
    elif tables.method == "direct":
        solve_direct(rewards, gamma, table, tables.elimination, out)
    else:
        solve_large(rewards, gamma, table, out)
        for b in np.flatnonzero(out.iterations < 0):
            _solve_with_superlu(tables, rewards[b], gamma, out.part(slice(b, b + 1)))
    check_residual(out.residual)


def _solve_with_superlu(tables: SolverTables, reward: NDArray[np.float64], gamma: float, out: Solution) -> None:
    order = tables.order
    value, best, choice, out.iterations[0] = iterate_with_superlu(tables, reward[order], gamma)
    out.values[0, order] = value
    out.continuation[0, order] = best
    out.policy[0, order] = tables.action[choice]
    error = float(np.abs(value - (reward[order] + gamma * best)).max())
    out.residual[0] = error / float(np.abs(value).max()) if error > 0 else 0.0


def check_residual(residual: NDArray[np.float64]) -> None:
    """Raises a RuntimeError if a residual, as a share of max|V|, is above `RESIDUAL`."""
    if not np.all(residual <= RESIDUAL):
        raise RuntimeError(
            f"solver: expected a Bellman residual of at most {RESIDUAL} of max|V|, found {float(np.max(residual))}; "
            "please report this with the model and the reward function"
        )


def num_threads(threads: int | None) -> int:
    """The number of threads to use: as given, or one for each core that this process may run on."""
    if threads is not None:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(task: Callable[[int], Result], count: int, threads: int) -> Iterator[Result]:
    """Yields ``task(0)`` to ``task(count - 1)`` in order, worked on by several threads a little ahead."""
    threads = min(threads, count)
    if threads <= 1:
        yield from map(task, range(count))
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="power_metrics")
    try:
        pending: deque[Future[Result]] = deque()
        for index in range(count):
            pending.append(pool.submit(task, index))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def solve_all(tables: SolverTables, rewards: NDArray[np.float64], gamma: float, threads: int) -> Solution:
    """Solves every row of ``rewards`` (B, S)."""
    B, S = rewards.shape
    solution = Solution.empty(B, S)
    rows = max(1, min(CHUNK // S, -(-B // threads)))
    parts = [slice(start, start + rows) for start in range(0, B, rows)]
    _ = tables.method  # worked out once, before threads ask for it at the same time
    for _ in in_order(
        lambda n: solve_into(tables, rewards[parts[n]], gamma, solution.part(parts[n])), len(parts), threads
    ):
        pass
    return solution
