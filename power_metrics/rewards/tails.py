"""What is known of rewards before any are drawn: their bounds, which moments they have, and what draws leave unseen.

A standard error from draws tells of what was drawn. It says nothing where rewards have no variance, and too little
where much depends on rewards so rare that none may be among the draws. Both are known from the distributions.
"""

from __future__ import annotations

import itertools
import math
import operator
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
"""Draws that tell whether single values come up again and again, and where rewards crowd."""


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
        ends = [bounds(distribution) for distribution, _ in states]
        found = [(known_index(distribution), distribution) for distribution, _ in states]
        indices = [drawn_index(distribution) if index is None else index for index, distribution in found]
        tested = tuple(repr(distribution) for index, distribution in found if index is None)
        return cls(min(low for low, _ in ends), max(high for _, high in ends), min(indices), tested, tuple(states))

    @property
    def heavy(self) -> list[str]:
        """The distributions, in words, whose moments are not known to exist up to order 4."""
        return [repr(distribution) for distribution, _ in self.states if (known_index(distribution) or 0.0) <= 4]

    @cached_property
    def atoms(self) -> bool:
        """Whether some rewards take single values again and again, so that what is rare may be missed altogether."""
        return any(has_atoms(distribution) for distribution, _ in self.states)

    @property
    def crowded(self) -> bool:
        """Whether rewards crowd at single values, or near the lowest, so that some combinations of them are rare."""
        return self.atoms or self._all_lowest.size > 0

    @cached_property
    def _all_lowest(self) -> Floats:
        """The chances that all rewards of so many states are the lowest, or near it, for 1, 2, ... of those states.

        POWER is least where that is so for all states within reach, which may be any: of 9 Bernoulli(0.5) rewards all
        are 0 once in 512 times, although no single reward is too rare to be seen.
        """
        chances = [(_lowest(distribution), number) for distribution, number in self.states]
        lowest = [chance for chance, number in chances if chance > 0 for _ in range(number)]
        return np.array(list(itertools.accumulate(sorted(lowest, reverse=True), operator.mul)))

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

    def _several_rare(self) -> Floats:
        """The chances of at least so many states with a rare reward at a time, from all states down to none.

        As long as there is one such state, linear controls make up the whole of POWER, and the spread that they leave
        says nothing of several.
        """
        numbers = np.ones(1)  # the chance of each number of states
        for distribution, number in self.states:
            chance = _rare(distribution)
            for _ in range(number):
                numbers = np.convolve(numbers, [1.0 - chance, chance])
        return np.cumsum(numbers[::-1])

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
        error, constant = found, np.zeros(found.shape, dtype=bool)
        if scale is None or self.atoms:
            constant = found * math.sqrt(count) <= _ROUNDING * np.abs(mean).max()
        if constant.any():
            farthest = np.maximum(self.high - mean, mean - self.low)
            jump = UNSEEN / QUANTILE / count * np.where(farthest > _ROUNDING * np.abs(mean), farthest, 0.0)
            if np.any(constant & ~np.isfinite(jump)):
                jump = np.where(np.isfinite(jump), jump, self._unbounded(UNSEEN / count) / QUANTILE)
            error = np.where(constant, jump, found)
        if self.atoms and self.states:
            rest = self.excess(3.0 / (count * sum(number for _, number in self.states))) / QUANTILE
            error = np.where(~constant & (rest > error), np.hypot(rest, error), error)
        lowest = _unseen(self._all_lowest, count)
        rare = _unseen(self._several_rare(), count) if scale is not None and self.atoms else 0.0
        if lowest == rare == 0 or not np.isfinite(np.subtract(self.high, self.low)).all():
            return error
        beyond = np.maximum(lowest * (mean - self.low), rare * np.maximum(self.high - mean, mean - self.low)) / QUANTILE
        return np.where(constant, error, np.hypot(error, beyond * (1.0 if scale is None else scale)))

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
    return bool(np.unique(_first_draws(distribution), return_counts=True)[1].max() > 0.01 * _FEW)


_RARE = 0.05
"""Values with less than this chance are rare."""

_NEAR, _CROWDED = 0.05, 0.25
"""Rewards in this lowest share of their range count as the lowest, if so many are there that the rest is elsewhere."""


def _unseen(chances: Floats, count: int) -> float:
    """The largest of these chances that so many draws may have missed; 0 for none."""
    return max((float(chance) for chance in chances if chance * count < UNSEEN), default=0.0)


def _lowest(distribution: RewardDistribution) -> float:
    """The chance of the lowest value, or of what is near it where that is a good part of all draws; else 0."""
    atoms = getattr(distribution, "atoms", None)
    if atoms is not None:
        return float(np.asarray(atoms[1])[np.argmin(atoms[0])])
    low, high = bounds(distribution)
    if isinstance(distribution, Uniform) or not math.isfinite(high - low):
        return 0.0
    near = float(np.mean(_first_draws(distribution) <= low + _NEAR * (high - low)))
    return near if near >= _CROWDED else 0.0


def _first_draws(distribution: RewardDistribution) -> Floats:
    return checked_draws(distribution, distribution.sample(np.random.default_rng(0), (_FEW,)), (_FEW,))


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
