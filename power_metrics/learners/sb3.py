"""Learners of Stable-Baselines3 as `power_metrics.train` runs them: looked at, saved and started anew at each look."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.torch_layers import CombinedExtractor
from stable_baselines3.common.utils import set_random_seed

from power_metrics.learners.algorithms import imported
from power_metrics.learners.looks import Looks
from power_metrics.learners.noisy import noisy_layers
from power_metrics.training.sb3 import PowerCallback
from powerenvs.model.mdp import TabularMDP

REPLAY = "replay_buffer.pkl"


def learn(env: Any, mdp: TabularMDP, make: Any, looks: Looks, *, policy: str, settings: Mapping[str, Any]) -> None:
    """Trains a learner from the last look to the end; see `power_metrics.train`."""
    if looks.checkpoint is not None:
        model = make.load(looks.checkpoint, env=env, device="cpu")
        with zipfile.ZipFile(looks.checkpoint) as archive, tempfile.TemporaryDirectory() as folder:
            if REPLAY in archive.namelist():
                model.load_replay_buffer(archive.extract(REPLAY, folder))
    else:
        options = {**settings, "gamma": looks.tracker.gamma, "seed": looks.seed, "device": "cpu"}
        model = make(policy_of(env, policy, options), env, **options)
    left = looks.record["steps"] - model.num_timesteps
    model.learn(left, callback=_Watch(env, looks), reset_num_timesteps=False)


def policy_of(env: Any, policy: str, options: dict[str, Any]) -> Any:
    """The policy's class or name; observations that are dictionaries need another reader of them."""
    several = isinstance(env.observation_space, gym.spaces.Dict)
    if not policy:
        return "MultiInputPolicy" if several else "MlpPolicy"
    if several:
        options["policy_kwargs"] = {"features_extractor_class": CombinedExtractor, **options.get("policy_kwargs", {})}
    return imported(policy)


class _Watch(PowerCallback):
    """Leaves a checkpoint of each evaluation, and starts everything anew in the rollout that follows."""

    def __init__(self, env: Any, looks: Looks):
        super().__init__(looks.record["eval_every"], env=env)
        self.tracker, self._looks = looks.tracker, looks
        self._evaluated = looks.done if looks.tracker.history else -1
        self._anew = bool(looks.tracker.history)  # from a checkpoint

    def _on_step(self) -> bool:
        self._looks.show(self.num_timesteps)
        return super()._on_step()

    def _on_rollout_start(self) -> None:
        super()._on_rollout_start()
        if self._anew:
            self._start_anew()
        self._anew = False

    def _evaluate(self) -> None:
        super()._evaluate()
        self._looks.keep(self.num_timesteps, self._save, ".zip")
        self._anew = True

    def _save(self, path: Path) -> None:
        self.model.save(path)
        if hasattr(self.model, "save_replay_buffer"):
            with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
                self.model.save_replay_buffer(Path(folder, REPLAY))
                archive.write(Path(folder, REPLAY), REPLAY)

    def _start_anew(self) -> None:
        """An episode begins, and all random numbers with it, as they do when training goes on from a checkpoint."""
        envs, seed = self.training_env, self._looks.seed
        set_random_seed(seed)
        self.model.action_space.seed(seed)
        envs.seed(seed)
        observations: Any = envs.reset()
        self.model._last_obs = observations  # what rollouts begin with
        self.model._last_episode_starts = np.ones(envs.num_envs, dtype=bool)
        self._states = self._current_states([{}] * envs.num_envs, [True] * envs.num_envs)
        for _, layer in noisy_layers(self.model.policy):
            layer.reset_noise()
