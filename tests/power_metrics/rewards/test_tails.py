"""What is known of rewards before any are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import power_metrics as pm
from power_metrics.rewards.sampler import reward_sampler
from power_metrics.rewards.tails import HeavyTailsWarning, Tails, bounds, drawn_index, excess, has_atoms, known_index
from tests.power_metrics.worlds import star

T = torch.distributions


class Own:
    """Somebody's own distribution: nothing but draws."""

    def __init__(self, draw):
        self.sample = draw

    def __repr__(self):
        return "Own()"


@pytest.mark.parametrize(
    ("distribution", "index"),
    [
        (pm.Uniform(-1, 3), math.inf),
        (pm.Normal(), math.inf),
        (pm.Pareto(2, 2.5), 2.5),
        (pm.Empirical([1, 5]), math.inf),
        (pm.TorchDistribution(T.Gumbel(0.0, 1.0)), math.inf),
        (pm.TorchDistribution(T.StudentT(3.0)), 3.0),
        (pm.TorchDistribution(T.Pareto(1.0, 2.5)), 2.5),
        (pm.TorchDistribution(T.FisherSnedecor(4.0, 10.0)), 5.0),
        (pm.TorchDistribution(T.InverseGamma(1.5, 1.0)), 1.5),
        (pm.TorchDistribution(T.Cauchy(0.0, 1.0)), 1.0),
        (pm.TorchDistribution(T.Beta(2.0, 1.0)), math.inf),
    ],
    ids=str,
)
def test_distributions_say_which_moments_exist(distribution, index):
    assert known_index(distribution) == index


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.5, 5.0])
def test_of_others_it_is_found_by_draws_rather_too_low_than_too_high(alpha):
    own = Own(lambda rng, shape: 1 + rng.pareto(alpha, shape))
    assert known_index(own) is None
    assert 0.5 * alpha < drawn_index(own) < 1.05 * alpha


def test_draws_without_heavy_tails():
    assert drawn_index(Own(lambda rng, shape: rng.random(shape))) > 100
    assert drawn_index(Own(lambda rng, shape: rng.standard_normal(shape))) > 4
    assert drawn_index(Own(lambda rng, shape: rng.exponential(size=shape))) > 4
    assert drawn_index(Own(lambda rng, shape: np.ones(shape))) == math.inf


def test_bounds_are_of_what_can_occur():
    assert bounds(pm.Bernoulli(1.0)) == (1.0, 1.0)
    assert bounds(pm.Uniform(-1, 2)) == (-1.0, 2.0)
    assert bounds(Own(np.ones)) == (-math.inf, math.inf)


def test_single_values_come_up_again():
    assert has_atoms(pm.Bernoulli(1e-6))
    assert has_atoms(Own(lambda rng, shape: np.maximum(rng.random(shape), 0.1)))
    assert not has_atoms(pm.Beta(0.5, 0.5))


@pytest.mark.parametrize("share", [0.2, 1e-3, 1e-6])
def test_what_lies_beyond_quantiles(share):
    assert excess(pm.Uniform(0, 1), share) == pytest.approx(share**2, rel=1e-2)  # half of that on each side
    alpha = 3.0
    assert excess(pm.Pareto(1, alpha), share) == pytest.approx(share ** (1 - 1 / alpha) / (alpha - 1), rel=0.05)
    density = math.exp(-(pm.Normal().quantile(share) ** 2) / 2) / math.sqrt(2 * math.pi)
    both = 2 * (density + share * pm.Normal().quantile(share))
    assert excess(pm.Normal(), share) == pytest.approx(both, rel=1e-2)
    rare = pm.Empirical([0, 1000], [1 - 1e-4, 1e-4])
    assert excess(rare, share) == pytest.approx(0.1 if share > 1e-4 else 0.0, abs=1e-12)


def test_rewards_without_a_mean_are_refused():
    for reward in (pm.Pareto(1, 1), pm.TorchDistribution(T.Cauchy(0.0, 1.0)), pm.PerState({"root": pm.Pareto(1, 0.5)})):
        with pytest.raises(ValueError, match=r"^reward: expected distributions with a finite mean, found "):
            pm.power(star(2), 0.5, reward)
    with pytest.raises(ValueError, match=r"finite mean, found Own\(\), as draws tell$"):
        pm.power(star(2), 0.5, Own(lambda rng, shape: rng.standard_cauchy(shape)))
    with pytest.raises(ValueError, match=r"^reward: expected distributions with a finite mean"):
        pm.power_of_policies(pm.Boltzmann(1.0), star(2), 0.5, pm.Pareto(1, 1))


def test_which_action_is_optimal_needs_no_mean():
    found = pm.optimality_probability(star(2), 0.5, pm.Pareto(1, 1), num_samples=2000)
    assert np.all(np.abs(found.mean[0] - 0.5) < 5 * found.standard_error[0])


def test_rewards_of_infinite_variance_have_no_interval():
    with pytest.warns(HeavyTailsWarning, match=r"Pareto\(scale=1, alpha=1.5\): no standard error"):
        found = pm.power(star(4), 0.9, pm.Pareto(1, 1.5), num_samples=256, method="auto")
    assert found.method == "monte_carlo"  # controls would leave out what is beyond every draw
    assert np.isnan(found.standard_error).all()
    assert np.isnan(found.confidence_interval()).all()
    assert "no standard error and no interval, since rewards have infinite variance" in repr(found)
    with (
        pytest.warns(HeavyTailsWarning),
        pytest.raises(ValueError, match=r"^control_variates: expected distributions with a finite mean and variance"),
    ):
        pm.power(star(4), 0.9, pm.Pareto(1, 2), control_variates=True)
    with pytest.raises(ValueError, match=r"^tolerance: expected None where rewards have infinite variance, found 0.1"):
        pm.power(star(4), 0.9, pm.Pareto(1, 2), tolerance=0.1)


def test_notes_of_heavy_tails_are_kept(tmp_path):
    with pytest.warns(HeavyTailsWarning, match="intervals may be too narrow"):
        found = pm.power(star(4), 0.9, pm.Pareto(1, 3), num_samples=256)
    found.save(tmp_path / "found.npz")
    loaded = pm.PowerEstimate.load(tmp_path / "found.npz")
    assert loaded == found
    assert loaded.notes == (
        "intervals may be too narrow, since rewards have heavy tails: their moments exist up to order 3",
    )
    own = pm.power(star(4), 0.9, Own(lambda rng, shape: rng.exponential(size=shape)), num_samples=256)
    assert own.notes == ("which moments exist was tested by draws of Own()",)
    assert pm.power(star(4), 0.9, num_samples=256).notes == ()


def test_a_model_has_the_worst_of_its_distributions():
    reward = pm.PerState({"child 0": pm.Pareto(1, 3), "child 1": pm.Bernoulli(0.1)}, pm.Uniform(-2, 1))
    tails = Tails.of(reward_sampler(star(4), reward))
    assert (tails.low, tails.high, tails.index) == (-2.0, math.inf, 3.0)
    assert tails.atoms
    assert tails.excess(1e-9) == pytest.approx(excess(pm.Pareto(1, 3), 1e-9), rel=1e-3)


@pytest.mark.parametrize("distribution", [T.Beta(2.0, 3.0), T.Gamma(2.0, 1.0), T.StudentT(5.0)], ids=str)
def test_distributions_without_quantiles_are_drawn_plainly(distribution):
    assert pm.power(star(2), 0.5, pm.TorchDistribution(distribution), 64, method="auto").method == "monte_carlo"
    with pytest.raises(ValueError, match=r"^reward: expected a distribution with quantiles"):
        pm.power(star(2), 0.5, pm.TorchDistribution(distribution), 64, method="sobol")
