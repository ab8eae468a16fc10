"""Maximum entropy goal-directedness and coherence: closed forms, brute force, and the properties that they have."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from tests.models import mdps, uniform


def random_policy(mdp, rng):
    table = rng.random(mdp.available.shape) ** 3 * mdp.available
    return table / table.sum(axis=1, keepdims=True)


def bandit(count):
    """One decision among so many actions, each of which ends it in an own state."""
    return TabularMDP.from_transitions(
        [("start", a, f"end {a}", 1.0) for a in range(count)],
        initial="start",
        terminal=[f"end {a}" for a in range(count)],
    )


@given(mdps(max_states=5, max_actions=3), st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_meg_is_invariant_bounded_and_what_plain_maximisation_finds(mdp, seed, steps):
    rng = np.random.default_rng(seed)
    utility, policy = rng.normal(size=mdp.num_states), random_policy(mdp, rng)
    found = pm.meg(mdp, policy, utility, steps)
    assert 0 <= found.largest <= found.most + 1e-9
    assert found.rationality[0] >= 0
    moved = pm.meg(mdp, policy, 3.7 * utility + 11, steps)
    assert moved.largest == pytest.approx(found.largest, abs=1e-8)
    assert pm.meg(mdp, uniform(mdp), utility, steps).largest == pytest.approx(0, abs=1e-9)
    if math.isfinite(found.rationality[0]):
        bound = 2 * found.rationality[0] + 1
        grid = scipy.optimize.minimize_scalar(
            lambda beta: -plain_meg(mdp, policy, utility, steps, beta), bounds=(0, bound), method="bounded",
            options={"xatol": 1e-10},
        )  # fmt: skip
        assert found.largest == pytest.approx(max(0, -grid.fun), abs=1e-6)


def plain_meg(mdp, policy, utility, steps, beta):
    """E_π Σ_t [log π_β + log |A|], summed over states and times."""
    rows, counts = mdp.transition_tensor().numpy(), mdp.available.sum(axis=1)
    value, tables = np.zeros(mdp.num_states), []
    for _ in range(steps):
        q = np.where(mdp.available, rows @ (beta * utility + value), -np.inf)
        value = np.log(np.exp(q - q.max(axis=1, keepdims=True)).sum(axis=1) / counts) + q.max(axis=1)
        tables.append(q - np.log(counts)[:, None] - value[:, None])
    now, total = mdp.initial, 0.0
    for table in tables[::-1]:
        with np.errstate(invalid="ignore"):
            terms = np.where(policy > 0, policy * (table + np.log(counts)[:, None]), 0.0)
        total += now @ terms.sum(axis=1)
        now = np.einsum("s,sa,sat->t", now, policy, rows)
    return total


@pytest.mark.parametrize("count", [2, 3, 5])
def test_meg_of_one_decision(count):
    mdp, utility = bandit(count), np.zeros(count + 1)
    utility[mdp.state_labels.index("end 0")] = 1.0
    for share in (0.5 + 0.5 / count, 0.9, 0.999, 1.0):
        table = uniform(mdp)
        table[0] = (1 - share) / (count - 1)
        table[0, 0] = share
        rest = 0 if share == 1 else (1 - share) * math.log((1 - share) / (count - 1))
        found = pm.meg(mdp, table, utility, 1)
        assert found.largest == pytest.approx(math.log(count) + share * math.log(share) + rest, abs=1e-9)
    assert found.largest == pytest.approx(found.most)
    assert math.isinf(found.rationality[0])
    table[0] = 1 / (count - 1)
    table[0, 0] = 0.0
    assert pm.meg(mdp, table, utility, 1).largest == 0.0


def test_meg_is_zero_where_nothing_can_be_influenced_and_tends_to_its_bound():
    idle = TabularMDP.from_transitions([("a", x, "b", 1.0) for x in "xy"] + [("b", x, "a", 1.0) for x in "xy"])
    assert pm.meg(idle, np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 0.0]), 6).largest == 0.0
    grid = PowerGrid("S..", walls="absent").tables()
    near = [pm.meg(grid, boltzmann(grid, beta), np.array([0.0, 0.0, 1.0]), 3) for beta in (0.0, 1.0, 4.0, 16.0)]
    values = [one.largest for one in near]
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert all(np.diff(values) > 0)
    classes = pm.meg(grid, boltzmann(grid, 4.0), "states", 3)
    assert classes.largest == classes.meg.max()
    assert classes.meg[2] == pytest.approx(values[2], abs=1e-12)


def boltzmann(mdp, beta):
    """Softmax of the distance to the right."""
    cells = np.array([label[1] for label in mdp.state_labels])
    score = np.where(mdp.available, beta * cells[np.maximum(mdp.successors(), 0)], -np.inf)
    table = np.exp(score - score.max(axis=1, keepdims=True))
    return table / table.sum(axis=1, keepdims=True)


@given(mdps(max_states=4, max_actions=2), st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_coherence_has_mean_one_and_is_linear_in_what_is_mixed(mdp, seed):
    rng = np.random.default_rng(seed)
    policy = random_policy(mdp, rng)
    found = pm.coherence(mdp, policy, num_samples=40, seed=seed)
    assert found.by_policy.mean() == pytest.approx(1, abs=1e-12)
    weights = np.ones(1)
    for row, there in zip(policy, mdp.available, strict=True):
        weights = np.outer(weights, row[there]).reshape(-1)
    assert found.coherence == pytest.approx(weights @ found.by_policy, abs=1e-12)
    assert pm.coherence(mdp, num_samples=5).coherence == pytest.approx(1)


def test_coherence_of_a_bandit_by_symmetry():
    mdp = bandit(3)
    found = pm.coherence(mdp, np.eye(3)[[0, 0, 0, 0]], num_samples=4000)
    assert abs(found.coherence - 1) < 5 * found.standard_error
    line = PowerGrid("S..").tables()
    left_and_right = np.eye(5)[[line.action_index("right"), line.action_index("right"), line.action_index("left")]]
    steady = np.eye(5)[[line.action_index("right"), line.action_index("right"), line.action_index("stay")]]
    to_and_fro, directed = (pm.coherence(line, table, num_samples=500) for table in (left_and_right, steady))
    assert to_and_fro.coherence == 0.0
    assert directed.coherence > 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mdp: pm.meg(mdp, utility="tasks"), "did you mean 'task'"),
        (lambda mdp: pm.meg(mdp, np.ones((2, 2))), "policy"),
        (lambda mdp: pm.meg(mdp, np.full((3, 4, 3), 1 / 3), steps=2), "expected one for each of 2 steps"),
        (lambda mdp: pm.coherence(mdp, np.full((1, 4, 3), 1 / 3)), "policy: expected one"),
        (lambda mdp: pm.coherence(PowerGrid("\n".join(["." * 25] * 25))), "at most e\\^700 policies"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(bandit(3))
