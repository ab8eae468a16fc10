"""Resets and steps of other people's environments, held to what Gymnasium says that they give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def started(env: Any, seed: int | None = None) -> Any:
    """What an environment shows after a reset.

    Raises:
        ValueError: for a reset that fails, or gives something else than Gymnasium's.
    """
    name = type(env.unwrapped).__name__
    try:
        found = env.reset() if seed is None else env.reset(seed=seed)
    except Exception as error:
        raise ValueError(
            f"env: {name}.reset({'' if seed is None else f'seed={seed}'}) raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, tuple) or len(found) != 2:
        raise ValueError(
            f"env: expected {name}.reset() to give (observation, info), as Gymnasium's do, found {_told(found)}"
        )
    return found[0]


def stepped(env: Any, action: int) -> tuple[Any, float, bool, dict[str, Any]]:
    """What an environment shows after a step, its reward, whether the episode has ended, and its info.

    Raises:
        ValueError: for a step that fails, or gives something else than Gymnasium's.
    """
    name = type(env.unwrapped).__name__
    try:
        found = env.step(action)
    except Exception as error:
        raise ValueError(f"env: {name}.step({action}) raised {type(error).__name__}: {error}") from error
    if not isinstance(found, tuple) or len(found) != 5:
        raise ValueError(
            f"env: expected {name}.step({action}) to give (observation, reward, terminated, truncated, info), as "
            f"Gymnasium's do, found {_told(found)}"
        )
    observation, reward, terminated, _, info = found
    if not _is_number(reward) or not math.isfinite(reward):
        raise ValueError(f"env: expected a finite number as the reward of {name}.step({action}), found {reward!r}")
    if not _is_number(terminated):
        raise ValueError(f"env: expected {name}.step({action}) to say whether the episode ends, found {terminated!r}")
    return observation, float(reward), bool(terminated), info or {}


def _is_number(value: Any) -> bool:
    """Whether something is one real number, be it in an array without dimensions or a tensor."""
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return not isinstance(value, np.complexfloating)
    return getattr(value, "shape", None) == () and not np.iscomplexobj(value)


def _told(found: Any) -> str:
    return f"{len(found)} things" if isinstance(found, tuple) else f"a {type(found).__name__}"
