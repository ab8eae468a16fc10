"""Objects of other packages, told by their classes and without importing the packages.

A class is named by its import path, ``"module:Class"``. An object of it exists only where its module is loaded.
"""

from __future__ import annotations

import sys
from typing import Any


def is_a(value: Any, *paths: str) -> bool:
    """Whether something is an instance of one of these classes, or of a subclass."""
    return isinstance(value, _loaded(paths))


def is_exactly(value: Any, *paths: str) -> bool:
    """Whether something is an instance of one of these classes, and of no subclass, which may do something else."""
    return type(value) in _loaded(paths)


def _loaded(paths: tuple[str, ...]) -> tuple[type, ...]:
    """Those of these classes that are there."""
    split = (path.partition(":") for path in paths)
    found = (getattr(sys.modules.get(module), name, None) for module, _, name in split)
    return tuple(kind for kind in found if isinstance(kind, type))
