"""What a field of a result is: an array with named dimensions, a number, or a fact."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import DTypeLike


class Dims:
    """The dimensions of a field of a result: ``mean: Annotated[Floats, Dims("state", column="power")]``.

    "state", "action" and "agent" are those of the model. The length of any other dimension is that of the array, or,
    of "sample", the result's ``num_samples``; likewise of others.

    Args:
        names: of the dimensions, in order; none for a single number.
        column: what tables call the field; its own name when None.
        finite: False where nan stands for a number that cannot be told.
        least: the smallest number that there may be.
        dtype: of the array.

    Example:
        >>> import numpy as np
        >>> from typing import Annotated
        >>> from power_metrics import Dims
        >>> Annotated[np.ndarray, Dims("state", "action", least=0)].__metadata__[0].names
        ('state', 'action')
    """

    def __init__(
        self,
        *names: str,
        column: str | None = None,
        finite: bool = True,
        least: float = -np.inf,
        dtype: DTypeLike = np.float64,
    ):
        self.names, self.column, self.finite, self.least = names, column, finite, least
        self.dtype = np.dtype(dtype)


def dims_of(hint: Any) -> Dims | None:
    """The dimensions that an annotation declares."""
    return next((note for note in getattr(hint, "__metadata__", ()) if isinstance(note, Dims)), None)


def options(hint: Any) -> tuple[Any, ...]:
    """The types that an annotation allows, notes left out: of ``int | None`` both."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def is_array(hint: Any) -> bool:
    """Whether an annotation is that of an array, or of one that may be missing."""
    return any((get_origin(option) or option) is np.ndarray for option in options(hint))


def is_record(kind: Any) -> bool:
    """Whether a type is a dataclass or a named tuple."""
    return isinstance(kind, type) and (is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields")))


def stored_name(field: str) -> str:
    """How files call a field; private ones lose their underscore."""
    return field.removeprefix("_")


def hints_of(record: type) -> Mapping[str, Any]:
    """{field: its annotation} of a dataclass or a named tuple, in order."""
    return _hints(record)


@functools.cache
def _hints(record: type) -> Mapping[str, Any]:
    found = get_type_hints(record, include_extras=True)
    names = [field.name for field in fields(record)] if is_dataclass(record) else found
    return {name: found[name] for name in names}


def arrays_of(record: type) -> Mapping[str, Dims]:
    """{field: its dimensions} of the arrays and single numbers that declare them."""
    return _arrays(record)


@functools.cache
def _arrays(record: type) -> Mapping[str, Dims]:
    return {name: found for name, hint in hints_of(record).items() if (found := dims_of(hint)) is not None}


def holds(hint: Any, kinds: tuple[type, ...]) -> bool:
    """Whether values with this annotation are, or contain, values of these kinds."""
    for option in options(hint):
        origin = get_origin(option) or option
        if isinstance(origin, type) and issubclass(origin, kinds):
            return True
        if origin is np.ndarray:
            continue  # what an array contains are numbers
        inner = tuple(hints_of(origin).values()) if is_record(origin) else get_args(option)
        if any(holds(part, kinds) for part in inner if part is not ...):
            return True
    return False
