"""Numbers of twice the precision: the unevaluated sum of two float64, for differences of values that nearly cancel.

A number is a pair (high, low) with |low| at most half a unit in the last place of high. Sums and products are those of
Dekker (1971) and Knuth, exact but for a relative error of about 2^-104, and written without branches, so that they
work on plain numbers and on lanes (`power_metrics.solvers.simd`) alike.
"""

from __future__ import annotations

from typing import Any

from power_metrics.solvers.jit import inlined

ROUNDING = 2.0**-100
"""More than one operation's error, as a share of |a| + |b| of a sum or of |ab| of a product."""

_SPLIT = 134217729.0  # 2^27 + 1: splits a float64 into two halves of 26 bits, whose products are exact


@inlined
def normalised(high: Any, low: Any) -> Any:
    """The pair of the sum, for |high| >= |low|."""
    total = high + low
    return total, low - (total - high)


@inlined
def add(a: Any, a_low: Any, b: Any, b_low: Any) -> Any:
    """The pair of a + b."""
    total = a + b
    part = total - a
    rest = (a - (total - part)) + (b - part)
    return normalised(total, rest + (a_low + b_low))


@inlined
def subtract(a: Any, a_low: Any, b: Any, b_low: Any) -> Any:
    """The pair of a - b."""
    total = a - b
    part = total - a
    rest = (a - (total - part)) - (b + part)
    return normalised(total, rest + (a_low - b_low))


@inlined
def multiply(factor: Any, b: Any, b_low: Any) -> Any:
    """The pair of factor times b; the factor is a plain number or lanes of them."""
    product = factor * b
    scaled = _SPLIT * factor
    upper = scaled - (scaled - factor)
    lower = factor - upper
    scaled_b = _SPLIT * b
    upper_b = scaled_b - (scaled_b - b)
    lower_b = b - upper_b
    rest = ((upper * upper_b - product) + upper * lower_b + lower * upper_b) + lower * lower_b
    return normalised(product, rest + factor * b_low)
