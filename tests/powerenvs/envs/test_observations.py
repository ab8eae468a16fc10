"""`ObservationTable`: what each kind of observation holds, and what it refuses."""

from __future__ import annotations

import copy
import pickle
from typing import ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector.utils import batch_space

from powerenvs import TabularMDP
from powerenvs.authoring.world import TableWorld
from powerenvs.envs import ObservationTable, TabularEnv
from powerenvs.envs.observations import KINDS, GlyphPlanes
from powerenvs.render import render_board
from powerenvs.worlds.power import PowerGrid, turner_figure_1

WORLD = PowerGrid("S.G\n.#.")


class Boards(TableWorld[int]):
    """States 0 and 1, each with the board it is given."""

    actions = ("go",)
    legend: ClassVar = {".": "floor", "A": "agent"}

    def __init__(self, *boards):
        self.boards = boards

    def tables(self):
        return TabularMDP.from_transitions([(0, "go", 1, 1.0), (1, "go", 0, 1.0)])

    def board(self, state):
        return self.boards[state]


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_what_environments_return(kind):
    env = gym.make("PowerGrid-v0", level="S.G\n.#.", observation=kind)
    table = env.unwrapped.observation_table
    assert table.kind == kind
    assert table.values.shape == (5, *env.observation_space.shape)
    assert table.values.dtype == env.observation_space.dtype
    for state, expected in enumerate(table.values):
        observation, _ = env.reset(seed=0, options={"state": state})
        assert observation in env.observation_space
        assert np.array_equal(observation, expected)
    assert len(np.unique(table.values.reshape(5, -1), axis=0)) == 5  # no two states look alike here


def test_values_are_read_only_and_shared_by_copies():
    table = TabularEnv(WORLD, observation="board").observation_table
    with pytest.raises(ValueError, match="read-only"):
        table.values[0] = 0
    assert copy.deepcopy(table) is table
    again = pickle.loads(pickle.dumps(table))
    assert np.array_equal(again.values, table.values)
    assert again.space == table.space


def test_state_and_onehot():
    mdp = WORLD.tables()
    assert ObservationTable(mdp, None, "state").space == gym.spaces.Discrete(5)
    onehot = ObservationTable(mdp, None, "onehot")
    assert onehot.space == gym.spaces.Box(0, 1, (5,), np.float32)
    assert np.array_equal(onehot.values, np.eye(5))


def test_board_planes_follow_wall_and_legend():
    table = ObservationTable(WORLD.tables(), WORLD, "board")
    assert table.glyphs == ("#", ".", "S", "G", "A")
    assert table.values.shape == (5, 5, 2, 3)
    agent_in_the_middle = table.values[1]
    assert agent_in_the_middle.tolist() == [
        [[0, 0, 0], [0, 1, 0]],
        [[0, 0, 0], [1, 0, 1]],
        [[1, 0, 0], [0, 0, 0]],
        [[0, 0, 1], [0, 0, 0]],
        [[0, 1, 0], [0, 0, 0]],
    ]
    assert np.all(table.values.sum(axis=1) == 1)


def test_planes_are_bytes_in_every_form_of_the_space():
    space = ObservationTable(WORLD.tables(), WORLD, "board").space
    assert isinstance(space, gym.spaces.MultiBinary)
    assert space == GlyphPlanes((5, 2, 3))
    assert space.dtype == space.sample().dtype == batch_space(space, 3).sample().dtype == np.uint8
    assert gym.spaces.flatten_space(space).shape == (30,)
    assert pickle.loads(pickle.dumps(space)).dtype == np.uint8


@pytest.mark.parametrize(
    ("level", "shape"), [("S.G\n.#.", (36, 54, 3)), ("four_rooms", (104, 104, 3)), ("S.", (36, 72, 3))]
)
def test_images_are_large_enough_for_convolutions(level, shape):
    world = PowerGrid(level)
    table = ObservationTable(world.tables(), world, "rgb")
    assert table.space == gym.spaces.Box(0, 255, shape, np.uint8)
    expected = render_board(
        world.board(world.tables().state_labels[1]),
        world.legend,
        tile=shape[0] // world.level.shape[0],
        ground=world.level.rows,
    )
    assert np.array_equal(table.values[1], expected)


def test_boards_of_a_model_without_a_world():
    mdp = WORLD.tables()
    table = ObservationTable(mdp, None, "board")
    assert table.glyphs == ("#", ".", "G", "S", "A")
    assert table.values[1, -1].tolist() == [[0, 1, 0], [0, 0, 0]]
    assert ObservationTable(mdp, None, "rgb").space == ObservationTable(mdp, WORLD, "rgb").space


@pytest.mark.parametrize("kind", ["board", "rgb"])
def test_no_board(kind):
    with pytest.raises(ValueError, match=f'\'{kind}\' needs a board.*use "state" or "onehot"'):
        TabularEnv(turner_figure_1(), observation=kind)


@pytest.mark.parametrize(("kind", "size"), [("onehot", "30.2 GiB"), ("board", "37.7 GiB"), ("rgb", "1448.4 GiB")])
def test_tables_that_would_not_fit(kind, size):
    with pytest.raises(ValueError, match=f"'{kind}' needs a table of ({size}).* for 90,000 states.*use \"state\""):
        TabularEnv(PowerGrid, level=["." * 300] * 300, observation=kind)


@pytest.mark.parametrize(
    ("boards", "message"),
    [
        ((("A.",), ("A..",)), r"expected a board of 1 rows and 2 columns .* found 1 rows of \[3\] in state 1"),
        ((("A.",), ("A.", "..")), "found 2 rows"),
        ((("A.",), None), "found 0 rows"),
        ((("A.",), ("a.",)), "board of state 1.* has the glyph 'a', which is not in the legend"),
    ],
)
def test_faulty_boards(boards, message):
    with pytest.raises(ValueError, match=message):
        TabularEnv(Boards(*boards), observation="board")
