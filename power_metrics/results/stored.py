"""Files of results: how they are written as JSON, and checks of what they hold when they are read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.files import atomic_path

Floats = NDArray[np.float64]


def json_text(content: Mapping[str, Any], path: str | os.PathLike[str] | None = None) -> str:
    """The content as JSON text; also written to ``path``, whole or not at all, if one is given."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    if path is not None:
        with atomic_path(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    return text


@contextmanager
def reading(path: str | os.PathLike[str], kind: str) -> Iterator[None]:
    """Names the file in whatever goes wrong with what it holds.

    Raises:
        ValueError: instead of what is raised inside.
    """
    source = repr(os.fspath(path))
    try:
        yield
    except KeyError as error:
        raise ValueError(f"{source}: expected a complete {kind}, found no {error}") from None
    except (ValueError, TypeError, ZeroDivisionError, OverflowError, RecursionError) as error:
        raise ValueError(f"{source}: expected a {kind}, found one that is damaged ({error})") from None


def stored_floats(
    arrays: Mapping[str, NDArray[Any]],
    name: str,
    shape: tuple[int | None, ...],
    *,
    finite: bool = True,
    least: float = -np.inf,
) -> Floats:
    """The array of this name as float64.

    Args:
        arrays: what the file holds.
        name: of the array.
        shape: expected; None for any length of at least 1.
        finite: False where nan may stand for a number that cannot be told.
        least: the smallest value that there may be.

    Raises:
        ValueError: if it has another shape or kind of numbers, or a value that makes no sense.
        KeyError: if there is none.
    """
    array = arrays[name]
    fits = array.ndim == len(shape) and all(
        n == m if m is not None else n > 0 for n, m in zip(array.shape, shape, strict=True)
    )
    if array.dtype != np.float64 or not fits:
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name}: expected float64 ({expected}), found {array.dtype} {array.shape}")
    known = array[np.isfinite(array)] if finite else array[~np.isnan(array)]
    if (finite and known.size < array.size) or np.any(np.isinf(known)) or np.any(known < least):
        raise ValueError(f"{name}: expected {'finite ' if finite else ''}numbers of at least {least:g}, found others")
    return array


def stored_facts(facts: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """The facts of these names, each of one of its kinds.

    Raises:
        ValueError: for one of another kind.
        KeyError: for one that is missing and may not be None.
    """
    found = {}
    for name, allowed in kinds.items():
        value = facts.get(name) if type(None) in allowed else facts[name]
        if type(value) not in allowed:
            raise ValueError(f"{name}: expected {' or '.join(kind.__name__ for kind in allowed)}, found {value!r}")
        found[name] = value
    return found
