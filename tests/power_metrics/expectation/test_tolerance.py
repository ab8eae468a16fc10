"""How many reward functions a tolerance needs: each step of the search, by runs whose width follows a known law."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.expectation.sampling import TRIAL_SAMPLES, until_within
from powerenvs import TabularMDP


class Runs:
    """Runs whose interval is as wide as a law of their number says; at most 20, so that no search goes on for ever."""

    def __init__(self, law):
        self.law = law
        self.made = []

    def __call__(self, count, trial):
        self.made.append((count, trial))
        assert len(self.made) < 20
        return self.law(count)

    def search(self, tolerance, most=10**9, doubling=False):
        return until_within(self, lambda width: width, tolerance, most, doubling)


def test_the_law_of_roots_needs_one_trial():
    runs = Runs(lambda count: 32 / np.sqrt(count))  # 1 at 1024
    assert runs.search(0.1) <= 0.1
    aimed = 1024 / 0.09**2
    assert [trial for _, trial in runs.made] == [True, False]
    assert runs.made[0] == (TRIAL_SAMPLES, True)
    assert aimed <= runs.made[1][0] <= aimed + 1


def test_points_that_are_better_than_random_double_until_a_trial_is_narrow_enough():
    runs = Runs(lambda count: 1024 / count)
    assert runs.search(0.1, doubling=True) == 1 / 16
    trials = [(1024 * 2**k, True) for k in range(5)]  # 1/8 is too wide, 1/16 is not
    assert runs.made == [*trials, (1024 * 16, False)]


def test_a_trial_that_is_narrow_enough_is_followed_by_a_run_of_the_same_length():
    for doubling in (False, True):
        runs = Runs(lambda count: 0.05)
        runs.search(0.1, doubling=doubling)
        assert runs.made == [(1024, True), (1024, False)]


def test_a_trial_has_no_more_than_there_may_be():
    runs = Runs(lambda count: 0.05)
    runs.search(0.1, most=100)
    assert runs.made == [(100, True), (100, False)]


def test_a_run_that_counts_and_is_too_wide_is_followed_by_a_longer_one():
    widths = itertools.chain([1.0, 0.11], itertools.repeat(0.1))
    runs = Runs(lambda count: next(widths))
    assert runs.search(0.1) == 0.1  # as wide as asked is narrow enough
    counts = [count for count, _ in runs.made]
    assert [trial for _, trial in runs.made] == [True, False, False]
    assert counts[2] == pytest.approx(counts[1] * (0.11 / 0.09) ** 2, abs=1)


@pytest.mark.parametrize("tolerance", [1e-300, 5e-324])
def test_a_tolerance_beyond_all_numbers_is_out_of_reach(tolerance):
    with pytest.raises(ValueError, match=r"^tolerance: expected one within reach of 1,000,000,000 "):
        Runs(lambda count: count**-0.5).search(tolerance)


@pytest.mark.parametrize("doubling", [False, True])
def test_a_single_reward_function_has_no_width(doubling):
    with pytest.raises(ValueError, match=r"^tolerance: expected one within reach of 1 .* 1 have a half width of nan"):
        Runs(lambda count: float("nan")).search(0.1, most=1, doubling=doubling)


def test_any_number_is_a_tolerance():
    mdp = TabularMDP.from_transitions([("a", "x", "b", 1), ("b", "x", "a", 1)])
    plain = pm.power(mdp, tolerance=0.25)
    for tolerance in (np.float32(0.25), Fraction(1, 4)):
        assert np.array_equal(pm.power(mdp, tolerance=tolerance).mean, plain.mean)
    assert pm.power(mdp, tolerance=10**300).num_samples == TRIAL_SAMPLES
    with pytest.raises(ValueError, match=r"^tolerance: expected a number above 0, found 10"):
        pm.power(mdp, tolerance=10**400)


def test_as_many_as_there_may_be_are_not_too_many():
    runs = Runs(lambda count: 1024 / count)
    assert runs.search(0.1, most=16 * 1024, doubling=True) == 1 / 16
    with pytest.raises(ValueError, match=r"within reach of 16,383 .* found 0\.1: 8,192 have a half width of 0\.12"):
        Runs(lambda count: 1024 / count).search(0.1, most=16 * 1024 - 1, doubling=True)
