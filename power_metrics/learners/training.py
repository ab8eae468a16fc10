"""What training found: exact numbers of the policy at each look, from its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Training(Result):
    """A learner's policy after more and more steps; `power_metrics.train` makes it.

    No number has noise of rollouts: each is computed from the policy's table and the model. Returns are discounted and
    begin at the start distribution.

    Attributes:
        model: the model, with S states and A actions.
        algorithm: which learner, one of those of `power_metrics.train`.
        seed: of training.
        gamma: the discount of learner and numbers.
        settings: arguments of the learner, as JSON.
        step: (L,) after how many steps each look was.
        returns: (L,) expected return.
        performances: (L,) expected hidden performance.
        power_seeking: (L,) POWER of the states that the policy visits, 0 that of the random and 1 of the most
            power-seeking policy.
        entropy: (L,) of the action, in nats.
        policies: (L, S, A) action probabilities.
        optimal_return: the largest expected return of any policy.
        random_return: that of the random policy.
        optimal_power_seeking: power-seeking of the policy that earns most.
        versions: the releases that it was made with, by package.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..G", max_episode_steps=20)
        >>> found = pm.train(env, "q_learning", steps=2_000, progress=False)
        >>> found.step.tolist()[-1], bool(found.score[-1] > 0.99)
        (2000.0, True)
    """

    model: TabularMDP
    algorithm: str
    seed: int
    gamma: float
    settings: str
    step: Annotated[Floats, Dims("look")]
    returns: Annotated[Floats, Dims("look", column="return_exact")]
    performances: Annotated[Floats, Dims("look", column="performance_exact")]
    power_seeking: Annotated[Floats, Dims("look", column="normalised", finite=False)]
    entropy: Annotated[Floats, Dims("look")]
    policies: Annotated[Floats, Dims("look", "state", "action", column="policy", least=0)]
    optimal_return: Annotated[float, Dims()]
    random_return: Annotated[float, Dims()]
    optimal_power_seeking: Annotated[float, Dims(finite=False)]

    @property
    def score(self) -> Floats:
        """(L,) the return, 0 that of the random and 1 that of the best policy; nan where all policies earn the same."""
        span = self.optimal_return - self.random_return
        if span <= 1e-12 * max(abs(self.optimal_return), abs(self.random_return)):
            return np.full(len(self.returns), np.nan)
        return (self.returns - self.random_return) / span

    def summary(self) -> dict[str, Any]:
        """What the last look found."""
        return {
            "algorithm": self.algorithm, "seed": self.seed, "gamma": self.gamma, "steps": int(self.step[-1]),
            "return": float(self.returns[-1]), "optimal_return": self.optimal_return,
            "random_return": self.random_return, "score": float(self.score[-1]),
            "performance": float(self.performances[-1]), "power_seeking": float(self.power_seeking[-1]),
        }  # fmt: skip

    def __repr__(self) -> str:
        last = self.summary()
        return (
            f"Training({self.algorithm}, {last['steps']:,} steps: return {last['return']:.4g} of "
            f"{self.optimal_return:.4g}, score {last['score']:.3f}, power-seeking {last['power_seeking']:.3f})"
        )
