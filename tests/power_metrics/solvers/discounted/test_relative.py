"""Solvers of stochastic models, each against dense policy iteration, and what is chosen when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.solvers.compiled import prepare_tables, solver_tables
from power_metrics.solvers.discounted.banded import solve_banded
from power_metrics.solvers.discounted.direct import solve_direct
from power_metrics.solvers.discounted.iterative import solve_by_policies
from power_metrics.solvers.discounted.relative import solve_or, solve_relative
from power_metrics.solvers.ordering import elimination, least_degree_work, neighbours
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from tests.models import random_mdp
from tests.power_metrics.worlds import dense_optimal_values, garnet


def terminals(rng: np.random.Generator) -> TabularMDP:
    """States that absorb, some of them with several choices that say the same."""
    mdp = random_mdp(rng, 9, 3, masked=False)
    ends = [(s, a, s, 1.0) for s in (7, 8) for a in range(3)]
    rows = [(s, a, t, p) for s in range(7) for a, e in mdp.P[s].items() for p, t, _, _ in e]
    return TabularMDP.from_transitions(rows + ends, state_labels=range(9), action_labels=range(3), terminal=[7, 8])


def several_chains(rng: np.random.Generator) -> TabularMDP:
    """Two parts without a way between them, and one that takes turns: periods 1 and 2."""
    left = [(s, a, int(t), 0.5) for s in range(4) for a in range(2) for t in rng.permutation(4)[:2]]
    right = [(s, 0, 4 + (s - 3) % 4, 1.0) for s in range(4, 8)] + [
        (s, 1, 4 + t % 4, 0.5) for s in range(4, 8) for t in (s - 3, s - 1)
    ]
    return TabularMDP.from_transitions(left + right, state_labels=range(8), action_labels=range(2))


MODELS = {
    "random": lambda rng: random_mdp(rng, int(rng.integers(1, 30)), int(rng.integers(1, 5))),
    "sparse": lambda rng: random_mdp(rng, 40, 3, num_successors=2),
    "terminals": terminals,
    "several chains": several_chains,
    "noise": lambda rng: PowerGrid(["....", ".#..", "...."], noise=float(rng.uniform(0.05, 1))).tables(),
    "ring": lambda rng: garnet(60, 3, 2, local=2, seed=int(rng.integers(99))),
}


def solvers_of(tables, table, gamma):
    """Each way by itself."""
    plan = elimination(neighbours(tables._positions, tables.matrix()))
    position = np.repeat(tables._positions, np.diff(tables.entries))
    width = int(np.abs(position - tables.successor).max())
    return {
        "relative": lambda given, out: solve_or(lambda g, o: solve_direct(g, gamma, table, plan, o), given, gamma, table, out),
        "direct": lambda given, out: solve_direct(given, gamma, table, plan, out),
        "banded": lambda given, out: solve_banded(given, gamma, table, width, out),
        "policies": lambda given, out: solve_by_policies(given, gamma, tables, out),
    }  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(MODELS)),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.3, 0.9, 0.99, 0.99999]),
    st.sampled_from([1e-250, 1.0, 1e120]),
    st.sampled_from(["uniform", "integers", "float32", "same"]),
)
def test_each_way_against_dense_policy_iteration(kind, seed, gamma, scale, rewards):
    rng = np.random.default_rng(seed)
    mdp = MODELS[kind](rng)
    S = mdp.num_states
    given_rewards = {
        "uniform": lambda: rng.uniform(-1, 1, (11, S)),
        "integers": lambda: rng.integers(-1, 2, (11, S)).astype(float),
        "float32": lambda: rng.random((11, S), dtype=np.float32).astype(float),
        "same": lambda: np.full((11, S), rng.normal()),
    }[rewards]() * scale
    tables = prepare_tables(mdp)
    expected = dense_optimal_values(mdp, given_rewards, gamma)
    size = np.abs(expected).max(axis=1)
    matrix = mdp.transition_matrix()
    for name, solve in solvers_of(tables, tables.table(gamma), gamma).items():
        out = pm.Solution.empty(len(given_rewards), S)
        solve(given_rewards, out)
        assert np.all(out.iterations > 0), name
        assert np.all(out.residual <= 1e-13), name
        assert np.all(np.abs(out.values - expected).max(axis=1) <= 1e-14 / (1 - gamma) * size), name
        q = np.where(mdp.available, (matrix @ out.values.T).T.reshape(-1, *mdp.available.shape), -np.inf)
        assert np.all(np.abs(q.max(axis=2) - out.continuation).max(axis=1) <= 1e-14 * size), name
        chosen = np.take_along_axis(q, out.policy[..., None], axis=2)[..., 0]
        assert np.all((q.max(axis=2) - chosen).max(axis=1) <= 1e-13 * size), name


@pytest.mark.parametrize("gamma", [0.5, 0.99999])
def test_what_mixes_takes_tens_of_sweeps_with_or_without_others_beside_it(gamma):
    tables = prepare_tables(garnet(400))
    table = tables.table(gamma)
    rewards = np.random.default_rng(0).normal(size=(11, 400)) * np.logspace(-3, 3, 11)[:, None]
    together = pm.Solution.empty(11, 400)
    solve_relative(rewards, gamma, table, together)
    assert np.all((together.iterations > 10) & (together.iterations < 70))
    for rows in (slice(0, 1), slice(3, 8), slice(9, 11)):
        apart = pm.Solution.empty(rows.stop - rows.start, 400)
        solve_relative(rewards[rows], gamma, table, apart)
        for mine, theirs in zip(apart, together, strict=True):
            assert np.array_equal(mine, theirs[rows])


def test_error_does_not_grow_as_the_discount_nears_1():
    """The constant that values share is found from differences, which are small: nine digits more than V - TV tells."""
    mdp, gamma = garnet(60, 3), 0.999999
    rewards = np.random.default_rng(0).random((1, 60))
    solution = pm.solve(mdp, rewards, gamma)
    rows = np.arange(60) * 3 + solution.policy[0]
    chain = mdp.transition_matrix().toarray()[rows].astype(np.longdouble)
    chain /= chain.sum(axis=1, keepdims=True)
    exact = solution.values[0].astype(np.longdouble)
    system = np.eye(60, dtype=np.longdouble) - np.longdouble(gamma) * chain
    for _ in range(3):  # refinement in twice the digits
        exact += np.linalg.solve(system.astype(float), (rewards[0] - system @ exact).astype(float))
    assert np.abs(solution.values[0] - exact).max() <= 2e-12 * float(np.abs(exact).max())


def test_which_way_is_chosen():
    """By estimated work, which is found quickly."""
    assert solver_tables(garnet(1000)).elimination is None
    assert solver_tables(garnet(1000)).method == "iterative"
    plane = solver_tables(PowerGrid(["." * 70] * 70, noise=0.2).tables())
    assert plane.method == "direct"
    ring = garnet(24_000, 2, 3, local=50)
    assert (solver_tables(ring).method, 50 <= solver_tables(ring).band <= 200) == ("iterative", True)
    solution = pm.solve(ring, np.random.default_rng(0).random((1, 24_000)), 0.9999)
    assert solution.residual[0] <= 1e-14
    assert solution.iterations[0] < 40


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_work_of_least_degree_is_that_of_a_plain_elimination(size, seed):
    rng = np.random.default_rng(seed)
    near = rng.random((size, size)) < 0.3
    near |= near.T | np.eye(size, dtype=bool)
    pointers = np.concatenate([[0], np.cumsum(near.sum(axis=1))]).astype(np.int32)
    joined = np.nonzero(near)[1].astype(np.int32)
    found = least_degree_work(pointers, joined, np.inf)
    left, work = list(range(size)), 0
    around = {v: {u for u in range(size) if near[v, u] and u != v} for v in left}
    while left:
        v = min(left, key=lambda v: len(around[v]))
        work += len(around[v]) ** 2
        for u in around[v]:
            around[u] = (around[u] | around[v]) - {u, v}
        left.remove(v)
    assert 0.5 * work <= found <= 2 * work  # ties are broken otherwise
    assert least_degree_work(pointers, joined, 0.25 * found) <= found
    assert found <= 0 or least_degree_work(pointers, joined, 0.25 * found) > 0.25 * found
