"""Sweeps over any measure: those that are registered, and one from outside."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

import power_metrics as pm
from power_metrics.arguments.checks import check_count, resolve_model
from power_metrics.measures import registry
from power_metrics.measures.registry import measure, measures
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.sweeps.points import make_plan
from powerenvs.model.mdp import TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from tests.power_metrics.small_sweeps import Stop, assert_same_results, interrupt_after

pytestmark = pytest.mark.usefixtures("no_figures")

FEW = {"num_samples": 8, "num_learners": 4, "learner": ["boltzmann(0.1)", "boltzmann(0.01)"]}
LEVELS = ("open_3x3", "S...")  # worlds without an end, which some measures need
WITH_REWARDS = ("S..G", "G.S.")  # which measures that compare rewards need
GRID = {"level": "open_3x3", "walls": "absent"}


def small(name):
    """A sweep over a measure with a few reward functions, in two worlds."""
    found = measures()[name]
    settings = {key: value for key, value in FEW.items() if key in found.settings}
    if "steps" in found.settings:
        settings["steps"] = [[0, 5, 10]] if found.settings["steps"].several else 2
    world = {"environment": "power_pair_v0"} if found.game else {}
    return {"name": "small", "measure": name, "level": list(levels(name)), **world, **settings}


def levels(name):
    return WITH_REWARDS if name == "reward_distance" else LEVELS


@pytest.mark.parametrize("name", measures())
def test_a_sweep_over_each_measure_goes_on_where_it_stopped(tmp_path, monkeypatch, name):
    whole = pm.sweep(small(name), tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(Stop):
            pm.sweep(small(name), tmp_path / "out")
    assert pm.sweep(small(name), tmp_path / "out").num_resumed == 1
    assert_same_results(tmp_path / "out", tmp_path / "whole")
    for point, loaded in zip(whole.points, pm.load_sweep(tmp_path / "out").points, strict=True):
        assert isinstance(point.result, Result)
        assert loaded.result == point.result
    assert len(whole.summary()) == len(whole.points)
    assert set(whole.to_frame()["level"]) == set(levels(name))


def test_points_are_those_of_the_measure(tmp_path):
    settings = {"ties": "split", "num_samples": 50, "seed": 3, "reward": "beta(2, 5)"}
    mapping = {"name": "odds", "measure": "optimality_probability", **GRID, "gamma": [0.5, 0.9], **settings}
    result = pm.sweep(mapping, tmp_path / "out")
    for point in result.points:
        mdp = PowerGrid("open_3x3", walls="absent").tables()
        arguments = {**settings, "reward": pm.Beta(2.0, 5.0)}
        assert point.result == pm.optimality_probability(mdp, point.values["gamma"], **arguments)
    frame = result.to_frame()
    assert list(frame.columns) == ["gamma", "state", "action", "probability", "standard_error"]
    row = result.summary().iloc[0]
    assert row["probability"] == pytest.approx(frame[frame["gamma"] == 0.5]["probability"].mean())
    assert (row["lowest"], row["num_samples"]) == (frame[frame["gamma"] == 0.5]["probability"].min(), 50)


def test_any_measure_of_one_agent_applies_where_the_second_has_a_fixed_policy(tmp_path):
    mapping = {
        "name": "fixed",
        "measure": "optimality_probability",
        "environment": "power_pair_v0",
        "policy": "uniform",
    }
    [point] = pm.sweep({**mapping, "walls": "absent", "level": "corridor", "num_samples": 8}, tmp_path / "out").points
    game = PowerPair("corridor", walls="absent").tables()
    mdp = game.against({"ai": game.uniform_policy("ai")})
    assert point.result == pm.optimality_probability(mdp, num_samples=8)


def test_columns_and_keys_of_one_name_are_told_apart(tmp_path):
    mapping = {"name": "curve", "measure": "q_learning_curve", **GRID, "num_learners": 3, "steps": [[0, 4], [0, 8]]}
    frame = pm.sweep(mapping, tmp_path / "out").to_frame()
    assert frame["steps"].tolist() == ["[0, 4]"] * 2 + ["[0, 8]"] * 2
    assert frame["result_steps"].tolist() == [0, 4, 0, 8]


# A measure from outside


@dataclass(frozen=True)
class Reached(Result):
    """How many states can be reached in some steps."""

    model: TabularMDP
    steps: int
    reached: Annotated[NDArray[np.float64], Dims("state")]


@pytest.fixture
def reached():
    """A measure that is registered while a test runs, and the numbers of steps that it was called for."""
    calls: list[Any] = []

    @measure(together="steps")
    def states_reached(env: Any, steps: int | list[int] = 1, half: bool = False) -> Generator[None, None, Any]:
        """How many states can be reached."""
        mdp = resolve_model(env)
        several = isinstance(steps, list)
        counts = [check_count("steps", n) for n in (steps if several else [steps])]
        yield
        calls.append(counts)
        ways = mdp.transition_matrix().toarray().reshape(mdp.num_states, -1, mdp.num_states).sum(axis=1) > 0
        powers = [np.linalg.matrix_power(ways | np.eye(mdp.num_states, dtype=bool), n) for n in counts]
        found = [Reached(mdp, n, (w > 0).sum(axis=1) / (1 + half)) for n, w in zip(counts, powers, strict=True)]
        return found if several else found[0]

    yield calls
    del registry._registered["states_reached"]


def test_a_measure_from_outside_is_a_sweep(tmp_path, reached):
    mapping = {"name": "reach", "measure": "states_reached", **GRID, "steps": [1, 2, 4], "half": [False, True]}
    result = pm.sweep(mapping, tmp_path / "out")
    assert reached == [[1, 2, 4], [1, 2, 4]]  # points that differ in the steps alone come together
    assert list(result.summary().columns) == ["steps", "half", "reached", "lowest", "highest"]
    assert result.select(steps=1, half=False)[0].result.reached.tolist() == [3, 4, 3, 4, 5, 4, 3, 4, 3]
    assert result.select(steps=4, half=True)[0].result.reached.tolist() == [4.5] * 9
    assert pm.load_sweep(tmp_path / "out").points[5].result == result.points[5].result
    with pytest.raises(ValueError, match="steps: expected a whole number of at least 1, found 0"):
        make_plan(pm.SweepConfig.from_dict({**mapping, "steps": [1, 0]}))
    with pytest.raises(ValueError, match="step: unknown key; did you mean 'steps'"):
        pm.SweepConfig.from_dict({**mapping, "step": 1})


def test_what_is_no_result_cannot_be_swept(tmp_path):
    @measure()
    def size_of(env: Any) -> Generator[None, None, int]:
        """The number of states."""
        yield
        return int(env.num_states)

    try:
        with pytest.raises(ValueError, match=r"measure: expected size_of to give a power_metrics\.Result, found int"):
            pm.sweep({"name": "size", "measure": "size_of", **GRID}, tmp_path / "out")
    finally:
        del registry._registered["size_of"]
