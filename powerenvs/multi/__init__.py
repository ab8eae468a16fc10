"""PettingZoo environments: ``from powerenvs.multi import power_pair_v0``; `GameEnv` makes one of any game world.

Importing this package also enters them into PettingZoo's own registry, where there is one (from 1.27 on):
``pettingzoo.make("parallel", "powerenvs/power_pair_v0")``.
"""

from __future__ import annotations

import pettingzoo

from powerenvs.envs.parallel import GameEnv
from powerenvs.multi import one_key_v0, power_pair_v0

__all__ = ["GAMES", "GameEnv", "one_key_v0", "power_pair_v0", "register_games"]

GAMES = ("power_pair_v0", "one_key_v0")
"""The names of all games, each a module of this package."""


def register_games() -> None:
    """Registers every game with PettingZoo; again after a reload changes nothing."""
    if not hasattr(pettingzoo, "register"):
        return
    for kind, creator, registry in (
        ("aec", "env", pettingzoo.aec_registry),
        ("parallel", "parallel_env", pettingzoo.parallel_registry),
    ):
        for name in GAMES:
            if pettingzoo.EnvSpec(f"powerenvs/{name}").id not in registry:
                pettingzoo.register(kind, f"powerenvs/{name}", entry_point=f"powerenvs.multi.{name}:{creator}")


register_games()
