"""NumPy archives: arrays plus one JSON header, never a pickle."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.files import atomic_path

VERSION = 2
"""The newest format that this release reads: 1 of all kinds of files, 2 of results with their models beside them."""

ALWAYS_READ, MOST_PACKED = 2**30, 250
"""Archives may unpack to so many bytes, and larger ones to so many times their own size. Tables pack to a tenth or so;
1,000 times, which zeros pack to, is what files have that are made to fill somebody's memory."""


def save_arrays(
    path: str | os.PathLike[str],
    kind: str,
    arrays: Mapping[str, NDArray[Any]],
    header: Mapping[str, Any],
    version: int = 1,
) -> None:
    """Writes the arrays and a JSON ``header`` to one ``.npz`` file, atomically.

    Raises:
        ValueError: if ``path`` does not end in ``.npz``.
    """
    if not str(path).endswith(".npz"):
        raise ValueError(f"path: expected a name that ends in .npz, found {str(path)!r}")
    text = json.dumps({"kind": kind, "version": version, **header})
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, header=np.array(text), **arrays)  # type: ignore[arg-type]


def load_arrays(
    path: str | os.PathLike[str] | bytes, kind: str, name: str | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Reads what `save_arrays` wrote, without unpickling anything, and never taking more memory than there is to read.

    Args:
        path: of the file, or its content.
        kind: what it holds.
        name: what messages call it; by default the path.

    Raises:
        ValueError: if the file is not such an archive, or holds another kind, or a newer version.
        FileNotFoundError: if there is no such file.
    """
    source = name or repr(path if isinstance(path, bytes) else os.fspath(path))
    try:
        with _opened(path) as archive:
            arrays = {info.filename.removesuffix(".npy"): _array(archive, info) for info in archive.infolist()}
        header = json.loads(str(arrays.pop("header")))
    except FileNotFoundError:
        raise
    except Exception as error:  # bytes that make no sense raise anything in zipfile, zlib, numpy and json
        raise ValueError(f"{source}: expected a {kind} written by save(), found something else ({error})") from None
    if not isinstance(header, dict) or header.get("kind") != kind:
        found = header.get("kind") if isinstance(header, dict) else header
        raise ValueError(f"{source}: expected a {kind}, found a {found}")
    version = header.get("version")
    if type(version) is not int or version < 1:
        raise ValueError(f"{source}: expected the number of a format, found {version!r}")
    if version > VERSION:
        raise ValueError(
            f"{source}: written by a newer release (format {version}, this one reads {VERSION}); "
            "upgrade with: pip install -U powerenvs, or by the newest checkout"
        )
    return arrays, header


def saved_kind(path: str | os.PathLike[str]) -> str | None:
    """The kind of what `save_arrays` wrote; None if it is no such archive.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    try:
        with _opened(path) as archive:
            kind = json.loads(str(_array(archive, archive.getinfo("header.npy")))).get("kind")
    except FileNotFoundError:
        raise
    except Exception:  # as above
        return None
    return kind if isinstance(kind, str) else None


@contextmanager
def _opened(path: str | os.PathLike[str] | bytes) -> Iterator[zipfile.ZipFile]:
    with io.BytesIO(path) if isinstance(path, bytes) else Path(path).open("rb") as file, zipfile.ZipFile(file) as found:
        check_unpacked_size(found, file.seek(0, os.SEEK_END))
        yield found


def check_unpacked_size(archive: zipfile.ZipFile, size: int) -> None:
    """Refuses an archive of ``size`` bytes whose members claim to be far larger than what anybody writes.

    Raises:
        ValueError: with the numbers.
    """
    unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > max(ALWAYS_READ, MOST_PACKED * size):
        raise ValueError(f"{size:,} bytes that claim to be {unpacked:,}")


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """A member, of which the size is known to be what its shape says before memory is taken for it."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
        if dtype.hasobject or member.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f"{info.filename}: {info.file_size:,} bytes are no {dtype} {shape}")
        member.seek(0)
        return np.lib.format.read_array(member, allow_pickle=False)
