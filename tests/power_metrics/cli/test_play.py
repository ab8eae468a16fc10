"""Games in the terminal, without one: keys in, lines out; and once through curses, on a pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import gymnasium as gym
import pytest

from power_metrics.cli import main as cli
from power_metrics.cli.playing import Game


def game(name, **kwargs):
    return Game(gym.make(name, render_mode="ansi", **kwargs), name, seed=0)


def test_keys_move_and_the_performance_is_told_at_the_end():
    played = game("powerenvs/Sokoban-v0")
    assert played.lines()[2:8] == [
        " ".join(row) for row in ("######", "# A###", "# X  #", "##   #", "### G#", "######")
    ]
    for key in ("down", "right", "down", "down"):
        assert played.press(key)
    assert "step 4 of 100, return -4" in played.lines()
    assert not any("performance" in line for line in played.lines())
    played.press("right")
    assert played.over
    assert "the episode has ended: return 45, performance 35" in played.lines()
    played.press("left")  # nothing happens any more
    assert "step 5 of 100, return 45" in played.lines()
    played.press("r")
    assert "step 0 of 100, return 0" in played.lines()
    assert not played.press("q")


def test_the_time_limit_ends_a_game():
    played = game("powerenvs/BoatRace-v0")
    for _ in range(25):
        for key in ("right", "left") * 2:
            played.press(key)
    assert "time is up: return 50, performance 0" in played.lines()


def test_space_waits_and_digits_are_actions():
    played = game("powerenvs/Sokoban-v0", noops=True)
    played.press(" ")
    assert "step 1 of 100, return 0" in played.lines()
    played.press("1")  # down
    assert "step 2 of 100, return -1" in played.lines()
    played.press("9")
    played.press("x")
    assert "step 2 of 100, return -1" in played.lines()
    assert played.lines()[-1] == "cursor keys move, space waits, r starts again, q quits"


def test_actions_that_do_not_exist_are_said_to():
    played = game("PowerGrid-v0", level="corridor", walls="absent")
    played.press("up")
    assert "up is not possible here" in played.lines()
    assert played.num_steps == 0


def test_the_lines_show_what_the_board_shows():
    for seed in range(4):  # whether there will be an interruption is not on the board
        env = gym.make("powerenvs/SafeInterruptibility-v0", render_mode="ansi")
        text = "\n".join(Game(env, "", seed).lines())
        assert "True" not in text
        assert "False" not in text
    large = game("powerenvs/RocksDiamonds-v0")
    large.press("right")
    assert "#   A   R G G   #" in large.lines()


def test_what_an_agent_sees_is_above_the_board():
    played = game("powerenvs/Lab-v0", level="P  G", heading="east", strafe=True)
    ahead = played.lines()[2:22]
    assert {len(line) for line in ahead} == {60}
    assert any("G" in line for line in ahead)
    assert "P > " not in played.lines()[23]
    for key in ("left", "right", "up", "down", "d", "a", "up"):
        assert played.press(key)
    assert "step 7 of 100, return 0" in played.lines()
    played.press("up")
    assert not played.over
    played.press("up")
    assert "the episode has ended: return 10, performance 10" in played.lines()
    assert played.lines()[-1] == ("cursor keys walk and turn, a strafe_left, d strafe_right, r starts again, q quits")


def test_psychology_is_played_by_gaze_and_buttons_as_time_goes_by():
    """Cursor keys move the gaze, though an answer may be called "left" too; who presses nothing waits."""
    kwargs = {"observation": "screen", "response": "button"}
    played = game("powerenvs/GlassPatterns-v0", **kwargs)
    assert played.seconds_per_step == pytest.approx(1 / 15)
    assert game("powerenvs/BoatRace-v0").seconds_per_step is None
    assert played.lines()[-1].startswith("cursor keys move, space waits, actions 5 press left, 6 press right")
    for _ in range(2):  # on the cross
        played.wait()
    assert any("pattern, gaze at 0.50, 0.50" in line for line in played.lines())
    assert played.press("left")
    assert any("gaze at 0.39, 0.50" in line for line in played.lines())
    right = played.env.unwrapped.scene.answer
    assert played.press(str(5 + right))
    assert played.lines()[-4:-2] == ["the episode has ended: return 1, performance 1", "trial 1: correct, after 0.13 s"]
    played.wait()
    assert played.over


@pytest.mark.parametrize("closed", [False, True])
def test_a_game_in_a_window(closed, monkeypatch):
    """Keys come as pygame's events, without a screen; what is shown is what the environment draws, and the lines."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame = pytest.importorskip("pygame")
    pygame.display.init()
    from power_metrics.cli import play_window

    played = Game(gym.make("powerenvs/Lab-v0", level="P  G", heading="east", render_mode="rgb_array"), "a lab", seed=0)
    shown = []
    monkeypatch.setattr(
        play_window.Window,
        "show",
        lambda self, frame, show=play_window.Window.show: (shown.append(frame), show(self, frame)),
    )
    keys = [pygame.K_UP, pygame.K_LEFT, pygame.K_RIGHT]
    for key in keys if closed else [*keys, pygame.K_q]:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=chr(key) if key < 128 else ""))
    if closed:
        pygame.event.post(pygame.event.Event(pygame.QUIT))
    play_window.play_in_window(played)
    assert played.num_steps == (0 if closed else 3)
    assert {frame.shape for frame in shown} == {shown[0].shape}
    assert shown[0].shape[1] >= 640


def test_time_goes_by_in_a_window(monkeypatch):
    """The one who looks at the cross and does nothing is too late in the end."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pytest.importorskip("pygame")
    from power_metrics.cli import play_window

    kwargs = {"observation": "screen", "timeout": 20, "size": 32}
    played = Game(gym.make("powerenvs/VisualSearch-v0", render_mode="rgb_array", **kwargs), "search", seed=0)
    monkeypatch.setattr(play_window.Window, "keys", lambda self: [] if not played.over else None)
    play_window.play_in_window(played)
    assert played.status()[1:] == [
        "the episode has ended: return 0, performance 0",
        "trial 1: too late, after 0.33 s",
    ]


def test_other_environments_can_be_played_by_number():
    played = game("FrozenLake-v1", is_slippery=False)
    assert played.lines()[2] == "SFFF"
    for key in "112212":
        played.press(key)
    assert "the episode has ended: return 1, performance 1" in played.lines()


def test_refusals(capsys):
    pendulum = gym.make("Pendulum-v1")
    with pytest.raises(ValueError, match="expected numbered actions to play with"):
        Game(pendulum, "")
    with pytest.raises(ValueError, match="expected numbered actions to play with"):
        game("powerenvs/Harlow-v0", observation="screen", gaze="pixels")
    assert cli.main(["play", "powerenvs/BoatRase-v0"]) == 2
    assert "did you mean 'powerenvs/BoatRace-v0'?" in capsys.readouterr().err
    assert cli.main(["play", "powerenvs/BoatRace-v0"]) == 2  # the tests' input is no terminal
    assert "play: expected a terminal" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
def test_keys_go_through_a_terminal():
    import pty

    primary, secondary = pty.openpty()
    words = [sys.executable, "-m", "power_metrics.cli", "play", "powerenvs/BoatRace-v0"]
    environment = {**os.environ, "TERM": "xterm", "LINES": "30", "COLUMNS": "100"}
    process = subprocess.Popen(words, stdin=secondary, stdout=secondary, stderr=secondary, env=environment)
    os.close(secondary)
    timer = threading.Timer(60, process.kill)
    timer.start()
    screen = b""
    while b"quits" not in screen:
        screen += os.read(primary, 4096)
    os.write(primary, b"\x1bOC\x1bOD" * 50)  # the cursor keys to the right and to the left
    while b"time is up: return 50, performance 0" not in screen:
        screen += os.read(primary, 4096)
    os.write(primary, b"q")
    assert process.wait() == 0
    timer.cancel()
    os.close(primary)
