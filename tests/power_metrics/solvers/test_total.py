"""Totals without a discount, against all deterministic policies of small models."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularMDP


@st.composite
def tasks(draw):
    """Up to three states and an end, two actions each, with rewards that often cancel or end."""
    count = draw(st.integers(1, 3))
    transitions, rewards = [], []
    for s, a in itertools.product(range(count), range(2)):
        targets = draw(st.lists(st.integers(0, count), min_size=1, max_size=2, unique=True))
        for t in targets:
            transitions.append((s, a, t, 1.0 / len(targets)))
            rewards.append(draw(st.sampled_from([-1.0, -1.0, 0.0, 0.0, 0.5])))
    labels = list(range(count + 1))
    return TabularMDP.from_transitions(transitions, state_labels=labels, initial=0, terminal=[count], reward=rewards)


def brute_force(mdp):
    """(S,) the best total of deterministic policies whose rewards end from everywhere."""
    best = np.full(mdp.num_states, -np.inf)
    for actions in itertools.product(range(mdp.num_actions), repeat=mdp.num_states - 1):
        policy = np.eye(mdp.num_actions)[[*actions, 0]]
        try:
            best = np.maximum(best, pm.policy_values(mdp, policy, None, 1.0)[0].numpy())
        except ValueError:
            continue
    return best


@settings(max_examples=40, deadline=None)
@given(tasks())
def test_totals_are_those_of_the_best_policy_that_ends(mdp):
    gain = pm.optimal_gain(mdp)[0].numpy()
    best = brute_force(mdp)
    if np.abs(gain).max() > 1e-12 or not np.isfinite(best).all():
        with pytest.raises(ValueError, match=r"totals have no bound|cancel each other"):
            pm.solve_task(mdp, 1.0)
        return
    found = pm.solve_task(mdp, 1.0).values[0]
    np.testing.assert_allclose(found, best, atol=1e-12)
    tied = pm.optimal_policies(mdp, None, 1.0)[0].numpy()
    chosen = pm.solve_task(mdp, 1.0).policy[0]
    assert (tied[np.arange(len(chosen)), chosen] > 0).all()
    T, R = mdp.to_arrays()
    residual = R + T @ found - found[:, None]
    np.testing.assert_allclose(residual[tied > 0], 0.0, atol=1e-12)


def test_hidden_performance_is_another_task():
    moves = [("a", "stay", "a", 1.0), ("a", "end", "z", 1.0)]
    mdp = TabularMDP.from_transitions(moves, initial="a", terminal=["z"], reward=[0.0, 1.0], performance=[0.25, 0.0])
    assert pm.optimal_gain(mdp)[0].tolist() == [0.0, 0.0]
    assert pm.optimal_gain(mdp, performance=True)[0].tolist() == [0.25, 0.0]
    assert pm.solve_task(mdp, 1.0).values[0].tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match=r"earn 0\.25 a step"):
        pm.solve_task(mdp, 1.0, performance=True)


def test_state_rewards_have_no_totals():
    mdp = TabularMDP.from_transitions([("a", "on", "z", 1.0)], terminal=["z"])
    for call in (
        lambda: pm.solve(mdp, [1.0, 0.0], 1.0),
        lambda: pm.policy_values(mdp, [[1.0], [1.0]], [1.0, 0.0], 1.0),
        lambda: pm.optimal_policies(mdp, [1.0, 0.0], 1.0),
    ):
        with pytest.raises(ValueError, match=r"found 1.*solve_task takes 1"):
            call()


def test_many_states():
    """A long corridor with a step cost: values are minus the distance."""
    n = 20_000
    T = np.stack([np.maximum(np.arange(n) - 1, 0), np.minimum(np.arange(n) + 1, n - 1)], axis=1)
    terminal = np.arange(n) == n - 1
    R = np.where(terminal, 0.0, -1.0)
    T[-1] = n - 1
    mdp = TabularMDP.from_arrays(T, R, terminal=terminal)
    solution = pm.solve_task(mdp, 1.0)
    np.testing.assert_array_equal(solution.values[0], np.arange(n) - (n - 1.0))
    assert solution.iterations[0] < 5
