"""Agents and devices: CPU seconds for 1,000 steps among 10,000 goals, by classes and by how much of the world is seen.

Run with ``python tests/benchmarks/bench_agency.py``.
"""

from __future__ import annotations

import itertools

from common import interleaved, on_one_thread

import power_metrics as pm
from power_metrics.results.machine import machine
from powerenvs import tabular_model
from powerenvs.worlds.power import PowerGrid

SIDE, STEPS = 100, 1_000


def main() -> None:
    """One line for each pair of classes and walk."""
    mdp = tabular_model(PowerGrid("\n".join(["." * SIDE] * SIDE)))
    rows = [(row, column if row % 2 == 0 else SIDE - 1 - column) for row in range(SIDE) for column in range(SIDE)]
    ways = [
        "down" if here[0] != after[0] else "right" if here[0] % 2 == 0 else "left"
        for here, after in itertools.pairwise(rows)
    ]
    walks = {
        "random walk": pm.trajectory(mdp, "random_walk", STEPS, start=(SIDE // 2, SIDE // 2)),
        "row after row, no cell twice": list(zip(rows[:STEPS], ways[:STEPS], strict=True)),
    }
    classes = {
        "default classes": {},
        "uniform device alone": {"devices": "uniform"},
        "goals that change": {"agents": "switching"},
    }
    print(f"{machine()}\n\n{mdp.num_states:,} goals x 6 noises, {STEPS:,} steps; medians of 5\n")
    times = interleaved(
        {
            f"{walk}; {name}": lambda seen=seen, some=some: pm.agency(mdp, seen, **some)
            for walk, seen in walks.items()
            for name, some in classes.items()
        }
    )
    first = next(iter(times.values()))
    for name, seconds in times.items():
        print(f"{name:<54}{seconds:>8.2f} s CPU{seconds / first:>8.2f} times the first")


if __name__ == "__main__":
    on_one_thread()
    main()
