"""Policy tables of Stable-Baselines3 models are the distributions that the models themselves compute."""

from __future__ import annotations

import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import QRDQN, MaskablePPO
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecCheckNan, VecNormalize

import power_metrics as pm
from tests.power_metrics.lookup_agents import make, model_of, random_table

torch.set_num_threads(1)


def set_logits(policy, logits):
    """Makes a one-layer actor without hidden layers give these logits for one-hot observations."""
    with torch.no_grad():
        policy.action_net.weight.copy_(torch.as_tensor(np.asarray(logits).T))
        policy.action_net.bias.zero_()


def linear(algorithm, env, **kwargs):
    return algorithm("MlpPolicy", env, policy_kwargs={"net_arch": []}, device="cpu", seed=0, **kwargs)


@pytest.mark.parametrize("algorithm", [PPO, A2C])
@pytest.mark.parametrize("observation", ["state", "onehot", "board"])
def test_sb3_distribution(algorithm, observation):
    env = make(observation=observation, walls="bump")
    model = algorithm("MlpPolicy", env, device="cpu", seed=0)
    table = pm.policy_table(model, env)
    for state in (0, 17, 30):
        seen, _ = model.policy.obs_to_tensor(env.unwrapped.observation_table.values[state].copy())
        probs = model.policy.get_distribution(seen).distribution.probs.detach().numpy()[0]
        assert table[state] == pytest.approx(probs, abs=1e-6)
    assert np.array_equal(table, pm.policy_table(model.policy, model.get_env()))
    sharp = pm.policy_table(model, env, deterministic=True)
    action, _ = model.predict(env.unwrapped.observation_table.values[17], deterministic=True)
    assert sharp[17, action] == 1.0


def test_sb3_weights_set_by_hand():
    env = make()
    table = random_table(model_of(env))
    model = linear(PPO, env)
    set_logits(model.policy, np.log(table))
    assert pm.policy_table(model, env) == pytest.approx(table, abs=1e-6)


def test_maskable_ppo_has_nothing_on_masked_actions():
    env = make(walls="absent")
    mdp = model_of(env)
    model = linear(MaskablePPO, env)
    set_logits(model.policy, np.random.default_rng(0).normal(size=mdp.available.shape))
    table = pm.policy_table(model, env)
    observations, _ = model.policy.obs_to_tensor(np.arange(31))
    masked = model.policy.get_distribution(observations, mdp.available.copy()).distribution.probs.detach().numpy()
    assert table == pytest.approx(masked, abs=1e-6)


@pytest.mark.parametrize("algorithm", [DQN, QRDQN])
def test_q_values(algorithm):
    env = make()
    model = algorithm("MlpPolicy", env, device="cpu", seed=0, buffer_size=10)
    greedy = [int(model.predict(np.array(s), deterministic=True)[0]) for s in range(31)]
    assert np.array_equal(pm.policy_table(model, env), np.eye(5)[greedy])
    assert pm.policy_table(model, env, epsilon=0.1) == pytest.approx(0.9 * np.eye(5)[greedy] + 0.02)
    soft = pm.policy_table(model, env, temperature=1e-6)
    assert np.array_equal(soft.argmax(axis=1), greedy)


def test_images_through_the_transposition_that_sb3_adds():
    env = make(observation="rgb", level="open_3x3")
    model = PPO("CnnPolicy", env, device="cpu", seed=0, n_steps=8, batch_size=8)
    assert type(model.get_env()).__name__ == "VecTransposeImage"
    table = pm.policy_table(model, env)
    assert table == pytest.approx(pm.policy_table(model, model.get_env()), abs=1e-6)
    seen, _ = model.policy.obs_to_tensor(env.unwrapped.observation_table.values[4].copy())
    assert table[4] == pytest.approx(
        model.policy.get_distribution(seen).distribution.probs.detach().numpy()[0], abs=1e-6
    )


def test_running_statistics_of_vec_normalize():
    vec = VecNormalize(VecCheckNan(DummyVecEnv([lambda: make(observation="onehot")])))
    model = PPO("MlpPolicy", vec, device="cpu", seed=0, n_steps=64)
    vec.obs_rms.mean[:] = np.linspace(0, 1, 31)
    before = copy.deepcopy(vec.obs_rms.mean)
    seen = vec.normalize_obs(np.eye(31, dtype=np.float32))
    expected = model.policy.get_distribution(torch.as_tensor(seen)).distribution.probs.detach().numpy()
    assert pm.policy_table(model, vec) == pytest.approx(expected, abs=1e-6)
    assert pm.policy_table(model, make(observation="onehot")) == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(vec.obs_rms.mean, before)


def test_model_of_other_observations_or_actions():
    model = PPO("MlpPolicy", make(observation="onehot"), device="cpu")
    with pytest.raises(
        ValueError, match=r"agent: trained on observations Box.*environment shows Discrete\(31\).*same level"
    ):
        pm.policy_table(model, make())
    with pytest.raises(ValueError, match=r"agent: trained on observations Box.*\(9,\)"):
        pm.policy_table(
            PPO("MlpPolicy", make(level="open_3x3", observation="onehot"), device="cpu"), make(observation="onehot")
        )
    with pytest.raises(
        ValueError, match=r"agent: expected actions Discrete\(4\).*found a model trained with Discrete\(5\)"
    ):
        pm.policy_table(model, gym.make("FrozenLake-v1"))
    with pytest.raises(ValueError, match="kind: expected None for Stable-Baselines3"):
        pm.policy_table(model, make(observation="onehot"), kind="logits")


def test_policies_without_discrete_probabilities_are_refused():
    model = SAC("MlpPolicy", gym.make("Pendulum-v1"), device="cpu", buffer_size=10)
    with pytest.raises(ValueError, match=r"agent: expected actions Discrete\(5\).*found a model trained with Box"):
        pm.policy_table(model, make())
