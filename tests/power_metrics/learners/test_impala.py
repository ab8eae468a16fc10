"""IMPALA of RLlib: it trains, its policy has the learner's weights, and its V-trace is that of our operator."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest
import torch

import power_metrics as pm
import powerenvs
from powerenvs import TabularMDP
from tests.power_metrics.learners.test_train import stopped

pytest.importorskip("ray.rllib")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("rho", [0.5, 1.0, 3.0])
def test_rllib_v_trace_is_our_operator_on_average(rho):
    """In a world that ends after three steps, over all courses of events, each as likely as the behaviour makes it."""
    vtrace = pytest.importorskip("ray.rllib.algorithms.impala.torch.vtrace_torch_v2").vtrace_torch
    rng = np.random.default_rng(0)
    layers = [[(t, i) for i in range(2)] for t in range(4)]
    moves, reward = [], {}
    for t, i, a in itertools.product(range(3), range(2), range(2)):
        share = rng.uniform(0.2, 0.8)
        for j, p in enumerate((share, 1.0 - share)):
            moves.append(((t, i), a, (t + 1, j), p))
            reward[(t, i), a, (t + 1, j)] = rng.normal()
    mdp = TabularMDP.from_transitions(moves, terminal=layers[3], reward=reward, initial={(0, 0): 1.0})
    behaviour, target = rng.dirichlet([1.0, 1.0], (2, mdp.num_states))
    values, gamma = np.where(mdp.terminal, 0.0, rng.normal(size=mdp.num_states)), 0.9
    expected = pm.vtrace_operator(mdp, behaviour, target, gamma, rho=rho, c=1.0).apply(values)
    chances = {(s, a, e): p for s, a, e, p in moves}
    total = 0.0
    for actions, ends in itertools.product(itertools.product((0, 1), repeat=3), itertools.product((0, 1), repeat=3)):
        state, chance, steps = (0, 0), 1.0, []
        for t in range(3):
            after, s = (t + 1, ends[t]), mdp.index(state)
            chance *= behaviour[s, actions[t]] * chances[state, actions[t], after]
            steps.append((s, actions[t], reward[state, actions[t], after]))
            state = after
        ids, acts, paid = map(np.array, zip(*steps, strict=True))

        def column(x):
            return torch.tensor(np.asarray(x), dtype=torch.float32)[:, None]

        found, _ = vtrace(
            target_action_log_probs=column(np.log(target[ids, acts])),
            behaviour_action_log_probs=column(np.log(behaviour[ids, acts])),
            discounts=column([gamma, gamma, 0.0]), rewards=column(paid), values=column(values[ids]),
            bootstrap_values=torch.zeros(1), clip_rho_threshold=rho, clip_pg_rho_threshold=1.0,
        )  # fmt: skip
        total += chance * float(found[0, 0])
    assert total == pytest.approx(expected[mdp.index((0, 0))], abs=1e-5)


def test_it_trains_and_goes_on(tmp_path, monkeypatch):
    """Killed before its third look is kept, it loses what it did since the second, and no more."""
    ray = pytest.importorskip("ray")
    env = gym.make("PowerGrid-v0", level="S.G", max_episode_steps=10)
    arguments = {"steps": 3_000, "eval_every": 1_000, "power": np.arange(3.0), "progress": False, "out": tmp_path}
    try:
        with monkeypatch.context() as patch:
            stopped(patch, 2)
            with pytest.raises(KeyboardInterrupt):
                pm.train(env, "impala", **arguments)
        left = pm.Training.load(tmp_path / "training.npz")
        assert len(left.step) == 2
        found = pm.train(env, "impala", **arguments)
        assert found.step[:2].tolist() == left.step.tolist()
        assert np.array_equal(found.policies[:2], left.policies)
        assert found.step[-1] >= 3_000
        assert not np.allclose(found.policies[0], found.policies[-1])  # the learner's weights, not those of the start
        assert found.returns[-1] > found.returns[0]
        assert found == pm.train(env, "impala", **arguments)
    finally:
        ray.shutdown()
    assert powerenvs.tabular_model(env).fingerprint == found.model.fingerprint
