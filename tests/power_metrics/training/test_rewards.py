"""Rewards with a price on POWER: what is paid, what the tables say of it, and wrappers that read `info["power"]`."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.utils.conversions import parallel_to_aec
from stable_baselines3 import PPO

import power_metrics as pm
import powerenvs
from powerenvs.multi import power_pair_v0


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


def paid_by_tables(mdp):
    return {(s, a, t): reward for s, row in mdp.P.items() for a, found in row.items() for _, t, reward, _ in found}


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("mode", ["vector_entry_point", "sync"])
@pytest.mark.parametrize("autoreset", ["NextStep", "SameStep"])
def test_vectors_pay_what_the_tables_say(mode, autoreset, change):
    kwargs = {"autoreset_mode": gym.vector.AutoresetMode(autoreset)}
    options = {"vector_kwargs": kwargs} if mode == "sync" else kwargs
    envs = gym.make_vec("PowerGrid-v0", 3, mode, level="corridor", noise=0.3, max_episode_steps=7, **options)
    power = ramp(envs)
    envs = pm.PowerRewardVector(envs, -2.0, power, change=change)
    entries = paid_by_tables(powerenvs.tabular_model(envs))
    rng, (_, infos), restarts = np.random.default_rng(0), envs.reset(seed=0), np.zeros(3, dtype=bool)
    for _ in range(60):
        before, actions = infos["state"].copy(), rng.integers(5, size=3)
        _, rewards, terminated, truncated, infos = envs.step(actions)
        ended = terminated | truncated
        after = infos["state"].copy()
        if autoreset == "SameStep" and ended.any():
            after[ended] = infos["final_info"]["state"][ended]
        steps = zip(before.tolist(), actions.tolist(), after.tolist(), restarts, strict=True)
        assert rewards.tolist() == pytest.approx([0.0 if begun else entries[s, a, t] for s, a, t, begun in steps])
        restarts = ended & (autoreset == "NextStep")
    found = pm.compare(lambda state: state % 5, envs, 0.9, power)
    averse = pm.compare(lambda state: state % 5, pm.PowerReward(make(0.3), -2.0, power, change=change), 0.9, power)
    assert found["task-optimal"] == averse["task-optimal"]  # optimal for what is paid, through vectors too


def test_games_pay_each_agent_for_its_own_power():
    env = power_pair_v0.parallel_env(level="S..", max_cycles=20)
    power = {"human": np.linspace(0.0, 1.0, 9), "ai": np.linspace(1.0, 3.0, 9)}
    shaped = pm.PowerRewardParallel(env, {"ai": -2.0}, power)
    game = powerenvs.tabular_model(shaped)
    assert game.agents == ("human", "ai")
    assert np.array_equal(game.reward[0], env.game.reward[0])
    rng = np.random.default_rng(0)
    _, infos = shaped.reset(seed=0)
    for _ in range(20):
        before, joint = infos["ai"]["state"], rng.integers(5, size=2)
        _, rewards, _, _, infos = shaped.step(dict(zip(game.agents, joint.tolist(), strict=True)))
        row = before * game.num_joint_actions + int(joint[0] * 5 + joint[1])
        entry = game.indptr[row]
        assert game.successor[entry] == infos["ai"]["state"]
        assert [rewards["human"], rewards["ai"]] == pytest.approx(game.reward[:, entry].tolist())
        assert rewards["ai"] == pytest.approx(-2.0 * power["ai"][infos["ai"]["state"]])
    random = {agent: game.uniform_policy(agent) for agent in game.agents}
    found = pm.compare(random, shaped, 0.9, power)
    assert found.best_response_gap[0, 1] > 0.1  # it could have less POWER
    assert found.best_response_gap[0, 0] == pytest.approx(0.0, abs=1e-9)
    whole = pm.PowerRewardParallel(env, 0.5, gamma=0.5)
    assert sorted(whole.prices) == ["ai", "human"]
    assert powerenvs.tabular_model(parallel_to_aec(whole)).reward.min() > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda env: pm.PowerRewardParallel(env, {"bob": 1.0}), "weight: no agent 'bob'"),
        (lambda env: pm.PowerRewardParallel(env, np.inf), "weight: expected a finite number"),
        (lambda env: pm.PowerRewardParallel(env, 1.0, {"ai": np.ones(9)}), "power: expected the POWER of 'human'"),
        (lambda env: pm.PowerRewardParallel(env, 1.0, np.ones((2, 9))), "power: expected the POWER of 'human'"),
        (lambda env: pm.PowerRewardParallel(parallel_to_aec(env), 1.0), "env: expected a parallel environment"),
        (lambda env: pm.PowerRewardParallel(make(), 1.0), "env: expected a parallel environment"),
        (lambda env: pm.PowerRewardVector(gym.make_vec("CartPole-v1", 2), 1.0), "env"),
    ],
)
def test_what_cannot_be_paid(call, message):
    with pytest.raises(ValueError, match=message):
        call(power_pair_v0.parallel_env(level="S.."))
