"""``powerenvs bench``: every number it prints is one that was measured."""

from __future__ import annotations

import re
from functools import partial

import pytest

from powerenvs.worlds.power import turner_figure_1

FEW = ("--num-samples", "8")


@pytest.fixture
def bench(run, monkeypatch):
    """Runs ``powerenvs bench`` with short rounds; gives its status, standard output and standard error."""
    monkeypatch.setattr("power_metrics.cli.bench.ROUNDS", 1)
    monkeypatch.setattr("power_metrics.cli.bench.NUM_STEPS", 200)
    monkeypatch.setattr("power_metrics.cli.bench.NUM_ENVS", 16)
    return partial(run, "bench")


@pytest.mark.slow
def test_a_registered_world(bench):
    status, out, err = bench("PowerGrid-v0", "--level", "maze_7x7", "--gamma", 0.5, 1, *FEW)
    assert (status, err) == (0, "")
    assert "PowerGrid-v0 (level=maze_7x7): 31 states, kernel 'stay_put'" in out
    header, *rows = (line.split() for line in out.split("\n\n")[1].splitlines())
    assert header == ["gamma", "reward", "functions", "solver", "pm.power"]
    assert [(row[0], row[1]) for row in rows] == [("0.5", "8"), ("1", "8")]
    assert all(float(number) > 0 for row in rows for number in row[2:])
    steps = re.search(r"steps per CPU second: ([\d,]+) by gym.make, ([\d,]+) by 16 copies", out)
    assert all(int(number.replace(",", "")) > 0 for number in steps.groups())


def test_the_number_of_reward_functions_follows_what_one_takes(bench, monkeypatch):
    monkeypatch.setattr("power_metrics.cli.bench.SECONDS", 1e9)
    monkeypatch.setattr("power_metrics.cli.bench.MOST", 99)
    status, out, _ = bench("--gamma", 0.9)
    assert status == 0
    assert re.search(r"^ +0\.9 +99 ", out, re.MULTILINE)


def test_a_file_on_torch(bench, tmp_path):
    turner_figure_1().save(tmp_path / "model.npz")
    status, out, _ = bench(tmp_path / "model.npz", "--gamma", 0.9, "--device", "cpu", *FEW)
    assert status == 0
    assert "torch on cpu" in out
    assert "steps per CPU second" not in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--gamma", 2), "--gamma: expected a discount"),
        (("--num-samples", 0), "--num-samples: expected"),
        (("--device", "cpu", "--gamma", 1), "--device: expected discounts below 1"),
        (("--device", "abacus"), "device: expected"),
        (("NoSuch-v0",), "NoSuch"),
    ],
)
def test_refusals(bench, words, message):
    status, out, err = bench(*words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
