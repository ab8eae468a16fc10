"""The published figures: all are in the table, made from the package's configurations, and their numbers hold."""

from __future__ import annotations

import json
import re
import runpy
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
from power_metrics.reproduction import FIGURES, reproduce
from power_metrics.reproduction.published import OPEN_3X3, compared
from power_metrics.reproduction.reproduce import named_figures, published_config
from power_metrics.sweeps import SweepConfig

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
FEW = 40
PUBLISHED = [
    *(f"post1-fig{n}" for n in range(1, 7)),
    *(f"post2-fig{n}" for n in range(1, 11)),
    *(f"post3-fig{n}" for n in ("2", "3", "4", "5", "6", "7", "8a", "8b", "9", "10a", "10b", "11")),
]
FILMS = {"post1-fig4", "post2-fig9"}
NUMBERS = {
    "post1-fig1": 9, "post2-fig2": 1, "post2-fig3": 1, "post2-fig4": 1, "post2-fig6": 2, "post2-fig7": 2,
    "post2-fig8": 1, "post2-fig9": 2, "post2-fig10": 2, "post3-fig2": 1, "post3-fig3": 1, "post3-fig4": 1,
}  # fmt: skip
DISCOUNTS = [0.01, *(round(0.05 * n, 2) for n in range(1, 20)), 0.99]
CORRELATIONS = [round(0.05 * n, 2) for n in range(21)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for all figures, so that those of one sweep share it."""
    return tmp_path_factory.mktemp("reproduction")


def test_every_published_figure_is_in_the_table():
    assert list(FIGURES) == PUBLISHED
    assert {name for name, figure in FIGURES.items() if figure.animate is not None} == FILMS
    assert all((figure.draw is None) == (figure.animate is not None) for figure in FIGURES.values())


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("post1-open-3x3", {"level": "open_3x3", "gamma": [0.6], "num_samples": 50_000}),
        ("post1-maze-7x7", {"level": "maze_7x7", "gamma": DISCOUNTS, "num_samples": 20_000}),
        ("post1-robot-face", {"level": "robot_face_20x20", "gamma": [0.1, 0.99], "num_samples": 10_000}),
        ("post2-open-3x3", {"level": "open_3x3", "gamma": [0.6], "correlation": CORRELATIONS, "num_samples": 20_000}),
        ("post3-maze-7x7-overlaps", {"level": "maze_7x7", "gamma": [0.1, 0.99], "correlation": [0.0],
                                     "without_overlaps": False, "num_samples": 10_000}),
        ("post3-maze-7x7-no-overlaps", {"level": "maze_7x7", "gamma": [0.1, 0.99], "correlation": [0.0],
                                        "without_overlaps": True, "num_samples": 10_000}),
    ],
)  # fmt: skip
def test_configurations_have_the_published_settings(name, wanted):
    config = published_config(name)
    values = {key: list(found) for key, found in config.values.items()}
    wanted = {key: value if isinstance(value, list) else [value] for key, value in wanted.items()}
    assert {key: values[key] for key in wanted} == wanted
    assert (values["walls"], values["reward"], values["seed"]) == (["absent"], ["uniform(0, 1)"], [0])
    assert config.name == name


def test_every_configuration_is_used_and_shipped():
    files = {path.name for path in (resources.files("power_metrics.reproduction") / "configs").iterdir()}
    assert files == {f"{figure.config}.yaml" for figure in FIGURES.values()}
    for name in files:
        with resources.as_file(resources.files("power_metrics.reproduction") / "configs" / name) as path:
            assert SweepConfig.from_file(path) == published_config(path.stem)
    assert "reproduction/configs/*.yaml" in (ROOT / "setup.cfg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_figure_is_made_with_few_reward_functions(name, folder):
    (made,) = reproduce(name, folder, num_samples=FEW, formats=["png"], progress=False)
    picture, numbers = made.paths
    assert made.figure.name == name
    assert picture == folder / f"{FEW}-samples" / f"{name}.{'gif' if name in FILMS else 'png'}"
    with Image.open(picture) as image:
        image.load()
        assert min(image.size) > 350
        assert getattr(image, "n_frames", 1) == (21 if name in FILMS else 1)
        assert len(np.unique(np.asarray(image.convert("L")))) > 10
    content = json.loads(numbers.read_text(encoding="utf-8"))
    assert (content["figure"], content["title"]) == (name, made.figure.title)
    assert content["sweep"]["num_samples"] == FEW
    assert content["point"] == dict(made.figure.point)
    assert content["differs"].endswith(".")
    assert len(content["numbers"]) == len(made.numbers) == NUMBERS.get(name, 0)
    for found in content["numbers"]:
        if found["z"] is not None:  # too few reward functions for the error of an alignment
            assert abs(found["z"]) < 5
            assert found["published_error"] <= found["our_error"]


def test_the_first_figure_has_the_published_numbers(folder):
    """50,000 reward functions on both sides: within 4 standard errors, once the known bias is left out."""
    (made,) = reproduce("post1-fig1", folder, formats=["svg"], progress=False)
    assert len(made.numbers) == 9
    for number in made.numbers:
        assert number.bias == -1.2e-4
        assert number.num_samples == 50_000
        assert 0.0004 < number.our_error < 0.0007
        assert abs(number.z) < 4
        assert number.z == pytest.approx(
            (number.published - number.bias - number.ours) / np.hypot(number.our_error, number.published_error),
            rel=1e-3,
        )


def test_a_shifted_number_is_found_out(folder):
    """The comparison can fail: 0.008 of POWER is far outside 4 standard errors."""
    list(reproduce("post1-fig1", folder, formats=["svg"], progress=False))
    result = pm.load_sweep(folder / "sweeps" / "post1-open-3x3").points[0].result
    for number in OPEN_3X3:
        assert compared(replace(number, value=number.value + 0.008), result).z > 4


def test_the_second_post_has_the_published_numbers(tmp_path):
    """20,000 pairs of reward functions at both ends of the sweep."""
    mapping = published_config("post2-open-3x3").as_dict()
    result = pm.sweep({**mapping, "correlation": [0.0, 1.0]}, tmp_path / "ends", progress=False)
    ends = {point.values["correlation"]: point.result for point in result.points}
    count = 0
    for figure in FIGURES.values():
        for number in figure.numbers if figure.post == 2 else ():
            found = compared(number, ends[{**figure.point, **number.point}["correlation"]])
            assert abs(found.z) < 4, (figure.name, found)
            count += 1
    assert count == 12
    assert ends[1.0].alignment == pytest.approx(1.0)
    assert ends[0.0].alignment == pytest.approx(-0.51, abs=0.08)


def test_names():
    assert [figure.name for figure in named_figures(["post2", "post1-fig3", "post2-fig1"])] == [
        "post1-fig3", *(f"post2-fig{n}" for n in range(1, 11))
    ]  # fmt: skip
    assert [figure.name for figure in named_figures(["post3-fig8"])] == ["post3-fig8a", "post3-fig8b"]
    assert [figure.name for figure in named_figures(["post3-fig10"])] == ["post3-fig10a", "post3-fig10b"]
    assert len(named_figures(["all"])) == len(PUBLISHED)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("post1-fig7", "post1-fig"),
        ("post2fig3", "post2-fig3"),
        ("pots1", "post1"),
        ("post3-fig1", 'it is "post1-fig2" again'),
        ("post3-fig11a", "post3-fig11"),
        ("", "figure: unknown figure ''"),
    ],
)
def test_an_unknown_figure_is_refused_before_any_work(name, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        reproduce(["post1-fig1", name], tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_samples": 1}, "num_samples: expected"),
        ({"num_samples": 2.5}, "num_samples: expected"),
        ({"formats": ["jpgg"]}, "formats: expected a picture file"),
        ({"formats": "png"}, "formats: expected a list"),
    ],
)
def test_bad_settings_are_refused_before_any_work(settings, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        reproduce("all", tmp_path / "none", **settings)
    assert not (tmp_path / "none").exists()


def test_formats(tmp_path):
    made = list(
        reproduce(["post1-fig2", "post2-fig9"], tmp_path, num_samples=5, formats=["svg", "mp4"], progress=False)
    )
    assert [[path.name for path in one.paths] for one in made] == [
        ["post1-fig2.svg", "post1-fig2.json"],
        ["post2-fig9.mp4", "post2-fig9.json"],
    ]
    for path in (path for one in made for path in one.paths):
        assert path.stat().st_size > 500
    (plain,) = reproduce("post1-fig2", tmp_path, num_samples=5, progress=False)
    assert [path.suffix for path in plain.paths] == [".png", ".pdf", ".json"]


def test_sweeps_are_shared_and_go_on_where_they_were(tmp_path):
    """The second figure of a sweep, and a run after an interrupted one, solve nothing again."""
    settings = {"num_samples": FEW, "formats": ["svg"], "progress": False}
    (first,) = reproduce("post2-fig8", tmp_path, **settings)
    sweep = tmp_path / f"{FEW}-samples" / "sweeps" / "post2-open-3x3"
    points, table = sorted((sweep / "points").iterdir()), (sweep / "results.csv").read_bytes()
    assert len(points) == len(CORRELATIONS)
    before = [path.stat().st_mtime_ns for path in points]
    points[3].unlink()  # as if the run had been stopped there
    again = list(reproduce(["post2-fig4", "post2-fig8"], tmp_path, **settings))
    after = [path.stat().st_mtime_ns for path in points]
    assert [new == old for new, old in zip(after, before, strict=True)] == [i != 3 for i in range(len(points))]
    assert (sweep / "results.csv").read_bytes() == table
    assert again[1].numbers == first.numbers
    assert again[1].sweep_seconds < 0.01  # the result is there already


def test_a_quick_look_leaves_the_published_figure_alone(tmp_path):
    list(reproduce("post1-fig1", tmp_path, formats=["svg"], progress=False))
    whole = (tmp_path / "post1-fig1.svg").read_bytes()
    list(reproduce("post1-fig1", tmp_path, num_samples=5, formats=["svg"], progress=False))
    assert (tmp_path / "post1-fig1.svg").read_bytes() == whole
    assert json.loads((tmp_path / "post1-fig1.json").read_text(encoding="utf-8"))["sweep"]["num_samples"] == 50_000


class TestThePage:
    """docs/reproduction.md is what its generator makes of docs/data/reproduction."""

    def test_tables_come_from_the_data(self):
        made = runpy.run_path(str(ROOT / "docs" / "make_reproduction.py"))
        text = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
        assert made["page"](text) == text

    def test_data_are_of_the_published_sizes_and_agree(self):
        data = ROOT / "docs" / "data" / "reproduction"
        for name, figure in FIGURES.items():
            content = json.loads((data / f"{name}.json").read_text(encoding="utf-8"))
            assert content["sweep"] == published_config(figure.config).as_dict()
            for number in content["numbers"]:
                assert abs(number["z"]) < 4

    def test_the_batteries_are_small(self):
        for folder, limit in (("data", 2.5e6), ("images", 2.5e6)):
            sizes = [path.stat().st_size for path in (ROOT / "docs" / folder / "reproduction").iterdir()]
            assert 0 < sum(sizes) < limit
