"""The engine beside the strongest peers, and beside the limits it was built to: one table, peers in the same run.

Run with ``python tests/benchmarks/bench_targets.py [NAME ...]``; names are those of the rows, ``scaling`` is a second
table, of which ``--plot FILE`` makes a picture. Times are CPU times on one thread, medians of rounds that alternate. Peers solve the same tables to the same
residual as far as they can: QuantEcon's policy and modified policy iteration, pymdptoolbox, mdpsolver, policy iteration
with SciPy's sparse solver, relative value iteration written in numba as one would, value iteration in JAX. What is not
installed is left out, with a line that says so: ``pip install 'powerenvs[bench]'``.
"""

from __future__ import annotations

import argparse
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
    "local ±50": (lambda n: garnet(n, local=50), 100_000),
}
SIZES = (10, 30, 100, 300, 1_000, 2_000, 4_000, 5_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
GAMMAS = (0.9, 0.99, 0.999, 0.99999)
TOGETHER = 10_000
"""States up to which eight reward functions are solved at a time; above it is one."""


def scaling(most: int) -> dict[str, list[list[float]]]:
    """CPU time for one reward function against states and discounts, and to prepare, printed and returned."""
    print("\nCPU us for one reward function (of eight together up to 10,000 states), and to prepare the tables")
    found: dict[str, list[list[float]]] = {}
    for name, (build, largest) in SCALING.items():
        print(f"  {name:22}" + "".join(f"{f'.{str(gamma)[2:]}':>12}" for gamma in GAMMAS) + f"{'prepare':>12}")
        _ = prepare_tables(build(100)).solver  # compiles
        for size in [size for size in SIZES if size <= min(most, largest)]:
            mdp = build(size)
            count = 8 if mdp.num_states <= TOGETHER else 1
            _, prepared = timed(lambda mdp=mdp: prepare_tables(mdp).solver)
            row = [float(mdp.num_states)]
            for gamma in GAMMAS:
                call = per_reward(mdp, gamma, count)
                if mdp.num_states <= TOGETHER:
                    call()
                row.append(timed(call)[1] / count * 1e6)
            row.append(prepared * 1e6)
            found.setdefault(name, []).append(row)
            print(f"  {mdp.num_states:22,}" + "".join(f"{cell:12.4g}" for cell in row[1:]), flush=True)
    return found


def draw(found: dict[str, list[list[float]]], path: str) -> None:
    """Draws what `scaling` has found, a panel for each kind of model."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(3.4 * len(found), 3.6), sharey=True, layout="constrained")
    for ax, (name, rows) in zip(np.atleast_1d(axes), found.items(), strict=True):
        states, *columns, _ = np.array(rows).T
        for gamma, column, shade in zip(
            GAMMAS, columns, plt.cm.viridis(np.linspace(0, 0.85, len(GAMMAS))), strict=True
        ):
            ax.loglog(states, column, marker="o", markersize=3, color=shade, label=f"γ = {gamma}")
        ax.set_title(name)
        ax.set_xlabel("states")
        ax.grid(alpha=0.3)
    first = np.atleast_1d(axes)[0]
    first.set_ylabel("CPU µs a reward function")
    first.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def main(arguments: list[str]) -> None:
    """Measures what is asked for, or everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wanted", nargs="*", metavar="NAME")
    parser.add_argument("--most", type=int, default=300_000, help="states in the table of scaling, at most")
    parser.add_argument("--plot", help="file for a picture of that table")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # pymdptoolbox writes to deprecated names of NumPy and SciPy
    print(machine())
    print(f"  {'':44}{'prepare':>15}{'one':>14}{'of eight':>14}{'target':>14}")
    for name, row in ROWS.items():
        if not given.wanted or name in given.wanted:
            row()
    if not given.wanted or "scaling" in given.wanted:
        found = scaling(given.most)
        if given.plot:
            draw(found, given.plot)


if __name__ == "__main__":
    on_one_thread()
    main(sys.argv[1:])
