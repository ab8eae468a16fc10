"""Many copies of an environment, stepped together through its tables, and what a network sees in each of its states."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from power_metrics.agents.observations import state_observations
from power_metrics.arguments.checks import check_count
from powerenvs.envs.vector import TabularVectorEnv
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


class Step(NamedTuple):
    """What a step of all copies led to: the states before episodes began anew, and after."""

    reached: NDArray[np.int64]
    state: NDArray[np.int64]
    reward: Floats
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]


class Copies:
    """N copies of an environment, as a `TabularVectorEnv` of its model: they learn in what the tables say.

    Args:
        env: the environment. Its time limit holds for the copies.
        mdp: its tables, with S states and A actions.
        num_envs: N.
        reward_scale: rewards are given times this; None for one over the largest of them in size.

    Attributes:
        observations: (S, F) float32 what a network sees in each state: its observation, flat; numbers of states as one
            of F, and bytes from 0 to 1.
        available: (S, A) which actions there are.
        scale: the factor of rewards.
        state: (N,) the states that the copies are in.
        visits: (S,) how often an action was taken in each state.

    Raises:
        ValueError: for observations that are not a function of the state, and arguments that do not fit.
    """

    def __init__(self, env: Any, mdp: TabularMDP, num_envs: int, reward_scale: float | None = None):
        self.mdp, self.num_envs = mdp, check_count("num_envs", num_envs)
        self.observations = torch.as_tensor(_features(env))
        self.available = torch.as_tensor(np.array(mdp.available))
        largest = float(np.abs(mdp.reward).max())
        if reward_scale is not None and not 0.0 < reward_scale < np.inf:
            raise ValueError(f"reward_scale: expected a number above 0, or None, found {reward_scale!r}")
        self.scale = (1.0 / largest if largest else 1.0) if reward_scale is None else float(reward_scale)
        self._envs = TabularVectorEnv(
            _world(env, mdp), self.num_envs, max_episode_steps=time_limit(env), autoreset_mode=AutoresetMode.SAME_STEP
        )
        self.state = np.zeros(self.num_envs, dtype=np.int64)
        self.visits = np.zeros(mdp.num_states, dtype=np.int64)

    def reset(self, seed: int) -> None:
        """Starts an episode in every copy."""
        self.state, _ = self._envs.reset(seed=seed)

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Takes an action in every copy; an episode that has ended begins anew within the step."""
        np.add.at(self.visits, self.state, 1)
        state, reward, terminated, truncated, told = self._envs.step(actions)
        reached = state
        if "final_obs" in told:
            reached, ended = state.copy(), told["_final_obs"]
            reached[ended] = told["final_obs"][ended].astype(np.int64)
        self.state = state
        return Step(reached, state, reward * self.scale, terminated, truncated)


def time_limit(env: Any) -> int | None:
    """After how many steps wrappers end an episode; None if none does."""
    limits = []
    while isinstance(env, gym.Wrapper):
        if isinstance(env, gym.wrappers.TimeLimit):
            limits.append(int(env._max_episode_steps))
        env = env.env
    return min(limits, default=None)


def _world(env: Any, mdp: TabularMDP) -> Any:
    """What the copies step through: the world, where it remembers from episode to episode, or else the tables.

    Raises:
        ValueError: for a world that remembers, in wrappers that change its tables.
    """
    base = env.unwrapped
    world = getattr(base, "world", None)
    if getattr(world, "memory", None) is None:
        return mdp
    if base.mdp.fingerprint != mdp.fingerprint:
        raise ValueError(
            f"env: {type(world).__name__} remembers from episode to episode, and wrappers change its tables, so that "
            "copies cannot be stepped through them; train without these wrappers, or with an algorithm that steps the "
            'environment itself, such as "ppo"'
        )
    return world


def _features(env: Any) -> NDArray[np.float32]:
    observed = state_observations(env)
    space = observed.space
    if space is None or isinstance(space, gym.spaces.Discrete):
        values = np.asarray(observed.values).astype(np.int64)
        first = 0 if space is None else int(space.start)
        return np.eye(int(values.max()) + 1 if space is None else int(space.n), dtype=np.float32)[values - first]
    count = observed.mdp.num_states
    rows = [np.asarray(gym.spaces.flatten(space, observed.part(s)), dtype=np.float32).ravel() for s in range(count)]
    found = np.stack(rows)
    return found / np.float32(255.0) if found.max() > 1.0 and _is_bytes(space) else found


def _is_bytes(space: gym.Space[Any]) -> bool:
    return isinstance(space, gym.spaces.Box) and space.dtype == np.uint8


def masked_logits(logits: torch.Tensor, available: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (n, A) of the actions that there are; the others have the lowest number there is."""
    low = torch.finfo(logits.dtype).min
    return torch.log_softmax(logits.masked_fill(~available, low), dim=-1)
