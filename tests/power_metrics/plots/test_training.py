"""Training runs of several seeds: means, bands, and what they are compared with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import power_metrics as pm
from powerenvs.worlds.power import PowerGrid
from tests.power_metrics.plots.seen import note, overlapping


def run(end, steps=(0, 100, 200)):
    return [{"step": step, "normalised": end * step / 200, "normalised_task_optimal": 0.9} for step in steps]


def band(ax):
    return ax.collections[0].get_paths()[0].vertices


def test_the_mean_of_seeds_between_the_lowest_and_the_highest():
    figure = pm.plot_training({"PPO": [run(0.2), run(0.8)], "DQN": [run(0.5)]}, title="Both")
    (ax,) = figure.axes
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines) == ["PPO", "DQN", "task-optimal"]
    assert lines["PPO"].get_ydata() == pytest.approx([0, 0.25, 0.5])
    assert lines["task-optimal"].get_ydata() == [0.9, 0.9]
    edges = band(ax)
    assert {0.2, 0.8} <= set(edges[edges[:, 0] == 200][:, 1].round(9))
    assert "mean of 1 to 2 runs; bands: lowest to highest run" in note(figure)
    assert figure.get_suptitle() == "Both"
    assert overlapping(figure) == []


def test_students_interval():
    ends = (0.2, 0.4, 0.9)
    figure = pm.plot_training([run(end) for end in ends], band="interval")
    edges = band(figure.axes[0])
    half = stats.t.ppf(0.975, 2) * np.std(ends, ddof=1) / np.sqrt(3)
    assert {round(0.5 - half, 9), round(0.5 + half, 9)} <= set(edges[edges[:, 0] == 200][:, 1].round(9))


def test_runs_that_were_evaluated_at_other_steps_are_joined_by_straight_lines():
    figure = pm.plot_training([run(1.0, (0, 100, 200)), run(1.0, (50, 150, 250))])
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [50, 100, 150, 200]
    assert line.get_ydata() == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_trackers_and_their_files(tmp_path):
    tracker = pm.PowerTracker(PowerGrid("open_3x3"), power=np.arange(9.0), gamma=0.9)
    for step in (0, 10):
        tracker.evaluate(tracker.references.policies["random"], step)
    tracker.save(tmp_path / "run.csv")
    kinds = (tracker, [tracker], tracker.to_frame(), tracker.history, tmp_path / "run.csv", str(tmp_path / "run.csv"))
    for runs in kinds:
        figure = pm.plot_training(runs, ["seeking", "entropy"], path=tmp_path / "run.png")
        shown = figure.axes[0].lines[0].get_ydata()
        assert shown == pytest.approx(tracker.to_frame()["seeking"])
    assert figure.axes[1].get_ylabel() == "entropy of actions (nats)"
    assert (tmp_path / "run.png").exists()


@pytest.mark.parametrize(
    ("runs", "more", "message"),
    [
        ({}, {}, "runs: expected 1 to 8 groups, found 0"),
        ([], {}, "runs: expected at least one run in each group"),
        ([run(1)], {"columns": "normalized"}, "columns: a run of these has no 'normalized'; did you mean 'normalised'"),
        ([run(1)], {"columns": []}, "columns: expected at least one"),
        ([run(1)], {"band": "rang"}, "band: unknown band 'rang'; did you mean 'range'"),
        ([run(1, (0, 10)), run(1, (20, 30))], {}, "whose steps overlap, found none"),
        ([3], {}, "runs: expected a tracker, a table or the path of one, found 3"),
        ("run.txt", {}, "runs: expected the path of a .csv file"),
        ([[{"normalised": 1.0}]], {}, "runs: expected a table with a column 'step'"),
    ],
)
def test_what_is_refused(runs, more, message):
    with pytest.raises(ValueError, match=message):
        pm.plot_training(runs, **more)
