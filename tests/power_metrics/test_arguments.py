"""Odd arguments that many functions share: flags, sets of states, and tables."""

from __future__ import annotations

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


def test_draws_whose_squares_overflow_are_refused():
    assert np.isfinite(pm.power(MDP, reward=pm.Uniform(0, 1e139), num_samples=8).standard_error).all()
    with pytest.raises(ValueError, match=r"reward: expected draws of at most 1e\+140 in size, found larger ones of"):
        pm.power(MDP, reward=pm.Uniform(0, 1e160), num_samples=8)
