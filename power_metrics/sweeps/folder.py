"""The folder of a sweep: who may write to it, what it must hold, and the files at the end."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from power_metrics.results.machine import processor, versions
from power_metrics.resumed.folder import naming_what_stays
from power_metrics.sweeps import pictures
from power_metrics.sweeps.config import CONFIG_FILE, SweepConfig
from power_metrics.sweeps.results import RESULTS_FILE, SweepResult
from power_metrics.sweeps.store import StoredPoint, write_results
from powerenvs.model.files import atomic_path
from powerenvs.version import __version__

RECORD_FILE = "record.json"
_FILES = (RESULTS_FILE, "results.csv", "summary.csv", "results.json", RECORD_FILE, CONFIG_FILE)
_LEFT_OVER = re.compile(
    r"\.(\d{4,}|results|summary|record|config|(point|samples|over)-[\w-]+)-\w{8}\.(npz|csv|json|yaml|png)"
)
"""Names of the temporary files of `powerenvs.model.files.atomic_path`, which a killed run leaves."""

_PACKAGES = ("numpy", "scipy", "numba", "torch", "gymnasium", "pettingzoo")


def prepare(folder: Path, config: SweepConfig, fresh: bool) -> dict[str, Any]:
    """Sees to it that the folder holds this sweep and no other; returns the beginning of the record.

    Raises:
        ValueError: if it holds another sweep, or files with the names of ours.
    """
    for path in _our_files(folder):
        if _LEFT_OVER.fullmatch(path.name):
            path.unlink()
    if (folder / CONFIG_FILE).exists() and fresh:
        SweepConfig.from_folder(folder)  # refuses the folder of something else
        for place in (folder / "points", folder / pictures.FOLDER):
            if place.is_symlink():
                raise ValueError(
                    f"fresh: {os.fspath(place)!r} is a link to another folder, in which nothing is deleted"
                )
        for path in _our_files(folder):
            path.unlink()
    elif (folder / CONFIG_FILE).exists():
        _check_same(folder, config)
    else:
        found = [path.name for path in _our_files(folder)]
        if found:
            raise ValueError(
                f"folder: {os.fspath(folder)!r} holds {found[0]!r} but no {CONFIG_FILE}, so it is not the folder of a "
                "sweep; nothing is overwritten, choose another"
            )
    return {"started": _now(), "earlier": _earlier_runs(folder / RECORD_FILE)}


def _earlier_runs(record: Path) -> list[Any]:
    """What the record tells; nothing where a run did not get to its end, or somebody has changed the record."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return []
    runs = content.get("runs") if isinstance(content, dict) else None
    return runs if isinstance(runs, list) else []


def _our_files(folder: Path) -> list[Path]:
    """What a sweep writes, ``config.yaml`` last: while it is there, the rest is known to be ours."""
    points = [
        path
        for path in sorted((folder / "points").glob("*"))
        if re.fullmatch(r"\d{4,}\.npz", path.name) or _LEFT_OVER.fullmatch(path.name)
    ]
    left = [
        path
        for place in (folder, folder / pictures.FOLDER)
        for path in sorted(place.glob(".*"))
        if _LEFT_OVER.fullmatch(path.name)
    ]
    return [*points, *left, *written_files(folder)]


def _check_same(folder: Path, config: SweepConfig) -> None:
    """Refuses a configuration whose numbers would differ from those of the folder."""
    there = SweepConfig.from_folder(folder)
    hint = "choose another folder, or fresh=True (--fresh) to delete its results and start anew"
    old, new = ({k: v for k, v in c.as_dict().items() if k not in ("name", "description")} for c in (there, config))
    for key in {**old, **new}:
        if json.dumps(old.get(key), sort_keys=True) != json.dumps(new.get(key), sort_keys=True):
            raise ValueError(
                f"{key}: expected {old.get(key)!r}, as in the sweep that {os.fspath(folder)!r} holds, found "
                f"{new.get(key)!r}; {hint}"
            )
    if there.parameters != config.parameters:
        raise ValueError(
            f"config: expected lists in the order {', '.join(there.parameters)}, as in the sweep that "
            f"{os.fspath(folder)!r} holds, found {', '.join(config.parameters)}; {hint}"
        )


def write_config(folder: Path, config: SweepConfig) -> None:
    """Writes ``config.yaml``, unless it says the same already."""
    path = folder / CONFIG_FILE
    if not path.exists() or path.read_text(encoding="utf-8") != config.to_yaml():
        _write(path, config.to_yaml())


def write_all(result: SweepResult, stored: Mapping[int, StoredPoint], record: Mapping[str, Any]) -> None:
    """Writes the files of a finished sweep; its configuration too, if somebody has changed it meanwhile."""
    write_config(result.folder, result.config)
    with naming_what_stays(result.folder / RESULTS_FILE):
        write_results(result.folder / RESULTS_FILE, stored)
    _write(result.folder / "results.csv", result.to_frame().to_csv(index=False, lineterminator="\n"))
    _write(result.folder / "summary.csv", result.summary().to_csv(index=False, lineterminator="\n"))
    _write(result.folder / "results.json", result.to_json())
    run = {
        "started": record["started"],
        "ended": _now(),
        "points": len(result.points) - result.num_resumed,
        "resumed": result.num_resumed,
        "versions": {"python": platform.python_version(), "powerenvs": __version__, **versions(_PACKAGES)},
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
    }
    points = [
        {"point": number, "fingerprint": point.fingerprint, "seconds": point.seconds}
        for number, point in stored.items()
    ]
    content = {"name": result.config.name, "runs": [*record["earlier"], run], "points": points}
    _write(result.folder / RECORD_FILE, json.dumps(content, indent=1) + "\n")


def written_files(folder: Path) -> list[Path]:
    """The figures and files of a finished sweep in a folder."""
    drawn = sorted(path for path in (folder / pictures.FOLDER).glob("*.png") if re.fullmatch(pictures.FILES, path.name))
    return [*drawn, *(folder / name for name in _FILES if (folder / name).exists())]


def _write(path: Path, text: str) -> None:
    with naming_what_stays(path), atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
