"""Writing files whole or not at all, and reading text."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` that takes its place when the block ends well.

    Whoever reads ``path`` sees the old file or the new one, never a part; when the block raises, the
    temporary file is removed and ``path`` is as it was. The temporary name keeps the suffix, because
    writers such as matplotlib choose the format by it.

    Only ordinary files are replaced: of a symbolic link the file that it leads to, and devices, pipes and standard
    output get the content written into them.
    """
    path = Path(path)
    if is_passed_on(path):
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder, path.name)
            yield temporary
            _pass_on(temporary, path)
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; a result is an ordinary one
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_passed_on(path: Path) -> bool:
    """Whether a path is that of a device or a pipe, or what standard output goes to: nothing that may be replaced."""
    try:
        found = path.stat()
    except OSError:
        return False
    return not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) or _is_output(found)


def _is_output(found: os.stat_result) -> bool:
    try:
        return os.path.samestat(found, os.fstat(1))
    except OSError:  # it is closed
        return False


def _pass_on(content: Path, path: Path) -> None:
    """Writes into what is there; into standard output by its own handle, which knows how far it is."""
    if _is_output(path.stat()):
        if sys.stdout is not None:
            sys.stdout.flush()
        with content.open("rb") as source, os.fdopen(os.dup(1), "wb") as target:
            shutil.copyfileobj(source, target)
        return
    with content.open("rb") as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file in UTF-8, with or without the mark at its beginning that some editors write.

    Raises:
        ValueError: naming the file, if it is no UTF-8.
        OSError: if it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(path)!r}: expected text in UTF-8, found other bytes ({error})") from None


def check_text(name: str, text: str) -> str:
    """The text, if files can hold it.

    Raises:
        ValueError: for half a surrogate pair, such as stands for a byte in a file name that is no UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: expected text that UTF-8 can hold, found {text!r}") from None
    return text
