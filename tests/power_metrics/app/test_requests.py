"""What a page asks for, without a server: sources, measures, equations, Python lines, files of differences."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.app import bounds
from power_metrics.app.catalogue import catalogue
from power_metrics.app.jobs import download, explain, explore
from power_metrics.app.requests import cell_reward_pairs, cell_rewards, python_lines, request_of
from powerenvs import EditedWorld, tabular_model
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair

ROWS = ["...", ".#.", "S.G"]
LEVEL = {"kind": "level", "rows": ROWS}


def nothing(kind, data):
    """Hears what jobs tell on the way, and forgets it."""


def asked(measure="power", source=LEVEL, keep=False, **settings):
    return {"source": source, "measure": measure, "settings": settings, "keep": keep}


def test_a_map_has_the_numbers_of_the_measure():
    found = json.loads(explore({"request": asked(gamma=0.8, num_samples=300), "arrows": "task"}, nothing))
    expected = pm.power(EditedWorld(ROWS).model(), gamma=0.8, num_samples=300, progress=False)
    [table] = found["result"]["maps"]
    assert table["columns"]["power"] == expected.mean.tolist()
    assert table["errors"] == {"power": "standard_error"}
    assert found["model"]["cells"] == EditedWorld(ROWS).model().cells.tolist()
    start = EditedWorld(ROWS).model().index((2, 0))
    assert {(down, right) for _, _, down, right in found["arrows"][start]} == {(0.0, 1.0)}  # along the lower row


def test_every_measure_of_the_registry_is_there_with_its_settings():
    from power_metrics.measures.registry import measures

    there = {one["name"]: one for one in catalogue()["measures"]}
    assert set(there) == set(measures())
    for name, measure in measures().items():
        hidden = {"seed_policy"} & set(measure.settings)  # it may name a file
        assert {one["name"] for one in there[name]["settings"]} == set(measure.settings) - hidden
    json.dumps(catalogue(), allow_nan=False)


@pytest.mark.parametrize(
    "request_",
    [
        asked("empowerment", steps=2),
        asked("optimality_probability", num_samples=100),
        asked("reachability"),
        asked("power", {"kind": "id", "id": "powerenvs/Vase-v0", "kwargs": {}}, num_samples=50, gamma=0.9),
        asked("power", {"kind": "id", "id": "turner_figure_1"}, num_samples=50),
        asked("safety_scores", {"kind": "id", "id": "powerenvs/BoatRace-v0"}),
    ],
    ids=lambda one: f"{one['measure']} {one['source'].get('id', '')}",
)
def test_other_measures_and_worlds(request_):
    found = json.loads(explore({"request": request_}, nothing))
    assert found["result"]["maps"] or found["result"]["others"]
    for table in found["result"]["maps"]:
        assert all(len(values) == found["model"]["states"] for values in table["columns"].values())


def test_the_equation_of_a_state_adds_up():
    request = asked(gamma=0.8, num_samples=40, source={**LEVEL, "noise": 0.2})
    model = EditedWorld(ROWS, noise=0.2).model()
    s = model.index((0, 1))
    terms = []
    for sample in range(40):
        found = json.loads(explain({"request": request, "state": s, "sample": sample}, nothing))["power"]
        best = max(action["sum"] for action in found["actions"])
        for action in found["actions"]:
            assert sum(term["probability"] for term in action["terms"]) == pytest.approx(1)
            expected = sum(term["probability"] * term["value"] for term in action["terms"])
            assert action["sum"] == pytest.approx(expected)
        assert found["term"] == pytest.approx(0.2 * best)
        terms.append(found["term"])
    power = pm.power(model, gamma=0.8, num_samples=40, progress=False)
    assert np.mean(terms) == pytest.approx(power[(0, 1)], rel=1e-9)
    task = json.loads(explain({"request": request, "state": s}, nothing))["task"]
    assert task["value"] == pytest.approx(pm.solve_task(model, 0.8).values[0, s])
    assert task["value"] == pytest.approx(max(action["sum"] for action in task["actions"]))


@pytest.mark.parametrize(
    "request_",
    [
        asked(gamma=0.7, num_samples=60, reward="beta(2, 5)", seed=3),
        asked(source={**LEVEL, "noise": 0.1, "removed": [[0, 0, "down", None]]}, num_samples=50),
        asked(num_samples=30, keep=True, seed=2),
        asked("multiagent_power", {"kind": "level", "rows": ["..", ".."], "pair": True, "places": {"ai": [0, 1]}}, num_samples=5),
        asked("power_of_policies", learner="boltzmann(0.1)", num_samples=20),
        asked(source={"kind": "id", "id": "PowerGrid-v0", "kwargs": {"level": "open_3x3"}}, num_samples=20),
        asked("multiagent_power", {"kind": "id", "id": "matrix_game_v0"}, num_samples=5),
        asked(source={"kind": "id", "id": "turner_figure_1"}, num_samples=20, reward={"default": "uniform(0, 1)", "states": {"star": "uniform(0, 2)"}}),
    ],
    ids=str,
)  # fmt: skip
def test_the_python_lines_give_the_same_numbers(request_):
    found = request_of(request_).result()
    namespace: dict = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(python_lines(request_), namespace)
    again = namespace["result"]
    assert again.to_frame().equals(found.to_frame())


def test_cells_keep_their_rewards_over_edits():
    before, after = (PowerGrid(text).tables() for text in ("...\n...", "...\n.#."))
    kept = {cell: s for s, cell in enumerate(map(tuple, after.cells.tolist()))}
    first, second = cell_rewards(before, 20, 1), cell_rewards(after, 20, 1)
    for s, cell in enumerate(map(tuple, before.cells.tolist())):
        if cell in kept:
            assert np.array_equal(first[:, s], second[:, kept[cell]])
    own, other = cell_reward_pairs(PowerPair("..").tables(), 4000, 0, -1.0)
    assert np.allclose(own, 1 - other)
    assert abs(np.corrcoef(*(one.ravel() for one in cell_reward_pairs(PowerPair("..").tables(), 4000, 0, 0.5)))[0, 1] - 0.5) < 0.05  # fmt: skip


def test_files_of_results_and_of_differences(tmp_path):
    one, other = asked(num_samples=50, gamma=0.9), asked(num_samples=50, gamma=0.5)
    for form, start in (
        ("png", b"\x89PNG"),
        ("svg", b"<?xml"),
        ("csv", b"state,power"),
        ("json", b"{"),
        ("npz", b"PK"),
    ):
        assert download({"request": one, "format": form}, nothing).startswith(start)
    first, second = (pm.power(EditedWorld(ROWS).model(), gamma, num_samples=50, progress=False) for gamma in (0.9, 0.5))
    rows = json.loads(download({"request": one, "less": other, "format": "json"}, nothing))
    assert [row["power difference"] for row in rows] == pytest.approx((first.mean - second.mean).tolist())
    assert rows[0]["power error at most"] == pytest.approx(first.standard_error[0] + second.standard_error[0])
    assert download({"request": one, "less": other, "format": "png"}, nothing).startswith(b"\x89PNG")
    assert b"subtracted" in download({"request": one, "less": other, "format": "py"}, nothing)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (asked("powr"), "did you mean 'power'"),
        (asked(gama=0.9), "gamma"),
        (asked(gamma=2), "expected a discount"),
        (asked(num_samples=10**9), "expected at most 1,000,000"),
        (asked(gamma=[0.1, 0.9]), "expected one number"),
        (asked("multiagent_power"), "is of two agents"),
        (asked("power_of_policies"), "learner: expected a value"),
        (asked("agency", trajectory="/etc/passwd.csv"), "trajectory: expected one of"),
        (asked("multiagent_power", {"kind": "level", "rows": [".."], "pair": True}, seed_policy="x.npz"), "seed_policy"),
        (asked(source={"kind": "id", "id": "/etc/passwd.gv"}), "unknown id"),
        (asked(source={"kind": "id", "id": "os:system"}), "unknown id"),
        (asked(source={"kind": "level", "rows": ["?"]}), "expected the glyphs"),
        (asked(source={"kind": "level", "rows": ["."] * 101}), "at most 100"),
        (asked(source={"kind": "level", "rows": ["." * 100] * 100, "pair": True}), "100,000,000 states"),
        (asked(source={"kind": "level", "rows": ["##"]}), "walls only"),
        (asked(source={"kind": "file", "name": "../x.gv", "text": ""}), "name: expected"),
        (asked(source={"kind": "file", "name": "x.gv", "text": "not a graph"}), "x.gv"),
        (asked("empowerment", keep=True), "keep: expected power"),
        (asked(keep=True, reward="beta(2, 5)"), "keep: expected rewards that are uniform"),
        ({"source": LEVEL, "measure": "power", "settings": [], "keep": False}, "settings: expected an object"),
        ({**asked(), "extra": 1}, "expected the keys"),
        (asked(seed={"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}), "at most 6 deep"),
    ],
)  # fmt: skip
def test_refusals(given, message):
    with pytest.raises(ValueError, match=message):
        request_of(given).check()


def test_json_that_is_none():
    for text in ("", "[1]", "nan", '{"a": NaN}', "{" * 5000, '{"a": ' * 5000, b"\xff\xfe"):
        with pytest.raises(ValueError, match="message"):
            bounds.parsed(text)


def test_a_graphviz_file(tmp_path):
    graph = tabular_model("turner_figure_1")
    graph.save(tmp_path / "graph.gv")
    source = {"kind": "file", "name": "graph.gv", "text": (tmp_path / "graph.gv").read_text()}
    found = json.loads(explore({"request": asked(source=source, num_samples=20)}, nothing))
    assert found["model"]["labels"] == [str(label) for label in graph.state_labels]
    assert len(found["model"]["graph"]["places"]) == graph.num_states
    assert 'load("graph.gv")' in python_lines(asked(source=source)).replace("'", '"')
