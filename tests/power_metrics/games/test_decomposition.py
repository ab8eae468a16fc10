"""The decomposition: the theorem in both directions, known games, reasons, orders and continua."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from tests.power_metrics.games.enumerations import complete, random_games
from tests.power_metrics.games.test_equilibria import COSTS, same_pairs


def support(strategy):
    return set(np.flatnonzero(strategy > 1e-9).tolist())


def is_symmetric_equilibrium(table, z):
    earned = table @ z
    return bool(earned[z > 1e-9].min() >= earned.max() - 1e-9)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_theorem_in_random_games(n):
    """Equal supports: equilibrium if and only if both strategies are equilibria of the counterparts."""
    A, B = random_games(np.random.default_rng(10 + n), 200, n)
    unequal = 0
    for a, b, every in zip(A, B, complete(A, B), strict=True):
        found = pm.games.decompose(a, b)
        equal = [(x, y) for x, y in every if support(x) == support(y)]
        same_pairs(found.combined, equal)
        same_pairs(found.not_decomposable, [(x, y) for x, y in every if support(x) != support(y)])
        for x, y in equal:
            assert is_symmetric_equilibrium(a, y)
            assert is_symmetric_equilibrium(b.T, x)
        unequal += len(found.not_decomposable)
        for (x, y), order in zip(found.not_decomposable, found.orders, strict=True):
            again = pm.games.decompose(found.game.permuted(order))
            assert any(np.allclose(x, u) and np.allclose(y[list(order)], v) for u, v in again.combined)
    assert unequal > 50


def test_the_theorem_in_degenerate_games():
    """Every mixture with equal supports: in the relative interior of faces too, which no list of corners has."""
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(150):
        a, b = rng.integers(-1, 2, size=(2, 3, 3))
        found = pm.games.decompose(a, b)
        assert len(found.combined) + len(found.not_decomposable) == len(found.equilibria.points)
        for x, y in found.combined:
            assert support(x) == support(y)
            assert found.game.regret(x, y) <= 1e-12
        for rows, columns in found.continua:
            x = rng.dirichlet(np.ones(len(rows))) @ np.array(rows)
            y = rng.dirichlet(np.ones(len(columns))) @ np.array(columns)
            assert support(x) == support(y)
            assert found.why_not(x, y) is None
            seen += 1
    assert seen > 10


def test_battle_of_the_sexes_exactly():
    found = pm.games.decompose([[3, 0], [0, 2]], [[2, 0], [0, 3]])
    first, second = found.counterparts
    assert [z.tolist() for z in first.equilibria] == [[1, 0], [0, 1], [0.4, 0.6]]
    assert [z.tolist() for z in second.equilibria] == [[1, 0], [0, 1], [0.6, 0.4]]
    assert [(x.tolist(), y.tolist()) for x, y in found.combined] == [
        ([1, 0], [1, 0]),
        ([0, 1], [0, 1]),
        ([0.6, 0.4], [0.4, 0.6]),
    ]
    assert found.not_decomposable == []
    # each is an equilibrium of a counterpart, and the pair is none of the game
    assert found.game.regret([0, 1], [1, 0]) == 3


def test_pennies_combine_only_where_they_mix():
    first, second = pm.games.decompose(pm.games.named("matching_pennies")).counterparts
    assert [z.tolist() for z in first.equilibria] == [[1, 0], [0, 1], [0.5, 0.5]]
    assert [z.tolist() for z in second.equilibria] == [[0.5, 0.5]]


def test_equal_supports_matter():
    found = pm.games.decompose([[2, 2], [0, 3]], [[1, 1], [0, 0]])
    same_pairs(found.combined, [([1, 0], [1, 0]), ([0, 1], [0, 1])])
    same_pairs(found.not_decomposable, [([1, 0], [1 / 3, 2 / 3]), ([0, 1], [1 / 3, 2 / 3])])
    assert found.orders == (None, None)
    assert "no order of the strategies" in found.why_not([1, 0], [0.5, 0.5])
    assert not is_symmetric_equilibrium(found.counterparts[0].table, np.array([0.5, 0.5]))
    [(rows, columns)] = found.continua
    assert [x.tolist() for x in rows] == [[1, 0], [0, 1]]
    assert found.why_not([0.5, 0.5], columns[0]) is None
    with pytest.raises(ValueError, match="expected an equilibrium of the game, found a pair with a regret of 2"):
        found.why_not([0, 1], [1, 0])


def test_unequal_numbers_of_strategies():
    found = pm.games.decompose(-np.array(COSTS[0]), -np.array(COSTS[1]))
    assert found.square.shape == (5, 5)
    assert [(len(x), len(y)) for x, y in found.combined + found.not_decomposable] == [(3, 5)] * 8
    rng = np.random.default_rng(3)
    for shape in [(2, 4), (4, 2), (3, 4)] * 10:
        found = pm.games.decompose(*rng.normal(size=(2, *shape)))
        every = pm.games.equilibria(found.game)
        same_pairs(found.combined + found.not_decomposable, every)
        same_pairs(found.combined, [(x, y) for x, y in every if support(x) == support(y)])
        for (x, y), order in zip(found.not_decomposable, found.orders, strict=True):
            again = pm.games.decompose(found.square.permuted(order))
            padded = np.concatenate([y, np.zeros(len(order) - len(y))])[list(order)]
            assert any(
                np.allclose(x, u[: len(x)]) and np.allclose(padded, np.resize(v, len(order))) for u, v in again.combined
            )


def test_it_depends_on_labels():
    found = pm.games.decompose(pm.games.named("chicken"))
    assert len(found.combined) == 1
    again = pm.games.decompose(found.square.permuted(found.orders[0]))
    assert len(again.combined) == 3
    assert again.not_decomposable == []
