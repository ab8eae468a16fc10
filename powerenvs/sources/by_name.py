"""From a name and arguments to tables: an environment's id, a game, a named graph, or a file."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from powerenvs.authoring.family import load
from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.authoring.world import TableWorld
from powerenvs.extras import install_line
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.npz import saved_kind
from powerenvs.registry import games, graphs
from powerenvs.sources.any_model import tabular_model
from powerenvs.sources.model_files import load as load_file, suffixes


@dataclass(frozen=True)
class LoadedModel:
    """A model and where it came from.

    Attributes:
        name: the id, the name, or the file.
        kwargs: the arguments given to the environment.
        mdp: the tables.
        env: the environment; None for a file.
        world: the world of one of our environments, else None.
    """

    name: str
    kwargs: Mapping[str, Any]
    mdp: TabularMDP
    env: Any = None
    world: TableWorld[Any] | None = None

    @property
    def model(self) -> TabularMDP:
        """The tables."""
        return self.mdp

    @property
    def subject(self) -> Any:
        """What a measure is given: the environment, which knows its time limit; of a file the tables."""
        return self.mdp if self.env is None else self.env

    @property
    def title(self) -> str:
        """The name and the arguments, on one line."""
        return title_of(self.name, self.kwargs)


@dataclass(frozen=True)
class LoadedGame:
    """A game and where it came from.

    Attributes:
        name: as given.
        kwargs: the arguments given to it.
        game: the tables.
        world: the world of one of our games, else None.
    """

    name: str
    kwargs: Mapping[str, Any]
    game: TabularGame
    world: TableGameWorld[Any] | None = None

    @property
    def model(self) -> TabularGame:
        """The tables."""
        return self.game

    @property
    def subject(self) -> TabularGame:
        """What a measure is given: the tables."""
        return self.game

    @property
    def title(self) -> str:
        """The name and the arguments, on one line."""
        return title_of(self.name, self.kwargs)


def title_of(name: str, kwargs: Mapping[str, Any]) -> str:
    """A name and its arguments on one line; long ones, such as the text of a level, are cut."""
    given = ", ".join(
        f"{argument}={textwrap.shorten(str(value), 40, placeholder='...')}" for argument, value in kwargs.items()
    )
    return f"{name} ({given})" if given else name


def game_names() -> list[str]:
    """The names of all games, without their versions."""
    return [game.short for game in games().values()]


def game_name(given: str) -> str | None:
    """The game that a name such as "power_pair_v0" means, or a file with a game; None for anything else."""
    if given.endswith(suffixes()):
        return given if Path(given).is_file() and _holds_game(given) else None
    return next((game.name for game in games().values() if given in game.names), None)


def _holds_game(path: str) -> bool:
    if path.endswith(".npz"):
        return saved_kind(path) == TabularGame.__name__
    return isinstance(load_file(path), TabularGame)


def load_game(name: str, kwargs: Mapping[str, Any]) -> LoadedGame:
    """The game of this name (see `game_name`).

    Raises:
        ValueError: for an argument that the game does not take, with the closest known one, and what it refuses.
    """
    if name.endswith(suffixes()):
        if kwargs:
            raise ValueError(f"{next(iter(kwargs))}: a game from a file takes no arguments")
        game = load_file(name)
        if not isinstance(game, TabularGame):
            raise ValueError(f"{name!r}: expected a game, found {game!r}")
        return LoadedGame(name, {}, game)
    kind = load(games()[name].world)
    known = inspect.signature(kind).parameters
    unknown = next((argument for argument in kwargs if argument not in known), None)
    if unknown is not None:
        raise ValueError(f"{unknown}: {name} has no such argument; {closest(unknown, known)}")
    world = kind(**kwargs)
    return LoadedGame(name, kwargs, world.tables(), world)


def load_model(name: str, kwargs: Mapping[str, Any]) -> LoadedModel:
    """The model of one agent with this id, name or file.

    Raises:
        ValueError: for an unknown id or argument, with the closest known one, and whatever the world refuses.
        OSError: if a file cannot be read.
    """
    if name.endswith(suffixes()) or name in graphs():
        if kwargs:
            source = "this graph" if name in graphs() else "a model from a file"
            raise ValueError(f"{next(iter(kwargs))}: {source} takes no arguments")
        mdp = load(graphs()[name])() if name in graphs() else load_file(name)
        if not isinstance(mdp, TabularMDP):
            raise ValueError(f"{name!r}: expected a model of one agent, found {mdp!r}")
        return LoadedModel(name, {}, mdp)
    env = make_environment(name, kwargs)
    model = tabular_model(env)
    if not isinstance(model, TabularMDP):
        raise ValueError(f"{env.spec.id}: expected an environment of one agent, found {model!r}")
    return LoadedModel(name, kwargs, model, env, getattr(env.unwrapped, "world", None))


def model_named(name: str | os.PathLike[str]) -> TabularMDP | TabularGame:
    """The model with this id, name or file, for one agent or several; worlds are as they are without arguments.

    Raises:
        ValueError: for an unknown name, with the closest known one.
        OSError: if a file cannot be read.
    """
    text = os.fspath(name)
    if text.endswith(suffixes()):
        return load_file(text)
    game = game_name(text)
    return load_model(text, {}).mdp if game is None else load_game(game, {}).game


def make_environment(name: str, kwargs: Mapping[str, Any], **options: Any) -> Any:
    """The Gymnasium environment of an id.

    Args:
        name: the id, with the module that registers it where it needs one (``module:Id-v0``).
        kwargs: the arguments of the environment.
        **options: further arguments of `gymnasium.make`, such as ``render_mode``.

    Raises:
        ValueError: for an unknown id or argument, with the closest known one, and whatever the world refuses.
    """
    import gymnasium as gym

    import powerenvs  # noqa: F401  # registers the ids

    name = registered_id(name)
    _check_kwargs(name, kwargs)
    try:
        return gym.make(name, **{**options, **kwargs})
    except (ValueError, gym.error.Error):
        raise
    except Exception as error:  # constructors of other packages raise anything when an argument does not suit them
        raise ValueError(f"{name}: cannot be made with {kwargs} ({type(error).__name__}: {error})") from error


def registered_id(given: str) -> str:
    """The id without its module, which is imported first.

    ``module:Class`` is the environment of a class, which gets an id, ``file.py:Class`` that of a class in a file, and
    ``file.py`` the only one that the file defines.

    Raises:
        ValueError: for an unknown id, with the closest known one, or a module that cannot be imported.
    """
    import gymnasium as gym

    import powerenvs  # noqa: F401  # registers the ids
    from powerenvs.sources.own_code import id_in_module, module_of_file

    module, colon, name = (given, ":", "") if given.endswith(".py") else given.rpartition(":")
    if colon:
        try:
            loaded = module_of_file(module) if module.endswith(".py") else importlib.import_module(module)
        except (ModuleNotFoundError, ValueError) as error:
            advice = install_line("minigrid") if module == "minigrid" else "install the package that has it"
            raise ValueError(f"{given}: cannot import {module!r} ({error}); {advice}") from None
        name = id_in_module(loaded, name)
    if name not in gym.registry:
        if not colon and game_name(name):
            raise ValueError(f"{name!r} is a game of two agents, which power, rollout, show and sweep take")
        known = [] if colon else [*game_names(), *graphs()]
        for origin in [module] if colon else ["gymnasium.envs.toy_text.", "powerenvs."]:
            known = [id for id, spec in gym.registry.items() if str(spec.entry_point).startswith(origin)] + known
        advice = closest(name, known) if known else f"{module!r} registers none"
        hint = "; an id of another package needs its module, as in minigrid:MiniGrid-FourRooms-v0"
        hint = "" if colon or advice.endswith("?") else hint
        raise ValueError(f"unknown id {name!r}; {advice}{hint}")
    return name


TRUSTED = ("gymnasium", "minigrid", "powerenvs")
"""Modules that ids may name without anybody's leave."""


def code_named_by(name: str) -> str | None:
    """The module or Python file whose code a name would have run, unless it has been imported; None without one."""
    if name.endswith(suffixes()):
        return None
    if name.partition(":")[0].endswith(".py"):
        return name.partition(":")[0]
    module, colon, _ = name.rpartition(":")
    return module if colon and module not in (*TRUSTED, *sys.modules) else None


def _check_kwargs(name: str, kwargs: Mapping[str, Any]) -> None:
    """Refuses arguments that the environment does not take, where its signature tells."""
    known = environment_parameters(name)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return  # our own environments, for one, check the world's arguments themselves
    for argument in kwargs:
        if argument not in known:
            raise ValueError(f"{argument}: {name} has no such argument; {closest(argument, known)}")


def environment_parameters(name: str) -> dict[str, inspect.Parameter]:
    """The arguments of a registered environment's constructor."""
    import gymnasium as gym
    from gymnasium.envs.registration import load_env_creator

    entry = gym.spec(name).entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    return {} if creator is None else dict(inspect.signature(creator).parameters)


def argument_names(given: str) -> list[str] | None:
    """The arguments that an id, a game, a graph or a file takes; None where the signature does not tell.

    Raises:
        ValueError: for an unknown id, with the closest known one.
    """
    if given.endswith(suffixes()) or given in graphs():
        return []
    game = game_name(given)
    if game is not None:
        return list(inspect.signature(load(games()[game].world)).parameters)
    import gymnasium as gym

    name = registered_id(given)
    parameters = environment_parameters(name)
    world = gym.spec(name).kwargs.get("world")
    if isinstance(world, (str, type)):
        parameters = {**inspect.signature(load(world)).parameters, **parameters}
        parameters.pop("world", None)
    elif any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [name for name, parameter in parameters.items() if parameter.kind not in kinds]
