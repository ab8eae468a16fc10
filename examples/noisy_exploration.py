"""What does learned noise do to exploration? State visits over training, beside those of an epsilon-greedy agent.

    python examples/noisy_exploration.py --level four_rooms --steps 20000 --seeds 3 --out results/noisy_exploration

Two DQN, equal but for this: one acts at random in a share of steps that falls from 1 to 0.05 over half of the training,
the other has noisy layers and no such share. Visits are those of training, of all copies of the world.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

import powerenvs
from power_metrics.learners.algorithms import ALGORITHMS, imported
from power_metrics.learners.noisy import noisy_layers
from power_metrics.plots.heatmap import heat_map

AGENTS = {"epsilon-greedy": "vector_dqn", "learned noise": "vector_noisy_dqn"}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--level", default="four_rooms", help="name of a level, or its text")
parser.add_argument("--steps", type=int, default=20_000)
parser.add_argument("--windows", type=int, default=4, help="parts of the training that are told apart")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--gamma", type=float, default=0.99)
parser.add_argument("--out", type=Path, default=Path("results/noisy_exploration"))


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    env = gym.make("PowerGrid-v0", level=args.level, max_episode_steps=100)
    mdp = powerenvs.tabular_model(env)
    visits = {name: np.zeros((args.windows, mdp.num_states)) for name in AGENTS}
    known: dict[str, list[list[int]]] = {name: [] for name in AGENTS}
    sigmas: list[list[float]] = []
    for name, algorithm in AGENTS.items():
        for seed in range(args.seeds):
            chosen = ALGORITHMS[algorithm]
            learner = imported(chosen.learner)(env, mdp, args.gamma, seed=seed, **chosen.settings)
            before, done, count = np.zeros(mdp.num_states), 0, []
            noise = [_sigma(learner)] if algorithm == "vector_noisy_dqn" else []
            for window in range(args.windows):
                done = learner.learn(done, args.steps * (window + 1) // args.windows, args.steps, 1_000 * seed + window)
                visits[name][window] += (learner.visits - before) / args.seeds
                before = learner.visits.astype(np.float64)
                count.append(int((learner.visits > 0).sum()))
                noise += [_sigma(learner)] if noise else []
            known[name].append(count)
            sigmas += [noise] if noise else []
    ends = [args.steps * (window + 1) // args.windows for window in range(args.windows)]
    print(f"powerenvs {powerenvs.__version__}; {args.level}, {mdp.num_states} states, {args.seeds} seeds\n")
    print(f"{'steps':>8} {'states seen, epsilon':>21} {'states seen, noise':>19} {'spread, epsilon':>16} {'noise':>7}")
    spread = {name: [_spread(window) for window in found] for name, found in visits.items()}
    for w, end in enumerate(ends):
        a, b = (np.mean([count[w] for count in known[name]]) for name in AGENTS)
        c, d = (spread[name][w] for name in AGENTS)
        print(f"{end:>8,} {a:>21.1f} {b:>19.1f} {c:>16.1f} {d:>7.1f}")
    print("\nspread: the exponential of the entropy of visits in that part of training, as a number of states")
    print("mean |sigma_w| of the layers, at the start and after each part:", np.mean(sigmas, axis=0).round(4).tolist())
    args.out.mkdir(parents=True, exist_ok=True)
    record = {"ends": ends, "states": mdp.num_states, "seen": known, "spread": spread, "sigma": sigmas}
    (args.out / "noisy_exploration.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    _picture(mdp, visits, ends, args).savefig(args.out / "noisy_exploration.png", dpi=120)
    print(f"\nwrote {args.out}/noisy_exploration.png and noisy_exploration.json")


def _sigma(learner: object) -> float:
    layers = noisy_layers(learner.network)  # type: ignore[attr-defined]
    return float(np.mean([layer.sigma for _, layer in layers]))


def _spread(visits: np.ndarray) -> float:
    share = visits[visits > 0] / visits.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def _picture(
    mdp: powerenvs.TabularMDP, visits: dict[str, np.ndarray], ends: list[int], args: argparse.Namespace
) -> Figure:
    figure = Figure(figsize=(2.7 * args.windows + 0.9, 6.1), layout="constrained")
    axes = figure.subplots(2, args.windows, squeeze=False)
    shares = {name: np.maximum(found / found.sum(axis=1, keepdims=True), 1e-5) for name, found in visits.items()}
    norm = LogNorm(1e-5, max(share.max() for share in shares.values()))
    starts = [0, *ends]
    for row, (name, share) in zip(axes, shares.items(), strict=True):
        for w, ax in enumerate(row):
            image = heat_map(ax, mdp, share[w], norm, 0.2, 2, numbers=False)
            ax.set_title(f"{name}, {starts[w]:,} to {ends[w]:,}", fontsize=9)
            ax.set_xticks([])
            ax.set_yticks([])
    bar = figure.colorbar(image, ax=axes, shrink=0.7)
    bar.set_label("share of visits in that part of training (lowest colour: 0.00001 or less)", fontsize=9)
    return figure


if __name__ == "__main__":
    main(parser.parse_args())
