"""Numbers that were once wrong, or had errors that were, each beside what is right: by hand, or by SciPy's quadrature.

A row is right within its error, or refused; its siblings are other distributions, worlds and measures.
"""

from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import power_metrics as pm
from power_metrics.expectation.draws import Sobol
from powerenvs import TabularGame, TabularMDP
from tests.benchmarks.coverage_worlds import DISTRIBUTIONS, largest
from tests.power_metrics.worlds import MAZE, grid, star

EDGE = 1 - 1e-9
NAMES = {8: ("beta(10000, 10000)", "beta(2, 5)", "normal", "triangular"), 60: ("beta(10000, 10000)", "normal")}


@pytest.mark.parametrize(("children", "name"), [(n, name) for n, names in NAMES.items() for name in names])
@pytest.mark.parametrize("options", [{}, {"method": "auto"}, {"method": "antithetic"}], ids=str)
def test_power_of_a_choice_is_the_expectation_of_a_maximum(children, name, options):
    """POWER .516235 +- 5e-15 was given where .505033 is right."""
    found = pm.power(star(children), 0.9, DISTRIBUTIONS[name][0], num_samples=512, seed=3, **options)
    assert abs(found["root"] - largest(children, name)) < 4 * found.standard_error[0] + 2e-11


@pytest.mark.parametrize(
    ("reward", "known"),
    [
        (pm.Uniform(0.5, 0.5 + 1e-9), 0.5 + 1e-9 * 8 / 9),
        (pm.Uniform(1e6, 1e6 + 1), 1e6 + 8 / 9),
        (pm.TorchDistribution(torch.distributions.Exponential(1.0)), sum(1 / k for k in range(1, 9))),
        (pm.TorchDistribution(torch.distributions.Gumbel(0.0, 1.0)), np.euler_gamma + math.log(8)),
        (pm.Pareto(1, 5), 8 * math.gamma(8) * math.gamma(0.8) / math.gamma(8.8)),
        (pm.PerState({"child 0": pm.Uniform(2, 4)}, pm.Uniform()), 3.0),
        (pm.Bernoulli(1e-4), 1 - (1 - 1e-4) ** 8),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["monte_carlo", "auto"])
def test_so_are_its_siblings(reward, known, method):
    options = {} if isinstance(reward, pm.Bernoulli) and method == "auto" else {"num_samples": 512}
    found = pm.power(star(8), 0.9, reward, seed=1, method=method, **options)
    assert abs(found["root"] - known) < 4 * found.standard_error[0] + 1e-13 * abs(known)


@pytest.mark.parametrize("method", ["monte_carlo", "sobol", "auto"])
@pytest.mark.parametrize("alpha", [1.2, 1.5, 2.0])
@pytest.mark.filterwarnings("ignore::power_metrics.rewards.tails.HeavyTailsWarning")
def test_infinite_variance_has_no_interval(alpha, method):
    found = pm.power(star(4), 0.9, pm.Pareto(1, alpha), num_samples=512, method=method)
    assert np.isnan(found.confidence_interval()).all()
    assert "infinite variance" in repr(found)


MEANLESS = (pm.Pareto(1, 1), pm.TorchDistribution(torch.distributions.Cauchy(0.0, 1.0)))


@pytest.mark.parametrize("reward", MEANLESS, ids=str)
@pytest.mark.parametrize(
    "measure", [pm.power, lambda *given, **options: pm.power_of_policies(pm.Boltzmann(1.0), *given, **options)]
)
def test_infinite_means_are_refused(reward, measure):
    with pytest.raises(ValueError, match=r"^reward: expected distributions with a finite mean"):
        measure(star(4), 0.9, reward, num_samples=64)


@pytest.mark.parametrize("seed", range(3))
def test_rare_successes_are_within_their_errors(seed):
    """0 +- 0 was given where 8.6e-4 is right, and "all numbers are exact" said of it."""
    reward, mdp = pm.Bernoulli(1e-4), grid()
    right = pm.power(mdp, 0.9, reward, method="enumeration")
    found = pm.power(mdp, 0.9, reward, num_samples=300, seed=seed)
    policies = pm.power_of_policies(pm.EpsilonGreedy(0.0), mdp, 0.9, reward=reward, num_samples=300, seed=seed)
    for estimate in (found, policies.power, policies.optimal):
        assert np.all(np.abs(estimate.mean - right.mean) < 4 * estimate.standard_error)
        assert not estimate.is_exact
    chance = pm.optimality_probability(mdp, 0.9, reward, num_samples=300, seed=seed)
    exact = pm.optimality_probability(mdp, 0.9, reward, method="enumeration")
    assert np.all(np.abs(chance.mean - exact.mean) <= 4 * chance.standard_error)
    comparison = pm.compare(mdp.available / mdp.available.sum(1, keepdims=True), mdp, 0.9, power=found)
    assert "exact" not in str(comparison)


def far_prize():
    """25 cells, a prize at the right end, a start at cell 8."""
    moves = [(s, a, min(max(s + way, 0), 24), 1.0) for s in range(24) for a, way in (("left", -1), ("right", 1))]
    reward = [float(target == 24) for _, _, target, _ in moves]
    return TabularMDP.from_transitions([*moves, (24, "left", 24, 1.0)], initial=8, terminal=[24], reward=[*reward, 0.0])


def near_and_farther():
    return TabularMDP.from_transitions(
        [(0, "stay", 0, 1.0), (0, "go", 1, 1.0), (1, "stay", 1, 1.0), (1, "go", 0, 1.0)], initial=0
    )


def beside_nobody(mdp):
    """The same for a human, beside somebody who does nothing."""
    moves = [
        (s, (mdp.action_labels[a], "wait"), s2, p)
        for s, actions in mdp.P.items()
        for a, rows in actions.items()
        for p, s2, *_ in rows
    ]
    labels = {"human": mdp.action_labels, "ai": ("wait",)}
    return TabularGame.from_transitions(moves, agents=("human", "ai"), action_labels=labels)


def test_values_small_beside_the_largest_still_decide():
    """3.5e-17 was returned where 1e-15 is right."""
    mdp = far_prize()
    optimal = pm.optimal_policies(mdp, None, 0.1)[0].numpy()
    assert pm.expected_return(mdp, optimal, 0.1) == pytest.approx(1e-15, rel=1e-12)
    score = pm.compare(optimal, mdp, 0.1, np.arange(25.0))["learned"].normalised
    assert score == pm.compare(optimal, mdp, 0.1, np.arange(25.0))["task-optimal"].normalised == pytest.approx(1.0)
    prize = np.eye(25)[[24]]
    assert np.array_equal(pm.optimality_probability(mdp, 0.1, rewards=prize).mean[:24], np.tile([0.0, 1.0], (24, 1)))
    learner = pm.EpsilonGreedy(0.0)
    for found in (pm.power_of_policies(learner, mdp, 0.1, rewards=prize).power, pm.power(mdp, 0.1, rewards=prize)):
        assert found.mean[8] == pytest.approx(0.9 * 0.1**15 / 0.9, rel=1e-10)


def test_worse_actions_do_not_tie_near_discount_1():
    """POWER .9970 was given to the human where 1 is right."""
    mdp, reward = near_and_farther(), np.array([[1.0, 0.991]])
    both = pm.multiagent_power(beside_nobody(mdp), gamma=EDGE, rewards=(reward, reward))
    learner = pm.power_of_policies(pm.EpsilonGreedy(0.0), mdp, EDGE, rewards=reward)
    for found in (both["human"], learner.power, pm.power(mdp, EDGE, rewards=reward)):
        assert found.mean == pytest.approx(1.0, abs=1e-8)
    assert np.array_equal(pm.optimality_probability(mdp, EDGE, rewards=reward).mean, [[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("link", [1e-3, 1e-13, 1e-17])
def test_averages_of_nearly_separate_blocks_keep_their_digits(link):
    """An error of 5.5e-6, or a bare "Factor is exactly singular"."""
    moves = [(0, "a", 0, 1 - link), (0, "a", 1, link), (1, "a", 1, 1 - 2 * link), (1, "a", 0, 2 * link)]
    mdp = TabularMDP.from_transitions(moves, initial=0)
    share = pm.average_occupancy(mdp, np.ones((2, 1)))
    assert share == pytest.approx([2 / 3, 1 / 3], abs=1e-12)


@pytest.mark.parametrize("gamma", [0.9, 1 - 1e-6, EDGE])
def test_occupancies_and_returns_keep_their_digits(gamma):
    moves = [(0, "a", 1, 1.0), (1, "a", 0, 0.5), (1, "a", 2, 0.5), (2, "a", 0, 1.0)]
    mdp = TabularMDP.from_transitions(moves, initial=0, reward=[0.0, 0.0, 0.0, 1.0])
    g = Fraction(gamma)
    first = (1 - g) / (1 - g * g / 2 - g**3 / 2)
    expected = [float(x) for x in (first, g * first, g * g * first / 2)]
    assert pm.occupancy(mdp, np.ones((3, 1)), gamma) == pytest.approx(expected, rel=1e-14)
    right = float(g * g * first / 2 / (1 - g))
    assert pm.expected_return(mdp, np.ones((3, 1)), gamma) == pytest.approx(right, rel=1e-14)


def test_rewards_of_very_different_size_in_a_given_time():
    """Its own policy earned half of what it promised."""
    moves = [(0, "fall", 1, 1.0), (0, "wait", 0, 1.0), (0, "earn", 0, 1.0), (1, "wait", 1, 1.0)]
    mdp = TabularMDP.from_transitions(moves, initial=0, reward=[-1000.0, 0.0, 1e-7, 0.0])
    best = pm.horizon_optimum(mdp, 100)
    assert best.score.expected_return == pytest.approx(1e-5, rel=1e-12)
    assert np.all(best.policy()[:, 0, mdp.action_index("earn")] == 1)
    assert best.performance_range == pytest.approx((1e-5, 1e-5))


def test_single_draws_have_no_intervals():
    assert np.isnan(pm.power(star(2), 0.9, num_samples=1).standard_error).all()
    uniform = grid().available / grid().available.sum(axis=1, keepdims=True)
    assert not pm.compare(uniform, grid(), 0.9, num_samples=1).has_intervals


def test_more_numbers_than_sobol_points_have_are_refused():
    with pytest.raises(ValueError, match=r"^method: expected at most 21,201 random numbers .* found 21,202"):
        Sobol(SimpleNamespace(width=21_202, rows=16), 0, 16)


def test_the_maze_at_discount_1_under_normal_rewards():
    """17 standard errors off, where the largest of 31 rewards is reached from everywhere."""
    found = pm.power(grid(MAZE), 1.0, pm.Normal(), method="auto", num_samples=512)
    assert np.all(np.abs(found.mean - largest(31, "normal")) < 4 * found.standard_error + 2e-11)
