"""V-trace on tables: the statements of Espeholt et al. 2018, held against sums over steps and the recursion of learners."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularMDP, tabular_model
from tests.models import random_mdp

SEEDS = st.integers(0, 2**32 - 1)


def case(seed, share=1.0):
    """A random model, a behaviour and a target policy; each action is left out with probability 1 - share by either."""
    rng = np.random.default_rng(seed)
    mdp = random_mdp(rng, int(rng.integers(1, 7)), int(rng.integers(1, 4)))
    policies = rng.dirichlet(np.full(mdp.num_actions, 0.7), size=(2, mdp.num_states)) * mdp.available + 1e-9
    kept = rng.random(policies.shape) < share
    kept[:, np.arange(mdp.num_states), mdp.available.argmax(axis=1)] = True
    policies = policies * mdp.available * kept
    return rng, mdp, policies / policies.sum(axis=2, keepdims=True)


def targets_by_steps(mdp, behaviour, target, gamma, rho, c, values, steps=20_000):
    """(S,) E_μ[V + Σ_t γ^t c_0 ... c_{t-1} ρ_t δ_t], added up step by step from its definition."""
    ratio = np.divide(target, behaviour, out=np.zeros_like(target), where=behaviour > 0)
    P = mdp.transition_tensor().numpy()
    difference = np.einsum("sat,sat->sa", P, gamma * values[None, None] - values[:, None, None] + np.zeros_like(P))
    difference += mdp.action_rewards(False)
    term = (behaviour * np.minimum(rho, ratio) * difference).sum(axis=1)
    traces = gamma * np.einsum("sa,sat->st", behaviour * np.minimum(c, ratio), P)
    total = values.copy()
    for _ in range(steps):
        total += term
        term = traces @ term
        if np.abs(term).max() < 1e-15:
            break
    return total


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_the_operator_is_its_definition(seed):
    rng, mdp, (behaviour, target) = case(seed, 0.7)
    rho, gamma = 10 ** rng.uniform(-3, 3), rng.uniform(0, 0.98)
    c = rng.uniform(0, max(1, rho))
    values = rng.normal(size=mdp.num_states)
    operator = pm.vtrace_operator(mdp, behaviour, target, gamma, rho=rho, c=c)
    expected = targets_by_steps(mdp, behaviour, target, gamma, rho, c, values)
    assert operator.apply(values) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_the_fixed_point_and_the_contraction(seed):
    rng, mdp, (behaviour, target) = case(seed, 0.7)
    rho, gamma = 10 ** rng.uniform(-3, 3), rng.choice([0.0, 0.5, 0.9, 0.99])
    operator = pm.vtrace_operator(mdp, behaviour, target, gamma, rho=rho, c=rng.uniform(0, max(1, rho)))
    fixed = operator.fixed_point
    size = max(1.0, np.abs(fixed).max())
    clipped = np.minimum(rho * behaviour, target)
    clipped /= clipped.sum(axis=1, keepdims=True)
    assert fixed == pytest.approx(pm.policy_values(mdp, clipped, None, gamma).numpy()[0], abs=1e-10 * size)
    assert operator.apply(fixed) == pytest.approx(fixed, abs=1e-10 * size)
    origin = operator.apply(np.zeros(mdp.num_states))
    linear = np.stack([operator.apply(one) - origin for one in np.eye(mdp.num_states)], axis=1)
    assert operator.contraction == pytest.approx(np.abs(linear).sum(axis=1).max(), abs=1e-9)
    assert operator.contraction <= operator.bound + 1e-12


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_between_the_behaviour_and_the_target(seed):
    _, mdp, (behaviour, target) = case(seed)
    for rho, policy in ((1e-3 * behaviour[behaviour > 0].min(), behaviour), (np.inf, target)):
        if rho < np.inf and (target[behaviour > 0] < rho * behaviour[behaviour > 0]).any():
            continue  # not small enough to cut all weights
        found = pm.vtrace_fixed_point(mdp, behaviour, target, 0.9, rho=rho)
        assert found == pytest.approx(pm.policy_values(mdp, policy, None, 0.9).numpy()[0], abs=1e-10)
    alone = np.eye(mdp.num_actions)[target.argmax(axis=1)]
    own = pm.policy_values(mdp, alone, None, 0.9).numpy()[0]
    for rho in (1e-3, 1.0, 1e6):
        assert pm.vtrace_fixed_point(mdp, behaviour, alone, 0.9, rho=rho) == pytest.approx(own, abs=1e-10)


def test_a_maze_with_noise():
    """The statements of the paper, in the order in which larger bounds go from the behaviour to the target."""
    mdp = tabular_model(gym.make("PowerGrid-v0", level="four_rooms", noise=0.1))
    rng = np.random.default_rng(0)
    reward = rng.random((mdp.num_states, mdp.num_actions))
    mdp = TabularMDP.from_arrays(mdp.transition_tensor().numpy(), reward, order="sas")
    behaviour, target = rng.dirichlet(np.ones(mdp.num_actions), size=(2, mdp.num_states))
    biases, contractions = [], []
    for rho in (0.01, 1.0, 2.0, 10.0, 1e9):
        operators = [
            pm.vtrace_operator(mdp, behaviour, target, 0.97, rho=rho, c=c) for c in (0.5, 1.0, max(1.0, min(rho, 5.0)))
        ]
        assert np.ptp([operator.fixed_point for operator in operators], axis=0).max() == 0
        found = [operator.contraction for operator in operators]
        assert found == sorted(found, reverse=True) or rho < 1
        assert max(found) <= operators[0].bound
        biases.append(np.abs(operators[0].bias).max())
        contractions.append(found[0])
    assert biases[-1] < 1e-9 < biases[0]
    assert contractions == sorted(contractions, reverse=True)


def test_the_recursion_of_learners():
    """v_t = V(s_t) + δ_t + γ c_t (v_{t+1} - V(s_{t+1})), on the one trajectory of a corridor; remark 1 of the paper."""
    rng = np.random.default_rng(3)
    size, gamma, rho, c = 12, 0.95, 0.7, 0.6
    P = np.zeros((size + 1, 2, size + 1))
    P[np.arange(size), 0, np.arange(1, size + 1)] = 1.0
    P[np.arange(size), 1, 0] = 1.0
    P[size, :, size] = 1.0
    reward = rng.normal(size=(size + 1, 2))
    reward[size] = 0.0
    mdp = TabularMDP.from_arrays(P, reward, order="sas", terminal=np.arange(size + 1) == size)
    behaviour = np.tile([1.0, 0.0], (size + 1, 1))
    chance = rng.uniform(0.3, 1.0, size=size + 1)
    target = np.stack([chance, 1.0 - chance], axis=1)
    values = rng.normal(size=size + 1)
    values[size] = 0.0
    expected = np.zeros(size + 1)
    for t in reversed(range(size)):
        difference = reward[t, 0] + gamma * values[t + 1] - values[t]
        carried = gamma * min(c, chance[t]) * (expected[t + 1] - values[t + 1])
        expected[t] = values[t] + min(rho, chance[t]) * difference + carried
    operator = pm.vtrace_operator(mdp, behaviour, target, gamma, rho=rho, c=c)
    assert operator.apply(values) == pytest.approx(expected, abs=1e-13)


def corridor():
    moves = [("a", "go", "b", 1.0), ("a", "stay", "a", 1.0), ("b", "go", "end", 1.0), ("b", "stay", "b", 1.0)]
    return TabularMDP.from_transitions(moves, reward=[1.0, 0.0, 1.0, 0.0], initial="a", terminal=["end"])


def test_episodes_that_end_need_no_discount():
    mdp = corridor()
    behaviour = np.full((3, 2), 0.5)
    found = pm.vtrace_fixed_point(mdp, behaviour, [[0.1, 0.9], [0.2, 0.8], [0.5, 0.5]], 1.0)
    assert found == pytest.approx([2.0, 1.0, 0.0], abs=1e-14)


HALF = np.full((3, 2), 0.5)
GO, STAY = np.tile([1.0, 0.0], (3, 1)), np.tile([0.0, 1.0], (3, 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rho": 0.0}, "rho: expected a number above 0, found 0.0"),
        ({"rho": "x"}, "rho: expected a number above 0"),
        ({"c": 1.5}, "c: expected a number from 0 to max.1, rho. = 1, beyond which V-trace need not contract"),
        ({"c": -1.0}, "c: expected a number from 0"),
        ({"rho": 3.0, "c": 3.5}, "max.1, rho. = 3"),
        ({"gamma": 1.5}, "gamma"),
        ({"gamma": 1.0, "target": STAY}, "gamma: expected a discount below 1, found 1 where episodes need not end"),
        ({"behaviour": GO, "target": STAY}, "target: expected in each state an action that the behaviour policy takes"),
        ({"target": np.stack([HALF, HALF])}, "target: expected one policy"),
        ({"behaviour": HALF[:2]}, "behaviour"),
    ],
)
def test_refused(arguments, message):
    given = {"behaviour": HALF, "target": HALF, "gamma": 0.9, **arguments}
    with pytest.raises(ValueError, match=message):
        pm.vtrace_operator(corridor(), **given)


def test_values_are_checked():
    operator = pm.vtrace_operator(corridor(), HALF, HALF, 0.9)
    with pytest.raises(ValueError, match=r"values: expected shape \(3,\)"):
        operator.apply([0.0, 1.0])
