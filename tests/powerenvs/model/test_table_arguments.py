"""Terminal states, start distributions and rewards: the ways to give them, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from powerenvs import EditedWorld, TabularGame, TabularMDP
from powerenvs.worlds.power import PowerGrid

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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sparse": 1}, "sparse: expected True or False"),
        ({"dtype": "float64"}, "dtype: expected a torch dtype of floating-point numbers"),
        ({"dtype": torch.int64}, "dtype: expected a torch dtype of floating-point numbers"),
        ({"device": "cupboard"}, "device: expected a torch device, found 'cupboard'"),
        ({"device": (1, 2)}, "device: expected a torch device"),
        ({"max_gib": {}}, "max_gib: expected a number above 0"),
    ],
)
def test_tensors_of_odd_kinds_are_refused(arguments, message):
    mdp = TabularMDP.from_transitions(WALK, terminal=["end"])
    with pytest.raises(ValueError, match=f"^{message}"):
        mdp.transition_tensor(**arguments)


def test_rewards_of_a_model_have_a_largest():
    with pytest.raises(
        ValueError, match=r"^reward: expected numbers of at most 1e\+140 in size, found 1e\+141 at index 1"
    ):
        TabularMDP.from_transitions(WALK, terminal=["end"], reward=[0.0, 1e141, 0.0])


@pytest.mark.parametrize("state", [1.0, "0", np.zeros(2), torch.ones(3), None, {}], ids=repr)
def test_described_states_are_numbers(state):
    mdp = TabularMDP.from_transitions(WALK, terminal=["end"])
    assert mdp.describe(np.int8(0)) == mdp.describe(0)
    with pytest.raises(ValueError, match=r"^state: expected a whole number from 0 to 2, found"):
        mdp.describe(state)


def test_joint_actions_are_labels_or_sequences_of_them():
    with pytest.raises(ValueError, match=r"^transitions: "):
        TabularGame.from_transitions([torch.ones(4)], agents=("human", "ai"))


@pytest.mark.parametrize("noise", [Fraction(1, 4), np.float32(0.25), np.longdouble(0.25)], ids=repr)
def test_noise_is_the_same_in_every_type(noise):
    world = PowerGrid("S.\n..", noise=noise, noise_bias={"up": noise})
    assert world.tables() == PowerGrid("S.\n..", noise=0.25, noise_bias={"up": 0.25}).tables()
    assert type(world.noise) is float


def test_noise_and_rewards_of_cells_are_numbers():
    with pytest.raises(ValueError, match=r"^noise: expected a number from 0 to 1, found 'much'"):
        EditedWorld("S.").with_noise("much")
    with pytest.raises(ValueError, match=r"^reward: expected a number for '\(0, 0\)', found 1j"):
        PowerGrid("S.", reward={"(0, 0)": 1j})
