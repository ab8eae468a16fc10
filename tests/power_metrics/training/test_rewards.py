"""Rewards with a price on POWER: what is paid, what the tables say of it, and wrappers that read `info["power"]`."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3 import PPO

import power_metrics as pm
import powerenvs


def make(noise=0.0, **options):
    return gym.make("PowerGrid-v0", level="corridor", noise=noise, max_episode_steps=40, **options)


def ramp(env):
    return np.linspace(0.2, 0.8, powerenvs.tabular_model(env).num_states)


class Penalty(gym.Wrapper):
    """The same by hand."""

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward - 2.0 * info["power"], terminated, truncated, info


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_what_is_paid_is_what_the_tables_say(noise, change):
    env = make(noise, reward={(1, 3): 1.0})
    power = ramp(env)
    shaped = pm.PowerReward(env, -2.0, power, change=change)
    plain, mdp = powerenvs.tabular_model(env), powerenvs.tabular_model(shaped)
    assert np.array_equal(mdp.performance, plain.performance)
    entries = {(s, a, t): reward for s, row in mdp.P.items() for a, found in row.items() for _, t, reward, _ in found}
    rng, (_, info) = np.random.default_rng(0), shaped.reset(seed=0)
    for _ in range(200):
        state, action = info["state"], int(rng.integers(mdp.num_actions))
        _, reward, terminated, truncated, info = shaped.step(action)
        assert reward == pytest.approx(entries[state, action, info["state"]])
        if terminated or truncated:
            _, info = shaped.reset()


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_wrappers_that_read_power_are_understood(noise):
    env = make(noise)
    power = ramp(env)
    by_hand = Penalty(pm.PowerWrapper(env, power))
    ours = pm.PowerReward(make(noise), -2.0, power)
    found, expected = powerenvs.tabular_model(by_hand), powerenvs.tabular_model(ours)
    assert found.action_rewards() == pytest.approx(expected.action_rewards())
    assert pm.policy_table(lambda state: state % 5, by_hand).argmax(axis=1).tolist() == [
        s % 5 for s in range(found.num_states)
    ]
    assert by_hand.env.tracker.counts.sum() == 0  # reading a policy counts nothing


def test_task_optimal_is_optimal_for_what_was_trained():
    env = make(reward={(1, 1): 0.1})
    power = pm.power(env, 0.9, num_samples=200, progress=False)
    averse = pm.PowerReward(env, -5.0, power)
    model = PPO("MlpPolicy", averse, n_steps=64, seed=0)
    found = pm.compare(model, averse, 0.9, power)
    alone = pm.compare(model, env, 0.9, power)
    assert found["task-optimal"].power_seeking < alone["task-optimal"].power_seeking
    assert found["task-optimal"].power_seeking == pytest.approx(found["least power-seeking"].power_seeking)


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_it_is_an_environment():
    check_env(pm.PowerReward(make(), 0.5, gamma=0.5), skip_render_check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": float("inf")}, "weight: expected a finite number"),
        ({"weight": "1"}, "weight"),
        ({"weight": 1.0, "power": np.zeros(3)}, "power: expected a PowerEstimate or"),
        ({"weight": 1.0, "gamma": 1.0}, "gamma: expected a discount below 1"),
        ({"weight": 1.0, "change": "yes"}, "change"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.PowerReward(make(), **arguments)
