"""Threads, executors, methods and tolerances mean the same in every measure over reward functions."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.measures.registry import measures
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair

SAMPLED = {name: one for name, one in measures().items() if "executor" in one.parameters and name != "q_learning_curve"}
GAME, MDP = PowerPair(level="open_3x3", walls="absent").tables(), PowerGrid(level="two_rooms", noise=0.1).tables()

every = pytest.mark.parametrize("name", list(SAMPLED))


def call(name: str, **settings):
    settings = {"gamma": 0.7, "progress": False, **settings}
    one = SAMPLED[name]
    if "learner" in one.parameters:
        settings["learner"] = pm.Boltzmann(0.1)
    return one.call(**{one.subject: GAME if one.game else MDP}, **settings)


def mean_and_error(name: str, **settings) -> tuple[np.ndarray, np.ndarray]:
    found = call(name, **settings)
    if name == "multiagent_power":
        parts = [*found.estimates.values(), *found.baseline.values()]
        return np.concatenate([part.mean for part in parts]), np.concatenate([part.standard_error for part in parts])
    part = found.power if name == "power_of_policies" else found
    return part.mean.ravel(), part.standard_error.ravel()


@every
def test_the_same_numbers_on_any_number_of_threads(name):
    assert call(name, num_samples=2_500, threads=1) == call(name, num_samples=2_500, threads=3)


@pytest.mark.slow
@every
@pytest.mark.parametrize("method", ["monte_carlo", "sobol"])
def test_the_same_numbers_in_other_processes(name, method):
    here = call(name, num_samples=2_100, method=method)
    assert call(name, num_samples=2_100, method=method, executor="processes", workers=2) == here


@pytest.mark.slow
@every
@pytest.mark.parametrize("method", ["antithetic", "sobol"])
def test_methods_agree_within_their_errors(name, method):
    plain, plain_error = mean_and_error(name, num_samples=4_096, seed=1)
    other, other_error = mean_and_error(name, num_samples=4_096, seed=2, method=method)
    error = np.hypot(plain_error, other_error)
    certain = error < 1e-12  # actions that are always optimal, or never
    assert np.abs(plain - other)[certain].max(initial=0) < 1e-9
    assert (np.abs(plain - other)[~certain] / error[~certain]).max() < 5.5


@every
def test_a_tolerance_is_reached(name):
    width = 0.02
    _, error = mean_and_error(name, tolerance=width)
    assert 1.96 * error.max() <= width
    with pytest.raises(ValueError, match="tolerance: expected one within reach of 1,500 reward functions"):
        call(name, tolerance=1e-4, num_samples=1_500)


@every
def test_given_reward_functions_are_taken_as_they_are(name):
    one = SAMPLED[name]
    rewards = np.random.default_rng(0).random((7, (GAME if one.game else MDP).num_states))
    given = (rewards, rewards[::-1]) if one.game else rewards
    found = call(name, rewards=given)
    count = found.power.num_samples if name == "power_of_policies" else found.num_samples
    assert count == 7
    for argument, value in (("method", "sobol"), ("tolerance", 0.1), ("allow_all_equal", False)):
        with pytest.raises(ValueError, match=f"{argument}: expected the default where rewards are given"):
            call(name, rewards=given, **{argument: value})


def test_optimality_by_enumeration_is_exact():
    found = pm.optimality_probability(
        TabularMDP.from_transitions([("s", "a", "x", 1), ("s", "b", "y", 1), ("x", "a", "x", 1), ("y", "a", "y", 1)]),
        reward=pm.Bernoulli(0.25),
        method="enumeration",
    )
    one_alone, tied = 0.25 * 0.75, 0.25**2 + 0.75**2
    assert found.mean[0] == pytest.approx([one_alone + tied, one_alone + tied], abs=1e-15)
    assert not found.standard_error.any()
    assert found.num_samples == 8


def test_two_agents_have_no_enumeration():
    with pytest.raises(ValueError, match="method: expected one of monte_carlo, antithetic, sobol, found 'enumeration'"):
        pm.multiagent_power(GAME, method="enumeration")


def test_a_learner_that_cannot_go_to_other_processes_is_refused():
    with pytest.raises(ValueError, match="learner: expected one that can be pickled, for an executor"):
        pm.power_of_policies(lambda rewards: None, MDP, executor="processes")


class TestWhereLearnersStart:
    """A corridor of two rooms that cannot be left: which policy is best depends on where one starts."""

    MODEL = TabularMDP.from_transitions(
        [(room, move, f"{room}-{move}", 1.0) for room in "ab" for move in ("left", "right")]
        + [(f"{room}-{move}", "left", f"{room}-{move}", 1.0) for room in "ab" for move in ("left", "right")],
        initial={"a": 1.0},
    )

    def test_the_best_of_all_policies_is_the_best_from_there(self):
        for start in "ab":
            found = pm.power_of_policies(pm.BestOfK(4), self.MODEL, 0.9, num_samples=200, initial=start)
            assert found.shortfall[self.MODEL.index(start)] == pytest.approx(0, abs=1e-12)
            assert found.shortfall[self.MODEL.index("ba".replace(start, ""))] > 0.01

    def test_q_learning_without_exploring_starts_learns_there_only(self):
        learner = pm.QLearning(num_steps=6_000, exploring_starts=False, horizon=2)
        for start in "ab":
            found = pm.power_of_policies(learner, self.MODEL, 0.9, num_samples=200, initial=start)
            there, elsewhere = found.shortfall[[self.MODEL.index(start), self.MODEL.index("ba".replace(start, ""))]]
            assert there < 5e-3
            assert elsewhere > 0.1  # nothing was learned, so choices are even
