"""Training from preferences: regret after 500 labels, threads, going on after a kill, learners, the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from power_metrics.cli.main import main
from powerenvs import tabular_model

MAZE = ".......\n.##.###\n....###\n.##....\n.##.##.\n.##....\nS...##G"
train = pm.preferences.train


def worlds(seed):
    rewards = np.random.default_rng(seed).random(9)
    yield pm.TaskReward(gym.make("powerenvs:PowerGrid-v0", level="open_3x3"), rewards)
    yield gym.make("powerenvs:PowerGrid-v0", level=MAZE)
    yield gym.make("powerenvs:powerenvs/IslandNavigation-v0")


@pytest.mark.slow
def test_500_labels_give_the_right_policy():
    """Regret at most 1 % in each of three worlds; docs/data/preferences has more seeds and worlds."""
    for seed, env in enumerate(worlds(0)):
        found = train(env, labels=500, steps=20_000, seed=seed, progress=False)
        assert found.labels[-1] == 500
        assert found.regret[-1] <= 0.01, env


def corridor():
    return gym.make("powerenvs:PowerGrid-v0", level="S..G", max_episode_steps=20)


SMALL: dict = {"labels": 60, "steps": 2000, "rounds": 3, "length": 5, "progress": False}


def test_all_at_once_and_one_after_the_other():
    first = train(corridor(), **SMALL)
    again = train(corridor(), **SMALL)
    np.testing.assert_array_equal(first.policies, again.policies)
    np.testing.assert_array_equal(first.learned, again.learned)
    at_once = train(corridor(), asynchronous=True, **SMALL)
    assert at_once.labels[-1] == 60
    assert max(first.regret[-1], at_once.regret[-1]) <= 1e-9
    assert first.learned_model().reward is not None


def test_a_person_in_another_thread(tmp_path):
    """Whoever fills the store is the teacher; undoing an answer makes training wait for another."""
    store = pm.preferences.Store(tmp_path / "labels.db")
    teacher = pm.preferences.SyntheticTeacher(corridor())
    given, undone = [], []

    def person():
        while len(given) < 60:
            pair = store.next_pair("ann")
            if pair is None:
                time.sleep(0.01)
                continue
            store.answer(pair.id, "ann", teacher(store.segment(pair.left), store.segment(pair.right)))
            given.append(pair.id)
            if len(given) == 30 and not undone:
                undone.append(store.undo("ann").id)
                given.pop()

    thread = threading.Thread(target=person, daemon=True)
    thread.start()
    found = train(corridor(), "human", store=store, **SMALL)
    thread.join(60)
    assert found.regret[-1] <= 1e-9
    assert store.counts()["raters"] == {"ann": 60}


KILLED = """
import sys, time
import gymnasium as gym
import power_metrics as pm
def slow(left, right):
    time.sleep(0.01)
    print("asked", flush=True)
    return "left" if left.ended else "right" if right.ended else "tie"
env = gym.make("powerenvs:PowerGrid-v0", level="S..G", max_episode_steps=20)
pm.preferences.train(env, slow, labels=60, steps=2000, rounds=3, length=5, progress=False, out=sys.argv[1])
"""


def test_going_on_after_a_kill(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(pm.__file__).parent.parent)}
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "a")], stdout=subprocess.PIPE, text=True, env=env
    )
    for _ in range(25):  # in the second round
        run.stdout.readline()
    run.send_signal(signal.SIGKILL)
    run.communicate()
    store = pm.preferences.Store(tmp_path / "a" / "labels.db")
    before = store.comparisons()
    assert 24 <= len(before) < 60

    def answers(left, right):
        return "left" if left.ended else "right" if right.ended else "tie"

    resumed = train(corridor(), answers, out=tmp_path / "a", **SMALL)
    after = store.comparisons()
    assert after.labels[: len(before)] == before.labels
    assert len(after) == 60
    whole = train(corridor(), answers, out=tmp_path / "b", **SMALL)
    np.testing.assert_array_equal(resumed.policies, whole.policies)
    np.testing.assert_array_equal(resumed.learned, whole.learned)
    with pytest.raises(ValueError, match="labels: expected 60"):
        train(corridor(), answers, out=tmp_path / "a", **{**SMALL, "labels": 61})
    assert pm.Result.load(tmp_path / "a" / "training.npz").labels[-1] == 60


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["q_learning", "vector_ppo", "a2c"])
def test_learners_follow_what_was_learned(algorithm, tmp_path):
    options = {**SMALL, "steps": 6000, "gamma": 0.9}
    found = train(corridor(), algorithm=algorithm, out=tmp_path / "a", **options)
    assert found.step[-1] >= 12_000
    assert found.returns[-1] > found.random_return
    if algorithm == "q_learning":
        assert found.regret[-1] < 0.05


def test_nothing_but_ties():
    found = train(corridor(), lambda left, right: "tie", asynchronous=True, **SMALL)
    assert np.isnan(found.agreed).all()
    assert np.abs(found.learned).max() < 1e-6


def test_bad_training(tmp_path):
    used = pm.preferences.Store(tmp_path / "a.db")
    used.add_pairs([[pm.preferences.Segment([0], states=[0, s]) for s in (0, 1)]])
    for options, words in (
        ({"teacher": "god"}, "teacher"),
        ({"teacher": lambda left, right: "both"}, "expected one of left"),
        ({"algorithm": "impala"}, "algorithm"),
        ({"algorithm": "exact", "settings": {"a": 1}}, "settings"),
        ({"explore": 2.0}, "explore"),
        ({"store": 3}, "store"),
        ({"store": used}, "something else"),
        ({"rate": "slow"}, "rate"),
    ):
        with pytest.raises(ValueError, match=words):
            train(corridor(), **{**SMALL, **options})
    with pytest.raises(ValueError, match="expected one of left"):
        train(corridor(), lambda left, right: "both", asynchronous=True, **SMALL)


def test_the_command(tmp_path, capsys):
    words = ["prefer", "PowerGrid-v0", "--level", "S..G", "--labels", "40", "--steps", "2000", "--rounds", "2"]
    assert main([*words, "--length", "5", "--out", str(tmp_path / "a"), "--json", str(tmp_path / "a.json")]) == 0
    told = capsys.readouterr().out
    assert "40" in told
    assert "regret" in told
    store = pm.preferences.Store(tmp_path / "a" / "labels.db")
    assert store.about["environment"] == {"id": "PowerGrid-v0", "kwargs": {"level": "S..G"}}
    assert main([*words, "--teacher", "human"]) == 2
    assert tabular_model(corridor()).fingerprint == store.about["training"]["model"]


ROOMS = "...#...\n...#...\n.......\n#.###.#\n.......\n...#...\n...#..."


def test_what_behaviours_count():
    """Rings, walls and rooms by hand, and the exact share of a policy that walks the ring backwards half of the time."""
    maze = gym.make("powerenvs:PowerGrid-v0", level="maze_7x7")
    ring = pm.preferences.Behaviour(maze, "ring")
    assert int(ring.doing.sum()) == 14  # around the walls of three rows and two columns
    assert ring.best == pytest.approx(1.0)
    rooms = pm.preferences.Behaviour(gym.make("powerenvs:PowerGrid-v0", level=ROOMS), "rooms")
    assert rooms.best == pytest.approx(4 / 12)  # four changes in the twelve steps around
    open_ = gym.make("powerenvs:PowerGrid-v0", level="open_3x3")
    wall = pm.preferences.Behaviour(open_, "wall")
    uniform = np.full((9, 5), 0.2)
    assert wall.share(uniform) == pytest.approx(8 / 9)  # all cells but the middle, and moves into walls stay
    stay, middle = pm.preferences.Segment([0], states=[0, 0]), pm.preferences.Segment([0], states=[4, 4])
    assert (wall(stay, middle), wall(middle, stay), wall(stay, stay)) == ("left", "right", "tie")
    with pytest.raises(ValueError, match="rectangle"):
        pm.preferences.Behaviour(open_, "ring")
    with pytest.raises(ValueError, match="name"):
        pm.preferences.Behaviour(open_, "dance")


@pytest.mark.slow
def test_a_behaviour_is_taught_with_less_than_a_hundredth_of_the_steps(tmp_path, capsys):
    film = str(tmp_path / "ring.gif")
    words = ["prefer", "PowerGrid-v0", "--level", "maze_7x7", "--teacher", "ring", "--kind", "transition"]
    assert main([*words, "--labels", "200", "--steps", "500000", "--rounds", "5", "--film", film]) == 0
    told = capsys.readouterr().out
    assert "1.000 of all steps; the most there can be is 1.000" in told
    share = float(told.partition("random policy; ")[2].partition("%")[0])
    assert 0 < share < 1
    assert Path(film).stat().st_size > 1000
