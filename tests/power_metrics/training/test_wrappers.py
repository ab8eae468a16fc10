"""Wrappers: POWER in every info, the right action counted in the right state, whatever resets do."""

from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from pettingzoo.utils.conversions import parallel_to_aec

import power_metrics as pm
from power_metrics.comparison.references import RANDOM
from powerenvs.multi import power_pair_v0

with warnings.catch_warnings():  # PettingZoo's own tests import its games by a way that it deprecates
    warnings.simplefilter("ignore", DeprecationWarning)
    from pettingzoo.test import parallel_api_test


def make(**kwargs):
    return gym.make("PowerGrid-v0", **{"level": "two_rooms", "max_episode_steps": 25, **kwargs})


@pytest.fixture(scope="module")
def power():
    return pm.power(make(), 0.9, num_samples=100)


def test_power_and_counts_of_a_walk(power):
    env = pm.PowerWrapper(make(noise=0.0), power)
    rng = np.random.default_rng(0)
    expected = np.zeros((41, 5), dtype=int)
    _, info = env.reset(seed=1)
    for _ in range(300):
        state, action = info["state"], int(rng.integers(5))
        assert info["power"] == power.mean[state]
        expected[state, action] += 1
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            assert info["power"] == power.mean[info["state"]]
            _, info = env.reset()
    assert np.array_equal(env.tracker.counts, expected)
    assert env.visitation == pytest.approx(expected.sum(axis=1) / 300)
    assert "visited" in str(env.compare())


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")
def test_wrapper_is_a_well_behaved_one(power):
    env = pm.PowerWrapper(make(), power)
    check_env(env, skip_render_check=True)
    assert env.spec.additional_wrappers[-1].name == "PowerWrapper"
    assert env.unwrapped.mdp is power.model or env.unwrapped.mdp == power.model
    with pytest.raises(ValueError, match="found no tables in CartPoleEnv"):
        pm.PowerWrapper(gym.make("CartPole-v1"))
    with pytest.raises(ValueError, match="power: expected POWER of this model"):
        pm.PowerWrapper(make(level="open_3x3"), power)


def test_behaviour_counted_long_enough_is_the_policy(power):
    env = pm.PowerWrapper(make(level="open_3x3"), np.arange(9.0), gamma=0.8)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(4_000):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
    comparison = env.compare()
    assert comparison.gamma == 0.8
    assert comparison["visited"].normalised == pytest.approx(comparison[RANDOM].normalised, abs=0.1)


def test_toy_text_tells_its_state_too():
    env = pm.PowerWrapper(gym.make("FrozenLake-v1", is_slippery=False), np.arange(16.0), 0.9)
    _, info = env.reset(seed=0)
    assert info["power"] == 0.0
    _, _, _, _, info = env.step(1)  # down
    assert info["power"] == 4.0
    assert env.tracker.counts[0, 1] == 1


@pytest.mark.parametrize(
    ("mode", "autoreset"),
    [
        ("vector_entry_point", "NextStep"),
        ("vector_entry_point", "SameStep"),
        ("sync", "NextStep"),
        ("sync", "SameStep"),
    ],
)
def test_vector_counts_only_real_actions(power, mode, autoreset):
    kwargs = {"autoreset_mode": gym.vector.AutoresetMode(autoreset)}
    options = {"vector_kwargs": kwargs} if mode == "sync" else kwargs
    envs = pm.PowerVectorWrapper(
        gym.make_vec("PowerGrid-v0", 3, vectorization_mode=mode, level="two_rooms", max_episode_steps=7, **options),
        power,
    )
    rng, expected = np.random.default_rng(0), np.zeros((41, 5), dtype=int)
    _, infos = envs.reset(seed=0)
    resetting = np.zeros(3, dtype=bool)
    for _ in range(60):
        assert infos["power"] == pytest.approx(power.mean[infos["state"]])
        assert infos["_power"].all()
        states, actions = infos["state"].copy(), rng.integers(5, size=3)
        np.add.at(expected, (states[~resetting], actions[~resetting]), 1)
        _, _, terminated, truncated, infos = envs.step(actions)
        if "final_info" in infos:
            last = infos["final_info"]
            assert last["power"][last["_state"]] == pytest.approx(power.mean[last["state"][last["_state"]]])
        resetting = (terminated | truncated) & (autoreset == "NextStep")
    assert np.array_equal(envs.tracker.counts, expected)
    assert envs.visitation.sum() == pytest.approx(1.0)
    assert envs.compare().learned == ("visited",)


def test_vector_reset_of_some_copies(power):
    inner = gym.make_vec(
        "PowerGrid-v0",
        4,
        vectorization_mode="vector_entry_point",
        level="two_rooms",
        autoreset_mode="Disabled",
        max_episode_steps=2,
    )
    envs = pm.PowerVectorWrapper(inner, power)
    envs.reset(seed=0, options={"state": np.array([0, 1, 2, 3])})
    for _ in range(2):
        envs.step(np.zeros(4, dtype=int))  # stay, to the time limit
    mask = np.array([True, True, True, True])
    _, infos = envs.reset(options={"reset_mask": mask, "state": np.array([5, 6, 7, 8])})
    assert infos["power"] == pytest.approx(power.mean[5:9])
    envs.step(np.zeros(4, dtype=int))
    assert envs.tracker.counts[:, 0].tolist()[:9] == [2, 2, 2, 2, 0, 1, 1, 1, 1]


def test_vector_environment_without_states():
    envs = gym.make_vec("FrozenLake-v1", 2, vectorization_mode="sync")
    wrapped = pm.PowerVectorWrapper(envs, np.ones(16))
    with pytest.raises(ValueError, match=r'expected infos\["state"\]'):
        wrapped.reset(seed=0)


# PettingZoo


def pair_power(env):
    game = env.unwrapped.game
    uniform = {agent: game.uniform_policy(agent) for agent in game.agents}
    return {
        agent: pm.power(
            game.against({o: uniform[o] for o in game.agents if o != agent}), 0.9, num_samples=20, keep_samples=True
        )
        for agent in game.agents
    }


def test_parallel_wrapper_counts_and_tells_power():
    env = power_pair_v0.parallel_env(level="open_3x3", max_cycles=10)
    power = pair_power(env)
    wrapped = pm.PowerParallelWrapper(env, power)
    expected = {agent: np.zeros((81, 5), dtype=int) for agent in env.possible_agents}
    rng = np.random.default_rng(0)
    _, infos = wrapped.reset(seed=0)
    for _ in range(35):
        state = next(iter(infos.values()))["state"]
        for agent, info in infos.items():
            assert info["power"] == power[agent].mean[state]
        actions = {agent: int(rng.choice(np.flatnonzero(infos[agent]["action_mask"]))) for agent in wrapped.agents}
        for agent, action in actions.items():
            expected[agent][state, action] += 1
        _, _, _, truncated, infos = wrapped.step(actions)
        if any(truncated.values()):
            _, infos = wrapped.reset()
    for agent in env.possible_agents:
        assert np.array_equal(wrapped.counts[agent], expected[agent])
    assert wrapped.visitation.sum() == pytest.approx(1.0)
    first, second = env.possible_agents
    comparison = wrapped.compare(first)
    others = expected[second].astype(float)
    uniform = wrapped.game.uniform_policy(second)
    table = np.where(others.sum(1, keepdims=True) > 0, others / np.maximum(others.sum(1, keepdims=True), 1), uniform)
    assert comparison.mdp == wrapped.game.against({second: table})
    assert comparison.has_intervals
    assert comparison.gamma == 0.9


def test_parallel_wrapper_passes_the_api_test_and_becomes_aec():
    env = pm.PowerParallelWrapper(
        power_pair_v0.parallel_env(level="open_3x3"), pair_power(power_pair_v0.parallel_env(level="open_3x3"))
    )
    parallel_api_test(env, num_cycles=30)
    aec = parallel_to_aec(env)
    aec.reset(seed=0)
    aec.step(0)
    aec.step(0)
    assert "power" in aec.last()[4]


def test_parallel_wrapper_takes_multiagent_power():
    env = power_pair_v0.parallel_env(level="open_3x3")
    both = pm.multiagent_power(env, gamma=0.6, num_samples=10)
    wrapped = pm.PowerParallelWrapper(env, both)
    _, infos = wrapped.reset(seed=0)
    for agent in env.possible_agents:
        assert infos[agent]["power"] == both[agent].mean[infos[agent]["state"]]
        wrapped.step(dict.fromkeys(env.possible_agents, 0))
        assert wrapped.compare(agent).gamma == 0.6


def test_parallel_wrapper_bad_input():
    env = power_pair_v0.parallel_env(level="open_3x3")
    power = pair_power(env)
    first, second = env.possible_agents
    with pytest.raises(ValueError, match=f"found none of '{second}'"):
        pm.PowerParallelWrapper(env, {first: power[first]})
    with pytest.raises(ValueError, match="power: expected POWER of the joint states"):
        pm.PowerParallelWrapper(env, {first: power[first], second: pm.power(make(), num_samples=5)})
    with pytest.raises(ValueError, match="power: expected a PowerEstimate or 81"):
        pm.PowerParallelWrapper(env, {first: power[first], second: np.ones(5)})
    wrapped = pm.PowerParallelWrapper(env, power)
    with pytest.raises(ValueError, match="agent: unknown agent 'humna'"):
        wrapped.compare("humna")


def test_actions_of_every_type_are_counted():
    env = pm.PowerWrapper(make(level="open_3x3"), np.ones(9))
    envs = pm.PowerVectorWrapper(gym.make_vec("PowerGrid-v0", 2, level="open_3x3"), np.ones(9))
    env.reset(seed=0)
    for action in (0, False, np.uint8(0), np.uint64(0), np.array(0)):
        env.step(action)
    assert env.tracker.counts.sum() == env.tracker.counts[:, 0].sum() == 5
    envs.reset(seed=0)
    for dtype in (np.int64, np.uint64, np.int8):
        envs.step(np.zeros(2, dtype))
    assert envs.tracker.counts.sum() == envs.tracker.counts[:, 0].sum() == 6


def test_infos_in_a_list_are_refused_by_name():
    envs = gym.make_vec("powerenvs:PowerGrid-v0", 2, "vector_entry_point", level="S..")
    listed = pm.PowerVectorWrapper(gym.wrappers.vector.DictInfoToList(envs), power=np.arange(3.0))
    with pytest.raises(ValueError, match="put DictInfoToList outside"):
        listed.reset(seed=0)


def test_counts_of_vector_environments_are_refused_by_name():
    envs = gym.make_vec("powerenvs:PowerGrid-v0", 2, "vector_entry_point", level="S..")
    with pytest.raises(ValueError, match="NativeVecEnv"):
        pm.rollout_counts(lambda state: 0, envs, num_steps=10)


def test_modules_that_give_several_things():
    """Logits beside a value are found, and so is what a distribution is made of; what has no scores is refused."""

    class Both(torch.nn.Module):
        def forward(self, seen):
            return torch.arange(5.0).expand(len(seen), 5), torch.zeros(len(seen), 1)

    env = gym.make("powerenvs:PowerGrid-v0", level="S..")
    expected = np.tile(torch.softmax(torch.arange(5.0).double(), 0).numpy(), (3, 1))
    np.testing.assert_allclose(pm.policy_table(Both(), env, kind="logits"), expected, atol=1e-7)
    given = torch.arange(5.0).expand(3, 5)
    drawn = pm.policy_table(lambda seen: torch.distributions.Categorical(logits=given), env, kind="logits")
    np.testing.assert_allclose(drawn, expected, atol=1e-7)
    with pytest.raises(ValueError, match="found a Normal"):
        pm.policy_table(lambda seen: torch.distributions.Normal(torch.zeros(3, 5), 1.0), env, kind="logits")


def test_games_are_no_environments_of_gymnasium():
    from powerenvs import register
    from powerenvs.worlds.power.pair import PowerPair

    for world in (PowerPair, PowerPair("S.."), PowerPair("S..").tables()):
        with pytest.raises(ValueError, match="GameEnv"):
            register("NoGame-v0", world)
