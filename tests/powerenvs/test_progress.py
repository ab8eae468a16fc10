"""Bars and lines of progress."""

from __future__ import annotations

import io
import re

import pytest

from powerenvs import progress
from powerenvs.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("shown", "steps", "expected"),
    [
        (None, range(3), r"(work: \d of 3 things, 00:00\n)+"),
        (None, iter(range(3)), r"(work: \d things, 00:00\n)+"),
        (False, range(3), ""),
        (True, range(3), r"\rwork:(.|\n|\r)*3/3(.|\n|\r)*"),
    ],
)
def test_without_a_terminal_there_are_lines(monkeypatch, shown, steps, expected):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr("sys.stderr", stream := io.StringIO())
    assert list(progress_bar(steps, "work", shown, unit=" things")) == [0, 1, 2]
    assert re.fullmatch(expected, stream.getvalue())


def test_short_work_says_nothing(monkeypatch):
    for stream in (io.StringIO(), Terminal()):
        monkeypatch.setattr("sys.stderr", stream)
        list(progress_bar(range(3), "work", None, unit=" things"))
        assert stream.getvalue().strip("\r ") == ""


def test_closed_streams_are_no_error(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert list(progress_bar(range(3), "work", None)) == [0, 1, 2]
