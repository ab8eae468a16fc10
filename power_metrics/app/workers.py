"""Processes that do the long work, so that it can be stopped: first by an interrupt, at last by ending the process.

An interrupt reaches the loops of the house between two batches; what does not listen to it is ended, and another
process takes its place. A process that outgrows its memory or its time is ended too.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

GRACE = 1.0
"""Seconds that a job has after an interrupt."""
PATROL = 0.5
"""Seconds between two looks at how much a process takes."""


class JobError(Exception):
    """A job that ended with a message for the page."""


def serve_jobs(connection: Any) -> None:
    """What a process does: jobs from the connection, one after the other, until it closes."""
    busy = sending = late = False

    def interrupt(number: int, frame: Any) -> None:
        nonlocal late
        if busy and not sending:
            raise KeyboardInterrupt
        late = busy  # half a message would be worse than a moment more

    def tell(kind: str, data: Any) -> None:
        nonlocal sending
        sending = True
        connection.send((kind, data))
        sending = False
        if late:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    from tqdm import tqdm

    from power_metrics.app.jobs import JOBS

    tqdm.set_lock(threading.RLock())  # its own is one of processes, which would outlive this one

    while True:
        try:
            name, arguments = connection.recv()
        except (EOFError, OSError):
            return
        answer: tuple[str, Any]
        try:
            try:
                late, busy = False, True
                answer = "done", JOBS[name](arguments, tell)
            finally:
                busy = sending = False  # an interrupt while the error below is put into words would end the process
        except KeyboardInterrupt:
            answer = "cancelled", None
        except (ValueError, MemoryError, OSError, ImportError, RuntimeError) as error:
            answer = "error", " ".join(str(error).split()) or type(error).__name__
        except Exception as error:  # whatever it is: the page gets no traceback, the terminal does
            import traceback

            traceback.print_exc()
            answer = "error", f"the job failed ({type(error).__name__}); the terminal of the server says more"
        try:
            connection.send(answer)
        except OSError:
            return


class Worker:
    """One process. It does one job at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop, self._ended = loop, False
        context = multiprocessing.get_context("spawn")
        self._connection, child = context.Pipe()
        self._process = context.Process(target=serve_jobs, args=(child,), daemon=True, name="powerenvs app: worker")
        self._process.start()
        child.close()
        self._messages: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        threading.Thread(target=self._read, daemon=True, name="powerenvs app: reader").start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid or 0

    @property
    def alive(self) -> bool:
        """Whether the process is there, to be given jobs."""
        return not self._ended and self._process.is_alive()

    def _read(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                message = ("gone", None)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._messages.put_nowait, message)
            if message[0] == "gone":
                return

    async def run(
        self, name: str, arguments: Mapping[str, Any], tell: Callable[[str, Any], None], limits: Limits
    ) -> Any:
        """Does a job.

        Raises:
            JobError: with what went wrong. When the task that runs this is cancelled, the process is free again soon.
        """
        self._connection.send((name, dict(arguments)))
        started = self._loop.time()
        try:
            while True:
                try:
                    kind, data = await asyncio.wait_for(self._messages.get(), PATROL)
                except (asyncio.TimeoutError, TimeoutError):
                    self._patrol(started, limits)
                    continue
                if kind == "done":
                    return data
                if kind == "error":
                    raise JobError(data)
                if kind in ("gone", "cancelled"):
                    raise JobError("the job ended before its time; try again")
                tell(kind, data)
        except asyncio.CancelledError:
            await asyncio.shield(self._stop_job())
            raise

    def _patrol(self, started: float, limits: Limits) -> None:
        seconds = self._loop.time() - started
        if seconds > limits.seconds:
            self.end()
            raise JobError(f"stopped after {limits.seconds:g} seconds; use the command line for work that takes longer")
        if memory_of(self.pid) > limits.memory:
            self.end()
            raise JobError(f"stopped because it took more than {limits.memory / 2**30:.1f} GiB of memory")

    async def _stop_job(self) -> None:
        """Interrupts the job; ends the process where that does not help."""
        if os.name == "posix" and self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)
            with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._answer(), GRACE)
                return
        self.end()

    async def _answer(self) -> None:
        """Waits for the end of a job that was interrupted."""
        while (await self._messages.get())[0] not in ("done", "error", "cancelled", "gone"):
            pass

    def end(self) -> None:
        """Ends the process."""
        self._ended = True
        self._process.kill()
        self._connection.close()


def memory_of(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


class Limits:
    """What a job may take.

    Args:
        seconds: of time.
        memory: bytes.
    """

    def __init__(self, seconds: float = 900.0, memory: int = 6 << 30):
        self.seconds, self.memory = seconds, memory


class Workers:
    """A few processes, and jobs that wait for them in turn.

    Args:
        count: processes.
        limits: of a job.
    """

    def __init__(self, count: int = 2, limits: Limits | None = None):
        self.count, self.limits = count, limits or Limits()
        self._free: asyncio.Queue[Worker] | None = None
        self._all: list[Worker] = []

    @property
    def pids(self) -> list[int]:
        """Of the processes, as they are now."""
        return [worker.pid for worker in self._all]

    async def start(self) -> None:
        """Starts the processes."""
        self._free = asyncio.Queue()
        for _ in range(self.count):
            self._add()

    def _add(self) -> None:
        assert self._free is not None
        worker = Worker(asyncio.get_running_loop())
        self._all.append(worker)
        self._free.put_nowait(worker)

    async def run(self, name: str, arguments: Mapping[str, Any], tell: Callable[[str, Any], None] | None = None) -> Any:
        """Does a job as soon as a process is free; a task that is cancelled meanwhile stops it.

        Raises:
            JobError: with what went wrong.
        """
        assert self._free is not None
        worker = await self._free.get()
        while not worker.alive:
            self._replace(worker)
            worker = await self._free.get()
        try:
            return await worker.run(name, arguments, tell or (lambda kind, data: None), self.limits)
        finally:
            if worker.alive:
                self._free.put_nowait(worker)
            else:
                self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        self._all.remove(worker)
        worker.end()
        self._add()

    def stop(self) -> None:
        """Ends all processes."""
        for worker in self._all:
            worker.end()
        self._all.clear()
