"""POWER of suboptimal policies: closed forms, limits, brute force; and how likely actions are to be optimal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.agents.bounded import as_learner
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.models import mdps, random_mdp, uniform
from tests.power_metrics.worlds import star


def policy_power(mdp, policies, rewards, gamma):
    """(B, S) by dense solves, one policy at a time."""
    P = mdp.transition_tensor().numpy()
    result = []
    for policy, reward in zip(policies, rewards, strict=True):
        chain = np.einsum("sa,sat->st", policy, P)
        value = np.linalg.solve(np.eye(len(chain)) - gamma * chain, reward)
        result.append((1 - gamma) * chain @ value)
    return np.array(result)


LEARNERS = [pm.Boltzmann(0.1), pm.EpsilonGreedy(0.3), pm.Satisficing(0.5), pm.BestOfK(3), pm.QLearning(200)]


@pytest.mark.slow
@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
@settings(max_examples=8, deadline=None)
@given(mdp=mdps(max_states=6), gamma=st.sampled_from([0.0, 0.5, 0.95]), seed=st.integers(0, 2**32 - 1))
def test_policies_are_evaluated_exactly_and_fall_short(learner, mdp, gamma, seed):
    rewards = np.random.default_rng(seed).random((5, mdp.num_states))
    seen = []

    def remember(drawn):
        seen.append(learner.policies(mdp, drawn, gamma, np.random.default_rng(1)))
        return seen[-1]

    result = pm.power_of_policies(remember, mdp, gamma, rewards=rewards)
    powers = policy_power(mdp, seen[0], rewards, gamma)
    assert result.power.mean == pytest.approx(powers.mean(axis=0), abs=1e-12)
    plain = powers.std(axis=0, ddof=1) / np.sqrt(5)  # of so few draws it is made wider where they are skewed
    assert np.all(result.power.standard_error >= plain - 1e-12)
    assert np.all(result.power.standard_error <= 2 * plain + 1e-12)
    best = pm.power(mdp, gamma, rewards=rewards)
    assert result.shortfall == pytest.approx(best.mean - result.power.mean, abs=1e-12)
    assert result.shortfall.min() >= -1e-12
    assert np.all(seen[0][:, ~mdp.available] == 0)
    shares = pm.occupancy(mdp, seen[0], gamma)
    assert result.seeking == pytest.approx(shares @ result.references.power, abs=1e-12)
    optimal = pm.occupancy(mdp, pm.optimal_policies(mdp, rewards, gamma), gamma)
    assert result.optimal_seeking == pytest.approx(optimal @ result.references.power, abs=1e-12)


@pytest.mark.parametrize(
    "make",
    [lambda: PowerGrid("open_3x3").tables(), turner_figure_1, lambda: random_mdp(np.random.default_rng(0), 6, 3)],
)
@pytest.mark.parametrize("gamma", [0.3, 0.95])
def test_boltzmann_between_optimal_and_random(make, gamma):
    mdp = make()
    cold = pm.power_of_policies(pm.Boltzmann(1e-9), mdp, gamma, num_samples=200)
    hot = pm.power_of_policies(pm.Boltzmann(1e9), mdp, gamma, num_samples=200)
    random = pm.power_of_policies(lambda rewards: uniform(mdp), mdp, gamma, num_samples=200)
    assert cold.power.mean == pytest.approx(pm.power(mdp, gamma, num_samples=200).mean, abs=1e-7)
    assert hot.power.mean == pytest.approx(random.power.mean, abs=1e-7)
    steps = [
        pm.power_of_policies(pm.Boltzmann(t), mdp, gamma, num_samples=200).power.mean.mean() for t in (0.01, 0.1, 1.0)
    ]
    assert cold.power.mean.mean() > steps[0] > steps[1] > steps[2] > hot.power.mean.mean()


def test_boltzmann_and_satisficing_by_hand():
    mdp = star(3)
    rewards = np.array([[0.0, 0.2, 0.5, 0.9]])  # what follows child i is worth its reward, as an average
    soft = pm.Boltzmann(0.3).policies(mdp, rewards, 0.9, np.random.default_rng(0))[0, 0]
    weights = np.exp(rewards[0, 1:] / 0.3)
    assert soft == pytest.approx(weights / weights.sum())
    enough = pm.Satisficing(0.4).policies(mdp, rewards, 0.9, np.random.default_rng(0))[0, 0]
    assert enough == pytest.approx([0, 0.5, 0.5])
    none = pm.Satisficing(0.95).policies(mdp, rewards, 0.9, np.random.default_rng(0))[0, 0]
    assert none == pytest.approx([0, 0, 1])


@pytest.mark.slow
@pytest.mark.parametrize(("children", "k"), [(3, 1), (4, 2), (5, 3), (5, 5), (4, 9), (9, 4)])
@pytest.mark.parametrize("gamma", [0.2, 0.9])
def test_best_of_k_is_the_largest_of_k_draws(children, k, gamma):
    """A root with n absorbing children: E[max of k draws] = k / (k + 1), as k different choices are considered."""
    mdp = star(children).with_(initial=np.eye(children + 1)[0])
    result = pm.power_of_policies(pm.BestOfK(k), mdp, gamma, num_samples=20_000)
    effective = min(k, children)
    error = result.power.standard_error[0]
    assert result.power.mean[0] == pytest.approx(effective / (effective + 1), abs=4 * error)
    assert error < 0.003


def test_best_of_many_is_optimal_and_draws_differ():
    mdp = random_mdp(np.random.default_rng(1), 4, 3)
    start = mdp.with_(initial=np.eye(4)[0])
    result = pm.power_of_policies(pm.BestOfK(3**4), start, 0.8, num_samples=50)
    values = [
        policy_power(start, np.eye(3)[None, list(choice)], np.ones((1, 4)), 0.8)
        for choice in itertools.product(*(np.flatnonzero(a) for a in start.available))
    ]
    assert len(values) <= 3**4
    assert result.shortfall[0] == pytest.approx(0.0, abs=1e-12)  # best from the start, state 0, is optimal there
    policies = pm.BestOfK(1).policies(PowerGrid("maze_7x7").tables(), np.zeros((40, 31)), 0.9, np.random.default_rng(0))
    assert len(np.unique(policies.reshape(40, -1), axis=0)) == 40
    shares = policies.mean(axis=0)
    assert np.abs(shares - 0.2).max() < 5 * np.sqrt(0.16 / 40)


def test_same_reward_functions_as_power_and_any_number_of_threads():
    mdp = PowerGrid("open_3x3").tables()
    one = pm.power_of_policies(pm.QLearning(50), mdp, num_samples=2_500, threads=1)
    two = pm.power_of_policies(pm.QLearning(50), mdp, num_samples=2_500, threads=2)
    assert np.array_equal(one.power.mean, two.power.mean)
    assert np.array_equal(one.seeking, two.seeking)
    assert np.array_equal(one.optimal.mean, pm.power(mdp, num_samples=2_500).mean)
    assert one.optimal.seed == 0
    other = pm.power_of_policies(pm.QLearning(50), mdp, num_samples=2_500, seed=1)
    assert not np.array_equal(one.power.mean, other.power.mean)


@pytest.mark.slow
def test_summary_and_frame(tmp_path):
    mdp = PowerGrid("maze_7x7").tables()
    result = pm.power_of_policies(pm.EpsilonGreedy(0.5), mdp, num_samples=64)
    frame = result.to_frame()
    assert len(frame) == 64
    assert frame["normalised"].to_numpy() == pytest.approx(result.normalised)
    assert result.optimal_normalised.max() <= 1 + 1e-12
    assert "EpsilonGreedy(epsilon=0.5), 64 reward functions" in repr(result)
    assert pm.power_of_policies(pm.EpsilonGreedy(0.0), mdp, num_samples=64).seeks_more == 0.5
    titles = [ax.get_title() for ax in result.plot(tmp_path / "learners.png").axes]
    assert (tmp_path / "learners.png").stat().st_size > 0
    assert titles == ["each state", "each reward function"]


# Optimality probability


def test_probability_that_an_action_is_optimal():
    """On a star every child is best equally often; two actions with one outcome are both optimal, or share."""
    estimate = pm.optimality_probability(star(4), 0.7, num_samples=4_000)
    assert estimate.mean[0] == pytest.approx(np.full(4, 0.25), abs=5 * estimate.standard_error[0].max())
    assert estimate.mean[1] == pytest.approx([1, 0, 0, 0])
    assert estimate.standard_error[0] == pytest.approx(np.sqrt(estimate.mean[0] * (1 - estimate.mean[0]) / 3_999))
    corner = PowerGrid("open_3x3").tables()  # up and left in the corner bump: the same as staying
    counted = pm.optimality_probability(corner, 0.9, num_samples=500)
    split = pm.optimality_probability(corner, 0.9, num_samples=500, ties="split")
    stay, up, left = (corner.action_index(name) for name in ("stay", "up", "left"))
    assert counted.mean[0, stay] == counted.mean[0, up] == counted.mean[0, left]
    assert split.mean[0, stay] == pytest.approx(counted.mean[0, stay] / 3)
    assert split.mean.sum(axis=1) == pytest.approx(np.ones(9))
    assert counted.mean[0].sum() > 1


def test_more_ways_on_make_an_action_more_often_optimal():
    """Turner et al., figure 1: going right leads to two cycles, left to fewer, and the empty end to one."""
    mdp = turner_figure_1()
    estimate = pm.optimality_probability(mdp, 0.99, num_samples=4_000)
    star_row = estimate.mean[mdp.index("star")]
    empty, left, right = (star_row[mdp.action_index(name)] for name in ("empty", "l", "r"))
    assert empty < left < right
    frame = estimate.to_frame()
    assert len(frame) == int(mdp.available.sum())
    assert frame.loc[2].tolist()[:3] == ["star", "r", pytest.approx(right)]
    assert "num_samples=4000" in repr(estimate)


@settings(max_examples=15, deadline=None)
@given(mdps(), st.integers(0, 2**32 - 1))
def test_probability_counts_optimal_actions(mdp, seed):
    rewards = np.random.default_rng(seed).integers(0, 2, (30, mdp.num_states)).astype(float)  # many ties
    policies = pm.optimal_policies(mdp, rewards, 0.9).numpy()
    assert pm.optimality_probability(mdp, 0.9, rewards=rewards).mean == pytest.approx((policies > 0).mean(axis=0))
    assert pm.optimality_probability(mdp, 0.9, rewards=rewards, ties="split").mean == pytest.approx(
        policies.mean(axis=0)
    )


# Bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pm.Boltzmann(0.0), "temperature: expected a number above 0"),
        (lambda: pm.EpsilonGreedy(1.5), "epsilon: expected a probability"),
        (lambda: pm.Satisficing(np.inf), "threshold: expected a finite number"),
        (lambda: pm.BestOfK(0), "k: expected a whole number of at least 1"),
        (lambda: as_learner(pm.Boltzmann), "found the class Boltzmann"),
        (lambda: as_learner("boltzmann"), "learner: expected one such as"),
        (lambda: pm.power_of_policies(lambda r: np.ones((2, 2)), star(3)), "learner: expected"),
        (lambda: pm.power_of_policies(lambda r: np.ones((len(r), 4, 3)), star(3)), "expected available actions only"),
        (lambda: pm.power_of_policies(pm.Boltzmann(1.0), star(3), 1.0), "gamma"),
        (lambda: pm.power_of_policies(pm.Boltzmann(1.0), star(3), num_samples=0), "num_samples"),
        (lambda: pm.power_of_policies(pm.Boltzmann(1.0), star(3), rewards=np.ones((2, 9))), "rewards: expected shape"),
        (lambda: pm.power_of_policies(pm.Boltzmann(1.0), star(3), initial="hub"), "unknown state 'hub'"),
        (lambda: pm.optimality_probability(star(3), ties="halve"), "ties: expected 'count' or 'split'"),
        (lambda: pm.optimality_probability(star(3), threads=0), "threads: expected a whole number"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
