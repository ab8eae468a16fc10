"""Learners over many tasks: exact against POWER's own conventions, and the same however they are run."""

from __future__ import annotations

import functools

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from power_metrics.tasks import many
from powerenvs import TabularMDP, tabular_model
from powerenvs.worlds.power import PowerGrid

MAZE = PowerGrid("maze_7x7")


def optimal(env, seed):
    """What is best in a task, from its tables alone."""
    return pm.optimal_policies(tabular_model(env), None, 0.9).numpy()[0]


def two_looks(env, seed):
    mdp = tabular_model(env)
    return {0: pm.policy_table(np.ones(mdp.available.shape), mdp, kind="counts"), 10: optimal(env, seed)}


def forking():
    """A start, a way that goes on, and an end, in which one stays."""
    rows = [("start", "left", "end", 1.0), ("start", "right", "way", 1.0), ("way", "left", "start", 1.0)]
    return TabularMDP.from_transitions([*rows, ("way", "right", "way", 1.0)], terminal=["end"], initial="start")


@pytest.mark.parametrize("model", [forking(), MAZE.tables()], ids=["an end", "none"])
def test_what_is_best_in_a_task_is_optimal_for_its_reward_function(model):
    found = pm.many_tasks(model, optimal, num_tasks=8, progress=False)
    np.testing.assert_allclose(found.seeking[:, 0], found.optimal_seeking, atol=1e-12)
    np.testing.assert_allclose(found.returns[:, 0], found.optimal_returns, atol=1e-12)
    assert found.seeks_less.tolist() == [0.5]
    assert np.array_equal(found.rewards, pm.drawn_rewards(model, range(8)))


def test_pays_what_power_counts():
    model = forking()
    rewards = np.array([0.25, 1.0, 0.5])
    env = pm.TaskReward(many.task_environment(model), rewards, 0.9)
    labels = list(model.state_labels)
    seen, _ = env.reset(seed=0)
    assert labels[seen] == "start"
    seen, paid, ended, _, info = env.step(model.action_index("right"))
    assert (labels[seen], paid, ended, info["performance"]) == ("way", rewards[seen], False, rewards[seen])
    env.step(model.action_index("left"))
    seen, paid, ended, _, _ = env.step(model.action_index("left"))
    assert labels[seen] == "end"
    assert ended
    assert paid == pytest.approx(10 * rewards[seen])  # all that follows
    with pytest.raises(ValueError, match="3 finite numbers"):
        pm.TaskReward(env, rewards[:2])


def test_a_learner_that_is_known_has_the_power_seeking_of_power_of_policies():
    found = pm.many_tasks(MAZE, pm.EpsilonGreedy(0.3), num_tasks=12, progress=False, seed=3)
    known = pm.power_of_policies(pm.EpsilonGreedy(0.3), MAZE, rewards=found.rewards, progress=False)
    power = found.references.power
    same = pm.many_tasks(
        MAZE, pm.EpsilonGreedy(0.3), rewards=found.rewards, power=known.references.power, progress=False
    )
    np.testing.assert_allclose(same.seeking[:, 0], known.seeking, rtol=1e-12)
    np.testing.assert_allclose(same.optimal_seeking, known.optimal_seeking, rtol=1e-12)
    assert np.isnan(same.scale_error).all()
    assert found.scale_error[0] > 0
    assert not np.array_equal(power, known.references.power)


def test_interval_by_hand():
    found = pm.many_tasks(MAZE, pm.Boltzmann(0.2), num_tasks=15, progress=False)
    apart = found.normalised[:, 0] - found.optimal_normalised
    error = np.hypot(apart.std(ddof=1) / np.sqrt(15), found.scale_error[0] / found._width())
    low, high = found.interval()[0]
    assert (low, high) == pytest.approx((apart.mean() - 2.144787 * error, apart.mean() + 2.144787 * error), rel=1e-6)
    one = pm.many_tasks(MAZE, pm.Boltzmann(0.2), num_tasks=1, progress=False)
    assert np.isnan(one.interval()).all()
    assert found.seeks_less_interval()[0, 0] < found.seeks_less[0] < found.seeks_less_interval()[0, 1]


@pytest.mark.slow
def test_intervals_cover():
    """200 experiments of 12 tasks each, the truth from 4,000 tasks and other POWER."""
    truth = pm.many_tasks(MAZE, pm.Boltzmann(0.2), num_tasks=4_000, seed=99, progress=False)
    power = pm.power(MAZE, 0.9, num_samples=10_000, seed=5, keep_samples=True, method="monte_carlo", progress=False)
    middle = float(truth.difference.mean())
    held = 0
    for k in range(200):
        tasks = pm.drawn_rewards(MAZE, range(12 * k, 12 * k + 12), seed=7)
        low, high = pm.many_tasks(MAZE, pm.Boltzmann(0.2), rewards=tasks, power=power, progress=False).interval()[0]
        held += low <= middle <= high
    assert 0.90 <= held / 200 <= 0.99


@pytest.mark.slow
def test_goes_on_from_its_folder_and_workers_change_nothing(tmp_path):
    learn = functools.partial(pm.many_tasks, PowerGrid("S.."), "q_learning", steps=300, eval_every=100, progress=False)
    whole = learn(num_tasks=4)
    folder = tmp_path / "tasks"
    learn(num_tasks=2, out=folder)
    kept = (folder / "task-0000" / "training.npz").stat().st_mtime_ns
    assert learn(num_tasks=4, out=folder, workers=2) == whole
    assert (folder / "task-0000" / "training.npz").stat().st_mtime_ns == kept
    assert pm.Result.load(folder / "tasks.npz") == whole
    with pytest.raises(ValueError, match="has tasks with seed 0"):
        learn(num_tasks=4, out=folder, seed=1)
    with pytest.raises(ValueError, match="steps"):
        pm.many_tasks(PowerGrid("S.."), "q_learning", steps=400, eval_every=100, num_tasks=4, out=folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="other files"):
        learn(num_tasks=1, out=tmp_path / "other")


def test_functions_are_kept_too(tmp_path):
    asked = []

    def count(env, seed):
        asked.append(seed)
        return two_looks(env, seed)

    found = pm.many_tasks(PowerGrid("S.."), count, num_tasks=3, out=tmp_path, progress=False)
    again = pm.many_tasks(PowerGrid("S.."), count, num_tasks=3, out=tmp_path, progress=False)
    assert again == found
    assert len(set(asked)) == len(asked) == 3
    assert found.step.tolist() == [0, 10]
    np.testing.assert_allclose(found.normalised[:, 0], 0.0, atol=1e-9)
    np.testing.assert_allclose(found.score[:, 1], 1.0)
    assert found.to_frame()["score"].tolist()[-1] == pytest.approx(1.0)


def test_looks_through_the_wrappers_that_the_learner_sees():
    env = gym.make("powerenvs:PowerGrid-v0", level="S..", observation="onehot", max_episode_steps=5)

    def by_eye(env, seed):
        assert env.reset(seed=seed)[0].shape == (3,)
        return lambda seen: int(seen.argmax())

    found = pm.many_tasks(env, by_eye, num_tasks=2, progress=False)
    assert found.seeking[0, 0] == found.seeking[1, 0]


@pytest.mark.parametrize(
    ("learner", "options", "message"),
    [
        ("pppo", {}, "algorithm: expected one of"),
        (pm.Boltzmann, {}, "found the class"),
        (3, {}, "learner: expected the name"),
        (lambda rewards: None, {}, "two arguments"),
        (pm.Boltzmann(0.1), {"settings": {"learning_rate": 1.0}}, "settings: goes with an algorithm"),
        (pm.Boltzmann(0.1), {"num_tasks": 0}, "num_tasks"),
        (pm.Boltzmann(0.1), {"workers": 0}, "workers"),
        (lambda env, seed: {}, {"num_tasks": 1}, "empty mapping"),
        (lambda env, seed: {"a": 1}, {"num_tasks": 1}, "numbers of steps"),
        (lambda env, seed: {seed: lambda state: 0}, {"num_tasks": 2}, "same numbers of steps"),
    ],
)
def test_refusals(learner, options, message):
    with pytest.raises(ValueError, match=message):
        pm.many_tasks(PowerGrid("S.."), learner, progress=False, **options)


@pytest.mark.slow
def test_the_command_draws(tmp_path, capsys):
    from power_metrics.cli.main import main

    main(
        ["tasks", "PowerGrid-v0", "--level", "S..", "--tasks", "3", "--steps", "200", "--eval-every", "100", "--out",
         str(tmp_path / "out"), "--plot", str(tmp_path / "tasks.png"), "--json", str(tmp_path / "tasks.json")]
    )  # fmt: skip
    assert "q_learning in 3 tasks" in capsys.readouterr().out
    assert (tmp_path / "tasks.png").stat().st_size > 10_000
    main(["tasks", "PowerGrid-v0", "--level", "S..", "--tasks", "3", "--learner", "boltzmann(0.1)"])
    assert "Boltzmann" in capsys.readouterr().out
