"""A folder of finished parts: who may write to it, and what it must hold."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from power_metrics.results.stored import json_text
from powerenvs.model.files import atomic_path


@dataclass(frozen=True)
class Held:
    """A folder that this process holds.

    Attributes:
        path: of the folder.
        identity: of it, whatever its path.
    """

    path: Path
    identity: tuple[int, int]

    def check(self) -> None:
        """Raises an OSError if the folder is no longer where it was; nothing may be written there then."""
        if _identity(self.path) != self.identity:
            raise OSError(
                errno.ENOENT,
                "renamed or deleted while the sweep ran; what is finished is where the folder is now, and the same "
                "sweep run again into that folder goes on",
                os.fspath(self.path),
            )


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def locked(folder: Path) -> Iterator[Held]:
    """Makes the folder and holds it for this process.

    Raises:
        ValueError: if another process holds it, or there is a file of that name.
    """
    from filelock import FileLock, Timeout

    if folder.exists() and not folder.is_dir():
        raise ValueError(f"folder: expected a folder, found the file {os.fspath(folder)!r}")
    with naming_what_stays(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(f"folder: {os.fspath(folder)!r} is in use by another process, which writes into it") from None
    try:
        identity = _identity(folder)
        assert identity is not None
        yield Held(folder, identity)
    finally:
        lock.release()


def check_same(folder: Path, name: str, record: Mapping[str, Any], what: str) -> None:
    """Writes what is done here into a new folder; in an old one it has to be the same.

    Args:
        folder: held by this process.
        name: of the file that says it.
        record: every setting on which numbers depend.
        what: is done, for messages.

    Raises:
        ValueError: if it is not the same, naming what differs, or the folder has other files.
    """
    path, text = folder / name, json_text(record)
    if path.is_file():
        kept, given = json.loads(path.read_text(encoding="utf-8")), json.loads(text)
        for key in {**given, **kept}:
            if kept.get(key) != given.get(key):
                raise ValueError(
                    f"out: {os.fspath(folder)!r} has {what} with {key} {kept.get(key)!r}, found {given.get(key)!r}; "
                    "use another folder, or the same arguments to go on"
                )
    elif any(not found.name.startswith(".") for found in folder.iterdir()):
        this = "these" if what.endswith("s") else "this"
        raise ValueError(
            f"out: expected a new folder or one of {this} {what}, found other files in {os.fspath(folder)!r}"
        )
    else:
        with atomic_path(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


@contextmanager
def naming_what_stays(path: Path) -> Iterator[None]:
    """Adds to the error of a write that fails, such as on a full disk, the file and what can be done."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            error.errno, f"{reason}; finished points are kept, and the same sweep run again goes on", os.fspath(path)
        ) from error
