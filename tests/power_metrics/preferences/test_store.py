"""The store of preferences: leases, undo, agreement, files, threads, and processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest

import power_metrics as pm
from power_metrics.preferences.store import Taken

Segment, Store = pm.preferences.Segment, pm.preferences.Store


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def segments(count):
    return [Segment([0, 1], states=[0, i, i + 1]) for i in range(count)]


def filled(path, pairs=6, clock=time.time, **options):
    store = Store(path, clock=clock)
    pieces = segments(pairs + 1)
    store.add_pairs([(pieces[i], pieces[i + 1]) for i in range(pairs)], **options)
    return store


def test_a_pair_goes_to_one_rater_and_comes_back_after_two_minutes(tmp_path):
    clock = Clock()
    store = filled(tmp_path / "a.db", 2, clock)
    first = store.next_pair("ann")
    assert (first.left, first.right, first.until - first.shown) == (1, 2, 120.0)
    assert store.next_pair("ann").id == first.id  # a page that is loaded anew
    second = store.next_pair("bob")
    assert second.id != first.id
    assert store.next_pair("cyd") is None
    assert store.counts()["leased"] == 2
    assert store.counts()["open"] == 0
    clock.now += 119
    assert store.next_pair("cyd") is None
    clock.now += 2
    assert store.next_pair("cyd").id == first.id
    with pytest.raises(Taken, match="shown to another"):
        store.answer(first.id, "ann", "left")
    assert store.answer(second.id, "bob", "left") == 1  # late, but nobody else has it
    with pytest.raises(Taken, match="all the answers"):
        store.answer(second.id, "ann", "left")
    with pytest.raises(ValueError, match="undo that"):
        store.answer(second.id, "bob", "right")


def test_several_answers_are_asked_for(tmp_path):
    store = filled(tmp_path / "a.db", 1, labels=2)
    assert store.next_pair("ann").id == store.next_pair("bob").id == 1
    assert store.next_pair("cyd") is None
    store.answer(1, "ann", "left")
    assert store.next_pair("ann") is None
    store.answer(1, "bob", "right")
    assert store.counts()["labelled"] == 1
    assert [row["agreement"] for row in store.agreement()] == [0.0]


def test_priority_own_pairs_and_repeats(tmp_path):
    store = filled(tmp_path / "a.db", 3)
    best = store.add_pairs([(1, 3)], priority=2.0)[0]
    assert store.next_pair("ann").id == best
    store.answer(best, "ann", "left")
    again = store.repeat(best, "ann")
    assert store.next_pair("bob").id == 1
    assert store.next_pair("ann").id == again
    with pytest.raises(Taken, match="only"):
        store.answer(again, "bob", "left")
    store.answer(again, "ann", "right")  # the same segment, now on the other side
    assert store.agreement() == [{"raters": ("ann", "ann"), "pairs": 1, "same": 1, "agreement": 1.0, "kappa": None}]


def test_undo_shows_the_pair_again_and_keeps_the_record(tmp_path):
    clock = Clock()
    store = filled(tmp_path / "a.db", 3, clock)
    for label in ("left", "tie"):
        store.answer(store.next_pair("ann").id, "ann", label)
        clock.now += 3
    store.next_pair("ann")
    back = store.undo("ann")
    assert back.id == 2
    assert store.next_pair("ann").id == 2
    assert store.next_pair("bob") is None or store.next_pair("bob").id != 2
    assert store.counts()["comparisons"] == 1
    assert store.counts()["undone"] == 1
    store.answer(2, "ann", "incomparable")
    found = store.comparisons()
    assert found.labels == ("left", "incomparable")
    assert found.preference[0] == 1
    assert np.isnan(found.preference[1])
    assert store.undo("ann").id == 2
    assert store.undo("ann").id == 1
    assert store.undo("ann") is None


def test_times_and_the_last_answers(tmp_path):
    clock = Clock()
    store = filled(tmp_path / "a.db", 3, clock)
    store.next_pair("ann")
    clock.now += 4.5
    store.answer(1, "ann", "left")
    store.answer(2, "ann", "right", 7.0)
    store.answer(3, "bob", "tie", shown=990.0, responded=995.0)
    found = store.comparisons()
    np.testing.assert_equal(found.response_time, [4.5, 7.0, np.nan])
    np.testing.assert_equal(found.shown, [1000.0, np.nan, 990.0])
    assert store.comparisons(latest=2).ids.tolist() == [2, 3]
    assert store.comparisons(rater="bob").pairs.tolist() == [3]
    assert store.comparisons(after=2).ids.tolist() == [3]


def test_kappa_against_its_formula(tmp_path):
    store = filled(tmp_path / "a.db", 40, labels=2)
    rng = np.random.default_rng(0)
    words = np.array(["left", "right", "tie"])
    ann = rng.integers(3, size=40)
    bob = np.where(rng.random(40) < 0.6, ann, rng.integers(3, size=40))
    for i in range(40):
        store.answer(i + 1, "ann", str(words[ann[i]]))
        store.answer(i + 1, "bob", str(words[bob[i]]))
    [row] = store.agreement()
    chance = sum((ann == k).mean() * (bob == k).mean() for k in range(3))
    same = (ann == bob).mean()
    assert row["agreement"] == same
    assert row["kappa"] == pytest.approx((same - chance) / (1 - chance))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_files_there_and_back(tmp_path, suffix):
    clock = Clock()
    store = filled(tmp_path / "a.db", 4, clock)
    picture = np.zeros((2, 4, 4, 3), np.uint8)
    seen = Segment([[0.5]], observations=[[0.1, 2.0], [3.0, 4.0]], rewards=[1.5], frames=picture, ended=True)
    store.note(environment={"id": "x"})
    store.add_pairs([(seen, 1)], schedule="variance")
    for pair, label in ((1, "left"), (2, "tie"), (3, "incomparable"), (5, "right")):
        store.answer(pair, "ann", label, 1.25)
    store.undo("ann")
    clock.now += 121
    store.answer(5, "bob", "left")
    store.save(tmp_path / f"out{suffix}")
    other = Store(tmp_path / "b.db")
    assert other.load(tmp_path / f"out{suffix}") == 4
    assert other.load(tmp_path / f"out{suffix}") == 0  # not twice
    before, after = store.comparisons(), other.comparisons()
    assert before.labels == after.labels
    assert before.raters == after.raters
    np.testing.assert_equal(before.response_time, after.response_time)
    for a, b in zip(before.left, after.left, strict=True):
        assert store.segment(int(a)) == other.segment(int(b))
    assert after.schedules[-1] == "variance"
    if suffix == ".jsonl":
        assert other.about == store.about
        assert other.counts()["undone"] == 1
        assert other.counts()["open"] == 1
        assert other.segment(int(after.left[-1])).frames.shape == picture.shape
    (tmp_path / f"bad{suffix}").write_text("what?\n")
    with pytest.raises(ValueError, match="found something else"):
        other.load(tmp_path / f"bad{suffix}")


def test_bad_input(tmp_path):
    store = filled(tmp_path / "a.db")
    for call, words in (
        (lambda: store.add_pairs([(1, 1)]), "different segments"),
        (lambda: store.add_pairs([(1, 99)]), "in the store, found 99"),
        (lambda: store.add_pairs([(1, 2)], labels=0), "labels"),
        (lambda: store.answer(1, "ann", "up"), "expected one of left"),
        (lambda: store.answer(99, "ann", "left"), "found 99"),
        (lambda: store.answer(1, " ", "left"), "rater"),
        (lambda: store.answer(1, "ann", "left", -1.0), "response_time"),
        (lambda: store.segment(99), "found 99"),
        (lambda: store.segments([1, 99]), "found 99"),
        (lambda: store.note(x=object()), "JSON"),
        (lambda: store.save(tmp_path / "a.txt"), "jsonl or .csv"),
        (lambda: Segment([0], states=[0]), "expected 2"),
        (lambda: Segment([0]), "at least one"),
        (lambda: Segment([0], states=[0, -1]), "at least 0"),
        (lambda: Segment([0], states=[0, 1], rewards=[np.nan]), "finite"),
        (lambda: Store(tmp_path / "a.db", lease=0), "lease"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert store.counts()["pairs"] == 6  # nothing of what was refused is there
    (tmp_path / "text.db").write_text("something else " * 100)
    with pytest.raises(ValueError, match="expected a store"):
        Store(tmp_path / "text.db")


def test_raters_in_threads_and_copies_of_the_store(tmp_path):
    store = cloudpickle.loads(cloudpickle.dumps(filled(tmp_path / "a.db", 60)))

    def rate(name):
        while (pair := store.next_pair(name)) is not None:
            store.answer(pair.id, name, "left")

    threads = [threading.Thread(target=rate, args=(f"r{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.comparisons()
    assert sorted(found.pairs.tolist()) == list(range(1, 61))
    assert store.counts()["labelled"] == 60


RATER = """
import sys, time
import power_metrics as pm
store = pm.preferences.Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()  # so that both begin together
while (pair := store.next_pair(sys.argv[2])) is not None:
    store.answer(pair.id, sys.argv[2], "left")
    print(pair.id, flush=True)
    time.sleep(0.002)  # lets the other in
"""


def test_killed_raters_lose_nothing(tmp_path):
    """Every answer that was acknowledged is there once, and at most the one that was on its way besides."""
    store = filled(tmp_path / "a.db", 3000)
    env = {**os.environ, "PYTHONPATH": str(Path(pm.__file__).parent.parent)}
    raters = [
        subprocess.Popen(
            [sys.executable, "-c", RATER, str(tmp_path / "a.db"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        for name in ("ann", "bob")
    ]
    assert [rater.stdout.readline() for rater in raters] == ["ready\n"] * 2
    for rater in raters:
        rater.stdin.write("\n")
        rater.stdin.flush()
    heads = ["".join(rater.stdout.readline() for _ in range(100)) for rater in raters]
    for rater in raters:
        rater.send_signal(signal.SIGKILL)
    told = [
        {int(line) for line in (head + rater.communicate()[0]).splitlines()}
        for head, rater in zip(heads, raters, strict=True)
    ]
    found = store.comparisons()
    assert len(found) < 3000
    assert len(set(found.pairs.tolist())) == len(found)
    for name, acknowledged in zip(("ann", "bob"), told, strict=True):
        kept = {pair for pair, who in zip(found.pairs.tolist(), found.raters, strict=True) if who == name}
        assert acknowledged <= kept
        assert len(kept - acknowledged) <= 1
    assert store._open().execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_segments_of_tables_and_of_any_environment():
    env = gym.make("powerenvs:powerenvs/IslandNavigation-v0")
    found = pm.preferences.collect(env, num_segments=50, length=10, seed=1)
    assert found == pm.preferences.collect(env, num_segments=50, length=10, seed=1)
    mdp = env.unwrapped.mdp
    for segment in found:
        assert segment.ended == mdp.terminal[segment.states[-1]]
        assert not mdp.terminal[segment.states[:-1]].any()
        assert len(segment) == 10 or segment.ended
        for s, a, after, paid in zip(
            segment.states, segment.actions, segment.states[1:], segment.rewards, strict=False
        ):
            assert any((p > 0, n, r) == (True, after, paid) for p, n, r, _ in mdp.P[int(s)][int(a)])
    assert pm.preferences.frames(found[0], env).shape[0] == len(found[0]) + 1
    cart = gym.make("CartPole-v1", render_mode="rgb_array")
    [one, *_] = pm.preferences.collect(cart, lambda seen: 0, 2, length=5, frames=True)
    assert one.states is None
    assert one.observations.shape == (6, 4)
    assert len(one.frames) == 6
