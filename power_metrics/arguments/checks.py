"""Checks of arguments that the metrics share: each raises a ValueError before any long work."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.base import Model
from powerenvs.model.checks import array_of, real
from powerenvs.model.given import Labels
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.policy_checks import checked_policy
from powerenvs.model.rows import LARGEST

SMALLEST = 1 / LARGEST
"""The largest reward of a reward function is at least this, or 0: standard errors add up squares."""

MOST = 2**63 - 1
"""The largest count, which is that of NumPy and of the kernels."""

_CHECKED = 1 << 15
"""So many rewards are checked at a time, which stay in the cache."""

LEAST_GAMMA = 1e-100
"""The smallest discount above 0. What follows is far below rounding, and division by less overflows."""

MOST_GAMMA = 1 - 1e-9
"""The largest discount below 1: in stochastic models rounding is 1e-7 of a result there."""


def resolve_model(env_or_mdp: Any) -> TabularMDP:
    """The tables of an environment, wrapped or not, or of what is a model already.

    Raises:
        ValueError: if the environment has no tables; the message says why.
    """
    if isinstance(env_or_mdp, TabularMDP):
        return env_or_mdp
    from powerenvs.sources import tabular_model

    model = tabular_model(env_or_mdp)
    if not isinstance(model, TabularMDP):
        raise ValueError(
            f"env: expected an environment or a TabularMDP of one agent, found {model!r}; "
            "fold the others' policies in with game.against(...)"
        )
    return model


def check_gamma(gamma: float, name: str = "gamma", *, closed: bool = False) -> float:
    """A discount in [0, 1), or in [0, 1] where it is ``closed``, as a float."""
    try:
        value = float(gamma)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last from tensors of several numbers
        value = math.nan
    if value == 1.0 and not closed:
        raise ValueError(
            f"{name}: expected a discount below 1, found 1, where values have no bound; "
            "power_metrics.optimal_gain gives the limit of (1 - gamma) times the optimal value, and "
            "power_metrics.solve_task takes 1 for tasks that end"
        )
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name}: expected a discount in [0, 1{']' if closed else ')'}, found {gamma!r}")
    if 0.0 < value < LEAST_GAMMA:
        raise ValueError(f"{name}: expected 0 or a discount of at least {LEAST_GAMMA}, found {gamma!r}")
    if MOST_GAMMA < value < 1.0:
        raise ValueError(
            f"{name}: expected a discount of at most 1 - 1e-9, found {gamma!r}: rounding grows as 1e-16 / (1 - gamma); "
            "at 1 POWER is the limit, exactly"
        )
    return value


def check_gammas(gamma: float | Iterable[float], name: str = "gamma") -> tuple[list[float], bool]:
    """One discount in [0, 1] or several as a list, and whether several were given."""
    if not isinstance(gamma, Iterable) or isinstance(gamma, str) or getattr(gamma, "ndim", 1) == 0:
        return [check_gamma(gamma, name, closed=True)], False  # type: ignore[arg-type]  # checked there
    values = [check_gamma(value, name, closed=True) for value in gamma]
    if not values:
        raise ValueError(f"{name}: expected at least one discount, found none")
    return values, True


def as_float64(name: str, values: Any, axes: Sequence[Labels] = ()) -> NDArray[np.float64]:
    """An array or tensor (on any device), or an object of pandas, as a contiguous float64 array.

    Args:
        name: what messages call it.
        values: the numbers.
        axes: labels of the last axes, as for `powerenvs.model.given.plain`.
    """
    return array_of(name, values, np.float64, axes)


def check_rewards(rewards: Any, model: Model, name: str = "rewards") -> NDArray[np.float64]:
    """State rewards as (B, S) float64; a single reward function (S,) becomes (1, S)."""
    num_states = model.num_states
    array = as_float64(name, rewards, (model.state_labels,))
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2 or array.shape[1] != num_states or len(array) == 0:
        raise ValueError(
            f"{name}: expected shape (B, {num_states}) or ({num_states},), one reward for each state, "
            f"found {np.shape(rewards)}"
        )
    rows = max(1, _CHECKED // num_states)
    for start in range(0, len(array), rows):
        _check_sizes(name, array[start : start + rows], start)
    return array


def _check_sizes(name: str, rewards: NDArray[np.float64], first: int) -> None:
    """Raises a ValueError unless each row of (B, S) is of a size to reckon with; the first of them is row ``first``."""
    if not (rewards.max() <= LARGEST and rewards.min() >= -LARGEST):
        b, s = (int(i) for i in np.argwhere(~(np.abs(rewards) <= LARGEST))[0])
        expected = f"numbers of at most {LARGEST:g} in size" if np.isfinite(rewards[b, s]) else "finite numbers"
        raise ValueError(f"{name}: expected {expected}, found {rewards[b, s]} in row {first + b}, state {s}")
    small = (rewards < SMALLEST) & (rewards > -SMALLEST)
    if small.any() and rewards[small].any():  # only then are rows looked at one by one
        largest = np.abs(rewards).max(axis=1)
        for b in np.flatnonzero((largest > 0) & (largest < SMALLEST))[:1]:
            raise ValueError(
                f"{name}: expected a largest number of at least {SMALLEST:g} in size, or zeros, found {largest[b]:g} "
                f"in row {first + b}"
            )


def check_policy(policy: Any, mdp: TabularMDP, name: str = "policy") -> NDArray[np.float64]:
    """Policy tables (S, A) or (B, S, A) with rows that sum to 1 over available actions, renormalised exactly."""
    return checked_policy(mdp, policy, name, mdp.action_labels, mdp.available, batched=True)


def check_count(name: str, value: Any, least: int = 1, most: float = MOST) -> int:
    """A whole number from ``least`` to ``most``."""
    try:
        count = operator.index(value)
    except TypeError:
        if not (isinstance(value, float) and value.is_integer()):  # 1e6 is a common way to write a count
            raise ValueError(f"{name}: expected a whole number of at least {least}, found {value!r}") from None
        count = int(value)
    if count < least:
        raise ValueError(f"{name}: expected a whole number of at least {least}, found {value!r}")
    if count > most:
        raise ValueError(f"{name}: expected a whole number below 2^63, found {value!r}")
    return count


def check_level(level: float, name: str = "level") -> float:
    """The probability that an interval holds what is right.

    Raises:
        ValueError: unless 0 < level < 1.
    """
    if not 0 < real(level) < 1:
        raise ValueError(f"{name}: expected a probability between 0 and 1, found {level!r}")
    return float(level)


def check_mapping(name: str, value: Any) -> dict[str, Any]:
    """A mapping as a dict of its own.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: expected a mapping with names, found {value!r}")
    return dict(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """One of several words.

    Raises:
        ValueError: for another, with the closest.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, found {value!r}; {closest(value, choices)}")
    return value


def check_suffix(name: str, path: str | os.PathLike[str], suffixes: tuple[str, ...]) -> str:
    """The suffix of a path, in small letters.

    Raises:
        ValueError: for another than these.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        raise ValueError(f"{name}: expected a name that ends in {' or '.join(suffixes)}, found {os.fspath(path)!r}")
    return suffix


def check_seed(seed: int | None) -> int:
    """A seed of at least 0; a fresh one when None."""
    if seed is None:
        return int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]  # an int when none was given
    return check_count("seed", seed, least=0, most=math.inf)


def check_tolerance(name: str, value: float, least: float = 0) -> float:
    """A tolerance in [least, 1)."""
    if not least <= real(value) < 1:
        raise ValueError(f"{name}: expected a number in [{least:g}, 1), found {value!r}")
    return float(value)


def check_progress(progress: bool | None) -> bool | None:
    """True to show a progress bar, False not to, None to show one in a terminal."""
    if progress is not None and not isinstance(progress, (bool, np.bool_)):
        raise ValueError(f"progress: expected True, False or None, found {progress!r}")
    return progress
