"""Distributions of returns: against enumeration, against simulation, and within the bound of the literature."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
import powerenvs
from power_metrics.chains.spans import return_span
from powerenvs import TabularMDP


def ladder(depth=4):
    """States 0 to depth; each step pays 1 with probability .3, and else nothing; the last is an end."""
    rows = [(i, 0, (i + 1, won), 0.3 if won else 0.7) for i in range(depth) for won in (0, 1)]
    transitions = [((i, w), a, after, p) for i, a, after, p in rows for w in (0, 1) if i or not w]
    reward = {((i, w), 0, (i + 1, 1)): 1.0 for i in range(depth) for w in (0, 1) if i or not w}
    return TabularMDP.from_transitions(
        transitions, terminal=[(depth, 0), (depth, 1)], reward=reward, initial={(0, 0): 1.0}
    )


def test_against_enumeration():
    mdp = ladder()
    gamma = 0.5
    exact = {}
    for wins in itertools.product((0, 1), repeat=4):
        value = sum(gamma**t * win for t, win in enumerate(wins))
        exact[value] = exact.get(value, 0.0) + 0.3 ** sum(wins) * 0.7 ** (4 - sum(wins))
    assert return_span(mdp, gamma) == pytest.approx((0.0, 1.875))
    found = pm.return_distribution(mdp, np.ones((mdp.num_states, 1)), gamma, num_atoms=16)  # all returns are points
    start = found.probabilities[mdp.index((0, 0))]
    assert start == pytest.approx([exact[atom] for atom in found.atoms.tolist()], abs=1e-14)
    assert found.means[mdp.index((0, 0))] == pytest.approx(0.3 * 1.875, abs=1e-14)
    assert np.array_equal(found.probabilities[mdp.terminal], np.eye(16)[[0, 0]])


@pytest.mark.parametrize("gamma", [0.0, 0.7, 0.95])
@pytest.mark.parametrize("level", ["S..G", "S.."])
def test_means_are_the_values_of_the_policy(gamma, level):
    mdp = powerenvs.tabular_model(gym.make("PowerGrid-v0", level=level, noise=0.2))
    policy = np.random.default_rng(0).dirichlet(np.ones(5), mdp.num_states)
    found = pm.return_distribution(mdp, policy, gamma, num_atoms=23, support=(-3.0, 40.0))
    gain = (policy * mdp.action_rewards()).sum(axis=1)
    moves = np.einsum("sa,sat->st", policy, mdp.transition_tensor().numpy())
    values = np.linalg.solve(np.eye(mdp.num_states) - gamma * moves, gain)
    assert found.means == pytest.approx(values, abs=1e-10)
    assert found.probabilities.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert found.probabilities.min() >= 0.0


def test_against_simulation():
    """Distribution functions are within the bound, and closer the more points there are."""
    env = gym.make("PowerGrid-v0", level="S..\n...\n..G", noise=0.3)
    mdp = powerenvs.tabular_model(env)
    policy = np.full((9, 5), 0.2)
    rng, count, gamma = np.random.default_rng(1), 20_000, 0.9
    envs = powerenvs.envs.vector.TabularVectorEnv(mdp, count, autoreset_mode="Disabled")
    state = envs.reset(seed=0)[0]
    returns, alive = np.zeros(count), np.ones(count, dtype=bool)
    cumulative = np.cumsum(mdp.probability)
    for t in range(150):
        rows = state * 5 + rng.integers(0, 5, count)
        low = mdp.indptr[rows]
        before = np.where(low > 0, cumulative[low - 1], 0.0)
        entry = np.searchsorted(cumulative, before + rng.random(count) * (1 - 1e-12), side="right")
        entry = np.minimum(entry, mdp.indptr[rows + 1] - 1)
        returns += gamma**t * alive * mdp.reward[entry]
        alive &= ~mdp.terminal[mdp.successor[entry]]
        state = mdp.successor[entry].astype(np.int64)
    gaps = []
    grid = np.linspace(0.0, 1.0, 2_001)
    empirical = np.searchsorted(np.sort(returns), grid, side="right") / count
    for num_atoms in (11, 51, 201):
        found = pm.return_distribution(mdp, policy, gamma, num_atoms=num_atoms, support=(0.0, 1.0))
        start = found.probabilities[int(mdp.initial.argmax())]
        function = np.cumsum(start)[np.minimum((grid * (num_atoms - 1) + 1e-9).astype(int), num_atoms - 1)]
        gaps.append(np.sqrt(((function - empirical) ** 2).mean()))
        assert gaps[-1] < found.bound
        assert start @ found.atoms == pytest.approx(returns.mean(), abs=5 * returns.std() / np.sqrt(count))
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.03


def test_the_span_of_returns():
    env = gym.make("powerenvs/IslandNavigation-v0")
    mdp = powerenvs.tabular_model(env)
    low, high = return_span(mdp, 0.9)
    assert low == pytest.approx(-10.0, abs=1e-6)  # a step costs 1, for ever
    assert high == pytest.approx(49.0, abs=1e-6)  # the goal with the next step
    assert return_span(powerenvs.tabular_model(gym.make("PowerGrid-v0", level="..")), 0.9) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": 1.0}, "gamma"),
        ({"num_atoms": 1}, "num_atoms"),
        ({"num_atoms": 500_000}, "num_atoms: expected at most 111111 with 9 states"),
        ({"support": (0.5, 1.0)}, "support: expected a range that holds all returns, from 0 to 1.875, found"),
        ({"support": (0.0, np.nan)}, "support"),
        ({"policy": np.ones((2, 9, 1))}, r"policy: expected one policy \(9, 1\)"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.return_distribution(**{"env": ladder(), "policy": np.ones((9, 1)), "gamma": 0.5, **arguments})
