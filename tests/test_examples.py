"""The examples run, with few steps, and find what they say they do."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from powerenvs.formats.npz import load_arrays

EXAMPLES = Path(__file__).parent.parent / "examples"

torch.set_num_threads(1)


@pytest.fixture
def run(tmp_path, capsys):
    """Runs an example with these options; returns its folder and what it printed."""

    def start(name, *options):
        example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
        example["main"](example["parser"].parse_args([*map(str, options), "--out", str(tmp_path)]))
        return tmp_path, capsys.readouterr().out

    return start


def test_sb3_ppo_power(run):
    out, printed = run("sb3_ppo_power", "--steps", 4_000, "--level", "corridor", "--prize", "")
    history = pandas.read_csv(out / "history.csv")
    assert history["step"].tolist() == [0, 2_048, 4_096]
    assert history["return_exact"].iloc[-1] > history["return_exact"].iloc[0]
    comparison = json.loads((out / "comparison.json").read_text())
    assert comparison["policies"]["learned"]["normalised"] == pytest.approx(history["normalised"].iloc[-1])
    with Image.open(out / "comparison.png") as picture, Image.open(out / "occupancy.gif") as film:
        assert picture.width > 1_000
        assert film.n_frames == 3
    assert (out / "model.zip").exists()
    assert "least power-seeking" in printed


def test_cleanrl_style_ppo(run):
    out, printed = run("cleanrl_style_ppo", "--steps", 8_192, "--level", "corridor")
    arrays, _ = load_arrays(out / "history.npz", "PowerTracker")
    assert arrays["step"].tolist() == [8_192]
    assert arrays["counts"].sum() == 8_192
    optimal = float(arrays["return_task_optimal"][0])
    assert arrays["return_exact"][0] > 0.5 * optimal
    assert "task-optimal" in printed


def test_q_learning_loop(run):
    out, printed = run("q_learning_loop", "--steps", 8_000, "--level", "corridor")
    history = pandas.read_csv(out / "history.csv")
    assert history["return_exact"].iloc[-1] == pytest.approx(history["return_task_optimal"].iloc[-1])
    assert history["normalised"].iloc[-1] == pytest.approx(history["normalised_task_optimal"].iloc[-1])
    assert "mean POWER of the states met" in printed


def test_maskable_ppo(run):
    out, printed = run("maskable_ppo", "--steps", 2_048, "--level", "corridor")
    assert "probability on moves that do not exist: 0.0" in printed
    assert len(pandas.read_csv(out / "history.csv")) == 2


def test_learned_power_curve(run):
    out, printed = run("learned_power_curve", "--learners", 100, "--steps", 0, 1_000, 5_000)
    curves = json.loads((out / "curves.json").read_text())
    for level in ("open_3x3", "maze_7x7"):
        assert np.all(np.diff(curves[level]["power"]) > 0)
        assert curves[level]["largest_gap"][-1] < 0.01
        assert (out / f"{level}.png").exists()
    assert printed.count("within 1 % of its optimal POWER") == 2


def test_power_seeking_over_training_has_opposite_signs(run):
    """PPO seeks POWER where the task leads through the hub, gives it up where the task does, as optimal policies do."""
    out, _ = run("power_seeking_over_training", "--steps", 20_000, "--seeds", 1)
    scores = json.loads((out / "scores.json").read_text())
    hub, end = scores["prize beyond the hub"], scores["goal in the dead end"]
    assert hub["learned"][0] > 0 > end["learned"][0]
    for task in (hub, end):
        assert task["learned"][0] == pytest.approx(task["task_optimal"], abs=0.05)
    assert len(list(out.glob("*.csv"))) == 2
    assert (out / "power_seeking.png").exists()


def test_two_agents_published(run):
    out, printed = run("two_agents_published", "--samples", 200)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.split("\n") if line[:1] == "|"]
    published, ours = ([row for row in rows if row[3:4] == [kind]] for kind in ("published", "ours"))
    assert [row[:3] for row in published] == [row[:3] for row in ours]
    for theirs, found in zip(published, ours, strict=True):
        for number, wanted in zip(found[5:9], theirs[5:9], strict=True):
            assert not wanted or abs(float(number) - float(wanted)) < 0.04
    assert "At ρ = -1 the two POWERs sum to 1 in every state" in printed
    with Image.open(out / "two_agents_correlation.png") as picture:
        assert picture.width > 1_000
