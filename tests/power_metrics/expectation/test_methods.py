"""The ways to take the expectation over reward functions: they agree, and their intervals cover."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import power_metrics as pm
from power_metrics.expectation.controls import control_variates
from power_metrics.expectation.draws import REPLICATES, Antithetic, Sobol
from power_metrics.results.estimate import critical_value
from power_metrics.rewards.sampler import reward_sampler
from powerenvs.worlds.power.turner import turner_figure_1
from tests.power_metrics.worlds import MAZE, TURNER, graph, grid, star

L_SW = (2 / 3 + 0.5 / 2) / 1.5
SAMPLING = [
    {"method": "monte_carlo"},
    {"method": "antithetic"},
    {"method": "sobol"},
    {"method": "monte_carlo", "control_variates": True},
    {"method": "antithetic", "control_variates": True},
    {"method": "sobol", "control_variates": True},
]
DISTRIBUTIONS = [
    pm.Uniform(-1, 2),
    pm.Beta(0.5, 2),
    pm.Bernoulli(0.3),
    pm.Normal(1, 2),
    pm.Pareto(1, 4),
    pm.PerState({(0, 3): pm.Beta(2, 1), (2, 0): pm.Normal()}),
]


def test_monte_carlo_draws_what_it_always_did():
    """A method that is not asked for changes no bit of the default."""
    mdp = grid(MAZE)
    rewards = np.concatenate(
        [
            np.random.Generator(np.random.SFC64(np.random.SeedSequence(0, spawn_key=(k,)))).random((1024, 31))
            for k in range(2)
        ]
    )
    given = pm.power(mdp, 0.9, rewards=rewards[:1500])
    drawn = pm.power(mdp, 0.9, num_samples=1500)
    assert np.array_equal(given.mean, drawn.mean)
    # those that are drawn are summed while they are solved, in another order
    np.testing.assert_allclose(given.standard_error, drawn.standard_error, rtol=1e-12)
    assert drawn.method == "monte_carlo"
    assert drawn.replicates is None


@pytest.mark.slow
@pytest.mark.parametrize("options", SAMPLING, ids=str)
def test_intervals_cover(options):
    """200 repetitions of a known value: 95 % intervals cover it in 90 to 99 %."""
    mdp = graph(TURNER)
    known = np.array([1 / 2, L_SW, 2 / 3, 5 / 9])
    states = [mdp.index(label) for label in ("empty", "l_sw", "r_ne", "l_nw")]
    covered = np.zeros(4)
    for seed in range(200):
        found = pm.power(mdp, 0.5, num_samples=256, seed=seed, threads=1, **options)
        low, high = found.confidence_interval()
        covered += (low[states] <= known + 1e-12) & (known - 1e-12 <= high[states])
    # Rewards alone make up POWER of "empty", and a control that of "r_ne": some methods leave no error of them.
    estimated = found.standard_error[states] > 1e-12
    assert np.all(estimated[[1, 3]])
    assert estimated[2] == ("control_variates" not in options)
    assert np.all(covered[estimated] >= 180)
    assert np.all(covered[1:][estimated[1:]] <= 198)  # for "empty" Sobol points are better than their spread tells
    assert np.all(covered[~estimated] == 200)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.9, 1.0])
def test_sampling_methods_agree(gamma):
    mdp = grid(MAZE)
    plain = pm.power(mdp, gamma, num_samples=50_000, seed=1)
    for options in SAMPLING[1:]:
        found = pm.power(mdp, gamma, num_samples=4096, **options)
        error = np.hypot(plain.standard_error, found.standard_error)
        assert np.all(np.abs(plain.mean - found.mean) < 5 * error), options
        assert found.residual < 1e-11


@pytest.mark.slow
@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)
def test_expectations_of_controls(distribution):
    mdp = grid(MAZE)
    sampler = reward_sampler(mdp, distribution, [mdp.state_labels[10:13]])
    for gamma in (0.0, 0.9, 1.0):
        values = control_variates(mdp, gamma, sampler).values(sampler.draw(np.random.default_rng(0), 20_000))
        errors = values.std(axis=0) / np.sqrt(len(values))
        assert np.all(np.abs(values.mean(axis=0)) < 5 * errors)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS[:5], ids=str)
def test_quantiles_and_distribution_functions(distribution):
    draws = np.sort(distribution.sample(np.random.default_rng(0), (100_000,)))
    u = np.array([0.05, 0.3, 0.5, 0.71, 0.95])
    x = distribution.quantile(u)
    assert np.allclose(np.mean(draws <= x[:, None], axis=1), distribution.cdf(x), atol=0.01)
    assert np.all(distribution.cdf(x) >= u - 1e-12)
    assert np.all(distribution.cdf(x - 1e-6) <= u + 1e-4)


def test_quantiles_of_values_and_of_torch():
    values = pm.Empirical([3, 1, 1, 2], [0.25, 0.25, 0.25, 0.25])
    assert values.quantile(np.array([0.2, 0.5, 0.51, 0.76])).tolist() == [1, 1, 2, 3]
    exponential = pm.TorchDistribution(torch.distributions.Exponential(torch.tensor(2.0)))
    u = np.array([0.1, 0.9])
    assert np.allclose(exponential.quantile(u), -np.log(1 - u) / 2)
    with pytest.raises(ValueError, match="expected a distribution with quantiles, found Gamma"):
        pm.power(
            star(2),
            0.5,
            pm.TorchDistribution(torch.distributions.Gamma(torch.tensor(2.0), torch.tensor(1.0))),
            method="sobol",
        )


def test_sobol_and_antithetic_numbers():
    sampler = reward_sampler(star(3), pm.Uniform())
    draws = Sobol(sampler, 0, 1000)
    assert draws.count == 1024 == REPLICATES * draws.rows
    points = draws.block(3)
    cells = np.floor(points * 64).astype(int)  # each of 64 intervals holds one of 64 points, in every dimension
    assert np.array_equal(np.sort(cells, axis=0), np.tile(np.arange(64)[:, None], 4))
    pairs = Antithetic(sampler, 0, 99).block(0)
    assert pairs.shape == (100, 4)
    assert np.allclose(pairs[::2] + pairs[1::2], 1)
    long = Sobol(sampler, 0, REPLICATES * 4096)
    assert np.array_equal(np.concatenate([long.block(4 + k) for k in range(4)])[:64], Sobol(sampler, 0, 1024).block(1))


@pytest.mark.parametrize("options", SAMPLING, ids=str)
def test_threads_and_batches_change_nothing(options):
    mdp = grid(MAZE)
    one = pm.power(mdp, 0.9, num_samples=5000, threads=1, **options)
    other = pm.power(mdp, 0.9, num_samples=5000, threads=3, batch_size=77, **options)
    assert np.array_equal(one.mean, other.mean)
    assert np.array_equal(one.standard_error, other.standard_error)


@pytest.mark.slow
@pytest.mark.parametrize("options", SAMPLING[1:], ids=str)
def test_executors_and_devices_change_nothing(options):
    mdp = grid(MAZE)
    alone = pm.power(mdp, 0.9, num_samples=5000, threads=1, **options)
    with ThreadPoolExecutor(2) as pool:
        shared = pm.power(mdp, 0.9, num_samples=5000, executor=pool, workers=2, **options)
    assert np.array_equal(alone.mean, shared.mean)
    assert np.array_equal(alone.standard_error, shared.standard_error)
    on_torch = pm.power(mdp, 0.9, num_samples=5000, device="cpu", **options)
    assert np.allclose(alone.mean, on_torch.mean, rtol=0, atol=1e-12)
    assert np.allclose(alone.standard_error, on_torch.standard_error, rtol=0, atol=1e-12)


def test_enumeration_on_executors_and_devices():
    mdp = graph(TURNER)
    alone = pm.power(mdp, 0.9, pm.Empirical([0, 1, 3]), method="enumeration")
    with ThreadPoolExecutor(2) as pool:
        shared = pm.power(mdp, 0.9, pm.Empirical([0, 1, 3]), method="enumeration", executor=pool)
    assert np.array_equal(alone.mean, shared.mean)
    on_torch = pm.power(mdp, 0.9, pm.Empirical([0, 1, 3]), method="enumeration", device="cpu")
    assert np.allclose(alone.mean, on_torch.mean, rtol=0, atol=1e-12)


def test_enumeration_is_exact():
    for children in (1, 3, 10):
        found = pm.power(star(children), 0.7, pm.Bernoulli(0.3), method="enumeration")
        assert found["root"] == pytest.approx(1 - 0.7**children, abs=1e-14)
        assert found.num_samples == 2 ** (children + 1)
        assert np.array_equal(found.standard_error, np.zeros(children + 1))
        assert found.method == "enumeration"


def test_enumeration_with_mixed_values_and_shared_draws():
    mdp = star(3)
    labels = mdp.state_labels
    reward = pm.PerState({labels[1]: pm.Empirical([1, 2, 5], [0.2, 0.5, 0.3])}, default=pm.Bernoulli(0.4))
    found = pm.power(mdp, 0.5, reward, method="enumeration", states_with_identical_rewards=[labels[2:4]])
    assert found.num_samples == 3 * 2 * 2
    assert found["root"] == pytest.approx(0.2 + 2 * 0.5 + 5 * 0.3)
    assert found[labels[2]] == pytest.approx(0.4)
    fair = pm.power(star(1), 0.5, pm.Bernoulli(0.25), method="enumeration", allow_all_equal=False)
    assert fair.mean == pytest.approx([0.5, 0.5])  # (0, 1) and (1, 0) are equally likely
    with pytest.raises(ValueError, match="allow_all_equal: expected reward functions that are not the same"):
        pm.power(star(1), 0.5, pm.Bernoulli(0.0), method="enumeration", allow_all_equal=False)


@pytest.mark.parametrize("options", SAMPLING, ids=str)
def test_tolerance(options):
    mdp = graph(TURNER)
    found = pm.power(mdp, [0.5, 0.9], tolerance=0.004, level=0.9, **options)
    for one in found:
        low, high = one.confidence_interval(0.9)
        assert np.max(high - low) / 2 <= 0.004
    assert found[0].num_samples == found[1].num_samples
    assert abs(found[0]["l_sw"] - L_SW) < 0.015


@pytest.mark.slow
@pytest.mark.parametrize("options", SAMPLING[::2], ids=str)
def test_intervals_of_runs_with_a_tolerance_cover(options):
    """That the width decides when a run ends does not spoil its interval: 200 runs of 95 % cover in 90 to 99 %."""
    mdp = graph(TURNER)
    covered = 0
    for seed in range(200):
        found = pm.power(mdp, 0.5, tolerance=0.02, seed=seed, threads=1, **options)
        low, high = found.confidence_interval()
        covered += low[mdp.index("l_sw")] <= L_SW <= high[mdp.index("l_sw")]
    assert 180 <= covered <= 198


def test_tolerance_out_of_reach():
    with pytest.raises(ValueError, match="tolerance: expected one within reach of 2,000 reward functions, found 1e-06"):
        pm.power(graph(TURNER), 0.5, tolerance=1e-6, num_samples=2000)


@pytest.mark.slow
def test_auto():
    assert pm.power(grid(), 0.9, pm.Bernoulli(), method="auto").method == "enumeration"
    assert pm.power(graph(TURNER), 0.9, method="auto").method == "closed_form"
    assert pm.power(grid(), 0.9, method="auto", num_samples=64).method == "sobol with control variates"
    assert pm.power(grid(), 0.9, pm.Empirical(range(50)), method="auto", num_samples=64).method == "sobol"
    assert pm.power(grid(), 0.9, method="auto", num_samples=64, allow_all_equal=False).method == "monte_carlo"
    assert pm.power(graph(TURNER), 0.9, method="auto", keep_samples=True).samples.shape == (16384, 8)


@pytest.mark.slow
@pytest.mark.parametrize(("states", "method"), [(64, "sobol with control variates"), (65, "monte_carlo")])
def test_auto_takes_sobol_points_for_up_to_64_states(states, method):
    ring = graph({s: [s, (s + 1) % states] for s in range(states)})
    assert pm.power(ring, 0.5, pm.Normal(), method="auto", num_samples=64).method == method


@pytest.mark.slow
def test_auto_enumerates_up_to_2_to_the_20():
    values = pm.Empirical(range(32))  # 32^4 = 2^20
    assert pm.power(star(3), 0.5, values, method="auto", threads=1).num_samples == 2**20
    assert pm.power(star(4), 0.5, values, method="auto", num_samples=64).method == "sobol"


def test_students_interval():
    assert critical_value(0.95, 16) == pytest.approx(2.13145, abs=1e-5)
    assert critical_value(0.95) == pytest.approx(1.95996, abs=1e-5)


def test_replicates_are_saved(tmp_path):
    found = pm.power(graph(TURNER), 0.5, method="sobol", num_samples=64)
    found.save(tmp_path / "sobol.npz")
    loaded = pm.PowerEstimate.load(tmp_path / "sobol.npz")
    assert loaded.replicates == REPLICATES
    assert np.array_equal(loaded.confidence_interval(), found.confidence_interval())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "sobl"}, "method: expected one of auto, .*, found 'sobl'; .*sobol"),
        ({"level": 1.0}, "level: expected a probability between 0 and 1"),
        ({"tolerance": 0}, "tolerance: expected a number above 0, found 0"),
        ({"method": "enumeration"}, "method: expected a distribution with finitely many values"),
        ({"method": "enumeration", "reward": pm.Empirical(range(9))}, "found 3.87e.08 of them"),
        ({"method": "enumeration", "reward": pm.Bernoulli(), "keep_samples": True}, "keep_samples: expected the default"),
        ({"method": "enumeration", "reward": pm.Bernoulli(), "num_samples": 9}, "num_samples: expected the default"),
        ({"method": "sobol", "rewards": np.ones(9)}, "method: expected the default where rewards are given"),
        ({"method": "sobol", "allow_all_equal": False}, "method 'sobol': expected allow_all_equal=True"),
        ({"control_variates": True, "reward": pm.Empirical([1, 2])}, "control_variates: expected distributions with a cdf"),
        ({"reward": pm.Pareto(1, 1)}, r"reward: expected distributions with a finite mean, found Pareto\(.*alpha=1\)"),
    ],
)  # fmt: skip
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.power(grid(), **arguments)


@pytest.mark.parametrize("seed", range(20))
def test_control_variates_that_leave_no_spread(seed):
    """The POWER of a choice among absorbing children is a control variate itself; what is left is rounding."""
    found = pm.power(turner_figure_1(), 0.5, control_variates=True, num_samples=400, seed=seed)
    r = found.mdp.index("r")
    assert 0 < found.standard_error[r] < 1e-13
    assert abs(found.mean[r] - 2 / 3) < 4 * found.standard_error[r]


def test_control_variates_have_a_limit():
    with pytest.raises(ValueError, match="control_variates: expected a model of at most 256 states, found 257"):
        pm.power(star(256), control_variates=True)
