"""PPO in one file, in the style of CleanRL: plain PyTorch, array environments, and a PowerTracker beside them."""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

import power_metrics as pm
import powerenvs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--level", default="two_rooms", help="shipped level of PowerGrid with a goal")
parser.add_argument("--steps", type=int, default=80_000, help="environment steps of training")
parser.add_argument("--gamma", type=float, default=0.95)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--num-envs", type=int, default=16)
parser.add_argument("--num-steps", type=int, default=64, help="steps of each copy in a rollout")
parser.add_argument("--learning-rate", type=float, default=2e-3)
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--minibatch", type=int, default=256)
parser.add_argument("--clip", type=float, default=0.2)
parser.add_argument("--gae-lambda", type=float, default=0.95)
parser.add_argument("--entropy", type=float, default=0.003)
parser.add_argument("--out", type=Path, default=Path("results/cleanrl_style_ppo"))


def mlp(inputs: int, outputs: int, scale: float) -> nn.Sequential:
    layers = [nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs)]
    for layer in layers[:-1:2]:
        nn.init.orthogonal_(layer.weight, 2**0.5)
    nn.init.orthogonal_(layers[-1].weight, scale)
    return nn.Sequential(*layers)


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    print(f"powerenvs {powerenvs.__version__}, PowerGrid-v0 level {args.level}, {args.steps:,} steps")
    envs = gym.make_vec(
        "PowerGrid-v0",
        num_envs=args.num_envs,
        vectorization_mode="vector_entry_point",
        level=args.level,
        observation="onehot",
        max_episode_steps=100,
        autoreset_mode="SameStep",
    )
    inputs, actions = envs.single_observation_space.shape[0], int(envs.single_action_space.n)
    actor, critic = mlp(inputs, actions, 0.01), mlp(inputs, 1, 1.0)
    parameters = [*actor.parameters(), *critic.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=args.learning_rate, eps=1e-5)

    # The one thing that is new: a tracker with the exact model of the environment, and POWER of its states.
    tracker = pm.PowerTracker(envs, gamma=args.gamma)

    shape = (args.num_steps, args.num_envs)
    seen = torch.zeros((*shape, inputs))
    chosen, log_probs, values = torch.zeros(shape, dtype=torch.long), torch.zeros(shape), torch.zeros(shape)
    rewards, ends = torch.zeros(shape), torch.zeros(shape)
    observation, infos = envs.reset(seed=args.seed)
    updates = max(1, args.steps // (args.num_steps * args.num_envs))
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1 - update / updates)
        states, taken = [], []
        for t in range(args.num_steps):
            seen[t] = torch.as_tensor(observation)
            with torch.no_grad():
                policy = Categorical(logits=actor(seen[t]))
                chosen[t] = policy.sample()
                log_probs[t], values[t] = policy.log_prob(chosen[t]), critic(seen[t]).flatten()
            states.append(infos["state"])
            taken.append(chosen[t].numpy().copy())
            observation, reward, terminated, truncated, infos = envs.step(chosen[t].numpy())
            with torch.no_grad():  # an episode that was only cut short is worth what could have followed
                for i in np.flatnonzero(truncated & ~terminated):
                    reward[i] += args.gamma * critic(torch.as_tensor(infos["final_obs"][i])).item()
            rewards[t] = torch.as_tensor(reward)
            ends[t] = torch.as_tensor(terminated | truncated)
        tracker.update(np.stack(states), np.stack(taken))

        advantages, last = torch.zeros(shape), torch.zeros(args.num_envs)
        with torch.no_grad():
            following = critic(torch.as_tensor(observation)).flatten()
            for t in reversed(range(args.num_steps)):
                delta = rewards[t] + args.gamma * (1 - ends[t]) * following - values[t]
                last = advantages[t] = delta + args.gamma * args.gae_lambda * (1 - ends[t]) * last
                following = values[t]
        targets = advantages + values

        flat = [x.reshape(-1, *x.shape[2:]) for x in (seen, chosen, log_probs, advantages, targets)]
        for _ in range(args.epochs):
            for part in torch.randperm(len(flat[0])).split(args.minibatch):
                obs, act, old, advantage, target = (x[part] for x in flat)
                policy = Categorical(logits=actor(obs))
                ratio = (policy.log_prob(act) - old).exp()
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                clipped = torch.clamp(ratio, 1 - args.clip, 1 + args.clip)
                actor_loss = -torch.min(ratio * advantage, clipped * advantage).mean()
                critic_loss = 0.5 * (critic(obs).flatten() - target).square().mean()
                loss = actor_loss + 0.5 * critic_loss - args.entropy * policy.entropy().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 0.5)
                optimizer.step()

        if update % 8 == 7 or update == updates - 1:
            # The network as a table: one forward pass over the observations of all states.
            table = pm.policy_table(actor, envs, kind="logits")
            found = tracker.evaluate(table, step=(update + 1) * args.num_steps * args.num_envs)
            print(
                f"{found['step']:>8,} steps  return {found['return_exact']:.3f} of {found['return_task_optimal']:.3f}  "
                f"normalised power-seeking {found['normalised']:.3f} (task-optimal "
                f"{found['normalised_task_optimal']:.3f})  visited POWER {found['visited']:.3f}"
            )
    print(f"\n{tracker.compare({'learned': tracker.policies[-1]})}")
    tracker.save(args.out / "history.npz")
    print(f"wrote {args.out / 'history.npz'}")


if __name__ == "__main__":
    main(parser.parse_args())
