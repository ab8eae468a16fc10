"""Equilibria: against complete enumeration by another algorithm, known games, degenerate ones, certificates."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.games import polyhedra
from power_metrics.games.polyhedra import corners
from tests.power_metrics.games.enumerations import complete, random_games

# in costs, from public reports of solvers that miss or invent equilibria
COSTS = (
    [[0, 0, 6, 0, 0], [0, 0, 3, 2, 1], [4, 3, 0, 0, 1]],
    [[3, 0, 2, 1, 0], [0, 2, 0, 0, 4], [4, 0, 2, 4, 4]],
)
KNOWN = {
    "battle_of_the_sexes": [([1, 0], [1, 0]), ([0, 1], [0, 1]), ([3 / 5, 2 / 5], [2 / 5, 3 / 5])],
    "matching_pennies": [([1 / 2, 1 / 2], [1 / 2, 1 / 2])],
    "prisoners_dilemma": [([0, 1], [0, 1])],
    "stag_hunt": [([1, 0], [1, 0]), ([0, 1], [0, 1]), ([2 / 3, 1 / 3], [2 / 3, 1 / 3])],
    "chicken": [([1, 0], [0, 1]), ([0, 1], [1, 0]), ([1 / 3, 2 / 3], [1 / 3, 2 / 3])],
    "rock_paper_scissors": [([1 / 3] * 3, [1 / 3] * 3)],
    "coordination": [([1, 0], [1, 0]), ([0, 1], [0, 1]), ([1 / 3, 2 / 3], [1 / 3, 2 / 3])],
}


def same_pairs(found, expected, tolerance=1e-8):
    """Whether two lists have the same pairs of strategies, in any order."""
    assert len(found) == len(expected), (found, expected)
    left = [np.concatenate(pair) for pair in expected]
    for pair in found:
        near = [k for k, other in enumerate(left) if np.abs(np.concatenate(pair) - other).max() < tolerance]
        assert len(near) == 1, (pair, left)
        left.pop(near[0])


@pytest.mark.parametrize("name", KNOWN)
def test_known_games(name):
    same_pairs(pm.games.equilibria(pm.games.named(name)), KNOWN[name], 1e-15)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_random_games_against_complete_enumeration(n):
    A, B = random_games(np.random.default_rng(n), 300, n)
    for a, b, expected in zip(A, B, complete(A, B), strict=True):
        found = pm.games.equilibria(a, b)
        same_pairs(found, expected)
        assert len(found) % 2 == 1  # Wilson 1971: odd unless degenerate
        assert max(pm.games.Bimatrix(a, b).regret(x, y) for x, y in found) <= 1e-12


@pytest.mark.parametrize(("shape", "count"), [((2, 3), 40), ((3, 3), 15), ((3, 4), 4)])
def test_corners_of_degenerate_tables_are_all_there_is(shape, count):
    """Against all choices of tight inequalities, in fractions."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        table = [[Fraction(int(v)) for v in row] for row in rng.integers(-1, 2, size=shape)]
        found = {corner.strategy for corner in corners(table)}
        assert len(found) == len(corners(table))
        assert found == brute_force(table)


def brute_force(table):
    """The corners by solving every square subsystem."""
    n = len(table[0])
    zero = Fraction(0)
    lines = [[Fraction(int(i == k)) for i in range(n)] + [zero] for k in range(n)] + [
        [-value for value in row] + [Fraction(1)] for row in table
    ]
    found = set()
    for chosen in itertools.combinations(lines, n):
        point = solved([*chosen, [Fraction(1)] * n + [zero]], [zero] * n + [Fraction(1)])
        if point and all(sum(a * b for a, b in zip(line, point, strict=True)) >= 0 for line in lines):
            found.add(tuple(point[:n]))
    return found


def solved(matrix, right):
    """Gauss-Jordan elimination in fractions; None for a singular matrix."""
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [value / rows[k][k] for value in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def test_a_degenerate_game_of_unequal_numbers_of_strategies():
    costs = pm.games.nash(pm.games.Bimatrix(-np.array(COSTS[0]), -np.array(COSTS[1])))
    assert len(costs.points) == 8
    assert costs.degenerate  # what is listed are the extreme points of infinitely many
    assert max(point.regret for point in costs.points) <= 1e-15
    assert len(pm.games.equilibria(*COSTS)) == 4


def test_components_and_convex_sets():
    found = pm.games.nash(pm.games.Bimatrix([[2, 2], [0, 3]], [[1, 1], [0, 0]]))
    same_pairs(
        found.pairs,
        [([1, 0], [1, 0]), ([0, 1], [0, 1]), ([1, 0], [1 / 3, 2 / 3]), ([0, 1], [1 / 3, 2 / 3])],
    )
    assert found.components == ((0, 1, 2, 3),)
    assert found.degenerate
    assert [(len(rows), len(columns)) for _, rows, columns in found.sets] == [(1, 2), (1, 2), (2, 1)]
    rng = np.random.default_rng(0)
    for _, rows, columns in found.sets:
        x = rng.dirichlet(np.ones(len(rows))) @ np.array(rows)
        y = rng.dirichlet(np.ones(len(columns))) @ np.array(columns)
        assert found.game.regret(x, y) <= 1e-15


def test_nothing_at_stake_is_one_set_of_all():
    found = pm.games.nash(pm.games.Bimatrix(np.zeros((2, 3)), np.zeros((2, 3))))
    assert len(found.points) == 6
    assert [(len(rows), len(columns)) for _, rows, columns in found.sets] == [(2, 3)]


def test_numbers_are_what_they_are_printed_as():
    """0.1 + 0.2 is not 0.3 in floats; the tie of 0.3 and 3/10 is one."""
    game = pm.games.Bimatrix([[0.3, 0.1], ["3/10", Fraction(1, 10)]], [[1, 0], [1, 0]])
    assert pm.games.nash(game).degenerate
    assert not pm.games.nash(pm.games.Bimatrix([[0.1 + 0.2, 0.1], [0.3, 0.1]], [[1, 0], [1, 0]])).degenerate


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_equilibria_follow_transformations(m, n, seed):
    """Scaling payoffs, adding to columns of A, exchanging the players and permuting strategies change no equilibrium."""
    rng = np.random.default_rng(seed)
    A, B = rng.integers(-2, 3, size=(2, m, n))
    found = pm.games.equilibria(A, B)
    assert found
    assert max(pm.games.Bimatrix(A, B).regret(x, y) for x, y in found) <= 1e-14
    same_pairs(
        pm.games.equilibria(3 * A + rng.integers(-3, 3, size=n), 2 * B + rng.integers(-3, 3, size=(m, 1))), found
    )
    same_pairs([(x, y) for y, x in pm.games.equilibria(B.T, A.T)], found)
    order = rng.permutation(n)
    permuted = pm.games.Bimatrix(A, B).permuted(order.tolist())
    same_pairs(pm.games.equilibria(permuted), [(x, y[order]) for x, y in found])
    square = pm.games.Bimatrix(A, B).padded()
    same_pairs([(x[:m], y[:n]) for x, y in pm.games.equilibria(square)], found)


def test_too_many_corners_are_refused(monkeypatch):
    monkeypatch.setattr(polyhedra, "MAX_CORNERS", 10)
    with pytest.raises(ValueError, match="leave out dominated"):
        pm.games.equilibria(*np.random.default_rng(0).normal(size=(2, 4, 4)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pm.games.equilibria([[1, 2]], [[1], [2]]), "B: expected the shape of A"),
        (lambda: pm.games.equilibria([[1, 2]]), "B: expected the column player's payoffs"),
        (lambda: pm.games.equilibria([[1, float("nan")]], [[1, 2]]), r"A\[0, 1\]: expected a finite number"),
        (lambda: pm.games.equilibria([[1, "1/0"]], [[1, 2]]), r"A\[0, 1\]: expected a finite number"),
        (lambda: pm.games.equilibria([[1, 1e101]], [[1, 2]]), "at most 1e"),
        (lambda: pm.games.equilibria([[1], [1, 2]], [[1, 2]]), "A: expected a table"),
        (lambda: pm.games.equilibria(3, [[1, 2]]), "A: expected a table"),
        (lambda: pm.games.named("chiken"), "did you mean 'chicken'"),
        (lambda: pm.games.named("chicken").regret([1, 1], [1, 0]), "x: expected 2 probabilities"),
        (lambda: pm.games.named("chicken").permuted([0, 0]), "columns: expected each of 0 to 1 once"),
        (lambda: pm.games.Bimatrix([[1]], [[1]], names=["a", "b"]), "names: expected 1 different"),
        (lambda: pm.games.symmetric_equilibria([[1, 2]]), "as many rows as columns"),
    ],
)
def test_what_is_no_game_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
