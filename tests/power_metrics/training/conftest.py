"""RLlib, on a cluster of this machine."""

from __future__ import annotations

import importlib
import warnings

import pytest

from tests.power_metrics.training.rllib_runs import make


@pytest.fixture(scope="module")
def rllib():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray = pytest.importorskip("ray")
        pytest.importorskip("ray.rllib")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield importlib.import_module("power_metrics.training.rllib")
        ray.shutdown()


@pytest.fixture
def build(rllib):
    """Builds algorithms, and stops them."""
    from ray.rllib.algorithms.dqn import DQNConfig
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.tune.registry import register_env

    built = []

    def build(algorithm="PPO", env=make, *, callback=None, runners=None, training=None, module=None,
              evaluation_interval=None, **kwargs):  # fmt: skip
        register_env("world", lambda config: env(**config))
        if algorithm == "PPO":
            config = PPOConfig().training(train_batch_size=32, minibatch_size=32, num_epochs=1)
        else:
            config = DQNConfig().reporting(min_sample_timesteps_per_iteration=32, min_time_s_per_iteration=0)
            config = config.training(
                num_steps_sampled_before_learning_starts=8,
                replay_buffer_config={"type": "EpisodeReplayBuffer", "capacity": 500},
            )
        config = (
            config.environment("world", env_config=kwargs)
            .env_runners(**{"num_env_runners": 0, **(runners or {})})
            .training(gamma=0.8, **(training or {}))
            .rl_module(**(module or {}))
            .evaluation(evaluation_interval=evaluation_interval, evaluation_duration=2)
            .debugging(seed=0, log_level="ERROR")
        )
        built.append(config.callbacks(callback).build_algo())
        return built[-1]

    yield build
    for algorithm in built:
        algorithm.stop()
