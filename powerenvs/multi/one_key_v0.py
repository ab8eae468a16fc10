"""One key for two agents: `powerenvs.worlds.multi.OneKey` for PettingZoo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pettingzoo.utils.conversions import parallel_to_aec, parallel_to_aec_wrapper

from powerenvs.envs.parallel import GameEnv
from powerenvs.worlds.multi.one_key import LEVEL, OneKey

__all__ = ["env", "parallel_env", "raw_env"]


def parallel_env(
    level: str | Sequence[str] = LEVEL,
    observation: str = "state",
    render_mode: str | None = None,
    max_cycles: int | None = 100,
) -> GameEnv:
    """The game for all agents at once; see `OneKey` for the world's arguments and `GameEnv` for the others."""
    world = OneKey(level)
    return GameEnv(world, name="one_key_v0", observation=observation, render_mode=render_mode, max_cycles=max_cycles)


def raw_env(**kwargs: Any) -> Any:
    """The game for one agent after the other, without PettingZoo's check of the order of calls."""
    return parallel_to_aec_wrapper(parallel_env(**kwargs))


def env(**kwargs: Any) -> Any:
    """The game for one agent after the other (AEC); arguments as of `parallel_env`."""
    return parallel_to_aec(parallel_env(**kwargs))
