"""How wrong is V-trace about a policy that has moved on? Its bias against the lag of the actors, exactly.

A learner is trained, and its policy kept at each look. An actor that lags behind by k looks acts by the policy of k
looks ago. V-trace then learns the values of neither policy, and tables say by how much they are off.
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
from power_metrics.plots import save_figure
from power_metrics.plots.style import NORMAL, SMALL, Picture, add_note, plain
from power_metrics.plots.sweep_lines import COLOURS

RHOS = (0.1, 0.5, 1.0, 2.0, 10.0)

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--level", default="four_rooms", help="name of a level, or its text")
parser.add_argument("--noise", type=float, default=0.1)
parser.add_argument("--steps", type=int, default=81_920, help="environment steps of training")
parser.add_argument("--looks", type=int, default=40)
parser.add_argument("--gamma", type=float, default=0.97)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("results/vtrace_lag"))


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    env = gym.make("PowerGrid-v0", level=args.level, noise=args.noise, max_episode_steps=100)
    mdp = powerenvs.tabular_model(env)
    run = pm.train(
        env, "vector_ppo", steps=args.steps, seed=args.seed, gamma=args.gamma, power=np.arange(float(mdp.num_states)),
        eval_every=max(1, args.steps // args.looks), out=args.out / "run", progress=False,
    )  # fmt: skip
    each = run.step[1] - run.step[0]
    lags = [lag for lag in (1, 2, 4, 8, 16, 32) if lag < len(run.step)]
    scale = run.optimal_return
    print(f"powerenvs {powerenvs.__version__}; score at the end {run.score[-1]:.3f}; a look every {each:,.0f} steps")
    print("mean over the run of the bias at the start state, in shares of the optimal return\n")
    print(f"{'lag (steps)':>12} " + " ".join(f"{f'rho = {rho:g}':>11}" for rho in RHOS))
    found = np.empty((len(lags), len(RHOS)))
    for i, lag in enumerate(lags):
        for j, rho in enumerate(RHOS):
            biases = [
                mdp.initial @ pm.vtrace_operator(mdp, run.policies[k], run.policies[k + lag], args.gamma, rho=rho).bias
                for k in range(len(run.step) - lag)
            ]
            found[i, j] = np.abs(biases).mean() / scale
        print(f"{lag * each:>12,.0f} " + " ".join(f"{value:>11.4f}" for value in found[i]))
    _draw(args, [lag * each for lag in lags], found)
    record = {"lags": [lag * each for lag in lags], "rho": RHOS, "bias": found.tolist(), "score": run.score.tolist()}
    (args.out / "vtrace_lag.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"\nwrote {args.out}/vtrace_lag.png and vtrace_lag.json")


def _draw(args: argparse.Namespace, lags: list[float], found: np.ndarray) -> None:
    figure = Picture(figsize=(6.4, 4.2), layout="constrained")
    ax = figure.subplots()
    for j, rho in enumerate(RHOS):
        ax.plot(lags, found[:, j], "o-", color=COLOURS[j], markersize=4, label=f"ρ = {rho:g}")
    ax.set_xscale("log", base=2)
    ax.set_xticks(lags, [f"{lag:,.0f}" for lag in lags], fontsize=SMALL)
    ax.minorticks_off()
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel("steps by which the actors lag behind", fontsize=NORMAL)
    ax.set_ylabel("mean |bias| at the start (share of the optimal return)", fontsize=NORMAL)
    ax.legend(fontsize=SMALL, frameon=False)
    plain(ax)
    add_note(
        figure,
        [
            f"PPO in {args.level.splitlines()[0]}",
            f"noise {args.noise:g}",
            f"γ = {args.gamma:g}",
            "mean |bias| at the start, over a run",
        ],
    )
    save_figure(figure, args.out / "vtrace_lag.png")


if __name__ == "__main__":
    main(parser.parse_args())
