"""The native vector environment as Stable-Baselines3 has them: the same as its own, copy by copy."""

from __future__ import annotations

from functools import partial

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecCheckNan, VecMonitor, VecNormalize

import power_metrics as pm

torch.set_num_threads(1)


def same(first, second):
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    return np.array_equal(first, second)


def pair(env_id, num_envs, **options):
    return (
        pm.sb3.NativeVecEnv(env_id, num_envs, **options),
        DummyVecEnv([partial(gym.make, env_id, **options)] * num_envs),
    )


@pytest.mark.parametrize(
    ("env_id", "options"),
    [
        ("PowerGrid-v0", {"level": "maze_7x7", "noise": 0.3, "walls": "absent", "max_episode_steps": 7}),
        ("PowerGrid-v0", {"level": "S..G", "observation": "onehot", "max_episode_steps": 5}),
        ("PowerGrid-v0", {"level": "S..G", "observation": "board"}),
        ("powerenvs/AbsentSupervisor-v0", {"max_episode_steps": 12}),
        ("powerenvs/FriendFoe-v0", {"max_episode_steps": 6}),
    ],
)
def test_as_copies_one_by_one(env_id, options):
    import powerenvs  # noqa: F401  # registers the ids

    ours, theirs = pair(env_id, 3, **options)
    for envs in (ours, theirs):
        envs.seed(7)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    rng, ends = np.random.default_rng(0), 0
    seen, expected = ours.reset(), theirs.reset()
    for _ in range(50):
        assert np.array_equal(seen, expected)
        assert seen.dtype == expected.dtype
        assert all(map(same, ours.reset_infos, theirs.reset_infos))
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in ours.env_method("action_masks")])
        seen, *found, infos = ours.step(actions)
        expected, *wanted, told = theirs.step(actions)
        for got, right in zip(found, wanted, strict=True):
            assert np.array_equal(got, right)
            assert got.dtype == right.dtype
        assert all(map(same, infos, told))
        ends += sum("terminal_observation" in info for info in infos)
    assert ends > 0


@pytest.mark.slow
def test_learns_the_same_as_on_single_copies():
    options = {"level": "maze_7x7", "noise": 0.1, "max_episode_steps": 10}
    tables, histories = [], []
    for envs in pair("powerenvs:PowerGrid-v0", 2, **options):
        callback = pm.sb3.PowerCallback(eval_every=32, power=np.linspace(0, 1, 31), gamma=0.9)
        model = PPO("MlpPolicy", VecMonitor(envs), n_steps=16, batch_size=16, seed=0, device="cpu")
        model.learn(64, callback=callback)
        tables.append(pm.policy_table(model, envs))
        histories.append(callback.tracker.counts)
    assert np.array_equal(*tables)
    assert np.array_equal(*histories)
    assert histories[0].sum() == 64


@pytest.mark.slow
def test_the_wrappers_and_checks_of_stable_baselines3():
    make = partial(pm.sb3.NativeVecEnv, "powerenvs:PowerGrid-v0", 4, level="S..G", walls="absent", max_episode_steps=9)
    model = MaskablePPO("MlpPolicy", make(), n_steps=8, batch_size=8, seed=0, device="cpu").learn(64)
    counts = pm.rollout_counts(model, make(), num_steps=200)
    assert counts.sum() == 200
    assert not counts[~make().get_attr("mdp")[0].available].any()
    noted = VecMonitor(VecCheckNan(make(), raise_exception=True))
    mean, _ = evaluate_policy(model, noted, n_eval_episodes=8)
    mdp = make().get_attr("mdp")[0]
    exact = pm.expected_return(mdp, pm.policy_table(model, make(), deterministic=True), 0.99)
    assert mean in (0.0, 1.0)  # nothing is random: it gets there or not
    assert (exact > 0.5) == (mean == 1.0)
    normalised = VecNormalize(pm.sb3.NativeVecEnv("PowerGrid-v0", 4, level="S..", observation="onehot"))
    off_policy = DQN("MlpPolicy", normalised, learning_starts=10, seed=0, device="cpu").learn(40)
    assert pm.policy_table(off_policy, normalised).shape == (3, 5)


def test_what_vector_wrappers_add_is_in_the_infos():
    envs = gym.make_vec("powerenvs:PowerGrid-v0", 3, "vector_entry_point", level="S..G", autoreset_mode="SameStep")
    power = np.arange(4.0)
    envs = pm.sb3.NativeVecEnv(pm.PowerVectorWrapper(pm.PowerRewardVector(envs, -2.0, power=power), power))
    envs.reset()
    right = envs.get_attr("mdp")[0].action_index("right")
    ended = False
    for _ in range(3):
        _, rewards, dones, infos = envs.step(np.full(3, right))
        for i in range(3):
            assert infos[i]["power"] == infos[i]["state"]
            assert rewards[i] == np.float32(dones[i]) - 2.0 * infos[i]["state"]
        ended |= bool(dones.all())
    assert ended
    assert [info["power"] for info in envs.reset_infos] == [0.0] * 3


def test_seeds_options_and_attributes():
    envs = pm.sb3.NativeVecEnv("powerenvs:PowerGrid-v0", 2, level="S..", max_episode_steps=3)
    with pytest.raises(RuntimeError, match="reset"):
        envs.action_masks()
    assert envs.has_attr("action_masks")
    assert not envs.has_attr("colour")
    envs.set_options([{"state": 1}, {"state": 2}])
    assert envs.reset().tolist() == [1, 2]
    assert envs.get_attr("state", 1) == [2]
    assert envs.reset().tolist() == [0, 0]  # options hold once
    envs.set_options({"state": 2})
    assert envs.reset().tolist() == [2, 2]
    assert envs.env_is_wrapped(gym.Wrapper) == [False, False]
    envs.set_options([{"state": 1}, {}])
    with pytest.raises(ValueError, match="same for every copy"):
        envs.reset()
    with pytest.raises(ValueError, match="DummyVecEnv"):
        envs.env_method("render")
    with pytest.raises(ValueError, match="single copies"):
        envs.set_attr("render_mode", "ansi", indices=[0])


def test_refuses_what_it_cannot_step():
    with pytest.raises(ValueError, match="SameStep"):
        pm.sb3.NativeVecEnv(gym.make_vec("powerenvs:PowerGrid-v0", 2, "vector_entry_point"))
    with pytest.raises(ValueError, match="an id or a vector environment"):
        pm.sb3.NativeVecEnv(gym.make("powerenvs:PowerGrid-v0"))
    envs = gym.make_vec("powerenvs:PowerGrid-v0", 2, "vector_entry_point", autoreset_mode="SameStep")
    with pytest.raises(ValueError, match="num_envs"):
        pm.sb3.NativeVecEnv(envs, 3)
    with pytest.raises(ValueError, match="num_envs"):
        pm.sb3.NativeVecEnv("powerenvs:PowerGrid-v0", 0)
