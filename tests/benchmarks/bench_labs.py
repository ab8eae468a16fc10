"""Labs: cells and states of each level, and CPU milliseconds from its text to its tables; what is lost without sight.

Run with ``python tests/benchmarks/bench_labs.py``, or with ``sight`` behind it for what memory and sight are worth. The
least of several rounds counts.
"""

from __future__ import annotations

import sys

import gymnasium as gym
from common import best_time, on_one_thread

import power_metrics as pm
from powerenvs.worlds.labs import Lab
from powerenvs.worlds.labs.levels import LEVELS

SEEN = (
    ("corridors", {}),
    ("small_maze", {}),
    ("small_maze_alike", {}),
    ("nav_maze_static_01", {"num_pickups": 0}),
    ("make_map_from_text_demo", {}),
)
GAMMA = 0.98


def show_sizes() -> None:
    """A row for each level: with pickups that renew, so that all have tables."""
    print(f"{'level':32}{'walls':>6}{'cells':>7}{'states':>8}{'with pickups':>14}{'ms':>8}")
    for name, shipped in LEVELS.items():
        lab = Lab(name, renew=True)
        whole = Lab(name)
        states = "too many" if whole.large else f"{whole.tables().num_states:,}"
        milliseconds = best_time(lambda name=name: Lab(name, renew=True).tables()) * 1000  # type: ignore[misc]
        row = f"{name:32}{shipped.walls:>6}{len(lab.region):>7}{lab.tables().num_states:>8,}"
        print(f"{row}{states:>14}{milliseconds:>8.1f}", flush=True)


def show_sight() -> None:
    """A row for each level: what agents earn that see pictures, without and with a memory, as shares of the optimum."""
    print(f"{'level':32}{'states':>7}{'views':>7}{'beliefs':>9}{'no memory':>11}{'memory':>8}    (gamma {GAMMA})")
    for name, kwargs in SEEN:
        env = gym.make("powerenvs/Lab-v0", level=name, observation="first_person", **kwargs)
        reactive = pm.memoryless(env, gamma=GAMMA, progress=False)
        memory = pm.belief_states(env, gamma=GAMMA, progress=False)
        views, best = int(reactive.views.max()) + 1, f"{reactive.best / reactive.optimum:.3f}"
        row = f"{name:32}{len(reactive.views):>7}{views:>7}{memory.num_beliefs:>9}"
        print(f"{row}{best if reactive.exact else best + '+':>11}{memory.best / memory.optimum:>8.3f}", flush=True)


if __name__ == "__main__":
    on_one_thread()
    show_sight() if sys.argv[1:] == ["sight"] else show_sizes()
