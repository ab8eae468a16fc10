"""The engine beside the strongest peers, and beside the limits it was built to: one table, peers in the same run.

Run with ``python tests/benchmarks/bench_targets.py [NAME ...]``; names are those of the rows, ``scaling`` is the second
table. Times are CPU times on one thread, medians of rounds that alternate. Peers solve the same tables to the same
residual as far as they can: QuantEcon's policy and modified policy iteration, pymdptoolbox, mdpsolver, policy iteration
with SciPy's sparse solver, relative value iteration written in numba as one would, value iteration in JAX. What is not
installed is left out, with a line that says so: ``pip install 'powerenvs[bench]'``.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from common import interleaved, on_one_thread, timed
from garnets import garnet
from peers import jax_values, modified_policies, policy_iteration, relative_values, scipy_policies, solver_cpp, toolbox

import power_metrics as pm
from power_metrics.results.machine import machine
from power_metrics.solvers.compiled import prepare_tables
from power_metrics.solvers.dispatch import solve_into
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid

PEERS: dict[str, tuple[Callable[..., Any], int, float]] = {
    # how to solve one reward function; the most states, and the largest discount, that it ends for within a minute
    "QuantEcon, policy iteration": (policy_iteration, 2_000, 1.0),
    "QuantEcon, modified": (modified_policies, 1_000_000, 0.9999),
    "pymdptoolbox": (toolbox, 500, 1.0),
    "mdpsolver": (solver_cpp, 100_000, 0.9995),
    "SciPy, policy iteration": (scipy_policies, 4_000, 1.0),
    "numba, relative VI": (relative_values, 1_000_000, 1.0),
    "JAX, VI": (jax_values, 1_000, 0.99),
}
SWEEPS = 20_000


def per_reward(mdp: TabularMDP, gamma: float, count: int) -> Callable[[], None]:
    """Solves so many reward functions."""
    tables = prepare_tables(mdp)
    rewards = np.random.default_rng(0).random((count, mdp.num_states))
    out = pm.Solution.empty(count, mdp.num_states, policies=False)
    return partial(solve_into, tables, rewards, gamma, out)


def power_row(name: str, mdp: TabularMDP, gamma: float, samples: int, target: str) -> None:
    """A row of POWER: drawn, solved and averaged."""
    seconds = interleaved({name: partial(pm.power, mdp, gamma, num_samples=samples, seed=0, threads=1, progress=False)})
    print(f"  {name:44}{seconds[name] / samples * 1e6:12.3g} us{target:>14}", flush=True)
    if mdp.num_states <= 500:
        beside(mdp, gamma, seconds[name] / samples)


def table_row(name: str, mdp: TabularMDP, gamma: float, target: str) -> None:
    """A row of values: preparation, one reward function, and eight."""
    _, prepared = timed(lambda: prepare_tables(mdp).solver)
    one, eight = per_reward(mdp, gamma, 1), per_reward(mdp, gamma, 8)
    seconds = interleaved({"1": one, "8": eight}, rounds=3 if mdp.num_states > 20_000 else 5)
    cells = f"{prepared * 1e3:12.3g} ms {seconds['1'] * 1e3:10.3g} ms {seconds['8'] / 8 * 1e3:10.3g} ms"
    print(f"  {name:44}{cells}{target:>14}", flush=True)
    beside(mdp, gamma, seconds["1"])


def beside(mdp: TabularMDP, gamma: float, ours: float) -> None:
    """What peers take for one reward function, and how far off they are."""
    reward = np.random.default_rng(0).random(mdp.num_states)
    exact = pm.solve(mdp, reward, gamma, threads=1).values[0]
    for name, (build, states, discount) in PEERS.items():
        solve = build(mdp, gamma) if mdp.num_states <= states and gamma <= discount else None
        if solve is None:
            continue
        solve(reward)  # compiles
        found, seconds = timed(lambda solve=solve: solve(reward))
        error = np.abs(found - exact).max() / np.abs(exact).max()
        print(f"      {name:40}{seconds * 1e3:12.3g} ms  ratio {seconds / ours:10.3g}  off by {error:.0e}", flush=True)


def grid(size: int, noise: float = 0.0) -> TabularMDP:
    """An open square."""
    return PowerGrid(["." * size] * size, noise=noise).tables()


def joint_row(target: str) -> None:
    """Both agents of the 7x7 maze."""
    from powerenvs import product_game

    maze = PowerGrid("maze_7x7").tables()
    call = partial(pm.multiagent_power, product_game(maze, maze), 0.99, num_samples=64, threads=1, progress=False)
    print(f"  {'joint 7x7, .99, a pair':44}{interleaved({'': call})[''] / 64 * 1e3:12.3g} ms{target:>14}", flush=True)


def text_row(target: str) -> None:
    """A level of a million cells, from text to values."""
    text = ["." * 1000] * 1000
    pm.solve(grid(3), np.ones((9, 9)), 0.9)
    mdp, tables = timed(lambda: PowerGrid(text).tables())
    prepared, preparing = timed(lambda: prepare_tables(mdp))
    rewards = np.random.default_rng(0).random((8, mdp.num_states))
    out = pm.Solution.empty(8, mdp.num_states, policies=False)
    _, one = timed(lambda: solve_into(prepared, rewards[:1], 0.99, out.part(slice(0, 1))))
    _, eight = timed(lambda: solve_into(prepared, rewards, 0.99, out))
    print(
        f"  {'open 1,000x1,000':44}{tables:.2f} s tables, {preparing:.2f} s prepared, {one:.2f} s one reward function, "
        f"{eight:.2f} s eight{target:>14}"
    )


ROWS: dict[str, Callable[[], None]] = {
    "maze": lambda: power_row("POWER, maze 7x7, .99", PowerGrid("maze_7x7").tables(), 0.99, 100_000, ".06 us"),
    "face": lambda: power_row("POWER, robot face, .99", PowerGrid("robot_face_20x20").tables(), 0.99, 20_000, ".8 us"),
    "noise": lambda: power_row(
        "POWER, maze, noise .2", PowerGrid("maze_7x7", noise=0.2).tables(), 0.99, 20_000, "1 us"
    ),
    "joint": lambda: joint_row(".6 ms"),
    "garnet_1e3": lambda: table_row("Garnet 1,000, .99", garnet(1000), 0.99, "10 / 3 ms"),
    "garnet_4e3": lambda: table_row("Garnet 4,000, .99", garnet(4000), 0.99, "30 ms / "),
    "garnet_1e5": lambda: table_row("Garnet 100,000, .99", garnet(100_000), 0.99, "100 ms"),
    "garnet_1e5_far": lambda: table_row("Garnet 100,000, .99999", garnet(100_000), 0.99999, "100 ms"),
    "garnet_1e6": lambda: table_row("Garnet 1,000,000, .99", garnet(1_000_000), 0.99, "4 s"),
    "local": lambda: table_row("local +-50, 100,000, .999", garnet(100_000, local=50), 0.999, "2 s"),
    "local_far": lambda: table_row("local +-50, 100,000, .99999", garnet(100_000, local=50), 0.99999, "5 s"),
    "plane": lambda: table_row("65x65, noise .2, .99", grid(65, 0.2), 0.99, "7 ms"),
    "text": lambda: text_row(".3 / .55 s"),
}

SCALING: dict[str, tuple[Callable[[int], TabularMDP], int]] = {
    "deterministic grid": (lambda n: grid(round(n**0.5)), 1_000_000),
    "grid with noise .2": (lambda n: grid(round(n**0.5), 0.2), 30_000),
    "Garnet": (lambda n: garnet(n), 300_000),
    "local +-50": (lambda n: garnet(n, local=50), 30_000),
}
SIZES = (10, 30, 100, 300, 1_000, 3_000, 5_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
GAMMAS = (0.9, 0.99, 0.999, 0.99999)


def scaling() -> None:
    """CPU time a reward function, of eight together, against states and discounts."""
    print("\nCPU us for one reward function, of eight together (and to prepare the tables, us)")
    for name, (build, most) in SCALING.items():
        print(f"  {name:22}" + "".join(f"{f'.{str(gamma)[2:]}':>12}" for gamma in GAMMAS) + f"{'prepare':>12}")
        for size in SIZES:
            if size > most:
                continue
            mdp = build(size)
            _, prepared = timed(lambda mdp=mdp: prepare_tables(mdp).solver)
            cells = []
            for gamma in GAMMAS:
                call = per_reward(mdp, gamma, 8)
                call()
                cells.append(f"{timed(call)[1] / 8 * 1e6:12.4g}")
            print(f"  {mdp.num_states:22,}" + "".join(cells) + f"{prepared * 1e6:12.4g}", flush=True)


def main(wanted: list[str]) -> None:
    """Measures what is asked for, or everything."""
    warnings.simplefilter("ignore")  # pymdptoolbox writes to deprecated names of NumPy and SciPy
    print(machine())
    print(f"  {'':44}{'prepare':>15}{'one':>14}{'of eight':>14}{'target':>14}")
    for name, row in ROWS.items():
        if not wanted or name in wanted:
            row()
    if not wanted or "scaling" in wanted:
        scaling()


if __name__ == "__main__":
    on_one_thread()
    main(sys.argv[1:])
