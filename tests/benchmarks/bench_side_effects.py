"""Reachability and penalised optima of a large world, in time and memory: Sokoban's level 2.

Run with ``python tests/benchmarks/bench_side_effects.py``; each line is a process of its own, so that its peak memory is
its own, tables of the world included.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym

import power_metrics as pm
from power_metrics.results.machine import machine
from powerenvs import tabular_model

WORLD = {"level": 2, "noops": True}
CASES: dict[str, Callable[[Any], Any]] = {
    "reachability, discount 1": lambda env: pm.reachability(env),
    "reachability, discount 0.99": lambda env: pm.reachability(env, discount=0.99),
    "stepwise optimum": lambda env: pm.penalised_optimum(env, rollouts=False),
    "stepwise optimum with rollouts": lambda env: pm.penalised_optimum(env, rollouts=True),
    "stepwise optimum, unreachability": lambda env: pm.penalised_optimum(env, "unreachability"),
}


def one(name: str) -> None:
    """Prints the line of one case."""
    env = gym.make("powerenvs/Sokoban-v0", **WORLD)
    tabular_model(env)
    began, worked = time.perf_counter(), time.process_time()
    CASES[name](env)
    wall, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name:<36}{wall:>8.1f} s{cpu:>8.1f} s{peak:>10.2f} GiB", flush=True)


def main() -> None:
    """All cases, one after the other."""
    states = tabular_model(gym.make("powerenvs/Sokoban-v0", **WORLD)).num_states
    print(f"{machine()}\n\nSokoban-v0, level 2, {states:,} states\n")
    print(f"{'':<36}{'wall':>10}{'CPU':>10}{'peak':>14}", flush=True)
    for name in CASES:
        subprocess.run([sys.executable, __file__, name], check=True)


if __name__ == "__main__":
    one(sys.argv[1]) if len(sys.argv) > 1 else main()
