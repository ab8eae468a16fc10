"""POWER: the instrumental value of a state, and the estimate object that carries it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from concurrent.futures import Executor
from fractions import Fraction
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from power_metrics.arguments.checks import (
    check_count,
    check_gammas,
    check_progress,
    check_rewards,
    check_seed,
    resolve_model,
)
from power_metrics.expectation.closed_form import estimates as closed_form
from power_metrics.expectation.controls import check_controls
from power_metrics.expectation.draws import TRIAL, Given
from power_metrics.expectation.executors import check_executor
from power_metrics.expectation.methods import (
    DEFAULT_SAMPLES,
    EXACT,
    MAX_SAMPLES,
    check_method,
    choose,
    draws_of,
    until_within,
)
from power_metrics.expectation.runs import Job, Run
from power_metrics.results.estimate import PowerEstimate, critical_value
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.sampler import reward_sampler
from power_metrics.solvers.dispatch import num_threads
from powerenvs.model.checks import flag, real

if TYPE_CHECKING:
    import torch


@overload
def power(
    env_or_mdp: Any,
    gamma: float | Fraction = ...,
    reward: RewardDistribution | PerState = ...,
    num_samples: int | None = ...,
    seed: int | None = ...,
    *,
    method: str = ...,
    control_variates: bool | None = ...,
    tolerance: float | None = ...,
    level: float = ...,
    rewards: Any = ...,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = ...,
    allow_all_equal: bool = ...,
    keep_samples: bool = ...,
    batch_size: int | None = ...,
    threads: int | None = ...,
    device: str | torch.device | None = ...,
    executor: str | Executor | None = ...,
    workers: int | None = ...,
    progress: bool | None = ...,
) -> PowerEstimate: ...


@overload
def power(
    env_or_mdp: Any,
    gamma: Iterable[float | Fraction],
    reward: RewardDistribution | PerState = ...,
    num_samples: int | None = ...,
    seed: int | None = ...,
    *,
    method: str = ...,
    control_variates: bool | None = ...,
    tolerance: float | None = ...,
    level: float = ...,
    rewards: Any = ...,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = ...,
    allow_all_equal: bool = ...,
    keep_samples: bool = ...,
    batch_size: int | None = ...,
    threads: int | None = ...,
    device: str | torch.device | None = ...,
    executor: str | Executor | None = ...,
    workers: int | None = ...,
    progress: bool | None = ...,
) -> list[PowerEstimate]: ...


def power(
    env_or_mdp: Any,
    gamma: float | Fraction | Iterable[float | Fraction] = 0.9,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    *,
    method: str = "monte_carlo",
    control_variates: bool | None = None,
    tolerance: float | None = None,
    level: float = 0.95,
    rewards: Any = None,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = None,
    allow_all_equal: bool = True,
    keep_samples: bool = False,
    batch_size: int | None = None,
    threads: int | None = None,
    device: str | torch.device | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> PowerEstimate | list[PowerEstimate]:
    """POWER of every state: the expected optimal value of what follows, over reward functions R ~ D.

    POWER(s, γ) = (1 - γ) E_R[max_a Σ_s' P(s'|s, a) V*_R(s')], which is (1 - γ)/γ · E[V*_R(s) - R(s)] for
    0 < γ < 1 (Turner et al., arXiv 1912.01683, definition 5.2), and its limits at the ends: E_R[max_a Σ P R] at 0,
    and at 1 the expected optimal long-run average reward (see `power_metrics.optimal_gain`). Rewards are received
    in the state that the agent is in; unavailable actions never take part; terminal states go on paying their own.

    Every reward function is solved exactly; only the expectation is an estimate, with a standard error, and
    ``method`` says how it is taken. ``"monte_carlo"``: independent reward functions. ``"antithetic"``: in pairs at
    mirrored quantiles. ``"sobol"``: 16 independently scrambled Sobol point sets. ``"enumeration"``: all reward
    functions of distributions with finitely many values, at most 2^20, without error. ``"closed_form"``: exact
    fractions, for small deterministic models with uniform rewards. ``"auto"``: enumeration or the closed form where
    they fit, else Sobol points with control variates for up to 64 states where these can be had, else Monte Carlo.
    ``result.method`` says what was done.

    The same seed gives the same numbers, whatever ``threads``, ``batch_size`` and ``executor`` are, and the first n
    reward functions of a longer run are those of a shorter one. Memory does not grow with ``num_samples``. Several
    discounts are solved for the same reward functions, so that their differences are not blurred by other draws.

    Args:
        env_or_mdp: an environment (wrapped or not) or a `powerenvs.TabularMDP`, with S states.
        gamma: discount in [0, 1], or a sequence of them.
        reward: the distribution D, the same for all states or a `PerState`.
        num_samples: how many reward functions to draw; by default 10,000. ``"antithetic"`` rounds up to an even
            number, ``"sobol"`` to 16 times a power of two. With ``tolerance``, the most to draw; by default 10^8.
        seed: of the draws; None for a fresh one, which the result then tells.
        method: how the expectation is taken, see above.
        control_variates: True to subtract two control variates, whose expectation is known (see
            `power_metrics.expectation.controls`), from each reward function's POWER: fewer draws for the same error.
            Their multiples come from 1,024 further reward functions. For models of up to 256 states and distributions
            with a ``cdf``. None leaves it to ``"auto"``, and means False elsewhere.
        tolerance: draw until the widest interval of a state reaches no further than this to each side. Trial runs
            settle the number; the result comes from a fresh run. What is exact fulfils any tolerance.
        level: of the intervals that ``tolerance`` looks at.
        rewards: (B, S) or (S,): exactly these reward functions, nothing is drawn.
        states_with_identical_rewards: disjoint sets of state labels; the states of a set share one draw.
        allow_all_equal: False to draw again where all states have the same reward.
        keep_samples: keep the POWER of every reward function in ``result.samples`` (num_samples, S), without control
            variates. With ``rewards`` they always are; what is exact has none.
        batch_size: reward functions that a thread solves between two looks at what else happens (an
            interrupt, the progress bar); at most and by default a block of the sampler, up to 1024.
        threads: how many; None for one on each core. A worker of an executor has one.
        device: ``"cuda"`` (or ``"cuda:1"``, ...) to solve on a graphics card with torch, which gives the same to
            1e-9; None for the CPU kernels, which are faster than ``"cpu"``, torch on the CPU. γ = 1 needs None.
        executor: ``"processes"``, ``"ray"`` (needs ``powerenvs[ray]``) or any `concurrent.futures.Executor` of
            processes or machines that have this package. Bit for bit the same numbers. See docs/scaling.md.
        workers: how many processes to start, or shards that an executor gets at a time; None for one on each core.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Returns:
        The estimate: ``mean`` and ``standard_error`` (S,), and how they came about. For a sequence of discounts,
        a list with one estimate for each; their times are those of the whole run.

    Raises:
        ValueError: for an argument that does not fit, before any long work.
        ImportError: if ``executor`` is ``"ray"`` and Ray is not installed.
        RuntimeError: if the workers of an executor keep dying.
    """
    mdp = resolve_model(env_or_mdp)
    if isinstance(gamma, Iterator):
        gamma = list(gamma)  # it is read twice
    gammas, several = check_gammas(gamma)  # type: ignore[arg-type]  # it takes fractions
    threads = num_threads(None if threads is None else check_count("threads", threads))
    show = check_progress(progress)
    batch = None if batch_size is None else check_count("batch_size", batch_size)
    if workers is not None and executor is None:
        raise ValueError(f"workers: expected None without an executor, found {workers!r}; threads=... is for this one")
    pool = None if executor is None else check_executor(executor, workers)
    if device is not None:
        from power_metrics.solvers.gpu import check_device

        device = str(check_device(device))
        if 1.0 in gammas:
            raise ValueError(f"device: expected None for gamma = 1, which the CPU kernels solve, found {device!r}")
    method = check_method(method)
    critical_value(level)
    keep_samples = flag("keep_samples", keep_samples)
    control_variates = None if control_variates is None else flag("control_variates", control_variates)
    job = Job(mdp, gammas, batch, keep_samples or rewards is not None, device, threads, pool, show)
    if rewards is not None:
        _check_defaults(
            "where rewards are given, since nothing is drawn",
            method=method != "monte_carlo",
            control_variates=control_variates is not None,
            tolerance=tolerance is not None,
            states_with_identical_rewards=states_with_identical_rewards is not None,
            allow_all_equal=not flag("allow_all_equal", allow_all_equal),
        )
        runs = job.run(Given(check_rewards(rewards, mdp.num_states)))
        estimates = job.estimates(runs, "given", "given_rewards", None)
        return estimates if several else estimates[0]
    count = None if num_samples is None else check_count("num_samples", num_samples)
    start_seed = check_seed(seed)
    sampler = reward_sampler(mdp, reward, states_with_identical_rewards, allow_all_equal)
    if tolerance is not None and not 0 < real(tolerance) < np.inf:
        raise ValueError(f"tolerance: expected a number above 0, found {tolerance!r}")
    if method in EXACT:
        _check_defaults(f"with method {method!r}", num_samples=count is not None)
    method, controlled = choose(method, control_variates, keep_samples, mdp, gammas, sampler)
    if method in EXACT:
        _check_defaults(f"with method {method!r}", control_variates=controlled, keep_samples=keep_samples)
        if method == "closed_form":
            as_given: Any = gamma if several else [gamma]  # fractions stay fractions
            estimates = closed_form.estimates(mdp, as_given, sampler, repr(reward))
        else:
            estimates = job.estimates(job.run(draws_of(method, sampler, 0, 0)), repr(reward), method, None)
        return estimates if several else estimates[0]
    if controlled:
        check_controls(mdp, sampler)

    def run(number: int, trial: bool) -> list[Run]:
        draws = draws_of(method, sampler, start_seed, number, (TRIAL,) if trial else ())
        return job.run(draws, controls, trial)

    draws_of(method, sampler, start_seed, 1)  # its checks come before any long work
    controls = job.controls(sampler, start_seed) if controlled else None
    if tolerance is None:
        runs = run(DEFAULT_SAMPLES if count is None else count, False)
    else:
        runs = until_within(
            run, lambda found: max(one.half_width(level) for one in found), float(tolerance),
            count or MAX_SAMPLES,
            doubling=method == "sobol",
        )  # fmt: skip
    name = f"{method} with control variates" if controlled else method
    estimates = job.estimates(runs, repr(reward), name, start_seed)
    return estimates if several else estimates[0]


def _check_defaults(when: str, **changed: bool) -> None:
    """Raises a ValueError for the first argument that was changed."""
    for name, is_changed in changed.items():
        if is_changed:
            raise ValueError(f"{name}: expected the default {when}")
