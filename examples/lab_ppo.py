"""PPO with a small convolutional network on first-person pictures of a lab, measured exactly against the optimum.

The agent sees 84x84 pixels and remembers nothing; corridors look alike, so it cannot do as well as an agent that knows
where it is. How well it does is no estimate: the network is asked what it would do in each of the lab's states, in one
forward pass over all their pictures, and the rest is arithmetic on the tables.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

import power_metrics as pm
import powerenvs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--level", default="small_maze", help="level of powerenvs/Lab-v0")
parser.add_argument("--observation", default="first_person", help="or a smaller one, such as first_person:40x40")
parser.add_argument("--steps", type=int, default=500_000, help="environment steps of training, at most")
parser.add_argument("--goal", type=float, default=0.92, help="stop when this share of the optimum has been reached")
parser.add_argument("--limit", type=int, default=100, help="steps of an episode")
parser.add_argument("--gamma", type=float, default=0.98)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--num-envs", type=int, default=64)
parser.add_argument("--num-steps", type=int, default=64, help="steps of each copy in a rollout")
parser.add_argument("--learning-rate", type=float, default=7e-4)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--minibatch", type=int, default=512)
parser.add_argument("--clip", type=float, default=0.2)
parser.add_argument("--gae-lambda", type=float, default=0.95)
parser.add_argument("--entropy", type=float, default=0.01)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--out", type=Path, default=Path("results/lab_ppo"))


class Network(nn.Module):
    """Logits of actions, and the value, from pictures (n, H, W, 3) in bytes."""

    def __init__(self, shape: tuple[int, ...], actions: int):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 16, 8, stride=4), nn.ReLU(), nn.Conv2d(16, 32, 4, stride=2), nn.ReLU(), nn.Flatten(),
            nn.LazyLinear(128), nn.ReLU(),
        )  # fmt: skip
        self.actor, self.critic = nn.Linear(128, actions), nn.Linear(128, 1)
        self.features(torch.zeros((1, *shape), dtype=torch.uint8))  # the lazy layer finds its size
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.orthogonal_(layer.weight, 2**0.5)
                nn.init.zeros_(layer.bias)
        nn.init.orthogonal_(self.actor.weight, 0.01)
        nn.init.orthogonal_(self.critic.weight, 1.0)

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """What both heads see."""
        return self.trunk(pictures.permute(0, 3, 1, 2).float() / 255)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits and the value."""
        found = self.features(pictures)
        return self.actor(found), self.critic(found).flatten()


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    how = {"level": args.level, "observation": args.observation}
    env = gym.make("powerenvs/Lab-v0", max_episode_steps=args.limit, **how)
    mdp = powerenvs.tabular_model(env)
    envs = gym.make_vec(
        "powerenvs/Lab-v0",
        num_envs=args.num_envs,
        vectorization_mode="vector_entry_point",
        max_episode_steps=args.limit,
        autoreset_mode="SameStep",
        **how,
    )
    optimum = float(mdp.initial @ pm.solve_task(mdp, args.gamma).values[0])
    best = pm.horizon_optimum(env).score.expected_return
    print(f"powerenvs {powerenvs.__version__}, Lab-v0 level {args.level}, {mdp.num_states} states")
    print(f"optimum {optimum:.3f} (gamma {args.gamma:g}), and {best:.3f} without a discount in {args.limit} steps")
    network = Network(envs.single_observation_space.shape, mdp.num_actions)
    optimizer = torch.optim.Adam(network.parameters(), lr=args.learning_rate, eps=1e-5)

    def logits(pictures: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.as_tensor(pictures))[0].numpy()

    shape = (args.num_steps, args.num_envs)
    seen = torch.zeros((*shape, *envs.single_observation_space.shape), dtype=torch.uint8)
    chosen, log_probs, values = torch.zeros(shape, dtype=torch.long), torch.zeros(shape), torch.zeros(shape)
    rewards, ends = torch.zeros(shape), torch.zeros(shape)
    observation, _ = envs.reset(seed=args.seed)
    updates = max(1, args.steps // (args.num_steps * args.num_envs))
    history, began = [], time.perf_counter()
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1 - update / updates)
        for t in range(args.num_steps):
            seen[t] = torch.as_tensor(observation)
            with torch.no_grad():
                found, values[t] = network(seen[t])
            policy = Categorical(logits=found)
            chosen[t] = policy.sample()
            log_probs[t] = policy.log_prob(chosen[t])
            observation, reward, terminated, truncated, infos = envs.step(chosen[t].numpy())
            cut = np.flatnonzero(truncated & ~terminated)  # only cut short: worth what could have followed
            if len(cut):
                with torch.no_grad():
                    reward[cut] += (
                        10 * args.gamma * network(torch.as_tensor(np.stack(infos["final_obs"][cut])))[1].numpy()
                    )
            rewards[t] = torch.as_tensor(reward / 10)  # of a goal
            ends[t] = torch.as_tensor(terminated | truncated)

        advantages, last = torch.zeros(shape), torch.zeros(args.num_envs)
        with torch.no_grad():
            following = network(torch.as_tensor(observation))[1]
        for t in reversed(range(args.num_steps)):
            delta = rewards[t] + args.gamma * (1 - ends[t]) * following - values[t]
            last = advantages[t] = delta + args.gamma * args.gae_lambda * (1 - ends[t]) * last
            following = values[t]
        targets = advantages + values

        flat = [x.reshape(-1, *x.shape[2:]) for x in (seen, chosen, log_probs, advantages, targets)]
        for _ in range(args.epochs):
            for part in torch.randperm(len(flat[0])).split(args.minibatch):
                obs, act, old, advantage, target = (x[part] for x in flat)
                found, value = network(obs)
                policy = Categorical(logits=found)
                ratio = (policy.log_prob(act) - old).exp()
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                clipped = torch.clamp(ratio, 1 - args.clip, 1 + args.clip)
                actor_loss = -torch.min(ratio * advantage, clipped * advantage).mean()
                critic_loss = 0.5 * (value - target).square().mean()
                loss = actor_loss + 0.5 * critic_loss - args.entropy * policy.entropy().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 0.5)
                optimizer.step()

        if update % 4 == 3 or update == updates - 1:
            table = pm.policy_table(logits, env, kind="logits")
            earned = pm.expected_return(mdp, table, args.gamma)
            score = pm.horizon_score(env, table).expected_return
            steps, minutes = (update + 1) * args.num_steps * args.num_envs, (time.perf_counter() - began) / 60
            history.append((steps, earned, earned / optimum, score, minutes))
            print(
                f"{steps:>8,} steps, {minutes:4.1f} minutes: {earned:6.3f}, {earned / optimum:.1%} of the optimum; "
                f"without a discount {score:6.3f}, {score / best:.1%}",
                flush=True,
            )
            if earned >= args.goal * optimum:
                break

    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "history.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("step", "return", "share", "score", "minutes"), *history])
    torch.save(network.state_dict(), args.out / "network.pt")
    np.save(args.out / "policy.npy", np.asarray(table))
    print(f"wrote {args.out / 'history.csv'}, network.pt and policy.npy")


if __name__ == "__main__":
    main(parser.parse_args())
