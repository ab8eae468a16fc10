"""The solver that takes over where iteration gives up: the same values and choices, after few policies."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.chains.evaluation import policy_chain
from power_metrics.chains.linear import iterate_with_superlu, superlu_values
from power_metrics.solvers.compiled import solver_tables
from tests.power_metrics.worlds import OPEN_3, joint_walk


@pytest.mark.parametrize("gamma", [0.1, 0.9, 0.999])
def test_policy_iteration_stops_when_no_choice_is_better(gamma):
    mdp = joint_walk(OPEN_3)
    tables = solver_tables(mdp)
    reward = np.random.default_rng(3).normal(size=mdp.num_states)
    values, following, choice, policies = iterate_with_superlu(tables, reward[tables.order], gamma)
    solution = pm.solve(mdp, reward[None], gamma)
    assert values == pytest.approx(solution.values[0][tables.order], rel=1e-12)
    assert following == pytest.approx(solution.continuation[0][tables.order], rel=1e-12)
    assert np.array_equal(tables.action[choice], solution.policy[0][tables.order])
    assert 2 <= policies <= 10


def test_values_of_a_chain():
    mdp = joint_walk(OPEN_3)
    chain = policy_chain(mdp, mdp.available / mdp.available.sum(axis=1, keepdims=True))
    reward = np.random.default_rng(0).normal(size=mdp.num_states)
    values = superlu_values(chain, reward, 0.999)
    assert np.abs(values - reward - 0.999 * (chain @ values)).max() <= 1e-14 * np.abs(values).max()
