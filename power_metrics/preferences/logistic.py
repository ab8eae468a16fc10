"""Weights of a linear reward from comparisons: the logistic regression of Bradley and Terry, solved to a gradient.

The probability that the left segment is preferred is p = (1 - ε) σ(z) + ε / 2, z = x · w, where x is the difference of
what the two segments have of each feature and ε the share of answers that are given at random. The loss is the mean of
-μ log p - (1 - μ) log(1 - p), plus l2 |w|² / 2. At ε = 0 it is convex, and what is found is its only minimum in the
span of the rows of x. With ε > 0 it is not: far from an answer it is flat. The search then begins at the minimum for
ε = 0, and ends where the gradient is as small as was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GRADIENT = 1e-9
"""The largest component of the gradient at the end."""
NEWTON = 800
"""Up to so many dimensions steps are Newton's; beyond, those of L-BFGS."""
MARGIN = 15.0
"""Without a regulariser, a hard label that is fitted beyond this difference of returns is fitted better and better for
ever: σ(15) is 1 - 3e-7, and the gradient is nearly 0."""


@dataclass(frozen=True, eq=False)
class LinearFit:
    """What was found.

    Attributes:
        weights: (K,) w.
        loss: the mean of the cross-entropy, without the regulariser.
        gradient: the largest component of the gradient of the whole, in size.
        iterations: steps that were taken.
        finite: False where the loss has no minimum: hard labels that can all be fitted, and no regulariser.
    """

    weights: Floats
    loss: float
    gradient: float
    iterations: int
    finite: bool


class Logistic:
    """Comparisons whose loss is to be minimised, for several weightings and regularisers.

    Args:
        differences: (N, K) of features, left less right.
        preference: (N,) μ, from 0 to 1.
        noise: ε, in [0, 1).
    """

    def __init__(self, differences: Floats, preference: Floats, noise: float = 0.0):
        self._mu, self.noise = preference, noise
        rows, columns = differences.shape
        self._turn: Floats | None = None
        self._x = differences
        if min(rows, columns) <= NEWTON:
            # Weights outside of the rows' span change nothing but the regulariser, so the search is within it.
            gram = differences.T @ differences if columns <= rows else differences @ differences.T
            values, vectors = np.linalg.eigh(gram)
            kept = values > 1e-11 * max(float(values[-1]), 1e-300)
            sizes = np.sqrt(values[kept])
            turn = vectors[:, kept] if columns <= rows else (differences.T @ vectors[:, kept]) / sizes
            self._turn, self._x = turn, differences @ turn

    def solve(
        self, l2: float = 0.0, weights: Floats | None = None, start: Floats | None = None, gradient: float = GRADIENT
    ) -> LinearFit:
        """Minimises the loss.

        Args:
            l2: of the regulariser.
            weights: (N,) how much each comparison counts; all the same when None.
            start: (K,) where to begin, instead of 0.
            gradient: where to end.
        """
        share = np.full(len(self._mu), 1.0 / max(1, len(self._mu))) if weights is None else weights / weights.sum()
        size = self._x.shape[1]
        at = np.zeros(size) if start is None else start if self._turn is None else self._turn.T @ start
        steps = 0
        for noise in (0.0, self.noise) if start is None and self.noise > 0 else (self.noise,):
            search = self._newton if self._turn is not None else self._lbfgs
            at, more = search(at, l2, share, noise, gradient)
            steps += more
        slope = self._slope(at, l2, share, self.noise)
        z = self._x @ at
        return LinearFit(
            at if self._turn is None else self._turn @ at,
            float(share @ loss(z, self._mu, self.noise)),
            float(np.abs(slope).max(initial=0.0)),
            steps,
            bool(l2 > 0 or np.where(self._mu == 1.0, z, np.where(self._mu == 0.0, -z, 0.0)).max(initial=0.0) < MARGIN),
        )

    def loss(self, weights: Floats, share: Floats) -> float:
        """The mean cross-entropy of some comparisons, as weighted."""
        at = weights if self._turn is None else self._turn.T @ weights
        return float(share @ loss(self._x @ at, self._mu, self.noise) / share.sum())

    def _value(self, at: Floats, l2: float, share: Floats, noise: float) -> float:
        return float(share @ loss(self._x @ at, self._mu, noise) + l2 * (at @ at) / 2)

    def _slope(self, at: Floats, l2: float, share: Floats, noise: float) -> Floats:
        slope: Floats = self._x.T @ (share * slopes(self._x @ at, self._mu, noise)[0]) + l2 * at
        return slope

    def _newton(self, at: Floats, l2: float, share: Floats, noise: float, gradient: float) -> tuple[Floats, int]:
        value = self._value(at, l2, share, noise)
        for step in range(200):
            first, second, fisher = slopes(self._x @ at, self._mu, noise)
            slope = self._x.T @ (share * first) + l2 * at
            if np.abs(slope).max(initial=0.0) <= gradient:
                return at, step
            direction = None
            for curvature in (second, fisher):  # where the loss is not convex, the second stays so
                matrix = (self._x * (share * curvature)[:, None]).T @ self._x
                matrix[np.diag_indices_from(matrix)] += l2 + 1e-14
                try:
                    factor = np.linalg.cholesky(matrix)
                except np.linalg.LinAlgError:
                    continue
                direction = -np.linalg.solve(factor.T, np.linalg.solve(factor, slope))
                break
            if direction is None or not np.isfinite(direction).all():
                direction = -slope
            along, length = float(slope @ direction), 1.0
            while length > 1e-12:
                moved = at + length * direction
                found = self._value(moved, l2, share, noise)
                if found <= value + 1e-4 * length * along or (along > -1e-12 and found <= value + 1e-14):
                    break
                length /= 2
            else:
                return at, step  # rounding allows no more
            at, value = moved, found
        return at, 200

    def _lbfgs(self, at: Floats, l2: float, share: Floats, noise: float, gradient: float) -> tuple[Floats, int]:
        from scipy.optimize import minimize

        found = minimize(
            lambda w: (self._value(w, l2, share, noise), self._slope(w, l2, share, noise)), at, jac=True,
            method="L-BFGS-B", options={"maxiter": 5000, "maxfun": 10_000, "gtol": gradient, "ftol": 0.0},
        )  # fmt: skip
        return np.asarray(found.x), int(found.nit)


def probability(z: Floats, noise: float) -> Floats:
    """P that the left segment is preferred, from the difference of returns: in [ε / 2, 1 - ε / 2]."""
    found: Floats = np.clip((1.0 - noise) * _sigmoid(z) + noise / 2.0, noise / 2.0, 1.0 - noise / 2.0)
    return found


def loss(z: Floats, mu: Floats, noise: float) -> Floats:
    """The cross-entropy of each comparison."""
    if noise == 0.0:
        return np.logaddexp(0.0, z) - mu * z
    p = probability(z, noise)
    return -mu * np.log(p) - (1.0 - mu) * np.log1p(-p)


def slopes(z: Floats, mu: Floats, noise: float) -> tuple[Floats, Floats, Floats]:
    """First and second derivative of `loss` by z, and Fisher's information, which is never below 0."""
    s = _sigmoid(z)
    first = s * (1.0 - s)
    if noise == 0.0:
        return s - mu, first, first
    p = (1.0 - noise) * s + noise / 2.0
    spread, first = p * (1.0 - p), (1.0 - noise) * first
    off, fisher = p - mu, first**2 / spread
    second = (first**2 + off * first * (1.0 - 2.0 * s)) / spread - off * first**2 * (1.0 - 2.0 * p) / spread**2
    return off * first / spread, second, fisher


def _sigmoid(z: Floats) -> Floats:
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)
