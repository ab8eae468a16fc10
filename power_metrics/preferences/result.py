"""What training from preferences found: exact numbers of the policy after more and more labels."""

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
class PreferenceTraining(Result):
    """A policy that follows a reward learned from comparisons; `power_metrics.preferences.train` makes it.

    No number has noise of rollouts: each is computed from the policy's table and the model. Returns are discounted and
    begin at the start distribution. Regret is what the policy falls short of the best one, 1 that of the random policy.

    Attributes:
        model: the model, with S states and A actions, and its true reward.
        algorithm: what followed the learned reward.
        seed: of training.
        gamma: the discount of policies and numbers.
        settings: arguments of training, as JSON.
        labels: (L,) how many comparisons the policy knew at each look.
        step: (L,) how many steps had been taken in the environment.
        returns: (L,) expected return, in the true reward.
        performances: (L,) in the hidden performance.
        regret: (L,) of the return; nan where all policies earn the same.
        hidden_regret: (L,) of the performance.
        agreed: (L,) the share of answers, ties left out, that the learned reward gives too.
        policies: (L, S, A) action probabilities.
        learned: (transitions of the model,) the learned reward at the end.
        labelled: the share of all steps that somebody was shown.
        optimal_return: the largest expected return of any policy.
        random_return: that of the random policy.
        versions: the releases that it was made with, by package.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..G", max_episode_steps=20)
        >>> found = pm.preferences.train(env, labels=60, steps=2_000, rounds=3, length=5, progress=False)
        >>> found.labels.tolist()[-1], bool(found.regret[-1] < 0.01)
        (60.0, True)
    """

    model: TabularMDP
    algorithm: str
    seed: int
    gamma: float
    settings: str
    labels: Annotated[Floats, Dims("look")]
    step: Annotated[Floats, Dims("look")]
    returns: Annotated[Floats, Dims("look", column="return_exact")]
    performances: Annotated[Floats, Dims("look", column="performance_exact")]
    regret: Annotated[Floats, Dims("look", finite=False)]
    hidden_regret: Annotated[Floats, Dims("look", finite=False)]
    agreed: Annotated[Floats, Dims("look", finite=False)]
    policies: Annotated[Floats, Dims("look", "state", "action", column="policy", least=0)]
    learned: Annotated[Floats, Dims("transition", column="learned_reward")]
    labelled: Annotated[float, Dims()]
    optimal_return: Annotated[float, Dims()]
    random_return: Annotated[float, Dims()]

    @property
    def policy(self) -> Floats:
        """(S, A) the policy at the end."""
        found: Floats = self.policies[-1]
        return found

    def learned_model(self) -> TabularMDP:
        """The model with the learned reward as its reward."""
        return self.model.with_(reward=self.learned)

    def summary(self) -> dict[str, Any]:
        """What the last look found."""
        return {
            "algorithm": self.algorithm, "seed": self.seed, "gamma": self.gamma, "labels": int(self.labels[-1]),
            "steps": int(self.step[-1]), "labelled": self.labelled, "return": float(self.returns[-1]),
            "optimal_return": self.optimal_return, "random_return": self.random_return,
            "regret": float(self.regret[-1]), "hidden_regret": float(self.hidden_regret[-1]),
        }  # fmt: skip

    def __repr__(self) -> str:
        last = self.summary()
        return (
            f"PreferenceTraining({self.algorithm}, {last['labels']} labels, {last['labelled']:.1%} of "
            f"{last['steps']:,} steps: return {last['return']:.4g} of {self.optimal_return:.4g}, regret "
            f"{last['regret']:.3f})"
        )
