"""`power_of_policies`: POWER of agents that are not optimal, and how their power-seeking is distributed over goals."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.bounded import Learner, as_learner, checked_policies, following
from power_metrics.arguments.checks import check_gamma, resolve_model
from power_metrics.chains.evaluation import policy_values
from power_metrics.chains.occupancy import occupancy, start_weights
from power_metrics.comparison.references import References
from power_metrics.expectation.draws import Draws
from power_metrics.expectation.expect import Work, expect
from power_metrics.expectation.sampling import SAMPLED, Identical, Sampling
from power_metrics.expectation.statistic import Block, Mean, Reduction, Statistic
from power_metrics.measures.power import PowerStatistic, block_powers, estimate_of, of_solves, reductions_of_solves
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.results.estimate import PowerEstimate
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.sampler import block_generator
from power_metrics.rewards.tails import Tails
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

DEFAULT_SAMPLES = 1_000

SCALE_SAMPLES = 10_000
"""Reward functions, at least, of the POWER that power-seeking is measured by."""

SCALE = 301
"""The stream of these, apart from all other draws of a run."""


class Stages(Protocol):
    """A learner that is looked at one or several times. Frozen, and picklable for work in other processes."""

    @property
    def names(self) -> Sequence[str]:
        """What it is called at each look."""
        ...

    def __call__(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Iterator[Any]:
        """Policies (B, S, A) for reward functions (B, S), at each look."""
        ...


@dataclass(frozen=True)
class Once:
    """A learner that is looked at once."""

    learner: Learner

    @property
    def names(self) -> tuple[str]:
        """See `Stages`."""
        return (repr(self.learner),)

    def __call__(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Iterator[Any]:
        """See `Stages`."""
        yield self.learner.policies(mdp, rewards, gamma, rng)


@dataclass(frozen=True)
class PolicyPower(Result):
    """POWER of a learner's policies beside optimal POWER, and the power-seeking of both for each reward function.

    Attributes:
        learner: in words.
        power: POWER under the learner's policies, (1 - γ)/γ · E[V_π(R) - R] of each state.
        optimal: POWER for the same reward functions.
        shortfall: (S,) optimal POWER less the learner's.
        shortfall_error: (S,) its standard error, smaller than those of the two, which share reward functions.
        seeking: (N,) Σ_s d(s) POWER(s) of the learner's policy for each reward function, from the model's start.
        optimal_seeking: (N,) the same of an optimal policy, ties split evenly.
        references: the scale from random to most power-seeking, and the POWER that it is made of: of other reward
            functions, at least 10,000, because a policy would seem to seek POWER that its own reward function is part
            of. Of reward functions that were given, it is their own POWER.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> found = pm.power_of_policies(pm.Boltzmann(0.1), turner_figure_1(), num_samples=50)
        >>> bool((found.shortfall >= 0).all())
        True
        >>> found.to_frame().columns.tolist()
        ['seeking', 'optimal_seeking', 'normalised', 'optimal_normalised']
    """

    learner: str
    power: PowerEstimate
    optimal: PowerEstimate
    shortfall: Annotated[Floats, Dims("state")]
    shortfall_error: Annotated[Floats, Dims("state", finite=False, least=0)]
    seeking: Annotated[Floats, Dims("sample")]
    optimal_seeking: Annotated[Floats, Dims("sample")]
    references: References

    @property
    def model(self) -> TabularMDP:
        """The model."""
        return self.references.mdp

    @property
    def normalised(self) -> Floats:
        """(N,) ``seeking`` on the scale where the random policy is 0 and the most power-seeking 1."""
        return self.references.rescale(self.seeking)

    @property
    def optimal_normalised(self) -> Floats:
        """(N,) ``optimal_seeking`` on the same scale."""
        return self.references.rescale(self.optimal_seeking)

    @property
    def seeks_more(self) -> float:
        """The share of reward functions for which the learner seeks more POWER than the optimal policy; ties half."""
        tied = np.abs(self.seeking - self.optimal_seeking) <= 1e-12 * np.abs(self.seeking)
        return float(np.where(tied, 0.5, self.seeking > self.optimal_seeking).mean())

    def tables(self) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
        """{dimensions: {column: array}}: first by reward function, power-seeking also normalised; then by state."""
        found = super().tables()
        seeking = found.pop(("sample",))
        normalised = {"normalised": self.normalised, "optimal_normalised": self.optimal_normalised}
        return {("sample",): seeking | normalised, **found}

    def summary(self) -> dict[str, Any]:
        """POWER averaged over states, and power-seeking over reward functions, of the learner and the optimum."""
        return {
            "power": float(self.power.mean.mean()),
            "optimal_power": float(self.optimal.mean.mean()),
            "shortfall": float(self.shortfall.mean()),
            "normalised": float(self.normalised.mean()),
            "optimal_normalised": float(self.optimal_normalised.mean()),
            "seeks_more": self.seeks_more,
            "num_samples": self.power.num_samples,
        }

    def __repr__(self) -> str:
        learned, best = self.normalised, self.optimal_normalised
        return (
            f"PolicyPower({self.learner}, {self.power.num_samples:,} reward functions, gamma={self.power.gamma}: POWER "
            f"{self.power.mean.mean():.4f} of {self.optimal.mean.mean():.4f} on average over states; normalised "
            f"power-seeking {learned.mean():.3f} (standard deviation {learned.std():.3f}), of optimal policies "
            f"{best.mean():.3f} ({best.std():.3f}), more for {self.seeks_more:.0%} of reward functions)"
        )


@measure()
def power_of_policies(
    learner: Learner | Any,
    env_or_mdp: Any,
    gamma: float = 0.9,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    *,
    rewards: Any = None,
    initial: Any = None,
    method: str = "monte_carlo",
    tolerance: float | None = None,
    level: float = 0.95,
    states_with_identical_rewards: Identical = None,
    allow_all_equal: bool = True,
    threads: int | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> Generator[None, None, PolicyPower]:
    """POWER of an agent that has some policy, not the optimal one, for each reward function; evaluated exactly.

    POWER_pol(s, γ) = (1 - γ)/γ · E_R[V_pol(R)(s) - R(s)] (Turner et al., arXiv 1912.01683, appendix C; Turner &
    Tadepalli, arXiv 2206.13477). No policy has more than the optimal one, so learned POWER converges from below.

    Args:
        learner: `Boltzmann`, `EpsilonGreedy`, `Satisficing`, `BestOfK`, `QLearning`, anything else with a method like
            `Learner.policies`, or a function from reward functions (B, S) to policies (B, S, A).
        env_or_mdp: an environment or a `powerenvs.TabularMDP`, with S states and A actions.
        gamma: discount in [0, 1).
        reward: the distribution of reward functions.
        num_samples: how many to draw: N; by default 1,000. With ``tolerance``, the most to draw; by default 10^8.
        seed: of the draws, which are those of `power` with the same seed; also of the learner's own randomness.
        rewards: (N, S): exactly these reward functions instead.
        initial: where learners and power-seeking start from: as for `occupancy`.
        method: ``"monte_carlo"``, ``"antithetic"`` or ``"sobol"``; see `power_metrics.power`.
        tolerance: draw until the widest interval of the learner's POWER reaches no further than this to each side.
        level: of the intervals that ``tolerance`` looks at.
        states_with_identical_rewards: disjoint sets of state labels; the states of a set share one draw.
        allow_all_equal: False to draw again where all states have the same reward.
        threads: how many; None for one on each core. A worker of an executor has one.
        executor: ``"processes"``, ``"ray"`` or a `concurrent.futures.Executor`, for learners that can be pickled; bit
            for bit the same numbers.
        workers: how many processes to start, or shards that an executor gets at a time; None for one on each core.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Returns:
        POWER of the learner and optimal POWER by state, and the power-seeking of both by reward function.

    Raises:
        ValueError: for an argument that does not fit, and a learner that gives no policies.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.power_of_policies(pm.Boltzmann(0.1), PowerGrid("..."), num_samples=200, progress=False)
        >>> found.power.mean.round(2), found.optimal.mean.round(2)
        (array([0.57, 0.58, 0.58]), array([0.73, 0.74, 0.73]))
    """
    work = Work.checked(threads, executor, workers, progress)
    looked_at = StagesOfPower.checked(Once(as_learner(learner)), env_or_mdp, gamma, initial, work)
    count = DEFAULT_SAMPLES if num_samples is None and tolerance is None else num_samples
    sampling = Sampling.checked(
        looked_at.mdp, reward, count, seed, method=method, tolerance=tolerance, level=level, rewards=rewards,
        states_with_identical_rewards=states_with_identical_rewards, allow_all_equal=allow_all_equal,
        methods=tuple(SAMPLED),
    )  # fmt: skip
    yield
    return looked_at.measured(sampling, work)[0]


@dataclass(frozen=True, eq=False)
class StagesOfPower:
    """POWER of a learner that is looked at one or several times, ready to be measured.

    Attributes:
        stages: the learner.
        mdp: the model.
        gamma: discount in [0, 1).
        initial: (S,) where learners and power-seeking start.
    """

    stages: Stages
    mdp: TabularMDP
    gamma: float
    initial: Floats

    @classmethod
    def checked(cls, stages: Stages, env_or_mdp: Any, gamma: float, initial: Any, work: Work) -> StagesOfPower:
        """From arguments of these names.

        Raises:
            ValueError: for one that does not fit, or a learner that cannot go to other processes.
        """
        mdp = resolve_model(env_or_mdp)
        start = start_weights(mdp, initial)
        if work.pool is not None:
            try:
                pickle.dumps(stages)
            except Exception as error:  # pickle raises whatever the object's own code does
                raise ValueError(f"learner: expected one that can be pickled, for an executor ({error})") from None
        return cls(stages, mdp, check_gamma(gamma), start)

    def measured(self, sampling: Sampling, work: Work) -> list[PolicyPower]:
        """A result for each look."""
        names = self.stages.names

        @cache
        def references(count: int) -> References:
            # POWER that a policy's own reward function went into would favour it, so others are drawn if any are.
            others = sampling.draws(max(count, SCALE_SAMPLES), (SCALE,))
            power = expect(PowerStatistic((self.gamma,)), others, self.mdp, work)["power 0"].mean
            return References.of(self.mdp, self.gamma, power, self.initial)

        def statistic(draws: Draws) -> StagePowers:
            power = references(draws.count).power
            return StagePowers(self.stages, self.gamma, self.initial, power, sampling.seed or 0, sampling.unseen)

        judged = [f"power {n}" for n in range(len(names))]
        found, draws = sampling.average(statistic, self.mdp, work, judged, "policies")
        facts = sampling.facts | work.times
        optimal = estimate_of(found, "optimal", self.mdp, self.gamma, draws, facts)
        return [
            PolicyPower(
                learner=name,
                power=estimate_of(
                    found, str(n), self.mdp, self.gamma, draws, facts | {"method": f"policies of {name}"}
                ),
                optimal=optimal,
                shortfall=found[f"shortfall {n}"].mean,
                shortfall_error=found[f"shortfall {n}"].standard_error,
                seeking=found[f"seeking {n}"].samples[:, 0],
                optimal_seeking=found["optimal seeking"].samples[:, 0],
                references=references(draws.count),
            )
            for n, name in enumerate(names)
        ]


@dataclass(frozen=True, eq=False)
class StagePowers(Statistic):
    """POWER of a learner's policies at each look, what it lacks, and power-seeking beside that of optimal policies.

    Attributes:
        stages: the learner.
        gamma: discount.
        initial: (S,) where learners and power-seeking start.
        power: (S,) the optimal POWER that power-seeking is measured by.
        seed: of the learners' own randomness.
        tails: what is known of the rewards before any are drawn.
    """

    stages: Stages
    gamma: float
    initial: Floats
    power: Floats
    seed: int
    tails: Tails | None = None

    def reductions(self, trial: bool) -> Mapping[str, Reduction]:
        """See `Statistic`."""
        found = reductions_of_solves("optimal", Mean(not trial, tails=self.tails))
        found["optimal seeking"] = Mean(not trial)
        for n in range(len(self.stages.names)):
            found |= reductions_of_solves(str(n), Mean(tails=self.tails))
            found |= {f"shortfall {n}": Mean(), f"seeking {n}": Mean(not trial)}
        return found

    def shared(self, model: TabularMDP) -> TabularMDP:
        """See `Statistic`: the model as learners are given it."""
        _ = solver_tables(model).method
        return model if np.array_equal(self.initial, model.initial) else model.with_(initial=self.initial)

    def __call__(self, model: TabularMDP, block: Block) -> Iterator[tuple[str, Floats]]:
        """See `Statistic`."""
        rewards, gamma, start = block.rewards, self.gamma, self.initial
        rng = block_generator(self.seed, block.number, 1)
        best = optimal_policies(model, rewards, gamma, threads=1).numpy()
        (solved,) = block_powers(solver_tables(model), rewards, (gamma,), None, keep=True)
        yield from of_solves("optimal", solved)
        yield "optimal seeking", (occupancy(model, best, gamma, start) @ self.power)[:, None]
        for n, given in enumerate(self.stages(self.prepared(model), rewards, gamma, rng)):
            policies = checked_policies(given, model, len(rewards))
            values = policy_values(model, policies, rewards, gamma).numpy()
            continuation = np.einsum("bsa,bsa->bs", policies, following(model, values))
            error = np.abs(values - rewards - gamma * continuation).max(axis=1)
            size = np.maximum(np.abs(values).max(axis=1), np.finfo(np.float64).tiny)
            powers = (1.0 - gamma) * continuation
            yield from of_solves(str(n), (powers, error / size, np.ones(len(rewards), dtype=np.int32)))
            yield f"shortfall {n}", solved[0] - powers
            yield f"seeking {n}", (occupancy(model, policies, gamma, start) @ self.power)[:, None]
