"""Modules as PettingZoo has them, one for each game: ``parallel_env``, ``env`` and ``raw_env``, and ``vector_env``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pettingzoo.utils.conversions import parallel_to_aec, parallel_to_aec_wrapper

from powerenvs.authoring.family import GameEntry, load
from powerenvs.envs.game_vector import GameVectorEnv
from powerenvs.envs.parallel import GameEnv

OPTIONS = tuple(
    parameter for name, parameter in inspect.signature(GameEnv).parameters.items() if name not in ("world", "name")
)
"""The arguments of `GameEnv` that a game's functions pass on."""

VECTOR_OPTIONS = tuple(
    parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    for name, parameter in inspect.signature(GameVectorEnv).parameters.items()
    if name != "world"
)
"""Those of `GameVectorEnv`."""

_MODULE = """{summary}: `{id}` for PettingZoo.

Example:
    >>> from powerenvs.multi import {game}
    >>> env = {game}.parallel_env(max_cycles=1)
    >>> observations, infos = env.reset(seed=0)
    >>> actions = {{agent: int(infos[agent]["action_mask"].argmax()) for agent in env.agents}}
    >>> observations, rewards, terminations, truncations, infos = env.step(actions)
    >>> all(truncations.values())
    True
"""

_FUNCTIONS = {
    "parallel_env": """The game for all agents at once; arguments as of `{world}`, and of `GameEnv`.

Example:
    >>> from powerenvs.multi import {game}
    >>> env = {game}.parallel_env(max_cycles=10)
    >>> observations, infos = env.reset(seed=0)
    >>> list(observations) == env.agents
    True
""",
    "vector_env": """Many copies of the game at once, as arrays; arguments as of `{world}`, and of `GameVectorEnv`.

Example:
    >>> from powerenvs.multi import {game}
    >>> env = {game}.vector_env(num_envs=64, max_cycles=10)
    >>> observations, infos = env.reset(seed=0)
    >>> [infos[agent]["state"].shape for agent in env.possible_agents][0]
    (64,)
""",
    "env": """The game for one agent after the other (AEC); arguments as of `parallel_env`.

Example:
    >>> from powerenvs.multi import {game}
    >>> env = {game}.env(max_cycles=10)
    >>> env.reset(seed=0)
    >>> env.agent_selection == env.agents[0]
    True
""",
    "raw_env": """The game for one agent after the other, without PettingZoo's check of the order of calls.

Example:
    >>> from powerenvs.multi import {game}
    >>> env = {game}.raw_env(max_cycles=10)
    >>> env.reset(seed=0)
    >>> env.agent_selection == env.agents[0]
    True
""",
}


class GameModule(ModuleType):
    """The module of one game. Its functions are made, and the game's world is imported, when the first is asked for."""

    def __init__(self, name: str, game: GameEntry):
        summary = game.summary[:1].upper() + game.summary[1:]
        super().__init__(name, _MODULE.format(summary=summary, id=game.id, game=game.name))
        self._game = game
        self.__all__ = sorted(_FUNCTIONS)

    def __getattr__(self, name: str) -> Any:
        if name not in _FUNCTIONS:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__dict__.update(_creators(self._game, self.__name__))
        return self.__dict__[name]

    def __reduce__(self) -> tuple[Any, ...]:
        """By name, as modules are: cloudpickle does so only for those of exactly that type."""
        return importlib.import_module, (self.__name__,)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_FUNCTIONS})


def _creators(game: GameEntry, module: str) -> dict[str, Callable[..., Any]]:
    """The functions of a game's module, each with the arguments of the world and those of `GameEnv`."""
    world = load(game.world)
    own = inspect.signature(world).parameters.values()
    signatures = {
        options: inspect.Signature(sorted([*own, *options], key=lambda parameter: parameter.kind))
        for options in (OPTIONS, VECTOR_OPTIONS)
    }

    def given(options: tuple[inspect.Parameter, ...], args: Any, kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """The world, and the environment's own arguments."""
        try:
            bound = signatures[options].bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{game.name}: {error}") from None
        chosen = {option.name: bound.arguments.pop(option.name) for option in options if option.name in bound.arguments}
        return world(*bound.args, **bound.kwargs), chosen

    def parallel_env(*args: Any, **kwargs: Any) -> GameEnv:
        made, options = given(OPTIONS, args, kwargs)
        return GameEnv(made, name=game.name, **options)

    def vector_env(*args: Any, **kwargs: Any) -> GameVectorEnv:
        made, options = given(VECTOR_OPTIONS, args, kwargs)
        return GameVectorEnv(made, **options)

    def raw_env(*args: Any, **kwargs: Any) -> Any:
        return parallel_to_aec_wrapper(parallel_env(*args, **kwargs))

    def env(*args: Any, **kwargs: Any) -> Any:
        return parallel_to_aec(parallel_env(*args, **kwargs))

    creators: dict[str, Callable[..., Any]] = {
        "parallel_env": parallel_env,
        "raw_env": raw_env,
        "env": env,
        "vector_env": vector_env,
    }
    for name, creator in creators.items():
        # as if written in the module, so that it is pickled by its name
        creator.__module__, creator.__qualname__ = module, name
        creator.__doc__ = _FUNCTIONS[name].format(game=game.name, world=world.__name__)
        returned = {"parallel_env": GameEnv, "vector_env": GameVectorEnv}.get(name, inspect.Signature.empty)
        options = VECTOR_OPTIONS if name == "vector_env" else OPTIONS
        creator.__signature__ = signatures[options].replace(return_annotation=returned)  # type: ignore[attr-defined]
    return creators
