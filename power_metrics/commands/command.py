"""What a command is, and the helpers that commands share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """One subcommand.

    Attributes:
        name: as typed.
        summary: one line for ``--help``.
        example: command lines, for the end of its ``--help``.
        add_arguments: puts its arguments on its parser.
        run: does it, raising ValueError or OSError for bad input.
    """

    name: str
    summary: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


def text_table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows as lines with aligned columns, the columns numbered in ``right`` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def check_writable(option: str, path: str) -> None:
    """Finds out before long work whether a file can be written, missing folders included.

    Raises:
        ValueError: if the path is a folder, or is in a place where nothing can be written.
    """
    target = Path(path)
    if target.is_dir():
        raise ValueError(f"{option}: expected a file, found the folder {path!r}")
    folder = next(parent for parent in target.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise ValueError(f"{option}: cannot write {path!r}, because {os.fspath(folder)!r} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{option}: cannot write {path!r}, because {os.fspath(folder)!r} does not allow it")
