"""The expectation of the largest of several independent numbers, with an error that is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from power_metrics.rewards.distributions import RewardDistribution

Floats = NDArray[np.float64]

_STEP = 1.0 / 24.0
_GRID = np.arange(-80, 81) * _STEP
_NODES = 0.5 * (1.0 + np.tanh(0.5 * np.pi * np.sinh(_GRID)))
_WEIGHTS = 0.25 * np.pi * _STEP * np.cosh(_GRID) / np.cosh(0.5 * np.pi * np.sinh(_GRID)) ** 2

ENOUGH = 4e-15
"""The error that is aimed at, as a share of the width of what is integrated."""

_LEVELS = np.array([1e-12, 1e-6, 1e-3, 0.03, 0.2, 0.5, 0.8, 0.97, 1 - 1e-3, 1 - 1e-6, 1 - 1e-12])
"""Quantiles of the maximum between which it is looked at more closely."""

_HALVINGS = 48
_PIECES = 1000


def expected_maximum(
    scale: Floats,
    kind: NDArray[np.int64],
    distributions: Sequence[RewardDistribution],
    low: Floats,
    high: Floats,
    centre: float,
) -> tuple[float, float]:
    """E[max_j w_j X_j] + centre over the j with w_j > 0, and how far it may be off.

    X_j = R(j) - centre, cut off to [low, high], where R(j) has the distribution of number ``kind`` j; ``scale`` is w.
    The integral of 1 - Π P(w_j X_j ≤ t), between the ends of the supports, where distribution functions may have
    kinks or infinite slopes.
    """
    counted = scale > 0
    keys, numbers = np.unique(np.stack([scale[counted], kind[counted]]), axis=1, return_counts=True)
    first = np.array([np.flatnonzero(counted & (scale == w) & (kind == k))[0] for w, k in keys.T])
    ends = np.unique([keys[0] * low[first], keys[0] * high[first]])
    ends = ends[ends >= (keys[0] * low[first]).max()]

    def below(t: Floats) -> Floats:
        """P(max ≤ t)."""
        found = np.ones_like(t)
        for (w, k), number, s in zip(keys.T, numbers, first, strict=True):
            with np.errstate(over="ignore"):  # past every draw
                x = t / w
            below_here = distributions[int(k)].cdf(x + centre)  # type: ignore[attr-defined]  # see `check_controls`
            found *= np.where(x >= high[s], 1.0, below_here) ** number
        return found

    integral, error = integrate(below, ends)
    return centre + float(ends[-1]) - integral, error


def integrate(function: Callable[[Floats], Floats], ends: Floats) -> tuple[float, float]:
    """The integral of a distribution function from the first to the last of ``ends``, and how far it may be off.

    Tanh-sinh quadrature between the ends. The error is the difference from a rule with half of the nodes: where the
    function is steep somewhere between two nodes, the two rules differ by about the distance of nodes. Where that is
    too much, pieces end at quantiles, and are halved until it is not.
    """
    values, errors = _rule(function, ends)
    width = ends[-1] - ends[0]
    if errors.sum() <= ENOUGH * width:
        return float(values @ np.diff(ends)), float(errors.sum())
    ends = np.union1d(ends, quantiles(function, ends[0], ends[-1]))
    left, right = ends[:-1], ends[1:]
    total = error = 0.0
    for _ in range(_HALVINGS):
        values, errors = _rule(function, np.stack([left, right], axis=1))
        fine = errors <= ENOUGH * width / _LEVELS.size
        if len(left) > _PIECES:
            fine[:] = True
        total += float(values[fine] @ (right - left)[fine])
        error += float(errors[fine].sum())
        left, right = left[~fine], right[~fine]
        if not left.size:
            break
        middle = 0.5 * (left + right)
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    # A distribution function is between its values at the ends of a piece: so far off is what was never fine.
    rest = right - left
    return total + 0.5 * float(rest.sum()), error + 0.5 * float(rest.sum())


def _rule(function: Callable[[Floats], Floats], ends: Floats) -> tuple[Floats, Floats]:
    """The mean of a function on each piece, and the error of its integral; pieces follow each other, or are (n, 2)."""
    left, right = (ends[:-1], ends[1:]) if ends.ndim == 1 else ends.T
    width = right - left
    found = function((left[:, None] + width[:, None] * _NODES).ravel()).reshape(len(width), -1)
    values = found @ _WEIGHTS
    coarse = found[:, ::2] @ (2.0 * _WEIGHTS[::2])
    return values, np.abs(values - coarse) * width


def quantiles(function: Callable[[Floats], Floats], low: float, high: float) -> Floats:
    """Where a distribution function passes `_LEVELS`, by halving."""
    lows, highs = np.full(_LEVELS.size, low), np.full(_LEVELS.size, high)
    for _ in range(60):
        middle = 0.5 * (lows + highs)
        above = function(middle) >= _LEVELS
        lows, highs = np.where(above, lows, middle), np.where(above, middle, highs)
    return 0.5 * (lows + highs)
