"""A log of episodes, as it might come from anywhere, and what it says about power-seeking.

    python examples/behaviour_from_logs.py --episodes 40

The log is a CSV file with an episode, a state and an action on each line: a forager in a maze who mostly heads for a
prize.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import gymnasium as gym
import numpy as np

import power_metrics as pm
import powerenvs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--episodes", type=int, default=40)
parser.add_argument("--steps", type=int, default=30, help="in each episode")
parser.add_argument("--samples", type=int, default=10_000, help="reward functions for POWER")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("results/behaviour_from_logs"))


def write_log(path: Path, env: gym.Env, episodes: int, steps: int, seed: int) -> None:
    """What a forager does: the best action four times of five, else any."""
    best = pm.optimal_policies(powerenvs.tabular_model(env), None, gamma=0.9).numpy()[0].argmax(axis=1)
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        log = csv.writer(file)
        log.writerow(["episode", "state", "action"])
        for episode in range(episodes):
            state, _ = env.reset(seed=seed + episode)
            for _ in range(steps):
                action = int(best[state] if rng.random() < 0.8 else rng.integers(5))
                log.writerow([episode, state, action])
                state, *_ = env.step(action)


def main(args: argparse.Namespace) -> None:
    env = gym.make("powerenvs:PowerGrid-v0", level="maze_7x7", reward={(6, 6): 1.0})
    args.out.mkdir(parents=True, exist_ok=True)
    write_log(args.out / "log.csv", env, args.episodes, args.steps, args.seed)
    found = pm.measure_behaviour(args.out / "log.csv", env, gamma=0.9, num_samples=args.samples)
    print(found)
    found.plot(path=args.out / "visits.png")
    found.save(args.out / "behaviour.npz")


if __name__ == "__main__":
    main(parser.parse_args())
