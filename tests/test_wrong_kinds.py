"""What is not of the kind that a public function wants is refused by a ValueError, never by an error from within."""

from __future__ import annotations

import contextlib
import inspect

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from powerenvs import TabularMDP, tabular_model
from tests.public_names import public

ELSEWHERE = ("power_metrics.plots.", "powerenvs.sources.", "powerenvs.rollout.")
"""Pictures are of results, sources of paths, for which Python has errors of its own."""

TAKEN_BY_OTHERS = {
    "powerenvs.register", "power_metrics.load_sweep", "power_metrics.sweep", "power_metrics.games.load",
    "power_metrics.games.matches",
}  # fmt: skip
"""Gymnasium's own function, and paths."""


def required(function):
    """How many arguments have no default."""
    parameters = inspect.signature(function).parameters.values()
    ordered = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.default is p.empty and p.kind in ordered for p in parameters)


def wanting():
    """Public functions and classes that need arguments, without results and what Gymnasium checks."""
    for name, thing in public().items():
        if name.startswith(ELSEWHERE):
            continue
        if inspect.isclass(thing) and (
            issubclass(thing, pm.Result | gym.Wrapper | gym.vector.VectorWrapper) or inspect.isabstract(thing)
        ):
            continue
        if callable(thing) and name not in TAKEN_BY_OTHERS and required(thing):
            yield name


@pytest.fixture(scope="module")
def wrong():
    mdp = tabular_model(gym.make("PowerGrid-v0", level="..."))
    power = pm.power(mdp, 0.9, num_samples=10, progress=False)
    return [mdp, None, 3, "x", object(), power, np.zeros(4), [1, "a"]]


@pytest.mark.parametrize("name", list(wanting()))
def test_refused_by_name(name, wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = public()[name]
    count = required(function)
    for value in wrong:
        if count == 1 and isinstance(value, TabularMDP | pm.PowerEstimate):  # what has tables is what most want
            continue
        with contextlib.suppress(ValueError, FileNotFoundError):
            function(*[value] * count)
