"""A task as an environment: a reward function over states, paid to whoever acts; in games one for each agent."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray
from pettingzoo.utils.wrappers import BaseParallelWrapper

from power_metrics.agents.joint_observations import parallel_game
from power_metrics.agents.rollouts import current_state
from power_metrics.arguments.checks import as_float64, check_gamma, resolve_model
from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.envs.parallel import GameEnv
from powerenvs.envs.single import TabularEnv
from powerenvs.model.checks import mapped
from powerenvs.model.game import TabularGame
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


class TaskRewardParallel(BaseParallelWrapper[str, Any, Any]):
    """`TaskReward` for games of PettingZoo: pays each agent its own R_i(s') for a joint step to s'.

    Around the parallel API; ``pettingzoo.utils.conversions.parallel_to_aec`` makes an AEC environment of it.

    Args:
        env: a parallel environment of powerenvs, wrapped or not, with S joint states.
        rewards: {agent: (S,) R of each joint state}, of every agent.
        gamma: discount in [0, 1).

    Attributes:
        rewards: {agent: (S,)}.

    Raises:
        ValueError: for other environments, and rewards that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.multi import power_pair_v0
        >>> env = power_pair_v0.parallel_env(level="..")
        >>> env = pm.TaskRewardParallel(env, {"human": [0.0, 0.25, 0.5, 1.0], "ai": [0.0] * 4}, gamma=0.9)
        >>> _ = env.reset(seed=0)
        >>> _, rewards, _, _, infos = env.step({"human": 0, "ai": 0})
        >>> rewards["human"] == [0.0, 0.25, 0.5, 1.0][infos["ai"]["state"]], rewards["ai"]
        (True, 0.0)
    """

    def __init__(self, env: Any, rewards: Mapping[str, ArrayLike], gamma: float = 0.9):
        game = parallel_game(env)
        super().__init__(env)
        given = mapped("rewards", rewards, "rewards by agent")
        if sorted(given) != sorted(game.agents):
            raise ValueError(f"rewards: expected those of {game.agents}, found those of {tuple(given)}")
        self.rewards = {agent: as_float64("rewards", given[agent], (game.state_labels,)) for agent in game.agents}
        for agent, values in self.rewards.items():
            if values.shape != (game.num_states,) or not np.isfinite(values).all():
                raise ValueError(
                    f"rewards: expected {game.num_states} finite numbers of {agent!r}, one for each joint state, found "
                    f"shape {values.shape}"
                )
        ends = np.where(game.terminal, 1.0 - check_gamma(gamma), 1.0)
        self._paid = {agent: values / ends for agent, values in self.rewards.items()}

    def step(self, actions: Mapping[str, Any]) -> tuple[Any, Any, Any, Any, Any]:
        """Takes an action of every agent and pays each for where they led."""
        observations, rewards, terminated, truncated, infos = self.env.step(dict(actions))
        paid = {agent: float(self._paid[agent][int(infos[agent]["state"])]) for agent in rewards}
        infos = {agent: {**info, "performance": paid[agent]} for agent, info in infos.items()}
        return observations, paid, terminated, truncated, infos

    def shaped_model(self, game: TabularGame) -> TabularGame:
        """The tables with what this wrapper pays, from those of the environment below."""
        source = np.repeat(np.arange(game.num_states), np.diff(game.indptr[:: game.num_joint_actions]))
        paid = np.stack([self._paid[agent][game.successor] for agent in game.agents])
        paid[:, game.terminal[source]] = 0.0
        return game.with_(reward=paid, performance=paid)


def game_task_environment(env: Any) -> Any:
    """The parallel environment that tasks of a game are put on: as given, or one that steps through its tables.

    An environment without a time limit, in which episodes may never end, gets one.

    Raises:
        ValueError: for AEC environments.
    """
    if isinstance(env, (TabularGame, TableGameWorld)):
        return GameEnv(env, max_cycles=LENGTH)
    parallel_game(env)
    if env.unwrapped.max_cycles is None:
        env = copy.deepcopy(env)
        env.unwrapped.max_cycles = LENGTH
    return env
