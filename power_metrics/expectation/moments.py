"""Running means, variances and skewness, combined block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from power_metrics.rewards.tails import QUANTILE
from power_metrics.solvers.jit import kernel

Floats = NDArray[np.float64]

_SYMMETRIC = 0.15
"""Means whose skewness is below this have intervals as wide as those of normal ones."""


class Moments:
    """Running moments over rows, combined block by block (Chan, Golub & LeVeque 1983; Pébay 2008)."""

    def __init__(self, width: int) -> None:
        """Starts with no rows of ``width`` numbers."""
        self.count = 0
        self.mean = np.zeros(width)
        self._squares = np.zeros(width)
        self._cubes = np.zeros(width)  # in units of 2^(3 _exponent), since cubes leave the range of floats first
        self._exponent = 0

    @classmethod
    def of(cls, rows: Floats) -> Moments:
        """The moments of the rows of (n, width)."""
        moments = cls(rows.shape[1])
        moments.count = len(rows)
        moments.mean = rows.mean(axis=0)
        centred = rows - moments.mean
        moments._squares = np.einsum("ij,ij->j", centred, centred)
        moments._exponent = int(np.frexp(np.sqrt(moments._squares.max(initial=0.0)))[1])
        add_cubes(centred, 2.0**-moments._exponent, moments._cubes)
        return moments

    def add(self, other: Moments) -> None:
        """Takes in the rows of another."""
        count = self.count + other.count
        difference = other.mean - self.mean
        self._add_cubes(other, difference, self.count / count, other.count / count)
        self.mean = self.mean + difference * (other.count / count)
        self._squares += other._squares + difference * difference * (self.count * other.count / count)
        self.count = count

    def _add_cubes(self, other: Moments, difference: Floats, own: float, others: float) -> None:
        largest = float(np.abs(difference).max(initial=0.0))
        exponent = max([m._exponent for m in (self, other) if m._squares.any()], default=0)
        exponent = max(exponent, int(np.frexp(largest)[1])) if largest > 0 else exponent
        d = np.ldexp(difference, -exponent)
        squares, more = np.ldexp(self._squares, -2 * exponent), np.ldexp(other._squares, -2 * exponent)
        self._cubes = np.ldexp(self._cubes, 3 * (self._exponent - exponent))
        self._cubes += np.ldexp(other._cubes, 3 * (other._exponent - exponent))
        self._cubes += d * (d * d * self.count * others * (own - others) + 3.0 * (own * more - others * squares))
        self._exponent = exponent

    @property
    def variance(self) -> Floats:
        """The sample variance (divided by n - 1); nan for a single row."""
        return self._squares / (self.count - 1) if self.count > 1 else np.full(len(self.mean), np.nan)

    @property
    def standard_error(self) -> Floats:
        """Of the mean; nan for a single row."""
        return np.sqrt(self.variance / self.count)

    @property
    def skewness(self) -> Floats:
        """Of the mean, without its sign: 1/√k where all that differs is k rare rows; 0 where nothing does."""
        spread = np.ldexp(self._squares, -2 * self._exponent) ** 1.5
        return np.abs(self._cubes) / np.where(spread > 0, spread, np.inf)


def widening(skewness: Floats) -> Floats:
    """By how much errors of means grow where these are skewed, since few of the draws make up the spread.

    A mean m of n numbers of which rare ones are larger by r has a variance that grows with its expectation μ, by
    r (μ - m) / n. The ends of its interval solve (m - μ)² = z² (v + r (μ - m)) / n, as Wilson's (1927) do for chances;
    r is skewness · √(n v). So a 95 % interval covers as well when it rests on a single rare number. From about 40 such
    numbers on it is the usual one.
    """
    rest = 0.5 * QUANTILE * np.maximum(skewness - _SYMMETRIC, 0.0)
    return rest + np.sqrt(1.0 + rest * rest)


@kernel
def add_cubes(rows: Floats, unit: float, cubes: Floats) -> None:
    """Adds the cubes of rows (n, width), times a unit, to ``cubes`` (width,): in one pass, without arrays between."""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            x = rows[i, j] * unit
            cubes[j] += x * x * x
