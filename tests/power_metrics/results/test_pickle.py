"""Results, configurations and distributions go through pickle and copies, as workers and notebooks need."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch

import power_metrics as pm
from powerenvs import Policy
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair

FEW = {"num_samples": 8, "progress": False}
SWEEP = {
    "name": "a",
    "level": "S..",
    "gamma": [0.1, 0.2],
    "num_samples": 8,
    "reward": {"states": {"(0, 1)": "beta(1, 2)"}},
}
GRID, PAIR = PowerGrid("S..").tables(), PowerPair("S..").tables()

THINGS = {
    "model": lambda folder: GRID,
    "game": lambda folder: PAIR,
    "policy": lambda folder: Policy(GRID),
    "environment": lambda folder: gym.make("PowerGrid-v0", level="S.."),
    "config": lambda folder: pm.SweepConfig.from_dict(SWEEP),
    "sweep": lambda folder: pm.sweep(SWEEP, folder / "out", progress=False, figures=False),
    "power": lambda folder: pm.power(GRID, **FEW),
    "power of two": lambda folder: pm.multiagent_power(PAIR, **FEW),
    "comparison": lambda folder: pm.compare(np.array(Policy(GRID)), GRID, num_samples=8),
    "optimality": lambda folder: pm.optimality_probability(GRID, num_samples=8),
    "safety": lambda folder: pm.safety_scores(PowerGrid("S.G").tables(), 3),
    **{
        repr(one): lambda folder, one=one: one
        for one in (
            pm.Uniform(0, 2), pm.Beta(1, 2), pm.Bernoulli(0.5), pm.Pareto(1, 3), pm.Normal(0, 1), pm.Empirical([1.0, 2.0]),
            pm.PerState({(0, 1): pm.Beta(1, 2)}, pm.Uniform(0, 3)), pm.TorchDistribution(torch.distributions.Uniform(0.0, 1.0)),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", THINGS)
@pytest.mark.parametrize("again", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy], ids=["pickle", "copy"])
def test_it_comes_back_as_it_was(tmp_path, name, again):
    one = THINGS[name](tmp_path)
    other = again(one)
    assert type(other) is type(one)
    if name == "sweep":
        assert other.config == one.config
        assert other.to_frame().equals(one.to_frame())
    elif name in ("environment", "policy") or "Torch" in name:
        assert str(other) == str(one)
    else:
        assert other == one


def test_a_configuration_stays_one_that_is_only_read():
    other = pickle.loads(pickle.dumps(pm.SweepConfig.from_dict(SWEEP)))
    with pytest.raises(TypeError):
        other.values["gamma"] = (0.5,)
    assert other.given == tuple(SWEEP)
    assert other.points == pm.SweepConfig.from_dict(SWEEP).points
