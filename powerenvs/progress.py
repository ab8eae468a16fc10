"""How far long work is: bars in a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sized
from typing import Any, TextIO

EVERY = 30.0
"""Seconds between lines where there is no terminal."""


def progress_bar(steps: Iterable[Any] | None, title: str, progress: bool | None, **options: Any) -> Any:
    """A tqdm bar around the steps: True to show it, False not to, None for one in a terminal after two seconds.

    With None and without a terminal, as in the log of a cluster, there is a line every half minute instead.
    ``options`` are those of tqdm: ``unit`` with a space before it, ``total``, ``initial``, ``leave``.
    """
    from tqdm import tqdm

    if progress is not None or sys.stderr is None or sys.stderr.isatty():
        shown = None if progress is None else not progress
        return tqdm(steps, title, delay=0 if progress else 2, disable=shown, **options)
    known = isinstance(steps, Sized) or options.get("total") is not None
    form = "{desc}: {n:,} of {total:,}{unit}, {elapsed}" if known else "{desc}: {n:,}{unit}, {elapsed}"
    rare = {"mininterval": EVERY, "delay": EVERY, "miniters": 1, "leave": False}
    return tqdm(steps, title, file=_Lines(sys.stderr), bar_format=form, **{"unit": "", **options, **rare})


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
