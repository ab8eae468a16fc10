"""What tests of RLlib share."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import torch

POWER = np.linspace(0.5, 0.9, 9)
GRID = {"level": "open_3x3", "observation": "onehot", "max_episode_steps": 9}


def make(**kwargs):
    return gym.make("powerenvs:PowerGrid-v0", **{**GRID, **kwargs})


def flattened(env, spaces, device):
    from ray.rllib.connectors.env_to_module import FlattenObservations

    return FlattenObservations()


FLAT = {"env_to_module_connector": flattened}


def callback_of(algorithm):
    return algorithm.callbacks[0]


def one_by_one(module, inputs, key="action_dist_inputs"):
    """(S, A) what a module gives for each input alone."""
    with torch.no_grad():
        rows = [module.forward_inference({"obs": torch.as_tensor(row[None])})[key][0] for row in inputs]
    return torch.stack(rows).double().numpy()


def softmax(logits, available=True):
    weights = np.exp(np.where(available, logits, -np.inf))
    return weights / weights.sum(axis=1, keepdims=True)
