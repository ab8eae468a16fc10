"""Many psychometric functions fitted at once: maximum likelihood by Fisher scoring, a row for each set of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

Floats = NDArray[np.float64]

STEPS = 60
HALVINGS = 12
STEEPEST = 60.0
"""A slope, in units of one over the standard deviation of x, beyond which answers count as separated."""
EDGE = 1e-12
EXTREME = 1e-4
"""Functions that are so near to their ends at all intensities would become better by going on for ever."""


def _logistic(eta: Floats) -> tuple[Floats, Floats]:
    share = expit(eta)
    return share, share * (1 - share)


def _normal(eta: Floats) -> tuple[Floats, Floats]:
    return ndtr(eta), np.exp(-(eta**2) / 2) / np.sqrt(2 * np.pi)


def _weibull(eta: Floats) -> tuple[Floats, Floats]:
    rise = np.exp(np.minimum(eta, 50.0))
    return -np.expm1(-rise), rise * np.exp(-rise)


LINKS: dict[str, Callable[[Floats], tuple[Floats, Floats]]] = {
    "logistic": _logistic,
    "normal": _normal,
    "weibull": _weibull,
}
"""{shape: F and its derivative}."""


class Fits(NamedTuple):
    """Coefficients (B, 2) of a + b x, log likelihoods (B,), and whether there is a best function (B,)."""

    coefficients: Floats
    likelihood: Floats
    found: NDArray[np.bool_]


def predicted(eta: Floats, shape: str, guess: float, lapse: float) -> tuple[Floats, Floats]:
    """The accuracy guess + (1 - guess - lapse) F(eta), and its derivative."""
    share, slope = LINKS[shape](eta)
    height = 1 - guess - lapse
    return guess + height * share, height * slope


def fit_many(x: Floats, correct: Floats, count: Floats, shape: str, guess: float, lapse: float) -> Fits:
    """The best functions for many sets of answers at the same intensities.

    Args:
        x: (P,) intensities, or their logarithms for "weibull".
        correct: (B, P) correct answers.
        count: (P,) trials.
        shape: of F.
        guess: its lower end.
        lapse: its distance from 1 at the upper end.
    """
    middle, scale = float(np.average(x, weights=count)), float(np.sqrt(np.cov(x, aweights=count, ddof=0)))
    z = (x - middle) / (scale or 1.0)
    share = np.clip((correct + 0.5) / (count + 1), guess + 0.02, 1 - lapse - 0.02)
    rough = (share - guess) / (1 - guess - lapse)
    logit = np.log(rough / (1 - rough)) * (0.6 if shape == "normal" else 1.0)
    b = (logit * z * count).sum(axis=1) / (z * z * count).sum()
    beta = np.stack([np.average(logit, axis=1, weights=count), np.clip(b, -8, 8)], axis=1)

    def likelihood(beta: Floats, rows: NDArray[np.int64]) -> Floats:
        p = np.clip(predicted(beta[:, :1] + beta[:, 1:] * z, shape, guess, lapse)[0], EDGE, 1 - EDGE)
        return np.asarray((correct[rows] * np.log(p) + (count - correct[rows]) * np.log1p(-p)).sum(axis=1))

    every = np.arange(len(correct))
    value = likelihood(beta, every)
    active = every
    for _ in range(STEPS):
        eta = beta[active, :1] + beta[active, 1:] * z
        p, slope = predicted(eta, shape, guess, lapse)
        p = np.clip(p, EDGE, 1 - EDGE)
        variance = p * (1 - p)
        score = slope * (correct[active] - count * p) / variance
        weight = count * slope**2 / variance
        g = np.stack([score.sum(axis=1), (score * z).sum(axis=1)], axis=1)
        h00, h01, h11 = weight.sum(axis=1) + 1e-9, (weight * z).sum(axis=1), (weight * z * z).sum(axis=1) + 1e-9
        det = h00 * h11 - h01**2
        step = np.stack([h11 * g[:, 0] - h01 * g[:, 1], h00 * g[:, 1] - h01 * g[:, 0]], axis=1) / det[:, None]
        step *= np.minimum(1.0, 4.0 / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
        size = np.ones(len(active))
        after = value[active].copy()
        open_ = np.ones(len(active), dtype=bool)
        for _ in range(HALVINGS):
            tried = beta[active[open_]] + size[open_, None] * step[open_]
            new = likelihood(tried, active[open_])
            better = new >= value[active[open_]] - 1e-13
            done = np.flatnonzero(open_)[better]
            beta[active[done]], after[done] = tried[better], new[better]
            open_[done] = False
            if not open_.any():
                break
            size[open_] /= 2
        gained = after - value[active]
        value[active] = after
        still = (np.abs(step * size[:, None]).max(axis=1) > 1e-9) & ~open_ & (np.abs(beta[active, 1]) < 2 * STEEPEST)
        still |= gained > 1e-9
        active = active[still & (np.abs(beta[active, 1]) < 2 * STEEPEST)]
        if not len(active):
            break
    share = LINKS[shape](beta[:, :1] + beta[:, 1:] * z)[0]
    between = ((share > EXTREME) & (share < 1 - EXTREME)).any(axis=1)
    found = between & (np.abs(beta[:, 1]) < STEEPEST) & (np.abs(beta[:, 1]) > 1e-9)
    b = beta[:, 1] / (scale or 1.0)
    return Fits(np.stack([beta[:, 0] - b * middle, b], axis=1), value, found)
