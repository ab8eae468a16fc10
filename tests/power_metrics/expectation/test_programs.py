"""Programs that workers cannot import: from standard input, without a main guard, in a folder that is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WORK = (
    "import power_metrics as pm\nfrom powerenvs.worlds.power import PowerGrid\n{guard}"
    "print(pm.power(PowerGrid('S..').tables(), num_samples=600, progress=False, executor='processes', workers=2).mean.shape)\n"
)

pytestmark = pytest.mark.slow


def run(words, folder, **options):
    words = [sys.executable, *words]
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120, **options
    )


def test_a_program_without_a_main_guard_is_told_so_at_once(tmp_path):
    (tmp_path / "program.py").write_text("open('runs', 'a').write('x')\n" + WORK.format(guard=""))
    done = run(["program.py"], tmp_path)
    assert done.returncode == 1
    assert "put what it does under `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]
    assert len((tmp_path / "runs").read_text()) <= 3  # itself, and each worker once


def test_a_program_with_one_runs(tmp_path):
    (tmp_path / "program.py").write_text(WORK.format(guard="if __name__ == '__main__': "))
    assert run(["program.py"], tmp_path).stdout == "(3,)\n"


def test_a_program_from_standard_input_is_told_so(tmp_path):
    done = run(["-"], tmp_path, input=WORK.format(guard=""))
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ValueError: executor: processes import the program that starts them, and there is no file")


def test_a_command_line_is_no_program_to_import(tmp_path):
    assert run(["-c", WORK.format(guard="")], tmp_path).stdout == "(3,)\n"
