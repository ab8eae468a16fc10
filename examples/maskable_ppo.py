"""MaskablePPO in a world where blocked moves do not exist: masks in training, and the same masks in the comparison."""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.env_util import make_vec_env

import power_metrics as pm
import powerenvs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--level", default="two_rooms", help="shipped level of PowerGrid with a goal")
parser.add_argument("--steps", type=int, default=40_000, help="environment steps of training")
parser.add_argument("--gamma", type=float, default=0.95)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("results/maskable_ppo"))


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    print(f"powerenvs {powerenvs.__version__}, PowerGrid-v0 level {args.level}, {args.steps:,} steps")
    # The environment's action_masks() is what MaskablePPO asks for; no wrapper is needed.
    envs = make_vec_env(lambda: gym.make("PowerGrid-v0", level=args.level, walls="absent"), n_envs=8)
    model = MaskablePPO(
        "MlpPolicy",
        envs,
        n_steps=128,
        batch_size=256,
        learning_rate=lambda left: 1e-3 * left,
        gamma=args.gamma,
        seed=args.seed,
        device="cpu",
    )
    callback = pm.sb3.PowerCallback(eval_every=4096, save_path=args.out / "history.csv", verbose=1)
    model.learn(args.steps, callback=callback)
    table = pm.policy_table(model, envs)
    mdp = powerenvs.tabular_model(envs)
    print(f"\nprobability on moves that do not exist: {table[~mdp.available].sum():.1f}")
    print(callback.compare())
    print(f"wrote {args.out / 'history.csv'}")


if __name__ == "__main__":
    main(parser.parse_args())
