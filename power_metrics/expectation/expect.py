"""`expect`: the one loop that draws reward functions, solves and averages, on threads, processes or machines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from power_metrics.arguments.checks import check_count, check_progress
from power_metrics.expectation.draws import Draws
from power_metrics.expectation.executors import check_executor, run_shards, shard_ranges
from power_metrics.expectation.statistic import Reduction, Statistic
from power_metrics.solvers.dispatch import in_order, num_threads
from powerenvs.progress import progress_bar


@dataclass(frozen=True)
class Work:
    """How the work of a call is done, checked; and since when.

    Attributes:
        threads: how many, without a pool.
        pool: an executor and its number of workers; None for threads.
        show: True for a progress bar, False for none, None for one in a terminal after two seconds.
    """

    threads: int
    pool: tuple[str | Executor, int] | None = None
    show: bool | None = None
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=time.process_time)

    @classmethod
    def checked(
        cls,
        threads: int | None = None,
        executor: str | Executor | None = None,
        workers: int | None = None,
        progress: bool | None = None,
    ) -> Work:
        """From the arguments of these names, which mean the same in every measure.

        Raises:
            ValueError: for one that does not fit.
            ImportError: if ``executor`` is ``"ray"`` and Ray is not installed.
        """
        threads = num_threads(None if threads is None else check_count("threads", threads))
        show = check_progress(progress)
        if workers is not None and executor is None:
            raise ValueError(
                f"workers: expected None without an executor, found {workers!r}; threads=... is for this one"
            )
        return cls(threads, None if executor is None else check_executor(executor, workers), show)

    @property
    def times(self) -> dict[str, float]:
        """``seconds`` and ``cpu_seconds`` since the arguments were checked."""
        return {"seconds": time.perf_counter() - self._wall, "cpu_seconds": time.process_time() - self._cpu}


@dataclass(frozen=True, eq=False)
class Task:
    """A statistic of some draws, block by block: what a thread, another process or another machine is given to do."""

    statistic: Statistic
    draws: Draws
    reductions: Mapping[str, Reduction]

    def prepare(self, model: Any) -> None:
        """Works out what all blocks share, before threads ask for it at the same time."""
        self.statistic.prepared(model)

    def part(self, blocks: range) -> Task:
        """The task with no more data than these blocks need."""
        return replace(self, draws=self.draws.part(blocks))

    def __call__(self, model: Any, blocks: range) -> list[dict[str, Any]]:
        """For each block the partial of each name."""
        return self.statistic.partials(model, self.draws, blocks, self.reductions)


def expect(
    statistic: Statistic, draws: Draws, model: Any, work: Work, *, trial: bool = False, title: str = "POWER"
) -> dict[str, Any]:
    """Averages a statistic over reward functions: the only loop that does.

    Args:
        statistic: what is averaged.
        draws: the reward functions.
        model: the tables of one agent, or the game of several.
        work: on what, and with a progress bar or without.
        trial: for a run of which only the spread is looked at.
        title: of the progress bar.

    Returns:
        What the reductions of the statistic add up to, by name. The same numbers on any number of threads, workers
        and machines, since blocks are drawn from their numbers and added up in their order.
    """
    reductions = statistic.reductions(trial)
    totals = {name: reduction.total(draws) for name, reduction in reductions.items()}
    done = 0
    name = f"{title}, trial" if trial else title
    shown = work.show or (work.show is None and draws.count > draws.rows)  # a single block has no progress
    with (
        progress_bar(None, name, work.show, total=draws.count, unit=f" {statistic.unit}")
        if shown
        else nullcontext() as bar
    ):
        for partials in _solved(Task(statistic, draws, reductions), model, work):
            for name, partial in partials.items():
                totals[name].add(partial, done)
            size = min(draws.rows, draws.count - done)
            done += size
            if bar is not None:
                bar.update(size)
    return totals


def _solved(task: Task, model: Any, work: Work) -> Iterator[dict[str, Any]]:
    """The partials of each block, in order."""
    rows = task.draws.rows
    count = -(-task.draws.count // rows)
    if work.pool is not None:
        shards = run_shards(task, model, shard_ranges(count, work.pool[1]), *work.pool)
    else:
        task.prepare(model)
        size = task.statistic.blocks_at_a_time(model, task.draws)
        parts = [range(first, min(first + size, count)) for first in range(0, count, size)]
        shards = in_order(lambda n: task(model, parts[n]), len(parts), work.threads)
    for shard in shards:
        yield from shard
