"""Entry points of the registered ids: the environment that suits a world's size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from powerenvs.authoring.lazy import LazyTable
from powerenvs.authoring.world import World
from powerenvs.envs.lazy import LazyEnv
from powerenvs.envs.loading import WorldLike, build_world, view_of
from powerenvs.envs.rendered import RenderedEnv
from powerenvs.envs.single import TabularEnv
from powerenvs.envs.vector import TabularVectorEnv, check_vector_arguments


def make_env(
    world: WorldLike, *, observation: str | None = None, render_mode: str | None = None, **world_kwargs: Any
) -> gym.Env[Any, Any]:
    """A `TabularEnv`; a `LazyEnv`, if the world is too large for tables; or what the world has for this observation.

    Args:
        world: as for `TabularEnv`.
        observation: as there, or one of the world's ``views``; None for "state", or "board" without tables.
        render_mode: as there.
        **world_kwargs: as there, and what the environment of a view takes.

    Raises:
        ValueError: as there.
    """
    view = view_of(world, observation)
    if view is not None:
        return view.make(world_kwargs, render_mode)
    built = build_world(world, world_kwargs, ("observation", "render_mode"))
    if isinstance(built, World) and built.large:
        return LazyEnv(LazyTable(built), observation=observation or "board", render_mode=render_mode)
    return TabularEnv(built, observation=observation or "state", render_mode=render_mode)


make_env.metadata = RenderedEnv.metadata  # type: ignore[attr-defined]  # where gymnasium.make looks for render modes


def make_vector_env(
    world: WorldLike,
    num_envs: int = 1,
    *,
    observation: str | None = None,
    render_mode: str | None = None,
    max_episode_steps: int | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    **world_kwargs: Any,
) -> VectorEnv[Any, Any, Any]:
    """A `TabularVectorEnv`; or N copies of a `LazyEnv` that share their rows, if the world is too large for tables.

    Args:
        world: as for `TabularVectorEnv`.
        num_envs: N.
        observation: as there; None for "state", or "board" without tables.
        render_mode: as there.
        max_episode_steps: as there.
        autoreset_mode: as there.
        **world_kwargs: as there.

    Raises:
        ValueError: as there.
    """
    options = ("num_envs", "observation", "render_mode", "max_episode_steps", "autoreset_mode")
    view = view_of(world, observation)
    if view is not None:
        check_vector_arguments(num_envs, max_episode_steps, autoreset_mode)
        return _copies(partial(view.make, world_kwargs, render_mode), num_envs, max_episode_steps, autoreset_mode)
    built = build_world(world, world_kwargs, options)
    if not (isinstance(built, World) and built.large):
        return TabularVectorEnv(
            built,
            num_envs,
            observation=observation or "state",
            render_mode=render_mode,
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
        )
    check_vector_arguments(num_envs, max_episode_steps, autoreset_mode)
    copy = partial(LazyEnv, LazyTable(built), observation=observation or "board", render_mode=render_mode)

    return _copies(copy, num_envs, max_episode_steps, autoreset_mode)


def _copies(
    copy: Callable[[], gym.Env[Any, Any]], num_envs: int, max_episode_steps: int | None, mode: AutoresetMode | str
) -> VectorEnv[Any, Any, Any]:
    """Environments side by side, each with the time limit."""

    def limited() -> gym.Env[Any, Any]:
        return copy() if max_episode_steps in (None, -1) else gym.wrappers.TimeLimit(copy(), max_episode_steps)

    return SyncVectorEnv([limited] * num_envs, autoreset_mode=AutoresetMode(mode))
