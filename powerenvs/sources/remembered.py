"""What a copy of an environment remembers, attribute by attribute, in forms that equal copies share."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import gymnasium as gym
import numpy as np

_ATOMS = (type(None), bool, int, float, complex, str, bytes, Enum)
_CONSTANT = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type, gym.Space, random.Random)
_CONSTANT_OF_NUMPY = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, np.random.SeedSequence)
_SIMPLE = frozenset((type(None), bool, int, str))
_LARGE = 16
"""Arrays of more entries are compared as bytes; smaller ones equal tuples and lists of the same numbers."""

_PLUMBING = frozenset(
    ("env", "_action_space", "_observation_space", "_metadata", "_cached_spec", "_saved_kwargs", "_np_random_seed")
)


class Memories:
    """Reads what copies of one environment remember.

    Equal content has equal forms, whatever the identities of the objects that hold it. What cannot be told apart by
    content, such as functions and random generators, counts as constant.

    Args:
        shared: objects that all copies share, which therefore say nothing.
        skipped: names of attributes of the environment that are no memory.
    """

    def __init__(self, shared: Iterable[Any], skipped: Iterable[str] = ()):
        self._shared = list(shared)  # kept, so that no other object takes over the place of one
        self._places = {id(value) for value in self._shared}
        self._skipped = _PLUMBING.union(skipped)
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, Hashable] = {}
        self._open: dict[int, Hashable] = {}

    def of(self, layers: Iterable[Any]) -> dict[str, Hashable]:
        """What each attribute of these layers of a copy, and of the objects that they hold, remembers."""
        self._known.clear()
        layers = list(layers)
        self._open = {id(layer): place for place, layer in enumerate(layers)}  # they hold each other
        found: dict[str, Hashable] = {}
        for layer in layers:
            if id(layer) not in self._places:
                self._attributes(type(layer).__name__, layer, found)
        return found

    def form(self, value: Any) -> Hashable:
        """The form of one value alone."""
        self._known.clear()
        self._open.clear()
        return self._form(value)

    def _attributes(self, name: str, holder: Any, found: dict[str, Hashable]) -> None:
        for attribute, value in vars(holder).items():
            if attribute in self._skipped:
                continue
            path = f"{name}.{attribute}"
            if _is_plain(value) and id(value) not in self._places and id(value) not in self._open:
                self._open[id(value)] = path
                self._attributes(path, value, found)
            else:
                found[path] = self._form(value)

    def _form(self, value: Any) -> Hashable:
        if type(value) in _SIMPLE:
            return value  # type: ignore[no-any-return]
        if id(value) in self._places:
            return None
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and value != value:
            return "nan"
        if isinstance(value, _ATOMS):
            return value
        if isinstance(value, _CONSTANT + _CONSTANT_OF_NUMPY):
            return None
        if id(value) in self._open:  # told of elsewhere, or a circle
            return ("at", self._open[id(value)])
        if id(value) not in self._known:
            self._open[id(value)] = len(self._open)
            form = self._content(value)
            del self._open[id(value)]
            # a number for each form, since tuples within tuples are compared and hashed all the way down
            self._known[id(value)] = ("form", self._numbers.setdefault(form, len(self._numbers)))
        return self._known[id(value)]

    def _content(self, value: Any) -> Hashable:
        if isinstance(value, np.ndarray):
            if value.dtype == object or value.size <= _LARGE:
                return ("list", tuple(self._form(entry) for entry in value.tolist())) if value.ndim else value.item()
            return ("array", value.shape, value.tobytes())
        if isinstance(value, Mapping):
            return ("mapping", frozenset((self._form(k), self._form(v)) for k, v in value.items()))
        if isinstance(value, (set, frozenset)):
            return ("set", frozenset(self._form(entry) for entry in value))
        if isinstance(value, (list, tuple, deque)):
            places = self._places  # most entries of a grid say nothing, or what they are
            entries = (
                entry if type(entry) in _SIMPLE else None if id(entry) in places else self._form(entry)
                for entry in value
            )
            return ("list", tuple(entries))
        if _is_plain(value):
            held = frozenset((name, self._form(entry)) for name, entry in vars(value).items())
            return (type(value).__qualname__, held)
        try:
            parts = value.__reduce_ex__(4)
        except Exception:  # windows and surfaces, for one, which no step reads
            return type(value).__qualname__
        return (type(value).__qualname__, tuple(self._form(part) for part in parts if not callable(part)))


def _is_plain(value: Any) -> bool:
    """Whether something is an object that holds its content as attributes."""
    if isinstance(value, (*_ATOMS, *_CONSTANT, *_CONSTANT_OF_NUMPY, np.ndarray, Mapping, set, list, tuple, deque)):
        return False
    return hasattr(value, "__dict__")
