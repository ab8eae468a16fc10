"""How the expectation over reward functions is taken: which draws, and how many of them a tolerance needs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_rewards, check_seed
from power_metrics.expectation.draws import TRIAL, Antithetic, Draws, Enumeration, Given, MonteCarlo, Sobol
from power_metrics.expectation.expect import Work, expect
from power_metrics.expectation.statistic import Statistic
from power_metrics.results.estimate import critical_value
from power_metrics.rewards.distributions import PerState, RewardDistribution
from power_metrics.rewards.sampler import RewardSampler, Sampler, block_rows, check_offers, reward_sampler
from power_metrics.rewards.tails import HeavyTailsWarning, Tails
from powerenvs.model.checks import flag, real
from powerenvs.model.labels import closest

DEFAULT_SAMPLES = 10_000
"""Reward functions, where neither a number nor a tolerance is given."""

MAX_SAMPLES = 100_000_000
"""The most reward functions that are drawn for a tolerance, where no number is given."""

TRIAL_SAMPLES = 1024
"""Reward functions of the (first) trial run that a tolerance starts with."""

_MARGIN = 0.9
"""The share of the tolerance that trial runs aim at, so that the run that counts seldom misses it."""

_DIFFERENT = 1 << 20
"""Draws after which trial runs without a width end: draws that never differ, of rewards without bounds."""

SAMPLED: dict[str, Callable[..., Draws]] = {"monte_carlo": MonteCarlo, "antithetic": Antithetic, "sobol": Sobol}
GIVEN = "given_rewards"

Identical = Iterable[Collection[Hashable]] | None
Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Sampling:
    """The arguments that say which reward functions there are, checked; the same ones in every measure.

    Attributes:
        method: a key of `SAMPLED`, "enumeration", or `GIVEN`; other words are for the measure to settle (`settled`).
        words: the distribution, for people.
        sampler: draws from it; None where reward functions are given.
        given: (B, S) exactly these reward functions, or pairs (B, 2, S); None where they are drawn.
        rows: in a block of those that are given.
        count: how many to draw, with a tolerance at most; None for the default.
        seed: of the draws; None where nothing is drawn.
        tolerance: half of the widest interval that will do; None for a fixed number.
        level: of that interval.
    """

    method: str
    words: str
    sampler: Any = None
    given: NDArray[np.float64] | None = None
    rows: int = 1
    count: int | None = None
    seed: int | None = None
    tolerance: float | None = None
    level: float = 0.95

    @classmethod
    def checked(
        cls,
        model: Any,
        reward: RewardDistribution | PerState,
        num_samples: int | None,
        seed: int | None,
        *,
        method: str = "monte_carlo",
        tolerance: float | None = None,
        level: float = 0.95,
        rewards: Any = None,
        states_with_identical_rewards: Identical = None,
        allow_all_equal: bool = True,
        methods: Collection[str] = tuple(SAMPLED),
        sampler: Callable[..., Sampler] = reward_sampler,
        check_given: Callable[[Any, Any], NDArray[np.float64]] = check_rewards,
        rows: int | None = None,
        moments: bool = True,
        **others: bool,
    ) -> Sampling:
        """From the arguments of these names, which mean the same in every measure.

        Args:
            model: whose states the rewards are of.
            reward: see `power_metrics.power`; so are the others up to ``allow_all_equal``.
            num_samples: how many.
            seed: of the draws.
            method: one of ``methods``.
            tolerance: or None.
            level: of intervals.
            rewards: exactly these.
            states_with_identical_rewards: sets of labels.
            allow_all_equal: whether to keep reward functions that are the same everywhere.
            methods: what the measure offers.
            sampler: (model, reward, sets, allow_all_equal) to what draws: `reward_sampler`, or one of pairs.
            check_given: (rewards, model) to an array.
            rows: in a block of given ones; None for `block_rows`.
            moments: whether what is averaged has no more moments than rewards have; a chance has all.
            **others: further arguments of the measure that say how to draw: whether they are not the defaults.

        Raises:
            ValueError: for one that does not fit, naming it.
        """
        if not isinstance(method, str) or method not in methods:
            raise ValueError(
                f"method: expected one of {', '.join(methods)}, found {method!r}; {closest(str(method), methods)}"
            )
        critical_value(level)
        allow_all_equal = flag("allow_all_equal", allow_all_equal)
        if rewards is not None:
            refuse_changed(
                "where rewards are given, since nothing is drawn",
                method=method != "monte_carlo",
                tolerance=tolerance is not None,
                states_with_identical_rewards=states_with_identical_rewards is not None,
                allow_all_equal=not allow_all_equal,
                **others,
            )
            given = check_given(rewards, model)
            return cls(GIVEN, "given", given=given, rows=rows or block_rows(model.num_states))
        count = None if num_samples is None else check_count("num_samples", num_samples)
        first = check_seed(seed)
        drawn = sampler(model, reward, states_with_identical_rewards, allow_all_equal)
        if tolerance is not None and not 0 < real(tolerance) < np.inf:
            raise ValueError(f"tolerance: expected a number above 0, found {tolerance!r}")
        bound = None if tolerance is None else float(tolerance)
        found = cls(method, repr(reward), drawn, None, 1, count, first, bound, float(level))
        if method in (*SAMPLED, "enumeration"):
            found.draws(1)  # its checks come before any long work
        if moments:
            found._check_moments()
        return found

    def _check_moments(self) -> None:
        """Refuses rewards without a mean, and warns of those whose tails are heavy."""
        if self.tails.index > 4:
            return
        names = ", ".join(self.tails.heavy)
        if self.tails.index <= 1:
            how = ", as draws tell" if self.tails.tested else ""
            raise ValueError(f"reward: expected distributions with a finite mean, found {names}{how}")
        if self.tails.index <= 2 and self.tolerance is not None:
            raise ValueError(
                f"tolerance: expected None where rewards have infinite variance, found {self.tolerance:g} with {names}"
            )
        warnings.warn(f"{names}: {self.tails.notes[0]}", HeavyTailsWarning, stacklevel=5)

    @cached_property
    def tails(self) -> Tails:
        """What is known of the rewards that are drawn."""
        return Tails.of(self.sampler)

    @property
    def unseen(self) -> Tails | None:
        """What errors have to know besides the spread of draws; None where nothing is drawn by chance."""
        return self.tails if self.method in SAMPLED else None

    def settled(self, method: str) -> Sampling:
        """The same with the method that another word stands for.

        Raises:
            ValueError: if the distributions do not offer what it needs.
        """
        found = replace(self, method=method)
        if method in SAMPLED:
            found.draws(1)
        return found

    def draws(self, count: int, stream: tuple[int, ...] = ()) -> Draws:
        """So many reward functions of this kind, or all that are given or enumerated.

        Raises:
            ValueError: if the distributions do not offer what the method needs.
        """
        if self.given is not None:
            return Given(self.given, self.rows)
        return draws_of(self.method, self.sampler, self.seed or 0, count, stream)

    @property
    def facts(self) -> dict[str, Any]:
        """What results say of it: ``reward``, ``method``, ``seed`` and ``notes``."""
        drawn = self.method in SAMPLED
        notes = self.tails.notes if drawn else ()
        return {"reward": self.words, "method": self.method, "seed": self.seed if drawn else None, "notes": notes}

    def average(
        self,
        statistic: Statistic | Callable[[Draws], Statistic],
        model: Any,
        work: Work,
        judged: Iterable[str],
        title: str = "POWER",
    ) -> tuple[dict[str, Any], Draws]:
        """Averages a statistic over as many reward functions as the arguments ask for.

        Args:
            statistic: what is averaged, or what makes it for some draws.
            model: see `expect`.
            work: see `expect`.
            judged: the names of the means whose widest interval a tolerance is about.
            title: of the progress bar.

        Returns:
            What the reductions of the statistic add up to, by name, and the reward functions.

        Raises:
            ValueError: if a tolerance takes more reward functions than there may be.
        """

        def one(count: int, trial: bool) -> tuple[dict[str, Any], Draws]:
            draws = self.draws(count, (TRIAL,) if trial else ())
            asked = statistic if isinstance(statistic, Statistic) else statistic(draws)
            return expect(asked, draws, model, work, trial=trial, title=title), draws

        def half_width(made: tuple[dict[str, Any], Draws]) -> float:
            found, draws = made
            error = max(float(np.max(found[name].standard_error)) for name in names)
            return critical_value(self.level, draws.replicates) * error

        names = tuple(judged)
        if self.tolerance is None or self.method not in SAMPLED:
            return one(DEFAULT_SAMPLES if self.count is None else self.count, False)
        return until_within(one, half_width, self.tolerance, self.count or MAX_SAMPLES, self.method == "sobol")


def draws_of(method: str, sampler: Sampler, seed: int, count: int, stream: tuple[int, ...] = ()) -> Draws:
    """The reward functions of a run.

    Raises:
        ValueError: if the distributions do not offer what the method needs.
    """
    if method == "enumeration":
        assert isinstance(sampler, RewardSampler)  # no other measure offers it
        return Enumeration(sampler)
    if method != "monte_carlo":
        check_offers(sampler, "quantile", f"method {method!r}")
    return SAMPLED[method](sampler, seed, count, stream)


def refuse_changed(when: str, **changed: bool) -> None:
    """Raises a ValueError for the first argument that was changed."""
    for name, is_changed in changed.items():
        if is_changed:
            raise ValueError(f"{name}: expected the default {when}")


def until_within(
    run: Callable[[int, bool], Found],
    half_width: Callable[[Found], float],
    tolerance: float,
    most: int,
    doubling: bool,
) -> Found:
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
        ValueError: if that takes more than ``most``, or draws tell no error.
    """
    count, trial = min(TRIAL_SAMPLES, most), True
    while True:
        result = run(count, trial)
        width = half_width(result)
        if not trial and width <= tolerance:
            return result
        if math.isnan(width) and count >= _DIFFERENT:
            raise ValueError(
                f"tolerance: expected draws that differ, or rewards with bounds or quantiles, found {count:,} draws "
                "that tell no error; num_samples=... takes as many without one"
            )
        if not width <= _MARGIN * tolerance:  # a single reward function has no width, nor what may be anywhere
            ratio = width / (_MARGIN * tolerance)
            by_law = min(most + 1, count * ratio * ratio)  # which may have overflowed
            needed = max(math.ceil(by_law), count + 1) if width < math.inf and not doubling else 2 * count
            if needed > most:
                raise ValueError(
                    f"tolerance: expected one within reach of {most:,} reward functions, found {tolerance:g}: "
                    f"{count:,} have a half width of {width:.2g}"
                )
            count, trial = needed, doubling
        else:
            trial = False
