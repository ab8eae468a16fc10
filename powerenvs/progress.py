"""The progress bars of both packages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def progress_bar(steps: Iterable[Any] | None, title: str, progress: bool | None, **options: Any) -> Any:
    """A tqdm bar around the steps: True to show it, False not to, None for one in a terminal after two seconds.

    ``options`` are those of tqdm: ``unit`` with a space before it, ``total``, ``initial``, ``leave``.
    """
    from tqdm import tqdm

    return tqdm(steps, title, delay=0 if progress else 2, disable=None if progress is None else not progress, **options)
