"""``powerenvs sweep`` and ``powerenvs convert-config``: what they print and write, and how they refuse."""

from __future__ import annotations

import re
import sys

import pytest
import yaml

import power_metrics as pm
from powerenvs.extras import install_line

pytestmark = pytest.mark.usefixtures("no_figures")

SWEEP = {"name": "grid", "level": "open_3x3", "walls": "absent", "gamma": [0.5, 0.9], "num_samples": 50}
PAIR = {"name": "pair", "environment": "power_pair_v0", "walls": "absent", "correlation": [0, 1], "num_samples": 40}
POWERPLAY = {
    "name": "old",
    "program": "sweep.py",
    "parameters": {
        "mdp_graph": {"value": "3x3_gridworld"},
        "discount_rate": {"values": [0.1, 0.9], "names": ["0p1", "0p9"]},
        "reward_distribution": {"value": {"default_dist": {"dist_name": "uniform", "params": [0, 1]}}},
        "num_reward_samples": {"value": 30},
        "convergence_threshold": {"value": 0.0001},
    },
}


def write(folder, name, mapping):
    (folder / name).write_text(yaml.safe_dump(mapping, sort_keys=False), encoding="utf-8")


def test_a_sweep_prints_a_line_for_each_point_and_what_it_wrote(run, tmp_path):
    write(tmp_path, "grid.yaml", SWEEP)
    status, out, err = run("sweep", "grid.yaml")
    assert (status, err) == (0, "")
    lines = out.split("\n")
    assert lines[0] == "grid: 2 points, one agent, over gamma (2)"
    summary = pm.load_sweep("results/grid").summary()
    assert [line.split()[:2] for line in lines[2:4]] == [
        [f"{gamma:g}", f"{power:.6g}"] for gamma, power in zip(summary["gamma"], summary["power"], strict=True)
    ]
    written = re.findall(r"wrote (.*)", out)
    assert "results/grid/results.csv" in written
    assert all((tmp_path / path).is_file() for path in written)
    again = run("sweep", "grid.yaml")[1]
    assert "2 of the points were finished by an earlier run, and skipped" in again
    assert "skipped" not in run("sweep", "grid.yaml", "--fresh")[1]


def test_a_sweep_of_two_agents_prints_baselines_and_alignment(run, tmp_path):
    write(tmp_path, "pair.yaml", PAIR)
    status, out, err = run("sweep", "pair.yaml", "--folder", "here")
    assert (status, err) == (0, "")
    result = pm.load_sweep("here")
    line = next(line for line in out.split("\n") if line.startswith("1 "))
    human = result.points[1].result
    assert f"{human.average('human'):.4f} ± {human.average_error('human'):.4f}" in line
    assert f"{human.average('ai', baseline=True):.4f}" in line
    assert "1.000 to 1.000" in line


def test_a_sweep_over_any_measure_prints_its_summary(run, tmp_path):
    write(tmp_path, "odds.yaml", {**SWEEP, "name": "odds", "measure": "optimality_probability"})
    status, out, err = run("sweep", "odds.yaml")
    assert (status, err) == (0, "")
    lines = out.split("\n")
    assert lines[0] == "odds: 2 points of optimality_probability, one agent, over gamma (2)"
    row = pm.load_sweep("results/odds").summary().iloc[0]
    assert lines[2].split()[:2] == ["0.5", f"{row['probability']:.6g}"]
    rows = [line.split() for line in run("sweep", "odds.yaml", "--dry-run")[1].split("\n")]
    assert ["1", "0.9", "9", "50"] in rows


def test_a_dry_run_checks_and_prints_but_writes_nothing(run, tmp_path):
    write(tmp_path, "grid.yaml", SWEEP)
    status, out, err = run("sweep", "grid.yaml", "--dry-run")
    assert (status, err) == (0, "")
    rows = [line.split() for line in out.split("\n")]
    assert ["1", "0.9", "9", "50"] in rows
    assert re.search(r"about \d+ s on this machine", out)
    assert [path.name for path in tmp_path.iterdir()] == ["grid.yaml"]
    write(tmp_path, "grid.yaml", {**SWEEP, "gamma": [0.5, 2]})
    assert run("sweep", "grid.yaml", "--dry-run")[0] == 2


def test_an_open_number_of_samples_has_no_cost(run, tmp_path):
    write(
        tmp_path, "exact.yaml", {"name": "exact", "level": "open_3x3", "method": "enumeration", "reward": "bernoulli"}
    )
    status, out, _ = run("sweep", "exact.yaml", "--dry-run")
    assert status == 0
    assert "as it takes" in out
    assert "on this machine" not in out


@pytest.mark.parametrize(
    ("changes", "words", "message"),
    [
        ({"gama": 0.5}, (), "'grid.yaml': gama: unknown key; did you mean 'gamma'?"),
        ({"level": "open_3x4"}, (), "level: no shipped level is called 'open_3x4'; did you mean 'open_3x3'?"),
        ({"level": "..\n.?"}, (), "level: "),
        ({}, ("--executor", "proceses"), "executor: expected one of ('processes', 'ray'), found 'proceses'"),
        ({}, ("--workers", "2"), "workers: expected None without an executor, found 2"),
        ({}, ("--folder", "grid.yaml"), "folder: expected a folder, found the file 'grid.yaml'"),
    ],
)
def test_bad_input_ends_with_status_2_and_one_line(run, tmp_path, changes, words, message):
    write(tmp_path, "grid.yaml", {**SWEEP, **changes})
    status, out, err = run("sweep", "grid.yaml", *words)
    assert (status, out) == (2, "")
    assert err.startswith(f"powerenvs: {message}")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["grid.yaml"]


def test_a_missing_package_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    write(tmp_path, "grid.yaml", SWEEP)
    status, _, err = run("sweep", "grid.yaml", "--executor", "ray")
    assert (status, err.count("\n")) == (2, 1)
    assert install_line("ray") in err


def test_a_missing_file_is_named(run):
    assert run("sweep", "gone.yaml")[::2] == (2, "powerenvs: gone.yaml: No such file or directory\n")


def test_a_converted_configuration_runs(run, tmp_path):
    write(tmp_path, "old.yaml", POWERPLAY)
    status, out, err = run("convert-config", "old.yaml", "-o", "new.yaml")
    assert (status, out) == (0, "wrote new.yaml\n")
    assert "note: convergence_threshold: left out, since values are exact here\n" in err
    assert run("sweep", "new.yaml")[0] == 0
    assert len(pm.load_sweep("results/old").points) == 2
    assert run("convert-config", "old.yaml")[1] == (tmp_path / "new.yaml").read_text(encoding="utf-8")


def test_conversion_refuses_what_it_does_not_know_and_overwrites_nothing(run, tmp_path):
    write(tmp_path, "old.yaml", {**POWERPLAY, "parametres": {}})
    status, out, err = run("convert-config", "old.yaml", "-o", "new.yaml")
    assert (status, out) == (2, "")
    assert err.startswith("powerenvs: 'old.yaml': parametres: unknown key of a POWERplay configuration; did you mean")
    (tmp_path / "new.yaml").write_text("mine")
    write(tmp_path, "old.yaml", POWERPLAY)
    status, _, err = run("convert-config", "old.yaml", "-o", "new.yaml")
    assert (status, err.startswith("powerenvs: --output: expected a new file")) == (2, True)
    assert (tmp_path / "new.yaml").read_text() == "mine"


@pytest.mark.parametrize("command", ["sweep", "convert-config"])
def test_help_has_an_example(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"example:\n  powerenvs {command} " in out


def test_the_example_of_the_help_is_a_configuration(run, tmp_path):
    out = run("sweep", "--help")[1]
    lines = re.search(r"a list is a grid, as in\n\s*\n(.*?)\n\s*\n", out, flags=re.DOTALL)[1].split("\n")
    (tmp_path / "maze.yaml").write_text("\n".join(line.strip() for line in lines))
    assert len(pm.SweepConfig.from_file("maze.yaml").points) == 6
