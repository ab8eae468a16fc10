"""Blocks of reward functions on processes, on a cluster, or on any `concurrent.futures.Executor`.

What goes out to a worker is a task and the numbers of some blocks, not their rewards: a worker draws those itself, so
that its results are those of one machine, bit for bit. The model goes to each worker once, and is kept there by its
fingerprint. A worker that does not have it says so, and gets it with the next try. The blocks of a worker that dies
are done again.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from power_metrics.arguments.checks import check_count
from power_metrics.solvers.dispatch import num_threads
from powerenvs.extras import install_line
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP

Result = TypeVar("Result")

NAMES = ("processes", "ray")
MAX_LOSSES = 3
"""Times in a row that workers may die before another shard is done."""

_AGAIN = 77
"""What a worker ends with that comes to start workers while it is importing the program."""

MAX_MODELS = 4
"""Models that a worker keeps: the last ones used."""

SHARDS_EACH = 4
"""Shards for each worker, at least, so that they end at about the same time."""

MAX_BLOCKS = 16
"""Blocks in a shard, at most, so that little is lost with a worker."""


class Task(Protocol[Result]):
    """What workers do: a picklable object."""

    def prepare(self, model: TabularMDP) -> None:
        """Works out what all blocks share; quick if it has been done for this model."""

    def part(self, blocks: range) -> Task[Result]:
        """The task with no more data than these blocks need."""

    def __call__(self, model: TabularMDP, blocks: range) -> list[Result]:
        """One result for each block."""


def check_executor(executor: Any, workers: int | None) -> tuple[str | Executor, int]:
    """The executor, and the number of workers: as given, or one for each core (of Ray: of the cluster, as None).

    Raises:
        ValueError: for an unknown executor.
        ImportError: if Ray is asked for and not installed; the message says how to install it.
    """
    if isinstance(executor, str) and executor in NAMES:
        if executor == "ray":
            _import_ray()
    elif isinstance(executor, str):
        raise ValueError(f"executor: expected one of {NAMES}, found {executor!r}; {closest(executor, NAMES)}")
    elif not isinstance(executor, Executor):
        raise ValueError(f"executor: expected 'processes', 'ray' or a concurrent.futures.Executor, found {executor!r}")
    return executor, num_threads(None if workers is None else check_count("workers", workers))


def shard_ranges(count: int, workers: int) -> list[range]:
    """Blocks 0 to ``count`` - 1 in shards: `SHARDS_EACH` for each worker or more, of `MAX_BLOCKS` or fewer."""
    size = min(MAX_BLOCKS, max(1, count // (SHARDS_EACH * workers)))
    return [range(first, min(first + size, count)) for first in range(0, count, size)]


def run_shards(
    task: Task[Result], model: TabularMDP, shards: list[range], executor: str | Executor, workers: int
) -> Iterator[list[Result]]:
    """Yields ``task(model, shard)`` for each shard in order; ends pending work when it is closed or interrupted.

    Args:
        task: what to do.
        model: goes to each worker once.
        shards: blocks.
        executor: ``"processes"``, ``"ray"``, or an executor, which is left open.
        workers: how many processes to start; of an executor, how many shards it works on at a time.

    Raises:
        RuntimeError: if workers keep dying.
    """
    payload = pickle.dumps(model)
    own = isinstance(executor, str)
    losses = 0
    pool = open_pool(executor, workers, _keep, model.fingerprint, payload)
    pending: deque[tuple[range, Future[list[Result] | None]]] = deque()
    waiting = deque(shards)

    def submit(shard: range, data: bytes | None = None) -> Future[list[Result] | None]:
        return pool.submit(_work, task.part(shard), shard, model.fingerprint, data)

    try:
        while pending or waiting:
            try:
                while waiting and len(pending) < 2 * workers:
                    pending.append((waiting[0], submit(waiting[0])))
                    waiting.popleft()
                shard, future = pending[0]
                result = future.result()
                if result is None:
                    pending[0] = shard, submit(shard, payload)
                    continue
            except BrokenExecutor as error:
                losses += 1
                if not own or losses > MAX_LOSSES or (isinstance(pool, Processes) and pool.came_back):
                    raise RuntimeError(why_lost(executor, pool, losses)) from error
                pool.shutdown(cancel_futures=True)
                pool = open_pool(executor, workers, _keep, model.fingerprint, payload)
                pending = deque((shard, future if _is_done(future) else submit(shard)) for shard, future in pending)
                continue
            losses = 0
            pending.popleft()
            yield result
    finally:
        if own:
            pool.shutdown(cancel_futures=True)
        for _, future in pending:
            future.cancel()


def _is_done(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def why_lost(executor: str | Executor, pool: Executor, losses: int) -> str:
    """What to say of workers that died, so many times in a row."""
    if isinstance(pool, Processes) and pool.came_back:
        return (
            "executor: processes import the program that starts them, and this one starts them again when it is "
            "imported; put what it does under `if __name__ == '__main__':`"
        )
    if not isinstance(executor, str):
        return (
            f"executor: expected workers that stay alive, found {executor!r} broken; executor='processes' starts anew"
        )
    times = "" if losses == 1 else f" {losses} times in a row"
    return f"executor: expected workers that stay alive, found that they died{times}; out of memory?"


_models: OrderedDict[str, TabularMDP] = OrderedDict()
_lock = threading.Lock()


def _work(task: Task[Result], blocks: range, fingerprint: str, payload: bytes | None) -> list[Result] | None:
    """Does a shard, in the worker; None if the model is not there."""
    with _lock:
        model = _models.get(fingerprint)
        if model is None:
            if payload is None:
                return None
            model = _keep(fingerprint, payload)
        _models.move_to_end(fingerprint)
        task.prepare(model)
    return task(model, blocks)


def _keep(fingerprint: str, payload: bytes) -> TabularMDP:
    model: TabularMDP = pickle.loads(payload)
    _models[fingerprint] = model
    if len(_models) > MAX_MODELS:
        _models.popitem(last=False)
    return model


def open_pool(executor: str | Executor, workers: int, *first: Any) -> Executor:
    """An executor as it is; or one made for its name, of processes that call ``first``, a function and its arguments.

    Raises:
        ValueError: for processes of a program that they cannot import.
    """
    if isinstance(executor, Executor):
        return executor
    if executor == "ray":
        return RayExecutor()
    _check_program()
    return Processes(workers, *first)


def _check_program() -> None:
    """Refuses programs that workers cannot import.

    Raises:
        ValueError: saying what to do.
    """
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if getattr(main, "__spec__", None) is None and file is not None and not Path(file).exists():
        raise ValueError(
            f"executor: processes import the program that starts them, and there is no file {file!r}; put the program "
            "into one, or leave executor out"
        )
    if not _has_folder():
        raise ValueError("executor: processes start in the folder that one is in, which is gone; change to another")


def _has_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


class Processes(ProcessPoolExecutor):
    """Worker processes that leave interrupts to the process that started them, and end with it.

    Args:
        workers: how many.
        initializer: called first in each of them, with the arguments.
    """

    def __init__(self, workers: int, initializer: Callable[..., object] | None = None, *arguments: Any) -> None:
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            os._exit(_AGAIN)  # a worker that is importing the program, which wants workers of its own
        # Not "fork", which copies locks that other threads hold.
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context = _Daemons(multiprocessing.get_context(method))
        context: Any = self._context
        super().__init__(workers, context, _start_worker, (initializer, arguments))

    @property
    def came_back(self) -> bool:
        """Whether a worker has ended because the program that it imported started workers itself."""
        return any(process.exitcode == _AGAIN for process in self._context.started)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the workers; with ``cancel_futures`` in the middle of what they do, so that nobody waits for it.

        What is pending then fails with `concurrent.futures.BrokenExecutor`.
        """
        if cancel_futures:
            for process in list((self._processes or {}).values()):
                process.terminate()
        # Not cancelled as well: before Python 3.12 a broken pool trips over futures that are.
        super().shutdown(wait)


class _Daemons:
    """A context whose processes end with Python, whatever an interrupt kept their pool from hearing of."""

    def __init__(self, context: multiprocessing.context.BaseContext) -> None:
        self._context = context
        self.started: list[multiprocessing.process.BaseProcess] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *args: Any, **kwargs: Any) -> multiprocessing.process.BaseProcess:  # noqa: N802, as there
        process: multiprocessing.process.BaseProcess = self._context.Process(*args, **kwargs)  # type: ignore[attr-defined]
        process.daemon = True
        self.started.append(process)
        return process


def _start_worker(initializer: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch when it is loaded
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*arguments)


def _end_with_parent() -> None:
    """Ends the worker when the process that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _import_ray() -> Any:
    try:
        import ray  # type: ignore[import-not-found]
    except ImportError:
        raise ImportError(f"executor='ray' needs Ray; install it with: {install_line('ray')}") from None
    return ray


class RayExecutor(Executor):
    """An executor on a Ray cluster: the one in use, or one started on this machine.

    Ray itself redoes what a worker that dies was doing, up to `MAX_LOSSES` times.
    """

    def __init__(self) -> None:
        self._ray = _import_ray()
        if not self._ray.is_initialized():
            self._ray.init(log_to_driver=False)
        self._call = self._ray.remote(num_cpus=1, max_retries=MAX_LOSSES)(_call)
        self._pending: dict[Future[Any], Any] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `concurrent.futures.Executor.submit`."""
        reference = self._call.remote(fn, args, kwargs)
        future: Future[Any] = reference.future()
        self._pending[future] = reference
        future.add_done_callback(lambda done: self._pending.pop(done, None))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancels what is pending, if asked to; the cluster stays."""
        for reference in list(self._pending.values()) if cancel_futures else ():
            self._ray.cancel(reference)


def _call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return fn(*args, **kwargs)
