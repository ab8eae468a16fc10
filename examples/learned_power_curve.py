"""A thousand Q-learners, each with its own reward function: POWER after more and more steps, and what becomes of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gymnasium as gym

import power_metrics as pm
import powerenvs
from power_metrics.plots import save_figure
from powerenvs.model.files import atomic_path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--levels", nargs="+", default=["open_3x3", "maze_7x7"], help="shipped levels of PowerGrid")
parser.add_argument("--steps", type=int, nargs="+", default=[0, 30, 100, 300, 1_000, 3_000, 10_000, 30_000])
parser.add_argument("--learners", type=int, default=1_000, help="reward functions, one for each learner")
parser.add_argument("--gamma", type=float, default=0.9)
parser.add_argument("--learning-rate", type=float, default=1.0, help="1 is right where nothing is random")
parser.add_argument("--epsilon", type=float, default=1.0, help="probability of a random action while learning")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("results/learned_power_curve"))


def main(args: argparse.Namespace) -> None:
    print(f"powerenvs {powerenvs.__version__}")
    settings = pm.QLearning(learning_rate=args.learning_rate, epsilon=args.epsilon)
    numbers = {}
    for level in args.levels:
        env = gym.make("PowerGrid-v0", level=level)
        curve = pm.q_learning_curve(env, args.steps, args.gamma, settings, num_learners=args.learners, seed=args.seed)
        print(f"\n{level}\n{curve}")
        gap, steps = curve.largest_gap, curve.steps
        enough = next((n for n, g in zip(steps, gap, strict=True) if g < 0.01), None)
        print(f"every state within 1 % of its optimal POWER after {enough:,} steps" if enough else "not there yet")
        figure = curve.plot()
        figure.suptitle(f"Q-learners on {level}")
        save_figure(figure, args.out / f"{level}.png")
        numbers[level] = curve.to_frame().to_dict("list")
    with atomic_path(args.out / "curves.json") as temporary:
        temporary.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    print(f"\nwrote {args.out}/curves.json and a picture of each level")


if __name__ == "__main__":
    main(parser.parse_args())
