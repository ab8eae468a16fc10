"""Odd input of every kind gets a right answer or a clear error; ``python -m tests.fuzz`` tries many more."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import power_metrics as pm
from tests.fuzz import calls
from tests.fuzz.calls import CALLS
from tests.fuzz.functions import Given, check_call
from tests.fuzz.harness import Target, run
from tests.fuzz.targets import TARGETS

INPUTS = 150


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_usual_arguments_are_accepted(name, tmp_path):
    """Else nothing odd about one of them would ever be looked at.

    It stands first, so that loops are compiled here and not within the time limit of odd input.
    """
    check_call(Given(name, dict(CALLS[name].arguments()), same=True), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_odd_input_is_answered_or_refused(target, tmp_path):
    tally = run(target, range(INPUTS), 1, tmp_path / "input")
    assert tally.bugs == {}
    assert tally.accepted + tally.refused == INPUTS
    assert tally.refused > 0


def test_every_public_function_is_called():
    """All but `pm.measure`, which decorates what others write."""
    source = Path(calls.__file__).read_text(encoding="utf-8")
    functions = [name for name in pm.__all__ if inspect.isfunction(getattr(pm, name)) and name != "measure"]
    assert [name for name in functions if f"pm.{name}" not in source] == []


@pytest.mark.parametrize(
    ("check", "bug"),
    [
        (lambda given, folder: {}["x"], "KeyError"),
        (lambda given, folder: int("a"), "ValueError"),
        (lambda given, folder: (folder / ".x-12345678.npz").touch(), "temporary"),
        (lambda given, folder: np.ones(1) / np.zeros(1), "RuntimeWarning"),
        (lambda given, folder: np.ones(1 << 33, dtype=np.int8), "MemoryError"),
    ],
)
def test_the_harness_notices(tmp_path, check, bug):
    tally = run(Target("always", lambda rng, folder: None, check), range(3), 0, tmp_path / "input")
    [(found, numbers)] = tally.bugs.items()
    assert bug in found
    assert numbers == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nlevel: &l [*l]\n", "in itself"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=False)
            ),
            "at most",
        ),
        ("a: " + "[" * 5000, "depth"),
    ],
)
def test_aliases_that_never_end_are_refused(tmp_path, text, message):
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        pm.SweepConfig.from_file(path)
