"""`power_of_policies`: POWER of agents that are not optimal, and how their power-seeking is distributed over goals."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.bounded import as_learner, checked_policies, following
from power_metrics.arguments.checks import check_count, check_gamma, check_rewards, check_seed, resolve_model
from power_metrics.chains.evaluation import policy_values
from power_metrics.chains.occupancy import occupancy, start_weights
from power_metrics.comparison.references import References
from power_metrics.measures.power import power as compute_power
from power_metrics.results.estimate import PowerEstimate
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.sampler import Moments, block_generator, block_rows, reward_sampler
from power_metrics.solvers.dispatch import in_order, num_threads
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

Floats = NDArray[np.float64]
Stages = Callable[[TabularMDP, Floats, float, np.random.Generator], Iterator[Any]]
"""(model, reward functions (B, S), discount, generator) -> one or several times policies (B, S, A)."""


@dataclass(frozen=True, eq=False, repr=False)
class PolicyPower:
    """POWER of a learner's policies beside optimal POWER, and the power-seeking of both for each reward function.

    Attributes:
        learner: in words.
        power: POWER under the learner's policies, (1 - γ)/γ · E[V_π(R) - R] of each state.
        optimal: POWER for the same reward functions.
        shortfall: (S,) optimal POWER less the learner's.
        shortfall_error: (S,) its standard error, smaller than those of the two, which share reward functions.
        seeking: (N,) Σ_s d(s) POWER(s) of the learner's policy for each reward function, from the model's start.
        optimal_seeking: (N,) the same of an optimal policy, ties split evenly.
        references: the scale from random to most power-seeking.
    """

    learner: str
    power: PowerEstimate
    optimal: PowerEstimate
    shortfall: Floats
    shortfall_error: Floats
    seeking: Floats
    optimal_seeking: Floats
    references: References

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

    def to_frame(self) -> pandas.DataFrame:
        """One row for each reward function: power-seeking of the learned and the optimal policy, also normalised."""
        import pandas

        return pandas.DataFrame(
            {
                "seeking": self.seeking,
                "optimal_seeking": self.optimal_seeking,
                "normalised": self.normalised,
                "optimal_normalised": self.optimal_normalised,
            }
        )

    def plot(self, path: str | os.PathLike[str] | None = None) -> matplotlib.figure.Figure:
        """Two pictures: POWER of each state, learned against optimal, and both distributions of power-seeking.

        Args:
            path: also save the figure there, whole or not at all; the suffix chooses the format.
        """
        from power_metrics.plots.learners import plot_policy_power

        return plot_policy_power(self, path)

    def __repr__(self) -> str:
        learned, best = self.normalised, self.optimal_normalised
        return (
            f"PolicyPower({self.learner}, {self.power.num_samples:,} reward functions, gamma={self.power.gamma}: POWER "
            f"{self.power.mean.mean():.4f} of {self.optimal.mean.mean():.4f} on average over states; normalised "
            f"power-seeking {learned.mean():.3f} ± {learned.std():.3f}, of optimal policies {best.mean():.3f} ± "
            f"{best.std():.3f}, more for {self.seeks_more:.0%} of reward functions)"
        )


def power_of_policies(
    learner: Any,
    env_or_mdp: Any,
    gamma: float = 0.9,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int = 1_000,
    seed: int | None = 0,
    *,
    rewards: Any = None,
    initial: Any = None,
    threads: int | None = None,
) -> PolicyPower:
    """POWER of an agent that has some policy, not the optimal one, for each reward function; evaluated exactly.

    POWER_pol(s, γ) = (1 - γ)/γ · E_R[V_pol(R)(s) - R(s)] (Turner et al., arXiv 1912.01683, appendix C; Turner &
    Tadepalli, arXiv 2206.13477). No policy has more than the optimal one, so learned POWER converges from below.

    Args:
        learner: `Boltzmann`, `EpsilonGreedy`, `Satisficing`, `BestOfK`, `QLearning`, anything else with a method like
            `Learner.policies`, or a function from reward functions (B, S) to policies (B, S, A).
        env_or_mdp: an environment or a `powerenvs.TabularMDP`, with S states and A actions.
        gamma: discount in [0, 1).
        reward: the distribution of reward functions.
        num_samples: how many to draw: N.
        seed: of the draws, which are those of `power` with the same seed; also of the learner's own randomness.
        rewards: (N, S): exactly these reward functions instead.
        initial: where power-seeking starts from: as for `occupancy`.
        threads: how many; None for one on each core.

    Returns:
        POWER of the learner and optimal POWER by state, and the power-seeking of both by reward function.

    Raises:
        ValueError: for an argument that does not fit, and a learner that gives no policies.
    """
    agent = as_learner(learner)

    def one(mdp: TabularMDP, drawn: Floats, discount: float, rng: np.random.Generator) -> Iterator[Any]:
        yield agent.policies(mdp, drawn, discount, rng)

    return power_of_stages(
        one,
        [repr(agent)],
        env_or_mdp,
        gamma,
        reward,
        num_samples,
        seed,
        rewards=rewards,
        initial=initial,
        threads=threads,
    )[0]


def power_of_stages(
    stages: Stages,
    names: Sequence[str],
    env_or_mdp: Any,
    gamma: float,
    reward: RewardDistribution | PerState,
    num_samples: int,
    seed: int | None,
    *,
    rewards: Any = None,
    initial: Any = None,
    threads: int | None = None,
) -> list[PolicyPower]:
    """`power_of_policies` for a learner that is looked at several times, under each of ``names``."""
    mdp = resolve_model(env_or_mdp)
    gamma = check_gamma(gamma)
    start = start_weights(mdp, initial)
    first_seed = check_seed(seed)
    drawn = (
        reward_functions(mdp, reward, num_samples, first_seed)
        if rewards is None
        else check_rewards(rewards, mdp.num_states)
    )
    threads = num_threads(None if threads is None else check_count("threads", threads))
    began, began_cpu = time.perf_counter(), time.process_time()
    optimal = compute_power(mdp, gamma, rewards=drawn, threads=threads)
    if rewards is None:
        optimal = replace(optimal, reward=repr(reward), method="monte_carlo", seed=first_seed)
    references = References.of(mdp, gamma, optimal.mean, start)
    rows = block_rows(mdp.num_states)

    def block(number: int) -> tuple[list[_Stage], Floats]:
        part = slice(number * rows, (number + 1) * rows)
        own, best_powers = drawn[part], optimal.samples[part]
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(first_seed, spawn_key=(number, 1))))
        best = optimal_policies(mdp, own, gamma, threads=1).numpy()
        found = [
            _measure(mdp, checked_policies(policies, mdp, len(own)), own, gamma, references, best_powers)
            for policies in stages(mdp, own, gamma, rng)
        ]
        return found, references.power_seeking(occupancy(mdp, best, gamma, start))

    totals = [_Stage(Moments(mdp.num_states), Moments(mdp.num_states), [], 0.0) for _ in names]
    optimal_seeking = []
    for found, best_seeking in in_order(block, -(-len(drawn) // rows), threads):
        for total, part in zip(totals, found, strict=True):
            total.add(part)
        optimal_seeking.append(best_seeking)
    return [
        PolicyPower(
            learner=name,
            power=PowerEstimate(
                model=mdp,
                gamma=gamma,
                mean=total.powers.mean,
                standard_error=total.powers.standard_error,
                num_samples=len(drawn),
                reward=optimal.reward,
                method=f"policies of {name}",
                seed=optimal.seed,
                residual=total.residual,
                max_iterations=1,
                mean_iterations=1.0,
                seconds=time.perf_counter() - began,
                cpu_seconds=time.process_time() - began_cpu,
            ),
            optimal=optimal,
            shortfall=total.shortfalls.mean,
            shortfall_error=total.shortfalls.standard_error,
            seeking=np.concatenate(total.seeking),
            optimal_seeking=np.concatenate(optimal_seeking),
            references=references,
        )
        for name, total in zip(names, totals, strict=True)
    ]


def reward_functions(mdp: TabularMDP, reward: RewardDistribution | PerState, num_samples: int, seed: int) -> Floats:
    """(num_samples, S) the reward functions that `power` draws with this seed."""
    count, rows = check_count("num_samples", num_samples), block_rows(mdp.num_states)
    sampler = reward_sampler(mdp, reward)
    blocks = [sampler.draw(block_generator(seed, number), rows) for number in range(-(-count // rows))]
    return np.concatenate(blocks)[:count]


@dataclass
class _Stage:
    """What has been measured of one stage of learning."""

    powers: Moments
    shortfalls: Moments
    seeking: list[Floats]
    residual: float

    def add(self, other: _Stage) -> None:
        self.powers.add(other.powers)
        self.shortfalls.add(other.shortfalls)
        self.seeking += other.seeking
        self.residual = max(self.residual, other.residual)


def _measure(
    mdp: TabularMDP, policies: Floats, rewards: Floats, gamma: float, references: References, optimal: Floats
) -> _Stage:
    """POWER of policies (B, S, A) under their reward functions (B, S), with optimal POWER (B, S) beside it."""
    values = policy_values(mdp, policies, rewards, gamma).numpy()
    continuation = np.einsum("bsa,bsa->bs", policies, following(mdp, values))
    error = np.abs(values - rewards - gamma * continuation).max(axis=1)
    size = np.maximum(np.abs(values).max(axis=1), np.finfo(np.float64).tiny)
    powers = (1.0 - gamma) * continuation
    seeking = references.power_seeking(occupancy(mdp, policies, gamma, references.initial))
    return _Stage(Moments.of(powers), Moments.of(optimal - powers), [seeking], float((error / size).max()))
