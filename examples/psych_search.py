"""Does an agent that learns to search search as the ideal observer does? Q-learning on what a subject may know.

Each look at an item costs a little. What is learned is measured exactly: mean looks before the answer, where the target
is there and where it is not, over set sizes. Serial search that stops at the target takes (N+1)/2 and N.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gymnasium as gym

import power_metrics as pm
import powerenvs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8, 12, 16])
parser.add_argument("--steps", type=int, default=200_000, help="environment steps for each set size")
parser.add_argument("--cost", type=float, default=0.01, help="of a look; a correct answer pays 1")
parser.add_argument("--seeds", type=int, default=5)
parser.add_argument("--out", type=Path, default=Path("results/psych_search"))


def main(args: argparse.Namespace) -> None:
    found: dict = {"sizes": args.sizes, "steps": args.steps, "cost": args.cost, "accuracy": []}
    found |= {"looks": {"present": [], "absent": []}, "ideal": {"present": [], "absent": []}}
    tasks = [pm.psych.task("VisualSearch", set_size=size, cost=args.cost) for size in args.sizes]
    for task in tasks:
        best = pm.psych.ideal(task)
        for kind, looks in found["ideal"].items():
            looks.append(best.ticks_given[kind])
    for seed in range(args.seeds):
        row = []
        for size, task in zip(args.sizes, tasks, strict=True):
            env = gym.make("powerenvs/VisualSearch-v0", set_size=size, cost=args.cost, max_episode_steps=100)
            run = pm.train(env, "q_learning", steps=args.steps, seed=seed, gamma=0.999, progress=False)
            row.append(pm.psych.observer(task, run.policies[-1]))
            print(f"seed {seed}, set size {size}: accuracy {row[-1].accuracy:.4f}, looks {row[-1].ticks_given}")
        found["accuracy"].append([one.accuracy for one in row])
        for kind, looks in found["looks"].items():
            looks.append([one.ticks_given[kind] for one in row])
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "search.json").write_text(json.dumps({"powerenvs": powerenvs.__version__, **found}) + "\n")
    print(f"wrote {args.out / 'search.json'}")


if __name__ == "__main__":
    main(parser.parse_args())
