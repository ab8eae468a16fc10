"""The application's own folder: where levels, graphs, walks and logs are saved, and nothing outside of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from power_metrics.app import bounds
from powerenvs.model.files import atomic_path, read_text
from powerenvs.worlds.power.edited_records import record_of
from powerenvs.worlds.power.editing import EditedWorld

LEVELS = (".txt", ".npz")
GRAPHS = (".gv", ".dot")
WALKS = (".csv", ".jsonl", ".json")
MAX_FILES = 2000
MAX_FILE = 4 << 20


class Folder:
    """A folder with saved files. Names have no path, and links are not followed out of it.

    Args:
        path: of the folder; it is made when something is saved.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path).absolute()

    def files(self) -> list[dict[str, Any]]:
        """What is there to be opened: names, kinds, sizes and times."""
        if not self.path.is_dir():
            return []
        found = []
        for path in sorted(self.path.iterdir())[:MAX_FILES]:
            if path.suffix in (*LEVELS, *GRAPHS, *WALKS) and path.is_file() and bounds.FILE_NAME.fullmatch(path.name):
                stat = path.stat()
                found.append({"name": path.name, "bytes": stat.st_size, "modified": stat.st_mtime})
        return found

    def place(self, name: Any, suffixes: tuple[str, ...]) -> Path:
        """Where a file of this name is, or would be.

        Raises:
            ValueError: for what is no plain name with one of the suffixes, and links that lead elsewhere.
        """
        path = self.path / bounds.file_name(name, suffixes)
        if Path(os.path.realpath(path)).parent != Path(os.path.realpath(self.path)):
            raise ValueError(f"name: expected a file in the application's folder, found a link out of it in {name!r}")
        return path

    def save_level(self, world: EditedWorld, name: Any, replace: bool) -> list[str]:
        """Saves a level as `EditedWorld.save` does; returns the names of the files."""
        path = self.place(name, (".txt",))
        self.place(f"{path.stem}.npz", (".npz",))
        self._check_new(path, replace)
        self.path.mkdir(parents=True, exist_ok=True)
        return [written.name for written in world.save(path)]

    def save_text(self, text: str, name: Any, suffixes: tuple[str, ...], replace: bool) -> str:
        """Saves text, whole or not at all; returns the name."""
        path = self.place(name, suffixes)
        self._check_new(path, replace)
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")
        return path.name

    def _check_new(self, path: Path, replace: bool) -> None:
        if path.exists() and not replace:
            raise ValueError(f"{path.name} exists; save it under another name, or replace it")

    def open(self, name: Any, settings: dict[str, Any]) -> dict[str, Any]:
        """The source that a file of the folder holds."""
        path = self.place(name, (*LEVELS, *GRAPHS))
        if not path.is_file():
            raise ValueError(f"{path.name}: no such file in the application's folder")
        if path.stat().st_size > MAX_FILE:
            raise ValueError(f"{path.name}: expected at most {MAX_FILE >> 20} MB, found {path.stat().st_size:,} bytes")
        return opened(path, path.name, settings)


def opened(path: Path, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The source that a file holds: a level, or a graph.

    Raises:
        ValueError: if it holds neither.
    """
    if path.suffix in GRAPHS:
        return {"kind": "file", "name": name, "text": bounds.text("file", read_text(path), bounds.MAX_TEXT)}
    try:
        world = EditedWorld.load(path, **settings)
    except ValueError as error:
        raise ValueError(str(error).replace(repr(os.fspath(path)), name)) from None
    return {"kind": "level", "name": name, **record_of(world)}


def opened_bytes(data: bytes, name: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """The source that a file holds whose bytes a page sends."""
    name = bounds.file_name(name, (*LEVELS, *GRAPHS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"file{Path(name).suffix}")
        path.write_bytes(data)
        return opened(path, name, settings)
