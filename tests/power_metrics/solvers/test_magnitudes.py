"""Numbers at the ends of what float64 can do: right answers for odd ones, and clear refusals beyond."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.arguments.checks import LEAST_GAMMA, SMALLEST
from power_metrics.expectation.alignment import GroupSums, alignment
from power_metrics.expectation.draws import Given
from power_metrics.expectation.statistic import Block
from power_metrics.rewards.sampler import checked_draws
from powerenvs import TabularMDP
from powerenvs.model.rows import LARGEST
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair

MDP = TabularMDP.from_transitions(
    [("a", "x", "b", 0.5), ("a", "x", "a", 0.5), ("a", "y", "c", 1), ("b", "x", "a", 1), ("c", "x", "c", 1)],
    reward=[1, 2, 3, 4, 0],
)
GAME = PowerPair("SS").tables()
TABLE = [[0.5, 0.5], [1, 0], [1, 0]]
ROWS = np.array([[1.0, 0.5, 0.2], [-0.3, 0.1, 0.4]])

FUNCTIONS = {
    "optimal_values": lambda rewards: pm.optimal_values(MDP, rewards, 0.9),
    "optimal_gain": lambda rewards: pm.optimal_gain(MDP, rewards),
    "policy_values": lambda rewards: pm.policy_values(MDP, TABLE, rewards, 0.9),
    "power": lambda rewards: pm.power(MDP, 0.9, rewards=rewards).mean,
    "standard error": lambda rewards: pm.power(MDP, 0.9, rewards=rewards).standard_error,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("scale", [2.0**-463, 2.0**463], ids=["tiny", "huge"])
def test_what_is_linear_in_rewards_is_so_at_every_size(name, scale):
    assert np.array_equal(FUNCTIONS[name](ROWS * scale), np.asarray(FUNCTIONS[name](ROWS)) * scale)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e160, 1.7e308])
def test_rewards_out_of_range_are_refused(name, size):
    with pytest.raises(ValueError, match=r"^rewards: expected .*number.* in size.* found .* in row 1"):
        FUNCTIONS[name](np.stack([ROWS[0], ROWS[0] * size]))


def test_zeros_and_tiny_rewards_beside_others_are_in_range():
    rewards = np.array([[0.0, 0.0, 0.0], [1.0, 1e-320, -1e-200]])
    values = np.asarray(pm.optimal_values(MDP, rewards, 0.9))
    assert np.array_equal(values[0], np.zeros(3))
    assert np.allclose(values[1], np.asarray(pm.optimal_values(MDP, [1.0, 0.0, 0.0], 0.9)), rtol=1e-15)


@pytest.mark.parametrize("method", ["monte_carlo", "antithetic", "sobol"])
@pytest.mark.parametrize("size", [1e-320, 1e-160, 1e160, 1.7e308])
def test_draws_whose_squares_are_out_of_range_are_refused(method, size):
    with pytest.raises(
        ValueError, match=r"^reward: expected draws of which the largest is 0, or from 1e-140 to 1e\+140"
    ):
        pm.power(MDP, 0.9, pm.Uniform(0, size), num_samples=64, method=method)


@pytest.mark.parametrize("method", ["monte_carlo", "antithetic", "sobol"])
@pytest.mark.parametrize("exponent", [-460, 460])
def test_standard_errors_scale_with_rewards(method, exponent):
    plain = pm.power(MDP, 0.9, num_samples=64, method=method)
    scaled = pm.power(MDP, 0.9, pm.Uniform(0, 2.0**exponent), num_samples=64, method=method)
    expected = np.ldexp(plain.standard_error, exponent)
    assert np.allclose(scaled.standard_error, expected, rtol=1e-9, atol=1e-12 * expected.max())


def test_enumerated_values_are_in_range():
    with pytest.raises(ValueError, match=r"^reward: expected draws of which the largest"):
        pm.power(MDP, 0.9, pm.Empirical([0, 1e-320]), method="enumeration")


def test_draws_that_float64_has_few_digits_for_are_0():
    """Beta(0.001, 1) is 0.5^1000, about 1e-301, at its median, and its rewards still solve."""
    found = pm.power(MDP, 0.9, pm.Beta(0.001, 1), num_samples=4096)
    assert np.all(np.abs(found.mean - 0.002) < 0.002)
    draws = np.array([1.0, 1e-289, -1e-291, 5e-324, 0.0])
    assert checked_draws(pm.Normal(), draws, (5,)).tolist() == [1.0, 1e-289, 0.0, 0.0, 0.0]
    assert draws[2] == -1e-291


def test_rewards_of_a_model_are_in_range():
    with pytest.raises(ValueError, match=r"^reward: expected numbers of at most 1e\+140 in size, found -1e\+141 at"):
        MDP.with_(reward=[1, 2, -1e141, 4, 0])
    top = MDP.with_(reward=np.array([0.25, 0.5, 0.75, 1, 0]) * LARGEST)
    values = pm.solve_task(top, 1 - 1e-9).values
    assert np.all(np.isfinite(values))
    assert values.max() > 1e148


@pytest.mark.parametrize(
    "call",
    [
        lambda gamma: pm.power(MDP, gamma, num_samples=4),
        lambda gamma: pm.solve_task(MDP, gamma),
        lambda gamma: pm.occupancy(MDP, TABLE, gamma),
        lambda gamma: pm.QLearners(MDP, ROWS, gamma, pm.QLearning(), np.random.default_rng(0)),
    ],
)
def test_discounts_are_0_or_not_too_small(call):
    call(0)
    call(LEAST_GAMMA)
    with pytest.raises(ValueError, match=r"^gamma: expected 0 or a discount of at least 1e-100, found 5e-324"):
        call(5e-324)


def test_control_variates_at_the_smallest_discount():
    mdp = PowerGrid("S..\n...").tables()
    options = {"num_samples": 256, "method": "sobol", "control_variates": True}
    found, at_zero = pm.power(mdp, LEAST_GAMMA, **options), pm.power(mdp, 0, **options)
    assert np.all(np.abs(found.mean - at_zero.mean) <= 4 * (found.standard_error + at_zero.standard_error))


@pytest.mark.slow
@pytest.mark.parametrize("exponent", [-460, 460])
def test_the_alignment_has_no_unit(exponent):
    rng = np.random.default_rng(0)
    human, ai = rng.random((2, 200, 4))
    ai += human

    def of(scale):
        draws = Given(np.stack([human, ai], axis=1) * scale, 200)
        bootstrap = GroupSums().total(draws)
        bootstrap.add(GroupSums().partial(draws.rewards, Block(draws, 0, draws.rewards)), 0)
        return alignment(human.mean(0) * scale, ai.mean(0) * scale), *bootstrap.replicates(0)

    for plain, scaled in zip(of(1.0), of(2.0**exponent), strict=True):
        assert np.array_equal(plain, scaled)
    assert np.all(np.isfinite(of(2.0**exponent)[1]))


def test_two_agents_with_rewards_at_the_ends():
    for size in (SMALLEST * 4, LARGEST / 4):
        found = pm.multiagent_power(GAME, 0.9, reward=pm.Uniform(-size, size), num_samples=64)
        assert -1 <= found.alignment <= 1
        assert np.all(found["human"].standard_error > 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda one: pm.Uniform(one(0.25), one(0.75)),
        lambda one: pm.Beta(one(0.5), one(2.0)),
        lambda one: pm.Bernoulli(one(0.5)),
        lambda one: pm.Pareto(one(2.0), one(8.0)),
        lambda one: pm.Normal(one(0.5), one(0.25)),
        lambda one: pm.Empirical([one(0.5), one(1.5)]),
    ],
)
@pytest.mark.parametrize("one", [Fraction, np.float32, np.float64, np.longdouble], ids=lambda one: one.__name__)
def test_parameters_may_be_numbers_of_any_type(make, one):
    assert make(one) == make(float)
    assert repr(make(one)) == repr(make(float))
    assert np.array_equal(
        pm.power(MDP, reward=make(one), num_samples=8).mean, pm.power(MDP, reward=make(float), num_samples=8).mean
    )


@pytest.mark.parametrize("make", [pm.Boltzmann, pm.EpsilonGreedy, pm.Satisficing], ids=lambda make: make.__name__)
def test_settings_of_agents_may_be_fractions(make):
    plain = pm.power_of_policies(make(0.25), MDP, num_samples=8).power.mean
    assert np.array_equal(pm.power_of_policies(make(Fraction(1, 4)), MDP, num_samples=8).power.mean, plain)
