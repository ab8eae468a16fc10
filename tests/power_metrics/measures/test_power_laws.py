"""Laws of POWER in any world, exact for every single reward function: over random models, by hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularMDP
from tests.models import mdps
from tests.power_metrics.worlds import MAZE, OPEN_3, from_dense, grid

GAMMA = st.sampled_from([0.0, 0.05, 0.5, 0.9, 0.99, 0.9999])
LAW = settings(max_examples=40, deadline=None)


def draws(mdp, seed, count=5):
    """Reward functions with negative rewards in them, on [-1, 1]."""
    return np.random.default_rng(seed).uniform(-1, 1, (count, mdp.num_states))


def powers(mdp, rewards, gamma):
    estimate = pm.power(mdp, gamma, rewards=rewards)
    assert estimate.residual <= 1e-13
    return estimate.samples


def close(a, b, gamma):
    """To rounding: POWER is (1 - γ) times values that are 1 / (1 - γ) times as large."""
    return np.allclose(a, b, rtol=0, atol=2e-15 / (1 - gamma) + 1e-13)


@LAW
@given(mdps(), GAMMA, st.integers(0, 10**6))
def test_power_is_at_most_the_largest_reward(mdp, gamma, seed):
    rewards = draws(mdp, seed)
    found = powers(mdp, rewards, gamma)
    assert np.all(found <= rewards.max(axis=1, keepdims=True) + 1e-12)
    assert np.all(found >= rewards.min(axis=1, keepdims=True) - 1e-12)


@LAW
@given(mdps(), GAMMA, st.integers(0, 10**6))
def test_power_is_the_continuation_and_the_scaled_value(mdp, gamma, seed):
    rewards = draws(mdp, seed)
    found = powers(mdp, rewards, gamma)
    values = pm.optimal_values(mdp, rewards, gamma).numpy()
    q = np.where(mdp.available, np.einsum("sat,bt->bsa", mdp.transition_tensor().numpy(), values), -np.inf)
    assert close(found, (1 - gamma) * q.max(axis=2), gamma)
    if gamma > 0:
        assert np.allclose(found, (1 - gamma) / gamma * (values - rewards), rtol=0, atol=1e-11)


@LAW
@given(mdps(deterministic=True), GAMMA, st.integers(0, 10**6))
def test_states_that_reach_each_other_in_one_step_have_similar_power(mdp, gamma, seed):
    rewards = draws(mdp, seed)
    found = powers(mdp, rewards, gamma)
    width = rewards.max(axis=1) - rewards.min(axis=1)
    reaches = (mdp.transition_tensor().numpy() > 0).any(axis=1)
    for s, t in np.argwhere(reaches & reaches.T):
        assert np.all(np.abs(found[:, s] - found[:, t]) <= width * (1 - gamma) + 1e-12)


@LAW
@given(mdps(), GAMMA, st.integers(0, 10**6))
def test_lower_bound_by_the_power_of_successors(mdp, gamma, seed):
    rewards = draws(mdp, seed)
    found = powers(mdp, rewards, gamma)
    P = mdp.transition_tensor().numpy()
    least = np.where(mdp.available, np.einsum("sat,bt->bsa", P, rewards), np.inf).min(axis=2)
    most = np.where(mdp.available, np.einsum("sat,bt->bsa", P, found), -np.inf).max(axis=2)
    assert np.all(found >= (1 - gamma) * least + gamma * most - 1e-11)


@LAW
@given(mdps(), GAMMA, st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-50, 50))
def test_affine_rewards_give_affine_power(mdp, gamma, seed, scale, shift):
    rewards = draws(mdp, seed)
    expected = scale * powers(mdp, rewards, gamma) + shift
    found = powers(mdp, scale * rewards + shift, gamma)
    assert np.allclose(found, expected, rtol=0, atol=1e-13 * (scale + abs(shift)) / (1 - gamma))


@LAW
@given(mdps(), GAMMA, st.integers(0, 10**6))
def test_relabelling_states_relabels_power(mdp, gamma, seed):
    rewards = draws(mdp, seed)
    new = np.random.default_rng(seed).permutation(mdp.num_states)  # state s becomes new[s]
    P = np.zeros((mdp.num_states, mdp.num_actions, mdp.num_states))
    P[new[:, None, None], np.arange(mdp.num_actions)[:, None], new] = mdp.transition_tensor().numpy()
    moved = np.empty_like(rewards)
    moved[:, new] = rewards
    assert close(powers(from_dense(P), moved, gamma)[:, new], powers(mdp, rewards, gamma), gamma)


@pytest.mark.parametrize("gamma", [0.3, 0.95])
def test_isomorphic_states_have_equal_power(gamma):
    """The mirror image of a grid is the grid; over a set of rewards closed under mirroring, POWER is symmetric."""
    mdp = grid(OPEN_3)
    mirror = np.arange(9).reshape(3, 3)[:, ::-1].ravel()
    rewards = draws(mdp, 0, 50)
    mean = pm.power(mdp, gamma, rewards=np.concatenate([rewards, rewards[:, mirror]])).mean
    assert np.allclose(mean, mean[mirror], rtol=1e-12)


@LAW
@given(mdps(), st.integers(0, 10**6))
def test_power_approaches_its_limit_at_gamma_0_linearly(mdp, seed):
    rewards = draws(mdp, seed)
    limit = powers(mdp, rewards, 0.0)
    width = rewards.max(axis=1, keepdims=True) - rewards.min(axis=1, keepdims=True)
    for gamma in (1e-12, 1e-3, 0.3):
        assert np.all(np.abs(powers(mdp, rewards, gamma) - limit) <= gamma * width + 1e-13)


@LAW
@given(mdps(max_states=6), GAMMA, st.integers(0, 10**6))
def test_lipschitz_in_gamma(mdp, gamma, seed):
    """Values scale by at most 1 / (1 - γ) of what changes: |dPOWER/dγ| is bounded by the width over 1 - γ."""
    if gamma > 0.99:
        return
    rewards, step = draws(mdp, seed), 1e-4
    width = rewards.max(axis=1, keepdims=True) - rewards.min(axis=1, keepdims=True)
    change = np.abs(powers(mdp, rewards, gamma + step) - powers(mdp, rewards, gamma))
    assert np.all(change <= 2 * step * width / (1 - gamma - step) + 1e-12)


def rebuilt(mdp, transitions, states=0):
    """The model with more transitions, and more states at the end."""
    old = [(s, a, t, p) for s, row in mdp.P.items() for a, list_ in row.items() for p, t, _, _ in list_]
    actions = mdp.num_actions + 2
    return TabularMDP.from_transitions(
        old + transitions, state_labels=range(mdp.num_states + states), action_labels=range(actions)
    )


@pytest.mark.slow
@LAW
@given(mdps(), GAMMA, st.integers(0, 10**6))
def test_idle_actions_and_unreachable_states_change_nothing(mdp, gamma, seed):
    S, A = mdp.available.shape
    rewards = draws(mdp, seed)
    expected = powers(mdp, rewards, gamma)
    absent = rebuilt(mdp, [])
    assert close(powers(absent, rewards, gamma), expected, gamma)
    copies = [(s, A, t, p) for s, row in mdp.P.items() for p, t, _, _ in row[min(row)]]
    assert close(powers(rebuilt(mdp, copies), rewards, gamma), expected, gamma)
    apart = rebuilt(mdp, [(S, 0, S, 0.5), (S, 0, 0, 0.5)], states=1)
    more = np.concatenate([rewards, np.full((len(rewards), 1), 1000.0)], axis=1)
    assert close(powers(apart, more, gamma)[:, :S], expected, gamma)


@pytest.mark.parametrize("gamma", [0.2, 0.9])
def test_walls_that_are_bumped_into_change_nothing(gamma):
    """Where staying exists, a blocked move that stays put is a duplicate action."""
    absent = grid(MAZE)
    copies = [(s, a, s, 1.0) for s, a in np.argwhere(~absent.available).tolist()]
    old = [(s, a, t, p) for s, row in absent.P.items() for a, list_ in row.items() for p, t, _, _ in list_]
    bumps = TabularMDP.from_transitions(old + copies, state_labels=range(31), action_labels=range(5))
    assert bumps.available.all()
    rewards = draws(absent, 0)
    assert np.array_equal(powers(bumps, rewards, gamma), powers(absent, rewards, gamma))


@LAW
@given(mdps(), GAMMA, st.integers(0, 10**6))
def test_estimates_obey_the_bounds_too(mdp, gamma, seed):
    estimate = pm.power(mdp, gamma, pm.Uniform(-2, -1), num_samples=50, seed=seed)
    assert np.all((estimate.mean >= -2) & (estimate.mean <= -1))
    assert np.all(estimate.standard_error >= 0)
