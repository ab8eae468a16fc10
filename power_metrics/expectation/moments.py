"""Running means, variances and skewness, combined block by block."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from power_metrics.rewards.tails import QUANTILE
from power_metrics.solvers.jit import kernel

Floats = NDArray[np.float64]

_SYMMETRIC = 0.15
"""Means whose skewness is below this have intervals as wide as those of normal ones."""

_LEAST, _MOST = 2.0**-400, 2.0**400
"""Sums of squares between these have sums of cubes that floats can hold."""


class Moments:
    """Running moments over rows, combined block by block (Chan, Golub & LeVeque 1983; Pébay 2008)."""

    def __init__(self, width: int) -> None:
        """Starts with no rows of ``width`` numbers."""
        self.count = 0
        self._sums = np.zeros((3, width))  # means, and sums of squares and cubes of what differs from them
        self._exponent = 0  # cubes are in units of 2^(3 exponent): 0 but where they would leave the range of floats

    @classmethod
    def of(cls, rows: Floats) -> Moments:
        """The moments of the rows of (n, width)."""
        moments = cls(rows.shape[1])
        moments.count = len(rows)
        rows = np.ascontiguousarray(rows)
        add_rows(rows, moments._sums)
        moments._exponent = exponent_of(moments._sums[1].max(initial=0.0))
        if moments._exponent != 0:
            add_cubes(rows, 2.0**-moments._exponent, moments._sums)
        return moments

    @classmethod
    def made(cls, count: int, sums: Floats) -> Moments:
        """From means and sums of squares and cubes about them (3, width), that floats can hold as they are."""
        moments = cls(0)
        moments.count, moments._sums = count, sums
        return moments

    def add(self, other: Moments) -> None:
        """Takes in the rows of another."""
        theirs = other._sums.copy()  # kernels are compiled for arrays that can be written to
        if self.count == 0:
            self._sums, self._exponent = theirs, other._exponent
        else:
            self._exponent = combine(self.count, self._exponent, self._sums, other.count, other._exponent, theirs)
        self.count += other.count

    @property
    def mean(self) -> Floats:
        """Of each column."""
        return self._sums[0].copy()

    @property
    def variance(self) -> Floats:
        """The sample variance (divided by n - 1); nan for a single row."""
        return self._sums[1] / (self.count - 1) if self.count > 1 else np.full(self._sums.shape[1], np.nan)

    @property
    def standard_error(self) -> Floats:
        """Of the mean; nan for a single row."""
        return np.sqrt(self.variance / self.count)

    @property
    def skewness(self) -> Floats:
        """Of the mean, without its sign: 1/√k where all that differs is k rare rows; 0 where nothing does."""
        spread = np.ldexp(self._sums[1], -2 * self._exponent) ** 1.5
        return np.abs(self._sums[2]) / np.where(spread > 0, spread, np.inf)

    def widening(self, heavy: bool) -> Floats:
        """By how much the error of the mean grows for its skewness, any at all where the tails are ``heavy``."""
        return widening(self.skewness, 0.0 if heavy else _SYMMETRIC)


def widening(skewness: Floats, noise: float = _SYMMETRIC) -> Floats:
    """By how much errors of means grow where these are skewed, since few of the draws make up the spread.

    Skewness up to ``noise`` counts as none.

    A mean m of n numbers of which rare ones are larger by r has a variance that grows with its expectation μ, by
    r (μ - m) / n. The ends of its interval solve (m - μ)² = z² (v + r (μ - m)) / n, as Wilson's (1927) do for chances;
    r is skewness · √(n v). So a 95 % interval covers as well when it rests on a single rare number. From about 40 such
    numbers on it is the usual one.
    """
    rest = 0.5 * QUANTILE * np.maximum(skewness - noise, 0.0)
    return rest + np.sqrt(1.0 + rest * rest)


# One pass for means and one for the rest, row after row: arrays in between would take several times as long.
@kernel
def add_rows(rows: Floats, sums: Floats) -> None:
    """Sets sums (3, width) to the means of rows (n, width) and the sums of squares and cubes about them."""
    n, width = rows.shape
    mean, squares, cubes = np.zeros(width), np.zeros(width), np.zeros(width)
    for i in range(n):
        for j in range(width):
            mean[j] += rows[i, j]
    for j in range(width):
        mean[j] /= n
    for i in range(n):
        for j in range(width):
            x = rows[i, j] - mean[j]
            squares[j] += x * x
            cubes[j] += x * x * x
    sums[0], sums[1], sums[2] = mean, squares, cubes


@kernel
def add_cubes(rows: Floats, unit: float, sums: Floats) -> None:
    """Sets the cubes of `add_rows` anew, times a unit."""
    mean, _, cubes = sums
    cubes[:] = 0.0
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            x = (rows[i, j] - mean[j]) * unit
            cubes[j] += x * x * x


@kernel
def exponent_of(squares: float) -> int:
    """Of the unit in which cubes are summed, by the largest sum of squares."""
    return 0 if squares == 0.0 or _LEAST < squares < _MOST else math.frexp(math.sqrt(squares))[1]


@kernel
def combine(count: int, exponent: int, sums: Floats, more: int, others: int, theirs: Floats) -> int:
    """Adds ``more`` rows with the sums ``theirs`` to ``count`` with ``sums``, each with the exponent of its cubes.

    Returns:
        The exponent of all cubes.
    """
    own, share = count / (count + more), more / (count + more)
    weight = count * more / (count + more)
    largest = 0.0
    for j in range(sums.shape[1]):
        difference = theirs[0, j] - sums[0, j]
        largest = max(largest, sums[1, j] + (theirs[1, j] + difference * difference * weight))
    result = exponent_of(largest)
    for j in range(sums.shape[1]):
        difference = theirs[0, j] - sums[0, j]
        d = math.ldexp(difference, -result)
        mine, rest = math.ldexp(sums[1, j], -2 * result), math.ldexp(theirs[1, j], -2 * result)
        cubes = math.ldexp(sums[2, j], 3 * (exponent - result)) + math.ldexp(theirs[2, j], 3 * (others - result))
        sums[2, j] = cubes + d * (d * d * count * share * (own - share) + 3.0 * (own * rest - share * mine))
        sums[0, j] += difference * share
        sums[1, j] += theirs[1, j] + difference * difference * weight
    return result
