"""`coherence`: how much more probable a policy is among those that are optimal for something than among all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.table import uniform_policy
from power_metrics.arguments.checks import check_count, check_gamma, check_policy, check_seed, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.distributions import RewardDistribution, Uniform
from power_metrics.rewards.sampler import reward_sampler
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

LISTED = 4096
"""Up to so many deterministic policies are listed."""
ENTRIES = 5_000_000
"""Of policies that are held at a time."""


@dataclass(frozen=True)
class Coherence(Result):
    """The coherence of a policy.

    Attributes:
        model: the tables.
        gamma: discount.
        reward: the distribution of reward functions.
        num_samples: how many were drawn.
        seed: of the draws.
        coherence: the mean over reward functions.
        standard_error: of it; 0 where every reward function gives the same.
        by_policy: (P,) of each deterministic policy, actions of the last state changing fastest, unavailable ones left
            out; None above 4096 of them. The mean is 1.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.coherence(PowerGrid("...", walls="absent"), num_samples=200)
        >>> len(found.by_policy), round(float(found.by_policy.mean()), 9)
        (12, 1.0)
    """

    model: TabularMDP
    gamma: float
    reward: str
    num_samples: int
    seed: int
    coherence: Annotated[float, Dims()]
    standard_error: Annotated[float, Dims()]
    by_policy: Annotated[Floats | None, Dims("policy", least=0)]


@measure()
def coherence(
    env_or_mdp: Any,
    policy: Any = None,
    gamma: float = 0.9,
    reward: RewardDistribution = Uniform(0, 1),  # noqa: B008  frozen
    num_samples: int = 1000,
    seed: int | None = 0,
) -> Generator[None, None, Coherence]:
    """How many times more probable a policy is if a reward function is drawn and solved than if a policy is drawn.

    P(π | uniform reward sampling) / P(π | uniform policy sampling), over deterministic policies; where several actions
    are optimal, each is as likely. Its mean over all deterministic policies is 1; above it, a policy is more often
    optimal for something than policies are on average. Of a policy by chance it is the mean over the deterministic
    policies that drawing its actions state by state gives. An estimate from drawn reward functions: of a policy that is
    optimal for none of them it is 0, which says only that it is rare.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        policy: (S, A); uniform when None, which has 1.
        gamma: discount in [0, 1).
        reward: the distribution of reward functions.
        num_samples: how many are drawn.
        seed: of the draws.

    Raises:
        ValueError: for an argument that does not fit, and a model with so many policies that floats cannot hold it.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> pm.coherence(PowerGrid(level="open_3x3"), num_samples=50).coherence
        1.0
    """
    mdp, gamma, count = resolve_model(env_or_mdp), check_gamma(gamma), check_count("num_samples", num_samples)
    first = check_seed(seed)
    sampler = reward_sampler(mdp, reward)
    table = uniform_policy(mdp) if policy is None else check_policy(policy, mdp)
    if table.ndim != 2:
        raise ValueError(f"policy: expected one {mdp.available.shape}, found {table.shape}")
    per_state = mdp.available.sum(axis=1)
    if np.log(per_state).sum() > 700:
        raise ValueError(f"env: expected a model with at most e^700 policies, found {mdp!r}; take a smaller one")
    yield
    listed = _deterministic(mdp) if math.prod(per_state.tolist()) <= LISTED else None
    rng, part = np.random.default_rng(first), max(1, ENTRIES // table.size)
    ratios: list[Floats] = []
    by_policy = None if listed is None else np.zeros(len(listed))
    for start in range(0, count, part):
        optimal = optimal_policies(mdp, sampler.draw(rng, min(part, count - start)), gamma).numpy()
        optimal *= per_state[:, None]
        ratios.append((optimal * table).sum(axis=2).prod(axis=1))
        if listed is not None and by_policy is not None:
            for number, actions in enumerate(listed):
                by_policy[number] += optimal[:, np.arange(mdp.num_states), actions].prod(axis=1).sum()
    ratio = np.concatenate(ratios)
    error = float(ratio.std(ddof=1)) / math.sqrt(count) if count > 1 else math.nan
    return Coherence(
        mdp,
        gamma,
        repr(reward),
        count,
        first,
        float(ratio.mean()),
        error,
        None if by_policy is None else by_policy / count,
    )


def _deterministic(mdp: TabularMDP) -> NDArray[np.int64]:
    """(P, S) the actions of every deterministic policy."""
    return np.array([*itertools.product(*(np.flatnonzero(row).tolist() for row in mdp.available))], dtype=np.int64)
