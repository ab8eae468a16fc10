"""`power` on processes and executors: the same numbers, also where workers die, and a clean end where it is stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.expectation import executors
from power_metrics.expectation.executors import run_shards, shard_ranges
from powerenvs.extras import install_line
from tests.power_metrics.worlds import MAZE, grid, joint_walk, without_stay

pytestmark = pytest.mark.slow

COUNT = 40_000
ROOT = Path(__file__).parents[3]


def same(found, expected):
    for name in ("mean", "standard_error", "num_samples", "seed", "residual", "max_iterations", "mean_iterations"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


@dataclass(frozen=True)
class Deadly:
    """Uniform(0, 1) that kills the worker that draws it: once, or each time."""

    marker: str
    home: int
    always: bool = False

    def sample(self, rng, shape):
        draws = rng.random(shape)
        if os.getpid() != self.home and draws[0, 0] > 0.5:
            try:
                Path(self.marker).touch(exist_ok=self.always)
            except FileExistsError:
                return draws
            os.kill(os.getpid(), signal.SIGKILL)
        return draws


@dataclass(frozen=True)
class Refuses:
    """A distribution with a fault that shows only in a worker."""

    home: int

    def sample(self, rng, shape):
        if os.getpid() != self.home:
            raise ZeroDivisionError("no draws here")
        return rng.random(shape)


@pytest.mark.parametrize("build", [lambda: grid(MAZE), without_stay, joint_walk])
def test_processes_give_the_same_bits(build):
    mdp = build()
    gammas = [0.0, 0.95, 1.0]
    alone = pm.power(mdp, gammas, num_samples=2500, seed=3, keep_samples=True)
    shared = pm.power(mdp, gammas, num_samples=2500, seed=3, keep_samples=True, executor="processes", workers=2)
    for found, expected in zip(shared, alone, strict=True):
        same(found, expected)
        assert np.array_equal(found.samples, expected.samples)


def test_given_rewards():
    rewards = np.random.default_rng(0).random((3000, 31))
    found = pm.power(grid(MAZE), 0.9, rewards=rewards, executor="processes", workers=2)
    expected = pm.power(grid(MAZE), 0.9, rewards=rewards)
    same(found, expected)
    assert np.array_equal(found.samples, expected.samples)


def test_any_executor_and_it_stays_open():
    expected = pm.power(grid(MAZE), num_samples=COUNT)
    executors._models.clear()
    with ThreadPoolExecutor(3) as pool:
        same(pm.power(grid(MAZE), num_samples=COUNT, executor=pool, workers=3), expected)
        assert pool.submit(int).result() == 0
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        same(pm.power(grid(MAZE), num_samples=COUNT, executor=pool, workers=2), expected)
        same(pm.power(grid(MAZE), num_samples=COUNT, executor=pool, workers=1), expected)


def test_torch_engine_in_workers():
    found = pm.power(grid(), num_samples=3000, executor="processes", workers=1, device="cpu")
    assert np.allclose(found.mean, pm.power(grid(), num_samples=3000).mean, rtol=0, atol=1e-12)


def test_a_killed_worker_does_not_change_the_result(tmp_path):
    marker = tmp_path / "killed"
    reward = Deadly(str(marker), os.getpid())
    expected = pm.power(grid(MAZE), reward=reward, num_samples=COUNT)
    assert not marker.exists()
    found = pm.power(grid(MAZE), reward=reward, num_samples=COUNT, executor="processes", workers=2)
    assert marker.exists()
    same(found, expected)


def test_workers_that_keep_dying_are_an_error(tmp_path):
    reward = Deadly(str(tmp_path / "killed"), os.getpid(), always=True)
    with pytest.raises(RuntimeError, match="executor: expected workers that stay alive, found that they died 4 times"):
        pm.power(grid(), reward=reward, num_samples=COUNT, executor="processes", workers=1)
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
        pytest.raises(RuntimeError, match=r"found <concurrent.*> broken; .*processes"),
    ):
        pm.power(grid(), reward=reward, num_samples=COUNT, executor=pool)


def test_an_error_in_a_worker_is_raised_here():
    with pytest.raises(ZeroDivisionError, match="no draws here"):
        pm.power(grid(), reward=Refuses(os.getpid()), num_samples=COUNT, executor="processes", workers=1)


class Recorder:
    """A task that tells which shards it did, and how often the model came along."""

    def __init__(self):
        self.done = []

    def prepare(self, model):
        assert model.num_states == 9

    def part(self, blocks):
        return self

    def __call__(self, model, blocks):
        time.sleep(0.01)
        self.done.append(blocks)
        return list(blocks)


def test_results_in_order_and_the_model_once(monkeypatch):
    executors._models.clear()
    kept = []
    keep = executors._keep
    monkeypatch.setattr(executors, "_keep", lambda *args: kept.append(args[0]) or keep(*args))
    mdp = grid()
    with ThreadPoolExecutor(4) as pool:
        results = list(run_shards(Recorder(), mdp, shard_ranges(50, 4), pool, 4))
    assert [number for shard in results for number in shard] == list(range(50))
    assert kept == [mdp.fingerprint]


def test_workers_keep_the_last_models_only():
    executors._models.clear()
    with ThreadPoolExecutor(1) as pool:
        for columns in range(1, executors.MAX_MODELS + 3):
            pm.power(grid(("." * columns,)), num_samples=10, executor=pool)
    assert [model.num_states for model in executors._models.values()] == [3, 4, 5, 6]


def test_closing_cancels_what_is_pending():
    task = Recorder()
    with ThreadPoolExecutor(1) as pool:
        run = run_shards(task, grid(), [range(n, n + 1) for n in range(100)], pool, 5)
        assert next(run) == [0]
        run.close()
    assert len(task.done) <= 3


@pytest.mark.parametrize("impatience", [(1.0,), (0.0, 0.05), (0.3, 0.05), (1.0, 0.02)])
def test_interrupts_end_the_run_and_its_workers(impatience, tmp_path):
    script = tmp_path / "long_run.py"
    script.write_text(
        "import multiprocessing, os, signal, threading, time\n"
        "import power_metrics as pm\n"
        "from powerenvs.worlds.power import PowerGrid\n"
        "def interrupt():\n"
        "    while len(multiprocessing.active_children()) < 2:\n"
        "        time.sleep(0.05)\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        f"    for pause in {impatience}:\n"
        "        time.sleep(pause)\n"
        "        os.killpg(0, signal.SIGINT)\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # shells have background jobs ignore it
        "    threading.Thread(target=interrupt).start()\n"
        "    pm.power(PowerGrid('maze_7x7').tables(), num_samples=1e10, executor='processes', workers=2)\n"
    )
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, start_new_session=True, check=False,
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.returncode == -signal.SIGINT, run.stderr
    assert "KeyboardInterrupt" in run.stderr
    workers = run.stdout.split()
    assert len(workers) == 2
    for worker in workers:
        wait_for_the_end_of(worker)


def test_workers_end_when_the_process_that_waits_for_them_is_killed():
    code = (
        "import os, sys\n"
        "from power_metrics.expectation.executors import Processes\n"
        "if __name__ == '__main__':\n"
        "    print(Processes(1).submit(os.getpid).result(), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        worker = child.stdout.readline().strip()
        assert Path(f"/proc/{worker}/stat").exists()
        child.kill()
    wait_for_the_end_of(worker)


def wait_for_the_end_of(process):
    """Fails if it takes longer than 20 seconds."""
    status = Path(f"/proc/{process}/stat")
    until = time.monotonic() + 20
    while status.exists() and status.read_text().split()[2] != "Z":
        assert time.monotonic() < until, f"process {process} still runs"
        time.sleep(0.01)


def test_shards():
    assert shard_ranges(1, 8) == [range(1)]
    assert shard_ranges(10, 2) == [range(n, n + 1) for n in range(10)]
    many = shard_ranges(1000, 4)
    assert [number for shard in many for number in shard] == list(range(1000))
    assert max(map(len, many)) == executors.MAX_BLOCKS


def test_calls_from_several_threads(tmp_path):
    expected = pm.power(grid(), num_samples=COUNT)
    found = []
    with ThreadPoolExecutor(2) as pool:
        calls = [
            threading.Thread(target=lambda: found.append(pm.power(grid(), num_samples=COUNT, executor=pool)))
            for _ in range(3)
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
    assert len(found) == 3
    for estimate in found:
        same(estimate, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"executor": "process"}, "executor: expected one of .* found 'process'; .*'processes'"),
        ({"executor": 4}, "executor: expected 'processes', 'ray' or a concurrent.futures.Executor, found 4"),
        ({"executor": "processes", "workers": 0}, "workers: expected a whole number of at least 1, found 0"),
        ({"workers": 2}, "workers: expected None without an executor, found 2"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.power(grid(), **arguments)


def test_ray_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=f"needs Ray; install it with: {re.escape(install_line('ray'))}"):
        pm.power(grid(), executor="ray")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of Ray 2.30, of its own processes
def test_ray_gives_the_same_bits():
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    try:
        found = pm.power(grid(MAZE), num_samples=COUNT, executor="ray", workers=2)
    finally:
        ray.shutdown()
    same(found, pm.power(grid(MAZE), num_samples=COUNT))
