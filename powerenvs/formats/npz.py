"""NumPy archives: arrays plus one JSON header, never a pickle."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.files import atomic_path

VERSION = 1


def save_arrays(
    path: str | os.PathLike[str], kind: str, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]
) -> None:
    """Writes the arrays and a JSON ``header`` to one ``.npz`` file, atomically.

    Raises:
        ValueError: if ``path`` does not end in ``.npz``.
    """
    if not str(path).endswith(".npz"):
        raise ValueError(f"path: expected a name that ends in .npz, found {str(path)!r}")
    text = json.dumps({"kind": kind, "version": VERSION, **header})
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, header=np.array(text), **arrays)  # type: ignore[arg-type]


def load_arrays(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Reads what `save_arrays` wrote, without unpickling anything.

    Raises:
        ValueError: if the file is not such an archive, or holds another kind, or a newer version.
        FileNotFoundError: if there is no such file.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays.pop("header")))
    except FileNotFoundError:
        raise
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{os.fspath(path)!r}: expected a {kind} written by save(), found something else ({error})"
        ) from None
    if not isinstance(header, dict) or header.get("kind") != kind:
        found = header.get("kind") if isinstance(header, dict) else header
        raise ValueError(f"{os.fspath(path)!r}: expected a {kind}, found a {found}")
    if header.get("version", 0) > VERSION:
        raise ValueError(
            f"{os.fspath(path)!r}: written by a newer release (format {header['version']}, this one reads {VERSION}); "
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
    except (KeyError, ValueError, EOFError, OSError, AttributeError, zipfile.BadZipFile):
        return None
    return kind if isinstance(kind, str) else None
