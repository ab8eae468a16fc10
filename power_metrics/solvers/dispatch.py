"""Solving with the solver that fits, and how reward functions are spread over threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.limits import RESIDUAL
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import SolverTables

Result = TypeVar("Result")

LANES = 8
"""Reward functions that kernels solve side by side; `power_metrics.solvers.simd` has it too, and takes long to load."""

CHUNK = 1 << 19
"""Numbers (reward functions times states) that a thread works on at a time: 4 MB of float64."""


def solve_into(tables: SolverTables, rewards: NDArray[np.float64], gamma: float, out: Solution) -> None:
    """Solves ``rewards`` (B, S) in the calling thread and writes to ``out``.

    Raises:
        RuntimeError: if the Bellman residual shows that a value is not exact.
    """
    if not rewards.flags.writeable:  # kernels are compiled for arrays that are
        rewards = rewards.copy()
    tables.solver.solve(rewards, gamma, tables, out)
    check_residual(out.residual)


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
    _ = tables.solver  # worked out once, before threads ask for it at the same time
    in_parts(lambda rows: solve_into(tables, rewards[rows], gamma, solution.part(rows)), B, S, threads)
    return solution


def in_parts(task: Callable[[slice], None], count: int, size: int, threads: int) -> None:
    """Calls ``task`` with parts of ``count`` reward functions of ``size`` numbers each, spread over threads."""
    rows = max(1, min(CHUNK // size, -(-count // threads)))
    rows = -(-rows // LANES) * LANES  # lanes that run empty take as long
    parts = [slice(start, start + rows) for start in range(0, count, rows)]
    for _ in in_order(lambda n: task(parts[n]), len(parts), threads):
        pass
