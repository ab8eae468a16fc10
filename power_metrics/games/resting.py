"""Rest points of dynamics, their eigenvalues along the simplex, and whether they are stable; and alpha-rank.

A population's shares sum to 1, so only directions whose entries sum to 0 matter about a rest point. In the coordinates
z_1, ..., z_{k-1} of such directions the derivative is J_ij - J_ik, and its eigenvalues say what is stable.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from power_metrics.arguments.checks import check_count
from power_metrics.games.bimatrix import Bimatrix, Exact, as_game
from power_metrics.games.enumeration import rounded
from power_metrics.games.flows import Dynamics
from powerenvs.model.checks import real

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

MAX_SUPPORTS = 1 << 14
"""Combinations of supports that are looked at."""
NEUTRAL = 1e-9
"""A real part below this share of the largest payoff is 0."""
STARTS = 200
"""Starts of the search for rest points of fields that are not replicators'."""


@dataclass(frozen=True, eq=False)
class RestPoint:
    """A state that the dynamics leave as it is.

    Attributes:
        state: (K,) the shares.
        eigenvalues: of the derivative along the simplex, the largest real part first.
        kind: "stable" if all real parts are below 0, "source" if all are above, "saddle" with both; "centre" if
            there are none above, and pairs of imaginary ones; else "neutral", which the derivative does not decide.

    Example:
        >>> import power_metrics as pm
        >>> [(p.state.tolist(), p.kind) for p in pm.games.rest_points(pm.games.dynamics([[3, 0], [0, 2]]))]
        [([1.0, 0.0], 'stable'), ([0.0, 1.0], 'stable'), ([0.4, 0.6], 'source')]
    """

    state: Floats
    eigenvalues: Complexes
    kind: str


def rest_points(dynamics: Dynamics, seed: int = 0) -> list[RestPoint]:
    """The rest points of smooth dynamics.

    Those of the replicator are all found, in rational arithmetic: for every choice of strategies in play, where they
    earn the same. Where infinitely many do, none of them is listed. Those of the other fields are found by Newton's
    method from 200 random states and the centre, so that some may be missed.

    Args:
        dynamics: what `power_metrics.games.dynamics` makes.
        seed: of the random states.

    Raises:
        ValueError: for best responses, whose rest points are the equilibria (`nash`), and too many strategies.

    Example:
        >>> import power_metrics as pm
        >>> field = pm.games.dynamics(pm.games.named("battle_of_the_sexes"))
        >>> found = pm.games.rest_points(field)[-1]
        >>> found.state.tolist(), found.eigenvalues.real.tolist(), found.kind
        ([0.6, 0.4, 0.4, 0.6], [1.2, -1.2], 'saddle')
    """
    if not isinstance(dynamics, Dynamics):
        raise ValueError(f"dynamics: expected what power_metrics.games.dynamics makes, found {dynamics!r}")
    seed = check_count("seed", seed, least=0)
    if dynamics.kind == "best_response":
        raise ValueError("dynamics: expected a smooth field, found best responses, which rest at the equilibria (nash)")
    if dynamics.kind != "replicator":
        return [_judged(dynamics, state, tangent_eigenvalues(dynamics, state)) for state in _searched(dynamics, seed)]
    exact = replace(dynamics, tables=tuple(np.array(table, dtype=object) for table in dynamics.exact))
    # derivatives of fractions are rounded once, at the end
    return [_judged(dynamics, rounded(state), tangent_eigenvalues(exact, state)) for state in _replicator(dynamics)]


def tangent_eigenvalues(dynamics: Dynamics, state: NDArray[Any]) -> Complexes:
    """The eigenvalues of a field's derivative in directions along the simplex, the largest real part first.

    Args:
        dynamics: smooth ones.
        state: (K,) the shares, of which the derivative exists.

    Raises:
        ValueError: for best responses, which jump.

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> field = pm.games.dynamics(pm.games.named("rock_paper_scissors").A)
        >>> pm.games.tangent_eigenvalues(field, np.full(3, 1 / 3)).imag.round(6).tolist()
        [0.57735, -0.57735]
    """
    if not isinstance(dynamics, Dynamics):
        raise ValueError(f"dynamics: expected what pm.games.dynamics returns, found {dynamics!r}")
    jacobian = dynamics.jacobian(state)
    kept = np.concatenate([np.arange(part.start, part.stop - 1) for part in dynamics.parts])
    reduced = jacobian[np.ix_(kept, kept)].copy()
    for part in dynamics.parts:
        inside = (kept >= part.start) & (kept < part.stop)
        reduced[:, inside] -= jacobian[kept, part.stop - 1][:, None]
    if len(reduced) == 2:  # the formula keeps the last digits
        middle, half = (reduced[0, 0] + reduced[1, 1]) / 2, (reduced[0, 0] - reduced[1, 1]) / 2
        root = np.sqrt(complex(half * half + reduced[0, 1] * reduced[1, 0]))
        found = np.array([complex(middle) + root, complex(middle) - root])
    else:
        found = np.linalg.eigvals(reduced.astype(np.float64)).astype(np.complex128)
    return found[np.lexsort((-found.imag, -found.real))]


def _judged(dynamics: Dynamics, state: Floats, eigenvalues: Complexes) -> RestPoint:
    least = NEUTRAL * max(1e-300, *(float(np.abs(table).max()) for table in dynamics.tables))
    up, down = eigenvalues.real > least, eigenvalues.real < -least
    if down.all():
        kind = "stable"
    elif up.all():
        kind = "source"
    elif up.any() and down.any():
        kind = "saddle"
    elif not up.any() and np.all(down | (np.abs(eigenvalues.imag) > least)):
        kind = "centre"
    else:
        kind = "neutral"
    return RestPoint(state, eigenvalues, kind)


def _replicator(dynamics: Dynamics) -> Iterator[NDArray[Any]]:
    """The states in which all strategies that are played earn the same, those with fewer strategies first."""
    sizes = dynamics.sizes
    if 2 ** sum(sizes) > MAX_SUPPORTS:
        raise ValueError(f"dynamics: expected at most {MAX_SUPPORTS} combinations of supports, found 2^{sum(sizes)}")
    choices = [_supports(size) for size in sizes]
    for chosen in sorted(itertools.product(*choices), key=lambda supports: sum(map(len, supports))):
        # each population's shares make the strategies equal that the other one plays
        pairs = zip(dynamics.exact, chosen, chosen[::-1], strict=True)
        shares = [_equal(table, rows, columns) for table, rows, columns in pairs][::-1]
        if all(share is not None for share in shares):
            yield np.array([value for share in shares if share is not None for value in share], dtype=object)


def _supports(size: int) -> list[tuple[int, ...]]:
    return [chosen for count in range(1, size + 1) for chosen in itertools.combinations(range(size), count)]


def _equal(table: Exact, rows: Sequence[int], columns: Sequence[int]) -> list[Fraction] | None:
    """The only mixture of all these columns against which these rows earn the same; None if there is no single one."""
    system = [[table[i][j] - table[rows[0]][j] for j in columns] + [Fraction(0)] for i in rows[1:]]
    system.append([Fraction(1)] * (len(columns) + 1))
    found = _solved(system, len(columns))
    if found is None or min(found) <= 0:
        return None
    shares = [Fraction(0)] * len(table[0])
    for j, value in zip(columns, found, strict=True):
        shares[j] = value
    return shares


def _solved(system: list[list[Fraction]], unknowns: int) -> list[Fraction] | None:
    """The only solution of linear equations, by elimination; None if there is none, or there are several."""
    rank = 0
    for k in range(unknowns):
        pivot = next((i for i in range(rank, len(system)) if system[i][k]), None)
        if pivot is None:
            return None
        system[rank], system[pivot] = system[pivot], system[rank]
        system[rank] = [value / system[rank][k] for value in system[rank]]
        for i, row in enumerate(system):
            if i != rank and row[k]:
                system[i] = [a - row[k] * b for a, b in zip(row, system[rank], strict=True)]
        rank += 1
    if any(row[-1] for row in system[rank:]):
        return None
    return [row[-1] for row in system[:unknowns]]


def _searched(dynamics: Dynamics, seed: int) -> list[Floats]:
    """The rest points that Newton's method comes to from the centre and from random states."""
    rng = np.random.default_rng(seed)
    starts = [np.concatenate([np.full(size, 1.0 / size) for size in dynamics.sizes])]
    starts += [np.concatenate([rng.dirichlet(np.full(size, 0.5)) for size in dynamics.sizes]) for _ in range(STARTS)]
    ends = [part.stop - 1 for part in dynamics.parts]

    def closed(z: Floats) -> Floats:
        """The field, with the sums of shares in place of what follows from them."""
        found = dynamics(z)
        found[ends] = [z[part].sum() - 1.0 for part in dynamics.parts]
        return found

    def slope(z: Floats) -> Floats:
        found = dynamics.jacobian(z)
        for part, end in zip(dynamics.parts, ends, strict=True):
            found[end] = 0.0
            found[end, part] = 1.0
        return found

    scale = max(1.0, *(float(np.abs(table).max()) for table in dynamics.tables))
    states: list[Floats] = []
    for start in starts:
        state = optimize.root(closed, start, jac=slope, tol=1e-14).x
        inside = np.all(np.isfinite(state)) and state.min() >= -1e-9
        if not inside or np.abs(closed(state)).max() > 1e-9 * scale:
            continue
        for _ in range(3):  # the last digits
            try:
                state = state - np.linalg.solve(slope(state), closed(state))
            except np.linalg.LinAlgError:
                break
        new = all(np.abs(state - other).max() > 1e-6 for other in states)
        if new and state.min() >= -1e-12 and np.abs(closed(state)).max() <= 1e-12 * scale:
            states.append(dynamics.state(*(np.maximum(state[part], 0.0) for part in dynamics.parts)))
    return sorted(states, key=lambda state: [round(-value, 6) for value in state])


def alpha_rank(A: object, B: object = None, *, alpha: float = 100.0, population: int = 50) -> Floats:
    """Alpha-rank (Omidshafiei et al. 2019): how much time evolution spends at each pair of pure strategies.

    Each player is a population of one strategy. A mutant of one of them takes over with the probability that the
    Fermi process gives it, (1 - e^{-alpha d}) / (1 - e^{-population alpha d}), d what it earns more against the
    other population. The result is the stationary distribution of these changes, by elimination without subtraction.

    Args:
        A: (m, n) payoffs of the row player, or a `Bimatrix`.
        B: (m, n) payoffs of the column player.
        alpha: how strongly payoffs select, above 0.
        population: how many there are of a kind, at least 2.

    Returns:
        (m, n) shares that sum to 1.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> pm.games.alpha_rank(pm.games.named("prisoners_dilemma")).round(6).tolist()
        [[0.0, 0.0], [0.0, 1.0]]
    """
    game: Bimatrix = as_game(A, B)
    if not 0.0 < real(alpha) < np.inf:
        raise ValueError(f"alpha: expected a number above 0, found {alpha!r}")
    count = check_count("population", population, least=2)
    m, n = game.shape
    if m == n == 1:
        return np.ones((1, 1))
    chances = np.zeros((m * n, m * n))
    for i, j in itertools.product(range(m), range(n)):
        for k in set(range(m)) - {i}:
            chances[i * n + j, k * n + j] = _fixation(game.A[k, j] - game.A[i, j], alpha, count)
        for k in set(range(n)) - {j}:
            chances[i * n + j, i * n + k] = _fixation(game.B[i, k] - game.B[i, j], alpha, count)
    return _stationary(chances / (m + n - 2)).reshape(m, n)


def _fixation(gain: float, alpha: float, count: int) -> float:
    """The probability that a mutant takes over; not below 1e-250, so that every pair can be reached."""
    power = alpha * gain
    if abs(power) * count < 1e-12:
        return 1.0 / count
    if power > 0:
        return float(np.expm1(-power) / np.expm1(-count * power))
    exponent = (count - 1) * power  # (e^{-p} - 1) / (e^{-count p} - 1) without overflow
    return float(max(1e-250, np.exp(max(exponent, -600.0)) * np.expm1(power) / np.expm1(count * power)))


def _stationary(chances: Floats) -> Floats:
    """The stationary distribution of a chain of which each two states lead to each other (Grassmann et al. 1985)."""
    chances = chances.copy()
    size = len(chances)
    for k in range(size - 1, 0, -1):
        chances[:k, k] /= chances[k, :k].sum()
        chances[:k, :k] += np.outer(chances[:k, k], chances[k, :k])
    found = np.ones(size)
    for k in range(1, size):
        found[k] = found[:k] @ chances[:k, k]
        found[: k + 1] /= found[: k + 1].max()
    return found / found.sum()
