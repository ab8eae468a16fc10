"""The files of a sweep: a unit of finished points, and all results in one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.base import FORMAT, Result, result_class, same
from power_metrics.results.release_0_1 import upgraded
from power_metrics.results.stored import Stored, part
from power_metrics.resumed.folder import naming_what_stays
from power_metrics.sweeps.points import Unit
from power_metrics.sweeps.solve import KeptSamples, Outcome
from powerenvs.model.npz import load_arrays, save_arrays
from powerenvs.version import __version__

Arrays = Mapping[str, NDArray[Any]]
Kept = Mapping[str, KeptSamples]

_UNIT, _RESULTS = "SweepUnit", "SweepResults"


@dataclass(frozen=True)
class StoredPoint:
    """A point as files hold it.

    Attributes:
        result: what was measured.
        kept: {agent: samples kept}.
        fingerprint: of the model.
        seconds: wall-clock time of the work that gave it; points of one unit share it.
        marks: of its settings; none in files of old releases.

    Raises:
        ValueError: if the result is of another model, or the samples are of other states.
    """

    result: Result
    kept: Kept
    fingerprint: str
    seconds: float
    marks: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = self.result.fingerprint
        if found is not None and found != self.fingerprint:
            raise ValueError(f"fingerprint: expected {found[:12]}, found {self.fingerprint!r}")
        for agent, samples in self.kept.items():
            shape, states = samples.rewards.shape, (self.result.model.num_states,)  # type: ignore[attr-defined]
            if samples.rewards.dtype != np.float64 or shape != samples.powers.shape or shape[1:] != states:
                raise ValueError(
                    f"kept samples of {agent}: expected rewards and POWER of the same states, found others"
                )


def _packed(stored: Stored, points: Mapping[int, StoredPoint]) -> dict[str, Any]:
    """The JSON values of points, by number; their arrays and models are taken in."""
    return {
        str(number): {
            "class": type(point.result).__name__,
            "result": stored.put(point.result, str(number)),
            "kept": stored.put(point.kept, f"{number}.kept"),
            "fingerprint": point.fingerprint,
            "seconds": point.seconds,
            "settings": dict(point.marks),
        }
        for number, point in points.items()
    }


def _get(stored: Stored, entries: Mapping[str, Any]) -> dict[int, StoredPoint]:
    """The points that `_packed` took in."""
    return {
        int(number): StoredPoint(
            stored.get(result_class(entry["class"]), entry["result"], number),
            stored.get(Kept, entry["kept"], f"{number}.kept"),
            stored.get(str, entry["fingerprint"], "fingerprint"),
            stored.get(float, entry["seconds"], "seconds"),
            stored.get(Mapping[str, str], entry.get("settings", {}), "settings"),
        )
        for number, entry in entries.items()
    }


def _of_release_0_1(arrays: Arrays, header: Mapping[str, Any]) -> dict[int, StoredPoint]:
    """The points of a file of release 0.1, which holds models as the bytes of their files."""
    points = {}
    for number, entry in header["points"].items():
        own, facts = part(arrays, f"{number}."), entry["header"]
        kept = {
            agent: KeptSamples(own[f"kept.{agent}.rewards"], own[f"kept.{agent}.powers"]) for agent in entry["kept"]
        }
        seconds = (facts if "seconds" in facts else facts["human"])["seconds"]
        stored = upgraded({**own, "model": arrays[f"model.{entry['model']}"]}, facts)
        result = stored.get(result_class(entry["class"]), stored.header)
        points[int(number)] = StoredPoint(result, kept, entry["fingerprint"], seconds)
    return points


def unit_path(folder: Path, number: int) -> Path:
    """The file of a unit."""
    return folder / "points" / f"{number:04d}.npz"


def write_unit(folder: Path, unit: Unit, outcomes: Sequence[Outcome], seconds: float) -> dict[int, StoredPoint]:
    """Writes the points of a unit, whole or not at all; returns them as they are stored."""
    path, fingerprint = unit_path(folder, unit.number), unit.model.fingerprint
    points = {
        number: StoredPoint(*outcome, fingerprint, seconds, marked)
        for number, outcome, marked in zip(unit.points, outcomes, unit.marks, strict=True)
    }
    with naming_what_stays(path):
        stored = Stored()
        stored.header = {
            "powerenvs": __version__, "points": _packed(stored, points), "tables": stored.put(_tables(unit), "tables")
        }  # fmt: skip
        save_arrays(path, _UNIT, *stored.packed(), version=FORMAT)
    return points


def _tables(unit: Unit) -> dict[str, NDArray[Any]]:
    """The arguments that are tables, such as a policy: those that files may hold, which may change."""
    return {name: value for name, value in unit.arguments.items() if isinstance(value, np.ndarray)}


_AGAIN = "delete it to have its points computed again"


def read_unit(folder: Path, unit: Unit) -> dict[int, StoredPoint]:
    """The points of a finished unit, to go on with.

    Raises:
        ValueError: naming the file, if it is damaged, or was made with another model or by another release.
        FileNotFoundError: if the unit is not finished.
    """
    path = unit_path(folder, unit.number)
    found = _read_unit(path)
    if tuple(found.points) != unit.points:
        raise ValueError(
            f"{os.fspath(path)!r}: expected the points {list(unit.points)}, found {list(found.points)}; {_AGAIN}"
        )
    if found.release != __version__:
        raise ValueError(f"{os.fspath(path)!r}: made by release {found.release}, this is {__version__}; {_AGAIN}")
    if any(point.fingerprint != unit.model.fingerprint for point in found.points.values()):
        raise ValueError(f"{os.fspath(path)!r}: made with a model that has changed since; {_AGAIN}")
    for name, table in _tables(unit).items():
        if not same(found.tables.get(name), table):
            raise ValueError(
                f"{os.fspath(path)!r}: made with a {name.replace('_', ' ')} that has changed since; {_AGAIN}"
            )
    return found.points


def read_finished(folder: Path) -> dict[int, StoredPoint]:
    """The points of all finished units in a folder, by number.

    Raises:
        ValueError: naming the file, if one is damaged.
    """
    found: dict[int, StoredPoint] = {}
    for path in sorted((folder / "points").glob("*.npz")):
        if path.stem.isdigit():  # others are left from a write that was cut off
            found |= _read_unit(path).points
    return found


class _Unit(NamedTuple):
    """What the file of a unit holds."""

    release: str
    points: dict[int, StoredPoint]
    tables: Arrays


def _read_unit(path: Path) -> _Unit:
    try:
        arrays, header = load_arrays(path, _UNIT)
        if header["version"] < FORMAT:
            points = _of_release_0_1(arrays, header)
            policy = getattr(next(iter(points.values())).result, "seed_policy", None)
            return _Unit(str(header["powerenvs"]), points, {} if policy is None else {"seed_policy": policy})
        stored = Stored.unpacked(arrays, header)
        tables = stored.get(Arrays, stored.header["tables"], "tables")
        return _Unit(str(stored.header["powerenvs"]), _get(stored, stored.header["points"]), tables)
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever zipfile, zlib, numpy and json raise for bytes that make no sense
        raise ValueError(f"{os.fspath(path)!r}: damaged ({error}); {_AGAIN}") from None


def write_results(path: Path, points: Mapping[int, StoredPoint]) -> None:
    """Writes all points to one file, whole or not at all."""
    stored = Stored()
    stored.header = _packed(stored, points)
    save_arrays(path, _RESULTS, *stored.packed(), version=FORMAT)


def read_results(path: Path) -> dict[int, StoredPoint]:
    """What `write_results` wrote.

    Raises:
        ValueError: naming the file, if it is damaged.
        FileNotFoundError: if there is none.
    """
    try:
        arrays, header = load_arrays(path, _RESULTS)
        if header["version"] < FORMAT:
            return _of_release_0_1(arrays, header)
        stored = Stored.unpacked(arrays, header)
        return _get(stored, stored.header)
    except FileNotFoundError:
        raise
    except Exception as error:  # as in `_read_unit`
        raise ValueError(
            f"{os.fspath(path)!r}: damaged ({error}); delete it and run the sweep again, which writes it anew from its "
            "finished points"
        ) from None
