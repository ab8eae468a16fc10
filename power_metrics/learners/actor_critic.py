"""PPO and A2C on many copies of a world at once, in one file.

What a network sees is a function of the state, and the states are few. So a rollout asks the network once, for all
states, and then draws actions from the table of their probabilities; and a gradient step computes the network for the
states of its batch, each once, and not for every step. Both give the numbers of the usual way, in a hundredth of the
time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from power_metrics.arguments.checks import check_count, check_gamma
from power_metrics.learners.copies import Copies, masked_logits
from powerenvs.model.checks import flag, real
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
OPTIMIZERS: dict[str, Any] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "rmsprop": partial(torch.optim.RMSprop, alpha=0.99, foreach=True),
}

SMALL = 0.01
"""Deviation of advantages, of scaled rewards, below which they are not blown up to 1.

Where no reward has been found yet, they are nothing but the noise of the values, which must not make a policy certain.
"""


class VectorActorCritic:
    """Policy and value networks that learn from rollouts of N copies of an environment.

    With the defaults it is PPO (Schulman et al. 2017, arXiv 1707.06347): generalised advantages, clipped ratios, some
    epochs of minibatches. One epoch of one batch without clipping is A2C. An end by the time limit is no end of the
    task: the value of the state that was reached is counted. Learning rate and bonus of entropy change evenly over the
    training.

    Args:
        env: the environment.
        mdp: its tables, with S states and A actions.
        gamma: discount in [0, 1).
        seed: of the weights at the start.
        num_envs: N, how many copies.
        num_steps: steps of each copy in a rollout.
        epochs: how often a rollout is learned from.
        num_minibatches: into how many batches it is cut.
        learning_rate: at the start.
        last_learning_rate: at the end; that at the start when None.
        optimizer: "adam" or "rmsprop".
        optimizer_eps: ε of the optimiser.
        gae_lambda: λ of generalised advantages.
        clip: how far ratios of probabilities may be from 1; None for no clipping.
        entropy: weight of the bonus of entropy, at the start.
        last_entropy: at the end; that at the start when None.
        value_weight: weight of the loss of values.
        normalise: whether advantages of a batch get mean 0 and deviation 1; little ones stay little.
        max_grad_norm: the largest norm of the gradient.
        hidden: sizes of the layers of each of the two networks.
        reward_scale: as for `Copies`.

    Attributes:
        actor: observations (n, F) to logits (n, A).
        critic: observations (n, F) to values (n, 1), of scaled rewards.

    Raises:
        ValueError: for an argument that does not fit.
    """

    suffix = ".pt"

    def __init__(
        self,
        env: Any,
        mdp: TabularMDP,
        gamma: float,
        *,
        seed: int = 0,
        num_envs: int = 32,
        num_steps: int = 32,
        epochs: int = 4,
        num_minibatches: int = 4,
        learning_rate: float = 2.5e-3,
        last_learning_rate: float | None = None,
        optimizer: str = "adam",
        optimizer_eps: float = 1e-5,
        gae_lambda: float = 0.95,
        clip: float | None = 0.2,
        entropy: float = 0.01,
        last_entropy: float | None = None,
        value_weight: float = 0.5,
        normalise: bool = True,
        max_grad_norm: float = 0.5,
        hidden: Sequence[int] = (64, 64),
        reward_scale: float | None = None,
    ):
        for name, value in (
            ("learning_rate", learning_rate), ("entropy", entropy), ("value_weight", value_weight),
            ("max_grad_norm", max_grad_norm), ("optimizer_eps", optimizer_eps),
        ):  # fmt: skip
            if not 0.0 <= real(value) < math.inf:
                raise ValueError(f"{name}: expected a number of at least 0, found {value!r}")
        if not 0.0 <= real(gae_lambda) <= 1.0:
            raise ValueError(f"gae_lambda: expected a number from 0 to 1, found {gae_lambda!r}")
        if clip is not None and not 0.0 < real(clip) < math.inf:
            raise ValueError(f"clip: expected a number above 0, or None, found {clip!r}")
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer: expected one of {', '.join(OPTIMIZERS)}, found {optimizer!r}")
        self._copies = Copies(env, mdp, num_envs, reward_scale)
        self._mdp, self._gamma, self._lambda = mdp, check_gamma(gamma), float(gae_lambda)
        self._steps, self._epochs = check_count("num_steps", num_steps), check_count("epochs", epochs)
        self._batches = check_count("num_minibatches", num_minibatches)
        if self._batches > (most := self._steps * self._copies.num_envs):
            raise ValueError(
                f"num_minibatches: expected at most {most}, the steps of a rollout, found {num_minibatches}"
            )
        self._rates = learning_rate, learning_rate if last_learning_rate is None else last_learning_rate
        self._entropies = entropy, entropy if last_entropy is None else last_entropy
        self._clip, self._value_weight, self._norm = clip, value_weight, max_grad_norm
        self._normalise = flag("normalise", normalise)
        sizes = [check_count("hidden", size) for size in hidden]
        features, (_, actions) = self._copies.observations.shape[1], mdp.available.shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.actor = network([features, *sizes, actions], 0.01)
            self.critic = network([features, *sizes, 1], 1.0)
        self._parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self._optimizer = OPTIMIZERS[optimizer](self._parameters, lr=learning_rate, eps=optimizer_eps)

    @property
    def visits(self) -> NDArray[np.int64]:
        """(S,) how often it has taken an action in each state, since it was made."""
        return self._copies.visits

    def policy(self) -> Floats:
        """(S, A) action probabilities."""
        with torch.no_grad():
            logits = masked_logits(self.actor(self._copies.observations).double(), self._copies.available)
        return logits.exp().numpy()

    def save(self, path: Path) -> None:
        """Writes the networks and the state of the optimiser."""
        torch.save(self._state(), path)

    def load(self, path: Path) -> None:
        """Reads what `save` wrote."""
        kept = torch.load(path, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(kept[name])

    def _parts(self) -> dict[str, Any]:
        return {"actor": self.actor, "critic": self.critic, "optimizer": self._optimizer}

    def _state(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._parts().items()}

    def learn(self, first: int, last: int, total: int, seed: int) -> int:
        """Takes rollouts from step ``first`` of ``total`` until there are ``last``; returns how many there are then."""
        rng = np.random.default_rng(seed)
        self._copies.reset(seed)
        done = first
        while done < last:
            share = min(1.0, done / total)
            for group in self._optimizer.param_groups:
                group["lr"] = self._rates[0] + (self._rates[1] - self._rates[0]) * share
            rollout = self._rollout(rng)
            self._improve(rollout, self._entropies[0] + (self._entropies[1] - self._entropies[0]) * share, rng)
            done += self._steps * self._copies.num_envs
        return done

    def _rollout(self, rng: np.random.Generator) -> Rollout:
        copies, shape = self._copies, (self._steps, self._copies.num_envs)
        with torch.no_grad():
            logs = masked_logits(self.actor(copies.observations), copies.available).double().numpy()
            values = self.critic(copies.observations)[:, 0].double().numpy()
        sums = np.cumsum(np.exp(logs), axis=1)
        sums /= sums[:, -1:]
        states, actions = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
        errors, kept = np.empty(shape), np.empty(shape)
        for t in range(self._steps):
            states[t] = copies.state
            actions[t] = (sums[copies.state] <= rng.random(copies.num_envs)[:, None]).sum(axis=1)
            step = copies.step(actions[t])
            following = self._gamma * np.where(step.terminated, 0.0, values[step.reached])
            errors[t] = step.reward + following - values[states[t]]
            kept[t] = ~(step.terminated | step.truncated)
        advantages = np.empty(shape)
        advantage = np.zeros(copies.num_envs)
        for t in reversed(range(self._steps)):
            advantage = errors[t] + self._gamma * self._lambda * kept[t] * advantage
            advantages[t] = advantage
        flat = states.ravel(), actions.ravel()
        return Rollout(*flat, logs[flat], advantages.ravel(), (advantages + values[states]).ravel())

    def _improve(self, rollout: Rollout, entropy: float, rng: np.random.Generator) -> None:
        count = len(rollout.states)
        for _ in range(self._epochs):
            order = rng.permutation(count) if self._batches > 1 else np.arange(count)
            for chosen in np.array_split(order, self._batches):
                loss = self._loss(rollout.part(chosen), entropy)
                self._optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self._parameters, self._norm, foreach=True)
                self._optimizer.step()

    def _loss(self, batch: Rollout, entropy: float) -> torch.Tensor:
        states, where = np.unique(batch.states, return_inverse=True)
        seen, place = self._copies.observations[states], torch.as_tensor(where)
        table = masked_logits(self.actor(seen), self._copies.available[states])
        logs = table[place, torch.as_tensor(batch.actions)]
        advantages = batch.advantages
        if self._normalise and len(advantages) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + SMALL)
        gain = _float(advantages)
        ratio = (logs - _float(batch.logs)).exp()
        if self._clip is None:
            of_policy = -(gain * logs).mean()
        else:
            of_policy = -torch.minimum(gain * ratio, gain * ratio.clamp(1.0 - self._clip, 1.0 + self._clip)).mean()
        of_values = (self.critic(seen)[place, 0] - _float(batch.returns)).square().mean()
        spread = -(table.exp() * table).sum(dim=1)[place].mean()
        return of_policy + self._value_weight * of_values - entropy * spread


class Rollout(NamedTuple):
    """Steps: (n,) states, actions, log-probabilities of these, advantages, and returns that values should tell."""

    states: NDArray[np.int64]
    actions: NDArray[np.int64]
    logs: Floats
    advantages: Floats
    returns: Floats

    def part(self, chosen: NDArray[np.int64]) -> Rollout:
        """Some of the steps."""
        states, actions, *rest = (array[chosen] for array in self)
        return Rollout(states, actions, *rest)  # type: ignore[arg-type]


def network(sizes: Sequence[int], last: float) -> nn.Sequential:
    """Layers of these sizes with tanh between them; orthogonal weights, those of the last layer times ``last``."""
    layers: list[nn.Module] = []
    for i in range(len(sizes) - 1):
        layer = nn.Linear(sizes[i], sizes[i + 1])
        nn.init.orthogonal_(layer.weight, last if i == len(sizes) - 2 else math.sqrt(2.0))
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def _float(values: Floats) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)
