"""Agents of a game who share one network of Stable-Baselines3, through SuperSuit, compared exactly.

    python examples/games_supersuit.py --game one_key --steps 300000 --out results/games_supersuit

Needs SuperSuit: pip install '.[supersuit]' in a checkout. Its agent indicator tells the network whose turn it is.
"""

import argparse
from pathlib import Path

import supersuit
import torch
from stable_baselines3 import PPO

import power_metrics as pm
from powerenvs import multi

PRIZES = {"human": {(0, 0): 1.0}, "ai": {(2, 2): 1.0}}  # for each agent of power_pair, in opposite corners

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--game", choices=("power_pair", "one_key"), default="power_pair")
parser.add_argument("--steps", type=int, default=100_000, help="of all agents together")
parser.add_argument("--out", type=Path, default=Path("results/games_supersuit"))


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    world = {"reward": PRIZES} if args.game == "power_pair" else {}
    env = getattr(multi, f"{args.game}_v0").parallel_env(observation="onehot", max_cycles=50, **world)
    env = supersuit.agent_indicator_v0(env)
    copies = supersuit.pettingzoo_env_to_vec_env_v1(env)
    copies = supersuit.concat_vec_envs_v1(copies, 4, base_class="stable_baselines3")
    model = PPO("MlpPolicy", copies, n_steps=128, batch_size=256, gamma=0.9, ent_coef=0.01, device="cpu")
    model.learn(args.steps)
    found = pm.compare(dict.fromkeys(env.possible_agents, model), env, gamma=0.9)
    print(found)
    args.out.mkdir(parents=True, exist_ok=True)
    found.save(args.out / "comparison.npz")
    found.plot(path=args.out / "comparison.png")


if __name__ == "__main__":
    main(parser.parse_args())
