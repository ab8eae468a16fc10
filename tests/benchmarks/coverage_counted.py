"""How often intervals of counted behaviour hold the truth: logs of uniform behaviour, whose truth the tables give.

python tests/benchmarks/coverage_counted.py                              the maze, 300 steps, 200 seeds
python tests/benchmarks/coverage_counted.py --steps 1000 --seeds 50      others

A uniform agent walks the environment without end; `power_metrics.compare(counts, kind="counts")` estimates its policy, and
95 % intervals of what that comes to should hold the numbers of the uniform policy in 95 % of all logs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

import power_metrics as pm
from powerenvs import tabular_model

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--level", default="maze_7x7", help="shipped level of PowerGrid")
parser.add_argument("--steps", type=int, default=300, help="of each log")
parser.add_argument("--seeds", type=int, default=200, help="how many logs")
parser.add_argument("--gamma", type=float, default=0.9)
parser.add_argument("--samples", type=int, default=10_000, help="reward functions for POWER")

STATISTICS = ("power_seeking", "normalised", "entropy")


def main(args: argparse.Namespace) -> None:
    """Prints the share of logs whose intervals hold what is right."""
    env = gym.make("powerenvs:PowerGrid-v0", level=args.level, disable_env_checker=True)
    mdp = tabular_model(env)
    power = pm.power(mdp, args.gamma, num_samples=args.samples, keep_samples=True, method="monte_carlo", progress=False)
    uniform = mdp.available / mdp.available.sum(axis=1, keepdims=True)
    truth = pm.compare(uniform, mdp, args.gamma, power)["learned"]
    held, told, without = dict.fromkeys(STATISTICS, 0), dict.fromkeys(STATISTICS, 0), 0
    for seed in range(args.seeds):
        rng, counts = np.random.default_rng(seed), np.zeros(mdp.available.shape)
        state, _ = env.reset(seed=seed)
        for _ in range(args.steps):
            action = int(rng.choice(np.flatnonzero(mdp.available[state])))
            counts[state, action] += 1
            state, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                state, _ = env.reset()
        found = pm.compare(counts, mdp, args.gamma, power, kind="counts")
        for name in STATISTICS:
            low, high = found.confidence_interval("learned", name)
            told[name] += bool(np.isfinite(low))
            held[name] += bool(low - 1e-9 <= getattr(truth, name) <= high + 1e-9)
        without += int(not np.isfinite(found.confidence_interval("learned", "power_seeking")[0]))
    print(
        f"{args.level}, {args.steps:,} steps of uniform behaviour, {args.seeds} logs; 95 % intervals hold the truth in"
    )
    for name in STATISTICS:
        print(f"{name:>14} {held[name] / max(told[name], 1):.1%} of {told[name]}")
    print(f"without intervals, since too little was seen: {without}")


if __name__ == "__main__":
    main(parser.parse_args())
