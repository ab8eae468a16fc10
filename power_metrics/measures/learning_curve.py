"""`q_learning_curve`: POWER of tabular Q-learners after more and more steps."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.q_learning import QLearners, QLearning
from power_metrics.arguments.checks import check_count
from power_metrics.expectation.expect import Work
from power_metrics.expectation.sampling import SAMPLED, Sampling
from power_metrics.measures.policy_power import PolicyPower, StagesOfPower
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from powerenvs.model.checks import as_list
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class QLearningStages:
    """Q-learners that are looked at after each of several numbers of steps."""

    settings: QLearning
    steps: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        """See `power_metrics.measures.policy_power.Stages`."""
        return [f"Q-learning, {n:,} steps" for n in self.steps]

    def __call__(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Iterator[Floats]:
        """See `power_metrics.measures.policy_power.Stages`."""
        learners, done = QLearners(mdp, rewards, gamma, self.settings, rng), 0
        for n in self.steps:
            learners.run(n - done)
            done = n
            yield learners.policies()


@dataclass(frozen=True)
class LearningCurve(Result):
    """POWER of Q-learners after more and more steps.

    Attributes:
        steps: (T,) numbers of steps of each learner.
        stages: a `PolicyPower` after each of them.
        settings: how they learned; ``num_steps`` is the last number of steps.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> curve = pm.q_learning_curve(turner_figure_1(), steps=(0, 100), num_learners=20)
        >>> curve.to_frame()["steps"].tolist()
        [0, 100]
    """

    steps: tuple[int, ...]
    stages: tuple[PolicyPower, ...]
    settings: QLearning

    @property
    def share_of_optimal(self) -> Floats:
        """(T,) mean POWER over states, learned divided by optimal."""
        return np.array([stage.power.mean.mean() / stage.optimal.mean.mean() for stage in self.stages])

    @property
    def largest_gap(self) -> Floats:
        """(T,) the largest shortfall of any state, as a share of its optimal POWER."""
        return np.array([np.max(stage.shortfall / np.abs(stage.optimal.mean)) for stage in self.stages])

    @property
    def model(self) -> TabularMDP:
        """The model."""
        return self.stages[0].model

    def tables(self) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
        """{dimensions: {column: array}}: by look at them steps, POWER, its share, the largest gap, power-seeking."""
        columns = {
            "steps": self.steps,
            "power": [stage.power.mean.mean() for stage in self.stages],
            "optimal_power": [stage.optimal.mean.mean() for stage in self.stages],
            "share_of_optimal": self.share_of_optimal,
            "largest_gap": self.largest_gap,
            "normalised": [stage.normalised.mean() for stage in self.stages],
            "optimal_normalised": [stage.optimal_normalised.mean() for stage in self.stages],
            "seeks_more": [stage.seeks_more for stage in self.stages],
        }
        return {("look",): {name: np.asarray(values) for name, values in columns.items()}}

    def summary(self) -> dict[str, Any]:
        """What the last look found; see `PolicyPower.summary`."""
        return {**self.stages[-1].summary(), "largest_gap": float(self.largest_gap[-1]), "steps": self.steps[-1]}

    def __repr__(self) -> str:
        return f"LearningCurve({self.settings}, {len(self.stages[0].seeking):,} learners)"


@measure()
def q_learning_curve(
    env_or_mdp: Any,
    steps: Sequence[int] = (0, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000),
    gamma: float = 0.9,
    settings: QLearning | None = None,
    reward: RewardDistribution | PerState = DEFAULT,
    num_learners: int = 1_000,
    seed: int | None = 0,
    *,
    rewards: Any = None,
    initial: Any = None,
    threads: int | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> Generator[None, None, LearningCurve]:
    """POWER of tabular Q-learners after each number of steps; it converges to optimal POWER from below.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`, with S states.
        steps: rising numbers of steps after which to look.
        gamma: discount in [0, 1).
        settings: how they learn; ``num_steps`` is not used. None for the defaults of `QLearning`.
        reward: the distribution of reward functions, one for each learner.
        num_learners: how many.
        seed: of the reward functions and of all learners.
        rewards: (N, S): exactly these reward functions instead.
        initial: where learners without exploring starts, and power-seeking, start from: as for `occupancy`.
        threads: how many; None for one on each core. A worker of an executor has one.
        executor: ``"processes"``, ``"ray"`` or a `concurrent.futures.Executor`; bit for bit the same numbers.
        workers: how many processes to start, or shards that an executor gets at a time; None for one on each core.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> curve = pm.q_learning_curve(PowerGrid(".."), (0, 100), num_learners=20, progress=False)
        >>> [stage.power.mean.round(2).tolist() for stage in curve.stages]
        [[0.5, 0.5], [0.5, 0.46]]
    """
    settings = QLearning() if settings is None else settings
    checked = tuple(check_count("steps", n, least=0) for n in as_list("steps", steps, "rising numbers"))
    if not checked or any(later <= n for n, later in pairwise(checked)):
        raise ValueError(f"steps: expected rising numbers, found {checked}")
    work = Work.checked(threads, executor, workers, progress)
    looked_at = StagesOfPower.checked(QLearningStages(settings, checked), env_or_mdp, gamma, initial, work)
    sampling = Sampling.checked(looked_at.mdp, reward, num_learners, seed, rewards=rewards, methods=tuple(SAMPLED))
    yield
    return LearningCurve(checked, tuple(looked_at.measured(sampling, work)), replace(settings, num_steps=checked[-1]))
