"""``make demo``: the script runs, prints the table, and writes what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
import powerenvs
from powerenvs.worlds.power import PowerGrid

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder that the demo wrote to, and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "results"
    command = [
        sys.executable,
        "-W",
        "error",
        ROOT / "examples/demo.py",
        "--samples",
        "300",
        "--pairs",
        "100",
        "--steps",
        "1024",
        "--seed",
        "5",
        "--out",
        out,
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return out, done.stdout


@pytest.fixture(scope="module")
def expected():
    return [pm.power(PowerGrid("maze_7x7").tables(), gamma, num_samples=300, seed=5) for gamma in (0.1, 0.9, 0.99)]


def test_the_table_has_every_cell_at_every_discount(demo, expected):
    _, printed = demo
    rows = {line[:6]: line[8:] for line in printed.split("\n") if line.startswith("(")}
    labels = expected[0].mdp.state_labels
    assert list(rows) == [str(label) for label in labels]
    for s, label in enumerate(labels):
        numbers = [float(word) for word in rows[str(label)].replace("±", " ").split()]
        assert numbers[::2] == pytest.approx([e.mean[s] for e in expected], abs=5.1e-5)
        assert numbers[1::2] == pytest.approx([e.standard_error[s] for e in expected], abs=5.1e-5)
    for name, extreme in (("highest", np.argmax), ("lowest", np.argmin)):
        (line,) = [line for line in printed.split("\n") if line.startswith(name)]
        for e in expected:
            s = extreme(e.mean)
            assert f"{e.mean[s]:.4f} in {labels[s]}" in line
    assert "seconds" in printed


def test_the_numbers_say_where_they_come_from(demo, expected):
    out, printed = demo
    path = out / "power_maze_7x7.json"
    assert f"wrote {path}" in printed
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content["seed"], content["num_samples"]) == (5, 300)
    assert content["fingerprint"] == PowerGrid("maze_7x7").tables().fingerprint
    assert content["versions"]["powerenvs"] == powerenvs.__version__
    assert content["versions"]["numpy"] == np.__version__
    assert tuple(content["rows"]) == PowerGrid("maze_7x7").level.rows
    for read, e in zip(content["estimates"], expected, strict=True):
        assert read["gamma"] == e.gamma
        assert [state["power"] for state in read["states"]] == e.mean.tolist()


def test_the_picture_is_written_and_nothing_else_is_left(demo):
    out, printed = demo
    assert f"wrote {out / 'power_maze_7x7.png'}" in printed
    with Image.open(out / "power_maze_7x7.png") as picture:
        width, height = picture.size
        assert width > 2 * height > 1000  # three panels side by side
    names = ("power_maze_7x7", "two_agents_open_3x3", "learned_maze_7x7")
    assert sorted(p.name for p in out.iterdir()) == sorted(
        f"{name}.{kind}" for name in names for kind in ("json", "png")
    )


def test_two_agents_and_a_trained_one_end_the_demo(demo):
    out, printed = demo
    two = json.loads((out / "two_agents_open_3x3.json").read_text(encoding="utf-8"))
    assert two["agents"] == ["human", "ai"]
    assert f"alignment {two['alignment']:.3f}" in printed
    table = printed[printed.index("\nlearned ") :].split("\n")[1:4]
    learned = [line.split() for line in table]
    assert [words[0] for words in learned] == ["learned", "task-optimal", "random"]
    returns = {words[0]: float(words[1]) for words in learned}
    assert returns["task-optimal"] >= returns["learned"]
    assert returns["task-optimal"] > returns["random"]
