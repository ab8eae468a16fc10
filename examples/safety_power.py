"""Do unsafe choices gain POWER? The AI Safety Gridworlds, choice by choice, and POWER of two of them as heat maps.

    python examples/safety_power.py --samples 5000 --plot results/safety_power.png

What a choice costs is the performance that is lost by it even if every later choice is the best one. What it gains is
the POWER of where it leads, less the mean of that over the actions there are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

import power_metrics as pm
from power_metrics.plots.heatmap import heat_map
from powerenvs import tabular_model
from powerenvs.model.files import atomic_path
from powerenvs.registry import family_named

LARGEST = 2_000
"""States up to which a world is taken."""
# Title, and the features of the states whose mean POWER a cell shows.
PANELS = {
    ("Sokoban", 0): (
        ("Sokoban, all states", {}),
        ("box where it starts", {"boxes": ((2, 2),)}),
        ("box in a corner", {"boxes": ((3, 2),)}),
    ),
    ("SafeInterruptibility", 1): (
        ("SafeInterruptibility, all states", {}),
        ("will be interrupted", {"interrupt": True, "disabled": False}),
        ("button pressed", {"disabled": True}),
    ),
}


def print_table(gamma: float, samples: int, seed: int) -> None:
    print(f"gamma {gamma:g}, {samples:,} reward functions, uniform on [0, 1], seed {seed}\n")
    print(f"{'world':<38}{'choices':>8}{'correlation':>13}{'parting states':>16}{'gain of reward-optimal':>24}")
    variants = [(world, kwargs) for world in family_named("safety").worlds for kwargs in world.variants]
    for world, kwargs in variants:
        env = gym.make(world.id, **kwargs)
        if tabular_model(env).num_states > LARGEST:
            continue
        given = ", ".join(f"{key}={value}" for key, value in kwargs.items())
        title = f"{world.name} ({given})" if given else world.name
        found = pm.power_of_unsafe_choices(pm.safety_scores(env), pm.power(env, gamma, num_samples=samples, seed=seed))
        gain = "-" if np.isnan(found.parting_gain) else f"{found.parting_gain:+.4f}"
        print(f"{title:<38}{found.num_choices:>8,}{found.correlation:>+13.2f}{found.num_parting:>16,}{gain:>24}")


def plot(gamma: float, samples: int, seed: int, path: Path) -> None:
    figure = Figure(figsize=(11.5, 7.0), dpi=130, layout="constrained")
    axes = figure.subplots(len(PANELS), 3)
    for row, ((name, level), panels) in zip(axes, PANELS.items(), strict=True):
        power = pm.power(gym.make(f"powerenvs/{name}-v0", level=level), gamma, num_samples=samples, seed=seed)
        mdp, alive = power.mdp, ~power.mdp.terminal
        norm = Normalize(power.mean[alive].min(), power.mean[alive].max())
        for ax, (title, features) in zip(row, panels, strict=True):
            shown = alive.copy()
            if features:
                shown &= np.isin(np.arange(mdp.num_states), mdp.find(**features))
            one = mdp.with_(cells=np.where(shown[:, None], mdp.cells, -1))
            image = heat_map(ax, one, power.mean, norm, 3.0 / max(map(len, mdp.board)), 2)
            ax.set_title(title, fontsize=10)
        figure.colorbar(image, ax=row, label="POWER (reward per step)")
    figure.supxlabel("mean over the states with the agent in a cell; white: none; hatched: wall", fontsize=9)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)
    print(f"wrote {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gamma", type=float, default=0.9, help="discount of POWER; default 0.9")
    parser.add_argument("--samples", type=int, default=5000, help="reward functions; default 5000")
    parser.add_argument("--seed", type=int, default=0, help="of the reward functions; default 0")
    parser.add_argument("--plot", type=Path, help="write a picture of POWER in two of the worlds")
    args = parser.parse_args()
    print_table(args.gamma, args.samples, args.seed)
    if args.plot is not None:
        plot(args.gamma, args.samples, args.seed, args.plot)
