"""Work of many parts: done once each, here or by workers; how far it is; and the folder that it is kept in."""

from __future__ import annotations

import os
import threading
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

import pytest

import power_metrics as pm
from power_metrics.resumed.folder import check_same
from power_metrics.resumed.work import Progress, work_through
from powerenvs.worlds.power import PowerGrid


def pid(job):
    return os.getpid()


def told(total=6, **kwargs):
    return Progress("work", "parts", total, show=False, **kwargs)


def test_here_in_order_and_by_workers_each_once():
    assert list(work_through(lambda job: job**2, [3, 1, 2], told(3))) == [(3, 9), (1, 1), (2, 4)]
    with ThreadPoolExecutor(2) as pool:
        found = work_through(None, range(20), told(20), pool, 2, elsewhere=lambda: lambda job: job**2)
        assert sorted(found) == [(job, job**2) for job in range(20)]
        assert pool.submit(len, "ab").result() == 2  # it stays open
        assert list(work_through(None, [], told(0), pool, 2, elsewhere=lambda: None)) == []
    found = dict(work_through(pid, [1, 2], told(2), "processes", 2))
    assert sorted(found) == [1, 2]
    assert os.getpid() not in found.values()


def test_a_single_job_is_done_here():
    assert list(work_through(lambda job: os.getpid(), [0], told(1), "processes", 2)) == [(0, os.getpid())]


@pytest.mark.parametrize(
    ("kept", "ends"), [(True, "run the same again to go on"), (False, "none is kept without a folder")]
)
def test_an_interrupt_says_how_far_it_is(kept, ends):
    def work(job):
        if job == 3:
            raise KeyboardInterrupt
        return job

    with pytest.raises(KeyboardInterrupt, match=f"^12 of 56 parts done; {ends}$"):
        list(work_through(work, range(9), told(56, done=6, kept=kept), size=lambda job: 2))


def test_what_waits_is_not_begun_after_an_error():
    begun, wait = [], threading.Event()

    def work(job):
        begun.append(job)
        if job == 0:
            raise ValueError("the first")
        wait.wait(5)

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ValueError, match="the first"):
            list(work_through(work, range(9), told(9), pool, 1))
        wait.set()
    assert len(begun) <= 2


def test_workers_that_die_are_an_error_that_says_so():
    class Dead(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            raise BrokenExecutor

    with Dead(1) as pool, pytest.raises(RuntimeError, match=r"expected workers that stay alive, found .* broken"):
        list(work_through(abs, range(2), told(2), pool, 1))


def test_a_folder_is_of_one_thing(tmp_path):
    record = {"seed": 1, "settings": "{}"}
    check_same(tmp_path, "record.json", record, "tasks")
    check_same(tmp_path, "record.json", record, "tasks")
    for other in ({**record, "seed": 2}, {"settings": "{}"}, {**record, "more": 0}):
        with pytest.raises(
            ValueError, match=r"^out: .* has tasks with (seed 1|more None), found (2|None|0); use another"
        ):
            check_same(tmp_path, "record.json", other, "tasks")
    with pytest.raises(ValueError, match="expected a new folder or one of these runs, found other files"):
        check_same(tmp_path, "other.json", record, "runs")


def test_tasks_say_how_far_they_are(tmp_path):
    def learner(env, seed):
        if (tmp_path / "task-0001").exists():
            raise KeyboardInterrupt
        return lambda state: 0

    with pytest.raises(KeyboardInterrupt, match=r"^2 of 4 tasks done; run the same again to go on$"):
        pm.many_tasks(PowerGrid("S.."), learner, num_tasks=4, out=tmp_path, progress=False)
