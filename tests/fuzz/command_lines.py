"""Command lines with words changed: status 0 or 2, and one line on standard error for 2."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from power_metrics.cli.main import main
from powerenvs.worlds.power import turner_figure_1
from tests.fuzz.harness import Target
from tests.fuzz.mutate import pick

LINES = tuple(
    line.split()
    for line in (
        "list",
        "show PowerGrid-v0 --level open_3x3",
        "show model.npz",
        "show turner_figure_1",
        "power PowerGrid-v0 --level open_3x3 --gamma 0.5 0.9 --samples 8 --seed 1 --noise 0.1 --walls absent --json out.json",
        "power model.npz --gamma 0.9 --samples 8 --method sobol --save out.npz --reward-distribution beta(1,2)",
        "power power_pair_v0 --level corridor --samples 4 --correlation 0.5 --gamma-a 0.1 --rounds 2",
        "power turner_figure_1 --method closed_form",
        "rollout PowerGrid-v0 --level open_3x3 --steps 3 --sample 1 --gamma 0.9 --start (0,0) --walk-seed 2",
        "sweep config.yaml --folder out --dry-run",
        "sweep config.yaml --folder out",
        "reproduce --list",
        "convert-config old.yaml -o out.yaml",
        "compare model.zip --env PowerGrid-v0 --samples 4 --epsilon 0.1",
    )
)
WORDS = (
    "-1", "0", "1", "nan", "inf", "1e999", "", " ", "x", "--", "-", "--help", "--version", "é", "--gamma", "--samples", "2", "0.5", "--level", "open_3x3",
    "S.\n..", "#", "..", "model.npz", "config.yaml", "missing.npz", "/", ".", "out/out/out.json", "--noise", "--kwarg", "walls=absent", "a=b", "=", "--seed",
    "--plot", "out.txt", "--json", "--save", "--tolerance", "0.2", "--method", "sobol", "uniform(1,0)", "normal(std=2)", "--correlation", "CartPole-v1", "os:x",
    "one_key_v0", "PowerGrid-v1", "--start", "--steps", "--executor", "--workers", "\u2028", "x" * 300, "--gam",
)  # fmt: skip


def make_line(rng: np.random.Generator, folder: Path) -> list[str]:
    """The words after ``powerenvs``, in a folder with some files to name."""
    turner_figure_1().save(folder / "model.npz")
    (folder / "config.yaml").write_text("name: tiny\nenvironment: model.npz\ngamma: [0.1, 0.9]\nnum_samples: 4\n")
    (folder / "old.yaml").write_text(
        "name: old\nparameters:\n  mdp_graph: {value: 3x3_gridworld}\n  discount_rate: {value: 0.1}\n"
    )
    words: list[str] = list(pick(rng, LINES))
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(words) + 1))
        match int(rng.integers(4)):
            case 0:
                words[at:at] = [pick(rng, WORDS)]
            case 1:
                words[at : at + 1] = [pick(rng, WORDS)]
            case 2 if len(words) > 1:
                del words[at : at + 1]
            case 3:
                words[at:at] = words[at : at + 2]
    return words


def check_line(words: list[str], folder: Path) -> None:
    """A refusal becomes a ValueError, so that it counts as one."""
    stderr = io.StringIO()
    before, status = Path.cwd(), 0
    os.chdir(folder)
    try:
        with contextlib.redirect_stderr(stderr):
            status = main(_bounded(words))
    except SystemExit as stop:  # --help and --version, by argparse
        assert stop.code == 0, stop.code  # noqa: PT017
    finally:
        os.chdir(before)
    assert status in (0, 2), status
    if status == 2:
        said = [line for line in stderr.getvalue().split("\n") if line and not line.startswith("\r")]
        assert len(said) == 1, said
        assert said[0].startswith("powerenvs: "), said
        assert "Traceback" not in said[0], said
        raise Refused(said[0])


class Refused(Exception):
    """Status 2 with one line."""


def _bounded(words: list[str]) -> list[str]:
    """Without what would open a window, take processes, or run all published figures."""
    left: list[Any] = [
        "--dry-run" if word in ("--executor", "--workers", "--wandb", "--tensorboard") else word for word in words
    ]
    if "--samples" not in left and left[:1] == ["power"] and "closed_form" not in left:
        left += ["--samples", "4"]
    return ["--list" if left[0] == "reproduce" and i == 1 else word for i, word in enumerate(left)] if left else left


TARGETS = (Target("command_line", make_line, check_line, (Refused,)),)
