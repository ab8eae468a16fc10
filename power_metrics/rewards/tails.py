"""What is known of rewards before any are drawn: their bounds, which moments they have, and what draws leave unseen.

A standard error from draws tells of what was drawn. It says nothing where rewards have no variance, and too little
where much depends on rewards so rare that none may be among the draws. Both are known from the distributions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.rewards.distributions import Normal, Pareto, RewardDistribution, Uniform
from power_metrics.rewards.sampler import Sampler, checked_draws

Floats = NDArray[np.float64]

UNSEEN = -math.log(0.025)
"""What happens in no more than this share of 1/n of all draws is missed by n of them with a chance of 2.5 % or more."""

QUANTILE = 1.959963984540054
"""Of the normal distribution at 97.5 %."""

_ROUNDING = 1e-13
"""Numbers that differ by less than this share of the largest are equal but for rounding."""

_DRAWS, _LARGEST = 1 << 16, 256
"""Of a distribution that does not say which moments it has: draws, and how many of the largest tell."""

_FEW = 1024
"""Draws that tell whether single values come up again and again."""


class HeavyTailsWarning(UserWarning):
    """Rewards whose tails are so heavy that intervals are missing, or too narrow."""


@dataclass(frozen=True, eq=False)
class Tails:
    """What is known of the rewards of a model, or of other numbers that are averaged.

    Attributes:
        low: no number is below; one, or one for each of them.
        high: none is above.
        index: moments of an order below this are finite.
        tested: distributions whose index was found by draws, in words.
        states: the distributions, each with the number of states that have it.
    """

    low: float | Floats
    high: float | Floats
    index: float = math.inf
    tested: tuple[str, ...] = ()
    states: tuple[tuple[RewardDistribution, int], ...] = ()

    @classmethod
    def of(cls, sampler: Sampler) -> Tails:
        """Of what a sampler draws.

        Raises:
            ValueError: for draws that are not finite numbers.
        """
        states = [(distribution, len(places)) for distribution, places in sampler.marginals()]
        ends = np.array([bounds(distribution) for distribution, _ in states])
        found = [(known_index(distribution), distribution) for distribution, _ in states]
        indices = [drawn_index(distribution) if index is None else index for index, distribution in found]
        tested = tuple(repr(distribution) for index, distribution in found if index is None)
        return cls(float(ends[:, 0].min()), float(ends[:, 1].max()), min(indices), tested, tuple(states))

    @property
    def heavy(self) -> list[str]:
        """The distributions, in words, whose moments are not known to exist up to order 4."""
        return [repr(distribution) for distribution, _ in self.states if (known_index(distribution) or 0.0) <= 4]

    @cached_property
    def atoms(self) -> bool:
        """Whether some rewards take single values again and again, so that what is rare may be missed altogether."""
        return any(has_atoms(distribution) for distribution, _ in self.states)

    def excess(self, share: float) -> float:
        """How far rewards go beyond their quantiles at ``share`` and 1 - ``share``, on average and summed over states.

        The expectation of a maximum lacks no more than this if such rewards are never drawn.
        """
        return sum(number * excess(distribution, share) for distribution, number in self.states)

    def _unbounded(self, share: float) -> float:
        """`excess` where rewards have no bounds; nan where a distribution without them offers no quantiles either."""
        free = [distribution for distribution, _ in self.states if not all(map(math.isfinite, bounds(distribution)))]
        known = bool(free) and all(excess(distribution, share) > 0 for distribution in free)
        return self.excess(share) if known else math.nan

    def _missed(self, count: int, controlled: bool) -> float:
        """The chance of what ``count`` draws may have missed although no single reward in it is too rare to be seen.

        POWER is least where all rewards within reach are the lowest: of 9 Bernoulli(0.5) rewards all are 0 once in 512
        times. With control variates it is also several states with rare rewards at the same time: as long as there is
        only one, linear controls make up the whole of POWER, and the spread that they leave says nothing of the rest.
        """
        lowest, rare = (
            [chance for distribution, number in self.states for chance in [of(distribution)] * number]
            for of in (_lowest, _rare)
        )
        found = np.cumprod(np.sort(lowest)[::-1])  # any number of states may be within reach
        if controlled:
            numbers = np.ones(1)  # the chance of each number of states
            for chance in rare:
                numbers = np.convolve(numbers, [1.0 - chance, chance])
            found = np.concatenate([found, np.cumsum(numbers[::-1])])
        return float(max(found[found * count < UNSEEN], default=0.0))

    def error(self, found: Floats, mean: Floats, count: int, scale: Floats | None = None) -> Floats:
        """The standard error of means, from what the spread of ``count`` draws says and from what is known beforehand.

        Where the draws do not differ, what was not seen may still have a chance of 3.7 / count, and be as far from
        the mean as the bounds allow; without bounds, by as much as rewards go beyond quantiles of that chance. With
        control variates this is so only where rewards take single values: others may leave no spread since the controls
        make up the whole of POWER.

        Args:
            found: (k,) the standard error from the spread.
            mean: (k,).
            count: draws.
            scale: (k,) with control variates: how many times as far as POWER what is averaged may go.
        """
        if self.index <= 2:
            return np.full_like(found, np.nan)
        controlled = scale is not None
        if controlled and not self.atoms:
            return found
        constant = found * math.sqrt(count) <= _ROUNDING * np.abs(mean).max()
        error = found
        if constant.any():
            farthest = np.maximum(self.high - mean, mean - self.low)
            jump = UNSEEN / QUANTILE / count * np.where(farthest > _ROUNDING * np.abs(mean), farthest, 0.0)
            if np.any(constant & ~np.isfinite(jump)):
                jump = np.where(np.isfinite(jump), jump, self._unbounded(UNSEEN / count) / QUANTILE)
            error = np.where(constant, jump, found)
        if self.states and self.atoms:
            rest = self.excess(3.0 / (count * sum(number for _, number in self.states))) / QUANTILE
            error = np.where(~constant & (rest > error), np.hypot(rest, error), error)
            missed = self._missed(count, controlled) / QUANTILE
            farthest = np.maximum(self.high - mean, mean - self.low)
            if missed > 0 and np.isfinite(farthest).all():
                beyond = missed * farthest * (1.0 if scale is None else scale)
                error = np.where(constant, error, np.hypot(error, beyond))
        return error

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of estimates has to know."""
        notes = []
        order = f"their moments exist up to order {'about ' if self.tested else ''}{self.index:.3g}"
        if self.index <= 2:
            notes.append(f"no standard error and no interval, since rewards have infinite variance: {order}")
        elif self.index <= 4:
            notes.append(f"intervals may be too narrow, since rewards have heavy tails: {order}")
        if self.tested:
            notes.append(f"which moments exist was tested by draws of {', '.join(self.tested)}")
        return tuple(notes)


def bounds(distribution: RewardDistribution) -> tuple[float, float]:
    """The least and the largest reward; infinite where that is not known."""
    atoms = getattr(distribution, "atoms", None)
    if atoms is not None:
        return float(np.min(atoms[0])), float(np.max(atoms[0]))
    low, high = getattr(distribution, "support", (-math.inf, math.inf))
    return float(low), float(high)


def known_index(distribution: RewardDistribution) -> float | None:
    """The order below which moments are finite, as far as a distribution says: None where it does not."""
    stated = getattr(distribution, "tail_index", None)
    if stated is not None:
        return float(stated)
    if all(map(math.isfinite, bounds(distribution))):
        return math.inf
    return None if math.isfinite(getattr(distribution, "mean", 0.0)) else 1.0


def drawn_index(distribution: RewardDistribution) -> float:
    """A low guess of the order below which moments are finite: Hill's estimate (1975) less two standard errors."""
    draws = checked_draws(distribution, distribution.sample(np.random.default_rng(0), (_DRAWS,)), (_DRAWS,))
    sizes = np.sort(np.abs(draws - np.median(draws)))[-_LARGEST - 1 :]
    if sizes[0] == 0:
        return math.inf
    mean = float(np.log(sizes[1:] / sizes[0]).mean())
    return (1 - 2 / math.sqrt(_LARGEST)) / mean if mean > 0 else math.inf


def has_atoms(distribution: RewardDistribution) -> bool:
    """Whether one value makes up a share of the draws."""
    if getattr(distribution, "atoms", None) is not None:
        return True
    if isinstance(distribution, Uniform | Normal | Pareto):
        return False
    draws = checked_draws(distribution, distribution.sample(np.random.default_rng(0), (_FEW,)), (_FEW,))
    return bool(np.unique(draws, return_counts=True)[1].max() > 0.01 * _FEW)


_RARE = 0.05
"""Values with less than this chance are rare."""


def _lowest(distribution: RewardDistribution) -> float:
    """The chance of the lowest value, of those that distributions list."""
    atoms = getattr(distribution, "atoms", None)
    return 0.0 if atoms is None else float(np.asarray(atoms[1])[np.argmin(atoms[0])])


def _rare(distribution: RewardDistribution) -> float:
    """The chance of rare values, of those that distributions list."""
    chances = np.asarray((getattr(distribution, "atoms", None) or ((), ()))[1], dtype=np.float64)
    return float(chances[chances < _RARE].sum())


def excess(distribution: Any, share: float) -> float:
    """E[(R - Q(1 - share))⁺ + (Q(share) - R)⁺] with Q the quantiles; 0 where a distribution does not offer them."""
    share = min(share, 0.5)
    atoms = getattr(distribution, "atoms", None)
    if atoms is not None:
        values, chances = map(np.asarray, atoms)
        reached = np.cumsum(chances)
        low = values[min(int(np.searchsorted(reached, share)), len(values) - 1)]
        high = values[min(int(np.searchsorted(reached, (1.0 - share) * (1 - 1e-12))), len(values) - 1)]
        return float(chances @ (np.maximum(values - high, 0.0) + np.maximum(low - values, 0.0)))
    if not callable(getattr(distribution, "quantile", None)):
        return 0.0
    # With v = share e^-t the tails are integrals over t; floats near 1 end at t with v = 2^-53.
    t, step = np.linspace(0.0, max(math.log(share) + 53 * math.log(2.0), 1.0), 257, retstep=True)
    v = share * np.exp(-t)
    try:
        upper, lower = distribution.quantile(1.0 - v), distribution.quantile(v)
    except ValueError:  # of torch, whose distributions may lack quantiles
        return 0.0
    beyond = (upper - upper[0]) + (lower[0] - lower)
    beyond[~np.isfinite(beyond)] = 0.0  # at 1 itself
    return float(beyond @ v * step)
