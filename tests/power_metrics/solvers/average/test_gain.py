"""Optimal long-run averages against closed forms, brute force, a linear program and exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.solvers.average.components import gain_tables
from power_metrics.solvers.average.gain import solve_gain
from power_metrics.solvers.compiled import prepare_tables, solver_tables
from tests.models import mdps
from tests.power_metrics.gains import (
    brute_force_gains,
    chain_gains,
    exact_gains,
    frozen_lake,
    karp_gains,
    linear_program_gains,
    sparse_model,
    two_way,
)
from tests.power_metrics.worlds import (
    MAZE,
    TURNER,
    corridor,
    dense_optimal_values,
    from_dense,
    graph,
    grid,
    joint_walk,
    star,
    without_stay,
)

seeds = st.integers(0, 2**32 - 1)


def gains(mdp, rewards, limit=1e-12):
    """The solution's gains, with its policies and the gains' own optimality equation checked on dense arrays."""
    rewards = np.atleast_2d(rewards)
    solution = solve_gain(solver_tables(mdp), rewards)
    assert np.all(solution.residual <= limit)
    assert np.all(solution.iterations >= 0)
    P = mdp.transition_tensor().numpy()
    scale = np.abs(rewards).max() + 1e-300
    ahead = np.where(mdp.available, np.einsum("sat,bt->bsa", P, solution.gain), -np.inf).max(axis=2)
    assert np.allclose(ahead, solution.gain, rtol=0, atol=1e-13 * scale)
    assert np.array_equal(pm.optimal_gain(mdp, rewards).numpy(), solution.gain)
    states = np.arange(mdp.num_states)
    for reward, gain, policy in zip(rewards, solution.gain, solution.policy, strict=True):
        assert mdp.available[states, policy].all()
        assert np.allclose(chain_gains(P[states, policy], reward[:, None])[:, 0], gain, rtol=0, atol=1e-8 * scale)
    return solution.gain


def kinds(mdp):
    """How many nodes of the model each solver takes, how many are in no component, and the size of its largest block."""
    built = gain_tables(solver_tables(mdp))
    count = {solver.name: len(nodes) for solver, nodes in built.work}
    transient = len(built.components.first) - 1 - sum(count.values())
    return count | ({"transient": transient} if transient else {}), int(np.diff(built.exits.blocks).max())


# Closed forms


def test_open_grid_and_complete_graph_reach_the_largest_reward():
    rewards = np.random.default_rng(0).normal(size=(50, 9))
    best = np.repeat(rewards.max(axis=1)[:, None], 9, axis=1)
    assert np.array_equal(gains(grid(), rewards), best)
    assert np.array_equal(gains(graph({s: range(9) for s in range(9)}), rewards), best)


def test_turner_figure_1():
    mdp = graph(TURNER)
    rewards = np.random.default_rng(1).normal(size=(50, 8))
    r = dict(zip(mdp.state_labels, rewards.T, strict=True))
    left, right = np.maximum(r["l_sw"], (r["l_nw"] + r["l_sw"]) / 2), np.maximum(r["r_ne"], r["r_se"])
    expected = {
        "empty": r["empty"], "l": left, "l_nw": left, "l_sw": left, "r": right, "r_ne": right, "r_se": right,
        "star": np.maximum(np.maximum(left, right), r["empty"]),
    }  # fmt: skip
    found = gains(mdp, rewards)
    for state, value in expected.items():
        assert np.allclose(found[:, mdp.index(state)], value, rtol=1e-15, atol=1e-15), state


@pytest.mark.slow
def test_power_in_closed_form():
    for mdp, expected in (
        (grid(), dict.fromkeys(grid().state_labels, 9 / 10)),
        (graph(TURNER), {"empty": 1 / 2, "l": 7 / 12, "l_nw": 7 / 12, "l_sw": 7 / 12, "r": 2 / 3, "r_se": 2 / 3}),
        (star(1), {"root": 1 / 2}),
        (star(4), {"root": 4 / 5, "child 0": 1 / 2}),
        (star(4, self_loop=True), {"root": 5 / 6, "child 3": 1 / 2}),
        (corridor(4), {"step 0": 3 / 4, "hub": 3 / 4}),
        (graph({s: range(6) for s in range(6)}), dict.fromkeys(range(6), 6 / 7)),
        (two_way(0.1, 0.3), {0: 1 / 2, 1: 1 / 2}),
    ):
        estimate = pm.power(mdp, gamma=1, num_samples=100_000)
        assert estimate.residual <= 1e-13
        for state, value in expected.items():
            assert abs(estimate[state] - value) <= 4 * estimate.standard_error[mdp.index(state)], (mdp, state)
            assert 0 < estimate.standard_error[mdp.index(state)] < 1e-3


def test_absorbing_states_keep_their_reward_and_terminal_ones_too():
    mdp = frozen_lake()
    rewards = np.random.default_rng(2).normal(size=(20, mdp.num_states))
    P = mdp.transition_tensor().numpy()
    absorbing = np.flatnonzero(P[np.arange(mdp.num_states), 0, np.arange(mdp.num_states)] == 1)
    assert len(absorbing) == 3
    assert np.array_equal(gains(mdp, rewards)[:, absorbing], rewards[:, absorbing])


@pytest.mark.parametrize(("p", "q"), [(0.5, 0.5), (1e-3, 0.2), (1e-6, 1e-9), (1e-15, 3e-12), (1.0, 1.0), (1.0, 1e-14)])
def test_stationary_averages_however_rare_the_transitions(p, q):
    rewards = np.array([[1.0, 0.0], [0.25, 4.0], [-1.0, 1e-3]])
    expected = (rewards[:, 0] * Fraction(q) + rewards[:, 1] * Fraction(p)) / (Fraction(p) + Fraction(q))
    found = solve_gain(solver_tables(two_way(p, q)), rewards).gain
    assert np.allclose(found, expected[:, None].astype(float), rtol=4e-15, atol=4e-15)


@pytest.mark.parametrize("chance", [0.3, 1e-5, 1e-14])
def test_waiting_for_a_rare_exit_decides_as_a_sure_one(chance):
    P = np.zeros((3, 1, 3))
    P[0, 0] = (1 - 3 * chance, 2 * chance, chance)
    P[1, 0, 1] = P[2, 0, 2] = 1
    rewards = np.array([[5.0, 3.0, 0.0], [0.0, -1.0, 1.0]])
    expected = (2 * rewards[:, 1] + rewards[:, 2]) / 3
    assert np.allclose(solve_gain(solver_tables(from_dense(P)), rewards).gain[:, 0], expected, rtol=4e-15)


# Independent algorithms


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(seeds, st.integers(1, 6), st.integers(1, 3))
def test_every_policy_of_models_with_several_components(seed, num_states, num_actions):
    rng = np.random.default_rng(seed)
    mdp = sparse_model(rng, num_states, num_actions)
    rewards = np.concatenate([rng.normal(size=(3, num_states)), rng.integers(0, 3, size=(3, num_states))])
    assert np.allclose(gains(mdp, rewards), brute_force_gains(mdp, rewards), rtol=0, atol=1e-8)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(mdps(max_states=5, max_actions=3))
def test_every_policy_of_dense_models(mdp):
    rewards = np.random.default_rng(mdp.num_transitions).normal(size=(4, mdp.num_states))
    assert np.allclose(gains(mdp, rewards), brute_force_gains(mdp, rewards), rtol=0, atol=1e-8)


@pytest.mark.slow
def test_in_rational_arithmetic_with_rare_transitions():
    rng = np.random.default_rng(3)
    for _ in range(60):
        num_states = int(rng.integers(2, 5))
        mdp = sparse_model(rng, num_states, 2, rare=1e-9)
        rewards = rng.normal(size=(2, num_states))
        found = solve_gain(solver_tables(mdp), rewards).gain
        error = exact_gains(mdp, rewards) - np.vectorize(Fraction)(found)
        assert np.abs(error.astype(float)).max() <= 2e-15


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(2, 30), st.integers(1, 4))
def test_linear_program(seed, num_states, num_actions):
    rng = np.random.default_rng(seed)
    mdp = sparse_model(rng, num_states, num_actions)
    reward = rng.random(num_states)
    assert np.allclose(gains(mdp, reward)[0], linear_program_gains(mdp, reward), rtol=0, atol=1e-6)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 14), st.integers(1, 3), st.booleans())
def test_cycle_means(seed, num_states, degree, ties):
    rng = np.random.default_rng(seed)
    successors = [rng.choice(num_states, size=degree).tolist() for _ in range(num_states)]
    reward = rng.integers(-2, 3, size=num_states) if ties else rng.normal(size=num_states)
    expected = karp_gains(successors, [Fraction(float(r)) for r in reward])
    found = gains(graph(dict(enumerate(successors))), reward.astype(float))[0]
    assert np.allclose(found, np.array(expected, dtype=float), rtol=0, atol=4e-15)


@pytest.mark.parametrize("mdp", [grid(MAZE, noise=0.2), grid(MAZE, noise=1e-3), joint_walk(), frozen_lake(0.1)])
def test_certificates_from_dense_arrays(mdp):
    """No policy does better: max_a [R + P h] - h ≤ g for the bias h of the policy found, solved densely."""
    rewards = np.random.default_rng(4).random((200, mdp.num_states))
    solution = solve_gain(solver_tables(mdp), rewards)
    assert solution.residual.max() <= 1e-12
    P, S = mdp.transition_tensor().numpy(), mdp.num_states
    for reward, gain, policy in zip(rewards, solution.gain, solution.policy, strict=True):
        bias = np.linalg.lstsq(np.eye(S) - P[np.arange(S), policy], reward - gain, rcond=None)[0]
        ahead, best = P @ bias + reward[:, None], P @ gain
        greedy = mdp.available & (best >= gain[:, None] - 1e-12)
        assert np.all(np.where(mdp.available, best, 0) <= gain[:, None] + 1e-12)
        violation = np.where(greedy, ahead - bias[:, None] - gain[:, None], -np.inf).max(axis=1)
        assert np.abs(violation).max() <= 1e-8


@pytest.mark.slow
def test_precision_where_returns_take_long():
    """Among many noisy mazes are some that an optimal agent crosses only once in millions of steps."""
    mdp = grid(MAZE, noise=0.2)
    rewards = np.random.default_rng(0).random((10_000, mdp.num_states))
    assert solve_gain(solver_tables(mdp), rewards).residual.max() <= 1e-13


# The limit


@pytest.mark.parametrize("mdp", [graph(TURNER), without_stay(), grid(MAZE, noise=0.2), frozen_lake(), joint_walk()])
def test_discounted_power_approaches_it_linearly(mdp):
    rewards = np.random.default_rng(5).random((30, mdp.num_states))
    far, near, limit = (estimate.samples for estimate in pm.power(mdp, gamma=[0.999, 0.9999, 1], rewards=rewards))
    assert 0 < np.abs(near - limit).mean() < 0.01
    assert np.abs(far - limit).mean() / np.abs(near - limit).mean() == pytest.approx(10, rel=0.1)
    extrapolated = near + (near - far) / 9
    assert np.abs(extrapolated - limit).mean() < 0.05 * np.abs(near - limit).mean()


def test_gain_is_the_limit_of_optimal_values():
    mdp = sparse_model(np.random.default_rng(6), 7, 3)
    rewards = np.random.default_rng(7).normal(size=(20, 7))
    scaled = 1e-7 * dense_optimal_values(mdp, rewards, 1 - 1e-7)
    assert np.allclose(scaled, gains(mdp, rewards), rtol=0, atol=1e-4)


# Structure


def test_kinds_of_components():
    assert kinds(grid()) == ({"stay_put": 1}, 1)
    assert kinds(without_stay()) == ({"cycle_mean": 1}, 1)
    assert kinds(grid(noise=0.1)) == ({"unichain": 1}, 1)
    assert kinds(graph(TURNER)) == ({"transient": 3, "stay_put": 2, "cycle_mean": 1}, 1)
    assert kinds(frozen_lake()) == ({"transient": 9, "stay_put": 3}, 5)


def test_staying_is_enough_in_a_stochastic_component():
    P = np.zeros((3, 2, 3))
    P[np.arange(3), 0, np.arange(3)] = 1
    P[:, 1] = 1 / 3
    mdp = from_dense(P)
    assert kinds(mdp) == ({"stay_put": 1}, 1)
    rewards = np.random.default_rng(8).normal(size=(9, 3))
    assert np.array_equal(gains(mdp, rewards), np.repeat(rewards.max(axis=1)[:, None], 3, axis=1))


def test_components_between_which_only_a_gamble_leads():
    """Two cycles with a gamble each: half the time to the other one, half the time to a state for good."""
    P = np.zeros((5, 2, 5))
    P[0, 0, 1] = P[1, 0, 0] = P[2, 0, 3] = P[3, 0, 2] = P[4, 0, 4] = 1
    P[0, 1, [2, 4]] = P[2, 1, [0, 4]] = 0.5
    mdp = from_dense(P)
    assert kinds(mdp) == ({"stay_put": 1, "cycle_mean": 2}, 2)
    rewards = np.array(
        [[0.0, 2.0, 3.0, 5.0, 1.0], [4.0, 0.0, 9.0, 9.0, 1.0], [1.0, 1.0, 0.0, 0.0, 3.0], [0.0, 0, 0, 0, 1]]
    )
    expected = [[2.5, 2.5, 4.0, 4.0, 1.0], [5.0, 5.0, 9.0, 9.0, 1.0], [3.0] * 5, [1.0] * 5]
    assert np.allclose(gains(mdp, rewards), expected, rtol=1e-15)


def test_a_component_that_chance_leads_through():
    """The gamble leads to the other cycle or back: all is one component, and the better cycle is worth waiting for."""
    P = np.zeros((4, 2, 4))
    P[0, 0, 1] = P[1, 0, 0] = P[2, 0, 3] = P[3, 0, 2] = 1
    P[0, 1, [1, 2]] = P[2, 1, [0, 3]] = 0.5
    mdp = from_dense(P)
    assert kinds(mdp) == ({"unichain": 1}, 1)
    rewards = np.array([[0.0, 1.0, 3.0, 3.0], [4.0, 0.0, 1.0, 1.0]])
    assert np.allclose(gains(mdp, rewards), np.array([[3.0] * 4, [2.0] * 4]), rtol=1e-15)


def test_one_chance_only():
    """A state that can be left for good by chance alone is in no component."""
    P = np.zeros((3, 2, 3))
    P[0, 0, [0, 1]], P[0, 1, [0, 2]] = (0.9, 0.1), (0.5, 0.5)
    P[1, 0, 1] = P[2, 0, 2] = 1
    mdp = from_dense(P)
    assert kinds(mdp) == ({"transient": 1, "stay_put": 2}, 1)
    assert np.array_equal(gains(mdp, [[9.0, 1.0, 2.0]])[0], [2.0, 1.0, 2.0])


@pytest.mark.parametrize("lengths", [(1, 2), (2, 3), (3, 5, 7), (40, 41)])
def test_periodic_cycles(lengths):
    """Cycles through one state: the average of the best, also where they are equally good."""
    successors: dict[object, list[object]] = {"hub": []}
    for n in lengths:
        names = ["hub", *((n, k) for k in range(1, n))]
        for here, there in zip(names, [*names[1:], "hub"], strict=True):
            successors.setdefault(here, []).append(there)
    mdp = graph(successors)
    assert np.allclose(gains(mdp, np.full(mdp.num_states, 0.1)), 0.1, rtol=1e-15)
    for best in lengths:
        reward = np.array([float(isinstance(label, tuple) and label[0] == best) for label in mdp.state_labels])
        expected = max((n - 1) / n * (n == best) for n in lengths)
        assert np.allclose(gains(mdp, reward), expected, rtol=1e-15)


@pytest.mark.slow
def test_long_cycle():
    n = 5000
    reward = np.random.default_rng(9).random(n)
    mdp = graph({s: [(s + 1) % n] for s in range(n)})
    found = solve_gain(solver_tables(mdp), reward[None]).gain[0]
    assert np.all(found == found[0])
    assert abs(found[0] - float(sum(map(Fraction, reward.tolist())) / n)) <= 1e-14


def test_equal_rewards_and_ties():
    for mdp in (grid(), without_stay(), grid(MAZE, noise=0.3), frozen_lake(), joint_walk()):
        rewards = np.vstack([np.zeros(mdp.num_states), np.full(mdp.num_states, 0.1), -np.ones(mdp.num_states)])
        found = gains(mdp, rewards)
        assert np.array_equal(found[0], np.zeros(mdp.num_states))
        assert np.allclose(found, rewards, rtol=1e-14, atol=0)
        coarse = np.random.default_rng(10).integers(0, 2, size=(30, mdp.num_states)).astype(float)
        assert solve_gain(solver_tables(mdp), coarse).iterations.max() < 40
        gains(mdp, coarse)


@pytest.mark.slow
def test_rewards_of_choices():
    rng = np.random.default_rng(11)
    for _ in range(40):
        mdp = sparse_model(rng, 4, 3)
        bonus = rng.normal(size=(4, 3))
        found = solve_gain(prepare_tables(mdp, bonus), np.zeros((1, 4))).gain[0]
        P = mdp.transition_tensor().numpy()
        every = [np.flatnonzero(row) for row in mdp.available]
        best = np.full(4, -np.inf)
        for policy in np.array(np.meshgrid(*every)).T.reshape(-1, 4):
            average = chain_gains(P[np.arange(4), policy], bonus[np.arange(4), policy][:, None])[:, 0]
            best = np.maximum(best, average)
        assert np.allclose(found, best, rtol=0, atol=1e-8)


@pytest.mark.slow
def test_large_and_stochastic():
    """1,600 cells with noise: averages agree with the discounted values' limit."""
    mdp = grid(("." * 40,) * 40, noise=0.2)
    reward = np.random.default_rng(12).random((1, mdp.num_states))
    solution = solve_gain(solver_tables(mdp), reward)
    assert solution.residual[0] <= 1e-12
    assert np.all(solution.gain == solution.gain[0, 0])
    scaled = 1e-6 * pm.optimal_values(mdp, reward, 1 - 1e-6).numpy()
    assert np.allclose(scaled, solution.gain, rtol=0, atol=1e-3)


# Laws


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(seeds, st.integers(1, 9), st.integers(1, 3), st.floats(0.1, 10), st.floats(-5, 5))
def test_laws(seed, num_states, num_actions, factor, offset):
    rng = np.random.default_rng(seed)
    mdp = sparse_model(rng, num_states, num_actions)
    rewards = rng.normal(size=(6, num_states))
    found = gains(mdp, rewards)
    assert np.all(found <= rewards.max(axis=1)[:, None] + 1e-15)
    assert np.all(found >= rewards.min(axis=1)[:, None] - 1e-15)
    assert np.allclose(gains(mdp, factor * rewards + offset), factor * found + offset, rtol=1e-12, atol=1e-12)
    assert np.all(gains(mdp, rewards + rng.random(rewards.shape)) >= found - 1e-13)
    order = rng.permutation(num_states)
    P = mdp.transition_tensor().numpy()
    moved = gains(from_dense(P[order][:, :, order]), rewards[:, order])
    assert np.allclose(moved, found[:, order], rtol=1e-13, atol=1e-13)
    more = gains(from_dense(np.concatenate([P, P[:, ::-1]], axis=1)), rewards)
    assert np.allclose(more, found, rtol=1e-13, atol=1e-13)
