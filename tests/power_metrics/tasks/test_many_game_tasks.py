"""Learners of games over many tasks: one powerful agent is the case of one; best responses and equilibria by hand."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.agents.joint_q_learning import IndependentQLearning
from power_metrics.comparison.games import best_responses
from power_metrics.tasks.games import GameRunner
from power_metrics.tasks.runs import Job, packed, work
from powerenvs import TabularGame, TabularMDP, tabular_model
from powerenvs.multi import GameEnv, power_pair_v0
from powerenvs.worlds.power.pair import PowerPair

ROWS = [("start", "left", "end"), ("start", "right", "way"), ("way", "left", "start"), ("way", "right", "way")]
ALONE = TabularMDP.from_transitions([(*row, 1.0) for row in ROWS], terminal=["end"], initial="start")
WATCHED = TabularGame.from_transitions(
    [(s, (a, "look"), t, 1.0) for s, a, t in ROWS], terminal=["end"], initial="start", agents=("mover", "watcher")
)
"""`ALONE`, and somebody who can only look."""
TASKS = np.random.default_rng(0).random((5, 2, 3))
POWER = np.array([0.6, 0.5, 0.9])


def two_looks(env, seed):
    """Agents at random, and then what iterated best response comes to."""
    game = tabular_model(env)
    uniform = {agent: game.uniform_policy(agent) for agent in game.agents}
    return {0: uniform, 5: best_responses(game, 0.9, game.initial)[0]}


def test_a_game_with_one_agent_who_matters_is_the_case_of_one():
    numbers = {"power": {"mover": POWER, "watcher": POWER}, "rewards": TASKS, "progress": False}
    found = pm.many_tasks(WATCHED, steps=3_000, eval_every=1_500, **numbers)
    alone = pm.many_tasks(ALONE, pm.EpsilonGreedy(0.0), rewards=TASKS[:, 0], power=POWER, progress=False)
    assert found.converged.all()
    np.testing.assert_allclose(found.optimal_seeking[:, 0, 0], alone.optimal_seeking, atol=1e-12)
    np.testing.assert_allclose(found.equilibrium_seeking[:, 0], alone.optimal_seeking, atol=1e-12)
    np.testing.assert_allclose(found.optimal_returns[:, 0, 0], alone.optimal_returns, atol=1e-12)
    np.testing.assert_allclose(found.random_returns[:, 0], alone.random_returns, atol=1e-12)
    np.testing.assert_allclose(found.normalised[:, 0, 0], 0.0, atol=1e-12)  # nothing has been learned yet
    np.testing.assert_allclose(found.gap[:, -1], 0.0, atol=1e-9)  # and then all there is
    np.testing.assert_allclose(found.seeking[:, -1, 0], alone.optimal_seeking, atol=1e-9)
    np.testing.assert_allclose(found.gap[:, :, 1], 0.0, atol=1e-12)
    assert np.isnan(found.scale_error).all()


def test_at_an_equilibrium_nobody_gains():
    found = pm.many_tasks(PowerPair("S.."), two_looks, num_tasks=6, progress=False)
    assert found.step.tolist() == [0, 5]
    kept = found.converged
    assert kept.any()
    np.testing.assert_allclose(found.gap[kept, 1], 0.0, atol=1e-8)
    np.testing.assert_allclose(found.seeking[kept, 1], found.equilibrium_seeking[kept], atol=1e-12)
    assert np.isnan(found.equilibrium_seeking[~kept]).all()
    np.testing.assert_allclose(found.normalised[:, 0], 0.0, atol=1e-12)
    assert (found.scale_error[0] > 0).all()
    apart = found.difference[:, 0, 1]
    scale = found.references["ai"]
    width = scale.power_seeking(scale.occupancies["most power-seeking"] - scale.occupancies["random"])
    half = 2.5705818 * np.hypot(apart.std(ddof=1) / np.sqrt(6), found.scale_error[0, 1] / width)
    assert found.interval()[0, 1] == pytest.approx([apart.mean() - half, apart.mean() + half], rel=1e-6)
    assert "less optimal against optimal: " in str(found)


def test_pays_each_agent_its_own_reward_function():
    env = pm.TaskRewardParallel(GameEnv(WATCHED), dict(zip(WATCHED.agents, TASKS[0], strict=True)), 0.9)
    env.reset(seed=0)
    names = list(WATCHED.state_labels)
    action = {"mover": WATCHED.action_labels["mover"].index("right"), "watcher": 0}
    _, paid, ended, _, infos = env.step(action)
    assert paid == {"mover": TASKS[0, 0, names.index("way")], "watcher": TASKS[0, 1, names.index("way")]}
    assert infos["mover"]["performance"] == paid["mover"]
    for _ in range(2):
        _, paid, ended, _, _ = env.step({"mover": 1 - action["mover"], "watcher": 0})
    assert ended["mover"]
    assert paid["watcher"] == pytest.approx(10 * TASKS[0, 1, names.index("end")])  # all that follows
    table = tabular_model(env)
    row = names.index("start") * 2 + (1 - action["mover"])
    assert table.reward[:, table.indptr[row]] == pytest.approx(10 * TASKS[0, :, names.index("end")])
    with pytest.raises(ValueError, match="rewards: expected those of"):
        pm.TaskRewardParallel(GameEnv(WATCHED), {"mover": TASKS[0, 0]})
    with pytest.raises(ValueError, match="3 finite numbers of 'mover'"):
        pm.TaskRewardParallel(GameEnv(WATCHED), {"mover": TASKS[0, 0, :2], "watcher": TASKS[0, 1]})


@pytest.mark.slow
def test_games_go_on_from_their_folder(tmp_path):
    env = power_pair_v0.parallel_env(level="S..")
    options = {"steps": 2_000, "eval_every": 1_000, "progress": False}
    whole = pm.many_tasks(env, num_tasks=4, **options)
    pm.many_tasks(env, num_tasks=2, out=tmp_path, **options)
    kept = (tmp_path / "task-0001" / "policies.npz").stat().st_mtime_ns
    assert pm.many_tasks(env, num_tasks=4, out=tmp_path, **options) == whole
    assert (tmp_path / "task-0001" / "policies.npz").stat().st_mtime_ns == kept
    assert pm.Result.load(tmp_path / "tasks.npz") == whole
    assert whole.plot(path=tmp_path / "tasks.png").axes[1].get_title() == "power-seeking"
    with pytest.raises(ValueError, match="has tasks with seed 0"):
        pm.many_tasks(env, num_tasks=4, out=tmp_path, seed=1, **options)


def test_a_worker_learns_the_same():
    runner = GameRunner("q_learning", GameEnv(WATCHED), WATCHED, 0.9, 3, 300, 100, IndependentQLearning(0.5))
    here, there = runner(1, TASKS[0], None), work(packed(runner), Job(1, TASKS[0], None))
    assert here.step.tolist() == there.step.tolist() == [0, 100, 200, 300]
    assert all(map(np.array_equal, here.policies, there.policies))


@pytest.mark.parametrize(
    ("learner", "options", "message"),
    [
        ("ppo", {}, "independent Q-learning of every agent"),
        (pm.Boltzmann(0.1), {}, "needs a world of one agent"),
        (3, {}, "learner: expected the name"),
        ("q_learning", {"settings": {"rate": 1.0}}, "no setting 'rate'"),
        ("q_learning", {"settings": {"learning_rate": 2.0}}, "learning_rate: expected a number above 0"),
        ("q_learning", {"rewards": np.zeros((2, 3, 9))}, r"rewards: expected finite numbers \(tasks, 2, 3\)"),
        ("q_learning", {"power": {"mover": POWER}}, "found none of 'watcher'"),
        (lambda env, seed: {"mover": lambda state: 0}, {}, "expected the policies of"),
        (lambda env, seed: {0: {"mover": lambda state: 0}}, {}, "expected the policies of"),
        (lambda env, seed: {}, {}, "empty mapping"),
        (lambda env, seed: 3, {}, "learner: expected {agent: policy}"),
    ],
)
def test_refusals(learner, options, message):
    given = {"power": {"mover": POWER, "watcher": POWER}, "num_tasks": 1, "progress": False, **options}
    with pytest.raises(ValueError, match=message):
        pm.many_tasks(WATCHED, learner, **given)


def test_the_command_takes_games(tmp_path, capsys):
    from power_metrics.cli.main import main

    short = ["--tasks", "2", "--steps", "400", "--eval-every", "200", "--max-episode-steps", "5"]
    main(["tasks", "power_pair", "--level", "S..", *short, "--json", str(tmp_path / "tasks.json")])
    assert "q_learning of each agent in 2 tasks" in capsys.readouterr().out
