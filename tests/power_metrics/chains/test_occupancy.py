"""Occupancy and expected returns: closed forms, simulation, a second algorithm, and what they have to do with values."""

from __future__ import annotations

import importlib

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
import powerenvs
from powerenvs import TabularMDP
from powerenvs.envs.vector import TabularVectorEnv
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.models import mdps, random_mdp, uniform

GAMMAS = st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99, 0.9999])
module = importlib.import_module("power_metrics.chains.occupancy")


def random_policy(mdp, rng, *batch):
    weights = rng.exponential(size=(*batch, *mdp.available.shape)) * mdp.available
    weights *= rng.random(weights.shape) < 0.7  # some actions that are never taken
    weights[..., 0] += 1e-3 * mdp.available[:, 0]
    weights += 1e-9 * mdp.available
    return weights / weights.sum(axis=-1, keepdims=True)


def chain(steps=4, stay=0.0):
    """From state 0 to the terminal state ``steps``, staying with some probability."""
    moves = [(s, "on", s + 1, 1 - stay) for s in range(steps)]
    loops = [(s, "on", s, stay) for s in range(steps)] if stay else []
    return TabularMDP.from_transitions(
        moves + loops,
        state_labels=range(steps + 1),
        initial=0,
        terminal=[steps],
        reward={(steps - 1, "on", steps): 2.0},
    )


def dense_chain(mdp, policy):
    return np.einsum("sa,sat->st", policy, mdp.transition_tensor().numpy())


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9, 0.999])
def test_chain_closed_form(gamma):
    share = pm.occupancy(chain(4), np.ones((5, 1)), gamma)
    assert share == pytest.approx([(1 - gamma) * gamma**t for t in range(4)] + [gamma**4], abs=1e-14)


@pytest.mark.parametrize("gamma", [0.3, 0.9])
def test_chain_that_stays(gamma):
    """Time in each state is geometric: x = 1 / (1 - γp) there, and γ(1 - p) / (1 - γp) of each entry reaches the next."""
    p = 0.4
    on = gamma * (1 - p) / (1 - gamma * p)
    expected = [(1 - gamma) / (1 - gamma * p) * on**k for k in range(3)] + [on**3]
    assert pm.occupancy(chain(3, p), np.ones((4, 1)), gamma) == pytest.approx(expected, abs=1e-14)


@settings(max_examples=60, deadline=None)
@given(mdps(), GAMMAS, st.integers(0, 2**32 - 1))
def test_value_is_occupancy_times_reward(mdp, gamma, seed):
    rng = np.random.default_rng(seed)
    policy, reward = random_policy(mdp, rng), rng.normal(size=mdp.num_states)
    share = pm.occupancy(mdp, policy, gamma)
    assert share.sum() == pytest.approx(1.0, abs=1e-14)
    assert share.min() >= 0
    value = float(pm.policy_values(mdp, policy, reward, gamma)[0].numpy() @ mdp.initial)
    scale = np.abs(reward).max() / (1 - gamma)
    assert float(share @ reward) / (1 - gamma) == pytest.approx(value, abs=1e-10 * scale)


@settings(max_examples=30, deadline=None)
@given(mdps(), st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 2**32 - 1))
def test_against_the_power_series(mdp, gamma, seed):
    policy = random_policy(mdp, np.random.default_rng(seed))
    P, now, total = dense_chain(mdp, policy), mdp.initial, np.zeros(mdp.num_states)
    for t in range(400):
        total += (1 - gamma) * gamma**t * now
        now = now @ P
    assert pm.occupancy(mdp, policy, gamma) == pytest.approx(total, abs=1e-13)


@pytest.mark.parametrize("gamma", [0.5, 0.99])
def test_batches_and_both_solvers_agree(monkeypatch, gamma):
    rng = np.random.default_rng(0)
    mdp = random_mdp(rng, 40, 3)
    policies = random_policy(mdp, rng, 7)
    dense = pm.occupancy(mdp, policies, gamma)
    assert dense.shape == (7, 40)
    monkeypatch.setattr(module, "SHARED_MAX_STATES", 0)
    sparse = pm.occupancy(mdp, policies, gamma)
    assert sparse == pytest.approx(dense, abs=1e-13)
    assert np.array_equal(sparse[3], pm.occupancy(mdp, policies[3], gamma))
    one = pm.expected_return(mdp, policies, gamma)
    assert one.shape == (7,)
    assert one[3] == pytest.approx(pm.expected_return(mdp, policies[3], gamma), rel=1e-12)


def simulated(mdp, policy, gamma, copies, steps, seed):
    """Discounted shares of time of each copy, by stepping a vector environment; (copies, S)."""
    env = TabularVectorEnv(mdp, copies)
    rng = np.random.default_rng(seed)
    _, infos = env.reset(seed=seed)
    live = state = infos["state"]
    ended = np.zeros(copies, dtype=bool)
    shares, who = np.zeros((copies, mdp.num_states)), np.arange(copies)
    sums = policy.cumsum(axis=1)
    for t in range(steps):
        shares[who, state] += (1 - gamma) * gamma**t
        actions = (rng.random(copies)[:, None] > sums[live]).sum(axis=1).clip(max=mdp.num_actions - 1)
        actions = np.where(mdp.available[live, actions], actions, mdp.available[live].argmax(axis=1))
        _, _, terminated, _, infos = env.step(actions)
        live = infos["state"]
        state = np.where(ended, state, live)  # an ended episode stays in its terminal state
        ended |= terminated
    shares[who, state] += gamma**steps
    return shares


@pytest.mark.parametrize(
    "make",
    [
        lambda: PowerGrid("open_3x3").tables(),
        lambda: PowerGrid("maze_7x7", noise=0.2).tables(),
        lambda: PowerGrid("two_rooms", walls="absent", noise=0.1).tables(),
        lambda: powerenvs.tabular_model(gym.make("FrozenLake-v1")),
        turner_figure_1,
    ],
    ids=["open_3x3", "noisy_maze", "two_rooms", "frozen_lake", "turner"],
)
def test_against_a_million_simulated_steps(make):
    mdp, gamma, copies = make(), 0.9, 6_000
    policy = random_policy(mdp, np.random.default_rng(1))
    shares = simulated(mdp, policy, gamma, copies, 170, seed=2)  # 1.02 million steps; 0.9^170 = 2e-8
    error = shares.std(axis=0, ddof=1) / np.sqrt(copies)
    exact = pm.occupancy(mdp, policy, gamma)
    assert np.all(np.abs(shares.mean(axis=0) - exact) <= 5 * error + 5 / copies**2 + 2e-8)
    assert np.all(error < 0.01)


def test_initial_in_every_form():
    mdp = chain(3)
    policy = np.ones((4, 1))
    there = pm.occupancy(mdp, policy, 0.5, initial=2)
    assert there == pytest.approx([0, 0, 0.5, 0.5])
    assert np.array_equal(there, pm.occupancy(mdp, policy, 0.5, initial=[0, 0, 1.0, 0]))
    half = pm.occupancy(mdp, policy, 0.5, initial={2: 0.5, 0: 0.5})
    assert half == pytest.approx(0.5 * there + 0.5 * pm.occupancy(mdp, policy, 0.5))


def test_expected_visits_of_the_gamblers_ruin():
    """A fair walk from i between 0 and n: 2 min(i, j) (n - max(i, j)) / n visits of j, and i / n to end at n."""
    n, i = 7, 2
    walk = [(s, "bet", s + d, 0.5) for s in range(1, n) for d in (-1, 1)]
    mdp = TabularMDP.from_transitions(walk, state_labels=range(n + 1), initial=i, terminal=[0, n])
    visits = pm.occupancy(mdp, uniform(mdp), 1.0)
    expected = [1 - i / n, *(2 * min(i, j) * (n - max(i, j)) / n for j in range(1, n)), i / n]
    assert visits == pytest.approx(expected, abs=1e-13)


def test_undiscounted_return_and_unreachable_loops():
    mdp = chain(4, 0.5)
    assert pm.expected_return(mdp, np.ones((5, 1)), 1.0) == pytest.approx(2.0)
    # a state that never ends does not matter where it is not reached
    aside = TabularMDP.from_transitions(
        [(0, 0, 1, 1.0), (2, 0, 2, 1.0)], state_labels=range(3), initial=0, terminal=[1], reward={(0, 0, 1): 3.0}
    )
    assert pm.occupancy(aside, np.ones((3, 1)), 1) == pytest.approx([1, 1, 0])
    assert pm.expected_return(aside, np.ones((3, 1)), 1) == pytest.approx(3.0)


def test_undiscounted_needs_an_end():
    mdp = TabularMDP.from_transitions(
        [("a", 0, "end", 0.5), ("a", 0, "trap", 0.5), ("trap", 0, "trap", 1.0)], initial="a", terminal=["end"]
    )
    with pytest.raises(ValueError, match=r"gamma: .* never ends .*\(trap\).*average_occupancy"):
        pm.occupancy(mdp, uniform(mdp), 1.0)


def test_average_of_periodic_and_divided_chains():
    flip = TabularMDP.from_transitions([(0, 0, 1, 1.0), (1, 0, 0, 1.0)], initial=0)
    assert pm.average_occupancy(flip, np.ones((2, 1))) == pytest.approx([0.5, 0.5])
    # from "start" 0.3 to an absorbing state, 0.7 to a pair that flips
    split = TabularMDP.from_transitions(
        [
            ("start", 0, "alone", 0.3),
            ("start", 0, "x", 0.7),
            ("alone", 0, "alone", 1.0),
            ("x", 0, "y", 1.0),
            ("y", 0, "x", 1.0),
        ],
        state_labels=["start", "alone", "x", "y"],
        initial="start",
    )
    assert pm.average_occupancy(split, np.ones((4, 1))) == pytest.approx([0, 0.3, 0.35, 0.35])


@settings(max_examples=40, deadline=None)
@given(mdps(), st.integers(0, 2**32 - 1))
def test_average_is_the_limit_of_the_discounted(mdp, seed):
    policy = uniform(mdp)
    average = pm.average_occupancy(mdp, policy)
    assert average.sum() == pytest.approx(1.0)
    assert average @ dense_chain(mdp, policy) == pytest.approx(average, abs=1e-12)
    assert pm.occupancy(mdp, policy, 1 - 1e-9) == pytest.approx(average, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(mdps(), st.sampled_from([0.3, 0.9]))
def test_return_of_the_task_optimal_policy_is_its_value(mdp, gamma):
    policy = pm.optimal_policies(mdp, None, gamma)[0]
    best = float(pm.solve_task(mdp, gamma).values[0] @ mdp.initial)
    assert pm.expected_return(mdp, policy, gamma) == pytest.approx(best, abs=1e-9)
    careful = pm.optimal_policies(mdp, None, gamma, performance=True)[0]
    hidden = float(pm.solve_task(mdp, gamma, performance=True).values[0] @ mdp.initial)
    assert pm.expected_return(mdp, careful, gamma, performance=True) == pytest.approx(hidden, abs=1e-9)


def test_large_world_is_exact():
    mdp = PowerGrid("robot_face_20x20", noise=0.1).tables()
    policy = random_policy(mdp, np.random.default_rng(0))
    share, P = pm.occupancy(mdp, policy, 0.999), dense_chain(mdp, policy)
    assert share == pytest.approx((1 - 0.999) * mdp.initial + 0.999 * share @ P, abs=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": 1.5}, "gamma"),
        ({"gamma": "half"}, "gamma"),
        ({"policy": np.ones((3, 2)) / 2}, r"policy: expected shape \(5, 1\)"),
        ({"policy": np.full((5, 1), 0.5)}, "policy: expected rows that sum to 1"),
        ({"initial": [1.0, 0.0]}, "initial: expected 5 probabilities"),
        ({"initial": [0.5, 0, 0, 0, 0]}, "initial: expected probabilities that sum to 1"),
        ({"initial": "nowhere"}, "unknown state 'nowhere'"),
    ],
)
def test_bad_input(change, message):
    arguments = {"policy": np.ones((5, 1)), "gamma": 0.9, "initial": None, **change}
    with pytest.raises(ValueError, match=message):
        pm.occupancy(chain(4), **arguments)


def test_policy_on_unavailable_actions_is_refused():
    mdp = PowerGrid("open_3x3", walls="absent").tables()
    with pytest.raises(ValueError, match=r"available actions only.*does not have"):
        pm.occupancy(mdp, np.full((9, 5), 0.2), 0.9)
