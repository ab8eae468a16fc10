"""Masks of games in the forms that learners read: the table is that of the network on what it was shown."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

import power_metrics as pm
from powerenvs.multi import power_pair_v0

WORLD = {"level": "S..", "walls": "absent", "observation": "onehot"}


class Alone(gym.Env):
    """A game as the AI sees it, for libraries of one agent; the human waits."""

    def __init__(self, env, masked):
        self.env, self.masked = env, masked
        space = env.observation_space("ai")
        self.observation_space = space if masked else space["observation"]
        self.action_space = env.action_space("ai")

    def _seen(self, found):
        self.mask = found["ai"]["action_mask"]
        return found["ai"] if self.masked else found["ai"]["observation"]

    def reset(self, *, seed=None, options=None):
        return self._seen(self.env.reset(seed=seed)[0]), {}

    def step(self, action):
        seen, rewards, ended, cut, _ = self.env.step({"human": 0, "ai": action})
        return self._seen(seen), rewards["ai"], ended["ai"], cut["ai"], {}

    def action_masks(self):
        return self.mask.astype(bool)


@pytest.mark.parametrize("masked", [False, True])
def test_models_with_masks(masked):
    """MaskablePPO gets masks apart; its network sees the observation alone, or the dictionary with the mask."""
    env = power_pair_v0.parallel_env(**WORLD, masked=True, max_cycles=5)
    policy = "MultiInputPolicy" if masked else "MlpPolicy"
    model = MaskablePPO(policy, DummyVecEnv([lambda: Alone(env, masked)]), n_steps=32, seed=0, device="cpu").learn(32)
    found, available = pm.policy_table(model, env, agent="ai"), env.game.available["ai"]
    for s in range(9):
        onehot, mask = np.eye(9, dtype=np.float32)[s], available[s]
        seen = {"observation": onehot, "action_mask": mask.astype(np.int8)} if masked else onehot
        tensor, _ = model.policy.obs_to_tensor(seen)
        with torch.no_grad():
            right = model.policy.get_distribution(tensor, action_masks=mask[None].copy()).distribution.probs[0]
        assert found[s] == pytest.approx(right.numpy(), abs=1e-6)
    assert np.array_equal(pm.policy_table(model, power_pair_v0.env(**WORLD, masked=True), agent="ai"), found)
    if not masked:
        assert np.array_equal(pm.policy_table(model, power_pair_v0.parallel_env(**WORLD), agent="ai"), found)
    else:
        with pytest.raises(ValueError, match="trained on observations Dict"):
            pm.policy_table(model, power_pair_v0.parallel_env(**WORLD), agent="ai")


def test_names_of_what_is_seen():
    env = power_pair_v0.parallel_env(**WORLD, masked="observations")
    assert sorted(env.observation_space("human").spaces) == ["action_mask", "observations"]
    assert env.observation_space("human").contains(env.reset(seed=0)[0]["human"])
    model = PPO("MlpPolicy", DummyVecEnv([lambda: gym.make("powerenvs:PowerGrid-v0", level="S..")]), device="cpu")
    with pytest.raises(ValueError, match="trained on observations Discrete"):
        pm.policy_table(model, env, agent="ai")
    with pytest.raises(ValueError, match="masked: expected True, False or one of"):
        power_pair_v0.parallel_env(masked="mask")
