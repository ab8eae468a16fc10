"""What an agent sees in each state of a model that was found by stepping an environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Seen:
    """The observations of all S states, and how to tell in which of them an environment is.

    Attributes:
        values: (S, ...) one observation for each state; a dictionary or a tuple of such arrays where observations are.
        space: their space.
        locate: from an environment and what it shows to the number of its state; a ValueError if it is in none.
        rebuild: from the number of a state to a copy of the environment that is in it, reached by the fewest steps from
            the beginning of the episode.
        first_action: what the environment calls the first action.
        problem: why no agent that sees observations can be asked in each state; None if it can.
    """

    values: Any
    space: Any
    locate: Callable[[Any, Any], int]
    rebuild: Callable[[int], Any]
    first_action: int = 0
    problem: str | None = None


def stacked(values: Sequence[Any]) -> Any:
    """Observations as one array, or as a dictionary or a tuple of arrays.

    Raises:
        ValueError: for observations of different shapes.
    """
    first = values[0]
    if isinstance(first, dict):
        return {name: stacked([value[name] for value in values]) for name in first}
    if isinstance(first, tuple):
        return tuple(stacked(part) for part in zip(*values, strict=True))
    array = np.stack([np.asarray(value) for value in values])
    if array.dtype == object:
        raise ValueError(f"expected observations of one shape, found {type(first).__name__}")
    return array


def taken(values: Any, index: Any) -> Any:
    """A copy of some of the observations that `stacked` put together."""
    if isinstance(values, dict):
        return {name: taken(value, index) for name, value in values.items()}
    if isinstance(values, tuple):
        return tuple(taken(value, index) for value in values)
    part = values[index]
    return part.copy() if isinstance(part, np.ndarray) else part
