"""Rainbow (Hessel et al. 2018, arXiv 1710.02298) on many copies of a world at once, each part with a switch.

With all parts off it is DQN: one-step targets of a target network, uniform replay, an ε-greedy policy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import softmax
from torch import nn

from power_metrics.agents.table import split_greedy
from power_metrics.arguments.checks import check_count, check_gamma
from power_metrics.chains.spans import return_span
from power_metrics.learners.copies import Copies
from power_metrics.learners.noisy import NoisyLinear, fresh_noise, make_noisy, noisy_layers
from power_metrics.learners.replay import Batch, Replay
from powerenvs.model.checks import flag, real
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


class Rainbow:
    """A Q-network with the six parts of Rainbow, which learns from the replayed steps of N copies of an environment.

    Args:
        env: the environment.
        mdp: its tables, with S states and A actions.
        gamma: discount in [0, 1).
        seed: of the weights at the start.
        double: the online network chooses the action whose value of the target network is taken.
        dueling: value and advantages are told apart.
        distributional: the network tells the distribution of the return on ``num_atoms`` points, not its mean.
        noisy: learned noise explores, instead of ε.
        prioritised: steps whose loss was large are replayed more often.
        n_step: rewards of so many steps before a value is trusted.
        on_policy: targets are those of SARSA: the value of the action that the ε-greedy policy takes next, on average.
        num_envs: N, how many copies.
        num_updates: gradient steps after each step of all copies.
        learning_starts: steps before the first gradient step.
        buffer_size: steps that are remembered.
        batch_size: steps in a gradient step.
        target_every: gradient steps after which the target network follows.
        learning_rate: of Adam.
        adam_eps: its ε.
        first_epsilon: ε at the start, if not noisy.
        last_epsilon: ε at the end of its fall.
        epsilon_share: the share of training over which it falls.
        exploring: (S,) the least ε of each state, for worlds in which what the agent does makes it explore more.
        num_atoms: points of the distribution.
        support: the least and the largest of them; the range of the world's returns when None, reaching at least half
            as far to the other side of 0 as to the one.
        alpha: how much priorities count, ω in the paper.
        first_beta: how much of the bias of priorities is corrected at the start; all of it at the end.
        sigma: as for `NoisyLinear`.
        hidden: sizes of layers.
        max_grad_norm: the largest norm of the gradient.
        reward_scale: as for `Copies`.

    Attributes:
        network: observations (n, F) to (n, A) values, or (n, A, num_atoms) log-probabilities of returns.
        atoms: the points of the distribution, of scaled rewards.

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
        double: bool = True,
        dueling: bool = True,
        distributional: bool = True,
        noisy: bool = True,
        prioritised: bool = True,
        n_step: int = 3,
        on_policy: bool = False,
        num_envs: int = 16,
        num_updates: int = 2,
        learning_starts: int = 500,
        buffer_size: int = 20_000,
        batch_size: int = 128,
        target_every: int = 100,
        learning_rate: float = 1e-3,
        adam_eps: float = 1.5e-4,
        first_epsilon: float = 1.0,
        last_epsilon: float = 0.05,
        epsilon_share: float = 0.5,
        exploring: Sequence[float] | None = None,
        num_atoms: int = 51,
        support: tuple[float, float] | None = None,
        alpha: float = 0.5,
        first_beta: float = 0.4,
        sigma: float | None = None,
        hidden: Sequence[int] = (64, 64),
        max_grad_norm: float = 10.0,
        reward_scale: float | None = None,
    ):
        for name, share in (
            ("first_epsilon", first_epsilon), ("last_epsilon", last_epsilon), ("epsilon_share", epsilon_share),
            ("alpha", alpha), ("first_beta", first_beta),
        ):  # fmt: skip
            if not 0.0 <= real(share) <= 1.0:
                raise ValueError(f"{name}: expected a number from 0 to 1, found {share!r}")
        for name, size in (("learning_rate", learning_rate), ("adam_eps", adam_eps), ("max_grad_norm", max_grad_norm)):
            if not 0.0 < real(size) < math.inf:
                raise ValueError(f"{name}: expected a number above 0, found {size!r}")
        self._mdp, self._gamma = mdp, check_gamma(gamma)
        self._copies = Copies(env, mdp, num_envs, reward_scale)
        self._double, self._on_policy = flag("double", double), flag("on_policy", on_policy)
        self._noisy = flag("noisy", noisy)
        self._updates, self._starts = (
            check_count("num_updates", num_updates),
            check_count("learning_starts", learning_starts, 0),
        )
        self._batch, self._every = check_count("batch_size", batch_size), check_count("target_every", target_every)
        self._epsilons = (0.0, 0.0, 1.0) if noisy else (first_epsilon, last_epsilon, epsilon_share)
        self._least = _least(exploring, mdp)
        self._norm, self._first_beta = max_grad_norm, first_beta
        steps = check_count("n_step", n_step)
        self._replay = Replay(
            buffer_size, self._copies.num_envs, steps, self._gamma, alpha if flag("prioritised", prioritised) else 0.0
        )
        low, high = _around_zero(*return_span(mdp, self._gamma)) if support is None else support
        if not low < high:
            raise ValueError(f"support: expected a number and a larger one, found {support!r}")
        count = check_count("num_atoms", num_atoms, 2) if flag("distributional", distributional) else 1
        self.atoms = torch.linspace(low, high, count) * self._copies.scale
        sizes = [self._copies.observations.shape[1], *(check_count("hidden", size) for size in hidden)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = ReturnNetwork(sizes, mdp.num_actions, count, flag("dueling", dueling))
            self._target = ReturnNetwork(sizes, mdp.num_actions, count, dueling)
            if noisy:
                make_noisy(self.network, sigma=sigma)
                make_noisy(self._target, sigma=sigma)
            self.network.start_at_zero(self.atoms)
        self._target.load_state_dict(self.network.state_dict())
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate, eps=adam_eps, fused=True)
        self._done = 0  # gradient steps

    @property
    def visits(self) -> NDArray[np.int64]:
        """(S,) how often it has taken an action in each state, since it was made."""
        return self._copies.visits

    def policy(self) -> Floats:
        """(S, A) greedy in the means, without noise or ε; ties split evenly."""
        self.network.eval()
        with torch.no_grad():
            values = self._means(self.network(self._copies.observations)).double().numpy()
        self.network.train()
        return split_greedy(np.where(self._mdp.available, values, -np.inf), self._mdp.available)

    def distributions(self) -> Floats:
        """(S, A, num_atoms) the probabilities of returns, without noise; of scaled rewards.

        Raises:
            ValueError: for a network that tells means.
        """
        if len(self.atoms) == 1:
            raise ValueError("distributions: expected a distributional network, found one that tells means")
        self.network.eval()
        with torch.no_grad():
            found = self.network(self._copies.observations).double().exp().numpy()
        self.network.train()
        return found  # type: ignore[no-any-return]

    def save(self, path: Path) -> None:
        """Writes networks, optimiser and replayed steps."""
        kept = {name: part.state_dict() for name, part in self._parts().items()}
        torch.save({**kept, "done": self._done, "atoms": self.atoms, "replay": self._replay.state()}, path)

    def load(self, path: Path) -> None:
        """Reads what `save` wrote."""
        kept = torch.load(path, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(kept[name])
        self._done, self.atoms = kept["done"], kept["atoms"]
        self._replay.set_state(kept["replay"])

    def _parts(self) -> dict[str, Any]:
        return {"network": self.network, "target": self._target, "optimizer": self._optimizer}

    def learn(self, first: int, last: int, total: int, seed: int) -> int:
        """Takes steps of all copies from step ``first`` of ``total`` to ``last`` or beyond; returns to where."""
        rng = np.random.default_rng(seed)
        self._copies.reset(seed)
        self._replay.cut()
        done = first
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            while done < last:
                self._act(done / total, rng)
                done += self._copies.num_envs
                if done >= self._starts and self._replay.ready(self._batch):
                    for _ in range(self._updates):
                        self._improve(min(1.0, done / total), rng)
        return done

    def _epsilon(self, share: float) -> Floats:
        """(S,) how often to act at random."""
        first, last, over = self._epsilons
        fallen = 1.0 if over == 0.0 else min(1.0, share / over)
        return np.maximum(first + (last - first) * fallen, self._least)

    def _act(self, share: float, rng: np.random.Generator) -> None:
        copies = self._copies
        state = copies.state
        with torch.no_grad(), _noise_of_each(self.network):
            values = self._means(self.network(copies.observations[state])).numpy()
        available = self._mdp.available[state]
        action = np.where(available, values, -np.inf).argmax(axis=1)
        at_random = rng.random(len(state)) < self._epsilon(share)[state]
        if at_random.any():
            drawn = np.where(available, rng.random(available.shape), -1.0).argmax(axis=1)
            action = np.where(at_random, drawn, action)
        step = copies.step(action)
        self._replay.add(state, action, step)

    def _improve(self, share: float, rng: np.random.Generator) -> None:
        beta = self._first_beta + (1.0 - self._first_beta) * share
        batch = self._replay.sample(self._batch, beta, rng)
        fresh_noise(self.network)
        fresh_noise(self._target)
        losses = self.losses(batch, share)
        self._optimizer.zero_grad()
        (losses * torch.as_tensor(batch.weights, dtype=torch.float32)).mean().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self._norm, foreach=True)
        self._optimizer.step()
        self._replay.update(batch, losses.detach().double().numpy())
        self._done += 1
        if self._done % self._every == 0:
            self._target.load_state_dict(self.network.state_dict())

    def losses(self, batch: Batch, share: float = 1.0) -> torch.Tensor:
        """(n,) the loss of each step: cross-entropy to the projected distribution, or Huber's of the mean.

        Args:
            batch: the steps.
            share: of training that is done, on which ε depends.
        """
        given = self._of(self.network, batch.states)[torch.arange(len(batch.states)), torch.as_tensor(batch.actions)]
        with torch.no_grad():
            follows = self._of(self._target, batch.reached)  # (n, A) values, or (n, A, K) log-probabilities
            weights = self._next_actions(batch.reached, follows, share)
            rewards, discounts = (torch.as_tensor(x, dtype=torch.float32) for x in (batch.rewards, batch.discounts))
            if len(self.atoms) == 1:
                target = rewards + discounts * (weights * follows[..., 0]).sum(dim=1)
            else:
                mixed = (weights[..., None] * follows.exp()).sum(dim=1)
                target = project(mixed, rewards[:, None] + discounts[:, None] * self.atoms, self.atoms)
        if len(self.atoms) == 1:
            return nn.functional.smooth_l1_loss(given[:, 0], target, reduction="none")
        return -(target * given).sum(dim=1)

    def _next_actions(self, reached: NDArray[np.int64], follows: torch.Tensor, share: float) -> torch.Tensor:
        """(n, A) how much the value of each action counts after a step."""
        judge = self._of(self.network, reached) if self._double else follows
        available = self._copies.available[reached]
        values = self._means(judge).masked_fill(~available, -torch.inf)
        best = nn.functional.one_hot(values.argmax(dim=1), values.shape[1]).float()
        if not self._on_policy:
            return best
        epsilon = torch.as_tensor(self._epsilon(share)[reached], dtype=torch.float32)[:, None]
        return (1.0 - epsilon) * best + epsilon * available / available.sum(dim=1, keepdim=True)

    def _of(self, network: nn.Module, states: NDArray[np.int64]) -> torch.Tensor:
        """What a network gives for some states, computed once for each of them."""
        unique, where = np.unique(states, return_inverse=True)
        return network(self._copies.observations[unique])[torch.as_tensor(where)]  # type: ignore[no-any-return]

    def _means(self, given: torch.Tensor) -> torch.Tensor:
        return given[..., 0] if len(self.atoms) == 1 else given.exp() @ self.atoms


class ReturnNetwork(nn.Module):
    """Observations to the values of actions, (n, A, 1), or log-probabilities of returns, (n, A, K).

    Args:
        sizes: of the layers, the number of inputs first.
        num_actions: A.
        num_atoms: K; 1 for values.
        dueling: whether it is the sum of a part for the state and one for actions, whose mean is 0.
    """

    def __init__(self, sizes: Sequence[int], num_actions: int, num_atoms: int, dueling: bool):
        super().__init__()
        self._shape = num_actions, num_atoms
        layers: list[nn.Module] = []
        for i in range(len(sizes) - 1):
            layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.advantage = nn.Linear(sizes[-1], num_actions * num_atoms)
        self.value = nn.Linear(sizes[-1], num_atoms) if dueling else None

    def start_at_zero(self, atoms: torch.Tensor) -> None:
        """Turns the distributions at the start so that their means are 0 (nearly), as those of values are.

        Else they would be the middle of the support, which may be far below any return: then nothing that has not been
        tried yet would seem worth a try.
        """
        if len(atoms) == 1 or not atoms[0] < 0.0 < atoms[-1]:
            return
        points = atoms.double().numpy()
        tilt = brentq(
            lambda x: float(softmax(x * points) @ points), -1e3 / np.abs(points).max(), 1e3 / np.abs(points).max()
        )
        layer: Any = self.advantage if self.value is None else self.value
        bias = layer.bias_mu if isinstance(layer, NoisyLinear) else layer.bias
        with torch.no_grad():
            bias.add_((tilt * atoms).repeat(len(bias) // len(atoms)))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(n, F) to (n, A, K)."""
        hidden = self.body(inputs)
        found = self.advantage(hidden).reshape(-1, *self._shape)
        if self.value is not None:
            found = found - found.mean(dim=1, keepdim=True) + self.value(hidden)[:, None]
        return found if self._shape[1] == 1 else torch.log_softmax(found, dim=-1)  # type: ignore[no-any-return]


def project(probabilities: torch.Tensor, points: torch.Tensor, atoms: torch.Tensor) -> torch.Tensor:
    """(n, K) distributions on points of their own as distributions on evenly spaced atoms (arXiv 1707.06887, eq. 7).

    Args:
        probabilities: (n, K).
        points: (n, K) where they are; those outside the atoms count at the nearest.
        atoms: (K,).
    """
    width = (atoms[-1] - atoms[0]) / (len(atoms) - 1)
    place = ((points.clamp(atoms[0], atoms[-1]) - atoms[0]) / width).clamp(0.0, len(atoms) - 1.0)
    lower = place.floor().long().clamp(max=len(atoms) - 2)
    share = place - lower
    found = torch.zeros_like(probabilities)
    found.scatter_add_(1, lower, probabilities * (1.0 - share))
    return found.scatter_add_(1, lower + 1, probabilities * share)


def _around_zero(low: float, high: float) -> tuple[float, float]:
    return min(low, -high / 2.0), max(high, -low / 2.0)


@contextmanager
def _noise_of_each(network: nn.Module) -> Iterator[None]:
    """Each copy is led by noise of its own."""
    layers = [layer for _, layer in noisy_layers(network)]
    for layer in layers:
        layer.each = True
    try:
        yield
    finally:
        for layer in layers:
            layer.each = False


def _least(exploring: Sequence[float] | None, mdp: TabularMDP) -> Floats:
    least = np.zeros(mdp.num_states) if exploring is None else np.asarray(exploring, dtype=np.float64)
    if least.shape != (mdp.num_states,) or not np.all((least >= 0.0) & (least <= 1.0)):
        raise ValueError(f"exploring: expected {mdp.num_states} numbers from 0 to 1, one for each state")
    return least
