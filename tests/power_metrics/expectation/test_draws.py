"""The blocks that reward functions are drawn in, and where Sobol points lie."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.expectation.draws import Antithetic, Sobol
from power_metrics.rewards.sampler import RewardSampler, block_rows, reward_sampler
from tests.power_metrics.worlds import star

BLOCK_BYTES = 1 << 22


@pytest.mark.parametrize("states", [1, 31, 512, 513, 1000, 1 << 17, 174_763, 1 << 18, 1 << 19, 1 << 22])
def test_a_block_has_1024_rows_or_as_many_as_fit(states):
    plain = block_rows(states)
    assert plain == 1024 if states <= 512 else 1 <= plain < 1024
    assert plain * states * 8 <= BLOCK_BYTES or plain == 1
    assert (plain + 1) * states * 8 > BLOCK_BYTES or plain == 1024
    mirrored = Antithetic(RewardSampler(states, pm.Uniform(0, 1)), seed=0, count=1).rows
    assert mirrored % 2 == 0  # no pair is torn apart
    assert mirrored == max(2, plain - plain % 2)


def test_sobol_points_are_the_middles_of_2_to_the_30_cells():
    places = Sobol(reward_sampler(star(3), pm.Uniform()), 0, 4096).block(0) * 2.0**31
    assert np.array_equal(np.unique(places % 4), [1.0, 3.0])
    assert places.min() > 0
    assert places.max() < 2**31


def test_a_quantile_is_the_least_value_that_reaches_it():
    coin = pm.Bernoulli(0.25)
    u = np.array([0.0, 0.5, 0.75, np.nextafter(0.75, 1), 1.0])
    assert coin.quantile(u).tolist() == [0, 0, 0, 1, 1]
    assert np.all(coin.cdf(coin.quantile(u)) >= u)
