"""Two agents on one grid: `powerenvs.worlds.power.pair.PowerPair` for PettingZoo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pettingzoo.utils.conversions import parallel_to_aec, parallel_to_aec_wrapper

from powerenvs.envs.parallel import GameEnv
from powerenvs.worlds.power.pair import PowerPair

__all__ = ["env", "parallel_env", "raw_env"]


def parallel_env(
    level: str | Sequence[str] = "open_3x3",
    overlaps: bool = True,
    no_swaps: bool = False,
    noise: float = 0.0,
    noise_bias: Mapping[str, float] | None = None,
    walls: str = "bump",
    reward: Mapping[str, Any] | None = None,
    observation: str = "state",
    render_mode: str | None = None,
    max_cycles: int | None = 100,
) -> GameEnv:
    """The game for all agents at once; see `PowerPair` for the world's arguments and `GameEnv` for the others."""
    world = PowerPair(level, overlaps, no_swaps, noise, noise_bias, walls, reward)
    return GameEnv(world, name="power_pair_v0", observation=observation, render_mode=render_mode, max_cycles=max_cycles)


def raw_env(**kwargs: Any) -> Any:
    """The game for one agent after the other, without PettingZoo's check of the order of calls."""
    return parallel_to_aec_wrapper(parallel_env(**kwargs))


def env(**kwargs: Any) -> Any:
    """The game for one agent after the other (AEC); arguments as of `parallel_env`."""
    return parallel_to_aec(parallel_env(**kwargs))
