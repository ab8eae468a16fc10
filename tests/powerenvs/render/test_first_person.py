"""First-person views against geometry: a slow ray caster of its own, mirrors, turns, and what hides what."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from powerenvs.render.first_person import KINDS, Renderer, Scene, Viewpoints, render_states
from powerenvs.render.first_person.textures import tile
from powerenvs.render.first_person.things import thing

SIDES = (((0, 0), (0, 1)), ((0, 1), (1, 1)), ((1, 0), (1, 1)), ((0, 0), (1, 0)))
"""The two ends of each side of a cell, from its north-west corner: (down, right)."""
HEIGHT, WIDTH = 10, 14
HALF, TOUCH = Fraction(1, 2), Fraction(1, 10**9)


def segments(scene, open_doors):
    """Everything that stands in the way of rays: pairs of ends (down, right), those of leaves a touch shorter.

    So a ray that touches the end of a leaf, which is on the side of a cell, goes by.
    """
    found = []
    for r, c, side in np.argwhere(scene.walls):
        found.append([(r + a, c + b) for a, b in SIDES[side]])
    for door, is_open in zip(scene.doors, open_doors, strict=True):
        r, c = door.row, door.column
        if not is_open:
            middle = {"H": ((HALF, TOUCH), (HALF, 1 - TOUCH)), "I": ((TOUCH, HALF), (1 - TOUCH, HALF))}
            ends = middle.get(door.orientation) or SIDES["NESW".index(door.orientation)]
            found.append([(r + a, c + b) for a, b in ends])
    return found


def cast(scene, row, column, heading, open_doors):
    """(HEIGHT, WIDTH) depth by meeting each ray with every segment: the oracle, in world coordinates and fractions.

    ``heading`` counts eighths of a turn.
    """
    turns = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]
    ahead, right = turns[heading], turns[(heading + 2) % 8]
    unit = math.hypot(*ahead)
    picture = np.empty((HEIGHT, WIDTH))
    ways = segments(scene, open_doors)
    for x in range(WIDTH):
        slope = Fraction(2 * x + 1 - WIDTH, WIDTH)
        ray = [a + slope * b for a, b in zip(ahead, right, strict=True)]
        nearest = None
        for (r0, c0), (r1, c1) in ways:
            d0, d1 = r0 - row - HALF, c0 - column - HALF
            e0, e1 = r1 - r0, c1 - c0
            across = ray[0] * e1 - ray[1] * e0
            if across:
                t = (d0 * e1 - d1 * e0) / across
                s = (d0 * ray[1] - d1 * ray[0]) / across
                if t > 0 and 0 <= s <= 1 and (nearest is None or t < nearest):
                    nearest = t
        for y in range(HEIGHT):
            below = 2 * y + 1 - HEIGHT
            flat = Fraction(WIDTH, 2 * abs(below))
            if nearest * Fraction(unit) <= flat:
                picture[y, x] = nearest * Fraction(unit)
            elif below > 0:
                picture[y, x] = flat
            else:  # the ceiling of the cell that the ray is over, or the sky
                far = flat / Fraction(unit) * (1 + TOUCH)  # on a line between two cells the ray is in the farther one
                cell = [int(place + HALF + far * part) for place, part in zip((row, column), ray, strict=True)]
                picture[y, x] = flat if scene.ceiling[tuple(cell)] else sum(scene.shape)
    return picture


@st.composite
def scenes(draw):
    """A small scene, full or thin, with a ceiling here and there and some doors; and what is open."""
    shape = draw(st.tuples(st.integers(2, 5), st.integers(2, 5)))
    ceiling = draw(arrays(np.uint8, shape, elements=st.integers(0, 3)))
    if draw(st.booleans()):
        solid = draw(arrays(bool, shape, elements=st.sampled_from([False, False, True])))
        solid[0, 0] = False
        scene, orientations = Scene.from_solid(solid, ceiling=ceiling), ("H", "I")
    else:
        rows, columns = shape
        north = draw(arrays(bool, (rows + 1, columns), elements=st.sampled_from([False, False, True])))
        west = draw(arrays(bool, (rows, columns + 1), elements=st.sampled_from([False, False, True])))
        north[[0, -1]] = west[:, [0, -1]] = True
        scene, orientations = Scene.from_edges(north, west, ceiling=ceiling), ("H", "I", "N", "W")
    doors = {}
    for _ in range(draw(st.integers(0, 3))):
        free = np.argwhere(~scene.solid)
        r, c = free[draw(st.integers(0, len(free) - 1))].tolist()
        orientation = draw(st.sampled_from(orientations))
        if orientation in "HI" or not scene.walls[r, c, "NESW".index(orientation)]:
            doors[r, c, orientation in "HI" or orientation] = (r, c, orientation)
    scene = Scene(scene.walls, scene.solid, scene.floor, scene.ceiling, (), tuple(doors.values()))
    return scene, draw(arrays(bool, len(doors)))


@settings(max_examples=15, deadline=None)
@given(scenes(), st.integers(0, 7), st.randoms(use_true_random=False))
def test_depth_is_that_of_a_slow_ray_caster(drawn, heading, random):
    scene, opened = drawn
    in_leaf = {(door.row, door.column) for door in scene.doors if door.orientation in "HI"}
    free = [cell for cell in map(tuple, np.argwhere(~scene.solid).tolist()) if cell not in in_leaf]
    if not free:
        return
    row, column = random.choice(free)
    views = Viewpoints([row], [column], [heading], doors=opened[None], directions=8)
    depth = render_states(scene, views, kind="depth", height=HEIGHT, width=WIDTH)[0]
    expected = cast(scene, row, column, heading, opened)
    differs = ~np.isclose(depth, expected, rtol=1e-5)
    # Looking straight, no ray goes through a corner. Looking diagonally some do, and may go by on either side.
    assert not differs.any() if heading % 2 == 0 else differs.mean() < 0.08


def test_a_frontal_wall_is_exactly_as_far_away_as_it_is():
    for cells in (1, 2, 3, 7, 20):
        corridor = Scene.from_solid(np.zeros((1, cells), bool))
        for place in range(cells):
            depth = render_states(corridor, Viewpoints([0] * 2, [place] * 2, [1, 3]), kind="depth")
            assert (depth[0, 41:43, 41:43] == cells - place - 0.5).all()
            assert (depth[1, 41:43, 41:43] == place + 0.5).all()


def room(random, sprites=True):
    """A scene full of things, and which of them are there and open in one state of each free cell and heading."""
    solid = random.random((6, 7)) < 0.25
    free = np.argwhere(~solid)
    places = free[random.choice(len(free), size=min(len(free), 9), replace=False)].tolist()
    kinds = random.choice(KINDS, size=len(places))
    things = [(r, c, str(kind)) for (r, c), kind in zip(places, kinds, strict=True)] if sprites else []
    doors = [(r, c, "HI"[i % 2], "red") for i, (r, c) in enumerate(places[:3])]
    return Scene.from_solid(solid, variations=random.integers(0, 27, solid.shape), sprites=things, doors=doors)


def everywhere(scene, directions=4):
    free = np.argwhere(~scene.solid)
    rows, columns = free.repeat(directions, axis=0).T
    return Viewpoints(rows, columns, np.tile(np.arange(directions), len(free)), directions=directions)


@pytest.mark.parametrize("directions", [4, 8])
def test_a_mirrored_level_has_the_mirrored_depth(directions):
    scene = room(np.random.default_rng(5))
    columns = scene.shape[1]
    swapped = scene.walls[:, ::-1][:, :, [0, 3, 2, 1]]
    mirrored = Scene(
        swapped,
        scene.solid[:, ::-1],
        scene.floor[:, ::-1],
        scene.ceiling[:, ::-1],
        [sprite._replace(column=columns - 1 - sprite.column) for sprite in scene.sprites],
        [door._replace(column=columns - 1 - door.column) for door in scene.doors],
    )
    views = everywhere(scene, directions)
    turned = Viewpoints(views.row, columns - 1 - views.column, -views.heading % directions, directions=directions)
    depth = render_states(scene, views, kind="depth")
    np.testing.assert_array_equal(render_states(mirrored, turned, kind="depth"), depth[:, :, ::-1])


def test_a_turned_level_looks_the_same():
    """Neither the sky, nor the light, nor the pattern of the floor tells where north is."""
    scene = room(np.random.default_rng(7))
    rows, _ = scene.shape
    turned = Scene(
        np.roll(np.rot90(scene.walls, -1), 1, axis=2),
        np.rot90(scene.solid, -1),
        np.rot90(scene.floor, -1),
        np.rot90(scene.ceiling, -1),
        [sprite._replace(row=sprite.column, column=rows - 1 - sprite.row) for sprite in scene.sprites],
        [door._replace(row=door.column, column=rows - 1 - door.row, orientation="IH"["HI".index(door.orientation)])
         for door in scene.doors],
    )  # fmt: skip
    views = everywhere(scene)
    along = Viewpoints(views.column, rows - 1 - views.row, (views.heading + 1) % 4)
    if rows % 2:  # fields of the floor keep their colour
        np.testing.assert_array_equal(render_states(turned, along), render_states(scene, views))
    depth = render_states(scene, views, kind="depth")
    np.testing.assert_array_equal(render_states(turned, along, kind="depth"), depth)


def test_floors_look_the_same_from_all_four_sides():
    for texture in range(1, 28):
        for odd, above in ((False, False), (True, False), (False, True)):
            image = tile(texture, odd, above)
            for turn in range(4):
                np.testing.assert_array_equal(np.rot90(image, turn), image)
            np.testing.assert_array_equal(image[::-1], image)


def test_four_turns_give_the_first_picture():
    scene = Scene.from_solid(np.zeros((4, 5), bool), sprites=[(0, 1, "apple")])
    pictures = render_states(scene, Viewpoints([1] * 5, [1] * 5, np.arange(5) % 4))
    np.testing.assert_array_equal(pictures[0], pictures[4])
    assert len({picture.tobytes() for picture in pictures[:4]}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_things_are_seen_where_they_are_and_symmetrical(kind):
    opaque = thing(kind)[:, :, 3] > 0
    np.testing.assert_array_equal(opaque, opaque[:, ::-1])
    corridor = Scene.from_solid(np.zeros((1, 6), bool), sprites=[(0, 3, kind)])
    views = Viewpoints([0, 0], [1, 1], [1, 1], np.array([[True], [False]]))
    there, gone = render_states(corridor, views, kind="depth")
    changed = there != gone
    assert (there[changed] == 2).all()
    assert changed.sum() > 40
    changed |= gone == 2  # where the floor is as far away as what stands on it
    colours = render_states(corridor, views)
    np.testing.assert_array_equal((colours[0] != colours[1]).any(axis=2) & ~changed, False)


def test_things_behind_walls_and_closed_doors_are_hidden():
    apple = [(0, 4, "apple")]
    behind_wall = Scene.from_solid([[False, False, True, False, False]], sprites=apple)
    views = Viewpoints([0, 0], [0, 0], [1, 1], np.array([[True], [False]]))
    seen, bare = render_states(behind_wall, views)
    np.testing.assert_array_equal(seen, bare)
    for door in ((0, 2, "I"), (0, 2, "W"), (0, 2, "E")):
        gate = Scene.from_solid([[False] * 5], sprites=apple, doors=[door])
        sprites = np.array([[True], [False]])
        shut = render_states(gate, Viewpoints([0, 0], [0, 0], [1, 1], sprites, np.array([[False], [False]])))
        ajar = render_states(gate, Viewpoints([0, 0], [0, 0], [1, 1], sprites, np.array([[True], [True]])))
        np.testing.assert_array_equal(shut[0], shut[1])
        assert (ajar[0] != ajar[1]).any()
        assert (shut[0] != ajar[0]).any()


def test_nearer_things_hide_farther_ones():
    things = [(0, 4, "watermelon"), (0, 1, "pillar"), (0, 2, "box")]
    corridor = Scene.from_solid([[False] * 6], sprites=things)
    depth = render_states(corridor, Viewpoints([0], [0], [1]), kind="depth")[0]
    assert (depth[44:60, 40:44] == 1).all()


def test_the_fourth_byte_is_eight_times_the_depth():
    scene = room(np.random.default_rng(2))
    views = everywhere(scene)
    both = render_states(scene, views, kind="rgbd")
    np.testing.assert_array_equal(both[..., :3], render_states(scene, views))
    depth = render_states(scene, views, kind="depth")
    np.testing.assert_array_equal(both[..., 3], np.minimum(np.floor(8 * depth + 0.5), 255))


def test_pictures_are_the_same_however_many_are_drawn_at_once_and_where():
    scene = room(np.random.default_rng(3))
    views = everywhere(scene)
    renderer = Renderer(scene, 40, 63)
    together = renderer.draw(views)
    out = np.zeros_like(together)
    assert renderer.draw(views, out=out) is out
    np.testing.assert_array_equal(out, together)
    one = [
        renderer.draw(Viewpoints(views.row[i : i + 1], views.column[i : i + 1], views.heading[i : i + 1]))
        for i in range(9)
    ]
    np.testing.assert_array_equal(np.concatenate(one), together[:9])


def test_pictures_are_those_that_they_have_been():
    """The same on every machine: these numbers are from another one."""
    import zlib

    scene = room(np.random.default_rng(11))
    found = {
        kind: zlib.crc32(render_states(scene, everywhere(scene, 8), kind=kind, height=33, width=48))
        for kind in ("rgb", "depth")
    }
    assert found == {"rgb": 2290978579, "depth": 759729832}


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda scene: Renderer(scene, 4), "height: expected 8 to 2048 pixels"),
        (lambda scene: Renderer(scene, 84, 84.0), "width: expected 8 to 2048 pixels"),
        (lambda scene: render_states(scene, Viewpoints([0], [2], [0])), "found \\(0, 2\\)"),
        (lambda scene: render_states(scene, Viewpoints([0], [0], [0]), kind="rbg"), "did you mean 'rgb'"),
        (
            lambda scene: render_states(scene, Viewpoints([0], [0], [0], directions=8), width=83),
            "even number of pixels",
        ),
        (
            lambda scene: render_states(scene, Viewpoints([0], [0], [0], np.ones((1, 2), bool))),
            "a column for each of 0",
        ),
        (lambda scene: render_states(scene, Viewpoints([0], [0], [0]), out=np.empty((1, 84, 84, 3))), "out: expected"),
    ],
)
def test_what_cannot_be_drawn_is_refused(use, message):
    with pytest.raises(ValueError, match=message):
        use(Scene.from_solid([[False, False, True]]))
