"""Terminal states, start distributions and rewards: the ways to give them, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from powerenvs import TabularGame, TabularMDP

WALK = [("a", "on", "b", 1.0), ("b", "on", "end", 1.0), ("end", "on", "end", 1.0)]


def test_terminal_states_as_a_mask_are_those_of_the_labels():
    labels = ["a", "b", "end"]
    named = TabularMDP.from_transitions(WALK, state_labels=labels, terminal=["end"])
    masked = TabularMDP.from_transitions(WALK, state_labels=labels, terminal=np.array([False, False, True]))
    assert masked == named
    assert masked.terminal.tolist() == [False, False, True]
    assert masked.initial.tolist() == [0.5, 0.5, 0.0]


def test_terminal_states_as_a_list_of_numbers_are_labels():
    mdp = TabularMDP.from_transitions([(0, 0, 1, 1.0), (1, 0, 1, 1.0)], terminal=np.array([1]))
    assert mdp.terminal.tolist() == [False, True]


@pytest.mark.parametrize("name", ["reward", "performance"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected finite numbers, found {value}"):
        TabularMDP.from_transitions(WALK, terminal=["end"], **{name: [0.0, value, 0.0]})


def test_dense_tensors_above_four_gib_are_refused_before_they_are_made():
    states = 23_200  # 23,200² · 8 bytes are 4.01 GiB
    ring = TabularMDP(
        indptr=np.arange(states + 1),
        successor=np.roll(np.arange(states), -1),
        probability=np.ones(states),
        available=np.ones((states, 1), dtype=bool),
    )
    with pytest.raises(ValueError, match=r"the dense \(23200, 1, 23200\) tensor needs 4.0 GiB, more than max_gib=4.0"):
        ring.transition_tensor()


def test_a_transition_that_is_too_short_is_shown_as_it_was_given():
    with pytest.raises(ValueError, match=r"actions of x, y, next state, probability\), found \('a', 3\)"):
        TabularGame.from_transitions([("a", 3)], agents=("x", "y"))
