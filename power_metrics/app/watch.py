"""A folder of results, as a page watches it: sweeps, training runs, tables, saved results and pictures in it."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import Any

from power_metrics.app import bounds

MAX_ENTRIES = 2000
MAX_DEPTH = 4
MAX_ROWS = 2000
MAX_TABLE = 64 << 20
PICTURES = {
    ".png": "image/png",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
}
KINDS = {".csv": "table", ".npz": "result", ".json": "record", **dict.fromkeys(PICTURES, "picture")}


class Results:
    """A folder with results. Nothing in it is changed, and nothing outside of it is read.

    Args:
        root: the folder.
    """

    def __init__(self, root: str | os.PathLike[str]):
        self.root = Path(root).absolute()

    def survey(self) -> list[dict[str, Any]]:
        """What is there: folders of sweeps, and files, each with its place, kind, size and time."""
        found: list[dict[str, Any]] = []
        if self.root.is_dir():
            self._look(self.root, 0, found)
        return found

    def _look(self, folder: Path, depth: int, found: list[dict[str, Any]]) -> None:
        try:
            inside = sorted(folder.iterdir())
        except OSError:  # it was deleted meanwhile, or is not for us
            return
        if is_sweep(folder):
            points = folder / "points"
            changed = max((path.stat().st_mtime for path in (folder, points) if path.exists()), default=0.0)
            found.append({"path": self._name(folder), "kind": "sweep", "bytes": 0, "modified": changed})
        for path in inside:
            if len(found) >= MAX_ENTRIES or path.name.startswith(".") or path.is_symlink():
                continue
            if path.is_dir():
                if depth < MAX_DEPTH and not (path.name == "points" and is_sweep(folder)):
                    self._look(path, depth + 1, found)
            elif path.suffix.lower() in KINDS and not (path.name == "results.npz" and is_sweep(folder)):
                try:
                    stat = path.stat()
                except OSError:
                    continue
                kind = KINDS[path.suffix.lower()]
                found.append({"path": self._name(path), "kind": kind, "bytes": stat.st_size, "modified": stat.st_mtime})

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def place(self, name: Any) -> Path:
        """The path of something in the folder.

        Raises:
            ValueError: for what is not in it, links out of it included.
        """
        name = bounds.text("path", name, 1000)
        parts = Path(name).parts
        if Path(name).is_absolute() or any(part == ".." or part.startswith(".") for part in parts) or "\0" in name:
            raise ValueError(f"path: expected a place in the folder of results, found {bounds.shown(name)}")
        path = self.root / name
        real, root = Path(os.path.realpath(path)), Path(os.path.realpath(self.root))
        if not real.is_relative_to(root) or not path.exists():
            raise ValueError(f"path: expected a place in the folder of results, found {bounds.shown(name)}")
        return path


def is_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep."""
    return (folder / "config.yaml").is_file() and ((folder / "points").is_dir() or (folder / "results.npz").is_file())


def sweep_table(folder: Path) -> dict[str, Any]:
    """The points of a sweep that are there: a row for each, what was swept, and how many are still to come.

    Raises:
        ValueError: if a file is damaged.
    """
    from power_metrics.sweeps.results import load_sweep

    found = load_sweep(folder, partial=True)
    frame = found.summary()
    return {
        "kind": "sweep",
        "name": found.config.name,
        "swept": list(found.parameters),
        "measure": found.config.measure,
        "done": len(found.points),
        "total": len(found.config.points),
        "columns": [str(column) for column in frame.columns],
        "rows": [[_value(value) for value in row] for row in frame.itertuples(index=False)],
    }


def csv_table(path: Path) -> dict[str, Any]:
    """A table: its columns and rows; of more than `MAX_ROWS` rows, as many at even distances.

    Raises:
        ValueError: if it is none, or too large.
    """
    if path.stat().st_size > MAX_TABLE:
        raise ValueError(f"{path.name}: expected at most {MAX_TABLE >> 20} MB")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name}: expected a table, found something else ({type(error).__name__})") from None
    if not lines:
        return {"kind": "table", "columns": [], "rows": [], "total": 0}
    header, body = lines[0], [line for line in lines[1:] if len(line) == len(lines[0])]
    kept = body if len(body) <= MAX_ROWS else [body[i * (len(body) - 1) // (MAX_ROWS - 1)] for i in range(MAX_ROWS)]
    return {
        "kind": "table",
        "columns": header,
        "rows": [[_number(word) for word in line] for line in kept],
        "total": len(body),
    }


def _number(word: str) -> Any:
    try:
        value = float(word)
    except ValueError:
        return word
    return value if math.isfinite(value) else None


def _value(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int, str, type(None))) else str(value)
