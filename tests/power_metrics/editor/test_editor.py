"""The editor of ``powerenvs edit``, through textual's own pilot: keys in; worlds, files and the screen out."""

from __future__ import annotations

import asyncio
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.editor.app import WorldEditor
from power_metrics.editor.dialogs import Help, LinePrompt, Question
from power_metrics.editor.keys import key_lines
from power_metrics.editor.live import LivePower, cell_power
from power_metrics.editor.paint import View, grid_line, power_style
from power_metrics.editor.screen import GAMMAS, Grid, open_world
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.editing import EditedWorld

pytestmark = pytest.mark.slow


def session(level, script, size=(80, 24), num_samples=100, gamma=0.9, **settings):
    """Runs the editor on a level; ``script(pilot, editor)`` presses keys and looks."""

    async def run():
        world, path = open_world(str(level), **settings)
        live = LivePower(num_samples, correlation=-1.0 if settings.get("pair") else 0.0)
        app = WorldEditor(world, str(level), path, gamma, live)
        async with app.run_test(size=size) as pilot:
            await script(pilot, app.editor)

    asyncio.run(run())


async def settled(pilot, editor):
    """Waits until the heat map is that of the world on the screen."""
    while editor._busy or not editor.up_to_date:
        await pilot.pause(0.02)
    await pilot.pause()


def lines(pilot):
    """The window as plain text."""
    svg = pilot.app.export_screenshot(simplify=True)
    rows: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in re.findall(r'<text [^>]*?x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        rows.setdefault(float(y), []).append((float(x), text.replace("&#160;", " ")))
    return ["".join(text for _, text in sorted(row)) for _, row in sorted(rows.items())]


def shown(pilot):
    return "\n".join(lines(pilot))


def test_keys_draw_and_the_saved_text_is_what_was_drawn(tmp_path):
    async def script(pilot, editor):
        await pilot.press("s", "right", "space", "down", "down", "right", "g", "left", "left", "space")
        assert editor.world.text == "S#.\n...\n#.G"
        await pilot.press("space", "r", "c", "u")
        assert editor.world.text == "S#.\n...\n..G\n..."
        assert editor.unsaved
        await pilot.press("ctrl+s")
        assert isinstance(pilot.app.screen, LinePrompt)
        await pilot.press(*["backspace"] * 20, *str(tmp_path / "drawn"), "enter")
        await pilot.pause()
        assert not editor.unsaved
        assert f"wrote {tmp_path / 'drawn.txt'}" in editor.message
        await pilot.press("q")

    session("open_3x3", script)
    assert (tmp_path / "drawn.txt").read_text() == "S#.\n...\n..G\n...\n"
    assert [path.name for path in tmp_path.iterdir()] == ["drawn.txt"]


def test_the_power_shown_is_that_of_the_model():
    async def script(pilot, editor):
        await pilot.press("right", "right", "space", "left", "x", "left", "right_square_bracket", "minus")
        await settled(pilot, editor)
        mdp = EditedWorld("maze_7x7").wall((0, 2)).remove((0, 1), "left").with_noise(0.05).model()
        assert editor.world.model() == mdp
        expected = pm.power(mdp, 0.85, rewards=editor.live.rewards(mdp))
        for (r, c), mean, error in zip(mdp.cells, expected.mean, expected.standard_error, strict=True):
            assert editor.power.mean[r, c] == pytest.approx(mean, abs=1e-12)
            assert editor.power.standard_error[r, c] == pytest.approx(error, abs=1e-12)
        assert np.isnan(editor.power.mean[0, 2])
        here = mdp.index((0, 1))
        screen = shown(pilot)
        assert f"POWER {expected.mean[here]:.4f} ± {expected.standard_error[here]:.4f}" in screen
        assert f"{expected.mean.min():.4f} " in screen
        assert f" {expected.mean.max():.4f}" in screen
        for value in expected.mean:
            assert f"{value:.3f}" in screen

    session("maze_7x7", script)


def test_estimates_agree_with_other_draws():
    world = EditedWorld("maze_7x7", noise=0.1)
    mine = LivePower(4000).estimate(world, 0.9)
    other = pm.power(world.model(), 0.9, num_samples=20_000, seed=1)
    error = np.hypot(mine.standard_error, other.standard_error)
    assert np.abs(mine.mean - other.mean).max() < 5 * error.max()


def test_edits_keep_the_reward_functions_of_the_cells_that_stay():
    live = LivePower(50, seed=3)
    before, after = EditedWorld("maze_7x7"), EditedWorld("maze_7x7").wall((0, 2)).add_column()
    one, two = before.model(), after.model()
    common = [cell for cell in one.state_labels if cell in two.state_labels]
    rewards = [live.rewards(mdp)[:, [mdp.index(cell) for cell in common]] for mdp in (one, two)]
    assert len(common) == 30
    assert np.array_equal(*rewards)
    assert len(np.unique(rewards[0])) == rewards[0].size
    assert not np.array_equal(LivePower(50, seed=4).rewards(one), live.rewards(one))


@pytest.mark.parametrize("correlation", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_pairs_of_reward_functions_have_their_correlation(correlation):
    game = EditedWorld("..\n..", pair=True).model()
    human, ai = LivePower(2000, correlation=correlation).reward_pairs(game)
    found = np.corrcoef(human.ravel(), ai.ravel())[0, 1]
    assert found == pytest.approx(correlation, abs=0.03)
    assert human.min() >= 0
    assert ai.max() <= 1


def test_transitions_go_and_come_back():
    async def script(pilot, editor):
        await pilot.press("x", "down")
        assert not editor.world.model().available[0, 2]
        assert "saves text and .npz model" in shown(pilot)
        assert "↓" in "".join(segment.text for segment in grid_line(editor.view(), 1))
        await pilot.press("x", "down", "x", "escape", "down")
        assert editor.world.model().available.all()
        assert editor.cursor == (1, 0)
        await pilot.press("x", "g", "g", "up", "down")  # a key that is no direction gives up the choice
        assert editor.world.model().available.all()
        await pilot.press("x", "space")
        assert not editor.world.model().available[7, 0]  # "stay" in (1, 0)
        for direction in ("up", "down", "left", "right"):
            await pilot.press("x", direction)
        assert editor.message == "remove: right is the last action in (1, 0), and every state keeps at least one"
        assert editor.world.model().available[7].tolist() == [False, False, False, False, True]

    session("maze_7x7", script)


def test_undo_and_redo():
    async def script(pilot, editor):
        first = editor.world
        await pilot.press("space", "down", "g", "u", "u")
        assert editor.world == first
        assert not editor.unsaved
        await pilot.press("u")
        assert editor.message == "nothing to undo"
        await pilot.press("U", "ctrl+y")
        assert editor.world.text == "#..\nG..\n..."
        await pilot.press("U")
        assert editor.message == "nothing to redo"
        await pilot.press("ctrl+z", "R", "C")
        assert editor.world.text == "..\n.."
        await settled(pilot, editor)
        assert editor.power.mean.shape == (2, 2)

    session("open_3x3", script)


def test_levels_that_are_no_world_say_why_and_keep_the_last_heat_map_grey():
    async def script(pilot, editor):
        await settled(pilot, editor)
        before = editor.power.mean
        await pilot.press("s", "right", "space")
        await settled(pilot, editor)
        with pytest.raises(ValueError, match="walled in on all sides") as failure:
            editor.world.model()
        assert editor.error == str(failure.value)
        assert "the start in line 1, column 1 is walled in" in shown(pilot)
        assert "of an earlier world" in shown(pilot)
        assert np.array_equal(editor.power.mean, before)
        assert "POWER -" in shown(pilot)  # the cursor is on the new wall
        backgrounds = {segment.style.bgcolor.triplet for segment in grid_line(editor.view(), 1)[1:] if segment.style}
        assert all(red == green == blue for red, green, blue in backgrounds if (red, green, blue) != (255, 95, 31))
        await pilot.press("u")
        await settled(pilot, editor)
        assert editor.error == ""
        assert "of an earlier world" not in shown(pilot)

    session("...", script)


def test_no_failure_of_an_estimate_ends_the_editor(monkeypatch):
    def fail(self, world, gamma):
        raise MemoryError

    async def script(pilot, editor):
        await settled(pilot, editor)
        monkeypatch.setattr(LivePower, "estimate", fail)
        await pilot.press("space")
        await settled(pilot, editor)
        assert editor.error == "MemoryError"
        assert editor.world.text == "#.."

    session("...", script)


def test_saving_where_nothing_can_be_written_loses_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "other.txt").write_text("...\n")

    async def script(pilot, editor):
        await pilot.press("space")
        world = editor.world
        editor._save_as(str(tmp_path / "file" / "level.txt"))
        await pilot.pause()
        assert editor.message.startswith("not saved: ")
        assert "not saved" in shown(pilot)
        assert editor.unsaved
        assert editor.world is world
        editor._save_as(str(tmp_path / "level.csv"))
        assert editor.message.startswith("not saved: path: expected a name that ends in .txt")
        editor._save_as(str(tmp_path / "other.txt"))  # somebody else's file
        await pilot.pause()
        assert isinstance(pilot.app.screen, Question)
        await pilot.press("n")
        assert (tmp_path / "other.txt").read_text() == "...\n"
        editor._save_as(str(tmp_path / "other.txt"))
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert (tmp_path / "other.txt").read_text() == world.text + "\n"
        assert not editor.unsaved

    session("open_3x3", script)


def test_removed_transitions_are_saved_in_the_model(tmp_path):
    path = tmp_path / "level.txt"
    path.write_text("...\n...\n")

    async def script(pilot, editor):
        await pilot.press("x", "down", "right_square_bracket", "ctrl+s", "enter")
        await pilot.pause()
        assert "in the model only" in editor.message
        assert "noise 0.05 is not in the text" in editor.message

    session(path, script)
    assert path.read_text() == "...\n...\n"
    expected = EditedWorld("...\n...", noise=0.05).remove((0, 0), "down")
    assert TabularMDP.load(tmp_path / "level.npz") == expected.model()

    async def again(pilot, editor):
        assert editor.world == expected
        assert editor.path == path

    session(tmp_path / "level.npz", again, noise=0.05)


def test_opening_another_level():
    async def script(pilot, editor):
        await pilot.press("space", "ctrl+o")
        assert isinstance(pilot.app.screen, Question)  # there are edits to lose
        await pilot.press("y")
        await pilot.pause()
        await pilot.press(*"maze_7x8", "enter")
        await pilot.pause()
        assert editor.message.startswith("not opened: ")
        assert "did you mean 'maze_7x7'" in editor.message
        assert editor.world.text == "#..\n...\n..."
        await pilot.press("u", "ctrl+o", *"two_rooms", "enter")
        await pilot.pause()
        assert editor.world == EditedWorld("two_rooms")
        await settled(pilot, editor)
        assert editor.power.mean.shape == (7, 11)
        await pilot.press("ctrl+o", "escape")
        editor._open("two_rooms")  # the same level again
        await settled(pilot, editor)
        assert editor.power is not None

    session("open_3x3", script)


def test_quitting_asks_if_there_is_something_to_lose():
    async def script(pilot, editor):
        await pilot.press("space", "q")
        assert isinstance(pilot.app.screen, Question)
        assert "There are unsaved edits" in shown(pilot)
        await pilot.press("n")
        assert pilot.app.screen is editor
        await pilot.press("ctrl+q", "y")
        assert not pilot.app.is_running or pilot.app._exit

    session("open_3x3", script)


def test_quitting_without_edits_does_not_ask():
    async def script(pilot, editor):
        await pilot.press("q")
        assert not isinstance(pilot.app.screen, Question)
        assert pilot.app._exit

    session("open_3x3", script)


# Two agents


def test_two_agents():
    async def script(pilot, editor):
        await pilot.press("right", "a", "down", "h", "x", "up")
        await settled(pilot, editor)
        game = (
            EditedWorld("open_3x3", pair=True).place("ai", (0, 1)).place("human", (1, 1)).remove((1, 1), "up", "human")
        )
        assert editor.world == game
        model = game.model()
        assert isinstance(model, TabularGame)
        expected = pm.multiagent_power(model, 0.9, rewards=editor.live.reward_pairs(model), progress=False)
        for cell in np.ndindex(3, 3):
            assert editor.power.mean[cell] == pytest.approx(expected["human"][(cell, (0, 1))], abs=1e-12)
        assert "human" in lines(pilot)[0]
        await pilot.press("tab")
        for cell in np.ndindex(3, 3):
            assert editor.power.mean[cell] == pytest.approx(expected["ai"][((1, 1), cell)], abs=1e-12)
        await pilot.press("h", "up", "a")  # both anywhere
        await settled(pilot, editor)
        ai = expected["ai"].mean.reshape(9, 9)
        assert editor.power.mean.ravel() == pytest.approx(ai.mean(axis=0), abs=1e-12)
        assert editor.world.places == {}

    session("open_3x3", script, pair=True, num_samples=20)


def test_one_agent_has_no_places():
    async def script(pilot, editor):
        await pilot.press("h")
        assert "a world of one agent marks its start with 'S'" in editor.message
        await pilot.press("tab")
        assert "--pair is for two" in editor.message

    session("open_3x3", script)


# The picture


def test_a_7x7_level_fits_an_80x24_terminal():
    async def script(pilot, editor):
        await settled(pilot, editor)
        grid = editor.query_one(Grid)
        assert grid.max_scroll_x == grid.max_scroll_y == 0
        screen = shown(pilot)
        for text in (*(f"{value:.3f}" for value in editor.result.mean), *key_lines(pair=False).split("\n")):
            assert text.rstrip() in screen
        assert max(map(len, lines(pilot))) <= 80

    session("maze_7x7", script)


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 60)])
def test_a_20x20_level_scrolls_with_the_cursor(size):
    async def script(pilot, editor):
        grid = editor.query_one(Grid)
        for keys in ([], ["z"]):
            await pilot.press(*keys)
            editor.cursor = (19, 18)
            await pilot.press("right")
            await pilot.pause()
            line, column = editor.view().corner((19, 19))
            left, top = grid.scroll_offset
            assert top <= line < top + grid.scrollable_content_region.height
            assert left <= column < left + grid.scrollable_content_region.width
        await pilot.press("right", "down")
        assert editor.cursor == (19, 19)

    session("robot_face_20x20", script, size=size, num_samples=10)


def test_the_mouse_moves_the_cursor():
    async def script(pilot, editor):
        await pilot.click(Grid, offset=(3 + 7 * 2 + 3, 1 + 2 * 1))
        assert editor.cursor == (1, 2)
        await pilot.click(Grid, offset=(40, 1))  # beside the grid
        assert editor.cursor == (1, 2)

    session("open_3x3", script)


def test_help_has_every_key():
    async def script(pilot, editor):
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, Help)
        assert "undo and redo" in shown(pilot)
        await pilot.press("escape")
        assert pilot.app.screen is editor

    session("open_3x3", script, size=(100, 40))


def test_discounts_stay_within_their_ends():
    async def script(pilot, editor):
        await pilot.press(*["plus"] * 5)
        assert editor.gamma == GAMMAS[-1]
        await pilot.press(*["minus"] * 25)
        assert editor.gamma == GAMMAS[0]
        await pilot.press("left_square_bracket")
        assert editor.world.noise == 0

    session("open_3x3", script, gamma=0.93)


def test_colours_are_those_of_the_plots():
    from matplotlib import colormaps

    for value in (0.2, 0.37, 0.8):
        colour = power_style(value, 0.2, 0.8).bgcolor.triplet
        expected = [round(255 * part) for part in colormaps["viridis"]((value - 0.2) / 0.6)[:3]]
        assert list(colour) == expected


def test_small_cells_mark_what_large_cells_show():
    world = EditedWorld("S.G\n#..").remove((1, 1), "up").remove((0, 0), "stay")
    result = LivePower(10).estimate(world, 0.5)
    view = View(world, cell_power(world, result), True, (1, 2), False)
    text = ["".join(segment.text for segment in grid_line(view, line)) for line in range(view.size[0] + 1)]
    assert text == ["   0 1 2 ", " 0 S×  G ", " 1 ╱╱ ×  ", ""]
    assert math.isnan(view.value((1, 0)))
    going_on = view.power.mean[[0, 0, 1, 1], [0, 1, 1, 2]]  # not the goal, where POWER is that of standing still
    assert view.power.low == going_on.min()


def test_the_picture_of_the_documentation_is_up_to_date(tmp_path):
    root = Path(__file__).parents[3]
    words = [sys.executable, "docs/make_editor.py", str(tmp_path / "editor.svg")]
    subprocess.run(words, cwd=root, check=True)
    made, shipped = ((folder / "editor.svg").read_text() for folder in (tmp_path, root / "docs" / "images"))
    assert re.findall(">([^<>]+)</text>", made) == re.findall(">([^<>]+)</text>", shipped)


def test_an_untouched_world_is_that_of_the_environment():
    assert open_world("four_rooms")[0].model() == PowerGrid("four_rooms").tables()
