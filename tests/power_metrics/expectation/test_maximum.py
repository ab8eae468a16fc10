"""The expectation of a maximum, beside closed forms and SciPy's adaptive quadrature; its error is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.integrate

import power_metrics as pm
from power_metrics.expectation.controls import check_expectations, control_variates
from power_metrics.expectation.maximum import expected_maximum, integrate
from power_metrics.rewards.sampler import reward_sampler
from power_metrics.rewards.tails import Tails
from tests.benchmarks.coverage_worlds import Triangular
from tests.power_metrics.worlds import star

CASES = [
    (distribution, number)
    for distribution in (
        pm.Uniform(),
        pm.Beta(2, 5),
        pm.Beta(50, 50),
        pm.Beta(10_000, 10_000),
        pm.Normal(),
        Triangular(),
    )
    for number in (1, 4, 31, 250)
]


def maximum(distribution, scales, ends=(1e-12, 1 - 1e-12)):
    low, high = (distribution.quantile(np.array(end)) if ends else None for end in ends)
    if np.isfinite(distribution.support).all():
        low, high = distribution.support
    n, centre = len(scales), distribution.mean
    return expected_maximum(
        np.asarray(scales, dtype=float), np.zeros(n, int), [distribution], np.full(n, low - centre),
        np.full(n, high - centre), centre,
    )  # fmt: skip


@pytest.mark.parametrize(("distribution", "number"), CASES, ids=str)
def test_of_equal_numbers(distribution, number):
    found, error = maximum(distribution, np.ones(number))
    low, high = np.clip(distribution.support, -7.5, 7.5)
    places = distribution.quantile(np.concatenate([[1e-9, 1e-5], np.linspace(0.001, 0.999, 99), [1 - 1e-5, 1 - 1e-9]]))
    ends = np.unique(np.clip([low, *places, high], low, high))
    expected = low + sum(
        scipy.integrate.quad(lambda x: 1 - distribution.cdf(np.array(x)) ** number, a, b, epsabs=1e-15)[0]
        for a, b in itertools.pairwise(ends)
    )
    assert abs(found - expected) < error + 5e-12 + 2e-13 * number  # which is what lies beyond the cuts of Normal
    assert error < 1e-13


def test_of_normal_numbers_of_different_size():
    """E max(X, w Y) of two of them is sqrt((1 + w²) / 2π)."""
    found, error = maximum(pm.Normal(), [1.0, 0.3])
    assert found == pytest.approx(math.sqrt((1 + 0.09) / (2 * math.pi)), abs=1e-12)
    assert error < 1e-13


@pytest.mark.parametrize("alpha", [2.5, 5.0])
def test_of_numbers_cut_off_at_a_quantile(alpha):
    found, error = maximum(pm.Pareto(1, alpha), np.ones(4))
    whole = 4 * math.gamma(4) * math.gamma(1 - 1 / alpha) / math.gamma(5 - 1 / alpha)
    beyond = 4 * 1e-12 ** (1 - 1 / alpha) / (alpha - 1)
    assert error < 1e-10
    assert found + beyond == pytest.approx(whole, abs=2 * error + 1e-4 * beyond + 1e-13)


def test_steps_and_kinks_anywhere():
    rng = np.random.default_rng(0)
    for _ in range(100):
        step, kink, share = rng.random(3)
        width = 10 ** rng.uniform(-6, -1)

        def below(t, step=step, kink=kink, share=share, width=width):
            return share * (t >= step) + (1 - share) * np.clip((t - kink) / width, 0, 1)

        found, error = integrate(below, np.array([0.0, 1.0]))
        end = min(kink + width, 1.0)
        expected = share * (1 - step) + (1 - share) * ((end - kink) ** 2 / (2 * width) + 1 - end)
        assert abs(found - expected) < error + 2e-13


def test_an_integral_that_is_not_found_has_an_error():
    """Of a function with ever more steps the error is what its values at the ends of pieces leave open."""
    found, error = integrate(lambda t: np.random.default_rng(0).random(t.shape), np.array([0.0, 1.0]))
    assert error > 0.01
    assert abs(found - 0.5) < error


def test_power_of_a_choice_is_a_control_itself():
    for distribution in (pm.Beta(10_000, 10_000), pm.Normal(), Triangular()):
        found = pm.power(star(8), 0.9, distribution, method="auto", num_samples=256)
        assert found.method == "sobol with control variates"
        expected, _ = maximum(distribution, np.ones(8))
        assert 0 < found.standard_error[0] < 1e-11
        assert abs(found.mean[0] - expected) < 4 * found.standard_error[0]


def test_a_cdf_that_does_not_fit_the_draws_is_refused():
    class Wrong(Triangular):
        def cdf(self, x):
            return np.clip(x, 0, 1) ** 2

    with pytest.raises(ValueError, match=r"^control_variates: expected a mean and a cdf that fit the draws of .*Wrong"):
        pm.power(star(4), 0.9, Wrong(), control_variates=True)
    assert pm.power(star(4), 0.9, Wrong(), num_samples=64).method == "monte_carlo"


@pytest.mark.parametrize("distribution", [pm.Uniform(), pm.Bernoulli(1e-4), pm.Pareto(1, 3), pm.Beta(0.01, 1)], ids=str)
def test_fitting_ones_are_not_refused(distribution):
    sampler = reward_sampler(star(4), distribution)
    controls = control_variates(star(4), 0.9, sampler)
    for seed in range(50):
        check_expectations(controls, sampler.block(seed, 0), Tails.of(sampler))
