"""Pictures, text and windows."""

from __future__ import annotations

import builtins
import copy
import pickle
import re
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled

from powerenvs import TabularMDP
from powerenvs.envs import TabularEnv
from powerenvs.extras import install_line
from powerenvs.render import StatePictures, render_board
from powerenvs.render.font import glyph, text_mask
from powerenvs.worlds.power import PowerGrid, turner_figure_1

LEGEND = {".": "floor", "S": "start", "G": "goal", "A": "agent", "H": "human"}
SIZES = [8, 16, 64]


def tile_at(image, cell, tile):
    r, c = cell
    return image[r * tile : (r + 1) * tile, c * tile : (c + 1) * tile]


def middle(image, cell, tile):
    return tuple(int(v) for v in tile_at(image, cell, tile)[tile // 2, tile // 2])


def contrast(first, second):
    return float(np.abs(np.array(first, dtype=float) - second).sum())


@pytest.mark.parametrize("tile", SIZES)
def test_kinds_of_cells_look_different(tile):
    image = render_board(["#.GAH"], LEGEND, tile=tile)
    assert image.shape == (tile, 5 * tile, 3)
    colours = [middle(image, (0, c), tile) for c in range(5)]
    for i, colour in enumerate(colours):
        assert all(contrast(colour, other) > 100 for other in colours[:i])
    wall, floor, goal, agent, human = colours
    assert max(wall) < 100 < 200 < min(floor)  # dark and light
    assert np.argmax(goal) == 1
    assert np.argmax(agent) == 2
    assert np.argmax(human) == 0


@pytest.mark.parametrize("tile", SIZES)
def test_unknown_glyphs_have_colours_and_letters_of_their_own(tile):
    glyphs = "BKVvbox?"
    image = render_board([glyphs], {}, tile=tile)
    tiles = [tile_at(image, (0, c), tile) for c in range(len(glyphs))]
    for i, drawn in enumerate(tiles):
        assert all(not np.array_equal(drawn, other) for other in tiles[:i])
        assert np.any(np.all(drawn == 255, axis=-1))  # the letter, in white
    assert np.array_equal(render_board(["B"], {}, tile=tile), tiles[0])  # whatever else is on the board


def test_letters_have_the_shape_of_the_font():
    drawn = render_board(["V"], {}, tile=16)
    white = np.all(drawn == 255, axis=-1)
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    assert np.array_equal(white[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], glyph("V"))


def test_starts_are_subtle_but_visible():
    image = render_board(["S."], LEGEND, tile=32).astype(int)
    difference = np.abs(tile_at(image, (0, 0), 32) - tile_at(image, (0, 1), 32)).sum(axis=-1)
    assert 0 < np.mean(difference > 60) < 0.25


def test_agents_stand_on_the_ground_of_the_level():
    ground = ["SG.#"]
    image = render_board(["AAA#"], LEGEND, tile=32, ground=ground)
    corners = [tuple(tile_at(image, (0, c), 32)[1, 1]) for c in range(4)]
    expected = [tuple(tile_at(render_board(ground, LEGEND, tile=32), (0, c), 32)[1, 1]) for c in range(4)]
    assert corners == expected
    assert len({middle(image, (0, c), 32) for c in range(3)}) == 1
    on_floor = render_board(["A"], LEGEND, tile=32)
    assert np.array_equal(on_floor, tile_at(image, (0, 2), 32))
    box_below = render_board(["A"], LEGEND, tile=32, ground=["B"])  # a thing is no ground
    assert np.array_equal(on_floor, box_below)


@pytest.mark.parametrize("tile", [16, 64])
def test_several_in_one_cell_stand_side_by_side(tile):
    image = render_board(["G."], LEGEND, tile=tile, overlays={"A": [(0, 0), (0, 1)], "H": [(0, 0)]})
    both = tile_at(image, (0, 0), tile)
    agent, human = (
        middle(render_board(["A"], LEGEND, tile=tile), (0, 0), tile),
        middle(render_board(["H"], LEGEND, tile=tile), (0, 0), tile),
    )
    assert tuple(both[tile // 2, tile // 4]) == agent
    assert tuple(both[tile // 2, 3 * tile // 4]) == human
    assert np.array_equal(tile_at(image, (0, 1), tile), render_board(["A"], LEGEND, tile=tile))
    assert tuple(both[-1, -1]) == tuple(render_board(["G"], LEGEND, tile=tile)[-1, -1])


def test_overlays_join_what_is_on_the_board():
    together = render_board(["A"], LEGEND, tile=32, overlays={"H": [(0, 0)]})
    assert np.array_equal(together, render_board(["."], LEGEND, tile=32, overlays={"A": [(0, 0)], "H": [(0, 0)]}))


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 2), (64, 128)),
        ((7, 7), (448, 448)),
        ((20, 20), (640, 640)),
        ((13, 40), (208, 640)),
        ((400, 400), (800, 800)),
    ],
)
def test_pictures_fit_the_screen(shape, size):
    assert render_board(["." * shape[1]] * shape[0], LEGEND).shape == (*size, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: render_board(["..", "."], LEGEND), r"rows: expected rows of one length, found lengths \[1, 2\]"),
        (lambda: render_board([], LEGEND), "rows: expected rows of one length"),
        (lambda: render_board([".."], LEGEND, ground=["."]), "ground: expected 1 rows of 2"),
        (lambda: render_board([".."], LEGEND, tile=0), "tile: expected at least 1"),
        (lambda: render_board([".."], LEGEND, overlays={"A": [(0, 2)]}), r"overlays: .* found 'A' at \(0, 2\)"),
        (lambda: render_board([".."], LEGEND, overlays={"A": [(-1, 0)]}), "overlays"),
    ],
)
def test_bad_boards(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_font_tells_printable_characters_apart():
    printable = [chr(code) for code in range(33, 127)]
    shapes = {glyph(c).tobytes() for c in printable}
    assert len(shapes) == len(printable)
    assert not glyph(" ").any()
    assert glyph("é").any()
    assert text_mask("ab", scale=2).shape == (14, 22)
    assert text_mask("").shape == (7, 0)


def test_text_has_board_and_description():
    env = gym.make("PowerGrid-v0", level="S.G\n.#.", walls="absent", render_mode="ansi")
    env.reset()
    env.step(4)
    assert env.render() == "SAG\n.#.\nstate 1: (0, 1) [actions stay, left, right]"


def test_model_with_a_board_but_no_world():
    world = PowerGrid("S.G\n.#.")
    mdp = world.tables()
    assert np.array_equal(StatePictures(mdp).frame(1), StatePictures(mdp, world).frame(1))
    assert StatePictures(mdp.with_(cells=None)).board(1) == ("S.G", ".#.")
    assert StatePictures(mdp.with_(cells=np.full((5, 2), -1))).board(1) == ("S.G", ".#.")


def test_graph_pictures_show_the_current_state_and_where_actions_lead():
    pictures = StatePictures(turner_figure_1())
    frames = [pictures.frame(s) for s in range(8)]
    assert len({frame.shape for frame in frames}) == 1
    assert len({frame.tobytes() for frame in frames}) == 8
    ink = {name: text_mask(name, 2) for name in ("empty", "l_nw")}

    def shows(frame, mask):
        dark = np.all(frame == (40, 44, 52), axis=-1)
        windows = np.lib.stride_tricks.sliding_window_view(dark, mask.shape)
        return bool(np.any(np.all(windows == mask, axis=(2, 3))))

    assert shows(frames[0], ink["empty"])
    assert not shows(frames[0], ink["l_nw"])
    assert shows(frames[2], ink["l_nw"])


def test_graph_pictures_cut_off_long_lists_and_labels():
    labels = [f"a state with a very long name, number {i}" for i in range(40)]
    mdp = TabularMDP.from_transitions(
        [(labels[0], "jump", s, 1 / 40) for s in labels] + [(s, "stay", s, 1.0) for s in labels]
    )
    frame = StatePictures(mdp).frame(0)
    assert frame.shape[0] < 700
    assert frame.shape[1] < 1000
    assert frame.shape == StatePictures(mdp).frame(1).shape


def test_render_without_a_mode_warns():
    env = gym.make("PowerGrid-v0")
    env.reset()
    with pytest.warns(UserWarning, match="without a render mode"):
        assert env.render() is None


def test_human_mode_shows_every_step(monkeypatch):
    import pygame

    monkeypatch.setitem(TabularEnv.metadata, "render_fps", 1000)
    env = gym.make("PowerGrid-v0", level="SG.", render_mode="human")
    still = gym.make("PowerGrid-v0", level="SG.", render_mode="rgb_array")

    def on_screen():
        return pygame.surfarray.array3d(pygame.display.get_surface()).transpose(1, 0, 2)

    for act in (lambda e: e.reset(seed=0), lambda e: e.step(4)):
        act(env)
        act(still)
        assert np.array_equal(on_screen(), still.render())
    assert env.render() is None
    twin = copy.deepcopy(env)
    assert pickle.loads(pickle.dumps(env)).unwrapped.state == 1
    env.close()
    assert not pygame.display.get_init()
    twin.reset()
    assert pygame.display.get_init()
    twin.close()


def test_human_mode_without_pygame_says_what_to_install(monkeypatch):
    real = builtins.__import__
    monkeypatch.setattr(
        builtins,
        "__import__",
        lambda name, *rest: (_ for _ in ()).throw(ImportError) if name == "pygame" else real(name, *rest),
    )
    with pytest.raises(DependencyNotInstalled, match=re.escape(install_line("render"))):
        TabularEnv(PowerGrid(), render_mode="human")


def test_pictures_need_numpy_only():
    code = (
        "import sys, gymnasium, powerenvs\n"
        "env = gymnasium.make('PowerGrid-v0', render_mode='rgb_array', observation='rgb')\n"
        "env.reset(); env.step(0); env.render()\n"
        "print([m for m in ('matplotlib', 'pygame', 'torch', 'numba', 'PIL', 'scipy.stats') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
