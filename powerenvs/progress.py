"""How far long work is: bars in a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

EVERY = 30.0
"""Seconds between lines where there is no terminal."""

Listener = Callable[[str, int, "int | None"], None]
"""Is told what is being done, how much of it is done, and how much there is of it in all, if that is known."""
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def telling(listener: Listener) -> Iterator[None]:
    """Inside, bars that are shown (``progress=True``) draw nothing and tell the listener, ten times a second at most.

    Args:
        listener: is called by the thread that does the work.

    Example:
        >>> from powerenvs.progress import progress_bar, telling
        >>> heard = []
        >>> with telling(lambda title, done, total: heard.append((title, done, total))):
        ...     for _ in progress_bar(range(3), "work", True):
        ...         pass
        >>> heard[-1]
        ('work', 3, 3)
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def progress_bar(steps: Iterable[Any] | None, title: str, progress: bool | None, **options: Any) -> Any:
    """A tqdm bar around the steps: True to show it, False not to, None for one in a terminal after two seconds.

    With None and without a terminal, as in the log of a cluster, there is a line every half minute instead.
    ``options`` are those of tqdm: ``unit`` with a space before it, ``total``, ``initial``, ``leave``.
    """
    from tqdm import tqdm

    if (listener := _listener.get()) is not None:
        told = listener  # as type checkers see it in the class below

        class Told(tqdm):  # type: ignore[type-arg]
            monitor_interval = 0  # no thread that looks after the bar

            def display(self, *args: Any, **kwargs: Any) -> None:
                told(title, int(self.n), None if self.total is None else int(self.total))

        return Told(steps, title, file=_Nowhere(), disable=progress is not True, **options)
    if progress is not None or sys.stderr is None or sys.stderr.isatty():
        shown = None if progress is None else not progress
        return tqdm(steps, title, delay=0 if progress else 2, disable=shown, **options)
    known = isinstance(steps, Sized) or options.get("total") is not None
    form = "{desc}: {n:,} of {total:,}{unit}, {elapsed}" if known else "{desc}: {n:,}{unit}, {elapsed}"
    rare = {"mininterval": EVERY, "delay": EVERY, "miniters": 1, "leave": False}
    return tqdm(steps, title, file=_Lines(sys.stderr), bar_format=form, **{"unit": "", **options, **rare})


class _Nowhere:
    """Takes what tqdm writes to clear its line."""

    def write(self, text: str) -> None:
        """Drops it."""

    def flush(self) -> None:
        """Nothing to do."""


class _Lines:
    """Takes what tqdm writes for a terminal, and writes it as lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._last = stream, time.monotonic()

    def write(self, text: str) -> None:
        """A line, unless there is nothing but what clears one, or the last one is not long ago."""
        if (line := text.strip("\r\n ")) and time.monotonic() - self._last >= EVERY:
            self._stream.write(f"{line}\n")
            self._last = time.monotonic()

    def flush(self) -> None:
        """As of the stream."""
        self._stream.flush()
