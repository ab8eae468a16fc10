"""What holds for every measure, and for those of other packages."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import power_metrics as pm
from power_metrics.cli.main import main
from power_metrics.measures.registry import Measure, documented_arguments, find_measure, measure, measures
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair

ROOT = Path(__file__).parents[3]
ALL = measures()
FEW = {"num_samples": 20, "episodes": 5, "num_learners": 10, "learner": "boltzmann(0.1)", "progress": False}

every = pytest.mark.parametrize("one", ALL.values(), ids=list(ALL))


def model(one: Measure):
    return PowerPair(level="open_3x3").tables() if one.game else PowerGrid(level=level(one)).tables()


def level(one: Measure) -> str:
    """Measures that compare rewards need some."""
    return "S..\n..G" if one.name == "reward_distance" else "open_3x3"


def few(one: Measure) -> dict[str, object]:
    """Settings that take little time, as a file would have them."""
    given = {name: value for name, value in FEW.items() if name in one.parameters}
    if "steps" in one.parameters:
        given["steps"] = [0, 5] if one.parameters["steps"].several else 2
    return given


def result(one: Measure, **settings) -> pm.Result:
    of = model(one)
    return one.call(**{one.subject: of}, **one.arguments({**few(one), **settings}, of))


@every
def test_the_same_call_gives_an_equal_result(one):
    assert isinstance(result(one), pm.Result)
    assert result(one) == result(one)


@every
def test_a_result_is_read_back_from_its_file_and_has_a_table_and_json(one, tmp_path):
    found = result(one)
    found.save(tmp_path / "found.npz")
    assert pm.Result.load(tmp_path / "found.npz") == found
    assert len(found.to_frame()) > 0
    assert json.loads(found.to_json())["fingerprint"] == model(one).fingerprint


@pytest.mark.slow
@every
def test_a_result_has_a_picture(one, tmp_path):
    result(one).plot(path=tmp_path / "found.png")
    assert (tmp_path / "found.png").stat().st_size > 1000


@every
def test_checks_do_no_work_and_come_first(one, monkeypatch):
    monkeypatch.setattr("power_metrics.expectation.expect.expect", None)
    monkeypatch.setattr("power_metrics.solvers.dispatch.solve_into", None)
    of = model(one)
    assert one.check(**{one.subject: of}, **one.arguments(few(one), of)) is None
    for name, value in {"gamma": 2, "steps": 0, "seed": -1, "threads": 0, "method": "guess"}.items():
        if name in one.parameters and not one.parameters[name].several:
            with pytest.raises(ValueError, match=name):
                one.check(**{one.subject: of}, **one.arguments({**few(one), name: value}, of))


@every
def test_its_docstring_explains_every_argument(one):
    documented = documented_arguments(inspect.getdoc(one.call))
    assert list(documented) == list(inspect.signature(one.call).parameters)
    assert one.summary.endswith(".")


@pytest.mark.slow
@every
def test_it_is_a_public_name_with_a_command_and_a_card(one, tmp_path, capsys):
    assert getattr(pm, one.name) is one.call
    words = ["measure", one.name, "power_pair" if one.game else "PowerGrid-v0", "--level", level(one)]
    for name, value in few(one).items():
        words += [one.parameters[name].option, *map(str, value if isinstance(value, list) else [value])]
    files = {kind: str(tmp_path / f"found.{kind}") for kind in ("json", "npz", "png")}
    words = [word.replace("False", "false") for word in words]
    assert main([*words, "--json", files["json"], "--save", files["npz"], "--plot", files["png"]]) == 0
    out = capsys.readouterr().out
    assert all(f"wrote {path}" in out for path in files.values())
    loaded = pm.Result.load(files["npz"])
    assert loaded == result(one) or one.name == "safety_scores"  # whose name is that of the environment
    assert main(["list", "--measures"]) == 0
    assert one.summary in capsys.readouterr().out
    assert f"## {one.name}\n" in (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_of_measures_is_what_would_be_written():
    command = [sys.executable, str(ROOT / "docs" / "make_measures.py"), "--check"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["empowerment", "PowerGrid-v0", "--steps", "many"], "--steps: expected a number, found 'many'"),
        (["empowerment", "PowerGrid-v0", "--stepz", "3"], "unrecognized arguments: --stepz 3"),
        (["empowerment", "power_pair"], "ID: expected an environment of one agent, found the game 'power_pair'"),
        (["multiagent_power", "PowerGrid-v0"], "ID: expected a game"),
        (["power", "PowerGrid-v0", "--reward", "uniform(2, 1)"], "reward: 'uniform(2, 1)' does not fit"),
        (["power_of_policies", "PowerGrid-v0", "--learner", "bolzmann(1)"], "did you mean 'boltzmann'"),
        (["power", "PowerGrid-v0", "--allow-all-equal", "maybe"], "allow_all_equal: expected true or false"),
        (["power", "PowerGrid-v0", "--save", "found.txt"], "--save: expected a name that ends in .npz"),
    ],
)
def test_one_line_for_bad_input(words, message, capsys):
    assert main(["measure", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_unknown_measures_and_arguments_get_the_closest():
    with pytest.raises(ValueError, match="did you mean 'empowerment'"):
        find_measure("empowermnt")
    with pytest.raises(ValueError, match="did you mean 'steps'"):
        ALL["empowerment"].arguments({"stps": 2}, None)


def test_a_measure_is_a_generator_and_has_a_name_of_its_own():
    with pytest.raises(ValueError, match="expected power to have a yield between its checks and its work"):

        @measure()
        def power(env):
            """Not a generator."""

    with pytest.raises(ValueError, match=r"'empowerment' is registered by .*empowerment\.py, found another"):

        @measure()
        def empowerment(env):
            """Of the same name."""
            yield


def test_a_second_yield_is_found_out(monkeypatch):
    monkeypatch.setattr("power_metrics.measures.registry._registered", {})

    @measure()
    def twice(env):
        """Yields twice."""
        yield
        yield

    with pytest.raises(RuntimeError, match="twice: expected one yield, found more"):
        twice(None)


MEASURE = '''
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from power_metrics import Dims, Result, measure
from powerenvs import TabularMDP, tabular_model


@dataclass(frozen=True)
class Exits(Result):
    """How many states may follow each state."""

    model: TabularMDP
    weight: float
    exits: Annotated[np.ndarray, Dims("state")]


@measure()
def exits(env, weight: float = 1.0):
    """How many states may follow each state.

    Args:
        env: an environment or its tables.
        weight: what each counts.
    """
    mdp = tabular_model(env)
    if weight <= 0:
        raise ValueError(f"weight: expected a number above 0, found {weight}")
    yield
    counts = (mdp.transition_tensor().sum(dim=1) > 0).sum(dim=1).numpy()
    return Exits(mdp, float(weight), weight * counts.astype(float))
'''


USE = """
import contextlib
import runpy
import sys
from pathlib import Path

import power_metrics as pm
from power_metrics.cli.main import main
from powerenvs.worlds.power import PowerGrid

print(pm.exits(PowerGrid(level="open_3x3"), weight=2.0).exits.tolist()[:3])
print("----")
main(["list", "--measures"])
print("----")
words = ["measure", "exits", "PowerGrid-v0", "--level", "open_3x3", "--weight", "3", "--plot", "exits.png"]
main([*words, "--save", "exits.npz"])
print("----")
with contextlib.suppress(SystemExit):
    main(["measure", "exits", "--help"])
print("----")
sys.argv = ["make_measures.py", "--print"]
with contextlib.suppress(SystemExit):
    runpy.run_path(str(Path(pm.__file__).parents[1] / "docs" / "make_measures.py"), run_name="__main__")
print("----")
print(pm.Result.load("exits.npz").weight)
print("----")
done = pm.sweep({"name": "exits", "measure": "exits", "level": "open_3x3", "weight": [1, 2]}, figures=False, progress=False)
print([point.result.exits.tolist()[:3] for point in done.points])
"""


@pytest.fixture
def outside(tmp_path):
    """An installed package with a measure, in a folder; returns how to run Python where it is installed."""
    (tmp_path / "acme.py").write_text(MEASURE, encoding="utf-8")
    about = tmp_path / "acme-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[power_metrics.measures]\nexits = acme:exits\n", encoding="utf-8")
    paths = os.pathsep.join([str(ROOT), str(tmp_path)])

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_a_measure_of_another_package_is_everywhere(outside, tmp_path):
    (tmp_path / "use.py").write_text(USE, encoding="utf-8")
    called, listed, measured, explained, page, loaded, swept = outside("use.py").split("----\n")
    assert called == "[6.0, 8.0, 6.0]\n"
    assert "exits" in listed
    assert "(1, 1)     15" in measured
    assert (tmp_path / "exits.png").stat().st_size > 1000
    assert "what each counts" in explained
    assert "## exits\n" in page
    assert loaded == "3.0\n"
    assert swept == "[[3.0, 4.0, 3.0], [6.0, 8.0, 6.0]]\n"
