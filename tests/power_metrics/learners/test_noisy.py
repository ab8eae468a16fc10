"""Noisy layers: their start, the statistics of their noise, and what they do in the learners of Stable-Baselines3."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DQN

import power_metrics as pm
from power_metrics.agents.sb3_files import load_policy
from power_metrics.learners.noisy import noisy_layers

DRAWS = 20_000


def noises(layer):
    """(DRAWS, q, p) and (DRAWS, q) draws of the noise."""
    found = []
    for _ in range(DRAWS):
        layer.reset_noise()
        found.append((layer.weight_epsilon.clone(), layer.bias_epsilon.clone()))
    return tuple(torch.stack(one) for one in zip(*found, strict=True))


def within(sample, mean, errors=5.0):
    """Whether the mean of a sample is this, within so many standard errors."""
    sample = np.asarray(sample, dtype=np.float64)
    return abs(sample.mean() - mean) < errors * sample.std() / math.sqrt(sample.size)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factorised", "of_weights", "of_biases"), [(True, 2 / math.pi, math.sqrt(2 / math.pi)), (False, 1.0, 1.0)]
)
def test_the_noise_has_the_moments_of_the_paper(factorised, of_weights, of_biases):
    torch.manual_seed(0)
    layer = pm.NoisyLinear(2, 2, factorised)
    weights, biases = noises(layer)
    for i in range(2):
        assert within(biases[:, i], 0.0)
        assert within(biases[:, i] ** 2, of_biases)
        for j in range(2):
            assert within(weights[:, i, j], 0.0)
            assert within(weights[:, i, j] ** 2, of_weights)
    shared = weights[:, 0, 0] * weights[:, 1, 1] * weights[:, 0, 1] * weights[:, 1, 0]
    assert within(shared, 4 / math.pi**2 if factorised else 0.0)  # E[f(e)²]⁴ where factors are shared


@pytest.mark.slow
@pytest.mark.parametrize("inputs", [1, 4, 64])
def test_the_variance_of_an_output_does_not_depend_on_the_number_of_inputs(inputs):
    torch.manual_seed(1)
    layer = pm.NoisyLinear(inputs, 1)
    weights, _ = noises(layer)
    outputs = (weights * layer.weight_sigma.detach()).sum(dim=2)
    assert within(outputs**2, 0.25 * 2 / math.pi)


@pytest.mark.parametrize(
    ("factorised", "sigma", "reach", "size"),
    [
        (True, None, 1 / math.sqrt(9), 0.5 / math.sqrt(9)),
        (True, 0.2, 1 / math.sqrt(9), 0.2 / math.sqrt(9)),
        (False, None, math.sqrt(3 / 9), 0.017),
        (False, 0.0, math.sqrt(3 / 9), 0.0),
    ],
)
def test_layers_start_as_in_the_paper(factorised, sigma, reach, size):
    """Biases too by the number of inputs, of which many libraries take the number of outputs."""
    torch.manual_seed(2)
    layer = pm.NoisyLinear(9, 400, factorised, sigma)
    for means in (layer.weight_mu, layer.bias_mu):
        means = means.detach().numpy()
        assert np.abs(means).max() <= reach
        assert np.abs(means).max() > 0.98 * reach
        assert means.mean() == pytest.approx(0.0, abs=5 * reach / math.sqrt(3 * means.size))
    for sigmas in (layer.weight_sigma, layer.bias_sigma):
        assert sigmas.detach().numpy() == pytest.approx(size)
    assert layer.sigma == pytest.approx(size)


@pytest.mark.parametrize("factorised", [True, False])
def test_what_it_computes(factorised):
    layer = pm.NoisyLinear(3, 2, factorised)
    x = torch.randn(5, 4, 3)
    weight = layer.weight_mu + layer.weight_sigma * layer.weight_epsilon
    assert torch.allclose(layer(x), x @ weight.T + layer.bias_mu + layer.bias_sigma * layer.bias_epsilon)
    assert torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.allclose(layer(x), x @ layer.weight_mu.T + layer.bias_mu)
    assert set(layer.state_dict()) == {"weight_mu", "bias_mu", "weight_sigma", "bias_sigma"}
    layer.train()(x).sum().backward()
    assert torch.allclose(layer.weight_sigma.grad, layer.weight_mu.grad * layer.weight_epsilon)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_features": 0}, "in_features: expected a whole number of at least 1, found 0"),
        ({"out_features": 1.5}, "out_features"),
        ({"sigma": -1.0}, "sigma: expected a number of at least 0, found -1.0"),
        ({"sigma": math.inf}, "sigma"),
        ({"factorised": "no"}, "factorised: expected True or False"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.NoisyLinear(**{"in_features": 2, "out_features": 2, **arguments})


@pytest.fixture
def env():
    return gym.make("PowerGrid-v0", level="S..G", max_episode_steps=20)


def dqn(env, **options):
    return DQN(
        pm.NoisyDQNPolicy, env, exploration_initial_eps=0.0, exploration_final_eps=0.0, learning_starts=32, seed=0,
        policy_kwargs={"net_arch": [16]}, **options,
    )  # fmt: skip


def a2c(env, **options):
    return A2C(pm.NoisyActorCriticPolicy, env, seed=0, policy_kwargs={"net_arch": [16]}, **options)


@pytest.mark.parametrize("make", [dqn, a2c])
def test_learners_learn_their_noise_and_are_saved(make, env, tmp_path):
    model, callback = make(env), pm.NoiseCallback()
    before = {name: layer.weight_sigma.detach().clone() for name, layer in noisy_layers(model.policy)}
    model.learn(200, callback=callback)
    after = dict(noisy_layers(model.policy))
    assert before
    online = [name for name in before if not name.startswith("q_net_target.")]
    assert all(not torch.equal(before[name], after[name].weight_sigma) for name in online)
    assert list(callback.history) == online
    assert callback.history[online[0]][-1] != callback.history[online[0]][0]
    table = pm.policy_table(model, env)
    assert np.array_equal(table, pm.policy_table(model, env))
    model.save(tmp_path / "model.zip")
    again = type(model).load(tmp_path / "model.zip", env=env)
    assert np.array_equal(table, pm.policy_table(again, env))
    assert len(list(noisy_layers(again.policy))) == len(before)
    again.learn(40)
    read, _ = load_policy(tmp_path / "model.zip", env)
    assert np.array_equal(table, pm.policy_table(read, env))


@pytest.mark.parametrize("make", [dqn, a2c])
def test_evaluation_is_deterministic_and_exploration_is_not(make, env):
    model = make(env)
    observation, _ = env.reset(seed=0)
    chosen = [int(model.predict(observation, deterministic=True)[0]) for _ in range(40)]
    assert len(set(chosen)) == 1
    explored = [int(model.predict(observation, deterministic=False)[0]) for _ in range(200)]
    assert len(set(explored)) > 1


def test_a_batch_sees_one_noise_and_both_networks_their_own(env):
    model = dqn(env)
    policy = model.policy
    states = torch.zeros(2, dtype=torch.int64)
    policy.set_training_mode(True)
    first, second = policy.q_net(states), policy.q_net(states)
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first, second)
    pairs = zip(noisy_layers(policy.q_net), noisy_layers(policy.q_net_target), strict=True)
    policy.q_net_target(states)
    assert all(not torch.equal(one.weight_epsilon, other.weight_epsilon) for (_, one), (_, other) in pairs)
    policy.set_training_mode(False)
    assert torch.equal(policy.q_net(states), policy.q_net(states))


def test_a_rollout_sees_one_noise(env):
    policy = a2c(env).policy
    noise = dict(noisy_layers(policy))["action_net"].weight_epsilon
    states = torch.zeros(1, dtype=torch.int64)
    policy.set_training_mode(False)
    before = noise.clone()
    _, values, _ = policy(states)
    assert torch.equal(values, policy.predict_values(states))
    policy.predict(np.zeros(1, dtype=np.int64), deterministic=True)
    policy.set_training_mode(True)
    assert torch.equal(noise, before)
    assert torch.equal(policy.evaluate_actions(states, torch.zeros(1, dtype=torch.int64))[0], values)
    policy.set_training_mode(False)
    assert not torch.equal(noise, before)


def test_networks_without_noise_are_not_watched(env):
    with pytest.raises(ValueError, match="model: expected a policy with noisy layers, found ActorCriticPolicy"):
        A2C("MlpPolicy", env, seed=0).learn(10, callback=pm.NoiseCallback())
