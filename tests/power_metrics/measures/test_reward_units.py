"""The unit of rewards is nobody's business: POWER of two agents in it is the same number of units."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from powerenvs import product_game
from tests.power_metrics.two_agents import NAMES, four
from tests.power_metrics.worlds import OPEN_3, grid


@pytest.mark.parametrize("unit", [2.0**-40, 2.0**40])
@pytest.mark.parametrize("iterative", [False, True])
def test_power_is_as_exact_in_any_unit_of_reward(unit, iterative, monkeypatch):
    game = product_game(grid(OPEN_3, noise=0.3), grid(("..",)))
    rewards = np.random.default_rng(0).random((2, 20, game.num_states))
    expected = four(pm.multiagent_power(game, 0.95, rewards=tuple(rewards)))
    if iterative:
        monkeypatch.setattr("power_metrics.solvers.joint.tables.DIRECT_MAX_STATES", 0)
        monkeypatch.setattr("power_metrics.solvers.joint.tables._prepared", {})
    result = pm.multiagent_power(game, 0.95, rewards=tuple(unit * rewards))
    assert result["human"].residual < 1e-13
    assert result["human"].max_iterations < 30
    found = four(result)
    for name in NAMES:
        assert found[name] / unit == pytest.approx(expected[name], abs=1e-11), name
