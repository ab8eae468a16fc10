"""Objects of other packages are told by their classes, not by the names of these."""

from __future__ import annotations

import gymnasium as gym
from gymnasium.envs.toy_text import FrozenLakeEnv

from powerenvs.sources.foreign import is_a, is_exactly

LAKE = "gymnasium.envs.toy_text.frozen_lake:FrozenLakeEnv"


class Slippery(FrozenLakeEnv):
    """A lake of somebody's own."""


def test_by_class_and_subclass():
    lake, own = FrozenLakeEnv(), Slippery()
    assert is_exactly(lake, "nowhere:Lake", LAKE)
    assert is_a(own, LAKE)
    assert not is_exactly(own, LAKE)


def test_not_by_name():
    impostor = type("FrozenLakeEnv", (gym.Env,), {})()
    assert not is_a(impostor, LAKE)
    assert not is_exactly(impostor, LAKE)


def test_modules_that_are_not_loaded_and_names_that_are_no_classes():
    assert not is_a(3, "nowhere:Number", "math:pi")
    assert not is_exactly(3, "math:nothing")
