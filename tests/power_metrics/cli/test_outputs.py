"""Whatever happens to what is printed, files are written; and nothing is replaced but ordinary files.

One table of commands that write files, and everything that terminals, pipes and paths can do to each of them.
"""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import pytest
import yaml
from stable_baselines3 import PPO

import power_metrics as pm
from power_metrics.cli import main as cli
from power_metrics.measures.side_effects_table import PAPER, Rows, side_effects_table
from powerenvs import TabularMDP
from powerenvs.model.files import atomic_path, read_text
from powerenvs.worlds.power.editing import EditedWorld
from powerenvs.worlds.safety import FAMILY
from tests.power_metrics.cli.test_sweep import POWERPLAY

ROOT = Path(__file__).parents[3]
GRID = ["PowerGrid-v0", "--level", "S.\n.."]
FEW = ["--samples", "8"]

COMMANDS = {
    "power": (["power", *GRID, *FEW, "--gamma", "0.9"], {"--json": "o.json", "--save": "o.npz", "--plot": "o.svg"}),
    "power of two": (["power", "power_pair", "--level", "S..", *FEW, "--correlation", "0", "1"], {"--json": "o.json"}),
    "measure": (["measure", "empowerment", *GRID], {"--json": "o.json", "--save": "o.npz", "--plot": "o.svg"}),
    "compare": (["compare", "ppo.zip", "--env", *GRID, *FEW], {"--json": "o.json", "--plot": "o.svg"}),
    "safety": (["safety", "--steps", "3"], {"--csv": "o.csv", "--json": "o.json"}),
    "side-effects": (["side-effects", "--beta", "1"], {"--json": "o.json", "--plot": "o.png"}),
    "rollout": (["rollout", *GRID, "--steps", "2"], {"--save": "o.gif"}),
    "convert-config": (["convert-config", "theirs.yaml"], {"-o": "o.yaml"}),
}
OUTPUTS = [(name, option) for name, (_, files) in COMMANDS.items() for option in files]


class Broken(io.RawIOBase):
    """Standard output that nobody reads, or whose disk is full."""

    def __init__(self, number):
        self.number = number
        self.handle = os.open(os.devnull, os.O_WRONLY)

    def writable(self):
        return True

    def write(self, data):
        raise OSError(self.number, os.strerror(self.number))

    def fileno(self):
        return self.handle


@pytest.fixture(scope="module")
def rows():
    return Rows(side_effects_table((1.0,), worlds=PAPER[:1], progress=False)[:2])


@pytest.fixture
def place(tmp_path, monkeypatch, rows):
    """A folder with what commands read, and few worlds in the tables."""
    monkeypatch.chdir(tmp_path)
    family = replace(FAMILY, worlds=[replace(FAMILY.worlds[0], variants=FAMILY.worlds[0].variants[:1])])
    monkeypatch.setattr("powerenvs.registry.family_named", {"safety": family}.__getitem__)
    monkeypatch.setattr(
        "power_metrics.measures.side_effects_table.side_effects_table", lambda betas, seed, worlds: rows
    )
    env = gym.make("PowerGrid-v0", level="S.\n..")
    PPO("MlpPolicy", env, n_steps=2, batch_size=2, device="cpu", policy_kwargs={"net_arch": [2]}).save("ppo.zip")
    Path("theirs.yaml").write_text(yaml.safe_dump(POWERPLAY))
    return tmp_path


def words_for(name, options):
    words, files = COMMANDS[name]
    return [*words, *(word for option in options for word in (option, files[option]))]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC], ids=["broken pipe", "full"])
def test_files_are_written_before_anything_is_printed(place, monkeypatch, capsys, name, number):
    files = COMMANDS[name][1]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(Broken(number), write_through=True))
        status = cli.main(words_for(name, files))
    assert status == (0 if number == errno.EPIPE else 2)
    assert [file for file in files.values() if not Path(file).exists()] == []
    assert number == errno.EPIPE or "No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_terminal_without_our_signs_prints_others(place, monkeypatch, name):
    printed = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    files = COMMANDS[name][1]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", printed)
        assert cli.main(words_for(name, files)) == 0
    assert b"wrote o." in printed.buffer.getvalue()
    assert [file for file in files.values() if not Path(file).exists()] == []


@pytest.mark.parametrize(("name", "option"), OUTPUTS)
def test_a_link_leads_to_the_file_that_is_written(place, name, option):
    file = COMMANDS[name][1][option]
    Path("real").mkdir()
    Path(file).symlink_to(Path("real", file))
    assert cli.main(words_for(name, [option])) == 0
    assert Path(file).is_symlink()
    assert Path("real", file).stat().st_size > 0


@pytest.mark.parametrize(("name", "option"), OUTPUTS)
def test_a_folder_that_does_not_exist_is_an_error_before_the_work(place, monkeypatch, capsys, name, option):
    words, files = COMMANDS[name]
    path = str(Path("no such", files[option]))
    assert cli.main([*words, option, path]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"cannot write {path!r}, because there is no folder 'no such'; make it with: mkdir -p 'no such'" in told.err
    assert not Path("no such").exists()


@pytest.mark.parametrize(("name", "option"), [one for one in OUTPUTS if one[0] != "convert-config"])
def test_a_pipe_gets_the_content_and_stays(place, name, option):
    file, found = COMMANDS[name][1][option], []
    os.mkfifo(file)
    reader = threading.Thread(target=lambda: found.append(Path(file).read_bytes()), daemon=True)
    reader.start()
    assert cli.main(words_for(name, [option])) == 0
    reader.join(10)
    assert len(found[0]) > 10
    assert stat.S_ISFIFO(Path(file).stat().st_mode)


# Everything that writes goes through one function.


@pytest.mark.parametrize("kind", ["null", "missing", "relative link", "link to a link", "folder"])
def test_what_is_replaced_and_what_is_not(tmp_path, kind):
    path = tmp_path / "path.txt"
    target = tmp_path / "there" / "target.txt"
    target.parent.mkdir()
    if kind == "null":
        path.symlink_to("/dev/null")
    elif kind == "relative link":
        path.symlink_to("there/target.txt")
    elif kind == "link to a link":
        (tmp_path / "middle").symlink_to(target)
        path.symlink_to("middle")
    elif kind == "folder":
        path.mkdir()
        with pytest.raises(IsADirectoryError), atomic_path(path) as temporary:
            temporary.write_text("new")
        return
    with atomic_path(path) as temporary:
        temporary.write_text("new")
    assert path.is_symlink() == (kind != "missing")
    if kind == "null":
        assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    else:
        assert (path if kind == "missing" else target).read_text() == "new"


def test_standard_output_gets_both_the_file_and_the_table(tmp_path):
    """As root, ``--json /dev/stdout`` replaced the device; into a file, the one overwrote the other."""
    command = [sys.executable, "-m", "power_metrics.cli", "power", *GRID, *FEW, "--json", "/dev/stdout"]
    with (tmp_path / "both.txt").open("w") as file:
        subprocess.run(command, cwd=ROOT, stdout=file, check=True)
    text = (tmp_path / "both.txt").read_text()
    assert text.startswith('{\n "model": "PowerGrid-v0"')
    assert text.endswith("wrote /dev/stdout\n")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize(
    ("words", "closed", "status", "message"),
    [
        (["list", "--measures"], ">&-", 0, ""),
        (["list", "--measures"], "<&- >&- 2>&-", 0, ""),
        (["list", "--measures"], ">/dev/full", 2, "powerenvs: No space left on device\n"),
        (
            ["play", "PowerGrid-v0"],
            "<&-",
            2,
            "powerenvs: play: expected a terminal for keys and pictures, found none; --window plays in a window\n",
        ),
    ],
)
def test_closed_and_full_streams(words, closed, status, message):
    line = f"exec {sys.executable} -m power_metrics.cli {' '.join(words)} {closed}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, message)


def test_text_begins_with_a_mark_or_not(tmp_path):
    """What some editors on Windows write in front of every text."""
    for name, text in (
        ("sweep.json", '{"name": "a", "level": "open_3x3"}'),
        ("sweep.yaml", "name: a\nlevel: open_3x3\n"),
    ):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert pm.SweepConfig.from_file(tmp_path / name).name == "a"
    (tmp_path / "level.txt").write_bytes(b"\xef\xbb\xbfS.\n..\n")
    assert read_text(tmp_path / "level.txt") == "S.\n..\n"
    assert cli.main(["show", "PowerGrid-v0", "--level", str(tmp_path / "level.txt")]) == 0
    assert EditedWorld.load(tmp_path / "level.txt").text.split() == ["S.", ".."]
    (tmp_path / "sweep.yaml").write_text(f"name: a\nlevel: {tmp_path / 'level.txt'}\nnum_samples: 8\n")
    assert len(pm.sweep(tmp_path / "sweep.yaml", tmp_path / "out", figures=False).points) == 1


@pytest.mark.parametrize("key", ["description", "level"])
def test_text_that_no_file_holds_is_refused_before_the_work(tmp_path, key):
    (tmp_path / "sweep.json").write_text(json.dumps({"name": "a", "level": "S..", key: "\ud800"}))
    with pytest.raises(ValueError, match=rf"{key}: expected text that UTF-8 can hold, found '\\ud800'"):
        pm.SweepConfig.from_file(tmp_path / "sweep.json")


def test_json_holds_what_utf_8_does_not(tmp_path):
    mdp = TabularMDP.from_transitions([("\ud800", "on", "\ud800", 1.0)])
    pm.power(mdp, num_samples=8, progress=False).to_json(tmp_path / "o.json")
    assert json.loads((tmp_path / "o.json").read_text())["states"][0]["state"] == "\ud800"
