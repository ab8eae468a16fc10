"""Optimal values and policies against brute force, dense policy iteration, and each other."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

import power_metrics as pm
from power_metrics.solvers import dispatch
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.discounted import SOLVERS, iterative
from power_metrics.solvers.discounted.iterative import Iterative
from power_metrics.solvers.dispatch import solve_into
from power_metrics.solvers.solver import SolverTables
from powerenvs import TabularMDP
from tests.models import random_mdp
from tests.power_metrics.worlds import (
    MAZE,
    OPEN_3,
    ByPolicies,
    brute_force_values,
    dense_optimal_values,
    from_dense,
    garnet,
    graph,
    grid,
    joint_walk,
    solved,
    star,
    without_stay,
)

GAMMAS = (0.0, 0.1, 0.6, 0.9, 0.99, 0.9999)


@pytest.mark.slow
def test_random_models_against_brute_force():
    rng = np.random.default_rng(0)
    for number in range(200):
        num_states = int(rng.integers(1, 9))
        num_actions = int(rng.integers(1, 4)) if num_states < 8 else 2
        mdp = random_mdp(rng, num_states, num_actions, deterministic=number % 4 == 0)
        gamma = GAMMAS[number % len(GAMMAS)]
        rewards = rng.normal(size=(3, num_states))
        expected = brute_force_values(mdp, rewards, gamma)
        assert np.abs(solved(mdp, rewards, gamma).values - expected).max() <= 1e-9 * np.abs(expected).max()


MODELS = {
    "stay_put": lambda: grid(MAZE),
    "deterministic": without_stay,
    "direct": lambda: grid(MAZE, noise=0.2),
}


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("method", MODELS)
def test_each_method_against_dense_policy_iteration(method, gamma):
    mdp = MODELS[method]()
    assert solver_tables(mdp).method == method
    rng = np.random.default_rng(1)
    rewards = np.concatenate([rng.random((9, 31)), rng.normal(size=(9, 31)), rng.integers(-1, 2, (9, 31))])
    expected = dense_optimal_values(mdp, rewards, gamma)
    error = np.abs(solved(mdp, rewards, gamma).values - expected).max(axis=1)
    assert np.all(error <= 1e-15 / (1 - gamma) * 20 * np.abs(expected).max(axis=1) + 1e-300)


@pytest.mark.parametrize("gamma", [0.0, 0.6, 0.99, 0.9999])
@pytest.mark.parametrize("build", [lambda: grid(MAZE, noise=0.2), joint_walk, lambda: joint_walk(OPEN_3)])
def test_iterative_method_agrees_with_elimination(build, gamma, monkeypatch):
    mdp = build()
    rewards = np.random.default_rng(2).random((12, mdp.num_states))
    expected = solved(mdp, rewards, gamma).values
    tables = solver_tables(mdp)
    monkeypatch.setitem(tables.__dict__, "solver", ByPolicies())
    found = solved(mdp, rewards, gamma)
    assert np.abs(found.values - expected).max() <= 1e-14 / (1 - gamma) * np.abs(expected).max()


def test_superlu_takes_over_where_iteration_gives_up(monkeypatch):
    mdp = joint_walk(OPEN_3)
    rewards = np.random.default_rng(3).random((4, mdp.num_states))
    expected = solved(mdp, rewards, 0.99).values

    def gives_up(rewards, gamma, table, out):
        solve_iteratively(rewards, gamma, table, out)
        out.values[::2], out.iterations[::2] = np.nan, -1

    solve_iteratively = iterative.solve_iteratively
    monkeypatch.setattr(iterative, "solve_iteratively", gives_up)
    monkeypatch.setitem(solver_tables(mdp).__dict__, "solver", ByPolicies())
    assert np.allclose(solved(mdp, rewards, 0.99).values, expected, rtol=1e-12)


@pytest.mark.slow
def test_large_sparse_model_is_solved_iteratively():
    mdp = garnet(2000)
    tables = solver_tables(mdp)
    assert tables.elimination is None
    assert tables.method == "iterative"
    rewards = np.random.default_rng(4).random((1, mdp.num_states))
    solution = pm.solve(mdp, rewards, 0.99)
    q = (mdp.transition_matrix() @ solution.values[0]).reshape(mdp.available.shape)
    best = np.where(mdp.available, q, -np.inf).max(axis=1)
    gap = np.abs(solution.values[0] - (rewards[0] + 0.99 * best)).max()
    assert gap <= 1e-13 * solution.values.max()
    assert solution.residual[0] <= 1e-13
    assert np.allclose(pm.policy_values(mdp, pm.optimal_policies(mdp, rewards, 0.99), rewards, 0.99), solution.values)


def test_a_residual_that_is_not_small_is_an_error(monkeypatch):
    class Sloppy(Iterative):
        def solve(self, rewards, gamma, tables, out):
            for array in out:
                array[...] = 0
            out.residual[...] = 1e-6

    mdp = grid()
    monkeypatch.setitem(solver_tables(mdp).__dict__, "solver", Sloppy())
    with pytest.raises(RuntimeError, match=r"Bellman residual of at most 1e-11 of max\|V\|, found 1e-06"):
        pm.solve(mdp, np.ones(9), 0.9)


def test_the_first_solver_that_fits_is_taken():
    class Keen(Iterative):
        name = "keen"

    tables = solver_tables(grid())
    assert replace(tables, solvers=(Keen(), *SOLVERS)).method == "keen"
    assert replace(tables, solvers=(*SOLVERS, Keen())).method == "stay_put"


def test_staying_put_does_not_do_where_actions_pay():
    """Walking back and forth pays more than staying, in a model that lets every state stay."""
    mdp = TabularMDP.from_transitions(
        [(0, "go", 1, 1.0), (1, "go", 0, 1.0), (0, "stay", 0, 1.0), (1, "stay", 1, 1.0)], reward=[3.0, 1.0, 0.0, 0.0]
    )
    assert solver_tables(mdp).method == "stay_put"
    values = pm.solve_task(mdp, 0.5).values[0]
    assert np.allclose(values, [(3 + 0.5) / 0.75, (1 + 1.5) / 0.75], rtol=1e-15)


def sixteenths(rng, num_states, num_actions):
    """A model whose probabilities are whole sixteenths, so that rows sum to 1 without any rounding."""
    rows = {
        (s, a): np.bincount(rng.integers(num_states, size=16), minlength=num_states)
        for s in range(num_states)
        for a in range(num_actions)
    }
    return TabularMDP.from_transitions(
        [(s, a, t, n / 16) for (s, a), counts in rows.items() for t, n in enumerate(counts) if n],
        state_labels=range(num_states),
    )


def solved_in_fractions(transitions, rewards, gamma):
    """V = R + γ P V by elimination of fractions."""
    size = len(rewards)
    rows = [
        [Fraction(int(s == t)) - Fraction(gamma) * Fraction(float(p)) for t, p in enumerate(row)] + [Fraction(float(r))]
        for (s, row), r in zip(enumerate(transitions), rewards, strict=True)
    ]
    for i in range(size):
        rows[i] = [x / rows[i][i] for x in rows[i]]
        rows = [
            row if n == i else [x - row[i] * y for x, y in zip(row, rows[i], strict=True)] for n, row in enumerate(rows)
        ]
    return [row[-1] for row in rows]


@pytest.mark.parametrize("gamma", [0.5, 1 - 2**-10, 1 - 2**-20, 1 - 2**-29])
def test_no_digits_are_lost_at_any_discount(gamma):
    rng = np.random.default_rng(5)
    for _ in range(5):
        mdp = sixteenths(rng, 6, 2)
        assert solver_tables(mdp).method == "direct"
        rewards = rng.random(6)
        tensor = mdp.transition_tensor().numpy()
        solution = pm.solve(mdp, rewards, gamma)
        optimal = solved_in_fractions(tensor[np.arange(6), solution.policy[0]], rewards, gamma)
        mixed = solved_in_fractions(tensor.mean(axis=1), rewards, gamma)
        of_mixed = pm.policy_values(mdp, np.full((6, 2), 0.5), rewards, gamma).numpy()[0]
        for found, expected in ((solution.values[0], optimal), (of_mixed, mixed)):
            assert max(abs(Fraction(float(v)) / e - 1) for v, e in zip(found, expected, strict=True)) < 4e-15


def test_closed_forms():
    loop = graph({"a": ["b"], "b": ["c"], "c": ["a"]})
    for gamma in (0.3, 0.9999):
        values = solved(loop, [1.0, 0.0, 0.0], gamma).values[0]
        first = 1 / -np.expm1(3 * np.log(gamma))
        assert np.allclose(values, [first, gamma**2 * first, gamma * first], rtol=1e-13)
    stay = solved(star(2), [0.0, 5.0, -1.0], 0.5).values[0]
    assert np.allclose(stay, [5.0, 10.0, -2.0], rtol=1e-15)


def test_unavailable_actions_never_take_part():
    mdp = TabularMDP.from_transitions([("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)])
    values = solved(mdp, [-1.0, -1.0], 0.5).values
    assert np.allclose(values, -2.0)
    assert np.array_equal(pm.optimal_policies(mdp, [-1.0, -1.0], 0.5)[0], [[1.0, 0.0], [0.0, 1.0]])


def test_rewards_in_any_form():
    mdp = grid()
    rewards = np.random.default_rng(5).random((3, 9))
    expected = pm.optimal_values(mdp, rewards, 0.9)
    assert expected.dtype == torch.float64
    assert expected.shape == (3, 9)
    read_only = rewards.copy()
    read_only.flags.writeable = False
    for given in (rewards.tolist(), torch.from_numpy(rewards), np.asfortranarray(rewards), read_only):
        assert torch.equal(pm.optimal_values(mdp, given, 0.9), expected)
    assert torch.equal(pm.optimal_values(mdp, rewards[1], 0.9), expected[1:2])
    with_gradient = torch.from_numpy(rewards).requires_grad_()
    assert torch.equal(pm.optimal_values(mdp, with_gradient, 0.9), expected)


@pytest.mark.parametrize("method", MODELS)
def test_batch_and_threads_do_not_change_a_bit(method, monkeypatch):
    mdp = MODELS[method]()
    rewards = np.random.default_rng(6).random((100, 31))
    whole = pm.solve(mdp, rewards, 0.97, threads=1)
    monkeypatch.setattr(dispatch, "CHUNK", 31 * 7)
    parts = pm.solve(mdp, rewards, 0.97, threads=3)
    for name in ("values", "continuation", "policy"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
    singles = np.concatenate([pm.solve(mdp, row, 0.97).values for row in rewards])
    assert np.array_equal(whole.values, singles)


def test_duplicate_actions_are_one_choice():
    doubled = TabularMDP.from_transitions(
        [(s, a, t, p) for s, a, t, p in [(0, "x", 1, 0.5), (0, "x", 0, 0.5), (0, "y", 1, 0.5), (0, "y", 0, 0.5)]]
        + [(0, "z", 1, 1.0), (1, "x", 1, 1.0), (1, "z", 1, 1.0)]
    )
    tables = solver_tables(doubled)
    assert len(tables.action) == 3
    assert tables.choice_of[0, 0] == tables.choice_of[0, 1] != tables.choice_of[0, 2]
    assert np.array_equal(tables.choice_of[1] >= 0, [True, False, True])


def test_tables_are_prepared_once_for_each_model():
    mdp = grid()
    assert solver_tables(mdp) is solver_tables(mdp)
    assert isinstance(solver_tables(mdp), SolverTables)


def test_rows_of_equal_mass_in_different_order_are_not_confused():
    P = np.zeros((3, 2, 3))
    P[0, 0], P[0, 1] = (0.0, 0.3, 0.7), (0.0, 0.7, 0.3)
    P[1, 0, 1] = P[2, 0, 2] = 1
    assert len(solver_tables(from_dense(P)).action) == 4


@pytest.mark.parametrize(
    ("rewards", "gamma", "message"),
    [
        (np.ones(9), 1.0, "gamma: expected a discount below 1, found 1"),
        (np.ones(9), 1.5, r"gamma: expected a discount in \[0, 1\), found 1.5"),
        (np.ones(9), -0.1, "gamma"),
        (np.ones(9), float("nan"), "gamma"),
        (np.ones(9), "high", "gamma"),
        (np.ones(8), 0.9, r"rewards: expected shape \(B, 9\) or \(9,\), .* found \(8,\)"),
        (np.ones((2, 2, 9)), 0.9, "rewards"),
        (np.ones((0, 9)), 0.9, "rewards"),
        (np.full(9, np.nan), 0.9, "rewards: expected finite numbers, found nan in row 0, state 0"),
        ([[1.0] * 8 + [np.inf]], 0.9, "found inf in row 0, state 8"),
        ([["x"] * 9], 0.9, "rewards: expected an array of numbers"),
    ],
)
def test_bad_input(rewards, gamma, message):
    with pytest.raises(ValueError, match=message):
        pm.solve(grid(), rewards, gamma)


def test_huge_rewards_are_not_mistaken_for_infinite_ones():
    rewards = np.full(9, 1e140)
    assert np.allclose(pm.solve(grid(), rewards, 0.0).values, 1e140)


def test_bad_number_of_threads():
    with pytest.raises(ValueError, match="threads: expected a whole number of at least 1, found 0"):
        pm.solve(grid(), np.ones(9), 0.9, threads=0)


def test_solve_into_writes_where_it_is_told():
    tables = solver_tables(grid())
    whole = pm.Solution.empty(4, 9)
    whole.values[:] = -1.0
    solve_into(tables, np.ones((2, 9)), 0.5, whole.part(slice(1, 3)))
    assert np.array_equal(whole.values[:, 0], [-1.0, 2.0, 2.0, -1.0])
