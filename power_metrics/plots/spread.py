"""What of POWER a picture shows: its mean over reward functions, or how it varies among them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from power_metrics.plots.style import SCALE_LABEL
from powerenvs.model.labels import closest

if TYPE_CHECKING:
    from power_metrics.results.estimate import PowerEstimate

QUANTITIES = {
    "mean": SCALE_LABEL,
    "standard deviation": "standard deviation of POWER\n(reward per step)",
    "variance": "variance of POWER\n(squared reward per step)",
}
"""The label of each quantity's scale."""


def quantity_title(quantity: str) -> str:
    """What a picture of this quantity is called."""
    return "POWER" if quantity == "mean" else f"{quantity.capitalize()} of POWER"


def of_quantity(estimate: PowerEstimate, quantity: str) -> PowerEstimate:
    """The estimate with this quantity, and its standard error, in place of POWER and its own.

    The standard error of a variance is that of independent samples, √((m₄ - s⁴ (n - 3) / (n - 1)) / n), and that of a
    standard deviation s the same divided by 2 s.

    Raises:
        ValueError: for an unknown quantity, and for one of samples that were not kept or are fewer than two.
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"unknown quantity {quantity!r}; {closest(quantity, QUANTITIES)}")
    if quantity == "mean":
        return estimate
    samples = estimate.samples
    n = len(samples)
    if n < 2:
        raise ValueError(f"quantity: expected at least 2 samples for a {quantity}, found {n}")
    variance = samples.var(axis=0, ddof=1)
    fourth = np.mean((samples - samples.mean(axis=0)) ** 4, axis=0)
    error = np.sqrt(np.maximum(fourth - variance**2 * (n - 3) / (n - 1), 0) / n)
    if quantity == "standard deviation":
        deviation = np.sqrt(variance)
        error = np.divide(error, 2 * deviation, out=np.zeros_like(error), where=deviation > 0)
        variance = deviation
    return replace(
        estimate, mean=variance, standard_error=error, num_samples=n, replicates=None, exact=None, _samples=None
    )
