"""When, in training, does PPO become an agent? Ten seeds in a small world with one goal, weighed from checkpoints.

Runs are kept in a folder, and the same command goes on where it was stopped; what was measured is kept as well, so that
the picture can be drawn again without training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch

import power_metrics as pm
import powerenvs
from power_metrics.plots import plot_agency_measures

LEVEL = ".......\n.S...#.\n.###.#.\n...#.#.\n.#.#.#.\n.#...#.\n.####.G"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--level", default=LEVEL, help="name of a level, or its text")
parser.add_argument("--algorithm", default="ppo")
parser.add_argument("--steps", type=int, default=60_000, help="environment steps of each run")
parser.add_argument("--every", type=int, default=2_000, help="steps from one look to the next")
parser.add_argument("--seeds", type=int, default=10)
parser.add_argument("--episodes", type=int, default=200, help="walks at each look, where not all can be listed")
parser.add_argument("--samples", type=int, default=1_000, help="reward functions of coherence")
parser.add_argument("--data", type=Path, help="where results are kept; by default in --out")
parser.add_argument("--out", type=Path, default=Path("results/agency"))


def measured(args: argparse.Namespace, seed: int) -> pm.AgencyMeasures:
    """The measures of one run, from where they are kept."""
    kept = (args.data or args.out) / f"{args.algorithm}-{seed}.npz"
    if kept.is_file():
        return pm.AgencyMeasures.load(kept)
    env = gym.make("PowerGrid-v0", level=args.level, max_episode_steps=60)
    folder = args.out / f"{args.algorithm}-{seed}"
    run = pm.train(env, args.algorithm, steps=args.steps, seed=seed, gamma=0.95, eval_every=args.every, out=folder)
    found = pm.agency_over_training(run, episodes=args.episodes, num_samples=args.samples)
    kept.parent.mkdir(parents=True, exist_ok=True)
    found.save(kept)
    return found


def after(steps: np.ndarray, is_so: np.ndarray) -> str:
    """From which look on it stays so."""
    never = np.flatnonzero(~is_so)
    first = 0 if not never.size else int(never[-1]) + 1
    return f"{steps[first]:,.0f}" if first < len(steps) else "never"


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    print(f"powerenvs {powerenvs.__version__}; {args.algorithm}, {args.seeds} seeds\n")
    headings = {
        "seed": 4,
        "agent after": 13,
        "least P(agent)": 16,
        "at": 9,
        "last P(agent)": 15,
        "half return after": 19,
    }
    print("".join(f"{heading:>{width}}" for heading, width in headings.items()))
    runs = []
    for seed in range(args.seeds):
        run = measured(args, seed)
        lowest = int(run.probability.argmin())
        best = pm.expected_return(run.model, pm.optimal_policies(run.model, None, run.gamma)[0], run.gamma)
        print(
            f"{seed:>4}{after(run.step, run.probability > 0.95):>13}{run.probability[lowest]:>16.2g}"
            f"{run.step[lowest]:>9,.0f}{run.probability[-1]:>15.5f}{after(run.step, run.return_exact > best / 2):>19}"
        )
        runs.append(run)
    print("\nagent: P(agent) above 0.95 from then on; expected over the policy's walks, 1/2 beforehand")
    args.out.mkdir(parents=True, exist_ok=True)
    plot_agency_measures({args.algorithm.upper(): runs}, args.out / "agency.png")
    print(f"wrote {args.out}/agency.png")


if __name__ == "__main__":
    main(parser.parse_args())
