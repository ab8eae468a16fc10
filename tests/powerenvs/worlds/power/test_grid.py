"""PowerGrid: its tables against movement written out cell by cell, its noise, its errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from powerenvs import TabularMDP
from powerenvs.authoring.moves import DIRECTIONS
from powerenvs.worlds.power import LEVELS, PowerGrid, turner_figure_1

CELLS = {
    "open_3x3": 9,
    "maze_7x7": 31,
    "robot_face_20x20": 220,
    "four_rooms": 104,
    "two_rooms": 41,
    "dead_ends": 35,
    "corridor": 11,
}


def cell_by_cell(rows: list[str], absent: bool, noise: float = 0.0, bias: dict[str, float] | None = None) -> TabularMDP:
    """Movement with POWERplay's noise, one cell and one direction at a time."""
    bias = bias or {}
    cells = [(r, c) for r, row in enumerate(rows) for c, glyph in enumerate(row) if glyph != "#"]
    transitions = []
    for r, c in cells:
        legal = {d: (r + dr, c + dc) for d, (dr, dc) in DIRECTIONS.items() if (r + dr, c + dc) in cells}
        shares: dict[str, float] = {}
        for d, b in bias.items():
            name = d if d in legal else "stay"
            shares[name] = shares.get(name, 0.0) + b
        rest = (noise - sum(shares.values())) / max(len(legal) - len(shares), 1)
        for action in DIRECTIONS:
            if action not in legal and absent:
                continue
            intended = action if action in legal else "stay"
            for d, target in legal.items():
                p = shares.get(d, rest) + (1 - noise) * (d == intended)
                transitions.append(((r, c), action, target, p))
    return TabularMDP.from_transitions(transitions, state_labels=cells, action_labels=tuple(DIRECTIONS))


def assert_same_moves(ours: TabularMDP, theirs: TabularMDP) -> None:
    np.testing.assert_array_equal(ours.available, theirs.available)
    np.testing.assert_allclose(ours.transition_matrix().toarray(), theirs.transition_matrix().toarray(), atol=1e-14)


levels = st.lists(st.text(alphabet="..#", min_size=4, max_size=4), min_size=1, max_size=4).filter(
    lambda rows: any("." in row for row in rows)
)


@given(
    levels,
    st.booleans(),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([{}, {"left": 0.2}, {"up": 0.1, "stay": 0.1}]),
)
@settings(max_examples=60, deadline=None)
def test_tables_equal_movement_cell_by_cell(rows, absent, noise, bias):
    if sum(bias.values()) > noise:
        bias = {}
    try:
        grid = PowerGrid(rows, noise=noise, noise_bias=bias, walls="absent" if absent else "bump")
        ours = grid.tables()
    except ValueError as error:
        assert "has nowhere to go" in str(error)  # noqa: PT017
        return
    assert_same_moves(ours, cell_by_cell(rows, absent, noise, bias))


@pytest.mark.parametrize(("name", "count"), CELLS.items())
def test_shipped_levels(name, count):
    mdp = PowerGrid(name).tables()
    assert mdp.num_states == count
    assert mdp.action_labels == ("stay", "up", "down", "left", "right")
    assert mdp.available.all()


def test_every_shipped_level_is_counted():
    assert set(CELLS) == set(LEVELS)


@pytest.mark.parametrize(
    ("noise", "bias", "action", "expected"),
    [
        (0.3, None, "down", {"down": 0.8, "right": 0.1, "stay": 0.1}),
        (0.3, {"right": 0.3}, "down", {"down": 0.7, "right": 0.3}),
        (0.5, {"left": 0.2}, "down", {"down": 0.65, "right": 0.15, "stay": 0.2}),
    ],
)
def test_noise_in_a_corner(noise, bias, action, expected):
    """The figures that POWERplay's noise gives in the top left corner."""
    mdp = PowerGrid("open_3x3", noise=noise, noise_bias=bias, walls="absent").tables()
    entries = mdp.P[mdp.index((0, 0))][mdp.action_index(action)]
    places = {d: DIRECTIONS[d] for d in expected}
    assert {mdp.state_labels[t]: pytest.approx(p) for p, t, _, _ in entries} == {
        places[d]: p for d, p in expected.items()
    }


def test_a_blocked_move_is_the_same_as_staying():
    mdp = PowerGrid("maze_7x7", noise=0.4, walls="bump").tables()
    corner = mdp.P[mdp.index((0, 0))]
    assert corner[mdp.action_index("up")] == corner[mdp.action_index("stay")]


def test_goals_end_the_episode_and_pay():
    mdp = PowerGrid("corridor").tables()
    goal = mdp.index((1, 11))
    assert mdp.terminal.tolist() == [False] * 10 + [True]
    assert mdp.P[mdp.index((1, 10))][mdp.action_index("right")] == [(1.0, goal, 1.0, True)]
    assert mdp.initial[mdp.index((1, 1))] == 1.0
    assert mdp.reward.sum() == 1.0


def test_rewards_by_cell_by_name_and_by_array():
    by_cell = PowerGrid("open_3x3", reward={(1, 1): 2.0, (0, 0): -1.0}).tables()
    by_name = PowerGrid("open_3x3", reward={"(1, 1)": 2.0, "(0, 0)": -1.0}).tables()
    by_array = PowerGrid("open_3x3", reward=[-1, 0, 0, 0, 2, 0, 0, 0, 0]).tables()
    assert by_cell == by_name == by_array
    assert by_cell.reward_tensor()[by_cell.index((0, 1)), by_cell.action_index("down")].item() == 2.0
    assert by_cell.reward_tensor()[by_cell.index((1, 1)), by_cell.action_index("stay")].item() == 2.0


def test_episodes_start_anywhere_where_no_start_is_marked():
    assert PowerGrid("..G").tables().initial.tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"level": "maze_7x8"}, "no shipped level is called 'maze_7x8'; did you mean 'maze_7x7'"),
        ({"level": "..\n."}, "found 2 columns in line 1 and 1 in line 2"),
        ({"level": "S.#.\n..#G"}, "cannot be reached from a start"),
        ({"level": "GG"}, "expected a cell to start in, found only goals 'G'"),
        ({"walls": "solid"}, "walls: expected 'bump' or 'absent', found 'solid'"),
        ({"noise": 1.5}, "noise: expected a number from 0 to 1, found 1.5"),
        ({"noise": float("nan")}, "noise: expected a number from 0 to 1"),
        ({"noise": 0.2, "noise_bias": {"left": 0.3}}, "at most the noise, 0.2, found 0.3"),
        ({"noise": 0.2, "noise_bias": {"left": -0.1}}, "shares of at least 0"),
        ({"noise": 0.2, "noise_bias": {"lft": 0.1}}, "unknown direction 'lft'; did you mean 'left'"),
        ({"level": "..", "noise": 0.5, "noise_bias": dict.fromkeys(DIRECTIONS, 0.05)}, "has nowhere to go"),
        ({"reward": {(0, 0): 1.0}}, r"reward: \(0, 0\) is not a free cell of four_rooms"),
        ({"reward": [1.0]}, r"reward: expected shape \(104,\), found \(1,\)"),
        ({"level": "..", "reward": [1.0, float("inf")]}, "reward: expected finite numbers"),
    ],
)
def test_bad_arguments_fail_at_construction(kwargs, message):
    with pytest.raises(ValueError, match=message):
        PowerGrid(**kwargs)


def test_turner_figure_1():
    mdp = turner_figure_1()
    assert (mdp.num_states, mdp.num_transitions) == (8, 15)
    assert mdp.describe(0) == "star [start with probability 1; actions empty, l, r]"
