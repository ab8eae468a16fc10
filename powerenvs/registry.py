"""The one table of environments: what `gymnasium.make` knows about and `powerenvs list` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym


@dataclass(frozen=True)
class Registered:
    """One id.

    Attributes:
        id: as given to `gymnasium.make`.
        world: import path of the `powerenvs.world.TableWorld` class, ``"module:Class"``.
        summary: one line for lists.
        kwargs: arguments of the world that differ from its defaults.
        max_episode_steps: the time limit, which is not part of the tables.
    """

    id: str
    world: str
    summary: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    max_episode_steps: int = 100


ENVIRONMENTS = (
    Registered("PowerGrid-v0", "powerenvs.worlds.power:PowerGrid", "movement on a grid: mazes, rooms, dead ends"),
)


def register_environments() -> None:
    """Registers every id of the table with Gymnasium; again after a reload changes nothing.

    Gymnasium's passive checker and order enforcement are off: our own tests run the checker on every id, the
    environment enforces the order itself, and together they would cost more than the step.
    """
    for entry in ENVIRONMENTS:
        if entry.id not in gym.registry:
            gym.register(
                id=entry.id,
                entry_point="powerenvs.envs.single:TabularEnv",
                vector_entry_point="powerenvs.envs.vector:TabularVectorEnv",
                kwargs={"world": entry.world, **entry.kwargs},
                max_episode_steps=entry.max_episode_steps,
                disable_env_checker=True,
                order_enforce=False,
            )
