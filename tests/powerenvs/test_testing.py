"""The public checkers find what is wrong, and pass what is right."""

from __future__ import annotations

from typing import ClassVar

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings

from powerenvs import Outcome, TabularMDP, World
from powerenvs.envs import TabularEnv
from powerenvs.testing import check_env_against_tables, check_tabular
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.models import mdps


class Switch(World[str]):
    """A lamp that an unreliable switch turns on and off."""

    actions = ("press",)
    legend: ClassVar = {".": "dark", "*": "light"}
    boards: ClassVar = {"off": ("..",), "on": ("**",)}

    def initial(self):
        return [(1.0, "off")]

    def step(self, state, action):
        return [Outcome(0.8, "on" if state == "off" else "off", 1.0), Outcome(0.2, state)]

    def board(self, state):
        return self.boards[state]


def broken(mdp: TabularMDP, **changes) -> TabularMDP:
    """A copy of the model with fields that its constructor would refuse."""
    copy = mdp.with_()
    for name, value in changes.items():
        object.__setattr__(copy, name, value)
    return copy


@pytest.mark.parametrize(
    "model",
    [Switch(), PowerGrid("maze_7x7", noise=0.2), turner_figure_1(), PowerGrid(walls="absent").tables()],
    ids=lambda model: type(model).__name__,
)
def test_sound_models_pass(model):
    check_tabular(model)
    env = TabularEnv(model)
    check_tabular(env)
    check_env_against_tables(env, num_steps=1000)


@settings(max_examples=25, deadline=None)
@given(mdps())
def test_random_models_pass(mdp):
    check_tabular(mdp)
    check_env_against_tables(TabularEnv(mdp), num_steps=400)


def test_wrapped_environments_pass():
    check_tabular(gym.make("PowerGrid-v0"))
    check_env_against_tables(gym.make("PowerGrid-v0", noise=0.5), num_steps=500)


GRID = PowerGrid("S.G").tables()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (broken(GRID, probability=np.full(GRID.num_transitions, 0.5)), "expected a sum of 1, found .0.5. in 15 rows"),
        (broken(GRID, terminal=np.array([False, True, True])), "expected to absorb, found a way out of .*0, 1"),
        (broken(GRID, reward=np.ones(GRID.num_transitions)), "expected reward 0 after the end, found 5 entries"),
        (GRID.with_(initial=[0.0, 0.0, 1.0]), r"reachable from a start, found 2 that are not, such as .*\(0, 0\)"),
        (broken(GRID, state_labels=("a", "b", "a")), "expected unique labels, found 1 repeated"),
        (GRID.with_(state_labels=(frozenset(), 1, 2)), "expected labels that can be stored: .*frozenset"),
    ],
)
def test_unsound_models_are_found(model, message):
    with pytest.raises(AssertionError, match=message):
        check_tabular(model)


@pytest.mark.parametrize("lost", ["board", "cells", "observation"])
def test_pictures_lost_in_files_are_found(monkeypatch, lost):
    model = GRID.with_(observation=[0, 1, 1])
    monkeypatch.setattr(TabularMDP, "load", lambda path: model.with_(**{lost: None}))
    with pytest.raises(AssertionError, match=f"save: expected load to give the same {lost}, found None instead of"):
        check_tabular(model)


@pytest.mark.parametrize(
    ("boards", "message"),
    [
        ({"off": ("..",), "on": ("*",)}, r"expected rows of lengths \[2\] in every state, .* found \[1\] in on"),
        ({"off": ("..", "."), "on": ("..", ".")}, r"expected rows of one length, found lengths \[2, 1\]"),
        ({"off": None, "on": ("**",)}, r"expected rows of lengths None in every state, as in off, found \[2\] in on"),
        ({"off": ("..",), "on": ("*o",)}, "the glyph 'o' in on is not in the legend; known: '#', '[*]', '[.]'"),
    ],
)
def test_faulty_boards_are_found(boards, message):
    world = Switch()
    world.boards = boards
    with pytest.raises(AssertionError, match=message):
        check_tabular(world)


def test_a_world_without_boards_passes():
    world = Switch()
    world.boards = {"off": None, "on": None}
    check_tabular(world)


class Wrong(gym.Wrapper):
    """Changes what the environment returns, by the functions it is given."""

    def __init__(self, env, step=None, reset=None):
        super().__init__(env)
        self.change_step, self.change_reset = step, reset

    def reset(self, **kwargs):
        observation, info = self.env.reset(**kwargs)
        return observation, self.change_reset(info) if self.change_reset else info

    def step(self, action):
        result = self.env.step(action)
        return self.change_step(*result) if self.change_step else result


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": lambda o, r, end, cut, i: (o, r + 1, end, cut, i)}, r"lead to one of .* found \('"),
        ({"step": lambda o, r, end, cut, i: (o, r, not end, cut, i)}, "expected terminated=.*, found (True|False)"),
        ({"step": lambda o, r, end, cut, i: (o, r, end, cut, i | {"performance": 5.0})}, "to lead to one of"),
        ({"step": lambda o, r, end, cut, i: (o, r, end, cut, i | {"state": 104})}, "a state from 0 to 103, found 104"),
        (
            {"step": lambda o, r, end, cut, i: (o, r, end, cut, i | {"action_mask": np.zeros(5)})},
            "expected the action mask",
        ),
        ({"step": lambda o, r, end, cut, i: (o, r, end, cut, {})}, r"expected the keys .*'state'.*found \[\]"),
        ({"reset": lambda i: i | {"performance": 1.0}}, "expected a start state and performance 0"),
        ({"reset": lambda i: i | {"state": 7, "action_mask": np.ones(5)}}, "expected a start state"),
    ],
)
def test_environments_that_disagree_are_found(changes, message):
    with pytest.raises(AssertionError, match=message):
        check_env_against_tables(Wrong(gym.make("PowerGrid-v0"), **changes), num_steps=50)


@pytest.mark.parametrize(("stated", "real"), [(0.3, 0.5), (0.5, 0.3), (0.01, 0.1)])
def test_wrong_frequencies_are_found(stated, real):
    env = TabularEnv(PowerGrid("open_3x3", noise=real))
    env.mdp = PowerGrid("open_3x3", noise=stated).tables()
    with pytest.raises(
        AssertionError, match=r"frequencies: expected action '\w+' in .* of \d+ cases .*found it in \d+"
    ):
        check_env_against_tables(env, num_steps=5000)


def test_wrong_start_frequencies_are_found():
    env = TabularEnv(PowerGrid("S.S\n.G.", noise=0.5))
    env.mdp = env.mdp.with_(initial=np.array([0.8, 0, 0.2, 0, 0, 0]))
    with pytest.raises(AssertionError, match=r"frequencies: expected starting in \(0, "):
        check_env_against_tables(env, num_steps=3000)


def test_what_has_no_tables_is_refused():
    for check in (check_tabular, check_env_against_tables):
        with pytest.raises(ValueError, match="found no tables in CartPoleEnv"):
            check(gym.make("CartPole-v1"))
