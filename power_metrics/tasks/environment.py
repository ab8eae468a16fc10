"""A task as an environment: a reward function over states, paid to whoever acts."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from power_metrics.agents.rollouts import current_state
from power_metrics.arguments.checks import as_float64, check_gamma, resolve_model
from powerenvs.envs.single import TabularEnv
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.wrapped import check_numbering

Floats = NDArray[np.float64]

LENGTH = 100
"""The steps of an episode where nothing else ends it."""


class TaskReward(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Pays R(s') for a step to s', instead of what the environment pays: a task as POWER has them.

    A terminal state goes on to be worth its R, so entering it pays R(s') / (1 - γ), all that follows. The tables carry
    it: ``tabular_model(env)`` has these rewards, and its optimal policies are those of V(s) = R(s) + γ max Σ P V.

    Args:
        env: an environment with exact tables that says which state it is in, wrapped or not.
        rewards: (S,) R of each state.
        gamma: discount in [0, 1).

    Attributes:
        rewards: as given.

    Raises:
        ValueError: for an environment without tables, and rewards that do not fit.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = pm.TaskReward(gym.make("PowerGrid-v0", level="S.."), [0.0, 0.5, 1.0], gamma=0.9)
        >>> _ = env.reset(seed=0)
        >>> env.step(4)[1]
        0.5
    """

    def __init__(self, env: gym.Env[Any, Any], rewards: ArrayLike, gamma: float = 0.9):
        gym.utils.RecordConstructorArgs.__init__(self, rewards=rewards, gamma=gamma)
        gym.Wrapper.__init__(self, env)
        mdp = resolve_model(env)
        check_numbering(env, mdp)
        self.rewards = as_float64("rewards", rewards, (mdp.state_labels,))
        if self.rewards.shape != (mdp.num_states,) or not np.isfinite(self.rewards).all():
            raise ValueError(
                f"rewards: expected {mdp.num_states} finite numbers, one for each state, found shape "
                f"{self.rewards.shape}"
            )
        self._paid = np.where(mdp.terminal, self.rewards / (1.0 - check_gamma(gamma)), self.rewards)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes an action and pays for where it led."""
        observation, _, terminated, truncated, info = self.env.step(action)
        paid = float(self._paid[current_state(self.env, info)])
        return observation, paid, terminated, truncated, {**info, "performance": paid}

    def shaped_model(self, mdp: TabularMDP) -> TabularMDP:
        """The tables with what this wrapper pays, from those of the environment below."""
        source = np.repeat(np.arange(mdp.num_states), np.diff(mdp.indptr[:: mdp.num_actions]))
        paid = np.where(mdp.terminal[source], 0.0, self._paid[mdp.successor])
        return mdp.with_(reward=paid, performance=paid)


def task_environment(env: Any) -> gym.Env[Any, Any]:
    """The environment that tasks are put on: as given, or one that steps through the tables.

    An environment without a time limit, in which episodes may never end, gets one.
    """
    mdp = resolve_model(env)
    if not isinstance(env, gym.Env):
        env = TabularEnv(mdp)
    layer = env
    while isinstance(layer, gym.Wrapper):
        if isinstance(layer, gym.wrappers.TimeLimit):
            return env
        layer = layer.env
    return gym.wrappers.TimeLimit(env, LENGTH)
