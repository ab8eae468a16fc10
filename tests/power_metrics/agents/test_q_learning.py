"""Batched Q-learning: each learner as if alone, and POWER that rises to the optimum from below."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.agents import uniform_policy
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.models import random_mdp

FAST = pm.QLearning(learning_rate=1.0, epsilon=1.0)


def learners(mdp, rewards, settings=FAST, gamma=0.9, seed=0):
    return pm.QLearners(mdp, rewards, gamma, settings, np.random.default_rng(seed))


def optimal_q(mdp, rewards, gamma):
    values = pm.optimal_values(mdp, rewards, gamma).numpy()
    following = np.einsum("sat,bt->bsa", mdp.transition_tensor().numpy(), values)
    return np.where(mdp.available, rewards[:, :, None] + gamma * following, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["open_3x3", "maze_7x7"])
def test_power_rises_to_the_optimum(level):
    curve = pm.q_learning_curve(PowerGrid(level).tables(), (0, 100, 1_000, 10_000), settings=FAST, num_learners=200)
    share = curve.share_of_optimal
    assert np.all(np.diff(share) > 0)
    assert share[-1] > 0.99
    assert curve.largest_gap[-1] < 0.01  # every single state, not only their mean
    assert all(stage.shortfall.min() >= -1e-12 for stage in curve.stages)
    random = pm.power_of_policies(
        lambda rewards: uniform_policy(curve.stages[0].references.mdp),
        curve.stages[0].references.mdp,
        num_samples=200,
    )
    assert curve.stages[0].power.mean == pytest.approx(random.power.mean, abs=1e-12)  # nothing learned: random


@pytest.mark.slow
def test_deterministic_learning_reaches_the_optimal_q():
    mdp = turner_figure_1()
    rewards = np.random.default_rng(0).random((20, 8))
    found = learners(mdp, rewards, pm.QLearning(learning_rate=1.0, epsilon=1.0, horizon=5), gamma=0.5)
    found.run(3_000)
    assert found.q == pytest.approx(optimal_q(mdp, rewards, 0.5), abs=1e-9)
    assert np.all(found.q[:, ~mdp.available] == 0)
    assert np.all(found.visits[:, ~mdp.available] == 0)
    assert np.all(found.visits.sum(axis=(1, 2)) == 3_000)
    optimal = pm.optimal_policies(mdp, rewards, 0.5).numpy()
    assert found.policies() == pytest.approx(optimal)


def test_stochastic_learning_with_decay_converges():
    mdp = random_mdp(np.random.default_rng(3), 4, 2)
    rewards = np.random.default_rng(0).random((40, 4))
    settings = pm.QLearning(learning_rate=1.0, decay=0.6, epsilon=1.0)
    early, late = learners(mdp, rewards, settings, 0.6), learners(mdp, rewards, settings, 0.6)
    early.run(500)
    late.run(50_000)
    target = optimal_q(mdp, rewards, 0.6)

    def error(found):
        return np.sqrt(np.mean((found.q - target)[:, mdp.available] ** 2))

    assert error(late) < 0.02
    assert error(late) < error(early) / 3


def test_learners_do_not_depend_on_each_other_or_on_pauses():
    mdp = PowerGrid("open_3x3", noise=0.3).tables()
    rewards = np.random.default_rng(0).random((6, 9))
    settings = pm.QLearning(learning_rate=0.3, epsilon=0.1, horizon=7)
    whole, halves, few = (learners(mdp, r, settings) for r in (rewards, rewards, rewards[:2]))
    whole.run(400)
    halves.run(150)
    halves.run(250)
    few.run(400)
    assert np.array_equal(whole.q, halves.q)
    assert np.array_equal(whole.q[:2], few.q)
    assert not np.array_equal(whole.q[0] != 0, whole.q[1] != 0) or not np.array_equal(whole.visits[0], whole.visits[1])


def test_one_update_by_hand():
    mdp = turner_figure_1()
    rewards = np.arange(8.0)[None] / 10
    settings = pm.QLearning(learning_rate=0.5, exploring_starts=False, epsilon=0.0)
    found = learners(mdp, rewards, settings)
    found.run(1)
    star = mdp.index("star")
    assert found.visits[0, star].sum() == 1  # it started where the model does
    assert found.q[0, star] == pytest.approx(0.5 * rewards[0, star] * found.visits[0, star])
    found.run(1)
    assert found.visits.sum() == 2


def test_horizon_starts_afresh():
    mdp = turner_figure_1()
    once = learners(mdp, np.zeros((50, 8)), pm.QLearning(horizon=1, exploring_starts=False))
    once.run(30)
    assert np.all(once.visits[:, mdp.index("star")].sum(axis=1) == 30)
    anywhere = learners(mdp, np.zeros((400, 8)), pm.QLearning(horizon=1))
    anywhere.run(20)
    shares = anywhere.visits.sum(axis=(0, 2)) / 8_000
    assert shares == pytest.approx(np.full(8, 1 / 8), abs=5 * np.sqrt(1 / 8 / 8_000))


def test_exploration_and_successors_have_the_right_frequencies():
    mdp = random_mdp(np.random.default_rng(5), 5, 3)
    found = learners(mdp, np.zeros((200, 5)), pm.QLearning(epsilon=1.0, horizon=10**9))
    found.run(2_000)
    visits = found.visits.sum(axis=0)
    uniform = mdp.available / mdp.available.sum(axis=1, keepdims=True)
    share = visits / visits.sum(axis=1, keepdims=True)
    assert share == pytest.approx(uniform, abs=0.01)
    average = pm.average_occupancy(mdp, uniform, np.full(5, 0.2))
    chained = len({tuple(row > 0) for row in (mdp.transition_tensor().numpy().sum(axis=1) > 0)}) > 0
    assert chained
    assert visits.sum(axis=1) / visits.sum() == pytest.approx(average, abs=0.01)


def test_the_sums_that_choose_successors_are_those_of_each_row_alone():
    """One sum through all rows, less what came before, would round a row as the number of rows before it has it."""
    mdp = random_mdp(np.random.default_rng(6), 400, 3, num_successors=7)
    table = learners(mdp, np.zeros((1, 400)), pm.QLearning())._table
    for a, b in zip(table.indptr[:-1], table.indptr[1:], strict=True):
        assert np.array_equal(table.cumulative[a : b - 1], np.cumsum(mdp.probability[a:b])[:-1])
        assert b == a or table.cumulative[b - 1] == 1.0


def test_greedy_behaviour_breaks_ties_at_random():
    mdp = turner_figure_1()
    found = learners(mdp, np.zeros((3_000, 8)), pm.QLearning(epsilon=0.0, horizon=1, exploring_starts=False))
    found.run(1)
    taken = found.visits[:, mdp.index("star")].sum(axis=0)
    chosen = taken[[mdp.action_index(name) for name in ("empty", "l", "r")]]
    assert chosen == pytest.approx(np.full(3, 1_000), abs=5 * np.sqrt(3_000 * 2 / 9))


@pytest.mark.slow
def test_curve_table_and_picture(tmp_path):
    curve = pm.q_learning_curve(PowerGrid("open_3x3").tables(), [0, 50, 500], num_learners=30)
    frame = curve.to_frame()
    assert frame["steps"].tolist() == [0, 50, 500]
    assert frame["share_of_optimal"].to_numpy() == pytest.approx(curve.share_of_optimal)
    assert "30 learners" in repr(curve)
    assert [ax.get_title() for ax in curve.plot(tmp_path / "curve.png").axes] == ["POWER", "power-seeking"]
    assert (tmp_path / "curve.png").stat().st_size > 0
    with pytest.raises(ValueError, match="path: expected a picture file"):
        curve.plot("curve")
    again = pm.q_learning_curve(PowerGrid("open_3x3").tables(), [500], num_learners=30)
    assert np.array_equal(again.stages[0].power.mean, curve.stages[2].power.mean)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pm.QLearning(num_steps=-1), "num_steps: expected a whole number of at least 0"),
        (lambda: pm.QLearning(horizon=0), "horizon: expected"),
        (lambda: pm.QLearning(learning_rate=0.0), "learning_rate: expected a number above 0 and up to 1"),
        (lambda: pm.QLearning(decay=2), "decay: expected a number from 0 to 1"),
        (lambda: pm.QLearning(epsilon=-0.1), "epsilon: expected a probability"),
        (lambda: pm.q_learning_curve(turner_figure_1(), []), "steps: expected rising numbers"),
        (lambda: pm.q_learning_curve(turner_figure_1(), [10, 10]), "steps: expected rising numbers"),
        (lambda: learners(turner_figure_1(), np.zeros((2, 3))), "rewards: expected shape"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
