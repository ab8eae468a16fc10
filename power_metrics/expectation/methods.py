"""Which way the expectation over reward functions is taken, and how many of them a tolerance needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from power_metrics.expectation.closed_form import estimates as closed_form
from power_metrics.expectation.draws import (
    MAX_ENUMERATED,
    Antithetic,
    Draws,
    Enumeration,
    MonteCarlo,
    Sobol,
    check_offers,
    marginals,
    num_reward_functions,
)
from power_metrics.rewards.sampler import RewardSampler
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP

DEFAULT_SAMPLES = 10_000
"""Reward functions, where neither a number nor a tolerance is given."""

AUTO_STATES = 64
"""Above this many states solving is so fast, beside better points and controls, that Monte Carlo takes less time."""

MAX_SAMPLES = 100_000_000
"""The most reward functions that are drawn for a tolerance, where no number is given."""

TRIAL_SAMPLES = 1024
"""Reward functions of the (first) trial run that a tolerance starts with."""

_MARGIN = 0.9
"""The share of the tolerance that trial runs aim at, so that the run that counts seldom misses it."""

SAMPLED: dict[str, Callable[..., Draws]] = {"monte_carlo": MonteCarlo, "antithetic": Antithetic, "sobol": Sobol}
EXACT = ("enumeration", "closed_form")
METHODS = ("auto", *SAMPLED, *EXACT)

Result = TypeVar("Result")


def check_method(method: str) -> str:
    """A known method.

    Raises:
        ValueError: for any other, with the closest.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(
            f"method: expected one of {', '.join(METHODS)}, found {method!r}; {closest(str(method), METHODS)}"
        )
    return method


def choose(
    method: str,
    control_variates: bool | None,
    keep_samples: bool,
    mdp: TabularMDP,
    gammas: list[float],
    sampler: RewardSampler,
) -> tuple[str, bool]:
    """The method that ``"auto"`` stands for, and whether there are control variates.

    What is exact comes first: enumeration, then the closed form. Else, up to `AUTO_STATES` states, Sobol points, with
    control variates, as far as the distributions allow; else plain Monte Carlo. What is exact has no samples to keep.
    """
    if method != "auto":
        return method, control_variates is True
    small = mdp.num_states <= AUTO_STATES
    if control_variates is None and not keep_samples:
        number = num_reward_functions(sampler)
        if number is not None and number <= MAX_ENUMERATED:
            return "enumeration", False
        if closed_form.fits(mdp, gammas, sampler):
            return "closed_form", False
    if control_variates is None:
        control_variates = small and _offer(sampler, "cdf") and _offer(sampler, "quantile")
    return ("sobol" if small and _offer(sampler, "quantile") else "monte_carlo"), control_variates


def _offer(sampler: RewardSampler, what: str) -> bool:
    return sampler.allow_all_equal and all(
        callable(getattr(distribution, what, None)) and math.isfinite(distribution.mean)
        for distribution, _ in marginals(sampler)
    )


def draws_of(method: str, sampler: RewardSampler, seed: int, count: int, stream: tuple[int, ...] = ()) -> Draws:
    """The reward functions of a run.

    Raises:
        ValueError: if the distributions do not offer what the method needs.
    """
    if method == "enumeration":
        return Enumeration(sampler)
    if method != "monte_carlo":
        check_offers(sampler, "quantile", f"method {method!r}")
    return SAMPLED[method](sampler, seed, count, stream)


def until_within(
    run: Callable[[int, bool], Result],
    half_width: Callable[[Result], float],
    tolerance: float,
    most: int,
    doubling: bool,
) -> Result:
    """A run whose interval is no wider than asked.

    Trial runs settle the number of reward functions; the result comes from a fresh run with draws of its own,
    and only its spread is looked at, never its mean. If that is still too wide, a longer fresh run follows.

    Args:
        run: makes a run of so many reward functions; as a trial, or one that counts.
        half_width: of the widest interval of a run.
        tolerance: what it has to reach.
        most: reward functions that a run may have.
        doubling: the number is doubled until trials are narrow enough; False to go by the law that the width falls
            with the root of the number.

    Raises:
        ValueError: if that takes more than ``most``.
    """
    count, trial = min(TRIAL_SAMPLES, most), True
    while True:
        result = run(count, trial)
        width = half_width(result)
        if not trial and width <= tolerance:
            return result
        if not width <= _MARGIN * tolerance:  # a single reward function has no width
            ratio = width / (_MARGIN * tolerance)
            by_law = min(most + 1, count * ratio * ratio)  # which may have overflowed
            needed = 2 * count if doubling else max(math.ceil(by_law), count + 1)
            if needed > most:
                raise ValueError(
                    f"tolerance: expected one within reach of {most:,} reward functions, found {tolerance:g}: "
                    f"{count:,} have a half width of {width:.2g}"
                )
            count, trial = needed, doubling
        else:
            trial = False
