"""Policies that follow a learned reward: its exact optimum, or what a learner of `power_metrics.train` makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.table import policy_table
from power_metrics.learners.algorithms import ALGORITHMS, algorithm_named, imported
from power_metrics.preferences.models import RewardModel
from power_metrics.preferences.wrapper import LearnedReward
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.extras import install_line
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
EXACT = "exact"
NAMES = (EXACT, *(name for name, one in ALGORITHMS.items() if not one.run.startswith("power_metrics.learners.impala")))


class Follower(Protocol):
    """What follows a learned reward.

    Attributes:
        steps: that it has taken in the environment.
    """

    steps: int

    def improve(self, model: RewardModel, steps: int, total: int, seed: int) -> Floats:
        """Learns for so many steps of ``total`` from what the model pays now; gives its policy (S, A)."""

    def save(self, path: Path) -> None:
        """Writes what it needs to go on."""

    def load(self, path: Path, steps: int) -> None:
        """Reads that, as it was after so many steps."""


class Exact:
    """The optimal policy of the learned reward, ties split evenly; it takes no steps."""

    suffix = ""

    def __init__(self, gamma: float):
        self._gamma, self.steps = gamma, 0

    def improve(self, model: RewardModel, steps: int, total: int, seed: int) -> Floats:
        """Solves the tables with the learned reward."""
        return np.asarray(optimal_policies(model.tables(), None, self._gamma)[0])

    def save(self, path: Path) -> None:
        """There is nothing to keep."""

    def load(self, path: Path, steps: int) -> None:
        """There is nothing to read."""


class Own:
    """A learner of our own, which is given new tables and its old weights at each call."""

    def __init__(self, env: Any, name: str, gamma: float, settings: Mapping[str, Any], seed: int):
        algorithm = algorithm_named(name)
        self._env, self._make, self._gamma, self._seed = env, imported(algorithm.learner), gamma, seed
        self._settings = {**algorithm.settings, **settings}
        self._kept: Path | None = None
        self._learner: Any = None
        self.steps, self.suffix = 0, self._make.suffix

    def improve(self, model: RewardModel, steps: int, total: int, seed: int) -> Floats:
        """Goes on in the environment that pays what the model says now."""
        import tempfile

        paid = LearnedReward(self._env, model)
        fresh = self._make(paid, model.tables(), self._gamma, seed=self._seed, **self._settings)
        with tempfile.TemporaryDirectory() as folder:
            if self._learner is not None:
                self._kept = Path(folder, f"learner{self.suffix}")
                self._learner.save(self._kept)
            if self._kept is not None:
                fresh.load(self._kept)
        self._learner, self._kept = fresh, None
        self.steps = int(fresh.learn(self.steps, self.steps + steps, total, seed))
        policy: Floats = fresh.policy()
        return policy

    def save(self, path: Path) -> None:
        """Writes its weights."""
        self._learner.save(path)

    def load(self, path: Path, steps: int) -> None:
        """Will read them when it is told what is paid."""
        self._kept, self.steps = path, steps


class Foreign:
    """A learner of Stable-Baselines3's kind, which is given the environment anew at each call."""

    suffix = ".zip"

    def __init__(self, env: Any, name: str, gamma: float, settings: Mapping[str, Any], seed: int):
        algorithm = algorithm_named(name)
        try:
            self._make = imported(algorithm.learner)
        except ImportError as error:
            if not algorithm.extra:
                raise
            raise ImportError(f"{name} needs an extra: {install_line(algorithm.extra)}") from error
        self._env, self._name = env, algorithm.policy
        self._options = {**algorithm.settings, **settings, "gamma": gamma, "seed": seed, "device": "cpu"}
        self._kept: Path | None = None
        self._learner: Any = None
        self.steps = 0

    def improve(self, model: RewardModel, steps: int, total: int, seed: int) -> Floats:
        """Goes on in the environment that pays what the model says now."""
        from power_metrics.learners.sb3 import policy_of

        paid = LearnedReward(self._env, model)
        if self._kept is not None:
            self._learner, self._kept = self._make.load(self._kept, env=paid, device="cpu"), None
        elif self._learner is None:
            options = dict(self._options)
            self._learner = self._make(policy_of(paid, self._name, options), paid, **options)
        else:
            self._learner.set_env(paid)
        self._learner.set_random_seed(seed % 2**31)
        self._learner.learn(steps, reset_num_timesteps=False)
        self.steps = int(self._learner.num_timesteps)
        return policy_table(self._learner, paid)

    def save(self, path: Path) -> None:
        """Writes its weights; memories of steps are not kept."""
        self._learner.save(path)

    def load(self, path: Path, steps: int) -> None:
        """Will read them when it is told what is paid."""
        self._kept, self.steps = path, steps


def follower(
    env: Any, mdp: TabularMDP, name: str, gamma: float, settings: Mapping[str, Any], seed: int
) -> Exact | Own | Foreign:
    """What follows a learned reward under this name.

    Raises:
        ValueError: for an unknown name, and for settings of the exact optimum, which has none.
    """
    if name == EXACT:
        if settings:
            raise ValueError(f"settings: expected none for 'exact', found {', '.join(settings)}")
        return Exact(gamma)
    if name not in NAMES:
        raise ValueError(f"algorithm: expected one of {', '.join(NAMES)}, found {name!r}")
    own = algorithm_named(name).run.startswith("power_metrics.learners.own")
    return (Own if own else Foreign)(env, name, gamma, settings, seed)
