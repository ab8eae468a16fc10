"""All families of worlds, and what follows from them: ids, games, graphs. Nothing else lists worlds.

Families are found by walking `powerenvs.worlds`, in packages that have an entry point of the group
``powerenvs.families`` (its value is ``"module:FAMILY"``), and by `register_family`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import gymnasium as gym

from powerenvs import worlds
from powerenvs.authoring.family import Family, GameEntry, Target, WorldEntry
from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.model.game import TabularGame

GROUP = "powerenvs.families"

_families: dict[str, Family] = {}
_visitors: list[Callable[[Family], None]] = []


def families() -> tuple[Family, ...]:
    """All families: those inside the package first, then in the order in which they were registered."""
    return tuple(_families.values())


def environments() -> tuple[WorldEntry, ...]:
    """The worlds of all families, each with its Gymnasium id."""
    return tuple(entry for family in families() for entry in family.worlds)


def games() -> Mapping[str, GameEntry]:
    """The games of all families by name, such as "power_pair_v0"."""
    return {entry.name: entry for family in families() for entry in family.games}


def graphs() -> Mapping[str, Target]:
    """The functions that give the tables of small graphs, by name."""
    return {name: graph for family in families() for name, graph in family.graphs.items()}


def family_named(name: str) -> Family:
    """The family of this name.

    Raises:
        ValueError: if there is none.
    """
    if name not in _families:
        raise ValueError(f"family: expected one of {', '.join(_families)}, found {name!r}")
    return _families[name]


def family_of(id: str) -> Family | None:
    """The family that declares this Gymnasium id, or game with its version; None for anything else."""
    for family in families():
        if id in {entry.id for entry in family.worlds} | {entry.name for entry in family.games}:
            return family
    return None


def each_family(visit: Callable[[Family], None]) -> None:
    """Calls ``visit`` with every family that there is, and later with every one that is registered."""
    for family in families():
        visit(family)
    _visitors.append(visit)


def register_family(family: Family) -> Family:
    """Makes the worlds and games of a family known to all: `gymnasium.make`, PettingZoo, the command line, pictures.

    A package that has a family needs no call of this if its entry point of the group ``powerenvs.families`` names the
    family; with ``FAMILY = register_family(Family(...))`` it may also be imported before `powerenvs`. To register the
    same family again changes nothing.

    Returns:
        The family.

    Raises:
        ValueError: if something of the family has a name or a look that another family gives to something else.

    Example:
        >>> import gymnasium
        >>> from powerenvs import Family, WorldEntry, register_family
        >>> from powerenvs.worlds.power import PowerGrid
        >>> short = WorldEntry(PowerGrid, "three steps", kwargs={"level": "S..G"})
        >>> family = register_family(Family("corridors", "Corridors", worlds=[short]))
        >>> gymnasium.make("corridors/PowerGrid-v0").unwrapped.mdp.num_states
        4
    """
    if not isinstance(family, Family):
        raise ValueError(f"family: expected a powerenvs.Family, found {family!r}")
    if _families.get(family.name) == family:
        return family
    _check_new(family)
    _families[family.name] = family
    for entry in family.worlds:
        if entry.id not in gym.registry:
            register(entry.id, entry.world, max_episode_steps=entry.max_episode_steps, **entry.kwargs)
    for visit in _visitors:
        visit(family)
    return family


def _check_new(family: Family) -> None:
    """Refuses a family that gives another meaning to something that is known."""
    if family.name in _families:
        raise ValueError(f"name: expected one that no family has yet, found {family.name!r}")
    for entry in family.worlds:
        if entry.id in gym.registry and gym.registry[entry.id].kwargs.get("world") != entry.world:
            raise ValueError(f"worlds: expected ids that are not registered yet, found {entry.id!r}")
    for name in {game.name for game in family.games} & set(games()):
        raise ValueError(f"games: expected names that no family has yet, found {name!r}")
    for name in set(family.graphs) & set(graphs()):
        raise ValueError(f"graphs: expected names that no family has yet, found {name!r}")
    for other in families():
        for meaning, style in family.tiles.items():
            if other.tiles.get(meaning, style) != style:
                raise ValueError(
                    f"tiles: expected {meaning!r} to look as in {other.name}, {other.tiles[meaning]}, found {style}; "
                    f"give it a meaning of its own"
                )


def register_families() -> None:
    """Registers the families inside the package and those that entry points name; again changes nothing.

    A package whose family cannot be loaded is named in a warning: it must not break the others.
    """
    for module in pkgutil.iter_modules(worlds.__path__, f"{worlds.__name__}."):
        register_family(importlib.import_module(module.name).FAMILY)
    for point in entry_points(group=GROUP):
        if _being_imported(point):
            continue
        try:
            register_family(point.load())
        except Exception as error:
            warnings.warn(f"{GROUP}: cannot load {point.value} ({type(error).__name__}: {error})", stacklevel=2)


def _being_imported(point: EntryPoint) -> bool:
    """Whether the family's module is what imports this package: it has no family yet, and registers it itself."""
    spec = getattr(sys.modules.get(point.module), "__spec__", None)
    return getattr(spec, "_initializing", False)  # the import system's own mark of a module that is not ready


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
        ValueError: if the id is taken, and for games of several agents.

    Example:
        >>> import gymnasium, powerenvs
        >>> from powerenvs.worlds.power import PowerGrid
        >>> powerenvs.register("Corridor-v0", PowerGrid, level="S...G")
        >>> gymnasium.make("Corridor-v0").unwrapped.mdp.num_states
        5
    """
    if id in gym.registry:
        raise ValueError(f"id: expected one that is not registered yet, found {id!r}")
    game = (TableGameWorld, TabularGame)
    if isinstance(world, game) or (isinstance(world, type) and issubclass(world, game)):
        raise ValueError(
            f"world: expected one of a single agent, found the game {world!r}, which PettingZoo has and gymnasium.make "
            "has not; powerenvs.multi.GameEnv(world) is its environment, and a Family declares games"
        )
    gym.register(
        id=id,
        entry_point="powerenvs.envs.make:make_env",
        vector_entry_point="powerenvs.envs.make:make_vector_env",
        kwargs={"world": world, **kwargs},
        max_episode_steps=max_episode_steps,
        disable_env_checker=True,
        order_enforce=False,
    )
