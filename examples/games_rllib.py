"""Two agents who learn in one game by RLlib's PPO, each with a network of its own, compared exactly.

    python examples/games_rllib.py --game one_key --iterations 40 --out results/games_rllib

Needs RLlib: pip install '.[rllib]' in a checkout.
"""

import argparse
from pathlib import Path

from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.tune.registry import register_env

import power_metrics as pm
from powerenvs import multi

WORLDS = {"power_pair": {"reward": {"human": {(0, 0): 1.0}, "ai": {(2, 2): 1.0}}}, "one_key": {}}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--game", choices=WORLDS, default="power_pair")
parser.add_argument("--iterations", type=int, default=20, help="of 2,000 joint steps")
parser.add_argument("--out", type=Path, default=Path("results/games_rllib"))


def main(args: argparse.Namespace) -> None:
    env = getattr(multi, f"{args.game}_v0").parallel_env(observation="onehot", max_cycles=50, **WORLDS[args.game])
    register_env("game", lambda config: ParallelPettingZooEnv(env))
    config = PPOConfig().environment("game").env_runners(num_env_runners=0).debugging(seed=0)
    config.multi_agent(policies=set(env.possible_agents), policy_mapping_fn=lambda agent, *_, **__: agent)
    config.training(gamma=0.9, lr=1e-3, train_batch_size=2_000, minibatch_size=200, num_epochs=5)
    algorithm = config.build_algo()
    for _ in range(args.iterations):
        algorithm.train()
    found = pm.compare(dict.fromkeys(env.possible_agents, algorithm), env, gamma=0.9)
    algorithm.stop()
    print(found)
    args.out.mkdir(parents=True, exist_ok=True)
    found.save(args.out / "comparison.npz")
    found.plot(path=args.out / "comparison.png")


if __name__ == "__main__":
    main(parser.parse_args())
