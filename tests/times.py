"""The CPU time of each test, and which of them `make test-quick` therefore leaves out.

``make times`` measures every test, with the processes that it starts, and writes those over `MOST` into ``slow.txt``,
whose tests get the marker ``slow``; with a part of the tests, their lines alone change. New tests are quick until they are
measured, or marked by hand.
"""

from __future__ import annotations

import os
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

LIST = Path(__file__).parent / "slow.txt"
MOST = 0.1
"""CPU seconds."""

_times: dict[str, float] = {}
_marked: set[str] = set()


def listed() -> set[str]:
    """The ids in the file: of tests, and of functions all of whose tests are slow."""
    return {line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")}


def chosen(times: dict[str, float]) -> set[str]:
    """The ids of what took longer; a function stands for its tests where these took longer on average."""
    functions = defaultdict(list)
    for test in times:
        functions[test.partition("[")[0]].append(test)
    found = set()
    for function, tests in functions.items():
        plain = all(test.isascii() and test.isprintable() for test in tests)
        if sum(times[test] for test in tests) / len(tests) > MOST:
            found.add(function)
        elif plain:
            found |= {test for test in tests if times[test] > MOST}
        elif max(times[test] for test in tests) > MOST:
            found.add(function)
    return found


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measures a test with its fixtures."""
    before = _used()
    yield
    _times[item.nodeid] = _used() - before
    if any(mark.kwargs.get("by") != "times" for mark in item.iter_markers("slow")):
        _marked.add(item.nodeid)


def pytest_sessionfinish() -> None:
    """Writes the file, and what took longest."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        raise pytest.UsageError("times are measured in one process: without -n")
    measured = {test.partition("[")[0] for test in _times}
    kept = {line for line in listed() if line.partition("[")[0] not in measured}
    found = sorted(kept | chosen({test: used for test, used in _times.items() if test not in _marked}))
    head = (
        f"# Tests that took over {MOST} CPU seconds when `make times` measured them, and have no marker of their own.\n"
    )
    LIST.write_text(head + "".join(f"{test}\n" for test in found), encoding="utf-8")
    print(f"\n{sum(_times.values()):.0f} CPU seconds, {len(found)} lines in {LIST.name}; the slowest:")
    for test, used in sorted(_times.items(), key=lambda pair: -pair[1])[:20]:
        print(f"{used:6.1f} {test}")
