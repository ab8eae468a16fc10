"""Exact optimal values: CPU time for one reward function, table by table and discount by discount.

Run with ``python tests/benchmarks/bench_solvers.py``. Times are CPU times on one thread, the best of several rounds;
the whole of ``pm.power`` (drawing, solving, averaging) and the first call of a new process are timed too.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from common import best_time, interleaved

import power_metrics as pm
from power_metrics.results.machine import machine
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.dispatch import solve_into
from powerenvs import TabularMDP, product_game
from powerenvs.worlds.power import PowerGrid

GAMMAS = (0.1, 0.6, 0.9, 0.99, 0.9999)


def joint_maze() -> TabularMDP:
    """One agent in the maze, beside another one that moves at random: 961 states."""
    maze = PowerGrid("maze_7x7", walls="absent").tables()
    game = product_game(maze, maze, agents=("human", "ai"))
    policy = np.tile(maze.available / maze.available.sum(axis=1, keepdims=True), (maze.num_states, 1))
    return game.against({"ai": policy})


def without_stay(mdp: TabularMDP) -> TabularMDP:
    """The model without the choices that stay put."""
    rows = [(s, a, t, p) for s, row in mdp.P.items() for a, entries in row.items() for p, t, _, _ in entries if t != s]
    return TabularMDP.from_transitions(rows, state_labels=range(mdp.num_states), action_labels=range(mdp.num_actions))


MODELS: dict[str, tuple[Callable[[], TabularMDP], int]] = {
    "7×7 maze": (lambda: PowerGrid("maze_7x7").tables(), 20_000),
    "robot face": (lambda: PowerGrid("robot_face_20x20").tables(), 4000),
    "open 100×100": (lambda: PowerGrid(["." * 100] * 100).tables(), 48),
    "open 200×200": (lambda: PowerGrid(["." * 200] * 200).tables(), 16),
    "maze, no stay": (lambda: without_stay(PowerGrid("maze_7x7", walls="absent").tables()), 8000),
    "robot face, no stay": (lambda: without_stay(PowerGrid("robot_face_20x20", walls="absent").tables()), 1000),
    "maze, noise 0.2": (lambda: PowerGrid("maze_7x7", noise=0.2).tables(), 8000),
    "robot face, noise 0.2": (lambda: PowerGrid("robot_face_20x20", noise=0.2).tables(), 400),
    "joint maze": (joint_maze, 48),
}


def main() -> None:
    """Measures everything and prints the tables."""
    rng = np.random.default_rng(0)
    print(machine())
    print("CPU µs for one reward function, one thread" + " " * 9 + "".join(f"γ={g:<9}" for g in (*GAMMAS, "1 (gain)")))
    for name, (build, count) in MODELS.items():
        mdp = build()
        tables = solver_tables(mdp)
        rewards = rng.random((count, mdp.num_states))
        out = pm.Solution.empty(count, mdp.num_states)
        cells = []
        for gamma in GAMMAS:
            seconds = best_time(partial(solve_into, tables, rewards, gamma, out))
            assert out.residual.max() < 1e-13
            cells.append(f"{seconds / count * 1e6:<11.3g}")
        few = rewards[: max(1, count // 20)]
        pm.optimal_gain(mdp, few[:1], threads=1)  # prepares the tables
        seconds = best_time(partial(pm.optimal_gain, mdp, few, threads=1), rounds=3)
        cells.append(f"{seconds / len(few) * 1e6:<11.3g}")
        print(f"  {name:22} {mdp.num_states:6} states, {tables.method:13}" + "".join(cells))

    maze = PowerGrid("maze_7x7").tables()
    print("\npm.power on the 7×7 maze, everything included, CPU µs for one reward function:")
    for gamma in GAMMAS:
        seconds = best_time(partial(pm.power, maze, gamma, num_samples=100_000, threads=1))
        print(f"  γ={gamma:<7} {seconds / 100_000 * 1e6:.2f}")

    gammas = [round(0.05 * n, 2) for n in range(1, 20)]
    for level, noise in (("maze_7x7", 0.0), ("robot_face_20x20", 0.0), ("maze_7x7", 0.2)):
        mdp = PowerGrid(level, noise=noise).tables()
        together = partial(pm.power, mdp, gammas, num_samples=4000, threads=1)
        seconds = interleaved(
            {"together": together, "apart": lambda f=mdp: [pm.power(f, g, num_samples=4000, threads=1) for g in gammas]}
        )
        ratio = seconds["apart"] / seconds["together"]
        print(
            f"  {level}, noise {noise}: {len(gammas)} discounts in one call take 1/{ratio:.2f} of the time of as many calls"
        )

    code = (
        "import time; start = time.perf_counter(); import power_metrics as pm, torch;"
        "from powerenvs.worlds.power import PowerGrid;"
        "pm.power(PowerGrid('maze_7x7').tables(), 0.99); print(f'{time.perf_counter() - start:.2f}')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"\na new process: import (torch included) and the first pm.power on the maze, {run.stdout.strip()} s wall")


if __name__ == "__main__":
    main()
