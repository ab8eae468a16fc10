"""Rates of rewards in both channels against the published world's exact figures, an independent solver and simulation."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.agents.going import arrival_times, going_policies
from powerenvs import TabularMDP, tabular_model
from powerenvs.worlds.corrupt_reward import CorruptReward
from tests.models import mdps, random_table, uniform

ID = "powerenvs/CorruptReward-v0"


@pytest.mark.parametrize(
    ("level", "greedy", "softmax"),
    [
        ("one_goal", (0.92180, 0.03063), (0.67063, 0.04290)),
        ("two_goals", (0.92157, 0.03369), (0.67324, 0.07303)),
        ("four_goals", (0.92475, 0.00843), (0.65919, 0.11024)),
    ],
)
def test_the_published_world(level, greedy, softmax):
    env = gym.make(ID, level=level)
    for behaviour, expected in (("epsilon_greedy", greedy), ("softmax", softmax)):
        rates = pm.long_run_rates(env, pm.q_fixed_point(env, behaviour=behaviour).policy)
        assert rates == pytest.approx(expected, abs=1e-5)


@given(mdps(), st.integers(0, 99))
def test_long_run_and_discounted_rates_by_powers_of_the_chain(mdp, seed):
    policy = random_table(mdp, seed)
    chain = np.einsum("sa,sat->st", policy, mdp.transition_tensor().numpy())
    # The average over 2^30 steps, by doubling: sum of the first 2n powers = (I + P^n) times that of the first n.
    total, power = np.eye(len(chain)), chain.copy()
    for _ in range(30):
        total, power = 0.5 * (total + power @ total), power @ power
    gains = [(policy * mdp.action_rewards(performance)).sum(axis=1) for performance in (False, True)]
    assert pm.long_run_rates(mdp, policy) == pytest.approx([mdp.initial @ total @ gain for gain in gains], abs=1e-6)
    visits = 0.1 * np.linalg.inv(np.eye(len(chain)) - 0.9 * chain)
    assert pm.long_run_rates(mdp, policy, 0.9) == pytest.approx([mdp.initial @ visits @ gain for gain in gains])


def test_a_policy_with_several_ends_counts_them_from_the_start():
    moves = [("start", "go", "a", 0.25), ("start", "go", "b", 0.75), ("a", "go", "a", 1.0), ("b", "go", "b", 1.0)]
    mdp = TabularMDP.from_transitions(moves, initial="start", reward=[0, 0, 1, 0], performance=[0, 0, 0, 2])
    assert pm.long_run_rates(mdp, np.ones((3, 1))) == pytest.approx((0.25, 1.5))
    assert pm.long_run_rates(mdp, np.ones((3, 1)), initial="b") == pytest.approx((0, 2))
    both = pm.long_run_rates(mdp, np.ones((2, 3, 1)))
    assert both.observed.tolist() == pytest.approx([0.25, 0.25])


@settings(max_examples=20)
@given(mdps(max_states=6, max_actions=3))
def test_fixed_points_stay_where_they_are(mdp):
    rewards, transitions = mdp.action_rewards(), mdp.transition_tensor().numpy()
    for rule in ("q_learning", "sarsa", "soft"):
        for behaviour in ("epsilon_greedy", "softmax"):
            if (rule, behaviour) == ("sarsa", "softmax"):
                continue  # several or none, for rewards of any size; see the next test
            values, policy = pm.q_fixed_point(mdp, rule, behaviour, gamma=0.8, epsilon=0.2, beta=1.5)
            finite = np.where(mdp.available, values, 0)
            if rule == "q_learning":
                following = values.max(axis=1)
            elif rule == "sarsa":
                following = (policy * finite).sum(axis=1)
            else:
                following = np.log((np.exp(1.5 * finite) * mdp.available).sum(axis=1)) / 1.5
            expected = rewards + 0.8 * transitions @ following
            assert values[mdp.available] == pytest.approx(expected[mdp.available])
            assert np.isneginf(values[~mdp.available]).all()
            assert policy.sum(axis=1) == pytest.approx(np.ones(len(policy)))


def test_softmax_sarsa_has_the_values_of_its_own_behaviour():
    env = gym.make(ID, level="four_goals")
    values, policy = pm.q_fixed_point(env, "sarsa", "softmax")
    mdp = tabular_model(env)
    expected = mdp.action_rewards() + 0.9 * mdp.transition_tensor().numpy() @ (policy * values).sum(axis=1)
    assert values == pytest.approx(expected)


@settings(max_examples=20)
@given(mdps(max_states=6))
def test_arrival_times_by_value_iteration(mdp):
    transitions = mdp.transition_tensor().numpy()
    found = arrival_times(mdp, range(mdp.num_states))
    assert (np.diag(found) == 0).all()
    for target, steps in enumerate(found):
        value = np.zeros(mdp.num_states)
        for _ in range(600):
            following = np.where(mdp.available, transitions @ value, np.inf)
            value = np.minimum(1 + following.min(axis=1), 1e3)
            value[target] = 0
        near = steps < 20
        assert value[near] == pytest.approx(steps[near], rel=1e-6)
        assert (value[np.isinf(steps)] >= 20).all()


def test_going_policies_go_straight_and_stay_where_it_pays():
    mdp = tabular_model(CorruptReward("two_goals"))
    rewards = pm.state_rewards(mdp)
    rates = pm.long_run_rates(mdp, going_policies(mdp, range(25)))
    assert rates.observed == pytest.approx(rewards.observed)
    assert rates.true == pytest.approx(rewards.true)
    assert rewards.corrupt.sum() == 1


def test_corrupting_a_model_changes_what_is_observed_alone():
    mdp = tabular_model(CorruptReward("A.G"))
    seen = pm.corrupt(mdp, {mdp.state_labels[0]: 1.0})
    assert pm.state_rewards(seen).observed.tolist() == [1.0, 0.1, 0.9]
    assert (seen.performance == mdp.performance).all()
    for rewards, message in (({"nowhere": 1}, "rewards: unknown state"), ({0: np.inf}, "expected a finite number")):
        with pytest.raises(ValueError, match=message):
            pm.corrupt(mdp, rewards)
    ending = TabularMDP.from_transitions([("a", "go", "end", 1.0)], terminal=["end"], reward=[0.5])
    assert pm.corrupt(ending, {"end": 3}).action_rewards().tolist() == [[3.0], [0.0]]
    with pytest.raises(ValueError, match="found the terminal state end"):
        pm.reversed_rewards(ending)


def test_states_that_pay_no_single_number_are_refused():
    moves = [("a", "go", "b", 1.0), ("a", "run", "b", 1.0), ("b", "go", "a", 1.0)]
    mdp = TabularMDP.from_transitions(moves, reward=[1, 2, 0])
    with pytest.raises(
        ValueError,
        match=r"state 1 \(b\), in which no action surely stays, and to which steps lead that pay differently",
    ):
        pm.state_rewards(mdp)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "sarsaa"}, "rule: unknown rule 'sarsaa'; did you mean 'sarsa'"),
        ({"behaviour": "greedy"}, "behaviour: unknown behaviour 'greedy'"),
        ({"epsilon": 2}, "epsilon: expected a probability"),
        ({"beta": 0}, "beta: expected a number above 0"),
        ({"gamma": 1}, "gamma: expected a discount below 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.q_fixed_point(CorruptReward(), **arguments)


def test_uniform_behaviour_is_the_limit_of_both():
    mdp = tabular_model(CorruptReward())
    assert pm.q_fixed_point(mdp, epsilon=1).policy == pytest.approx(uniform(mdp))
    assert pm.q_fixed_point(mdp, behaviour="softmax", beta=1e-12).policy == pytest.approx(uniform(mdp))
