"""The public functions of long-run averages: what they take, give and refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import power_metrics as pm
from power_metrics.solvers import dispatch
from power_metrics.solvers.average import components
from tests.power_metrics.gains import (
    frozen_lake,
)
from tests.power_metrics.worlds import (
    MAZE,
    TURNER,
    graph,
    grid,
)


def test_input_and_output():
    mdp = grid(noise=0.1)
    rewards = np.random.default_rng(13).random((5000, 9))
    found = pm.optimal_gain(mdp, rewards)
    assert found.dtype == torch.float64
    assert found.shape == (5000, 9)
    assert torch.equal(pm.optimal_gain(mdp, torch.from_numpy(rewards), threads=3), found)
    assert torch.equal(pm.optimal_gain(mdp, rewards[7]), found[7:8])
    rewards.flags.writeable = False
    assert torch.equal(pm.optimal_gain(mdp, rewards, threads=1), found)


def test_power_takes_one_and_sequences_of_discounts():
    mdp = graph(TURNER)
    several = pm.power(mdp, gamma=(1, 0, 0.5), num_samples=3000, seed=4, keep_samples=True)
    assert [estimate.gamma for estimate in several] == [1.0, 0.0, 0.5]
    for estimate in several:
        alone = pm.power(mdp, estimate.gamma, num_samples=3000, seed=4, keep_samples=True, threads=1, batch_size=7)
        for name in ("mean", "standard_error", "samples"):
            assert np.array_equal(getattr(estimate, name), getattr(alone, name)), name
        for name in ("num_samples", "residual", "max_iterations", "mean_iterations", "seed", "method", "reward"):
            assert getattr(estimate, name) == getattr(alone, name), name
    assert isinstance(pm.power(mdp, np.array([0.5]), num_samples=10), list)
    assert isinstance(pm.power(mdp, np.array(0.5), num_samples=10), pm.PowerEstimate)


def test_power_of_given_rewards_is_their_gain(tmp_path):
    mdp = frozen_lake()
    rewards = np.random.default_rng(14).random((40, mdp.num_states))
    estimate = pm.power(mdp, 1.0, rewards=rewards)
    assert np.array_equal(estimate.samples, pm.optimal_gain(mdp, rewards).numpy())
    assert np.allclose(estimate.mean, estimate.samples.mean(axis=0), rtol=1e-14)
    estimate.save(tmp_path / "limit.npz")
    assert pm.PowerEstimate.load(tmp_path / "limit.npz").gamma == 1.0


@pytest.mark.parametrize(
    ("gamma", "message"),
    [
        ([], "gamma: expected at least one discount, found none"),
        ([0.9, 1.5], r"gamma: expected a discount in \[0, 1\], found 1.5"),
        ([0.9, "high"], r"gamma: expected a discount in \[0, 1\], found 'high'"),
        ([[0.9]], r"gamma: expected a discount in \[0, 1\], found \[0.9\]"),
        (np.nan, r"gamma: expected a discount in \[0, 1\], found nan"),
    ],
)
def test_bad_discounts(gamma, message):
    with pytest.raises(ValueError, match=message):
        pm.power(grid(), gamma)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pm.optimal_gain(grid(), np.ones(8)), r"rewards: expected shape \(B, 9\) or \(9,\), .* found \(8,\)"),
        (lambda: pm.optimal_gain(grid(), np.full(9, np.inf)), "rewards: expected finite numbers"),
        (lambda: pm.optimal_gain(grid(), np.ones(9), threads=0), "threads: expected a whole number of at least 1"),
        (lambda: pm.optimal_values(grid(), np.ones(9), 1), "optimal_gain gives the limit"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_too_large_models_say_so_before_they_take_the_memory(monkeypatch):
    monkeypatch.setattr(components, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match=r"gamma: expected a model whose long-run averages .* found 31 states"):
        pm.power(grid(MAZE, noise=0.21), gamma=1)
    assert pm.power(grid(MAZE), gamma=1, num_samples=10).residual == 0.0


def test_a_gain_that_is_not_exact_is_refused(monkeypatch):
    monkeypatch.setattr(dispatch, "RESIDUAL", 1e-20)
    with pytest.raises(RuntimeError, match="residual"):
        pm.optimal_gain(grid(MAZE, noise=0.2), np.random.default_rng(15).random((50, 31)))
