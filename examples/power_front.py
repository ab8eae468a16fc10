"""Agents that are trained with a price on POWER, or paid for it, beside the exact front of what is possible.

    python examples/power_front.py --seeds 5 --out results/power_front

PPO is trained for each weight of POWER in its reward, on many copies at once; its bonus for exploring and its learning
rate go down to 0, so that it ends in a policy that is nearly certain. The front is solved. What has been trained is
kept, and the same command goes on from there, also with more seeds or weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

import power_metrics as pm

PRIZES = {"open_3x3": (2, 2), "maze_7x7": (6, 6)}
WEIGHTS = {"open_3x3": (-10_000, 0, 3_000), "maze_7x7": (-3_000, -300, 0, 1_000)}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--levels", choices=PRIZES, nargs="+", default=tuple(PRIZES), help="with a reward of 1 in a corner")
parser.add_argument("--weights", type=float, nargs="+", help="of POWER; by default those that lead all along the front")
parser.add_argument("--steps", type=int, default=150_000, help="of each agent")
parser.add_argument("--gamma", type=float, default=0.9)
parser.add_argument("--samples", type=int, default=10_000, help="reward functions for POWER")
parser.add_argument("--seeds", type=int, default=1, help="agents for each weight")
parser.add_argument("--data", type=Path, help="where trained policies are; --out if not given")
parser.add_argument("--out", type=Path, default=Path("results/power_front"))

ENTROPY, COPIES = 0.4, 64


class Settle(BaseCallback):
    """Takes the bonus for exploring down to 0 over the first four fifths of training."""

    def _on_rollout_start(self) -> None:
        done = self.num_timesteps / self.locals["total_timesteps"]
        self.model.ent_coef = ENTROPY * max(0.0, 1.0 - 1.25 * done)

    def _on_step(self) -> bool:
        return True


def learn(envs: VecNormalize, args: argparse.Namespace, seed: int) -> PPO:
    """PPO on all copies together."""
    model = PPO(
        "MlpPolicy", envs, n_steps=32, batch_size=512, learning_rate=lambda left: 3e-3 * left, gamma=args.gamma,
        ent_coef=ENTROPY, seed=seed, device="cpu",
    )  # fmt: skip
    return model.learn(args.steps, callback=Settle())


def one_level(level: str, args: argparse.Namespace) -> None:
    """Trains what is not there yet, prints how far all of it is from the front, and draws both."""
    options = {"level": level, "reward": {PRIZES[level]: 1.0}, "max_episode_steps": 50}
    env = gym.make("powerenvs:PowerGrid-v0", **options)
    power = pm.power(env, args.gamma, num_samples=args.samples, method="monte_carlo")
    front = pm.power_front(env, args.gamma, power)
    kept = (args.data or args.out) / f"{level}.npz"
    policies = dict(np.load(kept)) if kept.exists() else {}
    learned = {}
    print(f"{level}\n{'weight':>8} {'return':>8} {'power-seeking':>14} {'largest shortfall':>18}")
    for weight in WEIGHTS[level] if args.weights is None else args.weights:
        names = [
            f"weight {weight:g}, seed {seed}, {args.steps} steps, {args.samples} samples, gamma {args.gamma:g}"
            for seed in range(args.seeds)
        ]
        for seed, name in enumerate(names):
            if name not in policies:
                copies = gym.make_vec(env.spec.id, COPIES, "vector_entry_point", autoreset_mode="SameStep", **options)
                paid = pm.sb3.NativeVecEnv(pm.PowerRewardVector(copies, weight, power, change=True))
                model = learn(VecNormalize(paid, norm_obs=False, gamma=args.gamma), args, seed)
                policies[name] = pm.policy_table(model, env)
                half = kept.with_suffix(".half.npz")
                np.savez_compressed(half, **policies)
                half.replace(kept)
        runs = {name: policies[name] for name in names}
        found = pm.compare(runs, env, args.gamma, power)
        earned = np.mean([found[name].expected_return for name in names])
        seeking = np.mean([found[name].power_seeking for name in names])
        behind = max(map(front.shortfall, runs.values()))
        print(f"{weight:>8g} {earned:>8.3f} {seeking:>14.4f} {behind:>18.1%}", flush=True)
        learned[f"PPO, weight {weight:g}"] = np.stack(list(runs.values()))
    front.save(args.out / f"{level}_front.npz")
    front.plot(learned, path=args.out / f"{level}.png")


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    for folder in (args.out, args.data or args.out):
        folder.mkdir(parents=True, exist_ok=True)
    for level in args.levels:
        one_level(level, args)


if __name__ == "__main__":
    main(parser.parse_args())
