"""POWER: the instrumental value of a state, and the estimate object that carries it."""

from __future__ import annotations

import time
from collections.abc import Collection, Hashable, Iterable
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from power_metrics.checks import check_count, check_gammas, check_progress, check_rewards, check_seed, resolve_model
from power_metrics.estimate import PowerEstimate
from power_metrics.rewards import DEFAULT, PerState, RewardDistribution
from power_metrics.sampling import Moments, block_generator, block_rows, reward_sampler
from power_metrics.solvers.components import gain_tables
from power_metrics.solvers.engine import in_order, num_threads, solve_into
from power_metrics.solvers.gain import GainSolution, solve_gain_into
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.tables import SolverTables, solver_tables


@overload
def power(
    env_or_mdp: Any,
    gamma: float = ...,
    reward: RewardDistribution | PerState = ...,
    num_samples: int = ...,
    seed: int | None = ...,
    *,
    rewards: Any = ...,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = ...,
    allow_all_equal: bool = ...,
    keep_samples: bool = ...,
    batch_size: int | None = ...,
    threads: int | None = ...,
    progress: bool | None = ...,
) -> PowerEstimate: ...


@overload
def power(
    env_or_mdp: Any,
    gamma: Iterable[float],
    reward: RewardDistribution | PerState = ...,
    num_samples: int = ...,
    seed: int | None = ...,
    *,
    rewards: Any = ...,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = ...,
    allow_all_equal: bool = ...,
    keep_samples: bool = ...,
    batch_size: int | None = ...,
    threads: int | None = ...,
    progress: bool | None = ...,
) -> list[PowerEstimate]: ...


def power(
    env_or_mdp: Any,
    gamma: float | Iterable[float] = 0.9,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int = 10_000,
    seed: int | None = 0,
    *,
    rewards: Any = None,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = None,
    allow_all_equal: bool = True,
    keep_samples: bool = False,
    batch_size: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> PowerEstimate | list[PowerEstimate]:
    """POWER of every state: the expected optimal value of what follows, over reward functions R ~ D.

    POWER(s, γ) = (1 - γ) E_R[max_a Σ_s' P(s'|s, a) V*_R(s')], which is (1 - γ)/γ · E[V*_R(s) - R(s)] for
    0 < γ < 1 (Turner et al., arXiv 1912.01683, definition 5.2), and its limits at the ends: E_R[max_a Σ P R] at 0,
    and at 1 the expected optimal long-run average reward (see `power_metrics.optimal_gain`). Rewards are received
    in the state that the agent is in; unavailable actions never take part; terminal states go on paying their own.

    Every reward function is solved exactly; only the expectation is an estimate, with a standard error.
    The same seed gives the same numbers, whatever ``threads`` and ``batch_size`` are, and the first n reward
    functions of a longer run are those of a shorter one. Memory does not grow with ``num_samples``. Several
    discounts are solved for the same reward functions, so that their differences are not blurred by other draws.

    Args:
        env_or_mdp: an environment (wrapped or not) or a `powerenvs.TabularMDP`, with S states.
        gamma: discount in [0, 1], or a sequence of them.
        reward: the distribution D, the same for all states or a `PerState`.
        num_samples: how many reward functions to draw.
        seed: of the draws; None for a fresh one, which the result then tells.
        rewards: (B, S) or (S,): exactly these reward functions, nothing is drawn.
        states_with_identical_rewards: disjoint sets of state labels; the states of a set share one draw.
        allow_all_equal: False to draw again where all states have the same reward.
        keep_samples: keep the POWER of every reward function in ``result.samples`` (num_samples, S). With
            ``rewards`` they always are.
        batch_size: reward functions that a thread solves between two looks at what else happens (an
            interrupt, the progress bar); at most and by default a block of the sampler, up to 1024.
        threads: how many; None for one on each core.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Returns:
        The estimate: ``mean`` and ``standard_error`` (S,), and how they came about. For a sequence of discounts,
        a list with one estimate for each; their times are those of the whole run.

    Raises:
        ValueError: for an argument that does not fit, before any long work.
    """
    mdp = resolve_model(env_or_mdp)
    gammas, several = check_gammas(gamma)
    threads = num_threads(None if threads is None else check_count("threads", threads))
    show = check_progress(progress)
    rows = block_rows(mdp.num_states)
    batch = rows if batch_size is None else min(rows, check_count("batch_size", batch_size))
    given = None if rewards is None else check_rewards(rewards, mdp.num_states)
    if given is None:
        count = check_count("num_samples", num_samples)
        start_seed = check_seed(seed)
        sampler = reward_sampler(mdp, reward, states_with_identical_rewards, allow_all_equal)
    else:
        if states_with_identical_rewards is not None or not allow_all_equal:
            name = "allow_all_equal" if states_with_identical_rewards is None else "states_with_identical_rewards"
            raise ValueError(f"{name}: expected the default where rewards are given, since nothing is drawn")
        count = len(given)
    tables = solver_tables(mdp)
    _ = tables.method  # worked out once, before threads ask for it at the same time
    if 1.0 in gammas:
        gain_tables(tables)  # likewise
    keep = keep_samples or given is not None
    samples = [np.empty((count, mdp.num_states)) if keep else None for _ in gammas]

    def solve_block(block: int) -> list[_Tally]:
        start, stop = block * rows, min((block + 1) * rows, count)
        if given is None:
            drawn = sampler.draw(block_generator(start_seed, block), rows)[: stop - start]
        else:
            drawn = given[start:stop]
        tallies = []
        for discount, kept in zip(gammas, samples, strict=True):
            powers, residual, iterations = _powers(tables, drawn, discount, batch)
            if kept is not None:
                kept[start:stop] = powers
            tallies.append(
                _Tally(Moments.of(powers), float(residual.max()), int(iterations.max()), int(iterations.sum()))
            )
        return tallies

    from tqdm import tqdm

    wall, cpu = time.perf_counter(), time.process_time()
    totals = [_Tally(Moments(mdp.num_states), 0.0, 0, 0) for _ in gammas]
    with tqdm(
        total=count, desc="POWER", unit=" rewards", delay=0 if show else 2, disable=None if show is None else not show
    ) as bar:
        for tallies in in_order(solve_block, -(-count // rows), threads):
            totals = [total.plus(tally) for total, tally in zip(totals, tallies, strict=True)]
            bar.update(tallies[0].moments.count)
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    estimates = [
        PowerEstimate(
            model=mdp,
            gamma=discount,
            mean=total.moments.mean,
            standard_error=total.moments.standard_error,
            num_samples=count,
            reward=repr(reward) if given is None else "given",
            method="monte_carlo" if given is None else "given_rewards",
            seed=start_seed if given is None else None,
            residual=total.residual,
            max_iterations=total.most,
            mean_iterations=total.iterations / count,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            _samples=kept,
        )
        for discount, total, kept in zip(gammas, totals, samples, strict=True)
    ]
    return estimates if several else estimates[0]


class _Tally(NamedTuple):
    """What some reward functions gave for one discount.

    Attributes:
        moments: of POWER.
        residual: the largest.
        most: the most iterations of a solve.
        iterations: of all solves together.
    """

    moments: Moments
    residual: float
    most: int
    iterations: int

    def plus(self, other: _Tally) -> _Tally:
        """With those of another; takes over the moments of this one."""
        self.moments.add(other.moments)
        return _Tally(
            self.moments,
            max(self.residual, other.residual),
            max(self.most, other.most),
            self.iterations + other.iterations,
        )


def _powers(
    tables: SolverTables, rewards: NDArray[np.float64], gamma: float, batch: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """POWER under each reward function (n, S), and the residual and the iterations of each solve (n,)."""
    n, S = rewards.shape
    parts = [slice(first, first + batch) for first in range(0, n, batch)]
    if gamma == 1.0:
        gains = GainSolution.empty(n, S, policies=False)
        for part in parts:
            solve_gain_into(tables, rewards[part], gains.part(part))
        return gains.gain, gains.residual, gains.iterations
    solution = Solution.empty(n, S)
    for part in parts:
        solve_into(tables, rewards[part], gamma, solution.part(part))
    powers = solution.continuation
    powers *= 1.0 - gamma
    return powers, solution.residual, solution.iterations
