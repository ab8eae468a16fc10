"""Scenes: where faces stand, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from powerenvs.render.first_person import Scene, Viewpoints

SIDES = ((-1, 0), (0, 1), (1, 0), (0, -1))


@settings(max_examples=50, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 5))))
def test_faces_stand_exactly_where_two_adjacent_cells_differ(solid):
    walls = Scene.from_solid(solid).walls
    rows, columns = solid.shape
    for r in range(rows):
        for c in range(columns):
            for side, (down, right) in enumerate(SIDES):
                inside = 0 <= r + down < rows and 0 <= c + right < columns
                other = solid[r + down, c + right] if inside else True
                assert bool(walls[r, c, side]) == (solid[r, c] != other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"walls": np.zeros((1, 2, 4), int)}, "north side of"),
        ({"walls": np.full((1, 2, 4), 28)}, "textures from 0 to 27"),
        ({"walls": np.ones((1, 2, 4), np.uint8) * np.array([1, 0, 1, 1], np.uint8)}, "east side of"),
        ({"solid": [[0, 0]]}, "expected bool"),
        ({"floor": [[0, 1]]}, "floor: expected textures from 1"),
        ({"ceiling": [[0, 1, 2]]}, "ceiling: expected uint8"),
        ({"sprites": [(0, 0, "aple")]}, "did you mean 'apple'"),
        ({"sprites": [(0, 0, "apple", "red")]}, "unknown colour 'red' of apple"),
        ({"sprites": [(0, 2, "apple")]}, "free cell of 1 rows and 2 columns"),
        ({"sprites": [(0, 0.5, "apple")]}, "free cell of"),
        ({"sprites": 3}, "sprites: expected a list"),
        ({"sprites": [3]}, "each as .row, column, kind"),
        ({"doors": [(0,)]}, "each as .row, column, orientation"),
        ({"doors": [(0, 0, "X")]}, "unknown orientation"),
        ({"doors": [(0, 0, "N")]}, "expected an open side"),
        ({"doors": [(0, 0, "E"), (0, 1, "W")]}, "one door in a place"),
        ({"doors": [(0, 0, "H", "rde")]}, "did you mean 'red'"),
    ],
)
def test_scenes_that_cannot_be_are_refused(change, message):
    scene = Scene.from_solid([[False, False]])
    fields = {name: getattr(scene, name) for name in ("walls", "solid", "floor", "ceiling")}
    with pytest.raises(ValueError, match=message):
        Scene(**{**fields, **change})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0], [0], [4]), "heading: expected 0 to 3"),
        (([0, 0], [0], [0]), "column: expected whole numbers"),
        (([0.5], [0], [0]), "row: expected whole numbers"),
        (([0], [0], [0], np.ones((2, 1), bool)), "sprites: expected bool"),
        (([0], [0], [0], None, None, 6), "directions: expected 4 or 8"),
    ],
)
def test_viewpoints_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Viewpoints(*arguments)


def test_masks_are_the_same_as_bits_and_as_columns():
    scene = Scene.from_solid([[False, False]], sprites=[(0, 0, "apple"), (0, 1, "lemon")], doors=[(0, 1, "I")])
    columns = np.array([[True, False], [False, True], [True, True]])
    views = Viewpoints([0] * 3, [0] * 3, [1] * 3, columns, np.array([0, 1, 0], np.uint64))
    bits = Viewpoints([0] * 3, [0] * 3, [1] * 3, np.array([1, 2, 3], np.uint64))
    assert views.mask("sprites", scene).tolist() == bits.mask("sprites", scene).tolist() == columns.tolist()
    assert views.mask("doors", scene).ravel().tolist() == [False, True, False]
    assert not bits.mask("doors", scene).any()
    with pytest.raises(ValueError, match="a bit beyond them"):
        Viewpoints([0], [0], [0], np.array([4], np.uint64)).mask("sprites", scene)
