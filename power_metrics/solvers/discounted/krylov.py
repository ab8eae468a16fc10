"""Iterative solution of (I - γP) V = r where elimination would fill up too much."""

from __future__ import annotations

import numpy as np

from power_metrics.solvers.jit import inlined, kernel
from power_metrics.solvers.transpose import Floats, Ints

MAX_STEPS = 1000
"""Steps after which the solver gives up; it takes tens."""

RESTARTS = 8
"""How often a breakdown may start it afresh from where it is."""


@kernel
def solve_iterative(
    gain: Floats, gamma: float, rows: Ints, entries: Ints, successor: Ints, probability: Floats, target: float,
    value: Floats, space: Floats,
) -> bool:  # fmt: skip
    """Solves V(i) = gain(i) + γ Σ_j P(i, j) V(j) from a first guess: BiCGSTAB, preconditioned by Gauss-Seidel.

    The method is van der Vorst's (1992), with the lower triangle of I - γP as preconditioner from the
    right, so that the residual it watches is the true one; that one is computed afresh before success is
    reported.

    Args:
        gain: (S,) right-hand side.
        gamma: discount.
        rows: (S,) the row of ``entries`` that is row i of P.
        entries: row pointers of ``successor`` and ``probability``.
        successor: next states.
        probability: their probabilities.
        target: the largest |gain + γPV - V| to leave.
        value: (S,) in, a first guess; out, the solution.
        space: (7, S) work space.

    Returns:
        Whether the target was reached.
    """
    S = gain.shape[0]
    residual, shadow, direction, image, smooth, step, step_image = space
    left = MAX_STEPS
    for _ in range(RESTARTS):
        largest = 0.0
        for i in range(S):
            residual[i] = gain[i] - _row(i, gamma, rows, entries, successor, probability, value)
            shadow[i] = residual[i]
            direction[i] = 0.0
            image[i] = 0.0
            largest = max(largest, abs(residual[i]))
        if largest <= target:
            return True
        rho, alpha, omega = 1.0, 1.0, 1.0
        while left > 0:
            left -= 1
            previous = rho
            rho = _dot(shadow, residual)
            if rho == 0.0 or omega == 0.0:
                break
            beta = rho / previous * (alpha / omega)
            for i in range(S):
                direction[i] = residual[i] + beta * (direction[i] - omega * image[i])
            _precondition(gamma, rows, entries, successor, probability, direction, smooth)
            for i in range(S):
                image[i] = _row(i, gamma, rows, entries, successor, probability, smooth)
            along = _dot(shadow, image)
            if along == 0.0 or not np.isfinite(along):
                break
            alpha = rho / along
            if not np.isfinite(alpha):
                break
            for i in range(S):
                residual[i] -= alpha * image[i]
                value[i] += alpha * smooth[i]
            _precondition(gamma, rows, entries, successor, probability, residual, step)
            for i in range(S):
                step_image[i] = _row(i, gamma, rows, entries, successor, probability, step)
            length = _dot(step_image, step_image)
            omega = _dot(step_image, residual) / length if length > 0.0 else 0.0
            if not np.isfinite(omega):
                break
            largest = 0.0
            for i in range(S):
                value[i] += omega * step[i]
                residual[i] -= omega * step_image[i]
                largest = max(largest, abs(residual[i]))
            if largest <= target:
                break
        if left == 0:
            break
    return False


@inlined
def _row(
    i: int, gamma: float, rows: Ints, entries: Ints, successor: Ints, probability: Floats, vector: Floats
) -> float:
    """Row i of (I - γP) times a vector."""
    total = 0.0
    row = rows[i]
    for e in range(entries[row], entries[row + 1]):
        total += probability[e] * vector[successor[e]]
    return vector[i] - gamma * total


@inlined
def _precondition(
    gamma: float, rows: Ints, entries: Ints, successor: Ints, probability: Floats, right: Floats, solution: Floats
) -> None:
    """Solves with the lower triangle and the diagonal of I - γP: one Gauss-Seidel sweep from zero."""
    for i in range(right.shape[0]):
        total = 0.0
        diagonal = 1.0
        row = rows[i]
        for e in range(entries[row], entries[row + 1]):
            j = successor[e]
            if j < i:
                total += probability[e] * solution[j]
            elif j == i:
                diagonal -= gamma * probability[e]
        solution[i] = (right[i] + gamma * total) / diagonal


@inlined
def _dot(a: Floats, b: Floats) -> float:
    """Inner product, in four sums so that they can run side by side."""
    n = a.shape[0]
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for i in range(0, n - 3, 4):
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
    for i in range(n - n % 4, n):
        s0 += a[i] * b[i]
    return (s0 + s1) + (s2 + s3)
