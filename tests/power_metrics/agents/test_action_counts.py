"""Counting what an agent does in every state, for agents that no table can be read from."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import wrappers
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

import power_metrics as pm
from tests.power_metrics.lookup_agents import make, model_of, random_table

torch.set_num_threads(1)


@pytest.mark.slow
def test_recurrent_policy_is_refused_and_rollouts_work():
    env = make()
    model = RecurrentPPO("MlpLstmPolicy", env, device="cpu", seed=0, n_steps=16)
    with pytest.raises(ValueError, match=r"RecurrentActorCriticPolicy: .*earlier steps.*rollout_counts"):
        pm.policy_table(model, env)
    counts = pm.rollout_counts(model, env, 60)
    assert counts.shape == (31, 5)
    assert counts.sum() == 60
    table = pm.policy_table(counts, env, kind="counts")
    assert table.sum(axis=1) == pytest.approx(np.ones(31))


@pytest.mark.parametrize("vectorized", [False, True])
def test_rollout_counts_follow_the_policy(vectorized):
    env = make(level="open_3x3", max_episode_steps=20)
    table = random_table(model_of(env))
    rng = np.random.default_rng(0)
    venv = DummyVecEnv([lambda: make(level="open_3x3", max_episode_steps=20)] * 4) if vectorized else env
    counts = pm.rollout_counts(lambda s: rng.choice(5, p=table[s]), venv, 8_000, seed=3)
    visits = counts.sum(axis=1)
    error = np.sqrt(table * (1 - table) / visits[:, None])
    assert counts.sum() == 8_000
    assert np.all(np.abs(counts / visits[:, None] - table) < 5 * error)


@pytest.mark.slow
def test_rollouts_of_frames_masks_and_toy_text():
    env = wrappers.FrameStackObservation(make(observation="onehot"), 2)
    model = PPO("MlpPolicy", env, device="cpu", seed=0)
    assert pm.rollout_counts(model, env, 30).sum() == 30
    masked = make(walls="absent")
    counts = pm.rollout_counts(MaskablePPO("MlpPolicy", masked, device="cpu", seed=0), masked, 200)
    assert np.all(counts[~model_of(masked).available] == 0)
    assert pm.rollout_counts(lambda s: 1, gym.make("FrozenLake-v1"), 50)[:, 1].sum() == 50


@pytest.mark.slow
def test_rollouts_need_a_state_and_an_agent():
    with pytest.raises(ValueError, match="agent: expected a callable or something with predict"):
        pm.rollout_counts("agent", make(), 5)
    with pytest.raises(ValueError, match="found no tables"):
        pm.rollout_counts(lambda seen: 0, gym.make("CartPole-v1"), 5)
    assert pm.rollout_counts(lambda seen: 0, gym.make("minigrid:MiniGrid-Empty-5x5-v0"), 5).sum() == 5  # compiled
