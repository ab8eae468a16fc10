"""The torch engine beside the CPU kernels, dense policy iteration and closed forms; on CUDA too where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.solvers import gpu
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.gpu import check_device, solve_torch, torch_tables
from tests.models import random_mdp
from tests.power_metrics.worlds import (
    MAZE,
    OPEN_3,
    corridor,
    dense_optimal_values,
    from_dense,
    graph,
    grid,
    joint_walk,
    star,
    without_stay,
)

GAMMAS = (0.0, 0.1, 0.9, 0.99, 0.9999)
HAS_CUDA = torch.cuda.is_available()
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not HAS_CUDA, reason="needs a CUDA device"))]
MODELS = {
    "stay_put": lambda: grid(MAZE),
    "deterministic": without_stay,
    "stochastic": lambda: grid(MAZE, noise=0.2),
    "joint": lambda: joint_walk(OPEN_3),
}


def some_rewards(num_states, seed=0, count=20):
    rng = np.random.default_rng(seed)
    shape = (count, num_states)
    return np.concatenate([rng.random(shape), rng.normal(size=shape), rng.integers(-1, 2, shape)]).astype(float)


def test_which_solver_is_taken():
    taken = {
        name: torch_tables(solver_tables(build()), torch.device("cpu")).solver.name for name, build in MODELS.items()
    }
    expected = {"stay_put": "stay_put", "deterministic": "pointer_doubling"}
    assert taken == expected | dict.fromkeys(("stochastic", "joint"), "dense_elimination")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("name", MODELS)
def test_same_values_as_the_cpu_kernels(name, gamma, device):
    mdp = MODELS[name]()
    rewards = some_rewards(mdp.num_states)
    expected = pm.solve(mdp, rewards, gamma)
    found = solve_torch(solver_tables(mdp), torch.from_numpy(rewards), gamma, check_device(device))
    largest = np.abs(expected.values).max(axis=1, keepdims=True) + 1e-300
    assert np.all(np.abs(found.values.cpu().numpy() - expected.values) <= 1e-9 * largest)
    assert np.all(np.abs(found.continuation.cpu().numpy() - expected.continuation) <= 1e-9 * largest)
    assert float(found.residual.max()) <= 1e-14
    assert int(found.iterations.min()) >= 1
    q = torch.einsum("sat,bt->bsa", mdp.transition_tensor(), found.values.cpu())
    q[:, ~torch.tensor(mdp.available)] = -torch.inf
    gap = (found.values.cpu() - torch.from_numpy(rewards) - gamma * q.amax(2)).abs().amax(1)
    assert np.all(gap.numpy() <= 1e-13 * largest[:, 0])


@pytest.mark.parametrize("gamma", [0.6, 0.99])
@pytest.mark.parametrize("name", MODELS)
def test_dense_policy_iteration(name, gamma):
    mdp = MODELS[name]()
    rewards = some_rewards(mdp.num_states, seed=1, count=3)
    found = pm.optimal_values(mdp, rewards, gamma, device="cpu").numpy()
    expected = dense_optimal_values(mdp, rewards, gamma)
    assert np.abs(found - expected).max() <= 1e-12 / (1 - gamma) * np.abs(expected).max()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.booleans(), st.sampled_from(GAMMAS))
def test_random_models(seed, num_states, deterministic, gamma):
    rng = np.random.default_rng(seed)
    mdp = random_mdp(rng, num_states, int(rng.integers(1, 4)), deterministic=deterministic)
    rewards = some_rewards(num_states, seed, count=4)
    expected = pm.solve(mdp, rewards, gamma).values
    found = pm.optimal_values(mdp, rewards, gamma, device="cpu").numpy()
    assert np.all(np.abs(found - expected) <= 1e-9 * np.abs(expected).max(axis=1, keepdims=True))


@pytest.mark.parametrize("gamma", [0.5, 0.9999, 1 - 1e-7])
def test_closed_forms_however_near_gamma_is_to_one(gamma):
    loop = graph({"a": ["b"], "b": ["c"], "c": ["a"]})
    first = 1 / -np.expm1(3 * np.log(gamma))
    values = pm.optimal_values(loop, [1.0, 0.0, 0.0], gamma, device="cpu").numpy()[0]
    assert np.allclose(values, [first, gamma**2 * first, gamma * first], rtol=1e-13)
    line = pm.optimal_values(corridor(40, 2), np.r_[np.zeros(41), 1.0, 0.5], gamma, device="cpu").numpy()[0]
    assert np.allclose(line[0], gamma**41 / (1 - gamma), rtol=1e-13)
    rest = pm.optimal_values(star(2), [0.0, 5.0, -1.0], gamma, device="cpu").numpy()[0]
    assert np.allclose(rest, [5 * gamma / (1 - gamma), 5 / (1 - gamma), -1 / (1 - gamma)], rtol=1e-13)


def test_rewards_that_cancel_on_a_cycle():
    # V is about 1/2 while what is added up loses digits in proportion to 1/(1 - γ): corrections bring them back.
    gamma = 1 - 1e-6
    pair = graph({"a": ["b"], "b": ["a"]})
    solution = solve_torch(
        solver_tables(pair), torch.tensor([[1.0, -1.0]], dtype=torch.float64), gamma, check_device("cpu")
    )
    assert np.allclose(solution.values[0], [1 / (1 + gamma), -1 / (1 + gamma)], rtol=1e-9)
    assert float(solution.residual[0]) <= 1e-14
    assert int(solution.iterations[0]) == 1


def test_choices_and_outcomes_of_different_number():
    P = np.zeros((4, 3, 4))
    P[0, 0], P[0, 1, 3], P[0, 2] = (0.25, 0.25, 0.25, 0.25), 1, (0, 0.5, 0.5, 0)
    P[1, 1, 0] = P[2, 0, 2] = P[3, 2, 1] = 1
    mdp = from_dense(P)
    rewards = some_rewards(4, seed=2)
    found = pm.optimal_values(mdp, rewards - 3, 0.95, device="cpu").numpy()
    assert np.allclose(found, dense_optimal_values(mdp, rewards - 3, 0.95), rtol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_batches_do_not_change_results(name, monkeypatch):
    mdp = MODELS[name]()
    rewards = some_rewards(mdp.num_states, seed=3)
    whole = pm.optimal_values(mdp, rewards, 0.97, device="cpu")
    one = torch_tables(solver_tables(mdp), torch.device("cpu")).bytes_for_one()
    monkeypatch.setattr(gpu, "CPU_BYTES", 7 * one)
    assert gpu.batch_rows(torch_tables(solver_tables(mdp), torch.device("cpu")), torch.device("cpu")) == 7
    parts = pm.optimal_values(mdp, rewards, 0.97, device="cpu")
    if mdp.deterministic:
        assert torch.equal(parts, whole)
    else:  # the rounding of LAPACK may depend on where in memory a matrix is
        assert torch.allclose(parts, whole, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", MODELS)
def test_power(name, device):
    mdp = MODELS[name]()
    expected = pm.power(mdp, [0.0, 0.5, 0.99], num_samples=2500, keep_samples=True)
    found = pm.power(mdp, [0.0, 0.5, 0.99], num_samples=2500, keep_samples=True, device=device)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.allclose(ours.samples, theirs.samples, rtol=0, atol=1e-9)
        assert np.allclose(ours.mean, theirs.mean, rtol=0, atol=1e-9)
        assert np.allclose(ours.standard_error, theirs.standard_error, rtol=1e-9)
        assert (ours.num_samples, ours.seed, ours.method) == (theirs.num_samples, theirs.seed, theirs.method)


@pytest.mark.slow
def test_power_does_not_depend_on_threads_and_batches(monkeypatch):
    mdp = without_stay()
    expected = pm.power(mdp, num_samples=2500, device="cpu", threads=1)
    assert np.array_equal(pm.power(mdp, num_samples=2500, device="cpu", batch_size=100).mean, expected.mean)
    monkeypatch.setattr(gpu, "CPU_BYTES", 1)
    assert np.array_equal(pm.power(mdp, num_samples=2500, device="cpu", threads=2).mean, expected.mean)


def test_rewards_in_any_form():
    mdp = grid()
    rewards = np.random.default_rng(5).random((3, 9))
    expected = pm.optimal_values(mdp, rewards, 0.9, device="cpu")
    assert (expected.dtype, expected.shape, expected.device) == (torch.float64, (3, 9), torch.device("cpu"))
    read_only = rewards.copy()
    read_only.flags.writeable = False
    for form in (rewards.tolist(), torch.from_numpy(rewards), read_only, torch.from_numpy(rewards).requires_grad_()):
        assert torch.equal(pm.optimal_values(mdp, form, 0.9, device=torch.device("cpu")), expected)


@pytest.mark.skipif(not HAS_CUDA, reason="needs a CUDA device")
def test_values_stay_on_the_card():
    rewards = torch.rand(50, 9, dtype=torch.float64, device="cuda")
    values = pm.optimal_values(grid(), rewards, 0.9, device="cuda")
    assert values.is_cuda
    assert torch.allclose(values.cpu(), pm.optimal_values(grid(), rewards, 0.9), rtol=1e-12)
    rewards[3, 4] = torch.nan
    with pytest.raises(ValueError, match="found nan in row 3, state 4"):
        pm.optimal_values(grid(), rewards, 0.9, device="cuda")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "device: expected None, 'cpu', 'cuda' or a CUDA device such as 'cuda:0', found 'gpu'"),
        (3.5, "device: expected None, 'cpu', 'cuda'"),
        ("mps", "which compute with float64, found 'mps'"),
        ("cuda:99", r"device: expected a device that is there, found 'cuda:99' with \d+ CUDA devices \(torch "),
    ],
)
def test_bad_device(device, message):
    with pytest.raises(ValueError, match=message):
        pm.power(grid(), device=device)
    with pytest.raises(ValueError, match=message):
        pm.optimal_values(grid(), np.ones(9), 0.9, device=device)


def test_what_does_not_go_with_a_device(monkeypatch):
    with pytest.raises(ValueError, match=r"device: expected None for gamma = 1, .* found 'cpu'"):
        pm.power(grid(), [0.5, 1], device="cpu")
    with pytest.raises(ValueError, match="gamma: expected a discount below 1, found 1"):
        pm.optimal_values(grid(), np.ones(9), 1.0, device="cpu")
    with pytest.raises(ValueError, match="threads: expected None with a device, found 2"):
        pm.optimal_values(grid(), np.ones(9), 0.9, device="cpu", threads=2)
    with pytest.raises(ValueError, match=r"rewards: expected shape \(B, 9\)"):
        pm.optimal_values(grid(), np.ones(8), 0.9, device="cpu")
    monkeypatch.setattr(gpu, "CPU_LIMIT", 31 * 4 * 4 * 16)
    with pytest.raises(
        ValueError, match=r"device: expected room for one reward function of 31 states, .* GiB free on cpu"
    ):
        pm.optimal_values(grid(MAZE, noise=0.2), np.ones(31), 0.9, device="cpu")
    monkeypatch.setattr(gpu, "CPU_LIMIT", 31 * 4 * 4 * 16 - 1)  # tables of a model are kept: another one
    with pytest.raises(ValueError, match="room for tables of 31 states with up to 4 choices of up to 4 outcomes"):
        pm.optimal_values(grid(MAZE, noise=0.17), np.ones(31), 0.9, device="cpu")
