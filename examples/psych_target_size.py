"""Do agents learn faster about larger targets, and does a simple foveal model help? PPO on Landolt's C, in pixels.

The agent sees 40 x 40 pixels, moves its gaze or presses one of two buttons: is the gap of the ring right or left? With
the fovea as many pixels are dense in the middle of the screen and sparse outside. There are finitely many pictures, so
that the accuracy of a network is no estimate: it is asked about each of them at each place of its gaze, and the rest is
arithmetic. A run ends at the goal. One that is in the file already is not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

from powerenvs.worlds.psychology import LandoltC
from powerenvs.worlds.psychology.screen import MOVES, ScreenEnv

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument(
    "--scales", type=float, nargs="+", default=[1.0, 0.5, 0.25], help="sizes of the ring, 1 the largest"
)
parser.add_argument("--seeds", type=int, default=5)
parser.add_argument("--steps", type=int, default=100_000, help="environment steps of a run, at most")
parser.add_argument("--goal", type=float, default=0.9, help="accuracy at which a run ends")
parser.add_argument("--gamma", type=float, default=0.8)
parser.add_argument("--num-envs", type=int, default=32)
parser.add_argument("--num-steps", type=int, default=64, help="steps of each copy in a rollout")
parser.add_argument("--learning-rate", type=float, default=5e-4)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--minibatch", type=int, default=256)
parser.add_argument("--entropy", type=float, default=0.01)
parser.add_argument("--out", type=Path, default=Path("results/psych_target_size"))

SEEN, WHOLE = 40, 84
"""Pixels of a side: of what the agent sees, and of the screen from which the fovea takes as many."""
GRID, LIMIT = 5, 12
"""Places of the gaze along a side; steps until a trial ends without fixation, or without an answer."""


def make_env(scale: float, foveal: bool) -> ScreenEnv:
    """Trial after trial, without end."""
    return ScreenEnv(
        LandoltC(scale=scale, directions=2), size=WHOLE if foveal else SEEN, foveal="grid" if foveal else None,
        grid=GRID, response="button", dwell=1, timeout=4 * LIMIT, blocks=10**9,
    )  # fmt: skip


class Network(nn.Module):
    """Logits of actions, and the value, from pictures (n, 40, 40, 3) in bytes."""

    def __init__(self, actions: int):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 8, 6, stride=3), nn.ReLU(), nn.Conv2d(8, 16, 4, stride=2), nn.ReLU(), nn.Flatten(),
            nn.Linear(16 * 5 * 5, 64), nn.ReLU(),
        )  # fmt: skip
        self.actor, self.critic = nn.Linear(64, actions), nn.Linear(64, 1)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.orthogonal_(layer.weight, 2**0.5)
                nn.init.zeros_(layer.bias)
        nn.init.orthogonal_(self.actor.weight, 0.01)
        nn.init.orthogonal_(self.critic.weight, 1.0)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits and the value. One colour is enough for dark shapes on grey, which is 0."""
        found = self.trunk(pictures[..., 1].unsqueeze(1).float() / 128 - 1)
        return self.actor(found), self.critic(found).flatten()


class Exact:
    """The accuracy of a network in an environment: over all pictures that there are, and all paths of its gaze."""

    def __init__(self, env: ScreenEnv):
        middles = (np.arange(GRID) + 0.5) / GRID
        gazes = [(x, y) for y in middles for x in middles]
        self.weights, answers, pictures = zip(*env.task.pictures(env.size), strict=True)
        self.right = [len(MOVES) + answer for answer in answers]
        pictures = [env.cross, *pictures]
        self.views = torch.as_tensor(np.stack([env.seen(one, *gaze) for one in pictures for gaze in gazes]))
        cells = np.arange(GRID**2).reshape(GRID, GRID)
        clamped = [np.clip(np.arange(GRID) + by, 0, GRID - 1) for by in (-1, 0, 1)]
        self.after = [cells[clamped[1 + down]][:, clamped[1 + right]].ravel() for right, down in MOVES.values()]

    def __call__(self, network: Network) -> float:
        """The probability of a correct answer."""
        with torch.no_grad():
            chances = network(self.views)[0].softmax(dim=1).numpy().astype(np.float64)
        cross, *rings = chances.reshape(-1, GRID**2, chances.shape[1])
        still = [a for a in range(cross.shape[1]) if a >= len(MOVES) or a == 0]  # a button leaves the gaze where it is
        middle = np.eye(GRID**2)[GRID**2 // 2]
        begun, gaze = 0.0, middle
        for _ in range(LIMIT):
            gaze = self.moved(gaze, cross, still)
            begun, gaze = begun + gaze @ middle, gaze * (1 - middle)  # the trial begins when the middle is looked at
        total = 0.0
        for ring, weight, right in zip(rings, self.weights, self.right, strict=True):
            gaze = middle
            for _ in range(LIMIT):
                total += weight * float(gaze @ ring[:, right])
                gaze = self.moved(gaze, ring, [0])
        return float(begun * total)

    def moved(self, gaze: np.ndarray, chances: np.ndarray, still: list[int]) -> np.ndarray:
        """Where the gaze is one step later; what is pressed is left out unless it counts as ``still``."""
        found = gaze * chances[:, still].sum(axis=1)
        for a in range(1, len(MOVES)):
            found = found + np.bincount(self.after[a], gaze * chances[:, a], len(gaze))
        return found


def train(scale: float, foveal: bool, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """One run: (trials, accuracy) after each update, until the goal."""
    torch.manual_seed(seed)
    envs = [make_env(scale, foveal) for _ in range(args.num_envs)]
    network, exact = Network(len(envs[0].action_labels)), Exact(envs[0])
    optimizer = torch.optim.Adam(network.parameters(), lr=args.learning_rate, eps=1e-5)
    shape = (args.num_steps, args.num_envs)
    seen = torch.zeros((*shape, SEEN, SEEN, 3), dtype=torch.uint8)
    chosen, log_probs, values = torch.zeros(shape, dtype=torch.long), torch.zeros(shape), torch.zeros(shape)
    rewards, ends = torch.zeros(shape), torch.zeros(shape)
    observation = np.stack([env.reset(seed=1000 * seed + k)[0] for k, env in enumerate(envs)])
    trials, curve, began = 0, [(0, round(exact(network), 4))], time.process_time()
    for _ in range(max(1, args.steps // (args.num_steps * args.num_envs))):
        for t in range(args.num_steps):
            seen[t] = torch.as_tensor(observation)
            with torch.no_grad():
                logits, values[t] = network(seen[t])
            policy = Categorical(logits=logits)
            chosen[t] = policy.sample()
            log_probs[t] = policy.log_prob(chosen[t])
            steps = [env.step(action) for env, action in zip(envs, chosen[t].tolist(), strict=True)]
            observation = np.stack([step[0] for step in steps])
            rewards[t] = torch.tensor([step[1] for step in steps])
            ends[t] = torch.tensor([float("trial" in step[4]) for step in steps])
        advantages, last = torch.zeros(shape), torch.zeros(args.num_envs)
        with torch.no_grad():
            following = network(torch.as_tensor(observation))[1]
        for t in reversed(range(args.num_steps)):
            delta = rewards[t] + args.gamma * (1 - ends[t]) * following - values[t]
            last = advantages[t] = delta + args.gamma * 0.95 * (1 - ends[t]) * last
            following = values[t]
        flat = [x.reshape(-1, *x.shape[2:]) for x in (seen, chosen, log_probs, advantages, advantages + values)]
        for _ in range(args.epochs):
            for part in torch.randperm(len(flat[0])).split(args.minibatch):
                obs, act, old, advantage, target = (x[part] for x in flat)
                logits, value = network(obs)
                policy = Categorical(logits=logits)
                ratio = (policy.log_prob(act) - old).exp()
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                actor_loss = -torch.min(ratio * advantage, torch.clamp(ratio, 0.8, 1.2) * advantage).mean()
                loss = actor_loss + 0.25 * (value - target).square().mean() - args.entropy * policy.entropy().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 0.5)
                optimizer.step()
        trials += int(ends.sum())
        curve.append((trials, round(exact(network), 4)))
        if curve[-1][1] >= args.goal:
            break
    return {"curve": curve, "reached": curve[-1][1] >= args.goal, "seconds": round(time.process_time() - began, 1)}


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "target_size.jsonl"
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for seed in range(args.seeds):
        for scale in args.scales:
            for foveal in (False, True):
                about = {"scale": scale, "foveal": foveal, "seed": seed, "steps": args.steps, "goal": args.goal}
                if not any(about.items() <= one.items() for one in done):
                    done.append({**about, **train(scale, foveal, seed, args)})
                    with path.open("a") as file:
                        file.write(json.dumps(done[-1]) + "\n")
                    trials, accuracy = done[-1]["curve"][-1]
                    words = f"after {trials:,} trials, {done[-1]['seconds']:.0f} CPU seconds"
                    print(f"scale {scale:g}, fovea {foveal}, seed {seed}: accuracy {accuracy:.3f} {words}", flush=True)
    print(f"{len(done)} runs in {path}")


if __name__ == "__main__":
    main(parser.parse_args())
