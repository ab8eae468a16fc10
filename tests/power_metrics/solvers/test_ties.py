"""Which actions are optimal, against policy iteration in fractions; at small values, near discount 1, and told apart."""

from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

import power_metrics as pm
from power_metrics.solvers import twofold
from powerenvs import TabularMDP
from tests.power_metrics.worlds import MAZE, grid

EDGE = 1 - 1e-9


def solved(system):
    """The last column of a square system of fractions, eliminated."""
    size = len(system)
    for k in range(size):
        pivot = next(i for i in range(k, size) if system[i][k] != 0)
        system[k], system[pivot] = system[pivot], system[k]
        system[k] = [x / system[k][k] for x in system[k]]
        for i in range(size):
            if i != k and system[i][k]:
                system[i] = [x - system[i][k] * y for x, y in zip(system[i], system[k], strict=True)]
    return [row[-1] for row in system]


def exactly_optimal(mdp, state_reward, gamma, action_reward=None):
    """(S, A) bool: the optimal actions by policy iteration in fractions."""
    S, A = mdp.available.shape
    P = [[Fraction(p) for p in row] for row in mdp.transition_matrix().toarray().tolist()]
    discount = Fraction(gamma)
    earned = [Fraction(0)] * (S * A) if action_reward is None else [Fraction(x) for x in action_reward.ravel().tolist()]
    policy = mdp.available.argmax(axis=1)
    while True:
        rows = [s * A + policy[s] for s in range(S)]
        value = solved(
            [[(s == t) - discount * P[rows[s]][t] for t in range(S)] + [Fraction(state_reward[s]) + earned[rows[s]]]
             for s in range(S)]
        )  # fmt: skip
        q = [
            [
                earned[s * A + a] + discount * sum(p * v for p, v in zip(P[s * A + a], value, strict=True))
                if mdp.available[s, a]
                else None
                for a in range(A)
            ]
            for s in range(S)
        ]
        best = [max(x for x in row if x is not None) for row in q]
        better = [s for s in range(S) if q[s][policy[s]] < best[s]]
        if not better:
            return np.array([[x == best[s] for x in q[s]] for s in range(S)])
        for s in better:
            policy[s] = q[s].index(best[s])


def dyadic_mdp(rng, states, actions, chance):
    """Probabilities are eighths, so that they sum to 1 exactly and much is tied."""
    moves = []
    for s in range(states):
        for a in range(actions):
            shares = rng.multinomial(8, np.ones(3) / 3) if chance else [8]
            moves += [(s, a, int(t), n / 8) for t, n in zip(rng.permutation(states), shares, strict=False) if n]
    return TabularMDP.from_transitions(moves, state_labels=range(states), action_labels=range(actions), initial=0)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([0.1, 0.5, 0.99, 1 - 2.0**-24, EDGE]), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_optimal_actions_are_those_of_fractions(gamma, seed, chance, sizes_differ):
    rng = np.random.default_rng(seed)
    mdp = dyadic_mdp(rng, 5, 3, chance)
    reward = rng.integers(0, 2, 5) * (10.0 ** -rng.integers(0, 9, 5) if sizes_differ else 1.0)
    optimal = exactly_optimal(mdp, reward, gamma)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = pm.optimal_policies(mdp, reward, gamma, tie_tolerance=0.0)[0].numpy()
    assert np.array_equal(found > 0, optimal)


def corridor(step=0.0, slip=0.0, cells=25):
    """Left and right, a prize for the step into the last cell."""
    moves, reward = [], []
    for s in range(cells - 1):
        for action, way in (("left", -1), ("right", 1)):
            for direction, p in ((way, 1 - slip), (-way, slip)):
                if p:
                    target = min(max(s + direction, 0), cells - 1)
                    moves.append((s, action, target, p))
                    reward.append(1.0 if target == cells - 1 else step)
    moves.append((cells - 1, "left", cells - 1, 1.0))
    return TabularMDP.from_transitions(
        moves, state_labels=range(cells), initial=8, terminal=[cells - 1], reward=[*reward, 0.0]
    )


@pytest.mark.parametrize("step", [0.0, -0.01])
@pytest.mark.parametrize("slip", [0.0, 0.1])
@pytest.mark.parametrize("gamma", [0.1, 0.2, 0.9, 0.999, EDGE])
def test_the_way_to_a_far_prize(step, slip, gamma):
    """In most cells its discounted value is far below rounding of that near it, or of what a step costs."""
    mdp = corridor(step, slip)
    policy = pm.optimal_policies(mdp, None, gamma)[0].numpy()
    assert np.array_equal(policy[:-1, 1], np.ones(24))


def test_what_is_said_of_an_optimal_agent_in_the_corridor():
    mdp = corridor()
    right = np.zeros(mdp.available.shape)
    right[:-1, 1] = right[-1, 0] = 1.0
    made = pm.compare(right, mdp, gamma=0.1, num_samples=100)
    assert pm.expected_return(mdp, made.policies["task-optimal"], 0.1) == pytest.approx(0.1**15, rel=1e-14)
    assert made.optimal_range[0] == pytest.approx(made.optimal_range[1], rel=1e-14)
    chance = pm.optimality_probability(mdp, 0.1, rewards=np.eye(25)[[24]]).mean
    assert np.array_equal(chance[:-1], np.tile([0.0, 1.0], (24, 1)))


def stay_or_go():
    return TabularMDP.from_transitions(
        [(0, "stay", 0, 1.0), (0, "go", 1, 1.0), (1, "stay", 1, 1.0), (1, "go", 0, 1.0)], initial=0
    )


@pytest.mark.parametrize("gamma", [1 - 1e-7, EDGE])
def test_near_discount_1_worse_actions_are_not_tied(gamma):
    policy = pm.optimal_policies(stay_or_go(), [1.0, 0.991], gamma)[0].numpy()
    assert policy.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    chance = pm.optimality_probability(stay_or_go(), gamma, num_samples=1000).mean
    assert np.array_equal(chance.sum(axis=1), [1.0, 1.0])
    learner = pm.power_of_policies(pm.EpsilonGreedy(0), stay_or_go(), gamma, num_samples=1000)
    assert learner.power.mean == pytest.approx(pm.power(stay_or_go(), gamma, num_samples=1000).mean, rel=1e-12)


def test_solvers_that_cannot_eliminate_agree(monkeypatch):
    mdp = grid(MAZE, noise=0.25)
    rewards = np.random.default_rng(0).integers(0, 2, (3, mdp.num_states)).astype(float)
    for gamma in (0.9, 1 - 1e-6):
        expected = pm.optimal_policies(mdp, rewards, gamma)
        monkeypatch.setattr("power_metrics.solvers.discounted.direct.Direct.fits", lambda *_: False)
        again = grid(MAZE, noise=0.25)
        assert pm.solve(again, rewards, gamma).values.shape == rewards.shape
        assert np.array_equal(pm.optimal_policies(again, rewards, gamma), expected)
        monkeypatch.undo()


def test_mirrored_actions_stay_tied_in_spite_of_rounded_probabilities():
    """Rows of the two sides are added up in different order, and sum to 1 only to rounding."""
    moves = [("start", "left", "l", 1.0), ("start", "right", "r", 1.0)]
    for side in "lr":
        shares = [("start", 0.1), (side, 0.7), ("end", 0.2)][:: 1 if side == "l" else -1]
        moves += [(side, "on", target, p) for target, p in shares]
    mdp = TabularMDP.from_transitions(moves + [("end", "on", "end", 1.0)], initial="start")
    for gamma in (0.1, 0.9, EDGE):
        for reward in ([0.0, 0.0, 0.0, 1.0], [0.3, 0.1, 0.1, 0.7], [1.0, 1.0, 1.0, 0.0]):
            by_label = dict(zip(("start", "l", "r", "end"), reward, strict=True))
            given_rewards = [by_label[label] for label in mdp.state_labels]
            policy = pm.optimal_policies(mdp, given_rewards, gamma)[0].numpy()
            ways = [mdp.action_index(name) for name in ("left", "right")]
            assert policy[mdp.index("start"), ways].tolist() == [0.5, 0.5]


SIZES = st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-100)


@settings(max_examples=200, deadline=None)
@given(SIZES, SIZES)
@example(1.0, 2.0**-60)
def test_sums_and_products_of_twice_the_precision_are_exact(a, b):
    exact = [Fraction(a) + Fraction(b), Fraction(a) - Fraction(b), Fraction(a) * Fraction(b)]
    found = twofold.add(a, 0.0, b, 0.0), twofold.subtract(a, 0.0, b, 0.0), twofold.multiply(a, b, 0.0)
    assert [Fraction(high) + Fraction(low) for high, low in found] == exact
