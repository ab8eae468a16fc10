"""`no_free_lunch`: a model beside one that looks the same and pays the opposite (arXiv 1705.08417, theorem 11)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_policy, resolve_model
from power_metrics.chains.horizon import check_horizon, horizon_optimum, horizon_score
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.channels import reversed_rewards
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NoFreeLunch(Result):
    """True returns and regrets of a policy in a model and in its opposite.

    Attributes:
        model: the tables.
        steps: t.
        low: the least that a step may truly pay.
        high: the most.
        returns: (2,) the true return of the policy in both; they sum to ``steps * (low + high)``.
        best: (2,) the best true return in both.
        regret: (2,) the difference.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.corrupt_reward import corrupt_example_24
        >>> found = pm.no_free_lunch(corrupt_example_24(), steps=10)
        >>> found.returns.round(6).tolist(), found.worst >= found.least
        ([3.0, 7.0], True)
    """

    model: TabularMDP
    steps: int
    low: float
    high: float
    returns: Annotated[Floats, Dims("world")]
    best: Annotated[Floats, Dims("world")]
    regret: Annotated[Floats, Dims("world")]

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """See `power_metrics.Result.coordinates`."""
        return ("given", "opposite") if dim == "world" else super().coordinates(dim)

    @property
    def worst(self) -> float:
        """The larger regret of the two."""
        return float(self.regret.max())

    @property
    def least(self) -> float:
        """Half of the largest regret that any policy has in either; no policy has less in the worse of the two."""
        return 0.5 * (float(self.best.sum()) - self.steps * (self.low + self.high))


@measure()
def no_free_lunch(
    env_or_mdp: Any, policy: Any = None, steps: int | None = None, low: float = 0.0, high: float = 1.0
) -> Generator[None, None, NoFreeLunch]:
    """True return and regret of a policy in a model, and in the one that looks the same and pays the opposite.

    If nothing is known of corruption, what pays r in truth might as well pay ``low + high - r`` and be observed as it
    is. Whatever an agent does, its returns in the two sum to ``steps * (low + high)``, and so the larger of its regrets
    is at least half of that of the worst policy (Everitt et al., arXiv 1705.08417, theorem 11).

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` without terminal states.
        policy: (S, A) action probabilities, or (T, S, A), one table for each step; uniformly random when None.
        steps: t; the time limit of the environment when None.
        low: the least that a step may truly pay.
        high: the most.

    Raises:
        ValueError: for an argument that does not fit, a model with terminal states, and rewards outside the bounds.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> found = pm.no_free_lunch(gym.make("powerenvs/CorruptReward-v0"))
        >>> found.returns.sum().round(9)
        np.float64(100.0)
    """
    mdp, steps = resolve_model(env_or_mdp), check_horizon(env_or_mdp, steps)
    pair = mdp, reversed_rewards(mdp, low, high)
    table = None if policy is None else check_policy(policy, mdp)
    yield
    returns = np.array([horizon_score(one, table, steps).performance for one in pair])
    best = np.array([horizon_optimum(one, steps, "performance").score.performance for one in pair])
    return NoFreeLunch(mdp, steps, float(low), float(high), returns, best, best - returns)
