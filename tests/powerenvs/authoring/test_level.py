"""Reading levels: what is wrong is said with line and column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from powerenvs import Level

LEGEND = {".": "floor", "S": "start", "G": "goal"}


def test_indentation_and_blank_lines_are_dropped():
    level = Level.parse(
        """

            S.#
            ..G

        """,
        LEGEND,
    )
    assert level.rows == ("S.#", "..G")
    assert level.shape == (2, 3)
    assert level.cells.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [1, 2]]
    assert level.state_grid.tolist() == [[0, 1, -1], [2, 3, 4]]
    assert level.find("G").tolist() == [[1, 2]]
    assert str(level) == "S.#\n..G"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty level"),
        ("\n  \n", "empty level"),
        ("S..\n..", "found 3 columns in line 1 and 2 in line 2"),
        ("S..\n.x.", "unknown glyph 'x' in line 2, column 2"),
        ("##\n##", "at least one free cell"),
        ("...\n...", "found no start; mark one with 'S', for example in line 1, column 1"),
        ("S#.\n##.", "the start in line 1, column 1 is walled in"),
        ("S.#.\n..#G", "the cell in line 1, column 4 cannot be reached"),
        ("S.\n##\n..\n.S\n##\n..", "the cell in line 6, column 1 cannot be reached"),
    ],
)
def test_errors(text, message):
    with pytest.raises(ValueError, match=message):
        Level.parse(text, LEGEND)


def test_one_cell_is_a_level():
    assert Level.parse("S", LEGEND).cells.tolist() == [[0, 0]]


def test_no_start_needed():
    assert len(Level.parse("..#.", LEGEND, start=None).cells) == 3


@given(st.text(alphabet="#.SGx \n\t", max_size=60))
def test_any_text_is_a_level_or_a_clear_error(text):
    try:
        level = Level.parse(text, LEGEND)
    except ValueError as error:
        assert str(error).startswith("level: ")  # noqa: PT017
    else:
        assert set("".join(level.rows)) <= {"#", *LEGEND}
        assert len({len(row) for row in level.rows}) == 1
        np.testing.assert_array_equal(level.state_grid[tuple(level.cells.T)], np.arange(len(level.cells)))
