"""Reward distributions: their parameters, their moments, and how they bind to states."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import power_metrics as pm
from power_metrics.expectation.moments import Moments
from power_metrics.rewards.sampler import block_generator, block_rows, checked_draws, reward_sampler
from tests.power_metrics.worlds import graph, grid, star

LOG_NORMAL = torch.distributions.LogNormal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(0.5))

DISTRIBUTIONS = [  # distribution, mean, variance, support, symmetric interval
    (pm.Uniform(), 0.5, 1 / 12, (0, 1), (0, 1)),
    (pm.Uniform(-2, 3), 0.5, 25 / 12, (-2, 3), (-2, 3)),
    (pm.Beta(0.5, 2), 0.2, 0.16 / 3.5, (0, 1), None),
    (pm.Beta(3, 3), 0.5, 1 / 28, (0, 1), (0, 1)),
    (pm.Bernoulli(0.3), 0.3, 0.21, (0, 1), None),
    (pm.Bernoulli(), 0.5, 0.25, (0, 1), (0, 1)),
    (pm.Pareto(2, 6), 2.4, 4 * 6 / (25 * 4), (2, math.inf), None),
    (pm.Normal(-1, 2), -1.0, 4.0, (-math.inf, math.inf), None),
    (pm.Empirical([1, 2, 6]), 3.0, 14 / 3, (1, 6), None),
    (pm.Empirical([5, 1, 3], [0.25, 0.25, 0.5]), 3.0, 2.0, (1, 5), (1, 5)),
    (pm.Empirical([0, 1, 1, 2]), 1.0, 0.5, (0, 2), (0, 2)),
    (pm.Empirical([0, 1, 9], [0.5, 0.5, 0.0]), 0.5, 0.25, (0, 1), (0, 1)),
    (pm.TorchDistribution(LOG_NORMAL), math.exp(0.125), math.exp(0.25) * (math.exp(0.25) - 1), (0, math.inf), None),
]


@pytest.mark.parametrize(("distribution", "mean", "variance", "support", "interval"), DISTRIBUTIONS)
def test_moments_and_support(distribution, mean, variance, support, interval):
    assert isinstance(distribution, pm.RewardDistribution)
    assert distribution.mean == pytest.approx(mean)
    assert distribution.support == support
    assert distribution.symmetric_interval == interval
    draws = distribution.sample(np.random.default_rng(0), (1000, 200))
    assert draws.shape == (1000, 200)
    assert draws.dtype == np.float64
    assert support[0] <= draws.min() <= draws.max() <= support[1]
    assert abs(draws.mean() - mean) < 4 * math.sqrt(variance / draws.size)
    spread = np.mean((draws - mean) ** 4) / draws.size
    assert abs(np.mean((draws - mean) ** 2) - variance) < 4 * math.sqrt(spread)
    assert np.array_equal(draws, distribution.sample(np.random.default_rng(0), (1000, 200)))
    assert not np.array_equal(draws, distribution.sample(np.random.default_rng(1), (1000, 200)))


def test_pareto_mean_may_be_infinite():
    assert pm.Pareto(1, 1).mean == math.inf


def test_quantiles():
    """Mean and variance do not tell distributions apart: quartiles do."""
    quartiles = {
        pm.Uniform(2, 4): (2.5, 3.0, 3.5),
        pm.Beta(1, 2): tuple(1 - math.sqrt(1 - q) for q in (0.25, 0.5, 0.75)),
        pm.Pareto(1, 2): tuple((1 - q) ** -0.5 for q in (0.25, 0.5, 0.75)),
        pm.Normal(1, 2): (1 - 2 * 0.6744897501960817, 1.0, 1 + 2 * 0.6744897501960817),
    }
    for distribution, expected in quartiles.items():
        draws = distribution.sample(np.random.default_rng(0), (100_000,))
        for quarter, value in zip((0.25, 0.5, 0.75), expected, strict=True):
            assert abs(np.mean(draws < value) - quarter) < 4 * math.sqrt(0.25 / 100_000)


def test_empirical_draws_only_its_values():
    draws = pm.Empirical([3.0, 7.0, 9.0], [0.2, 0.8, 0.0]).sample(np.random.default_rng(0), (10_000,))
    assert set(draws) == {3.0, 7.0}
    assert abs(np.mean(draws == 7.0) - 0.8) < 0.02


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pm.Uniform(1, 1), "high: expected a finite number above low=1, found 1"),
        (lambda: pm.Uniform(0, math.inf), "high"),
        (lambda: pm.Uniform(math.nan, 1), "low: expected a finite number, found nan"),
        (lambda: pm.Beta(0, 1), "a: expected a finite number above 0, found 0"),
        (lambda: pm.Beta(1, -1), "b: expected"),
        (lambda: pm.Bernoulli(1.5), r"p: expected a probability in \[0, 1\], found 1.5"),
        (lambda: pm.Pareto(0, 1), "scale: expected"),
        (lambda: pm.Pareto(1, 0), "alpha: expected"),
        (lambda: pm.Normal(0, 0), "std: expected a finite number above 0, found 0"),
        (lambda: pm.Normal(math.inf, 1), "mean: expected"),
        (lambda: pm.Empirical([]), r"values: expected a list of finite numbers, found \[\]"),
        (lambda: pm.Empirical([1.0, math.nan]), "values"),
        (lambda: pm.Empirical([1, 2], [0.5, 0.6]), "probabilities: expected 2 numbers of at least 0 that sum to 1"),
        (lambda: pm.Empirical([1, 2], [1.5, -0.5]), "probabilities"),
        (lambda: pm.Empirical([1, 2], [1.0]), "probabilities"),
        (lambda: pm.Empirical([1, 2], [math.nan, 1]), "probabilities"),
        (lambda: pm.TorchDistribution(3), "distribution: expected a torch distribution of one number"),
        (lambda: pm.TorchDistribution(torch.distributions.Normal(torch.zeros(2), torch.ones(2))), r"shape \(\)\)"),
        (lambda: pm.PerState({"a": 3}), "PerState: expected a reward distribution for 'a', found 3"),
        (lambda: pm.PerState({"a": pm.Uniform}), "PerState: expected a reward distribution for 'a', found <class"),
        (lambda: pm.PerState({}, default=None), "for 'default', found None"),
    ],
)
def test_bad_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_torch_draws_leave_the_users_generator_alone():
    distribution = pm.TorchDistribution(torch.distributions.Gamma(2.0, 1.0))
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first = distribution.sample(np.random.default_rng(0), (5,))
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(4)
    assert np.array_equal(distribution.sample(np.random.default_rng(0), (5,)), first)


def test_torch_draws_do_not_depend_on_threads():
    distribution = pm.TorchDistribution(torch.distributions.Exponential(torch.tensor(1.0)))
    runs = [pm.power(grid(), 0.9, distribution, num_samples=9000, threads=threads).mean for threads in (1, 4)]
    assert np.array_equal(*runs)


def draw(mdp, *args, count=20_000, **kwargs):
    return reward_sampler(mdp, *args, **kwargs).draw(np.random.default_rng(0), count)


def test_per_state():
    mdp = graph({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["a"]})
    reward = pm.PerState({"b": pm.Uniform(10, 11), "d": pm.Uniform(10, 11), "c": pm.Bernoulli(1)}, pm.Uniform(-1, 0))
    rewards = draw(mdp, reward)
    assert np.all((rewards[:, 0] >= -1) & (rewards[:, 0] <= 0))
    assert np.all((rewards[:, [1, 3]] >= 10) & (rewards[:, [1, 3]] <= 11))
    assert np.all(rewards[:, 2] == 1)
    assert np.all(np.abs(np.corrcoef(rewards[:, [0, 1, 3]].T) - np.eye(3)) < 0.03)
    assert "'b': Uniform(low=10, high=11)" in repr(reward)
    with pytest.raises(ValueError, match="unknown state 'bb'; did you mean 'b'"):
        draw(mdp, pm.PerState({"bb": pm.Uniform()}))


def test_per_state_is_not_changed_by_its_source():
    source = {"root": pm.Uniform(5, 6)}
    reward = pm.PerState(source)
    source.clear()
    assert np.all(draw(star(2), reward)[:, 0] >= 5)


def test_states_are_independent_and_blocks_differ():
    rewards = draw(grid(), pm.Uniform())
    assert np.all(np.abs(np.corrcoef(rewards.T) - np.eye(9)) < 0.03)
    assert not np.array_equal(block_generator(0, 0).random(4), block_generator(0, 1).random(4))
    assert not np.array_equal(block_generator(0, 0).random(4), block_generator(1, 0).random(4))


def test_identical_rewards():
    mdp = star(4)
    groups = [{"child 0", "child 2"}, {"child 3", "root"}]
    rewards = draw(mdp, pm.Uniform(), identical=groups)
    assert np.array_equal(rewards[:, 1], rewards[:, 3])
    assert np.array_equal(rewards[:, 4], rewards[:, 0])
    assert np.abs(np.corrcoef(rewards[:, :3].T) - np.eye(3)).max() < 0.03
    estimate = pm.power(star(2), 0.5, num_samples=20_000, states_with_identical_rewards=[["child 0", "child 1"]])
    assert abs(estimate["root"] - 0.5) < 4 * estimate.standard_error[0]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([{"child 1", "root"}, {"child 1"}], "expected disjoint sets, found 'child 1' in sets 0 and 1"),
        ([{"child 0", "root"}], "expected one distribution for each set, found .*Uniform.* for 'root' and .*Normal"),
        ([{"child 7"}], "unknown state 'child 7'; did you mean 'child"),
        (["child 0"], "expected sets of state labels, found 'child 0'"),
        ([3], "expected sets of state labels, found 3"),
    ],
)
def test_bad_identical_rewards(groups, message):
    reward = pm.PerState({"child 0": pm.Normal()})
    with pytest.raises(ValueError, match=message):
        pm.power(star(2), 0.5, reward, states_with_identical_rewards=groups)


def test_all_equal_rewards_are_drawn_again():
    mdp = star(1)
    kept = draw(mdp, pm.Bernoulli(0.5))
    assert abs(np.mean(kept[:, 0] == kept[:, 1]) - 0.5) < 0.02
    rewards = draw(mdp, pm.Bernoulli(0.5), allow_all_equal=False)
    assert np.all(rewards[:, 0] != rewards[:, 1])
    assert abs(rewards[:, 0].mean() - 0.5) < 0.02
    estimate = pm.power(mdp, 0.5, pm.Bernoulli(0.5), num_samples=1000, allow_all_equal=False)
    assert 0.4 < estimate["root"] < 0.6


@pytest.mark.slow
def test_rewards_that_are_always_equal():
    with pytest.raises(ValueError, match="allow_all_equal: expected some draws with different rewards"):
        pm.power(star(2), 0.5, pm.Bernoulli(1), num_samples=10, allow_all_equal=False)
    with pytest.raises(ValueError, match="allow_all_equal: expected True for a model with one state"):
        pm.power(graph({0: [0]}), 0.5, num_samples=10, allow_all_equal=False)


class Broken:
    def __init__(self, draws):
        self.draws = draws

    def sample(self, rng, shape):
        return self.draws(shape)


def test_draws_of_other_peoples_distributions_are_checked():
    assert np.all(pm.power(grid(), 0.9, Broken(np.ones), num_samples=5).mean == pytest.approx(1))
    with pytest.raises(ValueError, match=r"to draw numbers of shape \(\d+,\), found \(3, 9\)"):
        pm.power(grid(), 0.9, Broken(lambda shape: np.ones((3, 9))), num_samples=5)
    with pytest.raises(ValueError, match="reward: expected finite numbers, found nan"):
        pm.power(grid(), 0.9, Broken(lambda shape: np.full(shape, np.nan)), num_samples=5)
    with pytest.raises(ValueError, match="reward: expected a reward distribution such as Uniform"):
        pm.power(grid(), 0.9, 0.5)
    with pytest.raises(ValueError, match="reward: expected a reward distribution such as Uniform"):
        pm.power(grid(), 0.9, pm.Uniform)


def test_blocks_stay_small():
    assert block_rows(31) == 1024
    assert block_rows(10_000) == 52
    assert block_rows(10**7) == 1


def test_moments_combine_without_loss():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1000, 3)) + [0, 1e8, -1e-8]
    moments = Moments(3)
    for part in np.array_split(rows, [1, 10, 400]):
        moments.add(Moments.of(part))
    assert moments.count == 1000
    assert np.allclose(moments.mean, rows.mean(axis=0), rtol=1e-14)
    assert np.allclose(moments.variance, rows.var(axis=0, ddof=1), rtol=1e-7)
    assert np.allclose(moments.standard_error, rows.std(axis=0, ddof=1) / np.sqrt(1000), rtol=1e-7)
    assert np.all(np.isnan(Moments.of(rows[:1]).standard_error))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e160, -1e160])
def test_draws_that_are_no_numbers_to_reckon_with_are_refused_wherever_they_are(bad):
    for place in (0, 7, 99):
        draws = np.random.default_rng(0).normal(size=100)
        draws[place] = bad
        with pytest.raises(ValueError, match="reward: expected"):
            checked_draws(pm.Normal(), draws, (100,))
