"""``powerenvs doctor``: what is installed, what is missing, what an extra gives."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

from power_metrics.cli import doctor
from power_metrics.cli.main import main

ROOT = Path(__file__).parents[3]


def test_every_extra_is_explained():
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert set(doctor.EXTRAS) == set(config["options.extras_require"]) - {"dev"}


def test_what_is_installed(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "numpy" in out
    assert "starlette" in out
    assert "compiled kernels  kept in" in out
    assert "corrupt_reward, labs, power" in out


@pytest.mark.parametrize(
    ("needed", "message"),
    [
        ({"no-such-package": "1.0"}, "no-such-package missing"),
        ({"numpy": "999"}, "is older than 999"),
    ],
)
def test_what_is_missing(needed, message, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "requirements", lambda: (needed, {"labs": {"no-such-package": "1.0"}}))
    assert main(["doctor"]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "[labs]" in printed.out  # the line that installs it


def test_requirements_are_read_from_what_was_installed(monkeypatch):
    lines = ["numpy>=2.0", "ray[rllib]>=2.54 ; extra == 'rllib'", 'pygame-ce>=2.5; extra == "render"']
    monkeypatch.setattr(doctor, "requires", lambda name: lines)
    assert doctor.requirements() == ({"numpy": "2.0"}, {"rllib": {"ray": "2.54"}, "render": {"pygame-ce": "2.5"}})


def test_not_installed(monkeypatch, capsys):
    def none(name):
        raise doctor.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", none)
    assert main(["doctor"]) == 2
    assert "pip install -e ." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("found", "bound", "ok"),
    [("2.13.0+cpu", "2.13", True), ("3.8.3", "3.8.4", False), ("10.0", "9.9", True), ("4.0b3", "4.0", True)],
)
def test_versions_are_compared_as_numbers(found, bound, ok):
    assert (doctor._state(found, bound) == "ok") == ok
