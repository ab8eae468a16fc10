"""A second way to all equilibria: every choice of tight inequalities, solved and looked at, for thousands of games at once."""

from __future__ import annotations

import itertools

import numpy as np


def random_games(rng, count, n, whole=False):
    """(count, n, n) twice: payoffs of many games."""
    if whole:  # small numbers, so that ties are frequent
        return rng.integers(-2, 3, size=(2, count, n, n)).astype(float)
    return rng.normal(size=(2, count, n, n))


def complete(A, B):
    """[[(x, y)]] of every game (count, n, n): all bases of one player's inequalities with the other's complement.

    Complete where no game is degenerate: then an equilibrium has m + n tight inequalities, each label once.
    """
    count, n = A.shape[:2]
    found = [[] for _ in range(count)]
    for labels in itertools.combinations(range(2 * n), n):  # row i is not played, column j is a best answer: n + j
        rest = [k for k in range(2 * n) if k not in labels]
        x, fine = _corner(B.transpose(0, 2, 1), [k for k in labels if k < n], [k - n for k in labels if k >= n])
        y, good = _corner(A, [k - n for k in rest if k >= n], [k for k in rest if k < n])
        for g in np.flatnonzero(fine & good):
            found[g].append((x[g], y[g]))
    return found


def _corner(M, zero, best):
    """The corner of {z >= 0, u >= M z} with these inequalities tight, and whether it is one."""
    count, n = M.shape[:2]
    system = np.zeros((count, n + 1, n + 1))
    for row, k in enumerate(zero):
        system[:, row, k] = 1
    for row, k in enumerate(best, start=len(zero)):
        system[:, row, :n], system[:, row, n] = M[:, k], -1
    system[:, n, :n] = 1
    regular = np.abs(np.linalg.det(system)) > 1e-12
    system[~regular] = np.eye(n + 1)
    right = np.zeros((count, n + 1, 1))
    right[:, n] = 1
    solved = np.linalg.solve(system, right)[..., 0]
    z, u = solved[:, :n], solved[:, n]
    earned = np.einsum("gij,gj->gi", M, z)
    return z, regular & (z.min(axis=1) >= -1e-11) & ((u[:, None] - earned).min(axis=1) >= -1e-9)
