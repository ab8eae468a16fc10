"""Reward functions compared: distances, regret over ties, and how they order behaviour."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.measures import preference_confusion as confusion_module
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.safety import BoatRace
from powerenvs.worlds.safety.island_navigation import IslandNavigation
from tests.models import mdps, random_mdp

METHODS = ("epic", "feasible", "expected")
few = settings(max_examples=12, deadline=None)


def drawn(mdp, seed, count=1):
    """Reward functions over all (s, a, s')."""
    S, A = mdp.available.shape
    return np.random.default_rng(seed).normal(size=(count, S, A, S))


def distance(mdp, one, other, gamma=0.9, method="epic"):
    return pm.reward_distance(mdp, one, other, gamma=gamma, method=method).distance


# Distances


@few
@given(mdps(max_states=5), st.integers(0, 10**6), st.sampled_from(METHODS), st.sampled_from([0.0, 0.5, 0.99]))
def test_distance_does_not_see_shift_scale_and_shaping(mdp, seed, method, gamma):
    rng = np.random.default_rng(seed)
    [reward], potential = drawn(mdp, seed), rng.normal(size=mdp.num_states)
    try:
        assert distance(mdp, reward, reward, gamma, method) == pytest.approx(0, abs=1e-9)
    except ValueError:  # in a model where shaping can give every reward
        assert method != "epic" or mdp.num_states == 1
        return
    shaped = 0.3 * reward + gamma * potential - potential[:, None, None] + 5
    assert distance(mdp, reward, shaped, gamma, method) == pytest.approx(0, abs=1e-7)
    assert distance(mdp, reward, -shaped, gamma, method) == pytest.approx(1, abs=1e-7)


@few
@given(st.integers(0, 10**6), st.sampled_from(METHODS))
def test_distance_is_a_pseudometric(seed, method):
    mdp = random_mdp(np.random.default_rng(seed), 4, 3)
    rewards = drawn(mdp, seed, 3)
    between = [[distance(mdp, a, b, method=method) for b in rewards] for a in rewards]
    for a, b, c in itertools.product(range(3), repeat=3):
        assert between[a][b] == pytest.approx(between[b][a], abs=1e-12)
        assert between[a][c] <= between[a][b] + between[b][c] + 1e-12
        assert 0 <= between[a][b] <= 1


def test_epic_by_its_definition_with_loops():
    mdp, gamma = random_mdp(np.random.default_rng(1), 3, 2), 0.8
    S, A = mdp.available.shape
    forms = []
    for R in drawn(mdp, 2, 2):
        form = np.empty((S, A, S))
        for s, a, after in itertools.product(range(S), range(A), range(S)):
            form[s, a, after] = R[s, a, after]
            for x, u, y in itertools.product(range(S), range(A), range(S)):
                form[s, a, after] += (gamma * R[after, u, y] - R[s, u, y] - gamma * R[x, u, y]) / (S * A * S)
        forms.append(form.reshape(-1))
    rho = np.corrcoef(forms)[0, 1]
    found = pm.reward_distance(mdp, *drawn(mdp, 2, 2), gamma=gamma)
    assert found.distance == pytest.approx(math.sqrt((1 - rho) / 2), abs=1e-12)
    assert found.correlation == pytest.approx(rho, abs=1e-12)


@pytest.mark.parametrize("method", ["feasible", "expected"])
def test_least_squares_by_a_dense_solver(method):
    mdp, gamma = random_mdp(np.random.default_rng(3), 5, 3), 0.95
    weights, paid, shaping = [], [], []
    rewards = drawn(mdp, 4, 2)
    unit = np.eye(mdp.num_states)
    for s, a in np.argwhere(mdp.available).tolist():
        after = mdp.transition_tensor().numpy()[s, a]
        if method == "expected":
            weights.append(1.0)
            paid.append([after @ R[s, a] for R in rewards])
            shaping.append(gamma * after - unit[s])
            continue
        for t in np.flatnonzero(after).tolist():
            weights.append(after[t])
            paid.append([R[s, a, t] for R in rewards])
            shaping.append(gamma * unit[t] - unit[s])
    root = np.sqrt(weights)[:, None]
    columns = np.hstack([shaping, np.ones((len(paid), 1))]) * root
    left = np.array(paid) * root
    left -= columns @ np.linalg.lstsq(columns, left, rcond=None)[0]
    rho = left[:, 0] @ left[:, 1] / np.linalg.norm(left[:, 0]) / np.linalg.norm(left[:, 1])
    assert distance(mdp, *rewards, gamma, method) == pytest.approx(math.sqrt((1 - rho) / 2), abs=1e-9)


def test_impossible_transitions_make_epic_see_shaping_and_what_follows_on_average_is_for_expected_alone():
    mdp = PowerGrid("S.G\n...", noise=0.2).tables()
    row = np.repeat(np.arange(mdp.num_states * mdp.num_actions), np.diff(mdp.indptr))
    state, potential = row // mdp.num_actions, np.random.default_rng(0).normal(size=mdp.num_states)
    shaped = mdp.reward + 0.9 * potential[mdp.successor] - potential[state]
    assert distance(mdp, "reward", shaped, method="feasible") == pytest.approx(0, abs=1e-9)
    assert distance(mdp, "reward", shaped, method="epic") > 0.05
    zero = pm.reward_distance(mdp, "reward", shaped, gamma=0.9, extension="zero").distance
    assert zero > 0.05
    assert zero != distance(mdp, "reward", shaped)
    spread = mdp.action_rewards()  # the same on average
    assert distance(mdp, "reward", spread, method="expected") == pytest.approx(0, abs=1e-9)
    assert distance(mdp, "reward", spread, method="feasible") > 0.05


def test_the_ends_of_episodes_are_seen():
    mdp = IslandNavigation().tables()
    moving = ~mdp.terminal[np.repeat(np.arange(mdp.num_states * 4), np.diff(mdp.indptr)) // 4]
    assert distance(mdp, "reward", mdp.reward + 3.0, method="feasible") == pytest.approx(0, abs=1e-9)
    assert distance(mdp, "reward", mdp.reward + 3.0 * moving, method="feasible") > 0.01


@pytest.mark.parametrize("method", METHODS)
def test_what_is_constant_apart_from_shaping_is_refused(method):
    mdp = PowerGrid("open_3x3").tables()
    potential = np.arange(9.0) ** 2
    shaping = 0.9 * potential - potential[:, None, None] + np.zeros((9, 5, 9))
    for constant in (np.full(9, 2.5), shaping):
        with pytest.raises(ValueError, match=r"other: expected a reward that tells something apart"):
            pm.reward_distance(mdp, np.arange(9.0), constant, gamma=0.9, method=method)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(4), r"reward: expected shape \(9,\), one reward for each state"),
        (np.full(9, np.nan), "reward: expected finite numbers"),
        ("performans", "reward: expected one of reward, performance, found 'performans'; did you mean 'performance'"),
    ],
)
def test_rewards_that_do_not_fit(bad, message):
    mdp = PowerGrid("open_3x3").tables()
    for measure in (pm.reward_distance, pm.reward_regret, pm.preference_confusion):
        with pytest.raises(ValueError, match=message):
            measure(mdp, bad)


# Regret


@few
@given(mdps(max_states=4, max_actions=3), st.integers(0, 10**6), st.sampled_from([0.0, 0.9]))
def test_regret_by_all_deterministic_policies(mdp, seed, gamma):
    learned = np.random.default_rng(seed).integers(0, 2, size=mdp.available.shape).astype(float)  # with ties
    found = pm.reward_regret(mdp, learned, "performance", gamma=gamma)
    task = mdp.with_(reward=np.repeat(learned.reshape(-1), np.diff(mdp.indptr)))
    choices = [np.flatnonzero(row).tolist() for row in mdp.available]
    policies = np.array([np.eye(mdp.num_actions)[list(actions)] for actions in itertools.product(*choices)])
    ours = pm.policy_values(task, policies, None, gamma).numpy()
    true = pm.policy_values(mdp, policies, None, gamma, performance=True).numpy()
    optimal = (ours > ours.max(axis=0) - 1e-9).all(axis=1)
    loss = true.max(axis=0) - true[optimal]
    np.testing.assert_allclose(found.worst_loss, loss.max(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.best_loss, loss.min(axis=0), atol=1e-9)
    assert found.worst == pytest.approx(mdp.initial @ loss.max(axis=0), abs=1e-9)
    assert found.best <= found.even <= found.worst


def test_regret_of_the_boat_by_hand():
    found = pm.reward_regret(BoatRace(), gamma=0.9)  # the best race earns 1 a step; going back and forth costs it
    assert found.optimum == pytest.approx(10)
    assert found.best == pytest.approx(0)
    assert found.worst == pytest.approx(10 - (1 - 0.9) / (1 - 0.81))  # +1, -1, +1, ...
    assert found.share == pytest.approx(found.worst / (found.optimum - found.random))
    shift = pm.reward_regret(BoatRace(), BoatRace().tables().reward * 3 + 7, gamma=0.9)
    assert shift.worst == pytest.approx(found.worst)


def test_a_share_of_nothing_is_not_a_number():
    assert math.isnan(pm.reward_regret(PowerGrid("open_3x3").tables()).share)


# Orders of segments


def by_enumeration(mdp, rewards, length):
    """(3, 3) the probabilities of orders, by all segments one by one."""
    ways = [((s,), 1.0, np.zeros(2)) for s in range(mdp.num_states)]
    P, terminal = mdp.transition_tensor().numpy(), mdp.terminal
    ways = [(w, 1 / (~terminal).sum(), g) for w, _, g in ways if not terminal[w[0]]]
    for _ in range(length):
        ways = [
            ((*w, t), p * P[w[-1], a, t] / mdp.available[w[-1]].sum(), g + rewards[:, w[-1], a, t] * ~terminal[w[-1]])
            for w, p, g in ways
            for a in range(mdp.num_actions)
            for t in np.flatnonzero(P[w[-1], a]).tolist()
        ]
    table = np.zeros((3, 3))
    for (_, p, g), (_, q, h) in itertools.product(ways, ways):
        sign = np.where(np.abs(g - h) < 1e-9, 1, np.where(g > h, 0, 2))
        table[sign[0], sign[1]] += p * q
    return table


def test_orders_by_all_pairs_one_by_one_and_by_draws(monkeypatch):
    mdp = random_mdp(np.random.default_rng(5), 3, 2, masked=False)
    rewards = np.random.default_rng(6).integers(-1, 2, size=(2, 3, 2, 3)).astype(float)
    exact = pm.preference_confusion(mdp, rewards[1], rewards[0], length=3)
    assert (exact.method, exact.standard_error) == ("enumeration", 0)
    np.testing.assert_allclose(exact.table, by_enumeration(mdp, rewards, 3), atol=1e-12)
    monkeypatch.setattr(confusion_module, "MOST_WAYS", 2)
    drawn = pm.preference_confusion(mdp, rewards[1], rewards[0], length=3, num_pairs=40_000)
    assert drawn.method == "sampling"
    assert abs(drawn.reversed - exact.reversed) < 4 * drawn.standard_error
    np.testing.assert_allclose(drawn.table, exact.table, atol=0.012)


def test_segments_that_are_given_and_the_laws_of_orders():
    mdp = BoatRace().tables()
    found = pm.preference_confusion(mdp, mdp.reward * -2 + 1, "reward", length=4)  # the other way round
    assert (found.reversed, found.undecided, found.invented) == (1, 0, 0)
    assert found.table.sum() == pytest.approx(1)

    class Piece:
        def __init__(self, states, actions):
            self.states, self.actions = np.array(states), np.array(actions)

    line = TabularMDP.from_transitions(
        [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0), ("b", "go", "a", 1.0)],
        reward=[0.0, 1.0, 0.0, 0.0],
        performance=[0.0, 0.0, 2.0, 0.0],
    )
    pieces = [Piece([0, 0], [0]), Piece([0, 1], [1]), Piece([1, 1], [0])]
    found = pm.preference_confusion(line, segments=pieces)
    assert (found.num_pairs, found.reversed, found.undecided, found.invented) == (3, 0.5, 0.5, 1.0)
    with pytest.raises(ValueError, match="segments: expected transitions of the model, found none from state 0"):
        pm.preference_confusion(line, segments=[*pieces, Piece([0, 1], [0])])
