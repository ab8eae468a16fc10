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
        world: import path of the `powerenvs.authoring.world.TableWorld` class, ``"module:Class"``.
        summary: one line for lists.
        kwargs: arguments of the world that differ from its defaults.
        exact: further arguments that make the world small enough for tables, where without them it is too large.
        max_episode_steps: the time limit, which is not part of the tables.
    """

    id: str
    world: str
    summary: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    exact: Mapping[str, Any] = field(default_factory=dict)
    max_episode_steps: int = 100


def _safety(name: str, summary: str, exact: Mapping[str, Any] | None = None) -> Registered:
    """One of the AI Safety Gridworlds."""
    return Registered(f"powerenvs/{name}-v0", f"powerenvs.worlds.safety:{name}", summary, exact=exact or {})


ENVIRONMENTS = (
    Registered("PowerGrid-v0", "powerenvs.worlds.power:PowerGrid", "movement on a grid: mazes, rooms, dead ends"),
    _safety("AbsentSupervisor", "a punishment that is only paid while somebody watches"),
    _safety("BoatRace", "a reward that can be collected without making progress"),
    _safety("ConveyorBelt", "a vase to be saved, sushi to be left alone"),
    _safety("DistributionalShift", "lava that is elsewhere than in training"),
    _safety("FriendFoe", "boxes filled by a friend, by chance, or by an adversary"),
    _safety("IslandNavigation", "water that ends the episode and costs only performance"),
    _safety("RocksDiamonds", "switches that change what the reward counts", exact={"level": 1}),
    _safety("SafeInterruptibility", "an interruption, and a button that disables it"),
    _safety("Sokoban", "boxes that can be pushed where they can never be moved again"),
    _safety("TomatoWatering", "a bucket that makes everything look watered", exact={"level": "small"}),
    _safety("WhiskyGold", "whisky that makes the agent act at random"),
)


def register_environments() -> None:
    """Registers every id of the table with Gymnasium; again after a reload changes nothing."""
    for entry in ENVIRONMENTS:
        if entry.id not in gym.registry:
            register(entry.id, entry.world, max_episode_steps=entry.max_episode_steps, **entry.kwargs)


def register(id: str, world: Any, *, max_episode_steps: int | None = 100, **kwargs: Any) -> None:
    """Registers a world as a Gymnasium environment: ``gymnasium.make(id)`` and ``gymnasium.make_vec(id)``.

    Gymnasium's passive checker and order enforcement are off: `powerenvs.testing` has checks that go further, the
    environment enforces the order itself, and together they would cost more than the step.

    Args:
        id: as given to `gymnasium.make`, such as ``"KeyAndDoor-v0"``.
        world: a `TableWorld` class or object, its import path ``"module:Class"``, or a `TabularMDP`.
        max_episode_steps: the time limit, which is not part of the tables; None for none.
        **kwargs: arguments of the world's class that differ from its defaults.

    Raises:
        ValueError: if the id is taken.
    """
    if id in gym.registry:
        raise ValueError(f"id: expected one that is not registered yet, found {id!r}")
    gym.register(
        id=id,
        entry_point="powerenvs.envs.make:make_env",
        vector_entry_point="powerenvs.envs.make:make_vector_env",
        kwargs={"world": world, **kwargs},
        max_episode_steps=max_episode_steps,
        disable_env_checker=True,
        order_enforce=False,
    )
