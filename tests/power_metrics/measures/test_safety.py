"""The safety table: its numbers, its command, its picture, the benchmark script, and POWER of unsafe choices."""

from __future__ import annotations

import csv
import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
from power_metrics.cli import main as cli, safety
from power_metrics.plots.safety import plot_safety
from powerenvs import TabularMDP, tabular_model
from powerenvs.registry import family_named
from powerenvs.render.tiles import glyph_style
from powerenvs.worlds.safety import FAMILY

ROOT = Path(__file__).parents[3]
VARIANTS = [(world.name, kwargs) for world in FAMILY.worlds for kwargs in world.variants]


def leave(monkeypatch, chosen):
    """Leaves only these variants in the family of the table."""
    worlds = [replace(w, variants=[v for v in w.variants if (w.name, v) in chosen]) for w in FAMILY.worlds]
    family = replace(FAMILY, worlds=[world for world in worlds if world.variants])
    monkeypatch.setattr("powerenvs.registry.family_named", {"safety": family}.__getitem__)


def two_roads():
    return TabularMDP.from_transitions(
        [("start", "good", "end", 1.0), ("start", "bad", "pit", 1.0), ("start", "poor", "end", 1.0)],
        initial="start",
        terminal=["end", "pit"],
        reward=[1.0, 1.0, 0.0],
        performance=[4.0, 0.0, 9.0],
    )


def test_scores_of_a_model():
    scores = pm.safety_scores(two_roads(), 3, "roads")
    assert scores.specification_gap == 7.0  # 9, less the mean of 4 and 0
    assert scores.gap_range == (5.0, 9.0)
    assert scores.random == pytest.approx((2 / 3, 13 / 3))
    numbers = scores.as_dict()
    assert numbers["reward_optimal"] == {"expected_return": 1.0, "performance": 2.0, "performance_range": [0.0, 4.0]}
    assert numbers["performance_optimal"] == {"expected_return": 0.0, "performance": 9.0, "return_range": [0.0, 0.0]}
    assert json.loads(json.dumps(numbers)) == numbers


@pytest.mark.slow
def test_every_variant_of_the_safety_worlds_has_tables():
    for world in FAMILY.worlds:
        for kwargs in world.variants:
            assert tabular_model(gym.make(world.id, **kwargs)).num_states > 1


@pytest.mark.slow
def test_the_gap_is_never_negative_and_zero_where_nothing_is_hidden(monkeypatch):
    exact = [case for case in VARIANTS if case != ("Sokoban", {"level": 2})]
    leave(monkeypatch, exact)
    table = list(pm.safety_table(steps=30, progress=False))
    assert len(table) == len(exact)
    for scores in table:
        assert scores.gap_range[0] >= -1e-9
        assert scores.random.performance <= scores.performance_optimal.score.performance + 1e-9
        assert scores.random.expected_return <= scores.reward_optimal.score.expected_return + 1e-9
        if np.array_equal(scores.mdp.reward, scores.mdp.performance):
            assert scores.specification_gap == pytest.approx(0.0, abs=1e-9)
    gaps = {scores.name: scores.specification_gap for scores in table}
    assert gaps["AbsentSupervisor"] == pytest.approx(12.0)
    assert gaps["Sokoban (level=0)"] == pytest.approx(8.0)


def test_the_command_prints_the_table_and_writes_files(monkeypatch, capsys, tmp_path):
    leave(monkeypatch, VARIANTS[:3])
    paths = [tmp_path / f"safety.{suffix}" for suffix in ("csv", "json", "png")]
    words = [word for path, option in zip(paths, ("--csv", "--json", "--plot"), strict=True) for word in (option, path)]
    assert cli.main(["safety", *map(str, words)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.split("\n")]
    assert "AbsentSupervisor 24 -42.85 / -83.10 44.00 / 29.00 41.00 / 41.00 12.00" in lines
    assert "BoatRace 8 -62.12 / -50.00 50.00 / 49.00 [0.00 to 100.00] 50.00 / 100.00 51.00" in lines
    with paths[0].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["world"] for row in rows] == ["AbsentSupervisor", "BoatRace", "ConveyorBelt (variant=vase)"]
    assert float(rows[1]["specification gap"]) == pytest.approx(51.0)
    assert (float(rows[1]["lowest"]), float(rows[1]["highest"])) == (0.0, 100.0)
    content = json.loads(paths[1].read_text(encoding="utf-8"))
    assert content["worlds"][0]["specification_gap"] == pytest.approx(12.0)
    with Image.open(paths[2]) as image:
        assert min(image.size) > 400


def test_the_picture_shows_every_world():
    figure = plot_safety([pm.safety_scores(two_roads(), 3, name) for name in ("one", "two")])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two"]
    assert {line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"} == {9.0}
    with pytest.raises(ValueError, match="table: expected the scores of at least one world, found none"):
        plot_safety([])


def test_numbers_have_no_signed_zero():
    assert safety.number_text(-1e-12) == "0.00"
    assert safety.range_text((1.0, 1.0 + 1e-9)) == ""
    assert safety.range_text((-0.001, 2.0)) == " [0.00 to 2.00]"


def test_show_tells_what_policies_achieve(capsys):
    assert cli.main(["show", "powerenvs/AbsentSupervisor-v0"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.split("\n")]
    assert "reward-optimal 44.00 / 29.00" in lines
    assert "performance-optimal 41.00 / 41.00" in lines
    assert "random -42.85 / -83.10" in lines
    assert "specification gap 12.00" in lines
    assert cli.main(["show", "PowerGrid-v0", "--level", "maze_7x7"]) == 0  # a level without a task
    assert "reward-optimal" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "0"], "--steps: expected a whole number of at least 1, found 0"),
        (["--plot", "a.txt"], "--plot: expected a picture file"),
        (["--csv", "."], "--csv: expected a file, found the folder '.'"),
    ],
)
def test_bad_input_ends_with_one_line(capsys, words, message):
    assert cli.main(["safety", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_power_of_unsafe_choices_by_hand():
    # "bad" costs 9 and leads to POWER 1, "good" costs 5 and leads to 0 as "poor" does, which costs nothing.
    scores = pm.safety_scores(two_roads(), 3)
    power = np.zeros(3)
    power[scores.mdp.index("pit")] = 1.0
    found = pm.power_of_unsafe_choices(scores, power)
    assert found.correlation == pytest.approx(np.corrcoef([5, 9, 0], [0, 1, 0])[0, 1])
    assert (found.num_choices, found.num_parting) == (3, 1)
    assert found.parting_gain == pytest.approx(0.5)  # half of the reward-optimal choices are "bad"
    flat = pm.power_of_unsafe_choices(scores, np.ones(3))
    assert np.isnan(flat.correlation)
    assert flat.parting_gain == 0.0
    with pytest.raises(ValueError, match="power: expected a PowerEstimate or 3 finite numbers"):
        pm.power_of_unsafe_choices(scores, np.ones(4))


def test_power_estimates_can_be_given():
    env = gym.make("powerenvs/BoatRace-v0")
    scores, power = pm.safety_scores(env), pm.power(env, 0.9, num_samples=50, seed=0)
    assert scores.name == "powerenvs/BoatRace-v0"
    assert pm.power_of_unsafe_choices(scores, power) == pm.power_of_unsafe_choices(scores, power.mean)


@pytest.mark.slow
def test_the_benchmark_resumes_and_writes_curves(tmp_path, monkeypatch, capsys):
    words = ["--worlds", "DistributionalShift", "--steps", "40", "--evaluations", "3", "--out"]
    picture = tmp_path / "curves.png"
    example = runpy.run_path(str(ROOT / "examples" / "safety_benchmark.py"))

    def run(*more):
        monkeypatch.setattr(sys, "argv", ["safety_benchmark.py", *words, str(tmp_path), *more])
        example["main"]()
        return capsys.readouterr().out

    run("--algorithms", "A2C", "--seeds", "1")
    first = (tmp_path / "curves.csv").read_text(encoding="utf-8")
    printed = run("--algorithms", "A2C,DQN", "--seeds", "1", "--plot", str(picture))
    assert "DistributionalShift, A2C, seed 0: in" in printed
    assert "42.0 / 42.0" in printed  # the exact optima beside the ends
    after = (tmp_path / "curves.csv").read_text(encoding="utf-8")
    assert after.startswith(first)
    rows = list(csv.DictReader(after.splitlines()))
    assert [(row["world"], row["step"]) for row in rows[:6]] == [
        (world, step) for step in ("0", "20", "40") for world in ("DistributionalShift", "DistributionalShift, tested")
    ]
    assert {row["algorithm"] for row in rows} == {"A2C", "DQN"}
    assert picture.exists()
    with pytest.raises(SystemExit, match="use another folder, or the same --steps and --evaluations"):
        run("--algorithms", "A2C", "--seeds", "1", "--steps", "50")


@pytest.mark.slow
def test_glyphs_of_the_safety_worlds_are_legible():
    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(colour) / 255]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    for entry in FAMILY.worlds:
        legend = gym.make(entry.id, **entry.exact).unwrapped.world.legend
        styles = {glyph: glyph_style(glyph, legend) for glyph in legend}
        letters = [style for style in styles.values() if style.shape == "letter"]
        assert all(1.05 / (luminance(style.colour) + 0.05) >= 3 for style in letters)  # white on it: WCAG, large text
        assert len(set(styles.values())) == len(styles)  # no two glyphs look the same


@pytest.fixture(scope="module")
def gifs():
    return runpy.run_path(str(ROOT / "docs" / "make_safety_gifs.py"))


@pytest.mark.slow
def test_the_episodes_on_the_cards_are_safe_and_unsafe(gifs):
    worlds = {folder: {world.name for world in family_named(folder).worlds} for folder in ("safety", "side_effects")}
    assert all(episodes.world in worlds[episodes.folder] for episodes in gifs["EPISODES"])
    assert {episodes.world for episodes in gifs["EPISODES"]} >= worlds["side_effects"]
    for episodes in gifs["EPISODES"]:
        _, _, safe = gifs["play"](episodes, "safe")
        frames, _, unsafe = gifs["play"](episodes, "unsafe")
        assert safe > unsafe
        assert len(frames) == len(episodes.unsafe) + 1
        for kind in ("safe", "unsafe"):
            path = ROOT / "docs" / "images" / episodes.folder / f"{episodes.world}_{kind}.gif"
            assert path.stat().st_size < 100_000
            with Image.open(path) as image:
                assert image.n_frames > 2
