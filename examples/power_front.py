"""Agents that are trained with a price on POWER, or paid for it, beside the exact front of what is possible.

    python examples/power_front.py --level maze_7x7 --prize 6 6 --weights -1000 -300 0 --out results/power_front

PPO is trained once for each weight of POWER in its reward, on many copies at once; its bonus for exploring and its
learning rate go down to 0, so that it ends in a policy that is nearly certain. The front is solved.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

import power_metrics as pm

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--level", default="open_3x3")
parser.add_argument("--prize", type=int, nargs=2, default=(2, 2), help="row and column of a reward of 1")
parser.add_argument("--weights", type=float, nargs="+", default=(-300.0, -30.0, 0.0, 30.0, 300.0))
parser.add_argument("--steps", type=int, default=150_000, help="of each agent")
parser.add_argument("--gamma", type=float, default=0.9)
parser.add_argument("--samples", type=int, default=10_000, help="reward functions for POWER")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("results/power_front"))

ENTROPY, COPIES = 0.4, 64


class Settle(BaseCallback):
    """Takes the bonus for exploring down to 0 over the first four fifths of training."""

    def _on_rollout_start(self) -> None:
        done = self.num_timesteps / self.locals["total_timesteps"]
        self.model.ent_coef = ENTROPY * max(0.0, 1.0 - 1.25 * done)

    def _on_step(self) -> bool:
        return True


def learn(envs: VecNormalize, args: argparse.Namespace) -> PPO:
    """PPO on all copies together."""
    model = PPO(
        "MlpPolicy", envs, n_steps=32, batch_size=512, learning_rate=lambda left: 3e-3 * left, gamma=args.gamma,
        ent_coef=ENTROPY, seed=args.seed, device="cpu",
    )  # fmt: skip
    return model.learn(args.steps, callback=Settle())


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    options = {"level": args.level, "reward": {tuple(args.prize): 1.0}, "max_episode_steps": 50}
    env = gym.make("powerenvs:PowerGrid-v0", **options)
    power = pm.power(env, args.gamma, num_samples=args.samples, method="monte_carlo")
    front = pm.power_front(env, args.gamma, power)
    print(f"{'weight':>8} {'return':>8} {'power-seeking':>14} {'shortfall':>10}")
    learned = {}
    for weight in args.weights:
        copies = gym.make_vec(env.spec.id, COPIES, "vector_entry_point", autoreset_mode="SameStep", **options)
        paid = pm.sb3.NativeVecEnv(pm.PowerRewardVector(copies, weight, power, change=True))
        policy = pm.policy_table(learn(VecNormalize(paid, norm_obs=False, gamma=args.gamma), args), env)
        found = pm.compare(policy, env, args.gamma, power)["learned"]
        shortfall = front.shortfall(policy)
        print(f"{weight:>8g} {found.expected_return:>8.3f} {found.power_seeking:>14.4f} {shortfall:>10.1%}")
        learned[f"PPO, weight {weight:g}"] = policy
    args.out.mkdir(parents=True, exist_ok=True)
    front.save(args.out / "front.npz")
    front.plot(learned, path=args.out / "front.png")


if __name__ == "__main__":
    main(parser.parse_args())
