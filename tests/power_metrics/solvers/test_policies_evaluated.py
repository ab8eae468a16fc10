"""What is said of the work done: how many policies were evaluated, by each method."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.discounted import SOLVERS
from tests.power_metrics.worlds import ByPolicies, from_dense, graph

REWARDS = np.array([[0.0, 1.0, 0.5], [1.0, -1.0, 0.0]])


def ring():
    return graph({0: [1], 1: [2], 2: [0]})


def stochastic_ring():
    P = np.zeros((3, 1, 3))
    P[:, 0] = 0.75 * np.roll(np.eye(3), 1, axis=1) + 0.25 * np.eye(3)
    return from_dense(P)


def staying():
    return graph({0: [0], 1: [1], 2: [2]})


@pytest.mark.parametrize(
    ("model", "method", "evaluations"),
    [
        (staying, "stay_put", 1),
        (ring, "deterministic", 1),
        (stochastic_ring, "direct", 1),
        (stochastic_ring, "by policies", 2),  # roughly, then to rounding
    ],
)
def test_without_a_choice_there_is_one_policy(model, method, evaluations, monkeypatch):
    mdp = model()
    solver = next((solver for solver in SOLVERS if solver.name == method), ByPolicies())
    monkeypatch.setitem(solver_tables(mdp).__dict__, "solver", solver)
    assert pm.solve(mdp, REWARDS, 0.9).iterations.tolist() == [evaluations] * 2


@pytest.mark.parametrize(("model", "policies"), [(staying, 0), (ring, 1), (stochastic_ring, 1)])
def test_long_run_averages_without_a_choice(model, policies):
    """Of states that stay as they are, and pay for ever, there is nothing to work out."""
    assert pm.power(model(), 1, rewards=REWARDS).max_iterations == policies
