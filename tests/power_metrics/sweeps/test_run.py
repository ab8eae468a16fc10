"""Sweeps: the numbers of the metrics, tables of them, progress and logs."""

from __future__ import annotations

import itertools
import json
import sys
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.sweeps import run as sweeps_run
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from tests.power_metrics.small_sweeps import (
    ONE,
    TWO,
    Stop,
    assert_same_results,
    interrupt_after,
)

pytestmark = pytest.mark.usefixtures("no_figures")

LEARNERS = {"name": "learners", "measure": "power_of_policies", "level": "corridor", "num_samples": 40}
LEARNERS |= {"learner": ["boltzmann(0.1)", "best_of_k(2)"]}

# Numbers


def test_points_of_one_agent_are_those_of_power(tmp_path):
    result = pm.sweep(ONE, tmp_path / "out")
    assert [tuple(point.values.values()) for point in result.points] == list(
        itertools.product((0, 0.1, 0.2), (0.5, 0.9))
    )
    for point in result.points:
        mdp = PowerGrid("open_3x3", walls="absent", noise=point.values["noise"]).tables()
        expected = pm.power(mdp, point.values["gamma"], num_samples=60)
        assert np.array_equal(point.result.mean, expected.mean)
        assert np.array_equal(point.result.standard_error, expected.standard_error)
        assert point.result.fingerprint == mdp.fingerprint


@pytest.mark.slow
def test_points_of_two_agents_are_those_of_multiagent_power(tmp_path):
    changes = {"level": "open_3x3", "gamma_a": 0.3, "without_overlaps": True, "rounds": 2, "num_samples": 400}
    result = pm.sweep({**TWO, **changes}, tmp_path / "out")
    game = PowerPair("open_3x3", walls="absent").tables().without_overlaps()
    for point in result.points:
        expected = pm.multiagent_power(game, 0.6, 0.3, point.values["correlation"], num_samples=400, rounds=2)
        for agent in ("human", "ai"):
            assert np.array_equal(point.result[agent].mean, expected[agent].mean)
            assert np.array_equal(point.result.baseline[agent].mean, expected.baseline[agent].mean)
        assert point.result.alignment == expected.alignment
        assert point.result.alignment_interval() == expected.alignment_interval()


def test_a_fixed_policy_is_folded_into_the_game(tmp_path):
    mapping = {key: value for key, value in TWO.items() if key != "correlation"}
    [point] = pm.sweep({**mapping, "policy": "uniform"}, tmp_path / "out").points
    game = PowerPair("corridor", walls="absent").tables()
    expected = pm.power(game.against({"ai": game.uniform_policy("ai")}), 0.6, num_samples=40)
    assert np.array_equal(point.result.mean, expected.mean)


def test_points_differ_in_what_is_swept_only(tmp_path):
    result = pm.sweep({**TWO, "keep_samples": 10}, tmp_path / "out")
    first, *others = (point.kept["human"].rewards for point in result.points)
    assert all(np.array_equal(first, other) for other in others)
    seeds = pm.sweep({**ONE, "gamma": 0.5, "noise": 0, "seed": [0, 1]}, tmp_path / "seeds")
    assert not np.array_equal(seeds.points[0].result.mean, seeds.points[1].result.mean)


def test_kept_samples_belong_together(tmp_path):
    result = pm.sweep({**ONE, "keep_samples": 7, "reward": "beta(2, 5)"}, tmp_path / "one")
    for point in pm.load_sweep(tmp_path / "one").points:
        kept = point.kept["agent"]
        again = pm.power(point.result.mdp, point.values["gamma"], rewards=kept.rewards)
        assert np.allclose(again.samples, kept.powers, rtol=0, atol=1e-12)
    whole = pm.power(result.points[0].result.mdp, 0.5, pm.Beta(2, 5), num_samples=60, keep_samples=True)
    assert np.array_equal(result.points[0].kept["agent"].powers, whole.samples[:7])
    for point in pm.sweep({**TWO, "keep_samples": 7}, tmp_path / "two").points:
        human, ai = point.kept["human"], point.kept["ai"]
        pairs = pm.multiagent_power(point.result.game, 0.6, rewards=(human.rewards, ai.rewards))
        assert np.allclose(pairs["human"].samples, human.powers, rtol=0, atol=1e-12)
        assert np.allclose(pairs["ai"].samples, ai.powers, rtol=0, atol=1e-12)


def test_methods_and_tolerances_are_handed_on(tmp_path):
    mapping = {**ONE, "noise": 0, "gamma": 0.5, "reward": "bernoulli(0.3)"}
    del mapping["num_samples"]
    [exact] = pm.sweep({**mapping, "method": "enumeration"}, tmp_path / "exact").points
    assert (exact.result.method, exact.result.standard_error.max()) == ("enumeration", 0.0)
    [close] = pm.sweep({**mapping, "tolerance": 0.05}, tmp_path / "close").points
    assert 1.96 * close.result.standard_error.max() <= 0.05
    assert np.allclose(close.result.mean, exact.result.mean, rtol=0, atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("mapping", [ONE, TWO, LEARNERS], ids=["one agent", "two agents", "learners"])
@pytest.mark.parametrize("executor", ["processes", "threads"])
def test_executors_give_the_same_bits(tmp_path, mapping, executor):
    pm.sweep(mapping, tmp_path / "here")
    with ThreadPoolExecutor(2) as pool:
        given = pool if executor == "threads" else executor
        pm.sweep(mapping, tmp_path / "there", executor=given, workers=2)
    assert_same_results(tmp_path / "here", tmp_path / "there")


@pytest.mark.slow
def test_workers_that_die_are_told_and_finished_points_kept(tmp_path):
    calls = itertools.count()

    class Dying(Executor):
        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            if next(calls) == 1:  # the second point has its only block there
                future.set_exception(BrokenExecutor("gone"))
            else:
                future.set_result(fn(*args, **kwargs))
            return future

    first = {**TWO, "correlation": [0, 0.5]}
    with pytest.raises(RuntimeError, match=r"expected workers that stay alive.*Finished points are kept"):
        pm.sweep(first, tmp_path / "out", executor=Dying(), workers=1)
    pm.sweep(first, tmp_path / "out")
    pm.sweep(first, tmp_path / "whole")
    assert_same_results(tmp_path / "out", tmp_path / "whole")


# Results


@pytest.mark.slow
def test_a_loaded_sweep_is_the_sweep(tmp_path):
    for mapping in (ONE, TWO):
        folder = tmp_path / mapping["name"]
        result, loaded = pm.sweep(mapping, folder), pm.load_sweep(folder)
        assert loaded.config == result.config
        assert loaded.to_frame().equals(result.to_frame())
        assert loaded.summary().equals(result.summary())
        assert [p.settings for p in loaded.points] == [p.settings for p in result.points]


def test_a_result_says_what_it_is(tmp_path):
    result = pm.sweep(ONE, tmp_path / "out")
    assert repr(result).startswith("SweepResult('one', single_agent, 6 points over noise (3), gamma (2), in ")
    assert result.points[3].title == "noise=0.1, gamma=0.9"


@pytest.mark.slow
def test_frames_are_tidy(tmp_path):
    frame = pm.sweep(ONE, tmp_path / "one").to_frame()
    assert list(frame.columns) == ["noise", "gamma", "state", "power", "standard_error"]
    assert len(frame) == 6 * 9
    result = pm.sweep({**TWO, "reward": ["uniform(0, 1)", {"default": "uniform(0, 2)"}]}, tmp_path / "two")
    frame = result.to_frame()
    swept = ["correlation", "reward"]
    columns = ["agent", "state", "power", "standard_error", "baseline", "baseline_standard_error"]
    assert list(frame.columns) == swept + columns
    assert set(frame["reward"]) == {"uniform(0, 1)", '{"default": "uniform(0, 2)"}'}
    means = frame.groupby([*swept, "agent"])["power"].mean()
    for _, row in result.summary().iterrows():
        for agent in ("human", "ai"):
            assert means[row["correlation"], row["reward"], agent] == pytest.approx(row[agent], rel=1e-12)


def test_points_are_selected_by_their_settings(tmp_path):
    result = pm.sweep(ONE, tmp_path / "out")
    assert [p.number for p in result.select(gamma=0.9)] == [1, 3, 5]
    assert [p.number for p in result.select(gamma=0.9, noise=0.1, level="open_3x3")] == [3]
    with pytest.raises(ValueError, match="gama: no such key; did you mean 'gamma'"):
        result.select(gama=0.9)
    with pytest.raises(ValueError, match=r"gamma: expected one of 0\.5, 0\.9"):
        result.select(gamma=0.8)


def test_the_folder_says_how_it_came_about(tmp_path):
    pm.sweep(ONE, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    assert record["runs"][0]["versions"]["numpy"] == np.__version__
    assert (record["runs"][0]["points"], record["runs"][0]["resumed"]) == (6, 0)
    mdp = PowerGrid("open_3x3", walls="absent", noise=0.1).tables()
    assert record["points"][2]["fingerprint"] == mdp.fingerprint
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content["points"][2]["values"] == {"noise": 0.1, "gamma": 0.5}
    assert len(content["points"][2]["states"][0]["power"]) == 9


def test_the_written_configuration_runs_again_to_the_same_bits(tmp_path):
    pm.sweep(TWO, tmp_path / "first")
    pm.sweep(tmp_path / "first" / "config.yaml", tmp_path / "second")
    assert_same_results(tmp_path / "first", tmp_path / "second")


def test_results_load_without_the_files_they_came_from(tmp_path):
    PowerGrid("open_3x3").tables().save(tmp_path / "model.npz")
    mapping = {"name": "file", "environment": str(tmp_path / "model.npz"), "num_samples": 20, "gamma": [0.1, 0.2]}
    result = pm.sweep(mapping, tmp_path / "out")
    (tmp_path / "model.npz").unlink()
    assert pm.load_sweep(tmp_path / "out").to_frame().equals(result.to_frame())


def test_by_default_the_folder_is_named_after_the_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pm.sweep(ONE).folder == Path("results/one")
    assert (tmp_path / "results" / "one" / "results.csv").is_file()


# Progress and logs


def test_the_bar_counts_points_and_says_what_is_left(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(Stop):
            pm.sweep(ONE, tmp_path / "out")
    capsys.readouterr()
    pm.sweep(ONE, tmp_path / "out", progress=True)
    bar = capsys.readouterr().err
    assert "sweep:  33%" in bar
    assert "6/6 [" in bar
    with pytest.raises(ValueError, match="progress: expected True, False or None, found 'yes'"):
        pm.sweep(ONE, tmp_path / "out", progress="yes")


def test_tensorboard_gets_the_averages_of_every_point(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = pm.sweep(TWO, tmp_path / "out", tensorboard=True)
    [folder] = (tmp_path / "out" / "tensorboard").iterdir()
    events = EventAccumulator(str(folder))
    events.Reload()
    for name, column in (("sweep/alignment", "alignment"), ("sweep/human", "human"), ("sweep/ai", "ai")):
        logged = {event.step: event.value for event in events.Scalars(name)}
        assert logged == pytest.approx(dict(enumerate(result.summary()[column])), rel=1e-6)
    assert [event.value for event in events.Scalars("parameters/correlation")] == [0, 0.5, 1]


def test_a_run_that_goes_on_logs_the_finished_points_too(tmp_path, monkeypatch):
    logged = []

    class Log:
        point = staticmethod(lambda point: logged.append(point.number))
        close = staticmethod(lambda: logged.append("closed"))

    monkeypatch.setattr(sweeps_run, "open_logs", lambda *_: [Log])
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(Stop):
            pm.sweep(TWO, tmp_path / "out")
    assert logged == [0, "closed"]
    pm.sweep(TWO, tmp_path / "out")
    assert logged[2:] == [0, 1, 2, "closed"]


def test_wandb_gets_the_averages_of_every_point(tmp_path, monkeypatch):
    """Against a module with the calls of wandb that we make, since the package needs an account."""
    logged, ended = [], []

    class Run:
        log = staticmethod(logged.append)
        finish = staticmethod(lambda: ended.append(True))

    class Module:
        @staticmethod
        def init(project, name, config, dir):
            logged.append((project, name, config["correlation"]))
            return Run

    monkeypatch.setitem(sys.modules, "wandb", Module)
    result = pm.sweep(TWO, tmp_path / "out", wandb=True)
    assert logged[0] == ("powerenvs", "two", [0, 0.5, 1])
    assert [entry["sweep/alignment"] for entry in logged[1:]] == list(result.summary()["alignment"])
    assert ended == [True]


@pytest.mark.parametrize(("option", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")])
def test_a_missing_package_is_named_before_any_work(tmp_path, monkeypatch, option, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=f"{option}: .*pip install .*{option}"):
        pm.sweep(ONE, tmp_path / "out", **{option: True})
    assert not (tmp_path / "out").exists()
