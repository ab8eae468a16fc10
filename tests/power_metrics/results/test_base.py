"""`Result`: what a class gets from declaring its fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import power_metrics as pm
from power_metrics import Dims
from power_metrics.results.base import result_class
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from tests.power_metrics.worlds import graph

FORK = graph({"a": ["b", "c"], "b": ["b"], "c": ["c"]})
OTHER = graph({"a": ["b", "c"], "b": ["b"], "c": ["a"]})


class Span(NamedTuple):
    low: float
    high: float


@dataclass(frozen=True)
class Inner(pm.Result):
    model: TabularMDP
    value: Annotated[NDArray[np.float64], Dims("state")]


@dataclass(frozen=True)
class Everything(pm.Result):
    """One of each kind of field."""

    model: TabularMDP
    reach: Annotated[NDArray[np.float64], Dims("state", column="reached", least=0)]
    error: Annotated[NDArray[np.float64], Dims("state", finite=False)]
    chosen: Annotated[NDArray[np.bool_], Dims("state", "action", dtype=np.bool_)]
    gap: Annotated[float, Dims(finite=False)]
    steps: int
    span: Span
    names: tuple[str, ...]
    limit: float | None
    inner: Inner
    parts: Mapping[str, Inner]
    seconds: float = field(default=0.0, compare=False)
    _hidden: Annotated[NDArray[np.float64] | None, Dims("sample")] = None


def everything(**changes):
    arrays = {"reach": np.array([0.0, 0.5, 1.0]), "error": np.array([0.1, np.nan, 0.2]), "chosen": FORK.available}
    facts = {"gap": np.nan, "steps": 3, "span": Span(0.0, 1.0), "names": ("x",), "limit": None, "_hidden": np.ones(2)}
    inner = Inner(FORK, np.arange(3.0))
    return Everything(**{"model": FORK, **arrays, **facts, "inner": inner, "parts": {"a/b": inner}, **changes})


def test_saving_and_loading(tmp_path):
    result = everything()
    result.save(tmp_path / "all.npz")
    for kind in (Everything, pm.Result):
        loaded = kind.load(tmp_path / "all.npz")
        assert type(loaded) is Everything
        assert loaded == result
        assert loaded.as_dict() == result.as_dict()
        assert loaded.versions == result.versions
        assert loaded.span == Span(0.0, 1.0)
        assert loaded.parts["a/b"].model is loaded.model
    with np.load(tmp_path / "all.npz", allow_pickle=False) as archive:
        assert archive["model.0.probability"].tolist() == FORK.probability.tolist()
        assert not any(name.startswith("model.1.") for name in archive.files)


def test_another_kind_is_refused(tmp_path):
    everything().inner.save(tmp_path / "inner.npz")
    with pytest.raises(ValueError, match="expected a Everything, found a Inner"):
        Everything.load(tmp_path / "inner.npz")
    FORK.save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"model\.npz': expected a Result written by save\(\), found TabularMDP"):
        pm.Result.load(tmp_path / "model.npz")


def results():
    """A result of each class of this package."""
    model = PowerGrid(level="open_3x3", noise=0.1).tables()
    random = model.available / model.available.sum(axis=1, keepdims=True)
    yield pm.power(model, num_samples=20, keep_samples=True, progress=False)
    yield pm.multiagent_power(PowerPair("S."), num_samples=20, rounds=2, progress=False)
    yield pm.power_of_policies(pm.Boltzmann(1.0), model, num_samples=20)
    yield pm.q_learning_curve(model, steps=(0, 10), num_learners=5)
    yield pm.optimality_probability(model, num_samples=20)
    yield pm.horizon_optimum(model, 3)
    yield pm.safety_scores(model, 3, "grid")
    yield pm.compare({"mine": random}, model, gamma=0.5)


@pytest.mark.slow
def test_every_result_of_this_package_is_saved_and_loaded(tmp_path):
    for i, result in enumerate(results()):
        result.save(tmp_path / f"{i}.npz")
        loaded = pm.Result.load(tmp_path / f"{i}.npz")
        assert type(loaded) is type(result)
        assert loaded == result
        assert loaded.as_dict() == result.as_dict()
        assert repr(loaded) == repr(result)
        assert loaded.to_frame().equals(result.to_frame())


def test_public_classes_load_before_their_modules_are_imported():
    for name in ("PowerEstimate", "MultiagentPower", "PowerComparison", "SafetyScores"):
        assert result_class(name) is getattr(pm, name)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("reach", np.zeros(4), r"reach: expected float64 \(3\), found float64 \(4,\)"),
        ("reach", np.zeros(3, dtype=np.int64), r"reach: expected float64 \(3\), found int64 \(3,\)"),
        ("reach", np.array([0, 1, -1.0]), "reach: expected finite numbers of at least 0, found others"),
        ("chosen", np.ones((3, 3), dtype=bool), r"chosen: expected bool \(3, 2\), found bool \(3, 3\)"),
        ("inner.value", np.array([0, np.nan, 1]), r"inner\.value: expected finite numbers"),
        ("model.0.probability", np.full(5, 0.5), "expected a Everything, found one that is damaged"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, array, message):
    everything().save(tmp_path / "all.npz")
    with np.load(tmp_path / "all.npz") as archive:
        arrays = {**archive, name: array}
    np.savez(tmp_path / "all.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        Everything.load(tmp_path / "all.npz")


@pytest.mark.parametrize("name", ["reach", "inner.value", "model.0.indptr"])
def test_incomplete_files_are_refused(tmp_path, name):
    everything().save(tmp_path / "all.npz")
    with np.load(tmp_path / "all.npz") as archive:
        arrays = {key: array for key, array in archive.items() if key != name}
    np.savez(tmp_path / "all.npz", **arrays)
    with pytest.raises(ValueError, match=r"all\.npz'"):
        Everything.load(tmp_path / "all.npz")


def test_frames():
    result = everything()
    frame = result.to_frame()
    assert frame.index.tolist() == ["a", "b", "c"]
    assert frame["reached"].tolist() == [0.0, 0.5, 1.0]
    pairs = result.to_frame("state", "action")
    assert len(pairs) == FORK.available.sum()
    assert pairs.columns.tolist() == ["state", "action", "chosen"]
    with pytest.raises(ValueError, match=r"dims: expected one of .*'state', 'action'.*, found"):
        result.to_frame("agent")


def test_json():
    found = json.loads(everything().to_json(), parse_constant=pytest.fail)
    assert found["gap"] is None
    assert found["span"] == {"low": 0.0, "high": 1.0}
    assert found["states"][1] == {"state": "b", "reached": 0.5, "error": None}
    assert found["state_actions"][0] == {"state": "a", "action": found["state_actions"][0]["action"], "chosen": True}
    assert found["parts"]["a/b"]["states"][2] == {"state": "c", "value": 2.0}
    assert found["fingerprint"] == FORK.fingerprint
    assert set(found["versions"]) == {"powerenvs", "numpy", "torch"}
    assert "hidden" not in found


def test_equality():
    result = everything()
    assert result == everything(seconds=1.0)
    assert hash(result) == hash(everything())
    for changed in (
        {"steps": 4},
        {"error": np.array([0.1, 0.0, 0.2])},
        {"_hidden": None},
        {"gap": 0.0},
        {"parts": {"b": result.inner}},
        {"inner": Inner(OTHER, np.arange(3.0))},
    ):
        assert result != replace(result, **changed)
    assert result != result.inner


def test_repr():
    assert repr(Inner(FORK, np.arange(3.0))) == "Inner(3 states; value 0 to 2)"
    assert "steps=3" in repr(everything())
    assert "reached 0 to 1" in repr(everything())


def test_wrong_shapes_are_refused_when_made():
    with pytest.raises(ValueError, match=r"value: expected float64 \(3\), found float64 \(2,\)"):
        Inner(FORK, np.zeros(2))
