"""Many copies of a game at once: the same as single ones, array by array."""

from __future__ import annotations

import cloudpickle
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from powerenvs.envs.game_vector import GameVectorEnv
from powerenvs.multi import one_key_v0, power_pair_v0
from powerenvs.worlds.power.pair import PowerPair


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (power_pair_v0, {"noise": 0.4, "level": ["S.G", "S.."], "observation": "board", "max_cycles": 5}),
        (power_pair_v0, {"walls": "absent", "level": "S.G", "observation": "onehot", "max_cycles": 3}),
        (one_key_v0, {"max_cycles": 9}),
    ],
)
def test_as_single_environments(module, options):
    num_envs, seed = 4, 5
    env = module.vector_env(num_envs=num_envs, **options)
    singles = [module.parallel_env(**options) for _ in range(num_envs)]
    agents = env.possible_agents
    assert agents == singles[0].possible_agents
    observations, infos = env.reset(seed=seed)
    begun = [single.reset(seed=seed + i) for i, single in enumerate(singles)]
    rng, ends = np.random.default_rng(0), 0
    for _ in range(40):
        for agent in agents:
            assert env.observation_space(agent).contains(observations[agent])
            for i, (seen, info) in enumerate(begun):
                assert np.array_equal(observations[agent][i], seen[agent])
                assert infos[agent]["state"][i] == info[agent]["state"]
                assert np.array_equal(infos[agent]["action_mask"][i], info[agent]["action_mask"])
        actions = {
            agent: np.array([rng.choice(np.flatnonzero(mask)) for mask in infos[agent]["action_mask"]])
            for agent in agents
        }
        observations, rewards, terminations, truncations, infos = env.step(actions)
        begun = []
        for i, single in enumerate(singles):
            seen, paid, ended, cut, info = single.step({agent: int(actions[agent][i]) for agent in agents})
            for agent in agents:
                assert infos[agent]["final_state"][i] == info[agent]["state"]
                assert infos[agent]["performance"][i] == info[agent]["performance"]
                assert np.array_equal(env.observe(infos[agent]["final_state"])[agent][i], seen[agent])
                got = rewards[agent][i], terminations[agent][i], truncations[agent][i]
                assert got == (paid[agent], ended[agent], cut[agent])
            if not single.agents:
                ends += 1
                seen, info = single.reset()
            begun.append((seen, info))
    assert ends > num_envs
    assert np.array_equal(env.state(), infos[agents[0]]["state"])


def test_arrays_are_the_callers_own():
    env = power_pair_v0.vector_env(num_envs=3)
    observations, infos = env.reset(seed=0)
    before = env.state()
    observations["human"][:] = 1
    infos["ai"]["state"][:] = 2
    assert np.array_equal(env.state(), before)
    assert not np.array_equal(observations["human"], observations["ai"])


def test_survives_pickling_and_refuses():
    env = cloudpickle.loads(cloudpickle.dumps(GameVectorEnv(PowerPair("S.."), 2)))
    with pytest.raises(ResetNeeded):
        env.step({"human": [0, 0], "ai": [0, 0]})
    env.reset(seed=0)
    with pytest.raises(ValueError, match="expected those of"):
        env.step({"human": [0, 0]})
    for options, message in (
        ({"num_envs": 0}, "num_envs"),
        ({"max_cycles": 0}, "max_cycles"),
        ({"observation": "pixels"}, "unknown kind"),
    ):
        with pytest.raises(ValueError, match=message):
            GameVectorEnv(PowerPair("S.."), **options)
    with pytest.raises(ValueError, match="with_bumping"):
        GameVectorEnv(PowerPair("S.S").tables().without_overlaps())
    with pytest.raises(ValueError, match="TableGameWorld or a TabularGame"):
        GameVectorEnv("power_pair")
    with pytest.raises(TypeError, match="power_pair_v0"):
        power_pair_v0.vector_env(levels="S..")
