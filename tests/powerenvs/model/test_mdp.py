"""The tables: checks, views, copies, storage."""

from __future__ import annotations

import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.models import mdps, random_mdp

CHAIN = [("a", "go", "b", 0.25), ("a", "go", "a", 0.75), ("a", "rest", "a", 1.0), ("b", "go", "b", 1.0)]


class Vase(NamedTuple):
    agent: tuple[int, int]
    intact: bool


@pytest.fixture
def chain() -> TabularMDP:
    return TabularMDP.from_transitions(CHAIN, reward=[2.0, -1.0, 0.5, 0.0], performance=[1, 1, 1, 1])


class TestFromTransitions:
    def test_labels_keep_the_order_of_first_appearance(self, chain):
        assert chain.state_labels == ("a", "b")
        assert chain.action_labels == ("go", "rest")

    def test_integers_keep_their_own_order(self):
        mdp = TabularMDP.from_transitions([(2, 1, 0, 1.0), (0, 0, 1, 1.0), (1, 0, 2, 1.0)])
        assert mdp.state_labels == (0, 1, 2)
        assert mdp.action_labels == (0, 1)

    def test_numbers_from_arrays_keep_their_own_order_too(self):
        tensor = np.array([[[0.0, 0.0, 1.0]], [[0.5, 0.5, 0.0]], [[0.0, 1.0, 0.0]]])  # state 2 is met before state 1
        listed = [(s, a, t, tensor[s, a, t]) for s in range(3) for a in range(1) for t in np.flatnonzero(tensor[s, a])]
        mdp = TabularMDP.from_transitions(listed)
        assert mdp.state_labels == (0, 1, 2)
        assert [type(label) for label in mdp.state_labels] == [int] * 3
        np.testing.assert_array_equal(mdp.transition_tensor(), tensor)

    def test_actions_without_transitions_are_unavailable(self, chain):
        np.testing.assert_array_equal(chain.available, [[True, True], [True, False]])

    def test_indices_stand_for_labels(self, chain):
        by_index = TabularMDP.from_transitions(
            [(0, 0, 1, 0.25), (0, 0, 0, 0.75), (0, 1, 0, 1.0), (1, 0, 1, 1.0)],
            state_labels=("a", "b"),
            action_labels=("go", "rest"),
            reward=[2.0, -1.0, 0.5, 0.0],
            performance=[1, 1, 1, 1],
        )
        assert by_index == chain

    def test_integer_labels_win_over_indices(self):
        mdp = TabularMDP.from_transitions([(1, 0, 2, 1.0), (2, 0, 1, 1.0)], state_labels=(2, 1))
        assert mdp.successors().tolist() == [[1], [0]]

    def test_equal_transitions_add_up(self):
        mdp = TabularMDP.from_transitions([(0, 0, 0, 0.5), (0, 0, 1, 0.25), (0, 0, 0, 0.25), (1, 0, 1, 1.0)])
        assert mdp.P[0][0] == [(0.75, 0, 0.0, False), (0.25, 1, 0.0, False)]

    def test_different_rewards_of_one_successor_stay_apart(self):
        mdp = TabularMDP.from_transitions([(0, 0, 0, 0.5), (0, 0, 0, 0.5)], reward=[0.0, 2.0])
        assert mdp.P[0][0] == [(0.5, 0, 0.0, False), (0.5, 0, 2.0, False)]
        assert mdp.deterministic
        assert mdp.reward_tensor().item() == 1.0

    def test_reward_by_transition(self, chain):
        named = TabularMDP.from_transitions(CHAIN, reward={("a", "go", "b"): 2.0})
        assert named.reward_tensor()[0, 0].item() == 0.5
        with pytest.raises(ValueError, match=r"reward: \('a', 'rest', 'b'\) is not among the transitions"):
            TabularMDP.from_transitions(CHAIN, reward={("a", "rest", "b"): 2.0})

    def test_terminal_states_loop_under_every_action(self):
        mdp = TabularMDP.from_transitions([("a", "x", "end", 1.0), ("a", "y", "a", 1.0)], terminal=["end"])
        assert mdp.successors().tolist() == [[1, 0], [1, 1]]
        assert mdp.initial.tolist() == [1.0, 0.0]

    def test_a_terminal_state_nothing_leads_to(self):
        mdp = TabularMDP.from_transitions([("a", "x", "a", 1.0)], terminal=["end"])
        assert mdp.state_labels == ("a", "end")

    @pytest.mark.parametrize(
        ("initial", "expected"), [("b", [0, 1]), ({"a": 0.25, "b": 0.75}, [0.25, 0.75]), ([0.5, 0.5], [0.5, 0.5])]
    )
    def test_initial(self, initial, expected):
        assert TabularMDP.from_transitions(CHAIN, initial=initial).initial.tolist() == expected


class TestChecks:
    """Every message names the field, what was expected and what was found."""

    @pytest.mark.parametrize(
        ("transitions", "kwargs", "message"),
        [
            ([], {}, "transitions: expected tuples .* found 'an empty list'"),
            ([("a", "x", "b")], {}, r"expected tuples \(state, action, next state, probability\)"),
            ([("a", "x", "a", 0.5)], {}, r"sum to 1 .* found 0.5 in state 0 \(a\), action 0 \(x\)"),
            ([("a", "x", "a", 1.5), ("a", "x", "b", -0.5)], {}, r"of at least 0, found \('a', 'x', 'b', -0.5\)"),
            ([("a", "x", "a", 1.5), ("a", "x", "a", -0.5)], {}, r"of at least 0, found \('a', 'x', 'a', -0.5\)"),
            ([("a", "x", "a", float("nan"))], {}, "probability"),
            ([("a", "x", "b", 1.0)], {}, r"at least one action in every state, found none in state 1 \(b\)"),
            ([("apple", "x", "apple", 1.0)], {"state_labels": ["maple", "pear"]}, "unknown state 'apple'; .* 'maple'"),
            ([("a", "x", "a", 1.0)], {"state_labels": ["a", "a"]}, "unique labels, found 'a' for states 0 and 1"),
            ([("a", "x", "a", 1.0)], {"reward": [1.0, 2.0]}, r"reward: expected shape \(1,\), found \(2,\)"),
            ([("a", "x", "a", 1.0)], {"reward": [np.inf]}, "reward: expected finite numbers, found inf"),
            ([("a", "x", "a", 1.0)], {"initial": "b"}, "initial: unknown state 'b'"),
            ([("a", "x", "a", 1.0)], {"initial": {"b": 1.0}}, "initial: unknown state 'b'"),
            ([("a", "x", "a", 1.0)], {"initial": [0.5]}, "initial: expected probabilities that sum to 1"),
            ([("a", "x", "a", 1.0)], {"initial": {"a": -1.0, 0: 2.0}}, "initial: .* at least 0, found -1.0 for 'a'"),
            ([("a", "x", "a", 1.0)], {"terminal": ["a"], "reward": [1.0]}, r"terminal: .*action 0 \(x\).* reward 1.0"),
            (
                [("a", "x", "b", 1.0), ("b", "x", "a", 1.0)],
                {"terminal": ["b"]},
                r"terminal: .* leading to state 0 \(a\)",
            ),
        ],
    )
    def test_from_transitions(self, transitions, kwargs, message):
        with pytest.raises(ValueError, match=message):
            TabularMDP.from_transitions(transitions, **kwargs)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"indptr": [0, 2, 3, 4]}, r"indptr: expected shape \(5,\)"),
            ({"indptr": [0, 3, 2, 4, 4]}, "falling on the way"),
            ({"successor": [0, 1, 0, 7]}, r"successor: expected states 0 to 1, found 7 in state 1 \(b\), action 0"),
            ({"successor": [0.0, 1.0, 0.0, 1.5]}, "successor: expected integers"),
            ({"probability": [0.75, 0.25, 1.0]}, r"probability: expected shape \(4,\), found \(3,\)"),
            ({"available": np.ones((2, 2), bool)}, r"found True for state 1 \(b\), action 1 \(rest\), which has none"),
            ({"available": np.ones(2, bool)}, "expected a bool array"),
            ({"terminal": [True]}, r"terminal: expected shape \(2,\)"),
            ({"state_labels": ("a",)}, "state_labels: expected 2 labels"),
            ({"state_labels": ("a", [])}, "not hashable"),
            ({"cells": [[0, 0]]}, r"cells: expected shape \(2, 2\)"),
            ({"rewards": [0.0]}, "unknown field 'rewards'; did you mean 'reward'"),
        ],
    )
    def test_with(self, chain, changes, message):
        with pytest.raises(ValueError, match=message):
            chain.with_(**changes)

    def test_arrays_are_read_only_and_the_callers_own_stay_writable(self, chain):
        with pytest.raises(ValueError, match="read-only"):
            chain.probability[0] = 0.5
        with pytest.raises(FrozenInstanceError):
            chain.reward = None
        rewards = np.zeros(4)
        changed = chain.with_(reward=rewards)
        rewards[:] = 1
        assert changed.reward.tolist() == [0, 0, 0, 0]

    def test_read_only_views_of_arrays_that_can_be_written_are_copied(self, chain):
        rewards = np.zeros((2, 4))
        view = rewards[0]
        view.flags.writeable = False
        changed = chain.with_(reward=view)
        before = changed.fingerprint
        rewards[:] = 1
        assert changed.reward.tolist() == [0, 0, 0, 0]
        assert before == changed.fingerprint == chain.with_(reward=np.zeros(4)).fingerprint

    def test_what_arrays_of_others_give_is_copied(self, chain):
        class Holder:
            values = np.zeros(4)

            def __array__(self, dtype=None, copy=None):
                return self.values

        changed = chain.with_(reward=Holder())
        Holder.values[:] = 1  # still the holder's own to write
        assert changed.reward.tolist() == [0, 0, 0, 0]

    def test_models_share_what_is_frozen(self, chain):
        changed = chain.with_(reward=np.ones(4))
        assert changed.probability is chain.probability
        assert chain.with_(initial=chain.initial[:]).initial.base is chain.initial


class TestViews:
    def test_deterministic_successors(self):
        mdp = turner_figure_1()
        assert mdp.deterministic
        table = mdp.successors()
        assert table.dtype == np.int32
        assert [mdp.state_labels[t] for t in table[0] if t >= 0] == ["empty", "l", "r"]
        assert (table >= 0).sum() == mdp.num_transitions == 15

    def test_successors_of_a_stochastic_model(self, chain):
        with pytest.raises(
            ValueError, match=r"deterministic model, found several next states in state 0 \(a\), action 0 \(go\)"
        ):
            chain.successors()

    @given(mdps())
    @settings(max_examples=30, deadline=None)
    def test_dense_sparse_and_dictionary_agree(self, mdp):
        S, A = mdp.num_states, mdp.num_actions
        dense = mdp.transition_tensor()
        assert dense.shape == (S, A, S)
        assert dense.dtype == torch.float64
        np.testing.assert_array_equal(mdp.transition_tensor(sparse=True).to_dense().reshape(S, A, S), dense)
        np.testing.assert_array_equal(mdp.transition_matrix().toarray().reshape(S, A, S), dense)
        reward = np.zeros((S, A))
        rebuilt = np.zeros((S, A, S))
        for s, row in mdp.P.items():
            for a, entries in row.items():
                for p, t, r, _ in entries:
                    rebuilt[s, a, t] += p
                    reward[s, a] += p * r
        np.testing.assert_allclose(rebuilt, dense, atol=1e-15)
        np.testing.assert_allclose(reward, mdp.reward_tensor(), atol=1e-12)
        np.testing.assert_allclose(dense.sum(-1).numpy(), mdp.available, atol=1e-12)

    def test_dense_tensor_says_what_it_needs(self):
        mdp = PowerGrid(["." * 100] * 100).tables()
        with pytest.raises(ValueError, match=r"needs 3.7 GiB, more than max_gib=1; use sparse=True"):
            mdp.transition_tensor(max_gib=1)
        assert mdp.transition_tensor(sparse=True, dtype=torch.float32).dtype == torch.float32

    def test_hidden_performance(self, chain):
        assert chain.reward_tensor(performance=True).tolist() == [[1, 1], [1, 0]]
        assert TabularMDP.from_transitions(CHAIN, reward=[1, 2, 3, 4]).performance.tolist() == [2, 1, 3, 4]

    def test_describe_and_find(self):
        states = [Vase((0, 0), True), Vase((0, 1), True), Vase((0, 1), False)]
        mdp = TabularMDP.from_transitions(
            [(states[0], "right", states[2], 1.0), (states[1], "stay", states[1], 1.0)],
            state_labels=states,
            terminal=[states[2]],
            initial=states[0],
        )
        assert mdp.describe(0) == "agent=(0, 0), intact=True [start with probability 1; actions right]"
        assert mdp.describe(2) == "agent=(0, 1), intact=False [terminal]"
        assert mdp.find(agent=(0, 1)).tolist() == [1, 2]
        assert mdp.find(agent=(0, 1), intact=False).tolist() == [2]
        assert mdp.find(agent=(5, 5)).tolist() == []
        with pytest.raises(ValueError, match="no state has a feature 'agnet'; did you mean 'agent'"):
            mdp.find(agnet=(0, 1))
        with pytest.raises(ValueError, match="expected a whole number from 0 to 2, found 3"):
            mdp.describe(3)

    def test_find_by_cell(self):
        mdp = PowerGrid("maze_7x7").tables()
        assert mdp.state_labels[mdp.find(cell=(6, 6))[0]] == (6, 6)

    def test_index(self):
        mdp = turner_figure_1()
        assert mdp.index("l_sw") == 5
        assert mdp.action_index("r") == 3
        with pytest.raises(ValueError, match="unknown state 'l_ws'; did you mean 'l_sw'"):
            mdp.index("l_ws")
        with pytest.raises(ValueError, match="unknown action"):
            mdp.action_index("jump")

    def test_index_by_text(self):
        grid = PowerGrid("maze_7x7").tables()
        assert all(grid.index(str(label)) == s for s, label in enumerate(grid.state_labels))
        alike = TabularMDP.from_transitions([("1", "x", 1, 1.0), (1, "x", 2, 1.0), (2, "x", "1", 1.0)])
        assert (alike.index("1"), alike.index(1), alike.index("2")) == (0, 1, 2)
        with pytest.raises(ValueError, match="unknown state 'None'"):
            alike.index("None")
        twice = TabularMDP.from_transitions([((1, "2"), "x", (1, 2), 1.0), ((1, 2), "x", (1, "2"), 1.0)])
        assert twice.index("(1, '2')") == 0
        with pytest.raises(ValueError, match=r"unknown state '\(1, 2\)'"):  # both read so
            twice.index("(1, 2)")


class TestNamesOfStates:
    LISTED = ((0, 0, 1, 1.0), (1, 0, 1, 1.0))

    def test_indices_stand_for_labels_everywhere(self):
        labels = {"state_labels": ["a", "b"], "action_labels": ["x"]}
        by_label = TabularMDP.from_transitions(
            [("a", "x", "b", 1.0)], **labels, terminal=["b"], initial="a", reward={("a", "x", "b"): 2.0}
        )
        for initial in (0, np.int64(0), {0: 1.0}, {"a": 0.5, 0: 0.5}, [1.0, 0.0]):
            by_index = TabularMDP.from_transitions(
                [(0, 0, 1, 1.0)], **labels, terminal=[1], initial=initial, reward={(0, "x", 1): 2.0}
            )
            assert by_index.fingerprint == by_label.fingerprint

    def test_a_whole_number_is_a_label_where_labels_are_whole_numbers(self):
        shifted = TabularMDP.from_transitions([(1, "x", 2, 1.0), (2, "x", 1, 1.0)], initial=1)
        assert (shifted.index(1), shifted.index(2)) == (0, 1)
        assert shifted.initial.tolist() == [1.0, 0.0]
        with pytest.raises(ValueError, match="unknown state 0"):
            shifted.index(0)

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"terminal": [2]}, "terminal: unknown state 2"),
            ({"terminal": [-1]}, "terminal: unknown state -1"),
            ({"terminal": [True]}, "terminal: unknown state True"),
            ({"initial": 2}, "initial: unknown state 2"),
            ({"reward": {(0, 1, 1): 1.0}}, r"reward: \(0, 1, 1\) is not among the transitions; did you mean"),
            ({"reward": {(1, 0, 0): 1.0}}, "reward: .* is not among the transitions"),
            ({"reward": {"a": 1.0}}, "reward: 'a' is not among the transitions"),
        ],
    )
    def test_unknown_indices(self, kwargs, message):
        with pytest.raises(ValueError, match=message):
            TabularMDP.from_transitions(self.LISTED, state_labels=["a", "b"], action_labels=["x"], **kwargs)

    def test_an_array_of_transitions(self):
        listed = [(1, 0, 0, 0.25), (1, 0, 1, 0.75), (0, 0, 1, 1.0)]
        assert (
            TabularMDP.from_transitions(np.array(listed)).fingerprint == TabularMDP.from_transitions(listed).fingerprint
        )

    def test_float32_start_distributions_are_scaled(self):
        found = TabularMDP.from_transitions(
            [(s, 0, s, 1.0) for s in range(3)], initial=np.full(3, 1 / 3, np.float32)
        ).initial
        assert abs(found.sum() - 1) < 1e-15
        assert np.array_equal(found, np.full(3, 1 / 3))


class TestCopiesAndStorage:
    @given(mdps())
    @settings(max_examples=20, deadline=None)
    def test_save_and_load(self, tmp_path_factory, mdp):
        path = tmp_path_factory.mktemp("models") / "model.npz"
        mdp.save(path)
        loaded = TabularMDP.load(path)
        assert loaded == mdp
        assert loaded.fingerprint == mdp.fingerprint
        assert hash(loaded) == hash(mdp)

    @given(
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.text(), st.floats(allow_nan=False)),
            lambda inner: st.lists(inner, max_size=3).map(tuple),
        )
    )
    @settings(max_examples=50, deadline=None)
    def test_labels_survive(self, tmp_path_factory, label):
        path = tmp_path_factory.mktemp("models") / "model.npz"
        mdp = TabularMDP.from_transitions([(0, 0, 1, 1.0), (1, 0, 1, 1.0)], state_labels=[label, Vase((1, 2), True)])
        mdp.save(path)
        loaded = TabularMDP.load(path)
        assert loaded.state_labels == mdp.state_labels
        assert loaded.find(intact=True).tolist() == [1]

    def test_board_is_kept_and_does_not_count(self, tmp_path):
        mdp = PowerGrid("maze_7x7").tables()
        mdp.save(tmp_path / "maze.npz")
        loaded = TabularMDP.load(tmp_path / "maze.npz")
        assert loaded.board == mdp.board
        np.testing.assert_array_equal(loaded.cells, mdp.cells)
        assert mdp.with_(board=None, cells=None) == mdp
        assert mdp.with_(board=None, cells=None).fingerprint == mdp.fingerprint

    def test_what_cannot_be_stored_leaves_no_file(self, tmp_path, chain):
        mdp = TabularMDP.from_transitions([(frozenset(), 0, frozenset(), 1.0)])
        with pytest.raises(ValueError, match="cannot store frozenset"):
            mdp.save(tmp_path / "model.npz")
        with pytest.raises(ValueError, match=r"ends in \.npz"):
            chain.save(tmp_path / "model.pkl")
        assert list(tmp_path.iterdir()) == []

    def test_a_failed_save_keeps_the_old_file(self, tmp_path, chain, monkeypatch):
        path = tmp_path / "model.npz"
        chain.save(path)

        def fail(*args, **kwargs):
            raise OSError("disk full")

        monkeypatch.setattr(np, "savez_compressed", fail)
        with pytest.raises(OSError, match="disk full"):
            turner_figure_1().save(path)
        assert TabularMDP.load(path) == chain
        assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]

    @pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04broken"])
    def test_loading_something_else(self, tmp_path, content):
        path = tmp_path / "model.npz"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="expected a TabularMDP written by save"):
            TabularMDP.load(path)
        with pytest.raises(FileNotFoundError):
            TabularMDP.load(tmp_path / "absent.npz")

    def test_loading_never_unpickles(self, tmp_path):
        path = tmp_path / "model.npz"
        np.savez(path, header=np.array([{"kind": "TabularMDP"}], dtype=object))
        with pytest.raises(ValueError, match="expected a TabularMDP"):
            TabularMDP.load(path)

    def test_fingerprint_tells_models_apart(self, chain):
        prints = {
            chain.fingerprint,
            chain.with_(reward=[0.0, 0.0, 0.0, 0.0]).fingerprint,
            chain.with_(state_labels=("a", "c")).fingerprint,
            chain.with_(action_labels=("go", "wait")).fingerprint,
            chain.with_(initial="a").fingerprint,
            chain.with_(probability=[0.5, 0.5, 1.0, 1.0]).fingerprint,
        }
        assert len(prints) == 6
        assert all(len(p) == 64 for p in prints)

    def test_fingerprint_is_the_same_everywhere(self):
        expected = "d78b7c080a33f596a2476a12dc6908a760708a823313a645fa2526a55d8a5394"
        assert turner_figure_1().fingerprint == expected

    def test_equality(self, chain):
        assert chain == TabularMDP.from_transitions(CHAIN, reward=[2.0, -1.0, 0.5, 0.0], performance=[1, 1, 1, 1])
        assert chain != chain.with_(reward=[0.0, 0.0, 0.0, 0.0])
        assert chain != "chain"
        assert chain == chain.with_()
        unpickled = pickle.loads(pickle.dumps(chain))
        assert unpickled == chain
        assert not unpickled.probability.flags.writeable
        assert deepcopy(chain) is chain

    def test_a_model_is_equal_to_itself_without_a_look_at_its_arrays(self, chain, monkeypatch):
        monkeypatch.setattr(TabularMDP, "_labels", None)
        assert chain == chain

    def test_repr(self, chain):
        assert repr(chain).startswith(
            "TabularMDP(2 states, 2 actions, 4 transitions, stochastic, 0 terminal, fingerprint "
        )


def test_random_models_are_what_they_say():
    mdp = random_mdp(np.random.default_rng(0), 6, 3, deterministic=True, masked=False)
    assert mdp.deterministic
    assert mdp.available.all()
