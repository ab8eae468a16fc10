"""(I - γP) V = r where elimination would fill up too much: iterative, with SuperLU where that does not converge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.limits import EVALUATION

MAX_STEPS = 1000
"""Steps after which the solver gives up; it takes tens."""

RESTARTS = 8
"""How often a breakdown may start it afresh from where it is."""


class Rows(NamedTuple):
    """A chain P whose rows are some of the rows of a table.

    Attributes:
        row: (S,) the row of the table that is row i of P.
        entries: row pointers of ``successor`` and ``probability``.
        successor: next states.
        probability: their probabilities.
    """

    row: Ints
    entries: Ints
    successor: Ints
    probability: Floats

    @classmethod
    def of(cls, chain: scipy.sparse.csr_array) -> Rows:
        """A chain (S, S) as it is."""
        row = np.arange(chain.shape[0], dtype=np.int32)
        return cls(row, chain.indptr.astype(np.int32), chain.indices.astype(np.int32), chain.data)


def chain_values(chain: scipy.sparse.csr_array, rewards: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """V = R + γPV for each row of ``rewards`` (B, S) in the chain P (S, S); returns (B, S)."""
    rows, space = Rows.of(chain), np.empty((7, chain.shape[0]))
    values = np.empty(rewards.shape)
    for reward, value in zip(rewards, values, strict=True):
        value[:] = reward.mean() / (1.0 - gamma)
        target = EVALUATION * np.abs(reward).max() / (1.0 - gamma)
        if not solve_iterative(reward.copy(), gamma, rows, target, value, space):
            value[:] = superlu_values(chain, reward, gamma)
    return values


def superlu_values(chain: scipy.sparse.csr_array, reward: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """V = R + γPV by SuperLU, with one step of refinement. ``reward`` and the result are (S,)."""
    system = (scipy.sparse.eye_array(chain.shape[0]) - gamma * chain).tocsc()
    factors = scipy.sparse.linalg.splu(system)
    value = factors.solve(reward)
    return value + factors.solve(reward - system @ value)


@kernel
def solve_iterative(right: Floats, gamma: float, rows: Rows, target: float, value: Floats, space: Floats) -> bool:
    """Solves V(i) = right(i) + γ Σ_j P(i, j) V(j) from a first guess: BiCGSTAB, preconditioned by Gauss-Seidel.

    The method is van der Vorst's (1992), with the lower triangle of I - γP as preconditioner from the
    right, so that the residual it watches is the true one; that one is computed afresh before success is
    reported.

    Args:
        right: (S,) right-hand side.
        gamma: discount.
        rows: P.
        target: the largest |right + γPV - V| to leave.
        value: (S,) in, a first guess; out, the solution.
        space: (7, S) work space.

    Returns:
        Whether the target was reached.
    """
    S = right.shape[0]
    residual, shadow, direction, image, smooth, step, step_image = space
    left = MAX_STEPS
    for _ in range(RESTARTS):
        largest = 0.0
        for i in range(S):
            residual[i] = right[i] - _times(i, gamma, rows, value)
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
            if rho == 0.0 or omega == 0.0:  # orthogonal to the shadow: only a fresh start helps
                break
            beta = rho / previous * (alpha / omega)
            for i in range(S):
                direction[i] = residual[i] + beta * (direction[i] - omega * image[i])
            _precondition(gamma, rows, direction, smooth)
            for i in range(S):
                image[i] = _times(i, gamma, rows, smooth)
            along = _dot(shadow, image)
            if along == 0.0 or not np.isfinite(along):
                break
            alpha = rho / along
            if not np.isfinite(alpha):
                break
            for i in range(S):
                residual[i] -= alpha * image[i]
                value[i] += alpha * smooth[i]
            _precondition(gamma, rows, residual, step)
            for i in range(S):
                step_image[i] = _times(i, gamma, rows, step)
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
def _times(i: int, gamma: float, rows: Rows, vector: Floats) -> float:
    """Row i of (I - γP) times a vector."""
    total = 0.0
    row = rows.row[i]
    for e in range(rows.entries[row], rows.entries[row + 1]):
        total += rows.probability[e] * vector[rows.successor[e]]
    return vector[i] - gamma * total


@inlined
def _precondition(gamma: float, rows: Rows, right: Floats, solution: Floats) -> None:
    """Solves with the lower triangle and the diagonal of I - γP: one Gauss-Seidel sweep from zero."""
    for i in range(right.shape[0]):
        total = 0.0
        diagonal = 1.0
        row = rows.row[i]
        for e in range(rows.entries[row], rows.entries[row + 1]):
            j = rows.successor[e]
            if j < i:
                total += rows.probability[e] * solution[j]
            elif j == i:
                diagonal -= gamma * rows.probability[e]
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
