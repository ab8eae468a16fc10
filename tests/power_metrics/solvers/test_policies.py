"""Optimal policies with ties, values of policies, and the model's own task."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.discounted.deterministic import Arrows, evaluate_arrows
from power_metrics.solvers.linear import Rows, chain_values, solve_iterative, superlu_values
from powerenvs import TabularMDP
from tests.models import mdps, random_mdp
from tests.power_metrics.worlds import (
    MAZE,
    dense_optimal_values,
    garnet,
    graph,
    grid,
    joint_walk,
    star,
    without_stay,
)


def random_policies(mdp, rng, count=None):
    shape = mdp.available.shape if count is None else (count, *mdp.available.shape)
    weights = rng.random(shape) * mdp.available
    return weights / weights.sum(axis=-1, keepdims=True)


def dense_policy_values(mdp, policy, rewards, gamma):
    chain = np.einsum("sa,sat->st", policy, mdp.transition_tensor().numpy())
    return np.linalg.solve(np.eye(mdp.num_states) - gamma * chain, np.atleast_2d(rewards).T).T


def test_ties_are_split_evenly():
    policies = pm.optimal_policies(star(3), [[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 1.0]], 0.9)
    assert policies.dtype == torch.float64
    assert policies.shape == (2, 4, 3)
    assert np.allclose(policies[0, 0], [0.5, 0.5, 0.0])
    assert np.allclose(policies[1, 0], 1 / 3)
    assert np.array_equal(policies[0, 1], [1.0, 0.0, 0.0])


def test_tie_tolerance():
    rewards = [0.0, 1.0, 1.0 - 1e-8, 0.0]
    assert np.array_equal(pm.optimal_policies(star(3), rewards, 0.9)[0, 0], [1.0, 0.0, 0.0])
    assert np.allclose(pm.optimal_policies(star(3), rewards, 0.9, tie_tolerance=1e-7)[0, 0], [0.5, 0.5, 0.0])
    with pytest.raises(ValueError, match=r"tie_tolerance: expected a number in \[0, 1\), found -1"):
        pm.optimal_policies(star(3), rewards, 0.9, tie_tolerance=-1)


@pytest.mark.parametrize("gamma", [0.3, 0.9, 0.9999])
@pytest.mark.parametrize("build", [lambda: grid(MAZE), without_stay, lambda: grid(MAZE, noise=0.3), joint_walk])
def test_ties_of_bernoulli_rewards_survive_rounding(build, gamma):
    """Equal values by different routes: with integer rewards V is a number of Q(γ), here checked with fractions."""
    mdp = build()
    rng = np.random.default_rng(0)
    rewards = (rng.random((3, mdp.num_states)) < 0.5).astype(float)
    policies = pm.optimal_policies(mdp, rewards, gamma).numpy()
    exact = Fraction(gamma)
    P, values = mdp.transition_tensor().numpy(), pm.optimal_values(mdp, rewards, gamma).numpy()
    if not mdp.deterministic:
        q = np.where(mdp.available, np.einsum("sat,bt->bsa", P, values), -np.inf)
        near = q >= q.max(axis=2, keepdims=True) - 1e-10 * values.max()
        assert np.array_equal(policies > 0, near)
        return
    targets = mdp.successors()
    for reward, policy in zip(rewards, policies, strict=True):
        value = exact_values(targets, policy.argmax(axis=1), reward, exact)
        for s in range(mdp.num_states):
            q = {a: value[targets[s, a]] for a in np.flatnonzero(mdp.available[s])}
            tied = [a for a in q if q[a] == max(q.values())]
            assert np.allclose(policy[s, tied], 1 / len(tied), rtol=1e-15)


def exact_values(targets, policy, reward, gamma):
    """Values of a deterministic policy in rational arithmetic."""
    result = []
    for start in range(len(reward)):
        path, s = [], start
        while s not in path:
            path.append(s)
            s = int(targets[s, policy[s]])
        head, cycle = path[: path.index(s)], path[path.index(s) :]
        loop = sum(gamma**n * Fraction(reward[c]) for n, c in enumerate(cycle)) / (1 - gamma ** len(cycle))
        result.append(sum(gamma**n * Fraction(reward[c]) for n, c in enumerate(head)) + gamma ** len(head) * loop)
    return result


def test_at_gamma_0_ties_are_those_of_small_gamma():
    mdp = star(2)
    assert np.array_equal(pm.optimal_policies(mdp, [0.0, 1.0, 2.0], 0.0)[0, 0], [0.0, 1.0])


@settings(max_examples=30, deadline=None)
@given(mdps(), st.sampled_from([0.0, 0.5, 0.99]), st.integers(0, 1000))
def test_optimal_policies_attain_the_optimal_values(mdp, gamma, seed):
    rewards = np.random.default_rng(seed).normal(size=(3, mdp.num_states))
    policies = pm.optimal_policies(mdp, rewards, gamma)
    assert np.allclose(policies.sum(dim=2), 1.0, rtol=1e-14)
    assert not np.any(policies.numpy()[:, ~mdp.available])
    values = pm.optimal_values(mdp, rewards, gamma)
    assert torch.allclose(pm.policy_values(mdp, policies, rewards, gamma), values, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(mdps(), st.sampled_from([0.0, 0.5, 0.99, 0.9999]), st.integers(0, 1000))
def test_policy_values_against_a_dense_solve(mdp, gamma, seed):
    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=(11, mdp.num_states))
    policy = random_policies(mdp, rng)
    expected = dense_policy_values(mdp, policy, rewards, gamma)
    close = 1e-13 / (1 - gamma) * np.abs(expected).max()
    assert np.abs(pm.policy_values(mdp, policy, rewards, gamma).numpy() - expected).max() <= close
    policies = random_policies(mdp, rng, 11)
    each = [dense_policy_values(mdp, p, r, gamma)[0] for p, r in zip(policies, rewards, strict=True)]
    assert np.abs(pm.policy_values(mdp, policies, rewards, gamma).numpy() - each).max() <= close * 10
    one = [dense_policy_values(mdp, p, rewards[0], gamma)[0] for p in policies]
    assert np.abs(pm.policy_values(mdp, policies, rewards[0], gamma).numpy() - one).max() <= close * 10


def test_policy_values_of_duplicate_actions_add_up():
    mdp = TabularMDP.from_transitions([(0, "x", 1, 1.0), (0, "y", 1, 1.0), (0, "z", 0, 1.0), (1, "x", 1, 1.0)])
    values = pm.policy_values(mdp, [[0.25, 0.25, 0.5], [1.0, 0.0, 0.0]], [0.0, 1.0], 0.5)
    assert np.allclose(values, [[2 / 3, 2.0]])


@pytest.mark.slow
@pytest.mark.parametrize("count", [None, 2])
def test_policy_values_in_a_model_too_large_for_elimination(count):
    mdp = garnet(1000)
    assert solver_tables(mdp).elimination is None
    rng = np.random.default_rng(0)
    policy = random_policies(mdp, rng, count)
    rewards = rng.random((2, mdp.num_states))
    values = pm.policy_values(mdp, policy, rewards, 0.95).numpy()
    for b in range(2):
        one = policy if count is None else policy[b]
        q = (mdp.transition_matrix() @ values[b]).reshape(mdp.available.shape)
        assert np.abs(values[b] - (rewards[b] + 0.95 * (one * q).sum(axis=1))).max() < 1e-13 * values.max()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (np.ones((9, 4)) / 4, r"policy: expected shape \(9, 5\) or \(B, 9, 5\), found \(9, 4\)"),
        (np.full((9, 5), 0.2), "expected available actions only, found probability 0.2 for action 1 "),
        (grid().available * 0.3, r"expected rows that sum to 1 \(to 1e-06\), found 0.8999999999999999 in state 0"),
        (-1.0 * grid().available, "expected probabilities of at least 0, found -1.0 in state 0"),
        (np.full((9, 5), np.nan), "found nan"),
        (np.broadcast_to(grid().available / grid().available.sum(1)[:, None], (3, 9, 5)), "one policy for each of 2"),
    ],
)
def test_bad_policies(policy, message):
    with pytest.raises(ValueError, match=message):
        pm.policy_values(grid(), policy, np.ones((2, 9)), 0.9)


def test_float32_policies_are_renormalised():
    mdp = random_mdp(np.random.default_rng(0), 6, 3)
    policy = random_policies(mdp, np.random.default_rng(1)).astype(np.float32)
    exact = policy.astype(np.float64) / policy.astype(np.float64).sum(axis=1, keepdims=True)
    rewards = np.ones(6)
    assert np.allclose(pm.policy_values(mdp, torch.from_numpy(policy), rewards, 0.99), 100.0, rtol=1e-12)
    assert np.allclose(pm.policy_values(mdp, exact, rewards, 0.99), 100.0, rtol=1e-12)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(mdps(), st.sampled_from([0.0, 0.5, 0.99]), st.booleans())
def test_task_against_dense_policy_iteration(mdp, gamma, performance):
    reward = mdp.reward_tensor(performance).numpy()
    expected = dense_optimal_values(mdp, np.zeros(mdp.num_states), gamma, reward)
    solution = pm.solve_task(mdp, gamma, performance=performance)
    assert np.allclose(solution.values, expected, rtol=1e-10, atol=1e-10)
    assert solution.residual[0] <= 1e-13
    P = mdp.transition_tensor().numpy()
    states = np.arange(mdp.num_states)
    chosen = solution.policy[0]
    assert np.all(mdp.available[states, chosen])
    assert np.allclose(solution.continuation[0], P[states, chosen] @ expected[0], atol=1e-9)
    assert np.allclose(reward[states, chosen] + gamma * solution.continuation[0], expected[0], atol=1e-9)
    policy = pm.optimal_policies(mdp, None, gamma, performance=performance)
    assert policy.shape == (1, *mdp.available.shape)
    assert np.all(policy.numpy()[0, states, chosen] > 0)


def test_of_equal_outcomes_the_better_paid_is_taken():
    mdp = TabularMDP.from_transitions(
        [(0, "cheap", 1, 1.0), (0, "dear", 1, 1.0), (1, "cheap", 1, 1.0)], reward=[-1.0, 3.0, 0.0]
    )
    solution = pm.solve_task(mdp, 0.9)
    assert np.allclose(solution.values, [[3.0, 0.0]])
    assert np.array_equal(solution.policy, [[1, 0]])
    assert np.array_equal(pm.optimal_policies(mdp, None, 0.9)[0, 0], [0.0, 1.0])


def test_performance_belongs_to_the_task():
    with pytest.raises(ValueError, match="performance: expected False where rewards are given"):
        pm.optimal_policies(grid(), np.ones(9), 0.9, performance=True)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 11), min_size=12, max_size=12), st.sampled_from([0.0, 0.4, 0.99, 0.999999]))
def test_following_arrows_against_a_dense_solve(following, gamma):
    earned = np.linspace(-1, 2, 12)
    value = np.empty(12)
    arrows = Arrows(np.array(following, np.int32), earned, np.empty(12, np.int32), np.empty(12, np.int32))
    evaluate_arrows(arrows, gamma, value)
    chain = np.zeros((12, 12))
    chain[np.arange(12), following] = 1
    assert np.abs(value - earned - gamma * chain @ value).max() <= 1e-15 * np.abs(value).max() * 4
    expected = np.linalg.solve(np.eye(12) - gamma * chain, earned)
    assert np.allclose(value, expected, rtol=1e-14 / (1 - gamma))


@pytest.mark.slow
def test_iteration_says_when_it_does_not_get_there():
    S = 3000
    chain = scipy.sparse.csr_array((np.ones(S), np.roll(np.arange(S), 1), np.arange(S + 1)), shape=(S, S))
    rewards = np.random.default_rng(0).random((1, S))
    value, target = np.zeros(S), 1e-15
    shuffled = np.random.default_rng(1).permutation(S)
    chain = chain[shuffled][:, shuffled].tocsr()
    assert not solve_iterative(rewards[0].copy(), 0.9999, Rows.of(chain), target, value, np.empty((7, S)))
    values = chain_values(chain, rewards, 0.9999)
    assert np.abs(values - rewards - 0.9999 * (chain @ values.T).T).max() < 1e-13 * values.max()
    assert np.array_equal(values[0], superlu_values(chain, rewards[0], 0.9999))


def test_a_cycle_close_to_gamma_1_keeps_its_digits():
    gamma = 1 - 1e-9
    values = pm.optimal_values(graph({0: [1], 1: [0]}), [1.0, 0.0], gamma).numpy()[0]
    assert np.allclose(values * (1 - gamma), [1 / (1 + gamma), gamma / (1 + gamma)], rtol=1e-15)
