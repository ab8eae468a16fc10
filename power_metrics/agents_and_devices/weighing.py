"""Adding evidence to the log weights of many goals: the kernels, in logarithms and without."""

from __future__ import annotations

import math
from typing import Any

from power_metrics.solvers.jit import kernel

NEGLIGIBLE = -60.0
"""Logarithm of what is lost in the rounding of a sum next to 1, however many millions of such terms there are."""


@kernel
def add_by_ties(log: Any, table: Any, ties: Any) -> None:
    """Adds ``table[n, ties[g]]`` to ``log`` (N, G), in place."""
    for n in range(log.shape[0]):
        for g in range(log.shape[1]):
            log[n, g] += table[n, ties[g]]


@kernel
def mix_by_ties(shares: Any, kept: float, anew: Any, table: Any, ties: Any, sums: Any) -> None:
    """Makes ``(kept * shares[n, g] + anew[g]) * table[n, ties[g]]`` of ``shares`` (N, G), and their ``sums`` (N,)."""
    for n in range(shares.shape[0]):
        total = 0.0
        for g in range(shares.shape[1]):
            mixed = (kept * shares[n, g] + anew[g]) * table[n, ties[g]]
            shares[n, g] = mixed
            total += mixed
        sums[n] = total


@kernel
def settle(log: Any) -> float:
    """Takes log Σ exp from all of ``log`` (N, G), in place, and returns it; -inf, and nothing is taken, if all are."""
    top = -math.inf
    for n in range(log.shape[0]):
        for g in range(log.shape[1]):
            top = max(top, log[n, g])
    if math.isinf(top):
        return top
    total = 0.0
    for n in range(log.shape[0]):
        for g in range(log.shape[1]):
            behind = log[n, g] - top
            if behind > NEGLIGIBLE:
                total += math.exp(behind)
    total = top + math.log(total)
    for n in range(log.shape[0]):
        for g in range(log.shape[1]):
            log[n, g] -= total
    return total
