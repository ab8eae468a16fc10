"""Errors of what is rare, or varies in few draws, or in none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

import power_metrics as pm
from power_metrics.expectation.draws import Replicates
from power_metrics.expectation.moments import Moments, widening
from power_metrics.results.estimate import critical_value
from power_metrics.rewards.sampler import reward_sampler
from power_metrics.rewards.tails import Tails
from tests.power_metrics.worlds import grid, star

SAMPLED = [
    {},
    {"method": "antithetic"},
    {"method": "sobol"},
    {"control_variates": True},
    {"method": "sobol", "control_variates": True},
]


def test_skewness_is_that_of_scipy_whatever_the_blocks_and_the_units():
    for unit in (1.0, 1e140, 1e-140):
        rows = np.random.default_rng(0).exponential(size=(1000, 3)) * [1, 2, 30]
        moments = Moments(3)
        for part in np.split(rows * unit, [7, 300, 301, 800]):
            moments.add(Moments.of(part))
        assert np.allclose(moments.skewness, scipy.stats.skew(rows) / np.sqrt(1000))
    assert np.array_equal(Moments.of(np.ones((5, 2))).skewness, [0, 0])


@pytest.mark.parametrize("shape", [(2, 1), (7, 2), (1000, 31), (37, 220)])
def test_moments_have_the_bits_of_numpy(shape):
    rows = np.random.default_rng(1).normal(size=shape)
    moments = Moments.of(rows)
    centred = rows - rows.mean(axis=0)
    if shape[1] > 1:  # NumPy adds up a single column in another order
        assert np.array_equal(moments.mean, rows.mean(axis=0))
        assert np.array_equal(moments.variance, np.einsum("ij,ij->j", centred, centred) / (shape[0] - 1))
    assert np.allclose(moments.mean, rows.mean(axis=0), rtol=1e-14)
    assert np.array_equal(Moments.of(np.asfortranarray(rows)).mean, moments.mean)


def test_moments_take_in_what_cannot_be_written_to():
    rows = np.random.default_rng(2).normal(size=(10, 3))
    part, moments = Moments.of(rows[4:]), Moments.of(rows[:4])
    part._sums.flags.writeable = False
    moments.add(part)
    assert np.allclose(moments.mean, rows.mean(axis=0), rtol=1e-14)


@pytest.mark.parametrize("seen", [1, 2, 3, 5, 10, 20, 40])
def test_intervals_of_rare_things_reach_as_far_as_exact_ones(seen):
    """The upper end of Clopper and Pearson's interval, for a thing that was seen so often in 10,000 draws."""
    rows = np.zeros((10_000, 1))
    rows[:seen] = 1
    moments = Moments.of(rows)
    half = critical_value(0.95) * moments.standard_error * widening(moments.skewness)
    exact = scipy.stats.beta(seen + 1, 10_000 - seen).ppf(0.975)
    assert 0.9 < (seen / 10_000 + half[0]) / exact < 1.1


def test_means_that_are_not_skewed_have_their_usual_error():
    assert np.array_equal(widening(np.array([0.0, 0.1, 0.15])), [1, 1, 1])


def test_where_tails_are_heavy_any_skewness_counts():
    """Points in the tail make up what scramblings differ in: their mean is as skewed as that of few draws."""
    rows = np.random.default_rng(0).pareto(5.0, size=(16, 4))
    total = Replicates(1, 4)
    for row in rows:
        total.add(Moments.of(row[None]))
    assert np.allclose(total.widening(heavy=True), widening(np.abs(scipy.stats.skew(rows)) / 4, 0.0))
    assert np.all(total.widening(heavy=True) >= total.widening(heavy=False))


@pytest.mark.parametrize("options", SAMPLED, ids=str)
def test_what_does_not_vary_proves_nothing(options):
    found = pm.power(grid(), 0.9, pm.Bernoulli(1e-5), num_samples=256, **options)
    exact = pm.power(grid(), 0.9, pm.Bernoulli(1e-5), method="enumeration")
    low, high = found.confidence_interval()
    assert np.all(found.standard_error > 1e-4)
    assert np.all((low <= exact.mean) & (exact.mean <= high))
    assert not found.is_exact
    assert exact.is_exact
    assert np.all(exact.standard_error == 0)


@pytest.mark.parametrize("method", ["monte_carlo", "sobol"])
def test_a_tolerance_goes_on_where_nothing_varied(method):
    found = pm.power(grid(), 0.9, pm.Bernoulli(1e-3), tolerance=1e-3, method=method)
    exact = pm.power(grid(), 0.9, pm.Bernoulli(1e-3), method="enumeration").mean
    assert found.num_samples > 4096
    assert np.max(np.abs(found.mean - exact)) < 1e-3


def test_what_cannot_vary_has_no_error():
    assert np.all(pm.power(star(3), 0.5, pm.Bernoulli(1.0), num_samples=64).standard_error == 0)


def test_rare_rewards_beside_others_count_where_they_matter():
    """One child is worth 10^4 once in 10^5 draws, which is 0.1 on average; the others are uniform."""
    reward = pm.PerState({"child 0": pm.Empirical([0.0, 1e4], [1 - 1e-5, 1e-5])})
    found = pm.power(star(3), 0.9, reward, num_samples=256)
    right = 2 / 3 + 1e-5 * (1e4 - 2 / 3)
    low, high = found.confidence_interval()
    assert low[0] < right < high[0]


def test_unbounded_rewards_that_did_not_vary_have_an_unknown_error():
    class Rare:
        def sample(self, rng, shape):
            return np.where(rng.random(shape) < 1e-9, 1e6, 0.0)

    assert np.isnan(pm.power(star(2), 0.5, Rare(), num_samples=64).standard_error).all()


@pytest.mark.parametrize("reward", [pm.Normal(), pm.Normal(3, 0.1), pm.Pareto(1, 5)], ids=str)
def test_mirrored_draws_of_unbounded_rewards_have_an_error(reward):
    """Where POWER is linear in rewards, mirrored normal ones cancel: nothing varies, and more draws do not help."""
    found = pm.power(star(2), 0.5, reward, method="antithetic", tolerance=0.05)
    right = pm.power(star(2), 0.5, reward, method="sobol", num_samples=1 << 16)
    assert found.num_samples < 100_000
    assert np.all(np.abs(found.mean - right.mean) < 4 * found.standard_error + 1e-4)
    assert np.all(found.standard_error > 0)


def test_a_tolerance_ends_where_no_draws_tell_an_error(monkeypatch):
    class Rare:
        def sample(self, rng, shape):
            return np.where(rng.random(shape) < 1e-12, 1e6, 0.0)

    monkeypatch.setattr("power_metrics.expectation.sampling._DIFFERENT", 4096)
    with pytest.raises(ValueError, match="tolerance: expected draws that differ"):
        pm.power(star(2), 0.5, Rare(), tolerance=0.1)


def crowded(share):
    """Somebody's own distribution with two crowds of values, of which the lower has this share; all are different."""

    class Crowded:
        support, mean = (0.0, 1.0), 0.995 - 0.99 * share

        def quantile(self, u):
            return np.where(u < share, 0.01 * u / share, 0.99 + 0.01 * (u - share) / (1 - share))

        def cdf(self, x):
            return share * np.clip(x / 0.01, 0, 1) + (1 - share) * np.clip((x - 0.99) / 0.01, 0, 1)

        def sample(self, rng, shape):
            return self.quantile(rng.random(shape))

    return Crowded()


@pytest.mark.parametrize("options", SAMPLED, ids=str)
@pytest.mark.parametrize("reward", [pm.Beta(0.05, 0.1), crowded(0.5)], ids=["beta", "own"])
def test_rewards_that_crowd_near_the_lowest_are_as_if_they_were_equal(reward, options):
    """All nine are near 0 once in 40 to 512 times; 16 draws that missed that differ by next to nothing."""
    tails = Tails.of(reward_sampler(grid(), reward))
    assert tails.crowded
    right = maximum_of(reward, 9)
    for seed in range(5):
        found = pm.power(grid(), 1.0, reward, num_samples=16, seed=seed, **options)
        low, high = found.confidence_interval()
        assert np.all((low <= right) & (right <= high))


def maximum_of(reward, number):
    """E[the largest of several rewards] in [0, 1], by SciPy's adaptive quadrature over quantiles."""
    ends = (0.0, 0.3, 0.5, 0.6, 0.9, 0.99, 1.0)
    return sum(
        scipy.integrate.quad(lambda u: reward.quantile(np.array([u]))[0] * number * u ** (number - 1), a, b)[0]
        for a, b in itertools.pairwise(ends)
    )


@pytest.mark.parametrize(
    "reward", [pm.Uniform(), pm.Beta(2, 5), pm.Beta(0.5, 0.5), pm.Normal(), pm.Pareto(1, 5)], ids=str
)
def test_rewards_that_do_not_crowd(reward):
    assert not Tails.of(reward_sampler(grid(), reward)).crowded


@pytest.mark.parametrize("control_variates", [False, True])
@pytest.mark.parametrize(("gamma", "seed"), [(0.9, 0), (1.0, 0), (1.0, 1)])
def test_rewards_that_are_all_the_lowest_count(gamma, seed, control_variates):
    """Of 9 Bernoulli(0.5) rewards all are 0 once in 512 times; 64 draws seldom tell, nor do 1,024 of the controls."""
    options = {"method": "sobol", "control_variates": control_variates, "seed": seed}
    found = pm.power(grid(), gamma, pm.Bernoulli(0.5), num_samples=64, **options)
    right = pm.power(grid(), gamma, pm.Bernoulli(0.5), method="enumeration").mean
    low, high = found.confidence_interval()
    assert np.all((low <= right) & (right <= high))


@pytest.mark.parametrize("gamma", [0.9, 1.0])
def test_control_variates_that_never_saw_two_rare_rewards(gamma):
    """One rare reward at a time leaves controls no spread: the error is of two at once, 36 p² of all draws."""
    found = pm.power(grid(), gamma, pm.Bernoulli(1e-3), num_samples=1024, method="sobol", control_variates=True)
    right = pm.power(grid(), gamma, pm.Bernoulli(1e-3), method="enumeration").mean
    assert np.all(np.abs(found.mean - right) < 2 * found.standard_error)
    assert found.standard_error.max() < 1e-4


def test_collinear_controls_leave_no_false_certainty():
    """With rewards so rare that at most one child has some, the sum and the maximum of rewards are the same."""
    right = 1 - (1 - 3e-4) ** 30
    for seed in range(5):
        found = pm.power(star(30), 0.9, pm.Bernoulli(3e-4), method="auto", num_samples=4096, seed=seed)
        assert found.standard_error[0] > 1e-5
        assert abs(found["root"] - right) < 2 * found.standard_error[0]


@pytest.mark.parametrize(
    ("options", "degrees"), [({}, 7), ({"method": "antithetic"}, 3), ({"method": "sobol"}, 15)], ids=str
)
def test_few_draws_have_students_interval(options, degrees):
    found = pm.power(star(2), 0.5, num_samples=8, **options)
    half = scipy.stats.t(degrees).ppf(0.975) * found.standard_error
    assert np.allclose(found.confidence_interval()[1] - found.mean, half, rtol=1e-12)
    assert found.replicates == degrees + 1


def test_a_single_draw_has_no_interval():
    found = pm.power(star(2), 0.5, num_samples=1)
    assert found.replicates is None
    assert np.isnan(found.confidence_interval()).all()
    assert pm.power(star(2), 0.5, num_samples=1000).replicates is None


def test_actions_that_were_never_optimal_have_an_error():
    found = pm.optimality_probability(star(2), 0.5, pm.PerState({"child 0": pm.Uniform(1, 2)}), num_samples=64)
    assert found.mean[0].tolist() == [1, 0]
    assert np.all(found.standard_error[0] > 0.01)
    assert found.standard_error[1, 0] == 0  # a single action is optimal whatever the rewards are
