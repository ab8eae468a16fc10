"""NumPy archives: arrays plus one JSON header, never a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.files import atomic_path

VERSION = 2
"""The newest format that this release reads: 1 of all kinds of files, 2 of results with their models beside them."""


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


def load_arrays(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Reads what `save_arrays` wrote, without unpickling anything.

    Raises:
        ValueError: if the file is not such an archive, or holds another kind, or a newer version.
        FileNotFoundError: if there is no such file.
    """
    source = repr(os.fspath(path))
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays.pop("header")))
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("a member is no array")
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
            "upgrade with: pip install -U powerenvs"
        )
    return arrays, header


def saved_kind(path: str | os.PathLike[str]) -> str | None:
    """The kind of what `save_arrays` wrote; None if it is no such archive.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            kind = json.loads(str(archive["header"])).get("kind")
    except FileNotFoundError:
        raise
    except Exception:  # as above
        return None
    return kind if isinstance(kind, str) else None
