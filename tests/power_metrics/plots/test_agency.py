"""Pictures and films of agency: what they show, several walks and priors, and over training."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
from power_metrics.plots import film_agency, plot_agency, plot_agency_measures
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.side_effects import Vase
from tests.power_metrics.plots.seen import faults

pytestmark = pytest.mark.slow
GRID = PowerGrid("S...\n.##.\n....").tables()
CLEAN = {"overlapping": [], "outside": [], "unlabelled": []}


def lines(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_walks_side_by_side_by_three_priors():
    found = {kind: pm.agency(GRID, kind, steps=9) for kind in ("shortest_path", "bounce")}
    figure = plot_agency(found, priors=[0.1, 0.5, 0.9], title="walks")
    assert faults(figure) == CLEAN
    boards = [ax for ax in figure.axes if ax.get_title()]
    posteriors = [ax for ax in figure.axes if ax.get_ylabel() == "P(agent)"]
    for ax, posterior, one in zip(boards, posteriors, found.values(), strict=True):
        assert float(ax.get_title().partition(": ")[2]) == pytest.approx(one.probability[-1], rel=0.01)
        walked = next(line for line in ax.lines if line.get_gid() == "walk").get_xydata()
        assert np.array_equal(walked[:, ::-1], np.array(one.walk.labels(), dtype=float))
        for prior in (0.1, 0.5, 0.9):
            own = pm.agency(GRID, one.walk, prior=prior).probability
            assert np.allclose(lines(posterior)[f"prior {prior:g}"].get_ydata(), own, atol=1e-12)
    shown = boards[0].images[-1].get_array()
    goal = tuple(found["shortest_path"].walk.labels()[-1])
    assert shown[goal] == pytest.approx(found["shortest_path"].goals.max())


def test_one_walk_by_other_classes_and_without_a_board_or_steps():
    walk = pm.trajectory(GRID, "noisy_goal_seeker", seed=2)
    by = {"default": pm.agency(GRID, walk), "bare": pm.agency(GRID, walk, devices=["uniform"])}
    figure = plot_agency({"walk": by})
    assert faults(figure) == CLEAN
    assert set(lines(figure.axes[0])) == {"default", "bare"}
    for empty in (pm.agency(GRID, []), pm.agency(TabularMDP.from_transitions([("a", "x", "a", 1.0)]), [])):
        assert faults(empty.plot()) == CLEAN
    for wrong in ({}, 3, {"walk": {}}, {"walk": {"a": by["bare"], "b": pm.agency(GRID, "bounce")}}):
        with pytest.raises(ValueError, match="result: expected"):
            plot_agency(wrong)
    for priors in ([], [2.0], ["a"]):
        with pytest.raises(ValueError, match="priors: expected"):
            plot_agency(by["bare"], priors=priors)
    with pytest.raises(ValueError, match="found several"):
        plot_agency({"walk": by}, priors=[0.5])


def test_states_that_share_a_cell_share_its_colour():
    found = pm.agency(Vase(), "shortest_path")
    shown = plot_agency(found).axes[2].images[-1].get_array()
    assert shown.sum() == pytest.approx(found.goals[np.all(found.model.cells >= 0, axis=1)].sum())


def test_a_film_has_a_picture_of_each_step(tmp_path):
    path = tmp_path / "walk.gif"
    walk = pm.trajectory(GRID, "shortest_path")
    film_agency(GRID, walk, path)
    with Image.open(path) as film:
        assert film.n_frames == walk.num_steps + 1
    film_agency(GRID, "bounce", path, steps=30, max_frames=4)
    with Image.open(path) as film:
        assert film.n_frames == 4
    for arguments, message in (
        ((GRID, [], path), "trajectory: expected at least one state"),
        ((GRID, walk, tmp_path / "x.png"), "x.png"),
        (
            (TabularMDP.from_transitions([("a", "x", "a", 1.0)]), [("a", "x")], path),
            "env: expected a model with a board",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            film_agency(*arguments)


def test_measures_of_policies_and_over_training():
    measured = pm.agency_measures(GRID, num_samples=50, episodes=20, steps=10)
    figure = measured.plot()
    assert faults(figure) == CLEAN
    widths = [bar.get_width() for bar in figure.axes[4].patches]
    assert widths == pytest.approx(measured.power.tolist())
    runs = []
    for seed in range(2):
        tracker, rng = pm.PowerTracker(GRID, gamma=0.9), np.random.default_rng(seed)
        for step in (0, 50, 100):
            tracker.evaluate(rng.dirichlet(np.ones(5), size=GRID.num_states), step)
        runs.append(pm.agency_over_training(tracker, num_samples=50, episodes=20, steps=10))
    figure = plot_agency_measures({"random": runs}, title="training")
    assert faults(figure) == CLEAN
    mean = np.mean([run.meg for run in runs], axis=0)
    assert any(np.allclose(line.get_ydata(), mean) for line in figure.axes[1].lines)
    assert faults(runs[0].plot()) == CLEAN
    for wrong in ({}, 3, {"a": []}, {"a": [measured]}):
        with pytest.raises(ValueError, match="result: expected"):
            plot_agency_measures(wrong)
