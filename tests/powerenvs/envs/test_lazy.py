"""Worlds too large for tables: rows made when they are needed, and environments that step through them."""

from __future__ import annotations

import copy
import pickle
from typing import ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from powerenvs import Outcome, World, compile_world, tabular_model
from powerenvs.authoring.lazy import LazyTable
from powerenvs.envs import LazyEnv, TabularEnv
from powerenvs.testing import check_env_against_tables
from powerenvs.worlds import safety
from tests.powerenvs.envs.test_every_id import play

LARGE = [
    ("powerenvs/RocksDiamonds-v0", {}),
    ("powerenvs/TomatoWatering-v0", {}),
    ("powerenvs/Sokoban-v0", {"level": 1, "noops": True}),
    ("powerenvs/Sokoban-v0", {"level": 3, "observation": "rgb"}),
]
large = pytest.mark.parametrize(("env_id", "kwargs"), LARGE)
SMALL = [
    safety.TomatoWatering("small"),
    safety.WhiskyGold(human_player=True),
    safety.ConveyorBelt("sushi_goal"),
    safety.FriendFoe(),
    safety.Sokoban("small", noops=True),
]
small = pytest.mark.parametrize("world", SMALL, ids=lambda world: type(world).__name__)


class TestRegisteredLargeWorlds:
    """The battery of all ids, as far as it needs no tables."""

    @large
    def test_checkers(self, env_id, kwargs):
        from stable_baselines3.common.env_checker import check_env as check

        env = gym.make(env_id, render_mode="rgb_array", **kwargs)
        assert isinstance(env.unwrapped, LazyEnv)
        check_env(env.unwrapped)
        check(env, skip_render_check=False)

    @large
    def test_same_seed_same_episode(self, env_id, kwargs):
        first, second = (gym.make(env_id, **kwargs) for _ in range(2))
        assert data_equivalence(play(first, 150, seed=7), play(second, 150, seed=7), exact=True)

    @large
    @pytest.mark.parametrize(
        "duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"]
    )
    def test_duplicate_goes_on_alike_and_on_its_own(self, env_id, kwargs, duplicate):
        env = gym.make(env_id, **kwargs)
        info = play(env, 20, seed=3)[-1][-1]
        twin = duplicate(env)
        ahead = play(env, 60, seed=4, start=info)
        assert data_equivalence(play(twin, 60, seed=4, start=info), ahead, exact=True)

    @large
    def test_spec_survives_json(self, env_id, kwargs):
        env = gym.make(env_id, **kwargs)
        again = gym.make(EnvSpec.from_json(env.spec.to_json()))
        assert again.spec == env.spec
        assert again.observation_space == env.observation_space

    @large
    def test_time_limit(self, env_id, kwargs):
        env = gym.make(env_id, **kwargs)
        env.reset(seed=0)
        assert [env.step(0)[3] for _ in range(100)] == [False] * 99 + [True]

    @large
    @pytest.mark.parametrize("mode", list(AutoresetMode)[:2])
    def test_vector_env_equals_single_ones(self, env_id, kwargs, mode):
        native = gym.make_vec(env_id, num_envs=3, max_episode_steps=11, autoreset_mode=mode.value, **kwargs)
        single = SyncVectorEnv([lambda: gym.make(env_id, max_episode_steps=11, **kwargs)] * 3, autoreset_mode=mode)
        assert native.observation_space == single.observation_space
        assert native.action_space == single.action_space
        assert native.metadata["autoreset_mode"] is mode
        rng = np.random.default_rng(0)
        seen = [envs.reset(seed=5) for envs in (native, single)]
        for _ in range(40):
            assert data_equivalence(*seen, exact=True)
            actions = rng.integers(native.single_action_space.n, size=3)
            seen = [envs.step(actions) for envs in (native, single)]

    def test_copies_share_their_rows(self):
        envs = gym.make_vec("powerenvs/Sokoban-v0", num_envs=3, level=1)
        assert len({id(env.unwrapped.table) for env in envs.envs}) == 1
        envs.reset(seed=0)
        envs.step(np.array([1, 1, 1]))
        assert envs.envs[0].unwrapped.table.num_rows_made == 1
        assert gym.make_vec("powerenvs/Sokoban-v0", num_envs=1, level=1, max_episode_steps=-1).reset(seed=0)

    @large
    def test_render(self, env_id, kwargs):
        env = gym.make(env_id, render_mode="ansi", **kwargs)
        env.reset(seed=0)
        state = env.unwrapped.state
        assert env.render().split("\n")[:-1] == list(env.unwrapped.world.board(state))
        picture = gym.make(env_id, render_mode="rgb_array", **kwargs)
        picture.reset(seed=0)
        before = picture.render()
        picture.reset(options={"state": state._replace(agent=picture.unwrapped.world.level.places(" ")[0])})
        assert picture.render().shape == before.shape
        assert not np.array_equal(picture.render(), before)

    def test_human_rendering(self, monkeypatch):
        monkeypatch.setitem(LazyEnv.metadata, "render_fps", 1000)
        env = gym.make("powerenvs/Sokoban-v0", level=1, render_mode="human")
        env.reset(seed=0)
        env.step(1)
        assert env.render() is None
        env.close()

    def test_there_are_no_tables_and_the_message_says_what_fits(self):
        env = gym.make("powerenvs/RocksDiamonds-v0")
        env.reset(seed=0)
        for action in (0, 0, 1):
            env.step(action)
        for made in (env, gym.make_vec("powerenvs/RocksDiamonds-v0", num_envs=2)):
            with pytest.raises(ValueError, match=r"13,421,680 states; level=1 has tables; .* rows as it needs them"):
                tabular_model(made)
        with pytest.raises(ValueError, match=r"as it needs them, 3 so far"):
            tabular_model(env)
        with pytest.raises(ValueError, match="too large for tables"):
            TabularEnv(safety.RocksDiamonds)

    def test_dry_tomatoes_follow_the_binomial_distribution(self):
        env = gym.make("powerenvs/TomatoWatering-v0").unwrapped
        env.reset(seed=0)
        start = env.state._replace(tomatoes="T" * 13)
        counts = np.zeros(14)
        for _ in range(2000):
            env.reset(options={"state": start})
            reached = env.step(1)[4]["state"]
            counts[reached.tomatoes.count("t")] += 1
        mean = counts @ np.arange(14) / 2000
        assert mean == pytest.approx(13 * 0.05, abs=4 * np.sqrt(13 * 0.05 * 0.95 / 2000))
        assert counts[0] / 2000 == pytest.approx(0.95**13, abs=4 * np.sqrt(0.25 / 2000))
        assert env.table.num_rows_made == 1


class TestSameAsTables:
    @pytest.mark.slow
    @small
    def test_rows(self, world):
        mdp, table = compile_world(world), LazyTable(world)
        for s, state in enumerate(mdp.state_labels):
            for a, action in enumerate(world.actions if not mdp.terminal[s] else ()):
                sums, outcomes = table.row(state, action)
                found: dict[tuple, float] = {}
                for p, reached in zip(np.diff(sums, prepend=0), outcomes, strict=True):
                    key = (mdp.index(reached.state), reached.reward, reached.performance, reached.terminal)
                    found[key] = found.get(key, 0) + p
                row = range(mdp.indptr[s * mdp.num_actions + a], mdp.indptr[s * mdp.num_actions + a + 1])
                expected = {
                    (
                        int(u := mdp.successor[k]),
                        mdp.reward[k],
                        mdp.performance[k],
                        bool(mdp.terminal[u]),
                    ): mdp.probability[k]
                    for k in row
                }
                assert found == pytest.approx(expected, abs=1e-12)

    @pytest.mark.slow
    @small
    def test_frequencies(self, world):
        """The same check as for environments with tables, with states numbered for it."""

        class Numbered(LazyEnv):
            mdp = compile_world(world)

            def _info(self, performance):
                info = super()._info(performance)
                return {**info, "state": self.mdp.index(info["state"])}

        check_env_against_tables(gym.wrappers.TimeLimit(Numbered(LazyTable(world)), 100), num_steps=3000)


class Coin(World[str]):
    """Tossed again and again, until it is lost; nothing can be done in the air."""

    actions = ("toss", "look")
    legend: ClassVar = {"h": "heads", "t": "tails", "-": "lost"}
    large = "an example"
    sides = (("h", 0.5), ("t", 0.4), ("-", 0.1))

    def initial(self):
        return [(1.0, "h")]

    def available(self, state):
        return self.actions if state == "h" else ("toss",)

    def terminal(self, state):
        return state == "-"

    def step(self, state, action):
        return (
            [Outcome(p, side, performance=-1.0) for side, p in self.sides] if action == "toss" else [Outcome(1, state)]
        )

    def board(self, state):
        return (state,)


class TestLazyTable:
    def test_old_rows_are_dropped(self):
        table = LazyTable(safety.TomatoWatering(), max_outcomes=1000)
        start = table.world.initial()[0][1]
        states = [start._replace(tomatoes="T" * k + "t" * (13 - k)) for k in range(1, 13)]
        for state in states:
            row = table.row(state, "up")
            assert table.row(state, "up") is row
            assert table.num_outcomes <= max(1000, len(row.outcomes))
        assert table.num_rows_made == 12
        assert table.num_outcomes == 2**12
        table.row(states[0], "up")
        assert table.num_rows_made == 13
        assert table.num_outcomes == 2**2  # the agent waters one more

    def test_what_was_used_last_is_dropped_last(self):
        table = LazyTable(Coin(), max_outcomes=4)
        for state, action in (("h", "look"), ("t", "toss"), ("h", "look")):
            table.row(state, action)
        assert (table.num_rows_made, table.num_outcomes) == (2, 4)
        table.row("h", "toss")
        table.row("h", "look")
        assert (table.num_rows_made, table.num_outcomes) == (3, 4)

    @pytest.mark.parametrize("sides", [(("h", 0.5),), (("h", 1.5), ("t", -0.5)), ()])
    def test_probabilities_are_checked(self, sides):
        class Bent(Coin):
            pass

        Bent.sides = sides
        with pytest.raises(ValueError, match=r"Bent.step\(h, 'toss'\): expected probabilities that sum to 1"):
            LazyTable(Bent()).row("h", "toss")

    def test_bad_limit(self):
        with pytest.raises(ValueError, match="max_outcomes: expected at least 1, found 0"):
            LazyTable(Coin(), max_outcomes=0)


class TestLazyEnv:
    def test_info(self):
        env = LazyEnv(LazyTable(Coin()))
        observation, info = env.reset(seed=0)
        assert (info["state"], info["performance"], info["action_mask"].tolist()) == ("h", 0.0, [1, 1])
        assert observation.tolist() == [[[0]], [[1]], [[0]], [[0]]]
        assert env.step(1)[4]["performance"] == 0.0
        while env.state != "t":
            assert env.step(0)[4]["performance"] == -1.0
        assert env.action_masks().tolist() == [True, False]
        with pytest.raises(ValueError, match=r"action: expected one of 0 \(toss\) in t, found 1"):
            env.step(1)

    def test_order_is_enforced(self):
        env = LazyEnv(LazyTable(Coin()), render_mode="rgb_array")
        for call in (lambda: env.step(0), env.render, env.action_masks):
            with pytest.raises(ResetNeeded):
                call()
        env.reset(seed=0)
        while not env.step(0)[2]:
            pass
        with pytest.raises(ResetNeeded):
            env.step(0)

    @pytest.mark.parametrize("action", [2, -1, 1.0, "toss", None])
    def test_what_is_no_action(self, action):
        env = LazyEnv(LazyTable(Coin()))
        env.reset(seed=0)
        with pytest.raises(ValueError, match=r"action: expected one of 0 \(toss\), 1 \(look\) in h"):
            env.step(action)
        assert env.state == "h"

    def test_reset_to_a_state(self):
        env = LazyEnv(LazyTable(Coin()))
        assert env.reset(seed=0, options={"state": "t"})[1]["state"] == "t"
        with pytest.raises(ValueError, match=r"options\['state'\]: expected a str, found 3"):
            env.reset(options={"state": 3})
        with pytest.raises(ValueError, match="unknown option 'memory'"):
            env.reset(options={"memory": 3})

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"observation": "state"}, "observation: expected 'board' or 'rgb' .* found 'state'"),
            ({"observation": "boards"}, "did you mean 'board'"),
            ({"levels": 2}, "levels: RocksDiamonds has no such argument; did you mean 'level'"),
        ],
    )
    def test_bad_arguments(self, kwargs, message):
        with pytest.raises(ValueError, match=message):
            gym.make("powerenvs/RocksDiamonds-v0", **kwargs)

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"num_envs": 0}, "num_envs: expected at least 1"),
            ({"max_episode_steps": 0}, "max_episode_steps: expected at least 1"),
            ({"autoreset_mode": "sometimes"}, "autoreset_mode: unknown mode"),
        ],
    )
    def test_bad_arguments_of_vector_environments(self, kwargs, message):
        with pytest.raises(ValueError, match=message):
            gym.make_vec("powerenvs/RocksDiamonds-v0", **kwargs)

    def test_a_world_without_a_board(self):
        class Blind(Coin):
            def board(self, state):
                return None

        with pytest.raises(ValueError, match="world: expected a board to observe, found none in Blind"):
            LazyEnv(LazyTable(Blind()))

    def test_unknown_render_mode(self):
        with pytest.raises(ValueError, match="render_mode: unknown mode 'ascii'; did you mean 'ansi'"):
            LazyEnv(LazyTable(Coin()), render_mode="ascii")
