"""How likely each action is to be optimal, over reward functions: what theorems about power-seeking speak of."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_gamma, resolve_model
from power_metrics.expectation.expect import Work
from power_metrics.expectation.sampling import SAMPLED, Identical, Sampling
from power_metrics.expectation.statistic import Block, Mean, Reduction, Statistic
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.tails import Tails
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.differences import Actions
from power_metrics.solvers.optimal import actions_of, split_policies
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

TIES = ("count", "split")


@dataclass(frozen=True)
class OptimalityEstimate(Result):
    """The probability that an action is optimal, of the A actions in each of S states.

    Attributes:
        model: the tables.
        gamma: the discount.
        mean: (S, A) float64; 0 for unavailable actions.
        standard_error: (S, A), of ``mean``; nan for a single reward function.
        ties: "count": an action is optimal if none is better, so rows may sum to more than 1; "split": actions that
            are optimal together share the reward function evenly, so rows sum to 1.
        num_samples: the number of reward functions.
        reward: their distribution, in words.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> found = pm.optimality_probability(turner_figure_1(), num_samples=50, ties="split")
        >>> found.mean.sum(axis=1).round(9).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    model: TabularMDP
    gamma: float
    mean: Annotated[Floats, Dims("state", "action", column="probability", least=0)]
    standard_error: Annotated[Floats, Dims("state", "action", finite=False, least=0)]
    ties: str
    num_samples: int
    reward: str


@measure()
def optimality_probability(
    env_or_mdp: Any,
    gamma: float = 0.9,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    *,
    rewards: Any = None,
    ties: str = "count",
    method: str = "monte_carlo",
    tolerance: float | None = None,
    level: float = 0.95,
    states_with_identical_rewards: Identical = None,
    allow_all_equal: bool = True,
    threads: int | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> Generator[None, None, OptimalityEstimate]:
    """The share of reward functions for which each action is optimal (Turner et al., arXiv 1912.01683, definition 4.3).

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`, with S states and A actions.
        gamma: discount in [0, 1).
        reward: the distribution of reward functions.
        num_samples: how many to draw; by default 10,000. With ``tolerance``, the most to draw; by default 10^8.
        seed: of the draws, which are those of `power` with the same seed.
        rewards: (B, S): exactly these reward functions instead.
        ties: "count" or "split"; see `OptimalityEstimate`. Two actions with the same outcome are always tied.
        method: ``"monte_carlo"``, ``"antithetic"``, ``"sobol"`` or ``"enumeration"``; see `power_metrics.power`.
        tolerance: draw until the widest interval of an action reaches no further than this to each side.
        level: of the intervals that ``tolerance`` looks at.
        states_with_identical_rewards: disjoint sets of state labels; the states of a set share one draw.
        allow_all_equal: False to draw again where all states have the same reward.
        threads: how many; None for one on each core. A worker of an executor has one.
        executor: ``"processes"``, ``"ray"`` or a `concurrent.futures.Executor`; bit for bit the same numbers.
        workers: how many processes to start, or shards that an executor gets at a time; None for one on each core.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.optimality_probability(PowerGrid("..", walls="absent"), num_samples=1000, progress=False)
        >>> found.mean.round(1)
        array([[0.5, 0. , 0. , 0. , 0.5],
               [0.5, 0. , 0. , 0.5, 0. ]])
    """
    mdp = resolve_model(env_or_mdp)
    gamma = check_gamma(gamma)
    if not isinstance(ties, str) or ties not in TIES:
        raise ValueError(f"ties: expected 'count' or 'split', found {ties!r}; {closest(ties, TIES)}")
    work = Work.checked(threads, executor, workers, progress)
    sampling = Sampling.checked(
        mdp, reward, num_samples, seed, method=method, tolerance=tolerance, level=level, rewards=rewards,
        states_with_identical_rewards=states_with_identical_rewards, allow_all_equal=allow_all_equal,
        methods=(*SAMPLED, "enumeration"), moments=False,
    )  # fmt: skip
    yield
    # A single action is optimal whatever the rewards are; that others never are would take more than no such draw.
    only = mdp.available & (mdp.available.sum(axis=1, keepdims=True) == 1)
    chances = Tails(only.ravel().astype(np.float64), mdp.available.ravel().astype(np.float64))
    statistic = OptimalActions(gamma, ties, chances if sampling.method in SAMPLED else None)
    averaged, draws = sampling.average(statistic, mdp, work, ["optimal"], "optimal actions")
    found, shape = averaged["optimal"], mdp.available.shape
    return OptimalityEstimate(
        model=mdp,
        gamma=gamma,
        mean=found.mean.reshape(shape),
        standard_error=found.standard_error.reshape(shape),
        ties=ties,
        num_samples=draws.count,
        reward=sampling.words,
    )


@dataclass(frozen=True)
class OptimalActions(Statistic):
    """Which actions are optimal, (n, S A) in [0, 1], at a discount, with ``ties`` counted or split."""

    gamma: float
    ties: str
    tails: Tails | None = None

    def reductions(self, trial: bool) -> Mapping[str, Reduction]:
        """See `Statistic`."""
        return {"optimal": Mean(tails=self.tails)}

    def shared(self, model: TabularMDP) -> Actions:
        """See `Statistic`."""
        _ = solver_tables(model).method
        return actions_of(model, self.gamma)

    def __call__(self, model: TabularMDP, block: Block) -> Iterator[tuple[str, Floats]]:
        """See `Statistic`."""
        share = split_policies(model, block.rewards, self.gamma, self.prepared(model))
        if self.ties == "count":
            np.greater(share, 0.0, out=share)
        yield "optimal", share.reshape(len(share), -1)
