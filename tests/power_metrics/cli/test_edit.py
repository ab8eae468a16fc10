"""``powerenvs edit`` and ``powerenvs app`` from the shell: what they refuse, and what the page begins with."""

from __future__ import annotations

import importlib.util

import pytest

import power_metrics as pm
from power_metrics.app.requests import cell_rewards, request_of
from power_metrics.cli import main as cli
from powerenvs import EditedWorld
from powerenvs.extras import install_line


@pytest.fixture
def served(monkeypatch):
    """What the server would be started with."""
    from power_metrics.app import run

    calls = []
    monkeypatch.setattr(run, "serve", lambda *args, **options: calls.append((args, options)))
    return calls


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["edit", "maze_7x8"], "did you mean 'maze_7x7'"),
        (["edit", "no_file.txt"], "no_file.txt: No such file"),
        (["edit", "open_3x3", "--noise", "2"], "noise: expected a number from 0 to 1"),
        (["edit", "open_3x3", "--gamma", "2"], "--gamma: expected a discount"),
        (["edit", "open_3x3", "--pair", "--gamma", "1"], "--gamma: expected a discount below 1"),
        (["edit", "open_3x3", "--correlation", "0.5"], "--correlation: goes with two agents only"),
        (["edit", "open_3x3", "--pair", "--correlation", "2"], "--correlation: expected a number from -1 to 1"),
        (["edit", "open_3x3", "--samples", "1"], "--samples: expected a whole number of at least 2"),
        (["edit", "open_3x3", "--no-overlaps"], "overlaps: expected True"),
        (["app", "--port", "70000"], "--port: expected a number from 0 to 65535"),
        (["app", "--workers", "0"], "--workers: expected a whole number of at least 1"),
        (["app", "--results", "nowhere"], "--results: expected a folder, found 'nowhere'"),
        (["app", "--folder", "file"], "--folder: expected a folder, found the file 'file'"),
    ],
)  # fmt: skip
def test_refusals(words, message, capsys, monkeypatch, tmp_path, served):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err
    assert served == []


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "websockets"])
def test_a_missing_package_is_said_with_the_command_that_installs_it(package, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest))
    for words in (["edit"], ["app"], ["app", "--labels", "none"]):
        assert cli.main(words) == 2
        assert install_line("app") in capsys.readouterr().err


def test_the_page_begins_with_the_level_of_a_file_and_saves_beside_it(served, tmp_path):
    path = tmp_path / "level.txt"
    cut = EditedWorld("...\n...").remove((0, 0), "down")
    cut.save(path)
    words = ["edit", str(path.with_suffix(".npz")), "--gamma", "0.8", "--samples", "50", "--seed", "3", "--no-browser"]
    assert cli.main(words) == 0
    [((host, port, folder, results, workers, state), options)] = served
    assert (host, port, folder, results, workers) == ("127.0.0.1", 8765, str(tmp_path), None, 2)
    assert options == {"browser": False, "token": False, "labelling": None}
    assert state["source"]["name"] == "level.txt"
    request = {name: state[name] for name in ("source", "measure", "settings", "keep")}
    expected = pm.power(cut.model(), 0.8, rewards=cell_rewards(cut.model(), 50, 3), progress=False)
    assert request_of(request).result() == expected


def test_two_agents_begin_with_their_measure(served):
    assert cli.main(["edit", "..", "--pair", "--correlation", "-1", "--samples", "4", "--folder", "mine"]) == 0
    [(args, _)] = served
    assert args[2] == "mine"
    state = args[-1]
    assert (state["measure"], state["settings"]["correlation"]) == ("multiagent_power", -1)
    request = {name: state[name] for name in ("source", "measure", "settings", "keep")}
    assert request_of(request).result().num_samples == 4
