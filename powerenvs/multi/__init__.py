"""PettingZoo environments: ``from powerenvs.multi import power_pair_v0``; `GameEnv` makes one of any game world.

Every game that a family declares is a module of this package, with the functions ``parallel_env``, ``env``,
``raw_env`` and, for many copies at once, ``vector_env``. Importing this package also enters the games into PettingZoo's
own registry, where there is one (from 1.27 on): ``pettingzoo.make("parallel", "powerenvs/power_pair_v0")``.
"""

from __future__ import annotations

import sys
from typing import Any

import pettingzoo

from powerenvs.authoring.family import Family
from powerenvs.envs.game_vector import GameVectorEnv
from powerenvs.envs.parallel import GameEnv
from powerenvs.multi.game_module import GameModule
from powerenvs.registry import each_family, families, games

__all__ = ["GAMES", "GameEnv", "GameVectorEnv", "register_games"]


def __getattr__(name: str) -> Any:
    if name == "GAMES":
        return tuple(games())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def register_games() -> None:
    """Registers every game with PettingZoo; again after a reload changes nothing.

    Example:
        >>> register_games()
        >>> import pettingzoo
        >>> str(pettingzoo.make("parallel", "powerenvs/power_pair_v0"))
        'power_pair_v0'
    """
    for family in families():
        _register(family)


def _add(family: Family) -> None:
    """Makes the modules of a family's games and registers the games."""
    for game in family.games:
        path = f"{__name__}.{game.name}"
        globals()[game.name] = sys.modules[path] = GameModule(path, game)
        __all__.append(game.name)
    _register(family)


def _register(family: Family) -> None:
    if not hasattr(pettingzoo, "register"):
        return
    for kind, creator, registry in (
        ("aec", "env", pettingzoo.aec_registry),
        ("parallel", "parallel_env", pettingzoo.parallel_registry),
    ):
        for game in family.games:
            if pettingzoo.EnvSpec(game.id).id not in registry:
                pettingzoo.register(kind, game.id, entry_point=f"{__name__}.{game.name}:{creator}")


each_family(_add)
