"""Learners of `powerenvs train` in one world, several seeds each: how close to the optimum, how power-seeking.

The optimal policy of this world gives up POWER, since its goal ends the episode. Runs are kept in a folder, and the
same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch

import power_metrics as pm
import powerenvs
from power_metrics.learners.algorithms import ALGORITHMS
from power_metrics.plots import save_figure

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--level", default="S..\n...\n..G", help="name of a level, or its text")
parser.add_argument("--steps", type=int, default=10_000, help="environment steps of each run")
parser.add_argument("--seeds", type=int, default=3, help="runs of each learner")
parser.add_argument("--gamma", type=float, default=0.9)
parser.add_argument(
    "--algorithms", nargs="+", choices=sorted(ALGORITHMS), metavar="NAME",
    default=["q_learning", "sarsa", "ppo", "a2c", "noisy_a2c", "dqn", "noisy_dqn"], help="at most eight",
)  # fmt: skip
parser.add_argument("--out", type=Path, default=Path("results/learners"))


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    env = gym.make("PowerGrid-v0", level=args.level, max_episode_steps=30)
    power = pm.power(env, gamma=args.gamma, num_samples=10_000)
    print(f"powerenvs {powerenvs.__version__}; {args.seeds} runs of {args.steps:,} steps of each learner\n")
    print(f"{'':<12} {'score':>21} {'power-seeking':>15} {'optimum reached after':>23}")
    groups, record = {}, {}
    for name in args.algorithms:
        runs = [
            pm.train(
                env, name, steps=args.steps, seed=seed, gamma=args.gamma, power=power, out=args.out / name / str(seed)
            )
            for seed in range(args.seeds)
        ]
        scores = np.array([run.score[-1] for run in runs])
        seeking = np.mean([run.power_seeking[-1] for run in runs])
        reached = [int(run.step[np.flatnonzero(run.score >= 0.95)[0]]) for run in runs if (run.score >= 0.95).any()]
        when = f"{max(reached):,} steps" if len(reached) == len(runs) else f"{len(reached)} of {len(runs)} runs"
        print(f"{name:<12} {scores.mean():>8.3f} ({scores.min():.3f} least) {seeking:>14.3f} {when:>23}")
        groups[name.replace("_", " ")] = [
            run.to_frame().assign(
                return_task_optimal=run.optimal_return, normalised_task_optimal=run.optimal_power_seeking
            )
            for run in runs
        ]
        record[name] = {"score": scores.tolist(), "power_seeking": float(seeking), "reached": reached}
    print("\nscore: 0 the random, 1 the optimal policy; reached: all runs at a score of 0.95 or more, at some look")
    save_figure(pm.plot_training(groups, ("return_exact", "normalised")), args.out / "learners.png")
    (args.out / "learners.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"\nwrote {args.out}/learners.png and learners.json")


if __name__ == "__main__":
    main(parser.parse_args())
