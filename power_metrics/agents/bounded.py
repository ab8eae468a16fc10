"""Boundedly rational agents: each a map from reward functions to policies.

Q-values here are (1 - γ) Σ_s' P(s'|s, a) V*_R(s'): what follows an action when one acts optimally afterwards, as an
average reward per step. So temperatures and thresholds are in units of reward, as POWER is, at every discount.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.table import uniform_policy
from power_metrics.arguments.checks import as_float64, check_count, check_policy
from power_metrics.chains.evaluation import policy_values
from power_metrics.solvers.optimal import optimal_policies, solve
from powerenvs.model.checks import real
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


@runtime_checkable
class Learner(Protocol):
    """What `power_of_policies` needs of an agent."""

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Any:
        """(B, S, A) the policy that it has for each of the reward functions (B, S)."""
        ...


@dataclass(frozen=True)
class Boltzmann:
    """Takes action a with probability proportional to exp(Q(s, a) / temperature).

    Optimal as the temperature goes to 0, uniformly random as it goes to infinity. In terms of the usual action values
    R(s) + γ Σ P V*, the temperature is γ / (1 - γ) times this one.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("...").tables()
        >>> for temperature in (0.01, 0.1, 1):
        ...     found = pm.power_of_policies(pm.Boltzmann(temperature), mdp, 0.9, num_samples=200, progress=False)
        ...     print(temperature, found.power.mean.round(2))
        ...
        0.01 [0.72 0.73 0.72]
        0.1 [0.57 0.58 0.58]
        1 [0.51 0.52 0.52]
    """

    temperature: float

    def __post_init__(self) -> None:
        if not 0 < real(self.temperature) < math.inf:
            raise ValueError(f"temperature: expected a number above 0, found {self.temperature!r}")

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Floats:
        """See `Learner.policies`."""
        q = optimal_q_values(mdp, rewards, gamma)
        weights = np.exp((q - q.max(axis=2, keepdims=True)) / float(self.temperature))
        return weights / weights.sum(axis=2, keepdims=True)


@dataclass(frozen=True)
class EpsilonGreedy:
    """Acts optimally, but with probability epsilon takes an available action uniformly at random.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("...").tables()
        >>> for epsilon in (0, 0.5, 1):
        ...     found = pm.power_of_policies(pm.EpsilonGreedy(epsilon), mdp, 0.9, num_samples=200, progress=False)
        ...     print(epsilon, found.power.mean.round(2))
        ...
        0 [0.73 0.74 0.73]
        0.5 [0.65 0.66 0.66]
        1 [0.5  0.51 0.51]
    """

    epsilon: float

    def __post_init__(self) -> None:
        if not 0 <= real(self.epsilon) <= 1:
            raise ValueError(f"epsilon: expected a probability in [0, 1], found {self.epsilon!r}")

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Floats:
        """See `Learner.policies`."""
        greedy = optimal_policies(mdp, rewards, gamma, threads=1).numpy()
        epsilon = float(self.epsilon)
        return (1.0 - epsilon) * greedy + epsilon * uniform_policy(mdp)


@dataclass(frozen=True)
class Satisficing:
    """Takes uniformly one of the actions with Q(s, a) of at least the threshold; a best one if there is none.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("...").tables()
        >>> for threshold in (0, 0.5, 1):
        ...     found = pm.power_of_policies(pm.Satisficing(threshold), mdp, 0.9, num_samples=200, progress=False)
        ...     print(threshold, found.power.mean.round(2))
        ...
        0 [0.5  0.51 0.51]
        0.5 [0.53 0.53 0.53]
        1 [0.73 0.74 0.73]
    """

    threshold: float

    def __post_init__(self) -> None:
        if not math.isfinite(real(self.threshold)):
            raise ValueError(f"threshold: expected a finite number, found {self.threshold!r}")

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Floats:
        """See `Learner.policies`."""
        q = optimal_q_values(mdp, rewards, gamma)
        enough = (q >= float(self.threshold)).astype(np.float64)
        count = enough.sum(axis=2, keepdims=True)
        found = enough / np.maximum(count, 1.0)
        if not count.all():
            found = np.where(count > 0, found, optimal_policies(mdp, rewards, gamma, threads=1).numpy())
        return found


@dataclass(frozen=True)
class BestOfK:
    """Draws k different deterministic policies, uniformly, and keeps the one with the largest value from the start.

    With fewer than k policies in all, it considers every one. (Turner et al., arXiv 1912.01683, appendix C.)

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("...").tables()
        >>> for k in (1, 4, 18):
        ...     found = pm.power_of_policies(pm.BestOfK(k), mdp, 0.9, num_samples=200, progress=False)
        ...     print(k, found.power.mean.round(2))
        ...
        1 [0.49 0.53 0.5 ]
        4 [0.57 0.65 0.59]
        18 [0.64 0.72 0.67]
    """

    k: int

    def __post_init__(self) -> None:
        check_count("k", self.k)

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Floats:
        """See `Learner.policies`."""
        S, A = mdp.available.shape
        choices = mdp.available.sum(axis=1)
        listed = np.argsort(~mdp.available, axis=1, kind="stable")  # (S, A) available actions first
        total = math.prod(choices.tolist())
        best = np.full(len(rewards), -np.inf)
        kept = np.zeros((len(rewards), S, A))
        drawn = np.stack([_different(rng, choices, total, min(self.k, total)) for _ in range(len(rewards))])
        for number in range(drawn.shape[1]):
            action = np.take_along_axis(listed[None], drawn[:, number, :, None], axis=2)[..., 0]
            policy = np.zeros((len(rewards), S, A))
            np.put_along_axis(policy, action[..., None], 1.0, axis=2)
            value = policy_values(mdp, policy, rewards, gamma).numpy() @ mdp.initial
            better = value > best
            best[better], kept[better] = value[better], policy[better]
        return kept


def _different(rng: np.random.Generator, choices: NDArray[np.int64], total: int, count: int) -> NDArray[np.int64]:
    """(count, S) different ways to choose in every state, out of ``total``."""
    if total <= 4 * count:  # few: number them all and take some
        numbers = rng.permutation(total)[:count]
        return np.stack(np.unravel_index(numbers, tuple(choices.tolist())), axis=1)
    found = rng.integers(choices, size=(count, len(choices)))
    while True:
        _, first = np.unique(found, axis=0, return_index=True)
        if len(first) == count:
            return found
        again = np.setdiff1d(np.arange(count), first)
        found[again] = rng.integers(choices, size=(len(again), len(choices)))


@dataclass(frozen=True)
class PolicyMap:
    """A function from reward functions (B, S) to policies (B, S, A), as a `Learner`."""

    function: Callable[[Floats], Any]

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Any:
        """See `Learner.policies`."""
        return self.function(rewards)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)


def as_learner(learner: Any) -> Learner:
    """A learner, or a function from reward functions to policies as one.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(learner, type):
        raise ValueError(f"learner: expected an instance such as Boltzmann(0.1), found the class {learner.__name__}")
    if isinstance(learner, Learner):
        return learner
    if callable(learner):
        return PolicyMap(learner)
    raise ValueError(
        "learner: expected one such as Boltzmann(0.1), or a function from reward functions (B, S) to policies "
        f"(B, S, A), found {learner!r}"
    )


def checked_policies(given: Any, mdp: TabularMDP, count: int) -> Floats:
    """(count, S, A) what a learner gave; one policy (S, A) stands for all reward functions.

    Raises:
        ValueError: if it is something else.
    """
    policies = as_float64("learner", given, (mdp.state_labels, mdp.action_labels))
    if policies.ndim == 2:
        policies = np.broadcast_to(policies, (count, *policies.shape))
    if policies.shape != (count, *mdp.available.shape):
        raise ValueError(
            f"learner: expected {count} reward functions to give policies {(count, *mdp.available.shape)}, found "
            f"{policies.shape}"
        )
    return check_policy(policies, mdp, "learner")


def optimal_q_values(mdp: TabularMDP, rewards: Floats, gamma: float) -> Floats:
    """(B, S, A) (1 - γ) Σ_s' P(s'|s, a) V*(s') of each reward function (B, S); -inf where unavailable."""
    q = (1.0 - gamma) * following(mdp, solve(mdp, rewards, gamma, threads=1).values)
    q[:, ~mdp.available] = -np.inf
    return q


def following(mdp: TabularMDP, values: Floats) -> Floats:
    """(B, S, A) Σ_s' P(s'|s, a) V(s') of values (B, S); 0 where unavailable."""
    product = mdp.transition_matrix() @ values.T
    return np.ascontiguousarray(product.T).reshape(len(values), *mdp.available.shape)
