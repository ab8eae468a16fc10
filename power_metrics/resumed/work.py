"""One part after another, or several at a time: with progress, and an end that says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import NamedTuple, TypeVar

from power_metrics.expectation.executors import open_pool, why_lost
from powerenvs.progress import progress_bar

Job = TypeVar("Job")
Found = TypeVar("Found")


class Progress(NamedTuple):
    """How the work is told.

    Attributes:
        title: of the progress bar.
        unit: what is counted, in the plural.
        total: how many there are of it, finished ones included.
        done: how many were finished before.
        show: True for a progress bar, False for none, None for one in a terminal after two seconds.
        kept: whether what is finished is kept when the work is interrupted.
    """

    title: str
    unit: str
    total: int
    done: int = 0
    show: bool | None = None
    kept: bool = True


def work_through(
    function: Callable[[Job], Found],
    jobs: Sequence[Job],
    progress: Progress,
    executor: str | Executor = "processes",
    workers: int = 1,
    *,
    elsewhere: Callable[[], Callable[[Job], Found]] | None = None,
    size: Callable[[Job], int] = lambda job: 1,
) -> Iterator[tuple[Job, Found]]:
    """Yields each job and what the function finds, as it gets done: here in order, with workers in any order.

    Args:
        function: keeps what it finds itself, if it is to be kept.
        jobs: those that are not finished.
        progress: how the work is told.
        executor: "processes", "ray", or an executor, which is left open.
        workers: how many jobs at a time; one is done in this process, if that is not left to an executor.
        elsewhere: makes the function that workers call, which has to be picklable; the same function when None.
        size: for how many of the units of ``progress`` a job counts.

    Raises:
        KeyboardInterrupt: when interrupted, saying how much is done. Nobody waits for what is being worked out.
        RuntimeError: if workers die.
    """
    done = progress.done
    with progress_bar(
        None, progress.title, progress.show, total=progress.total, initial=done, unit=f" {progress.unit}"
    ) as bar:
        if executor == "processes" and min(workers, len(jobs)) < 2:
            found: Iterator[tuple[Job, Found]] = ((job, function(job)) for job in jobs)
        else:
            found = _by_workers(function if elsewhere is None else elsewhere(), jobs, executor, workers)
        while True:
            try:
                job, result = next(found)
            except StopIteration:
                return
            except KeyboardInterrupt as interrupt:
                ends = "run the same again to go on" if progress.kept else "none is kept without a folder"
                interrupt.args = (f"{done} of {progress.total} {progress.unit} done; {ends}",)
                raise
            done += size(job)
            yield job, result
            bar.update(size(job))


def _by_workers(
    function: Callable[[Job], Found], jobs: Sequence[Job], executor: str | Executor, workers: int
) -> Iterator[tuple[Job, Found]]:
    own = isinstance(executor, str)
    pool = open_pool(executor, min(workers, len(jobs)))
    pending: dict[Future[Found], Job] = {}
    waiting = list(jobs)[::-1]
    try:
        while waiting or pending:
            while waiting and len(pending) < 2 * workers:
                job = waiting.pop()
                pending[pool.submit(function, job)] = job
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future.result()
    except BrokenExecutor as error:
        raise RuntimeError(why_lost(executor, pool, 1)) from error
    finally:
        if own:
            pool.shutdown(cancel_futures=bool(waiting or pending))
        for future in pending:
            future.cancel()
