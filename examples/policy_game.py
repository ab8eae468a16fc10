"""Two learners in a stag hunt, and the game of choosing a policy: learned, optimal, power-seeking or random.

    python examples/policy_game.py --steps 10000 --out results/policy_game

PPO learns for each agent in turn, against what the other has learned so far. The policies are put beside optimal,
power-seeking and random ones; what every pair earns is exact, and so are the equilibria of the game that they make, its
symmetric decomposition, and what a best answer would gain against what was learned.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from stable_baselines3 import PPO

import power_metrics as pm
from powerenvs.envs.single import TabularEnv
from powerenvs.worlds.social import StagHunt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=10_000, help="of each agent in each round")
parser.add_argument("--rounds", type=int, default=1, help="how often each agent learns")
parser.add_argument("--gamma", type=float, default=0.95)
parser.add_argument("--samples", type=int, default=1_000, help="reward functions that POWER is averaged over")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, help="also keep the game and its equilibria in this folder")


def learn(game, agent: str, others: dict[str, np.ndarray], args: argparse.Namespace) -> np.ndarray:
    """PPO in the world that the others' policies make; returns what it has learned, (S, A)."""
    import gymnasium as gym

    world = gym.wrappers.TimeLimit(TabularEnv(game.against(others)), max_episode_steps=50)
    model = PPO("MlpPolicy", world, gamma=args.gamma, seed=args.seed, n_steps=512, device="cpu")
    model.learn(args.steps)
    return pm.policy_table(model, world)


def main(args: argparse.Namespace) -> None:
    game = StagHunt().tables()
    learned = {agent: game.uniform_policy(agent) for agent in game.agents}
    for _ in range(args.rounds):
        for agent in game.agents:
            others = {other: table for other, table in learned.items() if other != agent}
            learned[agent] = learn(game, agent, others, args)
    policies = [
        {"learned": learned[agent]}
        | pm.games.reference_policies(game, agent, args.gamma, num_samples=args.samples, seed=args.seed)
        for agent in game.agents
    ]
    found = pm.games.empirical(game, *policies, args.gamma)
    decomposition = pm.games.decompose(found.game)
    gaps = pm.games.exploitability(game, learned, args.gamma)
    print(f"Expected return of {game.agents[0]}, {game.agents[1]}\n\n{found.game}\n")
    print("Gain of a best answer to what the other has learned: " + ", ".join(f"{k} {v:.4f}" for k, v in gaps.items()))
    for x, y in decomposition.combined:
        print(f"equilibrium of the counterparts too: {x.round(3)}, {y.round(3)}")
    for reason in decomposition.reasons:
        print(f"equilibrium of the game only: {reason}")
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        pm.games.save(found.game, args.out / "policies.nfg")
        print(f"wrote {args.out / 'policies.nfg'}")


if __name__ == "__main__":
    main(parser.parse_args())
