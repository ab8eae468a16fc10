"""Levels from the rectangles that POWERplay deletes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

from powerenvs import Level
from powerenvs.worlds.power.grid import PowerGrid
from powerenvs.worlds.power.levels import LEVELS


def test_the_maze_of_the_published_experiments():
    rectangles = [
        ["(1, 1)", "(1, 2)"],
        ["(1, 4)", "(2, 6)"],
        ["(3, 1)", "(5, 2)"],
        ["(4, 4)", "(4, 5)"],
        ["(6, 4)", "(6, 5)"],
    ]
    level = Level.from_rectangles(7, 7, [*rectangles[:1], [(1, 4), (1, 6)], [(2, 4), (2, 6)], *rectangles[2:]])
    assert level == Level.from_rectangles(7, 7, rectangles)
    assert PowerGrid(level.rows).tables() == PowerGrid("maze_7x7").tables()
    assert str(level).split() == LEVELS["maze_7x7"].split()


def test_any_order_of_corners_and_either_form():
    wanted = ("..##.", "..##.", ".....")
    for rows, columns in itertools.product([(0, 1), (1, 0)], [(2, 3), (3, 2)]):
        first, second = (rows[0], columns[0]), (rows[1], columns[1])
        assert Level.from_rectangles(3, 5, [[first, second]]).rows == wanted
        assert Level.from_rectangles(3, 5, [(str(first), str(second))]).rows == wanted
        assert Level.from_rectangles(3, 5, [(f"({rows[0]},{columns[0]})", second)]).rows == wanted


def test_isolated_cells_stay_and_need_no_start():
    level = Level.from_rectangles(3, 3, [["(0, 1)", "(1, 1)"], ["(1, 0)", "(1, 0)"]])
    assert level.rows == (".#.", "##.", "...")
    mdp = PowerGrid(level.rows, walls="absent").tables()
    assert [mdp.action_labels[a] for a in np.flatnonzero(mdp.available[mdp.index((0, 0))])] == ["stay"]


def test_one_cell_and_no_rectangles():
    assert Level.from_rectangles(1, 1).rows == (".",)
    assert Level.from_rectangles(2, 3, []).rows == ("...", "...")


@given(st.data())
def test_a_cell_is_a_wall_where_a_rectangle_covers_it(data):
    rows, columns = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    cell = st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1))
    rectangles = data.draw(st.lists(st.tuples(cell, cell), max_size=3))
    covered = {
        (r, c)
        for r, c in itertools.product(range(rows), range(columns))
        if any(
            min(a[0], b[0]) <= r <= max(a[0], b[0]) and min(a[1], b[1]) <= c <= max(a[1], b[1]) for a, b in rectangles
        )
    }
    if len(covered) == rows * columns:
        with pytest.raises(ValueError, match="found walls only"):
            Level.from_rectangles(rows, columns, rectangles)
    else:
        level = Level.from_rectangles(rows, columns, rectangles)
        assert level.shape == (rows, columns)
        assert set(level.places("#")) == covered


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 3, [["(0, 0)", "(0, 3)"]]), r"squares_to_delete\[0\]: expected a corner from .* found '\(0, 3\)'"),
        ((3, 3, [["(0, 0)", "(0, 0)"], [(-1, 0), (0, 0)]]), r"squares_to_delete\[1\]: expected .*\(-1, 0\)"),
        ((3, 3, [["(0, 0)", "0, 1"]]), r"expected a corner \(row, column\), or the same as text, found '0, 1'"),
        ((3, 3, [["(0, 0)", "(0, 0, 1)"]]), "expected a corner"),
        ((3, 3, [[(0, 0), (0, 1.5)]]), "expected a corner"),
        ((3, 3, [[(0, 0), 4]]), "expected a corner"),
        ((3, 3, [["(0, 0)"]]), "expected two opposite corners"),
        ((3, 3, ["(0, 0)"]), "expected two opposite corners"),
        ((3, 3, [5]), "expected two opposite corners"),
        ((3, 3, [["(0, 0)", "(2, 2)"]]), "at least one free cell"),
        ((0, 3), "num_rows: expected a whole number of at least 1, found 0"),
        ((3, 2.0), "num_columns: expected a whole number of at least 1, found 2.0"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        Level.from_rectangles(*arguments)
