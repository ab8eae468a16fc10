"""POWER of a published maze at three discounts: a table, a picture, and a file of the numbers."""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import gymnasium as gym
import numba
import numpy as np

import power_metrics as pm
import powerenvs
from power_metrics.plots import plot_powers
from powerenvs.files import atomic_path

LEVEL = "maze_7x7"
GAMMAS = (0.1, 0.9, 0.99)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000, help="reward functions for each discount")
    parser.add_argument("--out", type=Path, default=Path("results/demo"), help="folder for the picture and the numbers")
    parser.add_argument("--seed", type=int, default=0, help="of the reward functions")
    return parser.parse_args()


def power_of_a_maze(samples: int, seed: int, out: Path) -> None:
    # Where in a maze is it useful to be, whatever one may want there? An environment carries its exact model, so
    # nothing has to be learned or simulated to find out.
    env = gym.make("PowerGrid-v0", level=LEVEL)
    model = powerenvs.tabular_model(env)
    print(f"{LEVEL}: {model.num_states} cells, {model.num_actions} actions")

    # The optimal values of every reward function are exact; only their average over the functions drawn has an error.
    start = time.perf_counter()
    results = [pm.power(env, gamma=gamma, reward=pm.Uniform(0, 1), num_samples=samples, seed=seed) for gamma in GAMMAS]
    seconds = time.perf_counter() - start
    print_table(results)
    print(f"{samples:,} reward functions for each gamma, {results[0].reward}; {seconds:.2f} seconds in total")
    print(f"largest Bellman residual: {max(r.residual for r in results):.0e} of the largest value")

    # One colour scale for all three: the further one looks ahead, the less it matters where one is now.
    picture, numbers = out / f"power_{LEVEL}.png", out / f"power_{LEVEL}.json"
    plot_powers(results, title=f"POWER on {LEVEL}", path=picture)
    content = {
        "level": LEVEL,
        "rows": model.board,
        "seed": seed,
        "num_samples": samples,
        "fingerprint": model.fingerprint,
        "versions": {
            "python": platform.python_version(),
            "powerenvs": powerenvs.__version__,
            "numpy": np.__version__,
            "numba": numba.__version__,
        },
        "estimates": [result.as_dict() for result in results],
    }
    with atomic_path(numbers) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {picture}\nwrote {numbers}")


def print_table(results: list[pm.PowerEstimate]) -> None:
    labels = results[0].mdp.state_labels

    def print_row(name: object, columns: list[str]) -> None:
        print(f"{name!s:<8}" + "".join(f"  {column:<17}" for column in columns).rstrip())

    print("\nPOWER ± standard error")
    print_row("cell", [f"gamma = {r.gamma:g}" for r in results])
    for s, cell in enumerate(labels):
        print_row(cell, [f"{r.mean[s]:.4f} ± {r.standard_error[s]:.4f}" for r in results])
    print_row("highest", [f"{r.mean.max():.4f} in {labels[r.mean.argmax()]}" for r in results])
    print_row("lowest", [f"{r.mean.min():.4f} in {labels[r.mean.argmin()]}" for r in results])
    print_row("seconds", [f"{r.seconds:.2f}" for r in results])
    print()


if __name__ == "__main__":
    args = parse_args()
    power_of_a_maze(args.samples, args.seed, args.out)
