"""Files of models and policies besides NumPy archives: what reads and writes them, by suffix.

`Model.save`, `Model.load`, `Policy.save` and `Policy.load` look here; formats are added by
`powerenvs.sources.register_format`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple


class Format(NamedTuple):
    """One kind of file.

    Attributes:
        read: from a path (of a policy, from a path, its model and its agent) to what the file holds.
        write: from that and a path to a file.
    """

    read: Callable[..., Any]
    write: Callable[[Any, str | os.PathLike[str]], None]


MODELS: dict[str, Format] = {}
"""Formats of models by suffix, such as ".gv"."""

POLICIES: dict[str, Format] = {}
"""Formats of policies by suffix."""


def format_of(path: str | os.PathLike[str], formats: dict[str, Format]) -> Format | None:
    """The format that a path ends in; None if it is in none of these."""
    return next((found for suffix, found in formats.items() if os.fspath(path).endswith(suffix)), None)
