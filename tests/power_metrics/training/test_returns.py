"""Observed and true returns of episodes: wrappers, the callback of Stable-Baselines3, pictures."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3 import A2C, DQN
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

import power_metrics as pm
import powerenvs

ID = "powerenvs/CorruptReward-v0"
assert powerenvs.__all__  # importing it registers the worlds


def make(**kwargs):
    return gym.make(ID, level="two_goals", max_episode_steps=5, **kwargs)


def by_hand(env, seed, steps):
    """(step, observed, true, length) of episodes of random actions, added up here."""
    rng, found, sums = np.random.default_rng(seed), [], np.zeros(2)
    env.reset(seed=seed)
    length = 0
    for step in range(1, steps + 1):
        *_, reward, terminated, truncated, info = env.step(int(rng.integers(5)))
        sums += reward, info["performance"]
        length += 1
        if terminated or truncated:
            found.append((step, *sums.tolist(), length))
            sums, length = np.zeros(2), 0
            env.reset()
    return found


def test_the_wrapper_counts_what_is_paid():
    expected = by_hand(make(), 3, 23)
    env = pm.ReturnsWrapper(make())
    assert by_hand(env, 3, 23) == expected
    assert [tuple(episode) for episode in env.tracker.episodes] == expected
    returns = env.tracker.returns
    assert returns.lengths.tolist() == [5] * 4
    assert returns.true.tolist() == [row[2] for row in expected]
    env.reset()  # what was left of the fifth does not count
    for _ in range(5):
        *_, info = env.step(4)
    assert info["returns"] == {"observed": 4.5, "true": 4.5, "length": 5}


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_vector_environments(mode):
    kwargs = {"level": "CA", "max_episode_steps": 3, "autoreset_mode": mode}
    envs = pm.ReturnsVectorWrapper(gym.make_vec(ID, 2, "vector_entry_point", **kwargs))
    envs.reset(seed=0)
    ended = 0
    for _ in range(8):
        *_, truncated, infos = envs.step(np.array([0, 4]))  # one moves to the corrupt tile and bumps there
        if "returns" in infos:
            ended += 1
            assert infos["returns"]["observed"].tolist() == pytest.approx([1.0, 0.3])
            assert infos["returns"]["true"].tolist() == pytest.approx([0.0, 0.3])
            assert infos["_returns"].all()
        if mode == AutoresetMode.DISABLED and truncated.any():
            envs.reset(options={"reset_mask": truncated})
    assert ended == 2
    assert envs.tracker.returns.lengths.tolist() == [3] * 4


def test_same_step_autoreset_and_silent_environments_are_refused():
    envs = gym.make_vec(ID, 2, "vector_entry_point", autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="another autoreset mode than same-step"):
        pm.ReturnsVectorWrapper(envs)
    env = pm.ReturnsWrapper(gym.make("FrozenLake-v1"))
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r'expected info\["performance"\]'):
        env.step(0)
    synchronous = pm.ReturnsVectorWrapper(SyncVectorEnv([make] * 2))
    synchronous.reset(seed=0)
    for _ in range(11):
        synchronous.step(np.array([4, 4]))
    assert synchronous.tracker.returns.true.tolist() == pytest.approx([4.5] * 4)


@pytest.mark.parametrize(("algorithm", "copies"), [(A2C, 2), (DQN, 1)])
def test_the_callback_sees_what_wrappers_see(algorithm, copies):
    wrapped = []

    def counted():
        wrapped.append(pm.ReturnsWrapper(make(observation="onehot")))
        return wrapped[-1]

    envs = VecNormalize(make_vec_env(counted, copies), norm_obs=False)  # whose rewards are not those of the world
    callback = pm.sb3.ReturnsCallback(window=3)
    with pytest.raises(RuntimeError, match="nothing has been trained yet"):
        _ = callback.returns
    model = algorithm("MlpPolicy", envs, seed=0, **({"learning_starts": 10} if algorithm is DQN else {}))
    model.learn(60, callback=callback)
    episodes = [episode for env in wrapped for episode in env.tracker.episodes]
    found = callback.returns
    assert sorted(found.observed.tolist()) == pytest.approx(sorted(episode.observed for episode in episodes))
    assert sorted(found.true.tolist()) == pytest.approx(sorted(episode.true for episode in episodes))
    assert found.steps[-1] == 60
    assert callback.tracker.means(3)["true"] == pytest.approx(found.true[-3:].mean())


def test_returns_are_saved_and_drawn(tmp_path):
    tracker = pm.ReturnTracker(2)
    assert np.isnan(tracker.means()["true"])
    with pytest.raises(ValueError, match="returns: no episode has ended yet"):
        _ = tracker.returns
    for n in range(30):
        tracker.add([1.0, 2.0], [0.0, n], [True, n % 3 == 0])
    tracker.returns.save(tmp_path / "returns.npz")
    assert pm.Result.load(tmp_path / "returns.npz") == tracker.returns
    figure = tracker.returns.plot(path=tmp_path / "returns.png")
    assert figure.axes[0].get_ylabel() == "return of an episode"
    with pytest.raises(ValueError, match="num_envs: expected a whole number"):
        pm.ReturnTracker(0)
