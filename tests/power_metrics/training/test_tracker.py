"""The tracker: counts, exact evaluations, what it writes."""

from __future__ import annotations

import math

import numpy as np
import pandas
import pytest

import power_metrics as pm
from power_metrics.comparison.references import MOST, RANDOM, TASK_OPTIMAL
from power_metrics.plots.training_film import save_animation
from powerenvs.model.npz import load_arrays
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.models import uniform


@pytest.fixture
def mdp():
    return PowerGrid("two_rooms").tables()


@pytest.fixture
def tracker(mdp):
    return pm.PowerTracker(mdp, pm.power(mdp, 0.9, num_samples=200, keep_samples=True))


def test_evaluation_is_the_comparison(mdp, tracker):
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(5), mdp.num_states)
    found = tracker.evaluate(table, step=12)
    comparison = pm.compare(table, mdp, power=tracker.power)
    learned = comparison["learned"]
    assert found["step"] == 12
    assert found["seeking"] == pytest.approx(learned.power_seeking)
    assert found["normalised"] == pytest.approx(learned.normalised)
    assert found["alive"] == pytest.approx(learned.power_alive)
    assert found["correlation"] == pytest.approx(learned.correlation)
    assert found["return_exact"] == pytest.approx(learned.expected_return)
    assert found["performance_exact"] == pytest.approx(learned.expected_performance)
    assert found["entropy"] == pytest.approx(learned.entropy)
    assert found["task_optimal"] == pytest.approx(comparison[TASK_OPTIMAL].power_seeking)
    assert found["random"] == pytest.approx(comparison[RANDOM].power_seeking)
    assert found["normalised_task_optimal"] == pytest.approx(comparison[TASK_OPTIMAL].normalised)
    assert found["return_task_optimal"] == pytest.approx(comparison[TASK_OPTIMAL].expected_return)
    assert found["seconds"] > 0
    assert tracker.compare({"learned": table})["learned"] == learned
    assert tracker.evaluate(tracker.references.policies[MOST])["normalised"] == pytest.approx(1.0)


def test_visits_since_the_last_evaluation(mdp, tracker):
    assert math.isnan(tracker.evaluate(uniform(mdp))["visited"])
    assert np.isnan(tracker.visitation).all()
    tracker.update([3, 3, 5], [0, 1, 0])
    tracker.update(np.array([[3], [7]]), np.array([[1], [4]]))
    assert tracker.counts[3].tolist() == [1, 2, 0, 0, 0]
    assert tracker.visitation[[3, 5, 7]] == pytest.approx([0.6, 0.2, 0.2])
    power = tracker.references.power
    found = tracker.evaluate(uniform(mdp))
    assert found["visited"] == pytest.approx((3 * power[3] + power[5] + power[7]) / 5)
    assert found["step"] == 5
    tracker.update(9, 2)
    assert tracker.evaluate(uniform(mdp))["visited"] == pytest.approx(power[9])
    assert len(tracker.history) == len(tracker.policies) == len(tracker.occupancies) == 3


def test_comparison_of_what_was_counted(mdp, tracker):
    with pytest.raises(ValueError, match="nothing has been counted yet"):
        tracker.compare()
    tracker.update([3, 3, 3, 5], [0, 0, 1, 4])
    table = uniform(mdp)
    table[3], table[5] = [2 / 3, 1 / 3, 0, 0, 0], [0, 0, 0, 0, 1]
    comparison = tracker.compare()
    assert comparison.learned == ("visited",)
    assert comparison.policies["visited"] == pytest.approx(table)
    assert comparison.has_intervals


def test_power_is_computed_when_none_is_given(mdp):
    tracker = pm.PowerTracker(turner_figure_1(), gamma=0.5)
    assert tracker.gamma == 0.5
    expected = (2 / 3 + 0.25) / 1.5  # POWER(l_sw, γ) = (2/3 + γ/2) / (1 + γ)
    assert tracker.power["l_sw"] == pytest.approx(expected, abs=5 * tracker.power.standard_error.max())
    assert pm.PowerTracker(mdp, np.ones(mdp.num_states)).gamma == 0.9
    assert pm.PowerTracker(mdp, np.ones(mdp.num_states), initial=(1, 1)).references.initial[mdp.index((1, 1))] == 1


def test_saving(mdp, tracker, tmp_path):
    tables = np.random.default_rng(0).dirichlet(np.ones(5), (3, mdp.num_states))
    for step, table in enumerate(tables):
        tracker.evaluate(table, step * 100)
    tracker.save(tmp_path / "history.csv")
    frame = pandas.read_csv(tmp_path / "history.csv")
    assert frame["step"].tolist() == [0, 100, 200]
    assert frame["normalised"].to_numpy() == pytest.approx(tracker.to_frame()["normalised"].to_numpy())
    tracker.save(tmp_path / "history.npz")
    arrays, header = load_arrays(tmp_path / "history.npz", "PowerTracker")
    assert arrays["policies"] == pytest.approx(tables)
    assert arrays["occupancies"].shape == (3, mdp.num_states)
    assert arrays["return_exact"].shape == (3,)
    assert header["gamma"] == 0.9
    with pytest.raises(ValueError, match=r"ends in .csv or .npz, found 'history.txt'"):
        tracker.save("history.txt")
    fresh = pm.PowerTracker(mdp, tracker.power)
    fresh.save(tmp_path / "empty.npz")
    assert load_arrays(tmp_path / "empty.npz", "PowerTracker")[0]["policies"].shape == (0, *mdp.available.shape)


def test_a_tracker_goes_on_where_another_ended(mdp, tracker, tmp_path):
    tables = np.random.default_rng(0).dirichlet(np.ones(5), (3, mdp.num_states))
    tracker.update([0, 1, 1], [0, 2, 2])
    for step, table in enumerate(tables[:2]):
        tracker.evaluate(table, step * 100)
    tracker.update([3], [1])
    tracker.save(tmp_path / "history.npz")
    tracker.save(tmp_path / "history.csv")
    again = pm.PowerTracker.load(tmp_path / "history.npz", mdp, tracker.power)
    last, expected = again.evaluate(tables[2], 200), tracker.evaluate(tables[2], 200)
    assert {**last, "seconds": 0} == pytest.approx({**expected, "seconds": 0}, nan_ok=True)
    assert again.to_frame().drop(columns="seconds").equals(tracker.to_frame().drop(columns="seconds"))
    assert np.array_equal(again.counts, tracker.counts)
    assert np.array_equal(again.policies, tracker.policies)
    again.save(tmp_path / "history.npz")
    assert len(pm.PowerTracker.load(tmp_path / "history.npz", mdp).history) == 3
    table = pm.PowerTracker(mdp, tracker.power, tracker.gamma)
    table.resume(tmp_path / "history.csv")
    assert [found["step"] for found in table.history] == [0, 100]
    with pytest.raises(ValueError, match="has counted and measured nothing yet"):
        table.resume(tmp_path / "history.csv")
    other = PowerGrid("open_3x3").tables()
    for suffix in ("npz", "csv"):
        with pytest.raises(ValueError, match="expected the history"):
            pm.PowerTracker(mdp, np.arange(float(mdp.num_states))).resume(tmp_path / f"history.{suffix}")
    with pytest.raises(ValueError, match=r"expected the history of|9 probabilities"):
        pm.PowerTracker.load(tmp_path / "history.npz", other)
    (tmp_path / "other.csv").write_text("step,loss\n0,1\n")
    with pytest.raises(ValueError, match="no 'normalised' in it"):
        pm.PowerTracker(mdp, tracker.power).resume(tmp_path / "other.csv")


@pytest.mark.slow
def test_animation(mdp, tracker, tmp_path):
    from PIL import Image

    for step, table in enumerate(np.random.default_rng(0).dirichlet(np.ones(5), (5, mdp.num_states))):
        tracker.evaluate(table, step)
    save_animation(tracker, tmp_path / "all.gif")
    save_animation(tracker, tmp_path / "some.gif", max_frames=3)
    with Image.open(tmp_path / "all.gif") as full, Image.open(tmp_path / "some.gif") as some:
        assert full.n_frames == 5
        assert some.n_frames == 3
        first = np.asarray(full.convert("RGB")).copy()
        full.seek(4)
        assert np.any(np.asarray(full.convert("RGB")) != first)
    with pytest.raises(ValueError, match=r"ends in \.gif"):
        save_animation(tracker, tmp_path / "all.avi")
    with pytest.raises(ValueError, match="at least one evaluation"):
        save_animation(pm.PowerTracker(mdp, tracker.power), tmp_path / "none.gif")
    graph = pm.PowerTracker(turner_figure_1(), np.ones(8))
    graph.evaluate(uniform(turner_figure_1()))
    with pytest.raises(ValueError, match="expected a model with a board"):
        save_animation(graph, tmp_path / "graph.gif")


@pytest.mark.parametrize(
    ("states", "actions", "message"),
    [
        ([0, 1], [0], "arrays of one shape"),
        ([0.0], [0], "integer arrays"),
        ([99], [0], "states 0 to 40"),
        ([0], [5], "actions 0 to 4"),
        ([-1], [0], "found states -1"),
    ],
)
def test_bad_updates(tracker, states, actions, message):
    with pytest.raises(ValueError, match=message):
        tracker.update(states, actions)
    assert not tracker.counts.any()


def test_bad_input(mdp, tracker):
    with pytest.raises(ValueError, match=r"policy: expected one policy \(41, 5\), found \(2, 41, 5\)"):
        tracker.evaluate(np.stack([uniform(mdp)] * 2))
    with pytest.raises(ValueError, match="policy: expected shape"):
        tracker.evaluate(np.ones((3, 5)))
    with pytest.raises(ValueError, match="power: expected POWER of this model"):
        pm.PowerTracker(PowerGrid("open_3x3"), tracker.power)
    with pytest.raises(ValueError, match="gamma"):
        pm.PowerTracker(mdp, tracker.power, gamma=1.0)
    assert tracker.history == []
