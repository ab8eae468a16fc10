"""Specifications survive JSON with every argument that worlds take."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

import powerenvs
from powerenvs import tabular_model
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.safety import BoatRace


@pytest.fixture
def registered():
    powerenvs.register("SpecTest-v0", BoatRace)
    yield "SpecTest-v0"
    del gym.registry["SpecTest-v0"]


@pytest.mark.parametrize(
    "kwargs",
    [
        {"reward": {(6, 6): 1.0}},
        {"reward": {(6, 6): np.float64(2.0), "(0, 0)": 1}},
        {"reward": np.arange(31.0)},
        {"level": "S..\n.#.", "noise": 0.1, "observation": "onehot"},
    ],
    ids=["cells", "numpy", "array", "text"],
)
def test_there_and_back(kwargs):
    env = gym.make("PowerGrid-v0", **{"level": "maze_7x7", **kwargs})
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert tabular_model(again) == tabular_model(env)
    assert all(type(env.spec.kwargs[name]) is type(value) for name, value in kwargs.items())  # in memory as given
    envs = gym.make_vec("PowerGrid-v0", 2, **{"level": "maze_7x7", **kwargs})
    assert EnvSpec.from_json(envs.spec.to_json()).id == "PowerGrid-v0"


def test_worlds_registered_by_class(registered):
    env = gym.make(registered)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert tabular_model(again) == tabular_model(env)
    assert gym.make(env.spec).spec.kwargs["world"] is BoatRace


def test_what_json_cannot_hold():
    powerenvs.register("SpecObject-v0", PowerGrid("open_3x3"))
    try:
        with pytest.raises(ValueError, match=r"world: expected numbers, text, .* found .*PowerGrid"):
            gym.make("SpecObject-v0").spec.to_json()
    finally:
        del gym.registry["SpecObject-v0"]
