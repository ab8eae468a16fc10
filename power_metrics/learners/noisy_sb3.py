"""Policies of Stable-Baselines3 with noisy layers, for its DQN and its A2C, which have none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn

from power_metrics.learners.noisy import fresh_noise, make_noisy, noisy_layers


class NoisyDQNPolicy(DQNPolicy):
    """The policy of DQN with noisy layers: ``DQN(pm.NoisyDQNPolicy, env)``, without epsilon.

    Each batch of replayed steps and each choice of an action sees fresh noise; that of the online network and that of
    the target network are independent. ``predict(deterministic=True)``, `policy_table` and evaluations use the means.

    Args:
        *args: as for ``MlpPolicy``.
        factorised: as for `NoisyLinear`.
        sigma: as for `NoisyLinear`.
        **options: as for ``MlpPolicy``.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> from stable_baselines3 import DQN
        >>> env = gym.make("PowerGrid-v0", level="S.G", max_episode_steps=10)
        >>> model = DQN(pm.NoisyDQNPolicy, env, exploration_initial_eps=0.0, exploration_final_eps=0.0, seed=0,
        ...             learning_starts=20)
        >>> pm.policy_table(model.learn(40), env).shape
        (3, 5)
    """

    def __init__(self, *args: Any, factorised: bool = True, sigma: float | None = None, **options: Any):
        self.noise: dict[str, Any] = {"factorised": factorised, "sigma": sigma}
        super().__init__(*args, **options)

    def make_q_net(self) -> QNetwork:
        """The network, noisy."""
        network = super().make_q_net()
        make_noisy(network, **self.noise)
        network.register_forward_pre_hook(fresh_noise)
        return network

    def set_training_mode(self, mode: bool) -> None:
        """In training the target network is noisy too."""
        super().set_training_mode(mode)
        self.q_net_target.set_training_mode(mode)

    def _predict(self, obs: Any, deterministic: bool = True) -> torch.Tensor:
        if deterministic:
            return super()._predict(obs)
        with _noise_on(self.q_net):
            return super()._predict(obs)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), **self.noise}


class NoisyActorCriticPolicy(ActorCriticPolicy):
    """The policy of A2C with noisy layers: ``A2C(pm.NoisyActorCriticPolicy, env)``, without a bonus on entropy.

    The noise is independent, as in the paper's A3C, and the same for a whole rollout, its values and its gradient; the
    next rollout sees fresh noise. ``predict``, `policy_table` and evaluations use the means. An algorithm that takes
    several gradient steps on a rollout, such as PPO, sees one noise in all of them.

    Args:
        *args: as for ``MlpPolicy``.
        factorised: as for `NoisyLinear`.
        sigma: as for `NoisyLinear`.
        **options: as for ``MlpPolicy``.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> from stable_baselines3 import A2C
        >>> env = gym.make("PowerGrid-v0", level="S.G", max_episode_steps=10)
        >>> pm.policy_table(A2C(pm.NoisyActorCriticPolicy, env, seed=0).learn(40), env).shape
        (3, 5)
    """

    def __init__(self, *args: Any, factorised: bool = False, sigma: float | None = None, **options: Any):
        self.noise: dict[str, Any] = {"factorised": factorised, "sigma": sigma}
        super().__init__(*args, **options)

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        make_noisy(self, **self.noise)
        options: dict[str, Any] = {"lr": lr_schedule(1), **self.optimizer_kwargs}
        self.optimizer = self.optimizer_class(self.parameters(), **options)

    def set_training_mode(self, mode: bool) -> None:
        """Rollouts begin when training ends; then the noise is drawn anew."""
        if self.training and not mode:
            fresh_noise(self)
        super().set_training_mode(mode)

    def forward(self, obs: Any, deterministic: bool = False) -> Any:
        """Actions, values and log probabilities of a rollout, with its noise."""
        with _noise_on(self):
            return super().forward(obs, deterministic)

    def predict_values(self, obs: Any) -> torch.Tensor:
        """Values, with the noise of the rollout."""
        with _noise_on(self):
            return super().predict_values(obs)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), **self.noise}


class NoiseCallback(BaseCallback):
    """Logs ``noise/LAYER``, the mean of |σ_w| of each noisy layer, at the end of each rollout.

    Attributes:
        history: {layer: its mean |σ_w| at the end of each rollout}.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> from stable_baselines3 import A2C
        >>> env = gym.make("PowerGrid-v0", level="S.G", max_episode_steps=10)
        >>> callback = pm.NoiseCallback()
        >>> model = A2C(pm.NoisyActorCriticPolicy, env, seed=0).learn(40, callback=callback)
        >>> callback.history["action_net"][0] < 0.018, len(callback.history["action_net"])
        (True, 8)
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}

    def _on_training_start(self) -> None:
        if not any(noisy_layers(self.model.policy)):
            raise ValueError(f"model: expected a policy with noisy layers, found {type(self.model.policy).__name__}")

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        for name, layer in noisy_layers(self.model.policy):
            if not name.startswith("q_net_target."):
                self.history.setdefault(name, []).append(layer.sigma)
                self.logger.record(f"noise/{name}", layer.sigma)


@contextmanager
def _noise_on(network: nn.Module) -> Iterator[None]:
    """Noisy layers are noisy within, whatever the mode of the network."""
    layers = [layer for _, layer in noisy_layers(network)]
    before = [layer.training for layer in layers]
    for layer in layers:
        layer.train()
    try:
        yield
    finally:
        for layer, mode in zip(layers, before, strict=True):
            layer.train(mode)
