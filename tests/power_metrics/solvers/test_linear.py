"""The iterative solver of one chain: exact where plain sweeps would take for ever, and honest where it fails."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from power_metrics.solvers.linear import Rows, chain_values, solve_iterative


def drunkard(states):
    """A random walk on a path, with walls at its ends: V(i) = gain(i) + γ/2 (V(i - 1) + V(i + 1))."""
    steps = np.full(states - 1, 0.5)
    chain = scipy.sparse.diags_array([steps, steps], offsets=[-1, 1], format="lil")
    chain[0, 0] += 0.5
    chain[-1, -1] += 0.5
    return chain.tocsr()


def solved(chain, gain, gamma, target):
    """Whether it was solved, and the values found from a first guess of 0."""
    value, space = np.zeros(len(gain)), np.empty((7, len(gain)))
    found = solve_iterative(gain.copy(), gamma, Rows.of(chain), target, value, space)
    return found, value


@pytest.mark.parametrize("states", [2, 3, 4, 5, 6, 7, 200, 201, 202, 203])
def test_a_walk_that_mixes_slowly(states):
    """A sweep carries news one cell far, and a walk crosses the path in states² steps."""
    chain, gamma = drunkard(states), 1 - 1e-6
    gain = np.random.default_rng(states).normal(size=states)
    expected = np.linalg.solve(np.eye(states) - gamma * chain.toarray(), gain)
    target = 1e-12 * np.abs(expected).max()
    found, value = solved(chain, gain, gamma, target)
    assert found
    assert np.abs(gain + gamma * (chain @ value) - value).max() <= target
    assert value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("states", [60, 120])
def test_states_that_are_left_rarely(states):
    """Of a walk that waits up to 10^6 steps in a cell, the bare equations take more steps than the solver has."""
    rng = np.random.default_rng(states)
    leave = 10.0 ** rng.uniform(-6, 0, states)
    chain = (scipy.sparse.diags_array(leave) @ drunkard(states) + scipy.sparse.diags_array(1 - leave)).tocsr()
    gamma, gain = 1 - 1e-7, rng.normal(size=states)
    target = 1e-12 * np.abs(gain).max() / (1 - gamma)
    found, value = solved(chain, gain, gamma, target)
    assert found
    assert np.abs(gain + gamma * (chain @ value) - value).max() <= target


def test_a_guess_that_is_good_enough_is_kept():
    chain = drunkard(5)
    found, value = solved(chain, np.zeros(5), 0.9, 1e-12)
    assert found
    assert np.all(value == 0)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_values_are_as_exact_in_any_unit_of_reward(unit):
    chain, gamma = drunkard(200), 1 - 1e-6
    gain = np.random.default_rng(1).normal(size=200)
    expected = np.linalg.solve(np.eye(200) - gamma * chain.toarray(), gain)
    values = chain_values(chain, unit * gain[None], gamma)[0] / unit
    assert np.abs(gain + gamma * (chain @ values) - values).max() <= 1e-14 * np.abs(gain).max() / (1 - gamma)
    assert values == pytest.approx(expected, rel=1e-6)
