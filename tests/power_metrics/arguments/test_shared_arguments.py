"""Odd arguments that many functions share: flags, sets of states, and tables."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

import power_metrics as pm
from powerenvs import EditedWorld, Policy, TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair

MDP = PowerGrid("S.\n..").tables()
GAME = PowerPair("SS").tables()
TABLE = np.array(Policy(MDP))

FLAGS = {
    "keep_samples": lambda flag: pm.power(MDP, num_samples=8, keep_samples=flag),
    "allow_all_equal": lambda flag: pm.power(MDP, num_samples=8, allow_all_equal=flag),
    "allow_all_equal, given": lambda flag: pm.power(MDP, rewards=np.eye(4), allow_all_equal=flag),
    "keep_samples, two agents": lambda flag: pm.multiagent_power(GAME, num_samples=8, keep_samples=flag),
    "allow_all_equal, two agents": lambda flag: pm.multiagent_power(GAME, num_samples=8, allow_all_equal=flag),
    "performance": lambda flag: pm.expected_return(MDP, TABLE, 0.9, performance=flag),
    "performance, solved": lambda flag: pm.solve_task(MDP, 0.9, performance=flag),
    "performance, policies": lambda flag: pm.optimal_policies(MDP, np.ones(4), 0.9, performance=flag),
    "exploring_starts": lambda flag: pm.QLearning(exploring_starts=flag),
    "deterministic": lambda flag: pm.policy_table(TABLE, MDP, deterministic=flag),
    "check": lambda flag: pm.policy_table(TABLE, MDP, check=flag),
    "partial": lambda flag: pm.load_sweep("nowhere", partial=flag),
    "overlaps": lambda flag: PowerPair("S.", overlaps=flag),
    "no_swaps": lambda flag: PowerPair("S.", no_swaps=flag),
    "no_swaps, taken out": lambda flag: GAME.without_overlaps(flag),
    "no_swaps, bumping": lambda flag: GAME.with_bumping(flag),
    "pair": lambda flag: EditedWorld("S.", pair=flag),
    "overlaps, edited": lambda flag: EditedWorld("S.", pair=True, overlaps=flag),
}


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("flag", [torch.ones(3), np.ones(2), "no", 1, None], ids=repr)
def test_flags_are_true_or_false(name, flag):
    with pytest.raises(ValueError, match=rf"^{name.split(',')[0]}: expected True or False, found"):
        FLAGS[name](flag)


def test_flags_of_numpy_are_flags():
    kept = pm.power(MDP, num_samples=8, keep_samples=np.bool_(True), progress=False)
    assert kept.samples.shape == (8, 4)


@pytest.mark.parametrize("sets", [1.5, "(0, 0)", np.array(3.0), ["(0, 0)"], [np.array(3.0)], [b"a"]], ids=repr)
def test_identical_rewards_are_sets_of_labels(sets):
    with pytest.raises(ValueError, match=r"^states_with_identical_rewards: expected sets of state labels"):
        pm.power(MDP, num_samples=8, states_with_identical_rewards=sets)


def test_a_seed_policy_is_an_array():
    with pytest.raises(ValueError, match=r"^seed_policy: expected an array of numbers"):
        pm.pair_policies(GAME, (np.ones(4), np.ones(4)), 0.5, seed_policy=len)


def test_a_level_is_text_or_rows():
    with pytest.raises(ValueError, match=r"^level: expected text or rows of text"):
        PowerGrid(np.array(3.0))


def test_a_table_of_a_policy_is_a_policy_with_the_same_table():
    """Also where division by the sum leaves a sum one rounding away from 1."""
    mdp = TabularMDP.from_transitions([("a", action, "a", 1.0) for action in "xyz"])
    policy = Policy(mdp, table=[[0.3333333333334444, 0.3333333333331111, 0.33333333333344445]])
    assert Policy(mdp, table=policy.table) == policy


CHOICES = {
    "method": lambda choice: pm.power(MDP, method=choice),
    "method, drawn": lambda choice: pm.drawn_rewards(MDP, 0, method=choice),
    "ties": lambda choice: pm.optimality_probability(MDP, ties=choice),
    "objective": lambda choice: pm.horizon_optimum(MDP, 3, choice),
    "walls": lambda choice: PowerGrid("S.", walls=choice),
    "agents": lambda choice: pm.multiagent_power(GAME, agents=("human", choice)),
}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("choice", ["none", torch.ones(3), np.zeros((2, 2)), {1}, 3], ids=repr)
def test_choices_are_known_words(name, choice):
    with pytest.raises(ValueError, match=rf"^{name.split(',')[0]}: "):
        CHOICES[name](choice)


@pytest.mark.parametrize("flag", [torch.ones(3), "no", 1], ids=repr)
def test_control_variates_are_true_or_false_or_none(flag):
    with pytest.raises(ValueError, match=r"^control_variates: expected True or False, found"):
        pm.power(MDP, num_samples=8, control_variates=flag)


@pytest.mark.parametrize("others", [-(10**30), 1.5, [np.eye(3)], "ai", torch.ones(3)], ids=repr)
def test_others_are_a_mapping(others):
    with pytest.raises(ValueError, match=r"^others: expected a mapping from agents to policies, found"):
        pm.multiagent_power(GAME, num_samples=8, others=others)


COMPARISON = pm.compare(TABLE, MDP, power=pm.power(MDP, num_samples=8, keep_samples=True))
TWO = pm.multiagent_power(GAME, num_samples=8)
NAMES = {
    "name: no policy": lambda name: COMPARISON.difference(name),
    "name: no policy ": lambda name: COMPARISON.confidence_interval(name, "normalised"),
    "statistic: unknown": lambda name: COMPARISON.difference("learned", statistic=name),
    "unknown agent": lambda name: TWO.average(name),
    "agent: unknown agent": lambda name: GAME.uniform_policy(name),
}


@pytest.mark.parametrize("message", NAMES)
@pytest.mark.parametrize("name", ["nobody", 2**63, np.zeros((2, 2)), torch.ones(3), {1}, None], ids=repr)
def test_names_are_known(message, name):
    with pytest.raises(ValueError, match=f"^{message}"):
        NAMES[message](name)


LEVELS = {
    "comparison": lambda level: COMPARISON.difference("learned", level=level),
    "estimate": lambda level: pm.power(MDP, num_samples=8).confidence_interval(level),
    "alignment": lambda level: TWO.alignment_interval(level),
}


@pytest.mark.parametrize("name", LEVELS)
def test_levels_are_probabilities(name):
    for level in ("0.9", 1, np.ones(2), torch.tensor(0.5)):
        with pytest.raises(ValueError, match=r"^level: expected a probability between 0 and 1"):
            LEVELS[name](level)
    assert np.array_equal(LEVELS[name](Fraction(1, 2)), LEVELS[name](0.5), equal_nan=True)


def test_a_step_is_a_number():
    tracker = pm.PowerTracker(MDP, np.ones(4))
    assert tracker.evaluate(TABLE, Fraction(1, 2))["step"] == 0.5
    for step in ("1", np.inf, np.ones(2)):
        with pytest.raises(ValueError, match=r"^step: expected a number, or None"):
            tracker.evaluate(TABLE, step)


def test_learners_take_a_number_of_steps():
    learners = pm.QLearners(MDP, np.ones(4), 0.9, pm.QLearning(), np.random.default_rng(0))
    for num_steps in ("5", -1, 2.5):
        with pytest.raises(ValueError, match=r"^num_steps: expected a whole number of at least 0"):
            learners.run(num_steps)
    with pytest.raises(ValueError, match=r"^num_steps: expected a whole number below 2\^63, found 1e\+300"):
        learners.run(1e300)


def test_epsilon_may_be_a_fraction():
    half = pm.policy_table(TABLE, MDP, epsilon=Fraction(1, 2))
    assert half.dtype == np.float64
    assert np.array_equal(half, pm.policy_table(TABLE, MDP, epsilon=0.5))
