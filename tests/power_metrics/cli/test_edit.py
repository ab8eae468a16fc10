"""``powerenvs edit`` from the shell: what it refuses, and a session in a terminal."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading

import pytest

from power_metrics.cli import main as cli
from power_metrics.editor.live import LivePower
from powerenvs.extras import install_line
from powerenvs.worlds.power.editing import EditedWorld


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["maze_7x8"], "did you mean 'maze_7x7'"),
        (["no_file.txt"], "no_file.txt: No such file"),
        (["open_3x3", "--noise", "2"], "noise: expected a number from 0 to 1"),
        (["open_3x3", "--gamma", "2"], "--gamma: expected a discount"),
        (["open_3x3", "--pair", "--gamma", "1"], "--gamma: expected a discount below 1"),
        (["open_3x3", "--correlation", "0.5"], "--correlation: goes with two agents only"),
        (["open_3x3", "--pair", "--correlation", "2"], "--correlation: expected a number from -1 to 1"),
        (["open_3x3", "--samples", "1"], "--samples: expected a whole number of at least 2"),
        (["open_3x3", "--no-overlaps"], "overlaps: expected True"),
        (["open_3x3"], "edit: expected a terminal"),  # the tests' input is none
    ],
)  # fmt: skip
def test_refusals(words, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["edit", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_missing_textual_is_said_with_the_command_that_installs_it(capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "textual" else find(name, *rest)
    )
    assert cli.main(["edit"]) == 2
    assert install_line("edit") in capsys.readouterr().err


def test_too_large_levels_are_edited_without_a_heat_map():
    with pytest.raises(ValueError, match=r"no heat map: the model has 2,601 states, and at most 2,500"):
        LivePower(10).estimate(EditedWorld("\n".join(["." * 51] * 51)), 0.9)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
def test_the_command_runs_in_a_terminal(tmp_path):
    import pty

    (tmp_path / "level.txt").write_text("...\n")
    primary, secondary = pty.openpty()
    words = [sys.executable, "-m", "power_metrics.cli", "edit", str(tmp_path / "level.txt"), "--samples", "10"]
    environment = {**os.environ, "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "80"}
    process = subprocess.Popen(words, stdin=secondary, stdout=secondary, stderr=secondary, env=environment)
    os.close(secondary)
    timer = threading.Timer(90, process.kill)
    timer.start()
    screen = b""
    while b"level.txt" not in screen:
        screen += os.read(primary, 4096)
    os.write(primary, b"\x1b[Cg\x13\r")  # right, a goal, ctrl+s, enter
    while b"wrote" not in screen:
        screen += os.read(primary, 4096)
    os.write(primary, b"q")
    while process.poll() is None:
        try:
            os.read(primary, 4096)
        except OSError:  # the other end is closed
            break
    assert process.wait() == 0
    timer.cancel()
    os.close(primary)
    assert (tmp_path / "level.txt").read_text() == ".G.\n"
