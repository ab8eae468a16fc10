"""Checks of arguments that may be anything: each raises a ValueError that names the argument."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.given import Labels, plain


def real(value: object) -> float:
    """The value as a float; nan unless it is a real number that a float can hold."""
    if not isinstance(value, numbers.Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def flag(name: str, value: object) -> bool:
    """The value, True or False.

    Raises:
        ValueError: for anything else, such as an array or "no", which Python would take for True.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name}: expected True or False, found {value!r}")
    return bool(value)


def as_list(name: str, values: object, expected: str) -> list[Any]:
    """The values as a list.

    Raises:
        ValueError: if they are none, or one text.
    """
    try:
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise TypeError
        return list(values)
    except TypeError:  # arrays without dimensions say they are iterable
        raise ValueError(f"{name}: expected {expected}, found {values!r}") from None


def mapped(name: str, values: object, expected: str) -> Mapping[Any, Any]:
    """The values, a mapping.

    Raises:
        ValueError: if they are none.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{name}: expected {expected}, found {values!r}")
    return values


def array_of(name: str, values: Any, dtype: Any, axes: Sequence[Labels] = ()) -> NDArray[Any]:
    """The values as a contiguous array of this type; themselves if they are one.

    Args:
        name: what messages call them.
        values: an array, a tensor, an object of pandas, or anything that NumPy makes an array of.
        dtype: the type.
        axes: labels of the last axes, by which objects of pandas are aligned (see `powerenvs.model.given.plain`).

    Raises:
        ValueError: for what is no array of real numbers, for numbers that the type cannot hold, and for other labels.
    """
    values = plain(name, values, axes)
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "biufO":
            raise TypeError(f"dtype {given.dtype}")
        if np.issubdtype(dtype, np.integer) and given.dtype.kind not in "iu" and given.size:
            raise ValueError(f"{name}: expected integers, found dtype {given.dtype}")
        array: NDArray[Any] = np.ascontiguousarray(given, dtype=dtype)
    except (TypeError, OverflowError, RuntimeError) as error:
        raise ValueError(f"{name}: expected an array of numbers, found {type(values).__name__} ({error})") from None
    except ValueError as error:
        if str(error).startswith(name):
            raise
        raise ValueError(f"{name}: expected an array of numbers, found {type(values).__name__} ({error})") from None
    narrow = (
        given.dtype.kind != "f" and not np.can_cast(given.dtype, array.dtype)
    ) or array.dtype.kind == "b" != given.dtype.kind
    if narrow and given.dtype.kind != "O" and not np.array_equal(array, given):
        raise ValueError(f"{name}: expected numbers that fit in {array.dtype}, found some that do not")
    return array


def checked_board(board: object) -> tuple[str, ...]:
    """The rows of a board, as a tuple.

    Raises:
        ValueError: for anything but rows of text.
    """
    rows = as_list("board", board, "rows of text")
    if not all(isinstance(row, str) for row in rows):
        raise ValueError(f"board: expected rows of text, found {board!r}")
    return tuple(rows)
