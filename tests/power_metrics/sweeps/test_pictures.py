"""The figures of a sweep: which there are, what they show, and that they belong to the sweep."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
from power_metrics.sweeps import pictures
from power_metrics.sweeps.folder import written_files
from tests.power_metrics.small_sweeps import ONE, TWO

pytestmark = pytest.mark.slow


def names(folder):
    return sorted(path.name for path in (folder / "figures").iterdir())


def test_points_samples_and_curves(tmp_path):
    config = {**ONE, "noise": [0, 0.1], "keep_samples": 20}
    pm.sweep(config, tmp_path)
    points = [f"{kind}-{n:04}.png" for kind in ("point", "samples") for n in range(4)]
    assert names(tmp_path) == ["over-gamma.png", "over-noise.png", *points]
    for name in names(tmp_path):
        with Image.open(tmp_path / "figures" / name) as picture:
            assert np.ptp(np.asarray(picture.convert("L"))) > 100


def test_two_agents_and_values_that_are_no_numbers(tmp_path):
    pm.sweep({**TWO, "correlation": [0, 1]}, tmp_path / "two")
    assert names(tmp_path / "two") == ["over-correlation.png", "point-0000.png", "point-0001.png"]
    rewards = ["uniform(0, 1)", {"default": "uniform(0, 2)"}]
    pm.sweep({**ONE, "noise": 0, "gamma": 0.5, "reward": rewards}, tmp_path / "one")
    assert names(tmp_path / "one") == ["over-reward.png", "point-0000.png", "point-0001.png"]


def test_curves_show_the_results(tmp_path):
    result = pm.sweep({**ONE, "noise": [0.1]}, tmp_path, figures=False)
    assert not (tmp_path / "figures").exists()
    ((name, draw),) = pictures._curves(result)
    assert name == "over-gamma"
    figure = draw()
    assert figure.axes[0].get_title() == "POWER, mean over states, noise=0.1"
    line = figure.axes[0].get_lines()[0]
    assert line.get_xdata() == pytest.approx([0.5, 0.9])
    assert line.get_ydata() == pytest.approx([point.result.mean.mean() for point in result.points])


def test_results_of_any_measure_are_drawn(tmp_path):
    mapping = {**ONE, "measure": "optimality_probability", "noise": [0, 0.1], "num_samples": 20}
    result = pm.sweep(mapping, tmp_path)
    points = [f"point-{n:04}.png" for n in range(4)]
    assert names(tmp_path) == ["over-gamma.png", "over-noise.png", *points]
    figure = dict(pictures._curves(result))["over-gamma"]()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["noise=0", "noise=0.1"]
    line = figure.axes[0].get_lines()[0]
    assert line.get_ydata() == pytest.approx([p.result.summary()["probability"] for p in result.select(noise=0)])
    assert figure.axes[0].get_ylabel() == "probability"
    curve = {**ONE, "measure": "q_learning_curve", "noise": 0, "num_learners": 3, "steps": [[0, 5]]}
    del curve["num_samples"]
    result = pm.sweep(curve, tmp_path / "curve")
    assert names(tmp_path / "curve") == ["over-gamma.png", "point-0000.png", "point-0001.png"]
    line = dict(pictures._curves(result))["over-gamma"]().axes[0].get_lines()[0]
    assert line.get_ydata() == pytest.approx(list(result.summary()["power"]))


def test_every_combination_of_three_keys_appears_or_is_said_to_be_left_out(tmp_path, monkeypatch):
    mapping = {**ONE, "level": ["open_3x3", "corridor", "two_rooms"], "noise": [0, 0.2], "num_samples": 3}
    result = pm.sweep(mapping, tmp_path, figures=False)
    drawn = dict(pictures._curves(result))
    assert list(drawn) == ["over-level", "over-noise", "over-gamma"]
    for draw in drawn.values():
        figure = draw()
        seen = sum(len(container[0].get_xdata()) for ax in figure.axes for container in ax.containers)
        assert seen == len(result.points) == 12
    monkeypatch.setattr(pictures, "MAX_PANELS", 1)
    monkeypatch.setattr(pictures, "MAX_PICTURES", 1)
    figure = dict(pictures._curves(result))["over-gamma"]()
    assert "1 of 2 combinations of the other settings" in figure.get_supxlabel()


def test_of_many_points_some_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_POINTS", 3)
    pm.sweep({**ONE, "noise": [0, 0.1, 0.2, 0.3]}, tmp_path)
    assert names(tmp_path)[2:] == ["point-0000.png", "point-0004.png", "point-0007.png"]


def test_a_fresh_sweep_takes_away_figures_and_nothing_else(tmp_path):
    pm.sweep({**ONE, "noise": 0}, tmp_path)
    (tmp_path / "figures" / "mine.png").write_bytes(b"mine")
    assert len(written_files(tmp_path)) == 3 + 6
    pm.sweep({**ONE, "noise": 0, "gamma": 0.5}, tmp_path, fresh=True, figures=False)
    assert names(tmp_path) == ["mine.png"]


def test_an_interrupt_while_figures_are_drawn_says_that_the_points_are_done(tmp_path, monkeypatch):
    def interrupted(result, show):
        raise KeyboardInterrupt

    monkeypatch.setattr(pictures, "draw_figures", interrupted)
    with pytest.raises(KeyboardInterrupt, match="2 of 2 points done, and not all figures; run the same again"):
        pm.sweep({**ONE, "noise": 0}, tmp_path)
    assert len(pm.load_sweep(tmp_path).points) == 2
