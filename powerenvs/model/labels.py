"""Labels of states and actions: what makes "state 63" readable, and how they are stored.

A label is a string, a number, a truth value, None, or a (named) tuple of labels. Named tuples carry
features: ``Vase(agent=(2, 3), intact=True)`` prints as ``agent=(2, 3), intact=True`` and is found by
``mdp.find(agent=(2, 3))``. Other hashables work in memory; only these can be saved.
"""

from __future__ import annotations

import difflib
import re
from collections import namedtuple
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any

import numpy as np


def check_labels(kind: str, labels: Iterable[Hashable], count: int) -> tuple[Hashable, ...]:
    """The labels as a tuple, checked: ``count`` of them, hashable, no two equal.

    Raises:
        ValueError: with the first label at fault and what was expected of it.
    """
    try:
        labels = tuple(labels)
    except TypeError:
        raise ValueError(f"{kind}_labels: expected {count} labels, found {labels!r}") from None
    if any(issubclass(found, np.generic) for found in set(map(type, labels))):
        labels = tuple(label.item() if isinstance(label, np.generic) else label for label in labels)
    if len(labels) != count:
        raise ValueError(f"{kind}_labels: expected {count} labels, one for each {kind}, found {len(labels)}")
    if _all_differ(labels):
        return labels
    first: dict[Hashable, int] = {}
    for i, label in enumerate(labels):
        try:
            j = first.setdefault(label, i)
        except TypeError:
            raise ValueError(f"{kind}_labels: label {i} is {label!r}, which is not hashable") from None
        if j != i:
            raise ValueError(f"{kind}_labels: expected unique labels, found {label!r} for {kind}s {j} and {i}")
    return labels


def _all_differ(labels: tuple[Hashable, ...]) -> bool:
    """Whether no two labels are equal; False too if one is not hashable."""
    try:
        return len(set(labels)) == len(labels)
    except TypeError:
        return False


def closest(name: object, known: Iterable[object]) -> str:
    """The end of an error message about an unknown name: the nearest known ones, or all when few."""
    options = [str(k) for k in known]
    near = difflib.get_close_matches(str(name), options, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(repr(k) for k in options[:12])
    return f"known: {shown}" + (f", ... ({len(options)} in all)" if len(options) > 12 else "")


def label_text(label: Hashable) -> str:
    """The label for a reader: named tuples as ``name=value, ...``, anything else as it prints."""
    fields = getattr(label, "_fields", None)
    if fields:
        return ", ".join(f"{name}={value}" for name, value in zip(fields, label, strict=True))  # type: ignore[call-overload]
    return str(label)


class Lookup:
    """Labels found by themselves, by the text that they print as where only one prints so, or by their position.

    A position is a whole number, and only one where no label is a whole number itself.

    Args:
        kind: what messages call them, such as ``"state"``.
        labels: all different.
    """

    def __init__(self, kind: str, labels: tuple[Hashable, ...]):
        self.kind, self.labels = kind, labels

    @cached_property
    def _exact(self) -> dict[Hashable, int]:
        return {label: i for i, label in enumerate(self.labels)}

    @cached_property
    def _numbered(self) -> bool:
        return not any(isinstance(label, (int, np.integer)) for label in self.labels)

    @cached_property
    def _texts(self) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        for i, label in enumerate(self.labels):
            for text in {label_text(label), str(label), _parts_text(label)}:
                found[text] = None if text in found else i
        return found

    @cached_property
    def _compact(self) -> dict[str, int | None]:
        """Labels with parts, such as (0, 1), as they are typed without spaces."""
        found: dict[str, int | None] = {}
        for text, i in self._texts.items():
            short = "".join(text.split())
            found[short] = i if found.get(short, i) == i else None
        return found

    def _find(self, name: Any) -> int | None:
        try:
            found = self._exact.get(name)
        except TypeError:  # not hashable
            return None
        if found is None and is_integer(name):
            return int(name) if self._numbered and 0 <= name < len(self.labels) else None
        if found is not None:
            return found
        text = name if isinstance(name, str) else _parts_text(name)
        return self._texts.get(text, self._compact.get("".join(text.split())) if text.startswith("(") else None)

    def _hint(self, name: Any) -> str:
        """The closest label; where only its numbers differ, which says nothing, the first label and the last."""
        found = closest(name, self.labels)
        near = next((str(label) for label in self.labels if found == f"did you mean {str(label)!r}?"), None)
        if (
            near is None
            or not near.startswith("(")
            or re.sub(r"[\d\s]+", "", str(name)) != re.sub(r"[\d\s]+", "", near)
        ):
            return found
        return f"expected one of {len(self.labels)}, from {str(self.labels[0])!r} to {str(self.labels[-1])!r}"

    def __contains__(self, name: Hashable) -> bool:
        return self._find(name) is not None

    def index(self, name: Hashable, argument: str | None = None) -> int:
        """The position of a label.

        Raises:
            ValueError: if there is none, with the argument that it was given as and the closest label.
        """
        found = self._find(name)
        if found is None:
            of = "" if argument is None else f"{argument}: "
            raise ValueError(f"{of}unknown {self.kind} {name!r}; {self._hint(name)}")
        return found


def is_integer(value: object) -> bool:
    """Whether it is a whole number, Python's own or one from a NumPy array."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _parts_text(label: Hashable) -> str:
    """The text of a label, that of a tuple by its parts: a joint state reads the same with cells as with their text."""
    return f"({', '.join(map(label_text, label))})" if isinstance(label, tuple) else label_text(label)


def features(label: Hashable) -> Mapping[str, Any]:
    """The named features of a label; empty when it is not a named tuple."""
    return label._asdict() if hasattr(label, "_asdict") else {}


def encode_label(label: Hashable) -> Any:
    """The label as JSON values. Tuples become lists, named tuples ``{"name", "fields", "values"}``.

    Raises:
        ValueError: if the label is of a kind that JSON has no place for.
    """
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, tuple):
        values = [encode_label(v) for v in label]
        if hasattr(label, "_fields"):
            return {"name": type(label).__name__, "fields": list(label._fields), "values": values}
        return values
    if label is None or type(label) in (str, int, float, bool):
        return label
    raise ValueError(
        f"labels: cannot store {label!r} of type {type(label).__name__}; expected a string, a number, a bool, None, "
        "or a (named) tuple of these"
    )


def decode_label(data: Any) -> Hashable:
    """The label that `encode_label` wrote. Named tuples come back equal, as tuples compare by value.

    Raises:
        ValueError: for what it does not write.
    """
    if isinstance(data, dict):
        try:
            return label_type(data["name"], tuple(data["fields"]))(*(decode_label(v) for v in data["values"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"labels: expected name, fields and values of a label, found {data!r} ({error})") from None
    if isinstance(data, list):
        return tuple(decode_label(v) for v in data)
    return data


@lru_cache(maxsize=256)
def label_type(name: str, fields: tuple[str, ...]) -> type:
    """A named tuple type made at run time; unlike those of `collections.namedtuple`, its labels can be pickled.

    Raises:
        ValueError: if a field is not an identifier.
    """
    kind = namedtuple(name, fields)  # type: ignore[misc]
    kind.__reduce__ = lambda self: (_rebuild, (name, fields, tuple(self)))  # type: ignore[assignment,method-assign,arg-type]
    return kind


def _rebuild(name: str, fields: tuple[str, ...], values: tuple[Hashable, ...]) -> Hashable:
    return label_type(name, fields)(*values)  # type: ignore[no-any-return]
