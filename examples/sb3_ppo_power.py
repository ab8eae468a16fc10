"""PPO of Stable-Baselines3, with power-seeking in its logs and beside optimal policies at the end: three lines more."""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import power_metrics as pm
import powerenvs
from power_metrics.plots import save_figure

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--level", default="maze_7x7", help="shipped level of PowerGrid")
parser.add_argument("--prize", default="(6, 6)", help="cell that pays 1 a step; '' for the level's own goals")
parser.add_argument("--steps", type=int, default=50_000, help="environment steps of training")
parser.add_argument("--gamma", type=float, default=0.9, help="discount, of training and of POWER")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("results/sb3_ppo_power"), help="folder for all files")


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)  # small networks are faster so
    print(f"powerenvs {powerenvs.__version__}, PowerGrid-v0 level {args.level}, {args.steps:,} steps")
    reward = {args.prize: 1.0} if args.prize else None
    envs = make_vec_env(lambda: gym.make("PowerGrid-v0", level=args.level, reward=reward), n_envs=8)
    model = PPO(
        "MlpPolicy",
        envs,
        n_steps=128,
        batch_size=256,
        learning_rate=lambda left: 1e-3 * left,
        gamma=args.gamma,
        seed=args.seed,
        device="cpu",
    )

    # 1. POWER of every state, with its samples, so that the comparison has intervals.
    power = pm.power(envs, gamma=args.gamma, num_samples=10_000, keep_samples=True)

    # 2. The callback logs power/... to the logger of the model; with tensorboard_log=... TensorBoard shows it.
    callback = pm.sb3.PowerCallback(
        eval_every=2048,
        power=power,
        save_path=args.out / "history.csv",
        animation_path=args.out / "occupancy.gif",
        verbose=1,
    )
    model.learn(args.steps, callback=callback)

    # 3. The comparison: learned, task-optimal, random, most and least power-seeking.
    comparison = pm.compare(model, envs, power=power)
    print(f"\n{comparison}\n")
    print(f"the callback took {callback.overhead:.1%} of the training time")
    save_figure(comparison.plot(), args.out / "comparison.png")
    comparison.to_json(args.out / "comparison.json")
    model.save(args.out / "model.zip")
    print(f"wrote {args.out}/history.csv, occupancy.gif, comparison.png, comparison.json, model.zip")


if __name__ == "__main__":
    main(parser.parse_args())
