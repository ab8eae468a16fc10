"""The folder of a sweep survives whatever happens to the run."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

import power_metrics as pm
import powerenvs.model.npz
from powerenvs.model.policy import Policy
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from tests.power_metrics.small_sweeps import (
    ONE,
    ROOT,
    SLOW,
    TWO,
    Stop,
    assert_same_results,
    interrupt_after,
    strays,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_figures")]

# Interruptions


@pytest.mark.slow
@pytest.mark.parametrize("mapping", [ONE, TWO], ids=["one agent", "two agents"])
def test_an_interrupted_sweep_goes_on(tmp_path, monkeypatch, mapping):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.raises(Stop):
            pm.sweep(mapping, tmp_path / "out")
    points = sorted((tmp_path / "out" / "points").iterdir())
    before = [path.read_bytes() for path in points]
    assert [path.name for path in points] == ["0000.npz", "0001.npz"]
    with pytest.raises(ValueError, match=r"points are missing \("):
        pm.load_sweep(tmp_path / "out")
    part = pm.load_sweep(tmp_path / "out", partial=True)
    result = pm.sweep(mapping, tmp_path / "out")
    assert result.num_resumed == len(part.points) > 0
    assert [path.read_bytes() for path in points] == before
    whole = pm.sweep(mapping, tmp_path / "whole")
    assert_same_results(tmp_path / "out", tmp_path / "whole")
    for point in part.points:
        same = whole.points[point.number].result
        assert type(same) is type(point.result)
        assert repr(same.to_frame()) == repr(point.result.to_frame())


@pytest.mark.slow
def test_a_killed_sweep_ends_with_the_results_of_an_uninterrupted_one(tmp_path):
    pm.sweep(SLOW, tmp_path / "whole")
    (tmp_path / "sweep.json").write_text(json.dumps(SLOW))
    code = f"import power_metrics as pm; pm.sweep({str(tmp_path / 'sweep.json')!r}, {str(tmp_path / 'out')!r}, figures=False)"
    rng = random.Random(time.time_ns())  # another moment each time the test runs
    least, killed = 0, 0
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
        try:
            while child.poll() is None and len(list((tmp_path / "out").glob("points/[0-9]*.npz"))) <= least:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.1))
            child.send_signal(signal.SIGKILL)
        finally:
            child.kill()
            killed += child.wait() == -signal.SIGKILL
        least = len(list((tmp_path / "out").glob("points/[0-9]*.npz"))) + rng.randrange(3)
    assert killed > 0
    result = pm.sweep(SLOW, tmp_path / "out")
    assert result.num_resumed > 0
    assert_same_results(tmp_path / "out", tmp_path / "whole")
    assert strays(tmp_path / "out") == []


def test_what_a_killed_write_leaves_is_taken_away_and_nothing_else(tmp_path):
    pm.sweep(ONE, tmp_path / "out")
    mine = [tmp_path / "out" / name for name in (".results-notes.txt", "points/.0001-x.npz", "points/mine.npz")]
    left = [tmp_path / "out" / name for name in (".results-ab_12cd3.npz", "points/.0001-abcdefgh.npz")]
    for path in (*mine, *left):
        path.write_text("")
    pm.sweep(ONE, tmp_path / "out")
    assert [path.exists() for path in mine] == [True] * 3
    assert [path.exists() for path in left] == [False] * 2


# What is in the way


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_samples": 61}, "num_samples: expected 60, as in the sweep that .* holds, found 61; choose another"),
        ({"gamma": [0.5, 0.9, 0.95]}, r"gamma: expected \[0.5, 0.9\], as in"),
        ({"seed": [0]}, r"seed: expected 0, as in the sweep that .* holds, found \[0\]"),
        ({"allow_all_equal": False}, "allow_all_equal: expected True"),
        ({"noise_bias": {"right": 0.0}}, "noise_bias: expected None"),
    ],
)
def test_the_folder_of_another_sweep_is_refused(tmp_path, changes, message):
    pm.sweep(ONE, tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    with pytest.raises(ValueError, match=message):
        pm.sweep({**ONE, **changes}, tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == before


def test_lists_in_another_order_are_another_sweep(tmp_path):
    pm.sweep(ONE, tmp_path / "out")
    other = {"gamma": ONE["gamma"], **ONE}
    with pytest.raises(ValueError, match=r"expected lists in the order noise, gamma, .* found gamma, noise"):
        pm.sweep(other, tmp_path / "out")


def test_the_name_and_the_description_are_no_part_of_the_numbers(tmp_path):
    pm.sweep(ONE, tmp_path / "out")
    result = pm.sweep({**ONE, "name": "other", "description": "New text."}, tmp_path / "out")
    assert result.num_resumed == 6
    assert pm.load_sweep(tmp_path / "out").config.description == "New text."


def test_fresh_deletes_what_is_ours_and_nothing_else(tmp_path):
    pm.sweep(ONE, tmp_path / "out")
    for name in ("notes.txt", "points/notes.txt", "heat_map.png"):
        (tmp_path / "out" / name).write_text("mine")
    result = pm.sweep({**ONE, "noise": 0.1}, tmp_path / "out", fresh=True)
    assert (result.num_resumed, len(result.points)) == (0, 2)
    assert sorted(p.name for p in (tmp_path / "out" / "points").iterdir()) == ["0000.npz", "notes.txt"]
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "out" / "heat_map.png").read_text() == "mine"


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_that_is_no_sweep_is_left_alone(tmp_path, fresh):
    (tmp_path / "results.csv").write_text("mine")
    with pytest.raises(ValueError, match=r"holds 'results\.csv' but no config\.yaml"):
        pm.sweep(ONE, tmp_path, fresh=fresh)
    (tmp_path / "config.yaml").write_text("server: local\n")
    with pytest.raises(ValueError, match=r"config\.yaml': expected the configuration of a sweep"):
        pm.sweep(ONE, tmp_path, fresh=fresh)
    assert (tmp_path / "results.csv").read_text() == "mine"
    assert (tmp_path / "config.yaml").read_text() == "server: local\n"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="folder: expected a folder, found the file"):
        pm.sweep(ONE, tmp_path / "file")


@pytest.mark.slow
def test_one_process_for_each_folder(tmp_path):
    code = f"""
        import sys
        from pathlib import Path
        from power_metrics.resumed.folder import locked
        with locked(Path({str(tmp_path / "out")!r})):
            print("locked", flush=True)
            sys.stdin.read()
    """
    words = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match="is in use by another process"):
            pm.sweep(ONE, tmp_path / "out")
        other.communicate()
    assert len(pm.sweep(ONE, tmp_path / "out").points) == 6


@pytest.mark.parametrize(("executor", "workers", "message"), [("proceses", None, "processes"), (None, 2, "workers: ")])
def test_executors_are_checked_first(tmp_path, executor, workers, message):
    with pytest.raises(ValueError, match=message):
        pm.sweep(ONE, tmp_path / "out", executor=executor, workers=workers)
    assert not (tmp_path / "out").exists()


# Damage


def damaged(data, how):
    middle = len(data) // 2
    return {
        "cut": data[:middle],
        "empty": b"",
        "text": b"no archive at all",
        "middle": data[:middle] + bytes(b ^ 0xFF for b in data[middle : middle + 16]) + data[middle + 16 :],
    }[how]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "empty", "text", "middle"])
def test_a_damaged_file_of_points_is_named_and_left_as_it_is(tmp_path, monkeypatch, how):
    pm.sweep(ONE, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.raises(Stop):
            pm.sweep(ONE, tmp_path / "out")
    path = tmp_path / "out" / "points" / "0001.npz"
    path.write_bytes(damaged(path.read_bytes(), how))
    broken = path.read_bytes()
    for attempt in (
        lambda: pm.sweep(ONE, tmp_path / "out"),
        lambda: pm.load_sweep(tmp_path / "out", partial=True),
    ):
        with pytest.raises(ValueError, match=r"0001\.npz': damaged .*delete it to have its points computed again"):
            attempt()
        assert path.read_bytes() == broken
    path.unlink()
    assert pm.sweep(ONE, tmp_path / "out").num_resumed == 2
    assert_same_results(tmp_path / "out", tmp_path / "whole")


@pytest.mark.slow
def test_damaged_results_are_written_anew_from_the_points(tmp_path):
    result = pm.sweep(ONE, tmp_path / "out")
    path = tmp_path / "out" / "results.npz"
    path.write_bytes(damaged(path.read_bytes(), "cut"))
    with pytest.raises(ValueError, match=r"results\.npz': damaged .*delete it and run the sweep again"):
        pm.load_sweep(tmp_path / "out")
    path.unlink()
    pm.sweep(ONE, tmp_path / "out")
    assert pm.load_sweep(tmp_path / "out").to_frame().equals(result.to_frame())


@pytest.mark.slow
@pytest.mark.parametrize("record", ["", "3", "[]", "{}", '{"runs": 3}', '{"runs": null}', '{"runs": {"a": 1}}'])
def test_a_record_that_tells_nothing_starts_anew(tmp_path, record):
    result = pm.sweep(ONE, tmp_path / "out")
    path = tmp_path / "out" / "record.json"
    path.write_text(record)
    assert pm.sweep(ONE, tmp_path / "out").to_frame().equals(result.to_frame())
    assert len(json.loads(path.read_text())["runs"]) == 1


@pytest.mark.slow
def test_any_changed_byte_is_noticed_or_harmless(tmp_path):
    result = pm.sweep({**ONE, "noise": 0}, tmp_path / "out")
    path = tmp_path / "out" / "results.npz"
    data, frame = path.read_bytes(), result.to_frame()
    rng = np.random.default_rng(0)
    messages = []
    for place in rng.integers(len(data), size=60).tolist():
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            loaded = pm.load_sweep(tmp_path / "out")
        except ValueError as error:
            messages.append(str(error))
        else:
            assert loaded.to_frame().equals(frame)
    assert len(messages) > 20
    assert all("results.npz" in message for message in messages)


def test_points_of_another_model_or_release_are_not_mixed_in(tmp_path, monkeypatch):
    PowerGrid("open_3x3").tables().save(tmp_path / "model.npz")
    mapping = {"name": "file", "environment": str(tmp_path / "model.npz"), "num_samples": 20, "gamma": [0.1, 0.2]}
    pm.sweep(mapping, tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr("power_metrics.sweeps.store.__version__", "99")
        with pytest.raises(ValueError, match=r"0000\.npz': made by release .*, this is 99; delete it"):
            pm.sweep(mapping, tmp_path / "out")
    PowerGrid("open_3x3", noise=0.1).tables().save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"0000\.npz': made with a model that has changed since; delete it"):
        pm.sweep(mapping, tmp_path / "out")


@pytest.mark.slow
def test_points_of_another_seed_policy_are_not_mixed_in(tmp_path):
    game = PowerPair("corridor", walls="absent").tables()
    policy = Policy.uniform(game, "ai")
    policy.save(tmp_path / "policy.npz")
    mapping = {**TWO, "seed_policy": str(tmp_path / "policy.npz")}
    pm.sweep(mapping, tmp_path / "out")
    assert pm.sweep(mapping, tmp_path / "out").num_resumed == 3
    policy.set(game.state_labels[0], "right")
    policy.save(tmp_path / "policy.npz")
    with pytest.raises(ValueError, match=r"0000\.npz': made with a seed policy that has changed since; delete it"):
        pm.sweep(mapping, tmp_path / "out")


@pytest.mark.slow
def test_points_in_the_file_of_others_are_refused(tmp_path):
    pm.sweep(ONE, tmp_path / "out")
    points = tmp_path / "out" / "points"
    (points / "0001.npz").write_bytes((points / "0000.npz").read_bytes())
    with pytest.raises(ValueError, match=r"0001\.npz': expected the points \[2, 3\], found \[0, 1\]; delete it"):
        pm.sweep(ONE, tmp_path / "out")


def test_a_folder_without_a_sweep_cannot_be_loaded(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected the folder of a sweep, with a config\.yaml"):
        pm.load_sweep(tmp_path)


# A full disk


@pytest.mark.slow
def test_a_full_disk_keeps_what_is_finished(tmp_path, monkeypatch):
    pm.sweep(ONE, tmp_path / "whole")
    save, calls = np.savez_compressed, itertools.count()

    def full(path, *args, **kwargs):
        if Path(path).parent.name == "points" and next(calls) == 1:
            Path(path).write_bytes(b"PK")  # the beginning of the file still fits
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(powerenvs.model.npz.np, "savez_compressed", full)
        with pytest.raises(OSError, match="No space left on device; finished points are kept") as caught:
            pm.sweep(ONE, tmp_path / "out")
    assert caught.value.errno == errno.ENOSPC
    assert Path(caught.value.filename).name == "0001.npz"
    assert [path.name for path in (tmp_path / "out" / "points").iterdir()] == ["0000.npz"]
    assert strays(tmp_path / "out") == []
    assert pm.sweep(ONE, tmp_path / "out").num_resumed == 2
    assert_same_results(tmp_path / "out", tmp_path / "whole")


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_keeps_what_is_finished(tmp_path):
    pm.sweep(ONE, tmp_path / "whole")
    largest = max(path.stat().st_size for path in (tmp_path / "whole" / "points").iterdir())
    limit = (largest + (tmp_path / "whole" / "results.npz").stat().st_size) // 2
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(ONE, sort_keys=False))
    words = [sys.executable, "-m", "power_metrics.cli", "sweep", "sweep.yaml", "--folder", "out"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("powerenvs: out/results.npz: ")
    assert "finished points are kept, and the same sweep run again goes on" in done.stderr
    assert not (tmp_path / "out" / "results.npz").exists()
    assert strays(tmp_path / "out") == []
    assert pm.sweep(ONE, tmp_path / "out").num_resumed == 6
    assert_same_results(tmp_path / "out", tmp_path / "whole")
