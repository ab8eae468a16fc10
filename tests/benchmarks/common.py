"""What the benchmarks share: CPU times, peak memory, fresh processes, and the machine in words."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def on_one_thread() -> None:
    """Starts the script again with one thread for linear algebra, unless it runs so already.

    Libraries read these variables when they are loaded. Threads that spin while they wait would count as CPU time.
    """
    if any(os.environ.get(name) != "1" for name in _THREADS):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **dict.fromkeys(_THREADS, "1")})


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and the CPU seconds it took."""
    start = time.process_time()
    value = call()
    return value, time.process_time() - start


def best_time(call: Callable[[], Any], rounds: int = 7) -> float:
    """The least CPU seconds of several calls."""
    return min(timed(call)[1] for _ in range(rounds))


def interleaved(calls: Mapping[str, Callable[[], Any]], rounds: int = 5) -> dict[str, float]:
    """The median CPU seconds of each call; rounds of all calls alternate, so that a slow spell meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()  # compiles, and fills caches
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(timed(call)[1])
    return {name: statistics.median(found) for name, found in times.items()}


def peak_gib() -> float:
    """The peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def in_fresh_process(script: str, *arguments: str) -> Any:
    """The JSON that a script prints as its last line, in a process of its own."""
    run = subprocess.run([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def installed(module: str, name: str) -> bool:
    """Whether a module is there; says how to get it if not."""
    if importlib.util.find_spec(module) is not None:
        return True
    print(f"{name} not installed: pip install 'powerenvs[bench]'")
    return False
