"""Fronts of return against power-seeking: against all deterministic policies, and how far policies are behind them."""

import itertools

import numpy as np
import pytest

import power_metrics as pm
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid


def random_world(seed, states=4, actions=3, terminal=True):
    rng = np.random.default_rng(seed)
    chances, rewards = rng.dirichlet(np.full(states, 0.3), (states, actions)), rng.normal(size=(states, actions))
    if terminal:
        chances[-1], rewards[-1] = np.eye(states)[-1], 0.0
    return TabularMDP.from_arrays(chances, rewards, terminal=[False, False, False, terminal]), rng.random(states)


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_corners_are_the_upper_hull_of_all_deterministic_policies(seed, terminal):
    mdp, power = random_world(seed, terminal=terminal)
    front = pm.power_front(mdp, 0.8, power)
    points = []
    for choice in itertools.product(range(3), repeat=4):
        policy = np.eye(3)[list(choice)]
        share = pm.occupancy(mdp, policy, 0.8)
        points.append((share @ power, pm.expected_return(mdp, policy, 0.8)))
        assert points[-1][1] <= front.best_return(points[-1][0]) + 1e-9 or np.isnan(front.best_return(points[-1][0]))
    seeking, earned = np.array(points).T
    assert front.power_seeking[[0, -1]] == pytest.approx([seeking.min(), seeking.max()])
    assert front.expected_return.max() == pytest.approx(earned.max())
    for corner in zip(front.power_seeking, front.expected_return, strict=True):
        assert np.abs(np.array(points) - corner).sum(axis=1).min() < 1e-9  # each is one of them
    slopes = np.diff(front.expected_return) / np.diff(front.power_seeking)
    assert np.all(np.diff(slopes) < 1e-9)
    for policy in front.policies:
        assert front.shortfall(policy) == pytest.approx(0.0, abs=1e-7)


def test_a_front_by_hand():
    mdp = PowerGrid("S..", reward={(0, 2): 1.0}).tables()
    front = pm.power_front(mdp, 0.5, [0.0, 1.0, 0.5])
    # To stay has neither. To go on is in the middle for (1 - γ) γ and at the prize for γ²; it pays γ + γ² + ...
    assert front.power_seeking.tolist() == pytest.approx([0.0, 0.25 * 1.0 + 0.25 * 0.5, 0.5])
    assert front.expected_return.tolist() == pytest.approx([0.0, 1.0, 0.0])
    assert front.best_return(0.1875) == pytest.approx(0.5)
    assert np.isnan(front.best_return(0.6))
    stay = np.eye(5)[[0, 0, 0]]
    stay_and_go = 0.5 * stay + 0.5 * front.policies[1]
    assert 0 < front.shortfall(stay_and_go) < 1


def test_what_has_no_front(tmp_path):
    mdp = PowerGrid("S..", reward={(0, 2): 1.0}).tables()
    with pytest.raises(ValueError, match="in which none do"):
        pm.power_front(mdp, 0.5, [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="max_points"):
        pm.power_front(mdp, 0.5, [0.0, 1.0, 0.5], max_points=2)
    with pytest.raises(ValueError, match="num_samples"):
        pm.power_front(mdp, 0.5, [0.0, 1.0, 0.5], num_samples=3)
    front = pm.power_front(mdp, 0.5, num_samples=50, progress=False)
    front.save(tmp_path / "front.npz")
    assert pm.Result.load(tmp_path / "front.npz") == front
