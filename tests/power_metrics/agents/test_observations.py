"""What an agent sees in every state: wrappers are applied, and what no table can stand for is refused."""

from __future__ import annotations

import threading

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import wrappers
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnvWrapper, VecFrameStack

import power_metrics as pm
import powerenvs
from power_metrics.agents.observations import state_observations
from tests.power_metrics.lookup_agents import make, model_of, random_table

torch.set_num_threads(1)


@pytest.mark.slow
def test_gymnasium_tables_and_their_terminal_twins():
    env = gym.make("FrozenLake-v1")
    table = pm.policy_table(lambda s: s % 4, env)
    mdp = powerenvs.tabular_model(env)
    live = ~mdp.terminal
    assert np.array_equal(table[live], np.eye(4)[np.arange(mdp.num_states) % 4][live])
    model = PPO("MlpPolicy", env, device="cpu", seed=0)
    assert pm.policy_table(model, env).shape == mdp.available.shape


@pytest.mark.parametrize(
    "vectorized",
    [
        lambda: gym.make_vec("PowerGrid-v0", 3, vectorization_mode="vector_entry_point", level="maze_7x7"),
        lambda: gym.make_vec("PowerGrid-v0", 3, vectorization_mode="sync", level="maze_7x7"),
    ],
)
def test_vector_environments(vectorized):
    model = PPO("MlpPolicy", make(), device="cpu", seed=0)
    assert np.array_equal(pm.policy_table(model, vectorized()), pm.policy_table(model, make()))
    squeezed = gym.wrappers.vector.DtypeObservation(vectorized(), np.float32)
    with pytest.raises(ValueError, match="DtypeObservation changes the observations"):
        pm.policy_table(model, squeezed)


def test_observation_wrappers_are_applied(tmp_path):
    plain = make(observation="onehot")
    scaled = wrappers.TransformObservation(plain, lambda seen: 2 * seen[::-1].copy(), gym.spaces.Box(0, 2, (31,)))
    logged = Monitor(wrappers.RecordEpisodeStatistics(scaled), str(tmp_path / "log"))
    table = random_table(model_of(plain))

    def agent(seen):
        assert np.all(seen.max(axis=1) == 2)
        return table[30 - seen.argmax(axis=1)]

    assert pm.policy_table(agent, logged, kind="probabilities") == pytest.approx(table)
    assert pm.policy_table(lambda seen: int(30 - seen.argmax()) % 5, logged)[7, 2] == 1.0
    logged.close()


def test_statistics_of_normalize_observation_are_left_alone():
    env = wrappers.NormalizeObservation(make(observation="onehot"))
    env.reset(seed=0)
    for action in (1, 4, 2, 4):
        env.step(action)
    mean, var, count = env.obs_rms.mean.copy(), env.obs_rms.var.copy(), env.obs_rms.count
    seen = []
    pm.policy_table(lambda part: seen.append(part) or np.zeros((len(part), 5)), env, kind="logits")
    assert seen[0] == pytest.approx((np.eye(31) - mean) / np.sqrt(var + env.epsilon), rel=1e-4)
    assert np.array_equal(env.obs_rms.mean, mean)
    assert env.obs_rms.count == count
    assert env.update_running_mean


class Remembers(gym.ObservationWrapper):
    """Shows the previous observation too."""

    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gym.spaces.Box(0, 1, (62,))
        self.last = np.zeros(31, dtype=np.float32)

    def observation(self, seen):
        shown, self.last = np.concatenate([self.last, seen]), seen
        return shown


class Overrides(gym.Wrapper):
    """Changes what step shows without being an ObservationWrapper."""

    def step(self, action):
        seen, *rest = self.env.step(action)
        return 1 - seen, *rest


class Ragged(gym.ObservationWrapper):
    """Shows arrays of different lengths."""

    def observation(self, seen):
        return np.zeros(int(seen.argmax()) % 3)


class Named(gym.ObservationWrapper):
    """Puts the observation into a dictionary."""

    def observation(self, observation):
        return {"state": observation}


def test_dictionaries_are_observations():
    env = Named(make(observation="onehot"))
    table = pm.policy_table(lambda seen: int(seen["state"].argmax()) % 2, env)
    np.testing.assert_array_equal(table.argmax(axis=1), np.arange(len(table)) % 2)


class Locked(gym.ObservationWrapper):
    """Cannot be copied."""

    def __init__(self, env):
        super().__init__(env)
        self.lock = threading.Lock()

    def observation(self, seen):
        return seen


class Asks(gym.ObservationWrapper):
    """Looks at the environment below, and cuts episodes short."""

    def step(self, action):
        seen, reward, terminated, _, info = super().step(action)
        return seen, reward, terminated, True, info

    def observation(self, seen):
        return seen + np.float32(self.unwrapped.mdp.num_states)


class Halves(VecEnvWrapper):
    """Changes what many copies show."""

    def reset(self):
        return self.venv.reset() / 2

    def step_wait(self):
        seen, *rest = self.venv.step_wait()
        return seen / 2, *rest


def test_wrappers_may_look_at_the_environment_below():
    seen = []
    pm.policy_table(
        lambda part: seen.append(part) or np.zeros((len(part), 5)), Asks(make(observation="onehot")), kind="q"
    )
    assert seen[0] == pytest.approx(np.eye(31) + 31)


def test_observations_can_be_read_once_and_used_again():
    observed = state_observations(make())
    assert state_observations(observed) is observed
    table = random_table(observed.mdp)
    assert np.array_equal(pm.policy_table(table, observed), pm.policy_table(table, make()))


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (Ragged, "expected observations that are arrays of one shape.*after Ragged"),
        (Locked, "could not copy Locked"),
        (lambda env: Halves(DummyVecEnv([lambda: env])), "not known what Halves does to observations"),
        (lambda env: wrappers.FrameStackObservation(env, 2), "FrameStackObservation: .*rollout_counts"),
        (wrappers.TimeAwareObservation, "TimeAwareObservation: .*rollout_counts"),
        (lambda env: wrappers.DelayObservation(env, 1), "DelayObservation: .*rollout_counts"),
        (Remembers, "Remembers showed another observation of .*not a function of the state"),
        (Overrides, "Overrides showed another observation"),
        (lambda env: wrappers.TransformAction(env, lambda a: 0, env.action_space), "TransformAction changes actions"),
        (lambda env: VecFrameStack(DummyVecEnv([lambda: env]), 2), "VecFrameStack: .*rollout_counts"),
    ],
)
def test_environments_that_no_table_can_stand_for(wrap, message):
    with pytest.raises(ValueError, match=message):
        pm.policy_table(lambda seen: 0, wrap(make(observation="onehot")))


def test_a_wrapper_is_not_known_by_its_name():
    own = type("Monitor", (Overrides,), {})(make(observation="onehot"))
    with pytest.raises(ValueError, match="Monitor showed another observation"):
        pm.policy_table(lambda seen: 0, own)
    many = type("VecMonitor", (Halves,), {})(DummyVecEnv([lambda: make(observation="onehot")]))
    with pytest.raises(ValueError, match="not known what VecMonitor does to observations"):
        pm.policy_table(lambda seen: 0, many)


@pytest.mark.slow
def test_environments_that_cannot_be_read():
    with pytest.raises(ValueError, match="found no tables in CartPoleEnv"):
        pm.policy_table(lambda seen: 0, gym.make("CartPole-v1"))
    remote = SubprocVecEnv([make])
    try:
        with pytest.raises(ValueError, match="run in other processes"):
            pm.policy_table(lambda seen: 0, remote)
    finally:
        remote.close()
