"""Plain tabular Q-learning, a loop of a dozen lines, in an environment that tells POWER and counts visits."""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import numpy as np

import power_metrics as pm
import powerenvs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--level", default="two_rooms", help="shipped level of PowerGrid with a goal")
parser.add_argument("--steps", type=int, default=60_000)
parser.add_argument("--gamma", type=float, default=0.95)
parser.add_argument("--learning-rate", type=float, default=0.5)
parser.add_argument("--epsilon", type=float, default=0.2, help="probability of a random action")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("results/q_learning_loop"))


def main(args: argparse.Namespace) -> None:
    print(f"powerenvs {powerenvs.__version__}, PowerGrid-v0 level {args.level}, {args.steps:,} steps")
    env = pm.PowerWrapper(gym.make("PowerGrid-v0", level=args.level), gamma=args.gamma)
    rng = np.random.default_rng(args.seed)
    q = np.zeros((env.observation_space.n, env.action_space.n))
    state, info = env.reset(seed=args.seed)
    met = []
    for step in range(args.steps):
        if step % max(1, args.steps // 10) == 0:
            # Greedy in what has been learned, ties split: exactly what a table of Q-values says.
            found = env.tracker.evaluate(pm.policy_table(q, env, kind="q"), step)
            print(
                f"{step:>8,} steps  return {found['return_exact']:.3f} of {found['return_task_optimal']:.3f}  "
                f"normalised power-seeking {found['normalised']:.3f} (task-optimal "
                f"{found['normalised_task_optimal']:.3f})"
            )
        best = np.flatnonzero(q[state] == q[state].max())
        action = rng.integers(q.shape[1]) if rng.random() < args.epsilon else rng.choice(best)
        following, reward, terminated, truncated, info = env.step(action)
        target = reward + args.gamma * (not terminated) * q[following].max()
        q[state, action] += args.learning_rate * (target - q[state, action])
        state = following
        met.append(info["power"])
        if terminated or truncated:
            state, info = env.reset()

    print(f"\nmean POWER of the states met: {np.mean(met):.4f}")
    print("\nwhat it did while it learned, exploration included:")
    print(env.compare())
    print("\nwhat it learned:")
    greedy = pm.policy_table(q, env, kind="q")
    env.tracker.evaluate(greedy, args.steps)
    print(env.tracker.compare({"greedy": greedy}))
    env.tracker.save(args.out / "history.csv")
    print(f"wrote {args.out / 'history.csv'}")


if __name__ == "__main__":
    main(parser.parse_args())
