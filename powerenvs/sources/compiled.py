"""Models that environments have been compiled to: found again as long as an environment is in the same episode."""

from __future__ import annotations

from collections.abc import Hashable
from types import FunctionType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import gymnasium as gym
import numpy as np

from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.beginnings import first_copy
from powerenvs.sources.copies import Copies
from powerenvs.sources.minigrid import NO_MEMORY, is_minigrid
from powerenvs.sources.neutral import passes_on
from powerenvs.sources.randomness import Generators
from powerenvs.sources.remembered import Memories

LARGEST_OBSERVATION = 1024
"""Environments whose observations have more numbers than this are not compiled unasked: they are pictures, mostly."""


class Mark(NamedTuple):
    """What an environment is at the beginning of an episode.

    Attributes:
        memories: reads what copies remember.
        content: what the copy at the beginning remembers.
        functions: those that the environment and its wrappers hold.
    """

    memories: Memories
    content: Hashable
    functions: tuple[int, ...]


_known: WeakKeyDictionary[Any, tuple[Mark, TabularMDP]] = WeakKeyDictionary()


def can_be_compiled(env: Any) -> bool:
    """Whether an environment, wrapped or not, has finitely many actions and observations that may be its states."""
    if not isinstance(env, gym.Env) or not isinstance(env.action_space, gym.spaces.Discrete):
        return False
    return is_minigrid(env) or _is_finite(getattr(env.unwrapped, "observation_space", None))


def _is_finite(space: Any) -> bool:
    if isinstance(space, gym.spaces.Dict):
        return all(map(_is_finite, space.spaces.values()))
    if isinstance(space, gym.spaces.Tuple):
        return all(map(_is_finite, space.spaces))
    if isinstance(space, gym.spaces.Box):
        return bool(np.issubdtype(space.dtype, np.integer)) and int(np.prod(space.shape)) <= LARGEST_OBSERVATION
    return isinstance(space, (gym.spaces.Discrete, gym.spaces.MultiDiscrete, gym.spaces.MultiBinary, gym.spaces.Text))


def core(env: Any) -> Any:
    """An environment without the outer wrappers that only pass on."""
    while isinstance(env, gym.Wrapper) and passes_on(env):
        env = env.env
    return env


def beginning(env: Any, first: Any, memories: Memories | None = None) -> Mark:
    """What an environment is whose copy ``first`` is at the beginning of the episode."""
    copies = Copies(env)
    if memories is None:
        skipped = NO_MEMORY if is_minigrid(env) else ("_np_random",)
        memories = Memories([env.unwrapped.observation_space, env.unwrapped.action_space, env.unwrapped.spec], skipped)
    content = tuple(sorted(memories.of(copies.layers(first)).items()))
    layers = copies.layers(core(env))
    functions = (id(value) for layer in layers for value in vars(layer).values() if isinstance(value, FunctionType))
    return Mark(memories, content, tuple(functions))


def remember(env: Any, mark: Mark, mdp: TabularMDP) -> None:
    """Keeps the model of an environment as long as there is the environment."""
    _known[core(env)] = mark, mdp


def known_model(env: Any) -> TabularMDP | None:
    """The model of an environment that has been compiled before, if it is in the same episode still."""
    found = _known.get(core(env))
    if found is None:
        return None
    mark, mdp = found
    copies = Copies(env)
    layers = list(copies.layers(env))
    generators = Generators(layers, (env.unwrapped.observation_space, env.unwrapped.action_space))
    with generators.left_alone():
        first, observation = first_copy(env, copies, None)
        now = beginning(env, first, mark.memories)
        if now == mark:
            return mdp
        if now.functions != mark.functions or mdp.seen is None:
            return None
        start = mdp.seen.locate.begins(first, observation)  # type: ignore[attr-defined]  # a Locator, of compile_env
    if start is None:
        return None
    mdp = mdp.with_(initial=np.eye(mdp.num_states)[start])  # with the numbers that states had before
    remember(env, now, mdp)
    return mdp
