"""The games that come with the package, and the compiler for games written as functions."""

from __future__ import annotations

import numpy as np
import pytest

from powerenvs import GameWorld, JointOutcome, Level, tabular_model
from powerenvs.authoring.compile import compile_game
from powerenvs.multi import GameEnv, one_key_v0, power_pair_v0
from powerenvs.testing import check_tabular
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey

STAY, UP, DOWN, LEFT, RIGHT = range(5)


class TestPowerPair:
    def test_goals_pay_whoever_is_on_them_and_end_nothing(self):
        env = power_pair_v0.parallel_env(level=["S.G"])
        env.reset(seed=0)
        assert env.game.state_labels[env.joint_state] == ((0, 0), (0, 0))
        assert env.step({"human": RIGHT, "ai": RIGHT})[1] == {"human": 0, "ai": 0}
        assert env.step({"human": RIGHT, "ai": STAY})[1] == {"human": 1, "ai": 0}
        assert env.step({"human": STAY, "ai": RIGHT})[1] == {"human": 1, "ai": 1}
        assert not env.game.terminal.any()

    def test_rewards_of_ones_own(self):
        env = power_pair_v0.parallel_env(level=["..."], reward={"ai": {(0, 0): -2.0}, "human": [0, 1, 2]})
        env.reset(options={"state": ((0, 1), (0, 1))})
        assert env.step({"human": RIGHT, "ai": LEFT})[1] == {"human": 2, "ai": -2}

    def test_no_goals_no_rewards(self):
        assert not power_pair_v0.parallel_env().game.reward.any()

    def test_overlaps(self):
        """Without overlaps the agents bump: one cell for two goes to neither."""
        env = power_pair_v0.parallel_env(level=["..."], overlaps=False)
        env.reset(options={"state": ((0, 0), (0, 2))})
        env.step({"human": RIGHT, "ai": LEFT})
        assert env.game.state_labels[env.joint_state] == ((0, 0), (0, 2))
        assert env.game.num_states == 6

    def test_without_overlaps_the_agents_start_apart(self):
        game = PowerPair(["S.S"], overlaps=False).tables()
        assert [tuple(game.state_labels[s]) for s in np.flatnonzero(game.initial)] == [
            ((0, 0), (0, 2)),
            ((0, 2), (0, 0)),
        ]


class TestOneKey:
    @pytest.fixture
    def env(self):
        return one_key_v0.parallel_env(max_cycles=None)

    def at(self, env, human, ai, key):
        env.reset(options={"state": (human, ai, key)})
        return lambda h, a: (env.step({"human": h, "ai": a})[1], env.game.state_labels[env.joint_state])

    def test_starts_apart_in_either_order(self, env):
        game = env.game
        starts = {tuple(game.state_labels[s]): game.initial[s] for s in np.flatnonzero(game.initial)}
        assert starts == {((1, 1), (3, 1), "floor"): 0.5, ((3, 1), (1, 1), "floor"): 0.5}

    def test_who_is_alone_on_the_key_has_it(self, env):
        step = self.at(env, (2, 2), (3, 3), "floor")
        assert step(RIGHT, STAY)[1] == ((2, 3), (3, 3), "human")
        assert step(STAY, UP)[1] == ((2, 3), (2, 3), "human")  # the holder keeps it

    def test_nobody_gets_it_while_both_are_there(self, env):
        step = self.at(env, (2, 2), (3, 3), "floor")
        assert step(RIGHT, UP)[1] == ((2, 3), (2, 3), "floor")
        assert step(LEFT, STAY)[1] == ((2, 2), (2, 3), "ai")

    def test_the_gate_opens_for_the_holder_only(self, env):
        step = self.at(env, (2, 3), (2, 3), "ai")
        for column in (4, 5, 6):
            assert step(RIGHT, RIGHT)[1] == ((2, 3), (2, column), "ai")

    def test_reaching_the_goal_pays_and_ends(self, env):
        step = self.at(env, (2, 6), (1, 1), "human")
        rewards, _ = step(RIGHT, STAY)
        assert rewards == {"human": 1.0, "ai": 0.0}
        assert env.game.terminal[env.joint_state]
        assert env.agents == []

    def test_taking_the_key_shuts_the_other_out_for_good(self, env):
        """From no state in which the AI has the key can the human get past the gate."""
        game = env.game
        for s in game.find(key="ai"):
            assert game.state_labels[s].human[1] < 4

    @pytest.mark.parametrize(
        ("level", "message"),
        [
            ("SKS\nK.G", "expected one key 'K' and at least two starts 'S', found 2 and 2"),
            ("SK.DG", "found 1 and 1"),
            ("SKSXG", "unknown glyph 'X'"),
            ("SKSDh", "unknown glyph 'h'"),
        ],
    )
    def test_bad_levels(self, level, message):
        with pytest.raises(ValueError, match=message):
            OneKey(level)


class Auction(GameWorld[str]):
    """One round: bidding high wins, with a coin when both do; the loser's hidden performance falls."""

    actions = {"human": ("low", "high"), "ai": ("low", "high")}  # noqa: RUF012

    def __init__(self, rewards=(1.0, 0.0)):
        self.rewards = rewards

    def initial(self):
        return [(1.0, "open")]

    def available(self, state, agent):
        return ("low", "hgh") if self.rewards is None else self.actions[agent]

    def step(self, state, actions):
        if actions == ("high", "high"):
            return [JointOutcome(0.5, "human", (1.0, 0.0)), JointOutcome(0.5, "ai", (0.0, 1.0), (0.0, 2.0))]
        if actions == ("low", "low"):
            return [JointOutcome(1.0, "open", (0.0, 0.0)), JointOutcome(0.0, "never", (0.0, 0.0))]
        return [JointOutcome(1.0, "human" if actions[0] == "high" else "ai", self.rewards)]

    def terminal(self, state):
        return state != "open"


class Ferry(GameWorld[tuple[int, bool]]):
    """The human walks a row of two cells, and leaves the board when the ferryman calls; the ferryman has no cell."""

    actions = {"human": ("step",), "ai": ("wait", "call")}  # noqa: RUF012
    level = Level.parse("S.", {"S": "start", ".": "floor"})

    def initial(self):
        return [(1.0, (0, True))]

    def cell(self, state, agent):
        return (0, state[0]) if agent == "human" and state[1] else None

    def step(self, state, actions):
        return [JointOutcome(1.0, (1 - state[0], state[1] and actions[1] == "wait"), (0.0, 0.0))]


class TestCompileGame:
    def test_who_is_not_on_the_board_has_no_cell(self):
        game = compile_game(Ferry())
        assert game.board == ("S.",)
        places = dict(zip(game.state_labels, game.cells.tolist(), strict=True))
        nowhere = [-1, -1]
        assert places == {
            (0, True): [[0, 0], nowhere],
            (1, True): [[0, 1], nowhere],
            (0, False): [nowhere, nowhere],
            (1, False): [nowhere, nowhere],
        }

    def test_one_cell_is_a_board(self):
        class Moored(Ferry):
            level = Level.parse("S", {"S": "start"})

            def step(self, state, actions):
                return [JointOutcome(1.0, state, (0.0, 0.0))]

        game = compile_game(Moored())
        assert game.board == ("S",)
        assert game.cells.tolist() == [[[0, 0], [-1, -1]]]

    def test_enumerates_what_can_be_reached(self):
        game = compile_game(Auction())
        assert game.state_labels == ("open", "ai", "human")
        assert game.terminal.tolist() == [False, True, True]
        assert game.initial.tolist() == [1, 0, 0]
        assert game.board is None
        both_high = slice(game.indptr[3], game.indptr[4])
        assert game.successor[both_high].tolist() == [1, 2]
        assert game.reward[:, both_high].tolist() == [[0, 1], [1, 0]]
        assert game.performance[:, both_high].tolist() == [[0, 1], [2, 0]]
        check_tabular(game)

    def test_tabular_model_of_a_world(self):
        assert tabular_model(Auction()) == compile_game(Auction())
        assert tabular_model(PowerPair()) == PowerPair().tables() == compile_game(PowerPair())

    def test_bad_worlds(self):
        with pytest.raises(
            ValueError, match=r"Auction.step\(open, .* tuples of a number for each of .*, found \(1.0,\)"
        ):
            compile_game(Auction(rewards=(1.0,)))
        with pytest.raises(ValueError, match=r"found 1\.0 and 1\.0"):
            compile_game(Auction(rewards=1.0))
        with pytest.raises(ValueError, match=r"Auction.available\(open\): unknown action 'hgh'; did you mean 'high'"):
            compile_game(Auction(rewards=None))
        with pytest.raises(ValueError, match="more than max_states=2 states"):
            compile_game(Auction(), max_states=2)

    def test_ends_in_an_environment(self):
        env = GameEnv(Auction(), render_mode="ansi")
        env.reset(seed=0)
        *_, terminated, _, _ = env.step({"human": 1, "ai": 0})
        assert terminated == {"human": True, "ai": True}
        assert env.render() == "state 2: human [terminal]"
