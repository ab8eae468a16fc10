"""Small sweeps, and what interrupts and compares them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from power_metrics.sweeps import run as sweeps_run

ROOT = Path(__file__).parent.parent.parent
ONE = {"name": "one", "level": "open_3x3", "walls": "absent", "noise": [0, 0.1, 0.2], "gamma": [0.5, 0.9]}
ONE |= {"num_samples": 60}
TWO = {"name": "two", "environment": "power_pair_v0", "level": "corridor", "walls": "absent", "gamma": 0.6}
TWO |= {"correlation": [0, 0.5, 1], "num_samples": 40}
SLOW = {**ONE, "level": "maze_7x7", "noise": [round(0.01 * n, 2) for n in range(1, 19)], "num_samples": 3000}


def arrays(folder):
    with np.load(folder / "results.npz") as archive:
        return {name: archive[name] for name in archive.files if name != "header"}


def assert_same_results(one, other):
    """Every array, bit for bit, and the tables and the configuration, byte for byte."""
    first, second = arrays(one), arrays(other)
    assert list(first) == list(second)
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), name
    for name in ("results.csv", "summary.csv", "results.json", "config.yaml"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def strays(folder):
    """Files that were begun and not finished."""
    return [path.name for path in folder.rglob(".*-*")]


class Stop(KeyboardInterrupt):
    """An interrupt after some units."""


def interrupt_after(monkeypatch, count):
    """Makes the next sweep stop as if by Ctrl-C after so many units."""
    solve, calls = sweeps_run.solve, itertools.count()

    def limited(*args, **kwargs):
        if next(calls) == count:
            raise Stop
        return solve(*args, **kwargs)

    monkeypatch.setattr(sweeps_run, "solve", limited)
