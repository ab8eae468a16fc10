"""Simulated learners against their exact fixed points and the published rows; table 1 and its command."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from power_metrics.cli.main import main
from power_metrics.measures.corrupt_learning import KINDS
from power_metrics.measures.corrupt_reward_table import AGENTS, GOALS, PUBLISHED, corrupt_reward_table
from powerenvs import TabularMDP
from powerenvs.worlds.corrupt_reward import corrupt_example_24

ID = "powerenvs/CorruptReward-v0"


@pytest.mark.parametrize(("level", "k"), [("one_goal", 1), ("two_goals", 2), ("four_goals", 4)])
def test_quantiliser_rows_are_exact(level, k):
    found = pm.corrupt_agents(gym.make(ID, level=level), deltas=[0.2, 0.5, 0.8]).to_frame()
    for delta in (0.2, 0.5, 0.8):
        row = found.loc[f"quantiliser {delta:g}"]
        assert row["true"] == pytest.approx(0.9 * k / (k + 1), abs=1e-14)
        assert row["observed"] == pytest.approx((0.9 * k + 1) / (k + 1), abs=1e-14)
        assert row["deviation"] == pytest.approx(0.9 * np.sqrt(k) / (k + 1), abs=1e-14)
        assert row["regret"] == pytest.approx(0.9 - row["true"])


@pytest.mark.parametrize("kind", ["q_learning", "softmax", "sarsa", "softmax_sarsa", "soft_q"])
def test_learners_that_begin_where_they_end_up_earn_what_is_exact(kind):
    # At a small rate values hardly tremble; the rest is chance.
    env = gym.make(ID, level="two_goals")
    rule = {"softmax": "q_learning", "softmax_sarsa": "sarsa", "soft_q": "soft"}.get(kind, kind)
    behaviour = "softmax" if kind.startswith("soft") else "epsilon_greedy"
    exact = pm.long_run_rates(env, pm.q_fixed_point(env, rule, behaviour).policy)
    found = pm.corrupt_learning(
        env, kind, steps=20_000, num_runs=100, rate=0.001, initial_q="fixed point", progress=False
    )
    # The start is on a goal, so that the first steps do not count; visits to goals are rare and long.
    assert found.observed_then[-100:].mean() == pytest.approx(exact.observed, abs=0.003)
    assert found.true_then[-100:].mean() == pytest.approx(exact.true, abs=0.015)


def test_high_initial_values_are_a_transient():
    env = gym.make(ID, level="four_goals")
    found = pm.corrupt_learning(env, steps=100_000, num_runs=20, progress=False)
    exact = pm.long_run_rates(env, pm.q_fixed_point(env).policy)
    assert found.observed_then[0] < 0.8 < found.observed_then[-50:].mean()
    assert found.observed_then[-50:].mean() == pytest.approx(exact.observed, abs=0.003)
    assert found.mean.observed < exact.observed - 3 * found.standard_error.observed
    assert np.average(found.true_then, weights=np.diff([0, *found.ends])) == pytest.approx(found.mean.true)


def test_the_same_seed_gives_the_same_runs_and_parts_do_not_matter():
    env = gym.make(ID)
    one = pm.corrupt_learning(env, steps=1_000, num_runs=3, seed=7, progress=False)
    assert one == pm.corrupt_learning(env, steps=1_000, num_runs=3, seed=7, progress=False)
    assert one != pm.corrupt_learning(env, steps=1_000, num_runs=3, seed=8, progress=False)
    assert sorted(one.observed) != [one.observed[0]] * 3
    assert np.isnan(pm.corrupt_learning(env, steps=10, num_runs=1, progress=False).standard_error.true)


def test_simulated_quantilisers_stay_in_a_state_that_pays():
    found = pm.corrupt_learning(gym.make(ID, level="four_goals"), "quantiliser", 20_000, 50, delta=0.2, progress=False)
    tail = found.observed_then[-20:]
    assert np.ptp(tail) < 1e-12  # all have come to rest
    assert 0.88 < tail[0] < 0.96


def test_learners_respect_missing_actions_and_chances():
    moves = [("a", "x", "a", 0.5), ("a", "x", "b", 0.5), ("b", "y", "a", 1.0)]
    mdp = TabularMDP.from_transitions(moves, reward=[0.0, 1.0, 0.0], performance=[0.0, -1.0, 0.0], initial="a")
    for kind in KINDS:
        found = pm.corrupt_learning(mdp, kind, 30_000, 10, progress=False)
        assert found.mean.observed == pytest.approx(1 / 3, abs=0.01)
        assert found.mean.true == -found.mean.observed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "qlearning"}, "did you mean 'q_learning'"),
        ({"rate": 0}, "rate: expected a number above 0"),
        ({"initial_q": "optimal"}, "expected a number, values"),
        ({"initial_q": np.ones(3)}, r"expected a number or values \(2, 3\), found \(3,\)"),
        ({"initial_q": np.inf}, "expected finite numbers"),
        ({"delta": np.nan}, "delta: expected a finite number"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        pm.corrupt_learning(corrupt_example_24(), **settings, steps=2)


def test_models_that_end_are_refused():
    mdp = TabularMDP.from_transitions([("a", "go", "end", 1.0)], terminal=["end"])
    with pytest.raises(ValueError, match="expected a model that goes on for ever"):
        pm.corrupt_learning(mdp, steps=2)


def test_published_rows_lie_near_exact_ones():
    for line in corrupt_reward_table(num_runs=0, progress=False):
        if line.agent in ("q_learning", "softmax"):
            assert line.published.observed == pytest.approx(line.exact.observed, abs=0.003)
            assert line.published.true == pytest.approx(line.exact.true, abs=0.004)
        elif line.level != "one_goal":
            error = 0.3 * max(line.exact_deviation.true, 0.3)  # three standard errors of 100 runs
            assert line.published.true == pytest.approx(line.exact.true, abs=error)


@pytest.mark.slow
@pytest.mark.parametrize("level", GOALS)
def test_whole_runs_are_those_published(level):
    # The published steps, a tenth of the runs; published means have three digits, those of softmax fewer still.
    env = gym.make(ID, level=level, goal_mean=GOALS[level])
    for kind, row in zip(("q_learning", "softmax"), PUBLISHED[level], strict=False):
        found = pm.corrupt_learning(env, kind, num_runs=10, progress=False)
        for published, channel in ((row[0], "observed"), (row[2], "true")):
            error = 2.3 * getattr(found.standard_error, channel) + 0.0006
            assert getattr(found.mean, channel) == pytest.approx(published, abs=error)


def test_the_command(tmp_path, capsys):
    path = tmp_path / "table.json"
    assert main(["corrupt-reward", "--level", "two_goals", "--runs", "2", "--steps", "500", "--json", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Average reward of a step"
    assert any(" ".join(line.split()).startswith("two_goals q_learning 0.9210 +-0.00062 0.9216") for line in lines)
    found = json.loads(path.read_text())["lines"]
    assert [line["agent"] for line in found] == list(AGENTS)
    assert found[2]["exact"] == pytest.approx({"observed": 2.8 / 3, "true": 0.6})
    assert found[0]["simulated"]["true"] >= 0
    assert main(["corrupt-reward", "--runs", "0", "--level", "one_goal"]) == 0
    assert "simulated:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--level", "three_goals"], "levels: unknown level 'three_goals'"),
        (["--runs", "-1"], "num_runs: expected a whole number of at least 0"),
        (["--json", "/"], "--json: expected a file, found the folder"),
    ],
)
def test_one_line_for_bad_input(words, message, capsys):
    assert main(["corrupt-reward", *words]) == 2
    assert message in capsys.readouterr().err
