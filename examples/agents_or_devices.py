"""Agents or devices? Walks of which everyone has an opinion, weighed by three priors and by three pairs of classes."""

from __future__ import annotations

import argparse
from pathlib import Path

import power_metrics as pm
from power_metrics.plots import film_agency, plot_agency
from powerenvs.worlds.power import PowerGrid

LEVEL = ".......\n.......\n..##...\n..##...\n....#..\n.......\n......."
KINDS = (
    "straight_path", "round_obstacle", "noisy_goal_seeker", "changing_goals", "random_walk", "bounce", "wall_follower",
    "circle",
)  # fmt: skip
PRIORS = (0.01, 0.5, 0.99)
CLASSES = {
    "default": {},
    "goals that change": {"agents": "switching"},
    "devices that count little": {"devices": ["uniform", "nothing", "previous"]},
}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--level", default=LEVEL, help="name of a level, or its text")
parser.add_argument("--steps", type=int, default=40, help="the most of each walk")
parser.add_argument("--out", type=Path, default=Path("results/agents_or_devices"))


def main(args: argparse.Namespace) -> None:
    grid = PowerGrid(args.level)
    walks = {kind: pm.trajectory(grid, kind, args.steps, seed=1) for kind in KINDS}
    found = {
        kind: {name: pm.agency(grid, walk, **some) for name, some in CLASSES.items()} for kind, walk in walks.items()
    }
    first = {kind: by_class["default"] for kind, by_class in found.items()}

    print(f"{'P(agent)':<20}" + "".join(f"{f'prior {prior:g}':>12}" for prior in PRIORS))
    for kind, one in first.items():
        print(f"{kind:<20}" + "".join(f"{one.by_prior(prior)[-1]:>12.3g}" for prior in PRIORS))
    print(f"\n{'P(agent), prior 0.5':<20}" + "".join(f"{name:>27}" for name in CLASSES))
    for kind, by_class in found.items():
        print(f"{kind:<20}" + "".join(f"{one.probability[-1]:>27.3g}" for one in by_class.values()))

    args.out.mkdir(parents=True, exist_ok=True)
    plot_agency(first, args.out / "by_prior.png", priors=PRIORS)
    plot_agency(found, args.out / "by_class.png")
    film_agency(grid, walks["noisy_goal_seeker"], args.out / "noisy_goal_seeker.gif")
    print(f"\nwrote {args.out}/by_prior.png, by_class.png and noisy_goal_seeker.gif")


if __name__ == "__main__":
    main(parser.parse_args())
