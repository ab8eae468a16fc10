"""Learners of our own, read from the folders of their training."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from power_metrics.learners.own import loaded

SMALL = {"vector_ppo": {"num_envs": 4, "num_steps": 8}, "q_learning": {}}
SMALL["rainbow"] = {"num_envs": 4, "learning_starts": 20, "batch_size": 8, "buffer_size": 200, "noisy": False}


def make(**kwargs):
    return gym.make("powerenvs/DistributionalShift-v0", **kwargs)


@pytest.mark.parametrize("algorithm", SMALL)
def test_what_is_loaded_does_what_was_learned(algorithm, tmp_path):
    env = make(observation="board")
    power = np.arange(35.0)
    found = pm.train(env, algorithm, steps=64, settings=SMALL[algorithm], power=power, out=tmp_path, progress=False)
    assert loaded(tmp_path, env).policy() == pytest.approx(found.policies[-1], abs=1e-6)
    if algorithm != "q_learning":  # which has no observations
        elsewhere = loaded(tmp_path, make(observation="board", is_testing=True)).policy()
        assert elsewhere.shape == (68, 4)
    with pytest.raises(ValueError, match="env: expected observations and actions as in training"):
        loaded(tmp_path, gym.make("PowerGrid-v0", level="S.G"))


def test_refused(tmp_path):
    with pytest.raises(ValueError, match=r"folder: expected one that pm\.train made, with a checkpoint"):
        loaded(tmp_path, make())
    pm.train(make(), "a2c", steps=16, power=np.arange(35.0), out=tmp_path / "a2c", progress=False)
    with pytest.raises(ValueError, match=r"expected a learner of our own, found a2c: its own library loads model-"):
        loaded(tmp_path / "a2c", make())
