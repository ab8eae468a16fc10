"""Dynamics: fields against their definitions, the simplex, rest points, stability, events, alpha-rank."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.games.flows import KINDS

BATTLE = pm.games.named("battle_of_the_sexes")
SMOOTH = ("replicator", "mutator", "logit")
RANDOM = pm.games.Bimatrix(*np.random.default_rng(0).integers(0, 5, size=(2, 3, 4)))
GAMES = [BATTLE, pm.games.named("stag_hunt"), RANDOM, [[0, 2, 1], [1, 0, 2], [2, 1, 0]], [[3, 0], [5, 1]]]


def states(field, count=20):
    rng = np.random.default_rng(1)
    return [field.state(*(rng.dirichlet(np.ones(size)) for size in field.sizes)) for _ in range(count)]


def test_battle_of_the_sexes_exactly():
    first = pm.games.dynamics(pm.games.decompose(BATTLE).counterparts[0])
    point = pm.games.rest_points(first)[-1]
    assert point.state.tolist() == [0.4, 0.6]
    assert point.eigenvalues.tolist() == [1.2]
    assert point.kind == "source"
    both = pm.games.rest_points(pm.games.dynamics(BATTLE))
    assert both[-1].state.tolist() == [0.6, 0.4, 0.4, 0.6]
    assert both[-1].eigenvalues.tolist() == [1.2, -1.2]
    assert [point.kind for point in both] == ["stable", "source", "source", "stable", "saddle"]
    # y' = y (1 - y) (5 y - 2)
    for y in np.linspace(0, 1, 11):
        assert abs(first(np.array([y, 1 - y]))[0] - y * (1 - y) * (5 * y - 2)) <= 1e-15


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("game", GAMES, ids=range(len(GAMES)))
def test_fields_stay_on_the_simplex(game, kind):
    field = pm.games.dynamics(game, kind, mutation=0.1)
    for state in states(field, 5):
        change = field(state)
        assert max(abs(change[part].sum()) for part in field.parts) <= 1e-14
        if kind != "best_response":
            step = 1e-6 * np.eye(len(state))
            numeric = np.stack([(field(state + d) - field(state - d)) / 2e-6 for d in step], axis=1)
            assert np.abs(numeric - field.jacobian(state)).max() <= 1e-7
    path = pm.games.follow(field, states(field, 1)[0], 10.0)
    assert path.states.min() >= 0
    assert max(np.abs(path.states[:, part].sum(axis=1) - 1).max() for part in field.parts) <= 1e-15


@pytest.mark.parametrize("kind", SMOOTH)
@pytest.mark.parametrize("game", GAMES, ids=range(len(GAMES)))
def test_rest_points_rest_and_stable_ones_are_kept(game, kind):
    field = pm.games.dynamics(game, kind, mutation=0.1)
    found = pm.games.rest_points(field)
    assert found
    for point in found:
        assert np.abs(field(point.state)).max() <= 1e-12
        if point.kind == "stable":
            path = pm.games.follow(field, point.state, 20.0)
            assert np.abs(path.states - point.state).max() <= 1e-12


def test_every_equilibrium_is_a_rest_point_of_the_replicator():
    rng = np.random.default_rng(0)
    for _ in range(20):
        game = pm.games.Bimatrix(*rng.normal(size=(2, 3, 3)))
        rest = [point.state for point in pm.games.rest_points(pm.games.dynamics(game))]
        for pair in pm.games.equilibria(game):
            assert min(np.abs(np.concatenate(pair) - state).max() for state in rest) <= 1e-9
        strict = [point for point in pm.games.rest_points(pm.games.dynamics(game)) if point.kind == "stable"]
        for point in strict:  # Ritzberger and Weibull 1995: in two populations what is stable is a strict equilibrium
            assert set(point.state.tolist()) == {0.0, 1.0}
            assert game.regret(point.state[:3], point.state[3:]) == 0


def test_eigenvalues_are_those_of_the_tangent_space():
    """The whole derivative has one more, which belongs to directions that leave the simplex."""
    field = pm.games.dynamics(BATTLE)
    whole = np.linalg.eigvals(field.jacobian(np.array([0.6, 0.4, 0.4, 0.6])))
    assert sorted(whole.real.round(9).tolist()) == [-1.2, -1.2, -1.2, 1.2]
    cycle = pm.games.rest_points(pm.games.dynamics(pm.games.named("rock_paper_scissors").A))[-1]
    assert cycle.kind == "centre"
    assert np.allclose(cycle.eigenvalues, [1j / 3**0.5, -1j / 3**0.5], atol=1e-15)


def test_events_and_rest():
    """y' = y (1 - y) (5 y - 2) has the closed solution that its partial fractions give."""
    field = pm.games.dynamics([[3, 0], [0, 2]])
    path = pm.games.follow(field, [0.5, 0.5], 200.0, speed=1e-9, events=(lambda z: z[0] - 0.9,))
    assert path.at_rest
    assert np.abs(field(path.states[-1])).max() <= 1.1e-9

    def time(y):
        return -np.log(y) / 2 - np.log(1 - y) / 3 + 5 / 6 * np.log(abs(5 * y - 2))

    assert path.events[0] == pytest.approx([time(0.9) - time(0.5)], abs=1e-8)
    again = pm.games.follow(field, path.states[-1] * 0 + [1.0, 0.0], 5.0, speed=1e-9)
    assert again.at_rest
    assert again.times.tolist() == [0.0]


def test_paths_of_best_responses():
    """Against small steps; two ways of answering meet in the mixture of hawks and doves and stay there."""
    field = pm.games.dynamics(pm.games.named("matching_pennies"), "best_response")
    start = field.state([0.9, 0.1], [0.7, 0.3])
    path = pm.games.follow(field, start, 1.0, times=[0.5, 1.0])
    state, step = start, 1e-4
    for number in range(1, 10_001):
        state = state + step * field(state)
        if number in (5_000, 10_000):
            assert np.abs(path.states[0 if number == 5_000 else 1] - state).max() <= 2e-4
    doves = pm.games.dynamics([[0, 3], [1, 2]], "best_response")
    ends = pm.games.follow(doves, [0.9, 0.1], 10.0).states
    assert ends[-1] == pytest.approx([0.5, 0.5], abs=1e-12)
    assert np.diff(ends[:, 0]).max() <= 0


def test_mutation_and_noise_move_rest_points():
    """One half mutates to the other kind: a half of each, whatever is earned; much noise: all equally often."""
    field = pm.games.dynamics([[3, 1], [1, 2]], "mutator", mutation=0.5)
    assert [point.state.tolist() for point in pm.games.rest_points(field)] == [[0.5, 0.5]]
    noisy = pm.games.dynamics(BATTLE, "logit", noise=1e6)
    assert pm.games.rest_points(noisy)[0].state == pytest.approx([0.5] * 4, abs=1e-6)
    quiet = pm.games.dynamics(BATTLE, "logit", noise=0.05)
    assert len(pm.games.rest_points(quiet)) == 3


def test_alpha_rank():
    """Strict equilibria keep what selection is strong enough to bring; cycles are gone round evenly."""
    assert pm.games.alpha_rank(pm.games.named("prisoners_dilemma"))[1, 1] == pytest.approx(1, abs=1e-12)
    pennies = pm.games.alpha_rank(pm.games.named("matching_pennies"))
    assert pennies == pytest.approx(np.full((2, 2), 0.25), abs=1e-12)
    weak = pm.games.alpha_rank(BATTLE, alpha=1e-9)
    assert weak == pytest.approx(np.full((2, 2), 0.25), abs=1e-6)
    # by hand for two strategies of one player: the ratio of fixation probabilities
    game = pm.games.Bimatrix([[0.0], [0.1]], [[0], [0]])
    found = pm.games.alpha_rank(game, alpha=1.0, population=10)
    up, down = (1 - np.exp(-0.1)) / (1 - np.exp(-1.0)), (1 - np.exp(0.1)) / (1 - np.exp(1.0))
    assert found[1, 0] / found[0, 0] == pytest.approx(up / down, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pm.games.dynamics(BATTLE, "replikator"), "did you mean 'replicator'"),
        (lambda: pm.games.dynamics([[1, 2]]), "expected a Bimatrix or a square table"),
        (lambda: pm.games.dynamics([[-1]], "mutator"), "add a constant"),
        (lambda: pm.games.dynamics(BATTLE, noise=0), "noise: expected"),
        (lambda: pm.games.dynamics(BATTLE, mutation=2), "mutation: expected a probability"),
        (lambda: pm.games.dynamics(BATTLE).state([1, 0]), "those of 2 populations"),
        (lambda: pm.games.follow(pm.games.dynamics(BATTLE), [1, 0], 1.0), "start: expected 4 shares"),
        (lambda: pm.games.follow(pm.games.dynamics(BATTLE), [1, 0, 1, 0], 0), "end: expected a time above 0"),
        (lambda: pm.games.follow(pm.games.dynamics(BATTLE), [1, 0, 1, 0], 1, times=[2]), "times: expected rising"),
        (lambda: pm.games.rest_points(pm.games.dynamics(BATTLE, "best_response")), "rest at the equilibria"),
        (lambda: pm.games.rest_points(pm.games.dynamics(np.zeros((15, 15)))), "combinations of supports"),
        (lambda: pm.games.alpha_rank(BATTLE, alpha=0), "alpha: expected"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
