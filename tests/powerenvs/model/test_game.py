"""Games as tables: building, looking up, folding policies in, storing."""

from __future__ import annotations

import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from powerenvs import TabularGame, tabular_model
from powerenvs.worlds.power.pair import PowerPair
from tests.games import DOOR, games, random_game
from tests.models import random_mdp

SEEDS = st.integers(0, 2**32 - 1)


class TestFromTransitions:
    def test_labels_keep_the_order_of_first_appearance(self, door):
        assert door.agents == ("human", "ai")
        assert door.state_labels == ("out", "human in", "ai in")
        assert door.action_labels == {"human": ("wait", "go"), "ai": ("wait", "go")}
        assert door.num_actions == (2, 2)

    def test_rows_are_in_c_order_of_states_and_joint_actions(self, door):
        assert np.diff(door.indptr).reshape(3, 4).tolist() == [[1, 2, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
        assert door.joint_actions.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
        assert door.successor.tolist() == [0, 0, 2, 1, 1, 2]

    def test_rewards_by_mapping_and_by_list(self, door):
        assert door.reward.tolist() == [[0, 0, 0, 5, 0, 0], [0, 0, 3, 0, 0, 0]]
        assert np.array_equal(door.performance, door.reward)

    def test_performance_of_one_agent_leaves_the_other_with_its_reward(self):
        game = TabularGame.from_transitions(DOOR, reward={"ai": np.arange(6)}, performance={"human": np.ones(6)})
        assert game.performance[0].tolist() == [1] * 6
        assert game.performance[1].tolist() == game.reward[1].tolist()
        assert game.reward[0].tolist() == [0] * 6

    def test_labels_decide_the_order_and_indices_are_understood(self):
        by_index = [(0, (0, 1), 1, 1.0), (1, (1, 1), 1, 1.0)]
        game = TabularGame.from_transitions(
            by_index,
            agents=("a", "b"),
            state_labels=["x", "y"],
            action_labels={"a": ["p", "q"], "b": ["u", "v"]},
        )
        assert game.state_labels == ("x", "y")
        assert game.describe(0).startswith("x")
        assert game.successors().tolist() == [[-1, 1, -1, -1], [-1, -1, -1, 1]]

    def test_numbers_from_arrays_keep_their_own_order(self):
        listed = [(s, np.array([a, 1 - a]), t, 1.0) for s, a, t in np.array([[0, 1, 2], [2, 0, 1], [1, 1, 1]])]
        game = TabularGame.from_transitions(listed)
        assert game.state_labels == (0, 1, 2)
        assert game.action_labels == {"human": (0, 1), "ai": (0, 1)}
        assert game.successors().tolist() == [[-1, -1, 2, -1], [-1, -1, 1, -1], [-1, 1, -1, -1]]

    def test_equal_transitions_add_up(self):
        game = TabularGame.from_transitions([(0, (0, 0), 0, 0.5), (0, (0, 0), 0, 0.5)])
        assert game.probability.tolist() == [1.0]

    def test_terminal_states_without_transitions_loop_under_every_joint_action(self):
        game = TabularGame.from_transitions(
            [("a", ("l", "l"), "end", 1.0), ("a", ("r", "l"), "a", 1.0)], terminal=["end"]
        )
        assert game.terminal.tolist() == [False, True]
        assert game.successors()[1].tolist() == [1, 1]
        assert game.initial.tolist() == [1.0, 0.0]

    def test_three_agents(self):
        game = TabularGame.from_transitions(
            [(0, (i, j, k), (i + j + k) % 2, 1.0) for i in range(2) for j in range(3) for k in range(2)]
            + [(1, (0, 0, 0), 1, 1.0)],
            agents=("a", "b", "c"),
        )
        assert game.num_actions == (2, 3, 2)
        assert game.joint_available.sum(axis=1).tolist() == [12, 1]
        assert game.available["b"].tolist() == [[True] * 3, [True, False, False]]

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"transitions": []}, "transitions: expected tuples"),
            ({"transitions": [(0, (0, 0), 0)]}, "transitions: expected tuples"),
            ({"transitions": [(0, (0,), 0, 1.0)]}, "an action of each of"),
            ({"transitions": [(0, "go", 0, 1.0)]}, "an action of each of"),
            ({"transitions": [(0, 3, 0, 1.0)]}, "an action of each of"),
            ({"transitions": [(0, (0, 0), 0, 0.5)]}, r"sum to 1 .* found 0.5 in state 0 \(0\), joint action 0"),
            ({"transitions": [(0, (0, 0), 1, 1.0)]}, "at least one joint action in every state, .* in state 1"),
            ({"agents": ("human",)}, "at least two different names"),
            ({"agents": ("human", "human")}, "at least two different names"),
            ({"agents": "human"}, "at least two different names"),
            ({"agents": ("human", 3)}, "at least two different names"),
            ({"action_labels": {"humn": ["go"]}}, "action_labels: unknown agent 'humn'; did you mean 'human'"),
            ({"action_labels": {"ai": ["wait", "goo"]}}, "unknown action of ai 'go'; did you mean 'goo'"),
            ({"state_labels": ["out", "human in", "ai inn"]}, "unknown state 'ai in'; did you mean 'ai inn'"),
            ({"reward": {"robot": np.zeros(6)}}, "reward: unknown agent 'robot'"),
            ({"reward": {"ai": np.zeros(5)}}, r"reward: expected shape \(6,\), found \(5,\)"),
            ({"reward": {"ai": {("out", ("go", "go"), "out"): 1.0}}}, "is not among the transitions"),
            ({"performance": {"ai": np.full(6, np.nan)}}, "performance: expected finite"),
            ({"initial": "inside"}, "initial: unknown state 'inside'"),
            ({"state_labels": ["out", "human in", "ai in"], "terminal": ["gone"]}, "terminal: unknown state 'gone'"),
            ({"terminal": ["out"]}, "terminal: expected a terminal state to loop to itself"),
        ],
    )
    def test_bad_input(self, kwargs, message):
        with pytest.raises(ValueError, match=message):
            TabularGame.from_transitions(**{"transitions": DOOR, **kwargs})


FIELDS = {"indptr": [0, 1, 2], "successor": [0, 0], "probability": [1, 1], "num_actions": (2, 1)}


class TestConstruction:
    def test_defaults(self):
        game = TabularGame(**FIELDS)
        assert game.agents == ("human", "ai")
        assert game.reward.shape == game.performance.shape == (2, 2)
        assert not game.reward.any()
        assert game.action_labels == {"human": (0, 1), "ai": (0,)}
        assert game.initial.tolist() == [1.0]
        assert repr(game).startswith(
            "TabularGame(1 states, actions human 2 × ai 1, 2 transitions, deterministic, 0 term"
        )

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"num_actions": (2, 1, 1)}, "num_actions: expected a number of actions for each"),
            ({"num_actions": (2, 0)}, "num_actions"),
            ({"num_actions": (3, 1)}, "indptr: expected 3 rows for each state, found 2 rows"),
            ({"indptr": [0, 2, 1]}, "indptr: expected to rise"),
            ({"successor": [0, 1]}, "successor: expected states 0 to 0, found 1"),
            ({"successor": [0.5, 0]}, "successor: expected integers"),
            ({"probability": [1, -1]}, "probability: expected values above 0"),
            ({"reward": np.zeros(2)}, r"reward: expected shape \(2, 2\)"),
            ({"reward": np.full((2, 2), np.inf)}, "reward: expected finite"),
            ({"initial": [0.5]}, "initial: expected probabilities that sum to 1"),
            ({"state_labels": ["a", "b"]}, "state_labels: expected 1 labels"),
            ({"action_labels": {"human": "ab"}}, "action_labels: expected a mapping with the keys"),
            ({"action_labels": ["a", "b"]}, "action_labels: expected a mapping with the keys"),
            ({"action_labels": {"human": "aa", "ai": "a"}}, "human's action_labels: expected unique labels"),
            ({"cells": np.zeros((1, 2))}, "cells"),
        ],
    )
    def test_bad_input(self, changes, message):
        with pytest.raises(ValueError, match=message):
            TabularGame(**{**FIELDS, **changes})

    def test_arrays_cannot_be_changed(self, door):
        for name in (*door.content,):
            assert not getattr(door, name).flags.writeable
        for array in (door.joint_available, door.joint_actions, door.available["ai"]):
            assert not array.flags.writeable
        with pytest.raises(FrozenInstanceError):
            door.agents = ("a", "b")

    def test_with_changes_a_copy(self, door):
        changed = door.with_(initial="ai in")
        assert changed.initial.tolist() == [0, 0, 1]
        assert door.initial.tolist() != changed.initial.tolist()
        with pytest.raises(ValueError, match="unknown field 'inital'; did you mean 'initial'"):
            door.with_(inital="out")


class TestLookups:
    def test_indices_stand_for_labels(self):
        listed = [("s", ("x", "u"), "t", 1.0), ("s", ("x", "v"), "s", 1.0), ("t", ("x", "u"), "t", 1.0)]
        named = TabularGame.from_transitions(listed, initial="s", reward={"ai": {("s", ("x", "v"), "s"): 3.0}})
        counted = TabularGame.from_transitions(listed, initial=0, reward={"ai": {(0, (0, 1), 0): 3.0}})
        assert counted.fingerprint == named.fingerprint
        for wrong in ((0, (0, 2), 0), (0, (0,), 0), (0, 0, 0), 7):
            with pytest.raises(ValueError, match=r"reward: .* is not among the transitions"):
                TabularGame.from_transitions(listed, reward={"ai": {wrong: 3.0}})

    def test_index_and_action_index(self, door):
        assert door.index("ai in") == 2
        pair = PowerPair("..").tables()
        assert all(pair.index(text) == 1 for text in (((0, 0), (0, 1)), "((0, 0), (0, 1))", "human=(0, 0), ai=(0, 1)"))
        assert door.action_index("ai", "go") == 1
        assert door.agent_index("ai") == 1
        with pytest.raises(ValueError, match="unknown state 'ai on'; did you mean 'ai in'"):
            door.index("ai on")
        with pytest.raises(ValueError, match="unknown action 'gone' of ai; did you mean 'go'"):
            door.action_index("ai", "gone")
        with pytest.raises(ValueError, match="unknown agent 'al'; did you mean 'ai'"):
            door.action_index("al", "go")

    def test_describe(self, door):
        assert door.describe(0) == "out [start with probability 0.3333]"
        assert door.describe(2) == "ai in [start with probability 0.3333; actions of human wait; actions of ai wait]"
        with pytest.raises(ValueError, match="state: expected a whole number from 0 to 2, found 3"):
            door.describe(3)

    def test_find_by_label_fields_and_by_cells(self):
        class Place(NamedTuple):
            left: int
            right: int

        labels = [Place(i, j) for i in range(2) for j in range(2)]
        game = TabularGame.from_transitions(
            [(label, (0, 0), label, 1.0) for label in labels], agents=("left", "right"), state_labels=labels
        )
        assert game.find(left=1).tolist() == [2, 3]
        cells = [[(0, i), (1, j)] for i in range(2) for j in range(2)]
        placed = game.with_(state_labels=range(4), board=("..", ".."), cells=cells)
        assert placed.find(left=(0, 1), right=(1, 0)).tolist() == [2]
        with pytest.raises(ValueError, match="no state has a feature 'rigt'; did you mean 'right'"):
            game.find(rigt=0)

    @given(games())
    def test_availability_of_each_agent(self, game):
        exists = game.joint_available.reshape(game.num_states, *game.num_actions)
        for i, agent in enumerate(game.agents):
            for s in range(game.num_states):
                for a in range(game.num_actions[i]):
                    assert game.available[agent][s, a] == exists[s].take(a, axis=i).any()

    def test_independent_actions(self, door):
        assert not door.independent_actions  # both may go, but not together
        assert random_game(np.random.default_rng(0), 4, (2, 3), masked=False).independent_actions

    def test_successors(self, door):
        with pytest.raises(
            ValueError, match=r"found several next states in state 0 \(out\), joint action 1 \(human=wait"
        ):
            door.successors()
        game = random_game(np.random.default_rng(1), 5, (2, 2), deterministic=True)
        assert np.array_equal(game.successors() >= 0, game.joint_available)
        assert np.array_equal(game.successors()[game.joint_available], game.successor)
        assert game.successors() is game.successors()

    def test_tabular_model_gives_the_game_itself(self, door):
        assert tabular_model(door) is door


class TestCopiesAndStorage:
    @settings(max_examples=15)
    @given(games())
    def test_save_and_load(self, tmp_path_factory, game):
        path = tmp_path_factory.mktemp("games") / "game.npz"
        game.save(path)
        loaded = TabularGame.load(path)
        assert loaded == game
        assert loaded.fingerprint == game.fingerprint

    def test_labels_board_and_cells_survive(self, door, tmp_path):
        placed = door.with_(board=("...",), cells=np.zeros((3, 2, 2), dtype=int))
        placed.save(tmp_path / "door.npz")
        loaded = TabularGame.load(tmp_path / "door.npz")
        assert loaded.action_labels == door.action_labels
        assert loaded.board == ("...",)
        assert np.array_equal(loaded.cells, placed.cells)

    def test_loading_something_else(self, tmp_path, door):
        random_mdp(np.random.default_rng(0), 2, 2).save(tmp_path / "mdp.npz")
        with pytest.raises(ValueError, match="expected a TabularGame, found a TabularMDP"):
            TabularGame.load(tmp_path / "mdp.npz")
        (tmp_path / "text.npz").write_text("no archive")
        with pytest.raises(ValueError, match="expected a TabularGame written by save"):
            TabularGame.load(tmp_path / "text.npz")
        with pytest.raises(ValueError, match=r"ends in \.npz"):
            door.save(tmp_path / "door.json")

    def test_a_file_that_lacks_a_field(self, door, tmp_path):
        from powerenvs.model.npz import save_arrays

        save_arrays(tmp_path / "part.npz", "TabularGame", {"indptr": door.indptr}, {"agents": ["a", "b"]})
        with pytest.raises(ValueError, match="expected a complete TabularGame"):
            TabularGame.load(tmp_path / "part.npz")

    def test_equality_and_fingerprint_see_every_part(self, door):
        changes = [
            {"reward": np.ones((2, 6))},
            {"performance": np.ones((2, 6))},
            {"initial": "out"},
            {"state_labels": ("out", "human in", "in")},
            {"action_labels": {"human": ("wait", "go"), "ai": ("wait", "run")}},
        ]
        for change in changes:
            other = door.with_(**change)
            assert other != door
            assert other.fingerprint != door.fingerprint
        same = door.with_(board=("...",), cells=np.zeros((3, 2, 2), dtype=int))
        assert same == door
        assert same.fingerprint == door.fingerprint
        assert hash(same) == hash(door)
        assert door != "door"

    def test_copies_and_pickles_are_equal(self, door):
        assert deepcopy(door) is door
        assert pickle.loads(pickle.dumps(door)) == door
