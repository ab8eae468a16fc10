"""`power` and its estimate: what is reproducible, what is kept, what is written, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.solvers import jit
from power_metrics.solvers.discounted.direct import solve_direct
from power_metrics.solvers.discounted.stay_put import solve_stay_put
from powerenvs import TabularMDP
from tests.power_metrics.worlds import MAZE, graph, grid, joint_walk, star, without_stay

MODELS = [lambda: grid(MAZE), without_stay, joint_walk]


@pytest.mark.parametrize("build", MODELS)
def test_threads_and_batches_do_not_change_a_bit(build):
    mdp = build()
    runs = [
        pm.power(mdp, 0.95, num_samples=5000, threads=threads, batch_size=batch_size, keep_samples=True)
        for threads, batch_size in ((1, None), (2, None), (5, 100), (1, 1), (3, 10**9))
    ]
    for run in runs[1:]:
        assert np.array_equal(run.mean, runs[0].mean)
        assert np.array_equal(run.standard_error, runs[0].standard_error)
        assert np.array_equal(run.samples, runs[0].samples)


@pytest.mark.parametrize("build", MODELS)
def test_a_longer_run_begins_like_a_shorter_one(build):
    long = pm.power(build(), 0.9, num_samples=3000, keep_samples=True)
    for count in (1, 1000, 1025):
        short = pm.power(build(), 0.9, num_samples=count, keep_samples=True)
        assert np.array_equal(short.samples, long.samples[:count])


def test_seeds():
    first, again, other = (pm.power(grid(), num_samples=100, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.mean, again.mean)
    assert not np.any(first.mean == other.mean)
    fresh = pm.power(grid(), num_samples=100, seed=None)
    assert np.array_equal(pm.power(grid(), num_samples=100, seed=fresh.seed).mean, fresh.mean)
    assert fresh.seed != pm.power(grid(), num_samples=100, seed=None).seed


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"batch_size": 7}, {"control_variates": True}, {"method": "sobol"}])
@pytest.mark.parametrize("keep", [False, True])
def test_discounts_of_one_call_give_what_they_give_alone(options, keep):
    gammas = [0.9, 0.2, 1.0, 0.0, 0.99] if "control_variates" not in options else [0.9, 0.2, 0.99]
    together = pm.power(grid(MAZE), gammas, num_samples=2048, keep_samples=keep, **options)
    for gamma, found in zip(gammas, together, strict=True):
        alone = pm.power(grid(MAZE), gamma, num_samples=2048, keep_samples=keep, **options)
        assert np.array_equal(found.mean, alone.mean)
        assert np.array_equal(found.standard_error, alone.standard_error)
        assert (found.residual, found.max_iterations) == (alone.residual, alone.max_iterations)
        assert not keep or np.array_equal(found.samples, alone.samples)


def test_calls_from_several_threads_at_once():
    expected = pm.power(grid(MAZE), 0.9, num_samples=20_000)
    found = []
    calls = [
        threading.Thread(target=lambda: found.append(pm.power(grid(MAZE), 0.9, num_samples=20_000))) for _ in range(4)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert len(found) == 4
    assert all(np.array_equal(estimate.mean, expected.mean) for estimate in found)


def test_mean_and_standard_error_are_those_of_the_samples():
    estimate = pm.power(grid(MAZE), 0.9, num_samples=5000, keep_samples=True)
    assert estimate.samples.shape == (5000, 31)
    assert np.allclose(estimate.mean, estimate.samples.mean(axis=0), rtol=1e-13)
    assert np.allclose(estimate.standard_error, estimate.samples.std(axis=0, ddof=1) / np.sqrt(5000), rtol=1e-11)
    low, high = estimate.confidence_interval(0.95)
    assert np.allclose(high - low, 2 * 1.959963984540054 * estimate.standard_error)
    assert np.allclose((high + low) / 2, estimate.mean)
    wide = estimate.confidence_interval(0.999)
    assert np.all(wide[0] < low)
    assert np.all(wide[1] > high)


def test_given_rewards_are_used_as_they_are():
    rewards = np.random.default_rng(0).random((1500, 9))
    estimate = pm.power(grid(), 0.8, rewards=rewards)
    values = pm.optimal_values(grid(), rewards, 0.8).numpy()
    assert np.allclose(estimate.samples, 0.2 / 0.8 * (values - rewards), rtol=1e-13)
    assert np.allclose(estimate.mean, estimate.samples.mean(axis=0), rtol=1e-13)
    assert (estimate.method, estimate.num_samples, estimate.seed) == ("given_rewards", 1500, None)
    single = pm.power(grid(), 0.8, rewards=rewards[0])
    assert np.array_equal(single.samples, estimate.samples[:1])
    assert np.all(np.isnan(single.standard_error))


def test_what_an_estimate_tells():
    mdp = grid(MAZE)
    estimate = pm.power(mdp, 0.9, num_samples=2000, seed=3)
    assert estimate.mdp is mdp
    assert estimate.fingerprint == mdp.fingerprint
    assert (estimate.gamma, estimate.num_samples, estimate.seed, estimate.method) == (0.9, 2000, 3, "monte_carlo")
    assert estimate.reward == "Uniform(low=0.0, high=1.0)"
    assert 0 <= estimate.residual < 1e-14
    assert 1 <= estimate.mean_iterations <= estimate.max_iterations
    assert estimate.seconds > 0
    assert estimate[(2, 3)] == estimate.mean[mdp.index((2, 3))] == estimate.mean.max()
    text = repr(estimate)
    for part in ("31 states", "gamma=0.9", "2,000 reward functions", "highest (2, 3)", "lowest (0, 6)", "±"):
        assert part in text
    with pytest.raises(ValueError, match=r"samples: not kept; call power\(..., keep_samples=True\)"):
        _ = estimate.samples
    with pytest.raises(ValueError, match="level: expected a probability between 0 and 1, found 95"):
        estimate.confidence_interval(95)
    with pytest.raises(ValueError, match="unknown state"):
        _ = estimate["nowhere"]


@pytest.mark.slow
def test_memory_does_not_grow_with_samples():
    mdp = grid(MAZE)
    pm.power(mdp, 0.9, num_samples=5000)
    peaks = []
    for count in (50_000, 300_000):
        tracemalloc.start()
        pm.power(mdp, 0.9, num_samples=count, threads=2)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 3 * peaks[0]  # six times as many; how many blocks wait to be added up depends on the threads
    assert peaks[1] < 2**24  # the samples alone would be 74 MB


def test_frame():
    estimate = pm.power(grid(), num_samples=100)
    frame = estimate.to_frame()
    assert list(frame.columns) == ["power", "standard_error"]
    assert frame.index[4] == "(1, 1)"
    assert frame.index.name == "state"
    assert np.array_equal(frame["power"], estimate.mean)
    assert np.array_equal(frame["standard_error"], estimate.standard_error)


def test_json(tmp_path):
    estimate = pm.power(graph({"ℓ": ["ℓ", "b"], "b": ["b"]}), 0.5, num_samples=100)
    path = tmp_path / "deep" / "power.json"
    assert json.loads(estimate.to_json(path)) == json.loads(path.read_text(encoding="utf-8")) == estimate.as_dict()
    data = estimate.as_dict()
    assert data["gamma"] == 0.5
    assert data["fingerprint"] == estimate.fingerprint
    assert data["states"][0] == {
        "state": "ℓ",
        "power": estimate.mean[0],
        "standard_error": estimate.standard_error[0],
    }
    single = pm.power(star(1), rewards=[0.0, 1.0]).to_json()
    assert json.loads(single)["states"][0] == {"state": "root", "power": pytest.approx(1), "standard_error": None}
    assert "NaN" not in single


@pytest.mark.parametrize("keep_samples", [False, True])
def test_save_and_load(tmp_path, keep_samples):
    mdp = grid(MAZE).with_(board=MAZE, cells=np.array(grid(MAZE).state_labels, dtype=np.int32))
    estimate = pm.power(mdp, 0.9, pm.Beta(2, 3), num_samples=300, keep_samples=keep_samples)
    path = tmp_path / "estimate.npz"
    estimate.save(path)
    loaded = pm.PowerEstimate.load(path)
    assert loaded.model == mdp
    assert loaded.mdp.board == MAZE
    assert loaded.fingerprint == estimate.fingerprint
    assert repr(loaded) == repr(estimate)
    assert loaded.as_dict() == estimate.as_dict()
    assert np.array_equal(loaded.mean, estimate.mean)
    if keep_samples:
        assert np.array_equal(loaded.samples, estimate.samples)
    else:
        with pytest.raises(ValueError, match="not kept"):
            _ = loaded.samples


def test_files_that_are_not_estimates(tmp_path):
    estimate = pm.power(star(2), num_samples=10)
    with pytest.raises(ValueError, match=r"path: expected a name that ends in .npz"):
        estimate.save(tmp_path / "estimate.pkl")
    path = tmp_path / "model.npz"
    star(2).save(path)
    with pytest.raises(ValueError, match="expected a PowerEstimate, found a TabularMDP"):
        pm.PowerEstimate.load(path)
    estimate.save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="expected a PowerEstimate written by save"):
        pm.PowerEstimate.load(path)
    with pytest.raises(FileNotFoundError):
        pm.PowerEstimate.load(tmp_path / "nothing.npz")


def test_progress_bar(capfd):
    pm.power(grid(), num_samples=3000, progress=True)
    assert "3000/3000" in capfd.readouterr().err
    pm.power(grid(), num_samples=3000, progress=False)
    pm.power(grid(), num_samples=3000)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": np.nextafter(1, 0)}, "gamma: expected a discount of at most 1 - 1e-9, found"),
        ({"gamma": 2.0}, r"gamma: expected a discount in \[0, 1\], found 2.0"),
        ({"num_samples": 0}, "num_samples: expected a whole number of at least 1, found 0"),
        ({"num_samples": 2.5}, "num_samples: expected a whole number of at least 1, found 2.5"),
        ({"num_samples": "many"}, "num_samples"),
        ({"seed": -1}, "seed: expected a whole number of at least 0, found -1"),
        ({"seed": "x"}, "seed"),
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1"),
        ({"threads": -2}, "threads: expected a whole number of at least 1"),
        ({"progress": "yes"}, "progress: expected True, False or None, found 'yes'"),
        ({"rewards": np.ones((2, 3))}, r"rewards: expected shape \(B, 9\)"),
        ({"reward": "uniform"}, "reward: expected a reward distribution"),
        ({"rewards": np.ones(9), "allow_all_equal": False}, "allow_all_equal: expected the default where rewards are"),
        ({"rewards": np.ones(9), "states_with_identical_rewards": []}, "states_with_identical_rewards: expected the"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.power(grid(), **arguments)


def test_things_without_tables():
    with pytest.raises(ValueError, match="int"):
        pm.power(3)


def test_counts_may_be_written_as_floats():
    assert pm.power(grid(), num_samples=1e2).num_samples == 100


def test_an_environment_will_do():
    import gymnasium as gym

    env = gym.make("FrozenLake-v1")
    estimate = pm.power(env, 0.9, num_samples=500)
    assert estimate.mean.shape == (16,)
    assert np.argmin(estimate.mean) in (5, 7, 11, 12)  # a hole is the only thing ahead of who is in it
    assert isinstance(estimate.mdp, TabularMDP)
    env.close()


@pytest.mark.slow
def test_importing_is_cheap():
    code = """
import sys
import power_metrics as pm
heavy = {"torch", "numba", "matplotlib", "scipy", "pandas", "pygame"}
print(sorted(heavy & set(sys.modules)))
from powerenvs import TabularMDP
pm.power(TabularMDP.from_transitions([(0, 0, 0, 1.0)]), num_samples=10)
print(sorted({"torch", "matplotlib", "pandas", "pygame"} & set(sys.modules)))
assert "optimal_values" in dir(pm) and callable(pm.power) and set(pm.__all__) <= set(dir(pm))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["[]", "[]"]


def test_unknown_names():
    with pytest.raises(AttributeError, match="has no attribute 'powr'"):
        _ = pm.powr


def test_an_edit_of_any_kernel_recompiles_all():
    assert len(jit._STAMP) == 64
    for kernel in (solve_direct, solve_stay_put):
        assert kernel._cache._cache_file._source_stamp == jit._STAMP
