"""``powerenvs game``: names, files, results of matches, worlds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
from tests.power_metrics.games.test_worlds import results


def words(line):
    return [word for word in line.split("  ") if word]


def test_a_game_by_name(run, tmp_path):
    plot, found, out = tmp_path / "battle.png", tmp_path / "battle.json", tmp_path / "battle.nfg"
    status, printed, _ = run("game", "battle_of_the_sexes", "--plot", plot, "--json", found, "--out", out)
    assert status == 0
    assert "opera 0.6, movies 0.4  opera 0.4, movies 0.6  1.2, 1.2" in printed
    values = json.loads(found.read_text())
    assert values["combined"] == [[[1, 0], [1, 0]], [[0, 1], [0, 1]], [[0.6, 0.4], [0.4, 0.6]]]
    assert values["counterparts"] == [[[1, 0], [0, 1], [0.4, 0.6]], [[1, 0], [0, 1], [0.6, 0.4]]]
    with Image.open(plot) as picture:
        assert picture.width > 1000
    assert pm.games.load(out) == pm.games.named("battle_of_the_sexes")
    assert run("game", out)[1] == printed.partition("\nwrote")[0] + "\n"


def test_what_does_not_decompose_has_its_reason(run):
    assert "after permuting columns to 2, 1 it decomposes" in run("game", "chicken")[1]


def test_results_of_matches(run, tmp_path):
    path = results(tmp_path, pm.games.named("stag_hunt"), 10, 0.1)
    status, printed, _ = run("game", path)
    assert status == 0
    assert "Of 200 draws of the results" in printed
    assert printed.count("100%") == 3


def test_a_world(run, tmp_path):
    found = tmp_path / "found.json"
    status, _, _ = run("game", "stag_hunt", "--world", "--num-samples", 50, "--json", found)
    assert status == 0
    values = json.loads(found.read_text())
    assert values["strategies"] == [["random", "optimal", "power"]] * 2
    assert values["A"][1][1] == pytest.approx(0.9)
    assert pytest.approx(np.array(values["B"])) == np.array(values["A"]).T
    status, _, _ = run("game", "matrix_game", "--world", "--payoff", "power", "--num-samples", 20)
    assert status == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["chiken"], "did you mean 'chicken'"),
        (["chicken", "--gamma", "0.9"], "--gamma: goes with --world only"),
        (["chicken", "--kwarg", "level=S"], "--kwarg: goes with --world only"),
        (["one_kei", "--world"], "ID: expected a game"),
        (["nowhere.csv"], "No such file"),
        (["chicken", "--dynamics", "imitation", "--plot", "x.png"], "no dynamics 'imitation'"),
        (["chicken", "--out", "game.txt"], "ends in .nfg or .csv"),
    ],
)
def test_bad_input_ends_with_status_2(run, given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, error = run("game", *given)
    assert status == 2
    assert message in error
    assert list(tmp_path.iterdir()) == []
