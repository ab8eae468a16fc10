"""Games as PettingZoo environments: conformance, stepping, observations, pictures."""

from __future__ import annotations

import pickle
import warnings
from collections import Counter
from importlib import import_module
from typing import ClassVar

import numpy as np
import pettingzoo
import pytest
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularGame, registry, tabular_model
from powerenvs.envs.observations import GlyphPlanes
from powerenvs.envs.parallel import GameEnv
from powerenvs.multi import GAMES, one_key_v0, power_pair_v0, register_games
from powerenvs.testing import check_tabular
from powerenvs.worlds.power.pair import PowerPair
from tests.games import games, random_game

with warnings.catch_warnings():  # PettingZoo's own tests import its games by a way that it deprecates
    warnings.simplefilter("ignore", DeprecationWarning)
    from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, render_test, seed_test
    from pettingzoo.test.state_test import state_test

MODULES = [import_module(f"powerenvs.multi.{name}") for name in GAMES]
KINDS = ("state", "onehot", "board", "rgb")
STAY, UP, DOWN, LEFT, RIGHT = range(5)

# agents are called "human" and "ai", not "player_0"; planes are no images; and a state's number is no array
NAMES = pytest.mark.filterwarnings("ignore:We recommend agents to be named in the format:UserWarning")
PLANES = pytest.mark.filterwarnings("ignore:Observation space for each agent probably should be:UserWarning")
NUMBERS = pytest.mark.filterwarnings("ignore:Observation is not a NumPy array:UserWarning")

every_game = pytest.mark.parametrize("module", MODULES, ids=GAMES)


def kinds(module):
    """The observations of a game: pictures only if it has a board."""
    return KINDS if module.parallel_env().game.board is not None else KINDS[:2]


@every_game
class TestPettingZooConformance:
    def test_parallel_api(self, module):
        for observation in kinds(module):
            parallel_api_test(module.parallel_env(observation=observation), num_cycles=200)

    @pytest.mark.slow
    @NAMES
    @PLANES
    @NUMBERS
    def test_aec_api(self, module):
        for observation in kinds(module):
            api_test(module.env(observation=observation), num_cycles=200)
            api_test(module.raw_env(observation=observation), num_cycles=20)

    def test_seeds(self, module):
        seed_test(module.env, num_cycles=50)
        parallel_seed_test(module.parallel_env, num_cycles=50)

    @pytest.mark.slow
    def test_rendering(self, module):
        render_test(module.env)

    def test_state(self, module):
        state_test(module.env(observation="onehot"), module.parallel_env(observation="onehot"))

    @pytest.mark.skipif(not hasattr(pettingzoo, "register"), reason="PettingZoo before 1.27 has no registry")
    def test_registered_with_pettingzoo(self, module):
        name = module.__name__.rpartition(".")[2]
        id = registry.games()[name].id
        parallel = pettingzoo.make("parallel", id, max_cycles=3, render_mode="ansi")
        assert isinstance(parallel, GameEnv)
        assert (str(parallel), parallel.max_cycles, parallel.render_mode) == (name, 3, "ansi")
        aec = pettingzoo.make("aec", id)
        assert str(aec) == name
        register_games()  # a second time: no warning, no error

    def test_tables_through_both_apis(self, module):
        game = module.parallel_env().game
        assert isinstance(game, TabularGame)
        assert tabular_model(module.parallel_env()) == game
        assert tabular_model(module.env()) == game
        assert tabular_model(module.raw_env()) == game
        check_tabular(game)


def test_old_pettingzoo_without_a_registry(monkeypatch):
    for name in ("register", "aec_registry", "parallel_registry"):
        monkeypatch.delattr(pettingzoo, name, raising=False)
    register_games()


@pytest.mark.slow
@NAMES
@NUMBERS
@pytest.mark.parametrize(
    "kwargs",
    [
        {"level": "maze_7x7", "noise": 0.3},
        {"level": "maze_7x7", "overlaps": False, "noise": 0.3, "noise_bias": {"right": 0.1}},
        {"level": "maze_7x7", "overlaps": False, "no_swaps": True, "walls": "absent"},
        {"level": "four_rooms", "reward": {"ai": {(1, 1): -1.0}}},
    ],
)
def test_variants_of_the_pair_conform(kwargs):
    api_test(power_pair_v0.env(**kwargs), num_cycles=100)
    seed_test(lambda: power_pair_v0.env(**kwargs), num_cycles=50)


def play(env, seed, num_steps):
    """Random legal play: (states, joint actions, rewards, terminated, truncated) of each step."""
    rng = np.random.default_rng(seed)
    _, infos = env.reset(seed=seed)
    history = []
    for _ in range(num_steps):
        if not env.agents:
            _, infos = env.reset()
        before = env.joint_state
        actions = {agent: int(rng.choice(np.flatnonzero(infos[agent]["action_mask"]))) for agent in env.agents}
        _, rewards, terminated, truncated, infos = env.step(actions)
        history.append((before, actions, env.joint_state, rewards, terminated, truncated, infos))
    return history


class TestGameEnv:
    @settings(max_examples=20)
    @given(games(max_states=4), st.integers(0, 1000))
    def test_every_step_is_an_entry_of_the_table(self, game, seed):
        if not game.independent_actions:
            with pytest.raises(ValueError, match="all combinations of available actions exist"):
                GameEnv(game)
            return
        J = game.num_joint_actions
        for before, actions, after, rewards, *_, infos in play(GameEnv(game), seed, 30):
            j = int(np.ravel_multi_index([actions[agent] for agent in game.agents], game.num_actions))
            entries = range(game.indptr[before * J + j], game.indptr[before * J + j + 1])
            paid = [(game.successor[e], game.reward[:, e].tolist(), game.performance[:, e].tolist()) for e in entries]
            performance = [infos[agent]["performance"] for agent in game.agents]
            assert (after, list(rewards.values()), performance) in paid

    def test_frequencies_are_those_of_the_table(self):
        env = power_pair_v0.parallel_env(level=["..."], noise=0.6)
        game = env.game
        env.reset(seed=0)
        start, counts, n = game.index(((0, 1), (0, 2))), Counter(), 4000
        for _ in range(n):
            env.reset(options={"state": start})
            env.step({"human": RIGHT, "ai": STAY})
            counts[env.joint_state] += 1
        joint = RIGHT * 5 + STAY
        row = slice(game.indptr[start * 25 + joint], game.indptr[start * 25 + joint + 1])
        assert set(counts) == set(game.successor[row].tolist())
        for state, p in zip(game.successor[row].tolist(), game.probability[row], strict=True):
            assert abs(counts[state] / n - p) < 5 * np.sqrt(p * (1 - p) / n)

    def test_starts_follow_the_start_distribution(self):
        game = TabularGame.from_transitions([(s, (0, 0), s, 1.0) for s in range(3)], initial=[0.2, 0.0, 0.8])
        env = GameEnv(game)
        env.reset(seed=0)
        found = Counter(int(env.reset()[0]["ai"]) for _ in range(3000))
        assert set(found) == {0, 2}
        assert abs(found[0] / 3000 - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 3000)

    def test_infos(self):
        env = power_pair_v0.parallel_env(walls="absent")
        _, infos = env.reset(seed=0, options={"state": ((0, 0), (1, 1))})
        assert infos["human"]["state"] == env.game.index(((0, 0), (1, 1)))
        assert infos["human"]["action_mask"].tolist() == [1, 0, 1, 0, 1]
        assert infos["ai"]["action_mask"].tolist() == [1] * 5
        assert infos["ai"]["performance"] == 0.0
        infos["ai"]["action_mask"][:] = 7
        _, infos = env.reset(options={"state": ((0, 0), (1, 1))})
        assert infos["ai"]["action_mask"].tolist() == [1] * 5

    def test_all_agents_end_together(self):
        env = power_pair_v0.parallel_env(max_cycles=2)
        env.reset(seed=0)
        assert env.agents == ["human", "ai"]
        *_, truncated, _ = env.step({"human": STAY, "ai": STAY})
        assert truncated == {"human": False, "ai": False}
        *_, terminated, truncated, _ = env.step({"human": STAY, "ai": STAY})
        assert truncated == {"human": True, "ai": True}
        assert terminated == {"human": False, "ai": False}
        assert env.agents == []
        with pytest.raises(ResetNeeded):
            env.step({"human": STAY, "ai": STAY})
        env.reset()
        assert env.agents == ["human", "ai"]

    def test_no_limit(self):
        env = power_pair_v0.parallel_env(max_cycles=None)
        assert not any(any(truncated.values()) for *_, truncated, _ in play(env, 0, 150))

    @pytest.mark.parametrize(
        ("actions", "message"),
        [
            ({"human": 0}, "expected an action for each of"),
            ({"human": 0, "ai": 0, "robot": 0}, "expected an action for each of"),
            ({"human": 0, "ai": 1}, r"action of ai: expected one of 0 \(stay\), 2 \(down\), .* found 1"),
            ({"human": 5, "ai": 0}, "action of human: .*, found 5"),
            ({"human": -1, "ai": 0}, "action of human: .*, found -1"),
            ({"human": 0.5, "ai": 0}, "action of human: .*, found 0.5"),
            ({"human": None, "ai": 0}, "action of human: .*, found None"),
        ],
    )
    def test_illegal_actions_change_nothing(self, actions, message):
        env = power_pair_v0.parallel_env(walls="absent")
        env.reset(seed=0, options={"state": ((2, 2), (0, 0))})
        before = env.joint_state
        with pytest.raises(ValueError, match=message):
            env.step(actions)
        assert env.joint_state == before

    def test_reset_to_a_state(self):
        env = power_pair_v0.parallel_env()
        for wanted in (((0, 1), (2, 2)), [[0, 1], [2, 2]], 17):
            labels = wanted if not isinstance(wanted, list) else tuple(map(tuple, wanted))
            env.reset(options={"state": labels})
            assert env.game.state_labels[env.joint_state] == ((0, 1), (2, 2))
        with pytest.raises(ValueError, match=r"options\['state'\]"):
            env.reset(options={"state": ((0, 1), (2, 3))})

    def test_calls_out_of_order(self):
        env = power_pair_v0.parallel_env(render_mode="ansi")
        for call in (env.render, env.state, lambda: env.step({"human": 0, "ai": 0})):
            with pytest.raises(ResetNeeded):
                call()

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"observation": "pixels"}, "observation: unknown kind 'pixels'"),
            ({"render_mode": "rgb"}, "render_mode: unknown mode 'rgb'; did you mean 'rgb_array'"),
            ({"max_cycles": 0}, "max_cycles: expected at least 1"),
            ({"level": "open_3x4"}, "level: no shipped level is called 'open_3x4'; did you mean 'open_3x3'"),
            ({"no_swaps": True}, "no_swaps: expected False where agents may overlap"),
            ({"reward": {"robot": {}}}, "reward: unknown agent 'robot'"),
            ({"reward": {"ai": {(9, 9): 1.0}}}, "reward: .* is not a free cell"),
            ({"level": "four_rooms", "overlaps": False}, "level: expected at least two starts 'S'"),
            ({"noise": 1.5}, "noise"),
            ({"walls": "soft"}, "walls"),
        ],
    )
    def test_bad_input(self, kwargs, message):
        with pytest.raises(ValueError, match=message):
            power_pair_v0.parallel_env(**kwargs)

    def test_games_without_a_board(self):
        game = random_game(np.random.default_rng(0), 3, (2, 2), masked=False)
        env = GameEnv(game, render_mode="ansi", observation="onehot")
        env.reset(seed=1)
        assert env.render() == f"state {env.joint_state}: {game.describe(env.joint_state)}"
        for kwargs in ({"render_mode": "rgb_array"}, {"render_mode": "human"}, {"observation": "board"}):
            with pytest.raises(ValueError, match="needs a board, and this game has none"):
                GameEnv(game, **kwargs)
        with pytest.raises(ValueError, match="world: expected a TableGameWorld or a TabularGame, found 3"):
            GameEnv(3)

    def test_without_overlaps_has_no_masks_that_tell(self):
        game = PowerPair().tables().without_overlaps()
        with pytest.raises(ValueError, match="use with_bumping"):
            GameEnv(game)

    def test_pickles_go_on_where_they_were(self):
        env = power_pair_v0.parallel_env(noise=0.5, observation="board", render_mode="ansi")
        env.reset(seed=3)
        copy = pickle.loads(pickle.dumps(env))
        for _ in range(20):
            assert copy.step({"human": UP, "ai": LEFT})[1] == env.step({"human": UP, "ai": LEFT})[1]
            assert copy.joint_state == env.joint_state
        assert copy.render() == env.render()

    def test_render_without_a_mode_warns(self):
        env = power_pair_v0.parallel_env()
        env.reset()
        with pytest.warns(UserWarning, match="render"):
            assert env.render() is None


class TestObservations:
    def test_spaces_are_own_objects(self):
        env = power_pair_v0.parallel_env(observation="board")
        assert env.observation_space("human") is not env.observation_space("ai")
        assert env.observation_space("human") == env.observation_space("ai")
        assert isinstance(env.action_space("ai"), spaces.Discrete)

    def test_state_and_onehot(self):
        env = power_pair_v0.parallel_env(observation="onehot")
        observations, _ = env.reset(seed=0)
        assert np.flatnonzero(observations["ai"]).tolist() == [env.joint_state]
        assert np.array_equal(env.state(), observations["human"])
        assert power_pair_v0.parallel_env().reset(seed=0)[0]["ai"] == env.joint_state

    def test_observations_are_copies(self):
        env = power_pair_v0.parallel_env(observation="onehot")
        observations, _ = env.reset(seed=0)
        observations["ai"][:] = 7
        assert env.reset(options={"state": env.joint_state})[0]["ai"].sum() == 1

    def test_board_has_a_plane_for_each_agent(self):
        env = power_pair_v0.parallel_env(level=["S.#", "..G"], observation="board")
        table = env.observation_table
        assert table.glyphs == ("#", ".", "S", "G", "H", "A")
        together = env.reset(options={"state": ((1, 2), (1, 2))})[0]["human"]
        planes = dict(zip(table.glyphs, together.tolist(), strict=True))
        assert planes["#"] == [[0, 0, 1], [0, 0, 0]]
        assert planes["S"] == [[1, 0, 0], [0, 0, 0]]
        assert planes["G"] == planes["H"] == planes["A"] == [[0, 0, 0], [0, 0, 1]]

    @pytest.mark.slow
    @every_game
    def test_every_state_looks_different(self, module):
        """The planes show the whole state: who has the key is on the board too."""
        planes = module.parallel_env(observation="board").observation_table.values
        assert len(np.unique(planes.reshape(len(planes), -1), axis=0)) == len(planes)
        images = module.parallel_env(observation="rgb").observation_table.values
        assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)

    def test_agents_that_are_nowhere_are_not_shown(self):
        game = random_game(np.random.default_rng(0), 2, (1, 1))
        game = game.with_(board=("..",), cells=[[(0, 1), (-1, -1)], [(0, 0), (0, 0)]])
        env = GameEnv(game, observation="board", render_mode="ansi")
        assert env.observation_table.values.sum(axis=(2, 3)).tolist() == [[0, 2, 1, 0], [0, 2, 1, 1]]

    def test_glyphs_of_agents_do_not_clash_with_the_board(self):
        game = random_game(np.random.default_rng(0), 2, (1, 1))
        game = game.with_(board=("AH",), cells=np.zeros((2, 2, 2), dtype=int))
        env = GameEnv(game, observation="board")
        assert len(set(env.observation_table.glyphs)) == 5

    def test_a_legend_with_the_wall_has_one_plane_for_it(self):
        class Walled(PowerPair):
            legend: ClassVar = {"#": "wall", **PowerPair.legend}

        env = GameEnv(Walled(level=["S#", ".G"]), observation="board")
        assert env.observation_table.glyphs == ("#", ".", "S", "G", "H", "A")
        assert env.observation_table.values[0, 0].tolist() == [[0, 1], [0, 0]]

    def test_planes_are_no_images(self):
        """A Box of three dimensions and bytes would read as an image, with values up to 255."""
        env = power_pair_v0.parallel_env(observation="board")
        assert env.observation_space("ai") == GlyphPlanes((6, 3, 3))
        assert env.observation_space("ai") is not env.observation_space("human")
        assert not isinstance(env.state_space, spaces.Box)

    def test_unknown_glyphs_on_the_board(self):
        class Strange(PowerPair):
            def board(self, state):
                return ("???",) * 3

        with pytest.raises(
            ValueError, match=r"the board of state 0 \(.*has the glyph '\?', which is not in the legend"
        ):
            GameEnv(Strange(), observation="board")

    def test_too_large(self):
        with pytest.raises(ValueError, match=r"'onehot' needs a table of 8\.7 GiB for 48,400 states, above"):
            power_pair_v0.parallel_env(level="robot_face_20x20", observation="onehot")


class TestPictures:
    def test_agents_have_colours_of_their_own_also_in_one_cell(self):
        env = power_pair_v0.parallel_env(render_mode="rgb_array")
        orange, blue = (222, 124, 32), (34, 98, 196)
        for label in (((0, 0), (2, 2)), ((1, 1), (1, 1))):
            env.reset(options={"state": label})
            image = env.render()
            for colour in (orange, blue):
                assert np.all(image == colour, axis=2).sum() > 20

    def test_text_shows_both_agents_in_one_cell(self):
        env = one_key_v0.parallel_env(render_mode="ansi")
        env.reset(options={"state": ((1, 1), (1, 1), "floor")})
        text = env.render()
        lines = text.split("\n")
        assert "H\x1b[0m" in lines[1]
        assert "A\x1b[0m" in lines[1]
        assert lines[0] == "#" * 18
        assert lines[-1] == "state 17: human=(1, 1), ai=(1, 1), key=floor"

    def test_human_mode_draws_in_reset_and_step(self):
        env = power_pair_v0.parallel_env(render_mode="human")
        env.reset(seed=0)
        env.step({"human": STAY, "ai": STAY})
        assert env.render() is None
        env.close()


class TestMasksInObservations:
    OPTIONS = {"level": "S..", "walls": "absent", "observation": "onehot", "masked": True, "max_cycles": 9}  # noqa: RUF012

    @pytest.mark.filterwarnings("ignore")
    def test_conforms(self):
        from pettingzoo.test import api_test, parallel_api_test

        parallel_api_test(power_pair_v0.parallel_env(**self.OPTIONS), num_cycles=50)
        api_test(power_pair_v0.env(**self.OPTIONS), num_cycles=50)

    def test_are_those_of_the_state(self):
        env = power_pair_v0.parallel_env(**self.OPTIONS)
        seen, infos = env.reset(seed=0)
        for _ in range(5):
            for agent in env.agents:
                assert env.observation_space(agent).contains(seen[agent])
                assert seen[agent]["observation"].argmax() == infos[agent]["state"]
                assert seen[agent]["action_mask"].tolist() == infos[agent]["action_mask"].tolist()
            actions = {agent: int(np.flatnonzero(seen[agent]["action_mask"])[-1]) for agent in env.agents}
            seen, _, _, _, infos = env.step(actions)
        with pytest.raises(ValueError, match="masked"):
            power_pair_v0.parallel_env(masked=3)

    @pytest.mark.parametrize("make", [power_pair_v0.parallel_env, power_pair_v0.env])
    def test_policies_that_read_them_are_understood(self, make):
        env = make(**self.OPTIONS)
        table = pm.policy_table(lambda seen: int(np.flatnonzero(seen["action_mask"])[-1]), env, agent="ai")
        available = tabular_model(env).available["ai"]
        assert table.argmax(axis=1).tolist() == [np.flatnonzero(row)[-1] for row in available]
