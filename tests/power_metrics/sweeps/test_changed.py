"""Folders that somebody changes: a configuration that says something else than the points, a folder that moves."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import power_metrics as pm
from power_metrics.cli import main as cli
from power_metrics.sweeps import run as sweeps_run
from powerenvs.model.npz import load_arrays, save_arrays
from tests.power_metrics.small_sweeps import ONE, assert_same_results

pytestmark = pytest.mark.usefixtures("no_figures")

SMALL = {"name": "small", "level": "open_3x3", "gamma": [0.5, 0.9], "num_samples": 20}
PAIR = {"name": "pair", "environment": "power_pair_v0", "level": "...", "walls": "absent", "gamma": 0.6}
PAIR |= {"correlation": [0, 0.5], "num_samples": 20}
SAVED = Path(__file__).parents[1] / "data" / "sweeps"

CHANGES = [
    ("0.5, 0.9", "0.1, 0.9", "gamma: it says 0.1, but point 0 was made with 0.5"),
    ("0.5, 0.9", "0.9, 0.5", "gamma: it says 0.9, but point 0 was made with 0.5"),
    ("0.5, 0.9", "0.5", "expected more than 1 points, since that one is finished, found 1"),
    ("num_samples: 20", "num_samples: 100000", "num_samples: it says 100000, but point 0 was made with 20"),
    ("seed: 0", "seed: 1", "seed: it says 1, but point 0 was made with 0"),
    ("uniform(0, 1)", "uniform(-5, 5)", r"reward: it says .uniform\(-5, 5\)., but point 0 was made with .[Uu]niform"),
    ("monte_carlo", "sobol", "method: it says .sobol., but point 0 was made with .monte_carlo"),
]
"""Those that results tell of themselves, so that files of old releases are checked for them too."""

MARKED = [
    ("level:", "noise: 0.5\nlevel:", "noise: it says 0.5, but point 0 was made with nothing"),
    ("level: open_3x3\n", "", "level: it says nothing, but point 0 was made with .open_3x3"),
    (
        "allow_all_equal: true",
        "allow_all_equal: false",
        "allow_all_equal: it says false, but point 0 was made with true",
    ),
    (
        "uniform(0, 1)",
        "{states: {'(0, 0)': 'uniform(0, 2)', '(0, 1)': 'beta(1, 2)', '(0, 2)': 'beta(2, 2)'}}",
        "reward: it says sha256 ",
    ),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    pm.sweep(SMALL, folder / "small", progress=False, figures=False)
    pm.sweep(PAIR, folder / "pair", progress=False, figures=False)
    return folder


def without_marks(path):
    """Makes a file what release 0.2.0 wrote."""
    kind = "SweepResults" if path.stem == "results" else "SweepUnit"
    arrays, header = load_arrays(path, kind)
    entries = header["content"] if kind == "SweepResults" else header["content"]["points"]
    for entry in entries.values():
        del entry["settings"]
    save_arrays(
        path, kind, arrays, {k: v for k, v in header.items() if k not in ("kind", "version")}, header["version"]
    )


@pytest.mark.parametrize(
    ("old", "new", "message", "marked"),
    [(*change, marked) for marked in (True, False) for change in CHANGES] + [(*change, True) for change in MARKED],
)
def test_old_numbers_are_not_given_new_settings(tmp_path, finished, old, new, message, marked):
    shutil.copytree(finished / "small", tmp_path / "out")
    if not marked:
        for path in (tmp_path / "out").rglob("*.npz"):
            without_marks(path)
    assert len(pm.load_sweep(tmp_path / "out").points) == 2
    path = tmp_path / "out" / "config.yaml"
    text = path.read_text()
    path.write_text(text.replace(old, new))
    assert path.read_text() != text
    for _ in range(2):  # from all results, then from those of the points
        with pytest.raises(ValueError, match=message):
            pm.load_sweep(tmp_path / "out", partial=True)
        with pytest.raises(
            ValueError, match=rf"{message}|0000\.npz': (made with a model that has changed|expected the)"
        ):
            pm.sweep(path, tmp_path / "out")
        (tmp_path / "out" / "results.npz").unlink(missing_ok=True)
    path.write_text(text)
    assert pm.sweep(path, tmp_path / "out").num_resumed == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0, 0.5", "0, 0.7", "correlation: it says 0.7, but point 1 was made with 0.5"),
        ("gamma: 0.6", "gamma: 0.7", "gamma: it says 0.7, but point 0 was made with 0.6"),
        ("seed_policy: uniform", "seed_policy: best_response", "seed_policy: it says .best_response., but"),
        ("rounds: 1", "rounds: 2", "rounds: it says 2, but point 0 was made with 1"),
    ],
)
def test_nor_those_of_two_agents(tmp_path, finished, old, new, message):
    shutil.copytree(finished / "pair", tmp_path / "out")
    path = tmp_path / "out" / "config.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        pm.load_sweep(tmp_path / "out")


@pytest.mark.parametrize(("key", "other"), [("gamma", [0.4, 0.9]), ("seed", 3), ("num_samples", 500)])
def test_nor_are_folders_of_release_0_1(tmp_path, key, other):
    shutil.copytree(SAVED / "one", tmp_path / "out")
    path = tmp_path / "out" / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), key: other}, sort_keys=False))
    with pytest.raises(ValueError, match=f"{key}: it says .*, but point 0 was made with"):
        pm.load_sweep(tmp_path / "out")


def test_a_configuration_that_is_changed_while_it_runs_is_written_as_it_ran(tmp_path, monkeypatch):
    solve = sweeps_run.solve

    def changing(*arguments, **options):
        path = tmp_path / "out" / "config.yaml"
        path.write_text(path.read_text().replace("num_samples: 60", "num_samples: 9000"))
        return solve(*arguments, **options)

    monkeypatch.setattr(sweeps_run, "solve", changing)
    pm.sweep(ONE, tmp_path / "out")
    assert pm.load_sweep(tmp_path / "out").points[0].settings["num_samples"] == 60


@pytest.mark.parametrize("how", ["renamed", "deleted", "replaced"])
def test_a_folder_that_goes_away_is_an_error_and_goes_on_where_it_is(tmp_path, monkeypatch, how):
    out, solve, calls = tmp_path / "out", sweeps_run.solve, []

    def leaving(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            if how == "deleted":
                shutil.rmtree(out)
            else:
                out.rename(tmp_path / "elsewhere")
            if how == "replaced":
                out.mkdir()
        return solve(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(sweeps_run, "solve", leaving)
        with pytest.raises(OSError, match=r"renamed or deleted while the sweep ran; .* goes on"):
            pm.sweep(ONE, out)
    assert how == "replaced" or not out.exists()
    assert how != "replaced" or list(out.iterdir()) == []
    place = out if how == "deleted" else tmp_path / "elsewhere"
    assert pm.sweep(ONE, place).num_resumed == (0 if how == "deleted" else 2)
    pm.sweep(ONE, tmp_path / "whole")
    assert_same_results(place, tmp_path / "whole")


def test_fresh_deletes_nothing_behind_a_link(tmp_path):
    pm.sweep(SMALL, tmp_path / "out")
    (tmp_path / "out" / "points").rename(tmp_path / "mine")
    (tmp_path / "out" / "points").symlink_to(tmp_path / "mine")
    with pytest.raises(ValueError, match=r"fresh: .*points' is a link to another folder, in which nothing is deleted"):
        pm.sweep(SMALL, tmp_path / "out", fresh=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["0000.npz"]


def test_an_empty_folder_name_is_not_the_folder_one_is_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="folder: expected a path, found an empty text"):
        pm.sweep(SMALL, "")
    assert list(tmp_path.iterdir()) == []


def test_a_record_of_deep_json_starts_anew(tmp_path):
    pm.sweep(SMALL, tmp_path / "out")
    path = tmp_path / "out" / "record.json"
    path.write_text("[" * 100_000)
    pm.sweep(SMALL, tmp_path / "out")
    assert len(json.loads(path.read_text())["runs"]) == 1


@pytest.mark.parametrize("key", ["gamma", "seed"])
def test_long_lists_are_checked_in_no_time(key):
    """40,000 values took 16 seconds when each was looked for in the whole list."""
    values = (np.arange(40_000) / 40_000).tolist() if key == "gamma" else list(range(40_000))
    assert len(pm.SweepConfig.from_dict({**SMALL, "gamma": 0.9, key: values}).values[key]) == 40_000
    with pytest.raises(ValueError, match=f"{key}: expected different values, found {values[1]} twice"):
        pm.SweepConfig.from_dict({**SMALL, "gamma": 0.9, key: [*values, values[1]]})


@pytest.mark.parametrize("name", ["evil_module:X-v0", "evil_module.py:X", "evil_module.deep:X-v0"])
def test_other_peoples_configurations_run_no_code(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil_module.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    (tmp_path / "sweep.yaml").write_text(f"name: a\nenvironment: {name}\n")
    for attempt in (
        lambda: pm.SweepConfig.from_file("sweep.yaml"),
        lambda: pm.sweep({"name": "a", "environment": name}, "out"),
    ):
        with pytest.raises(ValueError, match=r"environment: .* runs the code of .*--allow-imports"):
            attempt()
    assert cli.main(["sweep", "sweep.yaml"]) == 2
    assert "--allow-imports" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()
    if name == "evil_module:X-v0":
        assert cli.main(["sweep", "sweep.yaml", "--allow-imports"]) == 2  # for it has no such id
        assert (tmp_path / "ran").exists()
        sys.modules.pop("evil_module")
