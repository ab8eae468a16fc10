"""Hard use: kills, full disks, threads, many processes, and files of other versions."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import power_metrics as pm
from powerenvs import Policy, TabularGame, TabularMDP
from powerenvs.model.npz import VERSION, load_arrays, save_arrays
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from tests.power_metrics.sweeps.test_run import ONE, assert_same_results

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
KILLS = int(os.environ.get("KILLS", "3"))
"""``KILLS=50 python -m pytest tests/test_hard_use.py -k kill`` for more."""


def python(code, *words):
    """A process that runs the code."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


# Kills

SWEEP = "import sys, power_metrics as pm; print('go', flush=True); pm.sweep({config!r}, sys.argv[1], progress=False, figures=False)"


def test_a_sweep_killed_again_and_again_ends_with_the_same_results(tmp_path):
    config = {**ONE, "num_samples": 500}
    pm.sweep(config, tmp_path / "whole", progress=False, figures=False)
    generator = random.Random(0)
    for _ in range(KILLS):
        process = python(SWEEP.format(config=config), tmp_path / "killed")
        process.stdout.readline()
        time.sleep(generator.uniform(0.0, 1.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    pm.sweep(config, tmp_path / "killed", progress=False, figures=False)
    assert_same_results(tmp_path / "whole", tmp_path / "killed")
    assert list((tmp_path / "killed").rglob(".*-*")) == []


def test_a_killed_save_leaves_the_old_file_or_a_new_one(tmp_path):
    small, large = PowerGrid("open_3x3").tables(), PowerGrid("robot_face_20x20").tables()
    for model, name in ((small, "small.npz"), (large, "large.npz")):
        model.save(tmp_path / name)
    code = (
        "import sys; from powerenvs import TabularMDP\n"
        "models = [TabularMDP.load(sys.argv[i]) for i in (1, 2)]; print('go', flush=True)\n"
        "while True:\n    for model in models: model.save(sys.argv[3])"
    )
    generator = random.Random(1)
    for _ in range(KILLS):
        process = python(code, tmp_path / "small.npz", tmp_path / "large.npz", tmp_path / "target.npz")
        process.stdout.readline()
        time.sleep(0.1 + generator.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert TabularMDP.load(tmp_path / "target.npz") in (small, large)


# Full disks


def _writers():
    mdp, game = PowerGrid("maze_7x7").tables(), PowerPair("open_3x3").tables()
    estimate = pm.power(mdp, num_samples=200, keep_samples=True, progress=False)
    both = pm.multiagent_power(game, num_samples=50, keep_samples=True, progress=False)
    compared = pm.compare(np.array(Policy(mdp)), mdp, power=estimate.mean)
    tracker = pm.PowerTracker(mdp, estimate)
    tracker.evaluate(np.array(Policy(mdp)), 1.0)
    return {
        "model.npz": mdp.save, "model.gv": mdp.save, "game.npz": game.save, "game.gv": game.save, "policy.npz": Policy(mdp).save,
        "policy.gv": Policy(mdp).save, "estimate.npz": estimate.save, "estimate.json": estimate.to_json, "both.npz": both.save,
        "both.json": both.to_json, "compared.json": compared.to_json, "tracker.npz": tracker.save,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python 3.10 closes archives twice
def test_a_full_disk_is_an_error_and_keeps_the_old_file(tmp_path):
    """Every writer but matplotlib's own is whole or not at all; RLIMIT_FSIZE stands for the full disk."""
    from power_metrics.plots.style import save_figure

    writers = _writers()
    figure = pm.power(PowerGrid("open_3x3").tables(), num_samples=8).plot()
    writers["plot.png"] = lambda path: save_figure(figure, path)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for name, write in writers.items():
            path = tmp_path / name
            path.write_bytes(b"old")
            resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
            with pytest.raises(OSError, match=r"File too large|\d requested and \d+ written"):
                write(path)
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert path.read_bytes() == b"old", name
            assert [other.name for other in tmp_path.iterdir()] == [name]
            write(path)
            assert path.stat().st_size > 512
            path.unlink()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


# Threads and processes


def test_two_threads_get_what_they_get_alone():
    """In a fresh process, so that both come to kernels that nobody has loaded yet."""
    code = (
        "import threading, sys\nimport numpy as np, power_metrics as pm\n"
        "from powerenvs.worlds.power import PowerGrid\nfrom powerenvs.worlds.power.pair import PowerPair\n"
        "calls = [lambda: pm.power(PowerGrid('open_3x3', noise=0.1).tables(), num_samples=300, seed=1, progress=False).mean,\n"
        "  lambda: pm.power(PowerGrid('maze_7x7').tables(), 0.5, num_samples=300, seed=2, progress=False).mean,\n"
        "  lambda: pm.multiagent_power(PowerPair('corridor').tables(), num_samples=100, progress=False)['human'].mean,\n"
        "  lambda: pm.multiagent_power(PowerPair('corridor').tables(), 0.3, num_samples=100, seed=3, progress=False)['ai'].mean]\n"
        "found = [None] * 8\n"
        "def work(i): found[i] = calls[i % 4]()\n"
        "threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "assert all(f is not None and f.tobytes() == calls[i % 4]().tobytes() for i, f in enumerate(found))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_of_many_processes_one_has_the_folder(tmp_path):
    """Workers that come at once: one sweeps, and the others are told so or find it done."""
    config = {**ONE, "num_samples": 20}
    code = (
        "import os, sys, time, power_metrics as pm\n"
        f"pm.sweep({config!r}, sys.argv[2], progress=False, figures=False)\n"  # kernels are read once, before the race
        "pids = []\nready = time.time() + 0.5\n"
        "for i in range(10):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        status = 3\n"
        "        try:\n"
        "            time.sleep(max(0.0, ready - time.time()))\n"
        f"            pm.sweep({config!r}, sys.argv[1], progress=False, figures=False); status = 0\n"
        "        except ValueError as error:\n            status = 2 if 'in use by another process' in str(error) else 3\n"
        "        finally:\n            os._exit(status)\n"
        "    pids.append(pid)\n"
        "print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "shared"), str(tmp_path / "alone")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    statuses = json.loads(done.stdout)
    assert set(statuses) <= {0, 2}, done.stderr
    assert 0 in statuses
    assert_same_results(tmp_path / "alone", tmp_path / "shared")


# Files of other versions


def test_estimates_from_before_replicates_and_closed_forms_load(tmp_path):
    """As the first commits wrote them: without ``replicates`` and ``exact``."""
    saved = ROOT / "tests" / "power_metrics" / "data" / "saved" / "monte_carlo.npz"
    estimate = pm.PowerEstimate.load(saved)
    arrays, header = load_arrays(saved, "PowerEstimate")
    old = {key: value for key, value in header.items() if key not in ("replicates", "exact", "kind", "version")}
    save_arrays(tmp_path / "old.npz", "PowerEstimate", arrays, old)
    loaded = pm.PowerEstimate.load(tmp_path / "old.npz")
    assert loaded.facts() == estimate.facts()
    assert loaded.exact is None
    np.testing.assert_array_equal(loaded.samples, estimate.samples)


def test_models_from_before_observations_load(tmp_path):
    model = PowerGrid("open_3x3").tables()
    assert model.observation is None
    model.save(tmp_path / "model.npz")
    assert "observation" not in load_arrays(tmp_path / "model.npz", "TabularMDP")[0]
    assert TabularMDP.load(tmp_path / "model.npz") == model


@pytest.mark.parametrize("load", [TabularMDP.load, TabularGame.load, pm.PowerEstimate.load, pm.MultiagentPower.load])
def test_files_of_a_newer_format_say_what_to_do(tmp_path, load):
    kind = load.__self__.__name__
    save_arrays(tmp_path / "newer.npz", kind, {}, {"version": VERSION + 1})
    with pytest.raises(ValueError, match=r"newer release.*pip install -U powerenvs"):
        load(tmp_path / "newer.npz")


# Claims about errors


def _coverage(found, truth, level=0.95):
    """The share of (estimate, standard error) pairs whose interval has the truth, an array or a number."""
    from statistics import NormalDist

    means, errors = (np.array(part, dtype=float) for part in zip(*found, strict=True))
    return float(np.mean(np.abs(means - truth) <= NormalDist().inv_cdf(0.5 + level / 2) * errors))


def test_errors_of_two_agents_cover():
    game = PowerPair("S..").tables()
    truth = pm.multiagent_power(game, 0.6, correlation=0.3, num_samples=400_000, seed=10**6, progress=False)
    runs = [
        pm.multiagent_power(game, 0.6, correlation=0.3, num_samples=400, seed=seed, progress=False)
        for seed in range(200)
    ]
    for agent in game.agents:
        for baseline in (False, True):
            pairs = [
                (run.average(agent, baseline=baseline), run.average_error(agent, baseline=baseline)) for run in runs
            ]
            assert 0.90 <= _coverage(pairs, truth.average(agent, baseline=baseline)) <= 0.99
        assert (
            0.90 <= _coverage([(run[agent].mean, run[agent].standard_error) for run in runs], truth[agent].mean) <= 0.99
        )
    intervals = np.array([run.alignment_interval(0.95) for run in runs])
    covered = np.mean((intervals[:, 0] <= truth.alignment_corrected) & (truth.alignment_corrected <= intervals[:, 1]))
    assert 0.90 <= covered <= 0.99


def test_errors_of_the_probability_of_optimality_cover():
    mdp = PowerGrid("S.\n..").tables()
    truth = pm.optimality_probability(mdp, num_samples=200_000, seed=10**6).mean
    runs = [pm.optimality_probability(mdp, num_samples=400, seed=seed) for seed in range(200)]
    open_ones = (truth > 0.02) & (truth < 0.98)
    assert open_ones.any()
    found = [(run.mean[open_ones], run.standard_error[open_ones]) for run in runs]
    assert 0.90 <= _coverage(found, truth[open_ones]) <= 0.99


def test_errors_of_policies_cover():
    mdp = PowerGrid("S.\n..").tables()
    truth = pm.power_of_policies(pm.Boltzmann(0.1), mdp, num_samples=100_000, seed=10**6)
    runs = [pm.power_of_policies(pm.Boltzmann(0.1), mdp, num_samples=200, seed=seed) for seed in range(200)]
    assert 0.90 <= _coverage([(run.power.mean, run.power.standard_error) for run in runs], truth.power.mean) <= 0.99
    assert 0.90 <= _coverage([(run.shortfall, run.shortfall_error) for run in runs], truth.shortfall) <= 0.99


def test_threads_are_not_left_behind():
    before = threading.active_count()
    pm.power(PowerGrid("open_3x3").tables(), num_samples=200, threads=2, progress=False)
    assert threading.active_count() == before
