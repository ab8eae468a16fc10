"""``powerenvs reproduce``: what it prints and writes, and how it refuses."""

from __future__ import annotations

import json

import pytest

from power_metrics.reproduction import FIGURES


@pytest.mark.slow
def test_a_figure_is_reported_with_its_numbers_and_files(run, tmp_path):
    status, out, err = run("reproduce", "post1-fig1", "--formats", "svg")
    assert (status, err) == (0, "")
    assert "post1-fig1: POWER on an open 3×3 grid, γ = 0.6" in out
    assert out.count("POWER of (") == 9
    assert "0.80481" in out
    assert "known bias of the published numbers, -0.00012" in out
    assert "differs: Their sweeps stop at a relative change of 1e-4" in out
    assert "all of it: " in out
    for name in ("post1-fig1.svg", "post1-fig1.json", "sweeps/post1-open-3x3/results.npz"):
        assert (tmp_path / "results" / "reproduction" / name).is_file()
    content = json.loads((tmp_path / "results/reproduction/post1-fig1.json").read_text(encoding="utf-8"))
    assert f"{content['numbers'][0]['ours']:.5f}" in out
    assert f"{content['numbers'][0]['z']:+.1f}" in out


@pytest.mark.slow
def test_a_quick_look_at_several_figures(run, tmp_path):
    status, out, _ = run(
        "reproduce", "post2-fig1", "post2-fig8", "--samples", "30", "--folder", "here", "--formats", "svg"
    )
    assert status == 0
    assert out.index("post2-fig1:") < out.index("post2-fig8:")
    assert sorted(path.name for path in (tmp_path / "here" / "30-samples").iterdir()) == [
        "post2-fig1.json", "post2-fig1.svg", "post2-fig8.json", "post2-fig8.svg", "sweeps",
    ]  # fmt: skip


def test_the_list_has_every_figure(run, tmp_path):
    status, out, _ = run("reproduce", "--list")
    assert status == 0
    for name, figure in FIGURES.items():
        assert any(line.split()[0] == name and figure.title in line for line in out.split("\n") if line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "FIGURE: expected at least one"),
        (("post1-fig22",), "unknown figure 'post1-fig22'"),
        (("pots2",), "post2"),
        (("post3-fig1",), '"post1-fig2" again'),
        (("all", "--samples", "1"), "--samples: expected"),
        (("all", "--samples", "some"), "--samples"),
        (("all", "--formats", "pgn"), "formats: expected a picture file"),
        (("all", "--executor", "threads"), "executor"),
        (("all", "--workers", "2"), "workers: expected None without an executor"),
    ],
)
def test_bad_input_ends_with_one_line_and_status_2(run, tmp_path, words, message):
    status, out, err = run("reproduce", *words)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".npz", ".png")]


def test_help_has_examples(run):
    status, out, _ = run("reproduce", "--help")
    assert status == 0
    assert "powerenvs reproduce all" in out
