"""The solver that takes over where iteration gives up: the same values and choices, after few policies."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.chains.evaluation import policy_chain
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.discounted.iterative import Iterative, iterate_with_superlu, solve_iteratively
from power_metrics.solvers.linear import superlu_values
from powerenvs import TabularMDP
from tests.power_metrics.worlds import OPEN_3, joint_walk


@pytest.mark.parametrize("gamma", [0.1, 0.9, 0.999])
def test_policy_iteration_stops_when_no_choice_is_better(gamma):
    mdp = joint_walk(OPEN_3)
    tables = solver_tables(mdp)
    reward = np.random.default_rng(3).normal(size=mdp.num_states)
    single, policies = iterate_with_superlu(tables, reward[tables.order], gamma)
    solution = pm.solve(mdp, reward[None], gamma)
    assert single.value == pytest.approx(solution.values[0][tables.order], rel=1e-12)
    assert single.best == pytest.approx(solution.continuation[0][tables.order], rel=1e-12)
    assert np.array_equal(tables.action[single.choice], solution.policy[0][tables.order])
    assert 2 <= policies <= 10


def test_values_of_a_chain():
    mdp = joint_walk(OPEN_3)
    chain = policy_chain(mdp, mdp.available / mdp.available.sum(axis=1, keepdims=True))
    reward = np.random.default_rng(0).normal(size=mdp.num_states)
    values = superlu_values(chain, reward, 0.999)
    assert np.abs(values - reward - 0.999 * (chain @ values)).max() <= 1e-14 * np.abs(values).max()


@pytest.mark.slow
def test_a_long_way_round_with_rare_slips_needs_it():
    """Elimination would fill up, and at γ = 0.9999 iteration does not converge."""
    size = 4500
    rng = np.random.default_rng(0)
    onward = [(s, "slip", (s + 1) % size, 0.999) for s in range(size)] + [
        (s, "go", (s + 1) % size, 1.0) for s in range(size)
    ]
    slips = [(s, "slip", int(t), 0.001) for s, t in enumerate(rng.integers(size, size=size))]
    mdp = TabularMDP.from_transitions(onward + slips, state_labels=range(size))
    reward = rng.random(size)
    tables, gamma = solver_tables(mdp), 0.9999
    assert isinstance(tables.solver, Iterative)
    unfinished = pm.Solution.empty(1, size)
    solve_iteratively(reward[None], gamma, tables.table(gamma), unfinished)
    assert unfinished.iterations[0] == -1
    solution = pm.solve(mdp, reward, gamma)
    ahead = (mdp.transition_matrix() @ solution.values[0]).reshape(size, 2).max(axis=1)
    assert np.abs(solution.values[0] - reward - gamma * ahead).max() <= 1e-14 * solution.values.max()
    assert 2 <= solution.iterations[0] <= 20
