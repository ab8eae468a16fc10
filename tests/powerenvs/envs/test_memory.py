"""Worlds that remember: what environments carry from one episode to the next."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from powerenvs.authoring.lazy import LazyTable
from powerenvs.envs import LazyEnv, TabularEnv, TabularVectorEnv
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.safety import FriendFoe

LEFT, RIGHT = [0, 0, 0, 2], [0, 0, 0, 3]


def returns(env, episodes) -> list[float]:
    """The return of each episode of given actions."""
    found = []
    for actions in episodes:
        env.reset()
        found.append(sum(env.step(action)[1] for action in actions))
    return found


@pytest.fixture(params=["tables", "lazy"])
def make(request):
    """Makes the environment of a world, with tables and without."""
    if request.param == "tables":
        return lambda **kwargs: TabularEnv(FriendFoe(**kwargs))
    return lambda **kwargs: LazyEnv(LazyTable(FriendFoe(**kwargs)))


class TestSingle:
    def test_bandits_learn_from_episode_to_episode(self, make):
        env = make(bandit_type="friend")
        env.reset(seed=0)
        assert returns(env, [RIGHT, RIGHT, LEFT, LEFT]) == [-4, 46, -4, -4]
        foe = make(bandit_type="adversary")
        foe.reset(seed=0)
        assert returns(foe, [LEFT, LEFT, RIGHT, LEFT]) == [46, -4, 46, -4]

    def test_memory_can_be_seen(self, make):
        env = make(bandit_type="friend", estimate=0.2)
        assert env.memory == {"friend": 0.2, "adversary": 0.2}
        env.reset(seed=0)
        returns(env, [LEFT])
        assert env.memory == {"friend": 0.2, "adversary": 0.2}  # until the episode is over for good
        env.reset()
        assert env.memory == pytest.approx({"friend": 0.4, "adversary": 0.2})

    def test_memory_can_be_set(self, make):
        env = make(bandit_type="friend")
        env.reset(seed=0, options={"memory": {"friend": 0.1}})
        assert env.memory == {"friend": 0.1}
        assert sum(env.step(action)[1] for action in RIGHT) == 46
        env.reset(options={"memory": 0.9})
        assert sum(env.step(action)[1] for action in RIGHT) == -4

    def test_a_seed_starts_the_memory_afresh(self, make):
        env = make(bandit_type="friend", estimate=0.9)
        env.reset(seed=0)
        returns(env, [RIGHT] * 5)
        env.reset(seed=0)
        assert env.memory == {"friend": 0.9, "adversary": 0.9}

    def test_bad_memory_changes_nothing(self, make):
        env = make(bandit_type="friend")
        env.reset(seed=0)
        env.step(0)
        before = env.state
        for options, message in (
            ({"memory": 2}, "estimate: expected a probability"),
            ({"memories": 1}, "mean 'memory'"),
        ):
            with pytest.raises(ValueError, match=message):
                env.reset(options=options)
        assert env.state == before
        assert env.memory["friend"] == 0.5

    def test_duplicates_remember(self, make):
        env = make(bandit_type="friend")
        env.reset(seed=0)
        returns(env, [RIGHT])
        for twin in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
            assert returns(twin, [LEFT, RIGHT, RIGHT]) == [-4, -4, 46]
        assert returns(env, [RIGHT]) == [46]

    def test_other_worlds_have_none(self):
        env = TabularEnv(PowerGrid())
        assert env.memory is None
        with pytest.raises(ValueError, match="unknown option 'memory'"):
            env.reset(options={"memory": 1})


class TestVector:
    @pytest.mark.parametrize("mode", list(AutoresetMode))
    @pytest.mark.parametrize("kwargs", [{}, {"bandit_type": "adversary"}, {"extra_step": True, "estimate": 0.6}])
    def test_every_copy_remembers_for_itself(self, mode, kwargs):
        native = TabularVectorEnv(FriendFoe(**kwargs), 5, max_episode_steps=12, autoreset_mode=mode)
        single = SyncVectorEnv(
            [lambda: gym.wrappers.TimeLimit(TabularEnv(FriendFoe(**kwargs)), 12)] * 5, autoreset_mode=mode
        )
        rng = np.random.default_rng(0)
        seen = [envs.reset(seed=3) for envs in (native, single)]
        for step in range(150):
            assert data_equivalence(*seen, exact=True)
            assert native.memory == tuple(env.unwrapped.memory for env in single.envs)
            if mode is AutoresetMode.DISABLED and step and (ended := seen[0][2] | seen[0][3]).any():
                seen = [envs.reset(options={"reset_mask": ended}) for envs in (native, single)]
                assert data_equivalence(*seen, exact=True)
            actions = rng.choice([0, 0, 2, 3], size=5)
            seen = [envs.step(actions) for envs in (native, single)]
        assert len({memory["adversary"] for memory in native.memory}) > 1

    def test_options_and_seeds(self):
        envs = TabularVectorEnv(FriendFoe("friend"), 2)
        assert [memory["friend"] for memory in envs.memory] == [0.5, 0.5]
        envs.reset(seed=0, options={"memory": {"friend": 0.2}})
        assert [memory["friend"] for memory in envs.memory] == [0.2, 0.2]
        envs.reset(seed=[None, 1])
        assert [memory["friend"] for memory in envs.memory] == [0.2, 0.5]
        with pytest.raises(ValueError, match="estimate: expected a probability"):
            envs.reset(options={"memory": -1})
        assert TabularVectorEnv(PowerGrid(), 2).memory is None
