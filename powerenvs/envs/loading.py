"""What the single, vector and multi-agent environments are made from: the world, its tables, and the start states."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np

from powerenvs.authoring.compile import compile_game, compile_world
from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.authoring.world import TableWorld
from powerenvs.model.base import Model
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP

WorldLike = str | type[TableWorld[Any]] | TableWorld[Any] | TabularMDP
"""An import path ``"module:Class"``, a world class, a world, or a model without a world."""


def build_world(world: WorldLike, kwargs: Mapping[str, Any], options: Sequence[str]) -> TableWorld[Any] | TabularMDP:
    """The world that is meant, built; or the model without a world.

    Args:
        world: see `WorldLike`.
        kwargs: arguments of the world's class.
        options: names of the environment's own arguments, for messages about misspelt ones.

    Raises:
        ValueError: for a path that leads to no world, an unknown argument (with the closest known one), a missing
            argument, arguments for something that is already built, and whatever the world refuses.
    """
    if isinstance(world, str):
        world = _import_world(world)
    if isinstance(world, type) and issubclass(world, TableWorld):
        _check_kwargs(world, kwargs, options)
        world = world(**kwargs)
    elif kwargs:
        name = next(iter(kwargs))
        raise ValueError(
            f"{name}: unknown argument for a {type(world).__name__}, which is built already; {closest(name, options)}"
        )
    if isinstance(world, (TableWorld, TabularMDP)):
        return world
    raise ValueError(
        f'world: expected an import path "module:Class", a TableWorld (class or instance) or a TabularMDP, '
        f"found {world!r}"
    )


def load_world(
    world: WorldLike, kwargs: Mapping[str, Any], options: Sequence[str]
) -> tuple[TabularMDP, TableWorld[Any] | None]:
    """The tables, and the world they come from if there is one; arguments and errors as of `build_world`.

    Raises:
        ValueError: besides, if the world is too large for tables.
    """
    built = build_world(world, kwargs, options)
    return (built, None) if isinstance(built, TabularMDP) else (compile_world(built), built)


class View(NamedTuple):
    """An environment that a world has for a kind of observation, and the world's class."""

    world: type[TableWorld[Any]]
    env: Callable[..., Any]

    def make(self, kwargs: Mapping[str, Any], render_mode: str | None) -> Any:
        """The environment; arguments of the environment and of the world are told apart by its signature.

        Raises:
            ValueError: for an unknown argument, and whatever the world or the environment refuses.
        """
        parameters = inspect.signature(self.env).parameters.values()
        own = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        world = build_world(self.world, {k: v for k, v in kwargs.items() if k not in own}, (*own, "observation"))
        return self.env(world, render_mode=render_mode, **{k: v for k, v in kwargs.items() if k in own})


def load_game(world: Any) -> tuple[TabularGame, TableGameWorld[Any] | None]:
    """The tables of a game that is played, and the world they come from if there is one.

    Raises:
        ValueError: for anything else, and for a game in which some combinations of available actions do not exist.
    """
    if not isinstance(world, (TableGameWorld, TabularGame)):
        raise ValueError(f"world: expected a TableGameWorld or a TabularGame, found {world!r}")
    game = world if isinstance(world, TabularGame) else compile_game(world)
    if not game.independent_actions:
        raise ValueError(
            "world: expected a game in which all combinations of available actions exist, found one in which they "
            "do not, as after without_overlaps(); use with_bumping() for games that are played"
        )
    return game, None if isinstance(world, TabularGame) else world


def view_of(world: WorldLike, observation: str | None) -> View | None:
    """The environment that a world's class has for this kind of observation; None if it is one of tables."""
    if observation is None:
        return None
    kind = _import_world(world) if isinstance(world, str) else world
    if not (isinstance(kind, type) and issubclass(kind, TableWorld) and observation in kind.views):
        return None
    module, _, name = kind.views[observation].partition(":")
    return View(kind, getattr(importlib.import_module(module), name))


def _import_world(path: str) -> type[TableWorld[Any]]:
    module_name, _, name = path.partition(":")
    if not module_name or not name:
        raise ValueError(f'world: expected an import path "module:Class", found {path!r}')
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there; something that it imports is not
        raise ValueError(f"world: found no module {error.name!r}, of {path!r}") from None
    found = getattr(module, name, None)
    if not isinstance(found, type) or not issubclass(found, TableWorld):
        values = {n: getattr(module, n, None) for n in dir(module)}
        worlds = [n for n, value in values.items() if isinstance(value, type) and issubclass(value, TableWorld)]
        raise ValueError(f"world: {module_name} has no world {name!r}; {closest(name, worlds)}")
    return found


def _check_kwargs(world: type[TableWorld[Any]], kwargs: Mapping[str, Any], options: Sequence[str]) -> None:
    parameters = inspect.signature(world).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in kwargs:
        if name not in parameters:
            raise ValueError(f"{name}: {world.__name__} has no such argument; {closest(name, [*parameters, *options])}")
    for name, parameter in parameters.items():
        if (
            parameter.default is parameter.empty
            and parameter.kind is not parameter.VAR_POSITIONAL
            and name not in kwargs
        ):
            raise ValueError(f"{name}: {world.__name__} needs this argument")


def start_state(model: Model, wanted: Any) -> int:
    """The state that ``reset(options={"state": wanted})`` names: a label, or else an index.

    Raises:
        ValueError: if it is neither.
    """
    labels = [wanted, tuple(wanted)] if isinstance(wanted, list) else [wanted]  # JSON has lists for tuples
    for label in labels:
        try:
            return model.index(label)
        except ValueError as error:
            unknown = error
    try:
        state = index(wanted)
    except TypeError:
        raise ValueError(f"options['state']: {unknown}") from None
    if not 0 <= state < model.num_states:
        raise ValueError(
            f"options['state']: expected a label or an index from 0 to {model.num_states - 1}, found {state}"
        )
    return state


def check_options(options: Mapping[str, Any] | None, known: Sequence[str]) -> Mapping[str, Any]:
    """The options of a reset; a ValueError with the closest name if one of them is unknown."""
    for name in options or {}:
        if name not in known:
            raise ValueError(f"options: unknown option {name!r}; {closest(name, known)}")
    return options or {}


def refusal(mdp: TabularMDP, state: int, action: Any) -> str:
    """Why an action cannot be taken in a state, with the actions that can."""
    legal = ", ".join(f"{a} ({label_text(mdp.action_labels[a])})" for a in np.flatnonzero(mdp.available[state]))
    where = f"state {state} ({label_text(mdp.state_labels[state])})"
    try:
        number = index(action)
    except TypeError:
        return f"action: expected an integer, found {action!r}; the actions of {where} are {legal}"
    if not 0 <= number < mdp.num_actions:
        return f"action: expected 0 to {mdp.num_actions - 1}, found {number}; the actions of {where} are {legal}"
    name = label_text(mdp.action_labels[number])
    return f"action: {number} ({name}) is not available in {where}; the actions there are {legal}"
