"""Three agents who learn, each for itself, to live off one stock: what they learn, and what they could have had.

    python examples/commons.py --steps 200000 --out results/commons

The stock grows by one a step while any of it is left, up to eight; each agent takes one unit or waits. Independent
Q-learners are compared with best responses and with random agents, exactly, from the tables of the game.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import ClassVar

import numpy as np

import power_metrics as pm
from powerenvs import GameWorld, JointOutcome
from powerenvs.multi import GameEnv

MOST = 8


class Commons(GameWorld[int]):
    """The state is the stock; who takes what is not there gets nothing."""

    actions: ClassVar = dict.fromkeys(("ann", "bob", "cy"), ("wait", "take"))

    def initial(self) -> list[tuple[float, int]]:
        """The stock is full."""
        return [(1.0, MOST)]

    def step(self, state: int, actions: tuple[str, ...]) -> list[JointOutcome]:
        """What is there is shared by those who take; what is left grows by one."""
        takers = actions.count("take")
        share = min(state, takers) / max(takers, 1)
        left = state - min(state, takers)
        paid = tuple(share if action == "take" else 0.0 for action in actions)
        return [JointOutcome(1.0, min(left + 1, MOST) if left else 0, paid)]

    def terminal(self, state: int) -> bool:
        """Nothing grows again."""
        return state == 0


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=200_000, help="of all learners together")
parser.add_argument("--gamma", type=float, default=0.9)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, help="also keep the comparison and its picture in this folder")


def learn(env: GameEnv, steps: int, gamma: float, seed: int) -> dict[str, np.ndarray]:
    """Independent Q-learning, ε-greedy; returns the Q-values of each agent."""
    rng = np.random.default_rng(seed)
    q = {agent: np.zeros((env.game.num_states, 2)) for agent in env.possible_agents}
    seen, _ = env.reset(seed=seed)
    for step in range(steps):
        explore = max(0.05, 1.0 - 2.0 * step / steps)
        actions = {
            agent: int(rng.integers(2) if rng.random() < explore else q[agent][seen[agent]].argmax()) for agent in q
        }
        after, rewards, terminated, _, _ = env.step(actions)
        for agent, action in actions.items():
            target = rewards[agent] + gamma * (not terminated[agent]) * q[agent][after[agent]].max()
            q[agent][seen[agent], action] += 0.1 * (target - q[agent][seen[agent], action])
        seen = after if env.agents else env.reset()[0]
    return q


def main(args: argparse.Namespace) -> None:
    env = GameEnv(Commons(), observation="state")
    q = learn(env, args.steps, args.gamma, args.seed)
    policies = {agent: pm.policy_table(values, env, agent=agent, kind="q") for agent, values in q.items()}
    found = pm.compare(policies, env, gamma=args.gamma)
    print(found)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        found.save(args.out / "comparison.npz")
        found.plot(path=args.out / "comparison.png")


if __name__ == "__main__":
    main(parser.parse_args())
