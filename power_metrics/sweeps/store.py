"""The files of a sweep: a unit of finished points, and all results in one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.multiagent import MultiagentPower
from power_metrics.sweeps.points import Unit
from power_metrics.sweeps.solve import KeptSamples, Outcome
from powerenvs.model.npz import load_arrays, save_arrays
from powerenvs.version import __version__

Arrays = dict[str, NDArray[Any]]

_UNIT, _RESULTS = "SweepUnit", "SweepResults"
_CLASSES: Mapping[str, type[PowerEstimate] | type[MultiagentPower]] = {
    "PowerEstimate": PowerEstimate,
    "MultiagentPower": MultiagentPower,
}


@dataclass(frozen=True)
class StoredPoint:
    """A point as it is written.

    Attributes:
        kind: the class of the result.
        header: what it saves as JSON values.
        arrays: what it saves as arrays, without the model.
        model: the bytes of the file of its model.
        fingerprint: of the model.
        kept: {agent: samples kept}.
    """

    kind: str
    header: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    model: NDArray[np.uint8]
    fingerprint: str
    kept: Mapping[str, KeptSamples]

    @classmethod
    def of(cls, outcome: Outcome) -> StoredPoint:
        """What `power_metrics.sweeps.solve.solve` gave, to be written."""
        result, kept = outcome
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "result.npz"
            result.save(path)
            arrays, header = load_arrays(path, type(result).__name__)
        model = arrays.pop("model")
        fingerprint = result.fingerprint if isinstance(result, PowerEstimate) else result.game.fingerprint
        return cls(type(result).__name__, header, arrays, model, fingerprint, kept)

    @cached_property
    def result(self) -> PowerEstimate | MultiagentPower:
        """The result, as it was.

        Raises:
            ValueError: if what is stored makes no sense.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "result.npz"
            save_arrays(path, self.kind, {**self.arrays, "model": self.model}, self.header)
            try:
                return _CLASSES[self.kind].load(path)
            except ValueError as error:
                raise ValueError(str(error).removeprefix(f"{os.fspath(path)!r}: ")) from None

    @property
    def seconds(self) -> float:
        """Wall-clock time of the run that gave it; points of one unit share it."""
        parts = [self.header, *(value for value in self.header.values() if isinstance(value, Mapping))]
        return next(float(part["seconds"]) for part in parts if "seconds" in part)


def _packed(points: Mapping[int, StoredPoint]) -> tuple[Arrays, dict[str, Any]]:
    """Points, by number, as the arrays and the header of one file; equal models are stored once."""
    arrays: Arrays = {}
    models: dict[str, int] = {}
    entries = {}
    for number, point in points.items():
        if point.fingerprint not in models:
            models[point.fingerprint] = len(models)
            arrays[f"model.{len(models) - 1}"] = point.model
        arrays |= {f"{number}.{name}": array for name, array in point.arrays.items()}
        for agent, samples in point.kept.items():
            arrays[f"{number}.kept.{agent}.rewards"] = samples.rewards
            arrays[f"{number}.kept.{agent}.powers"] = samples.powers
        entries[str(number)] = {
            "class": point.kind,
            "model": models[point.fingerprint],
            "fingerprint": point.fingerprint,
            "kept": list(point.kept),
            "header": dict(point.header),
        }
    return arrays, {"points": entries}


def _unpacked(arrays: Arrays, header: Mapping[str, Any]) -> dict[int, StoredPoint]:
    points = {}
    for text, entry in header["points"].items():
        own = {name.removeprefix(f"{text}."): a for name, a in arrays.items() if name.startswith(f"{text}.")}
        kept = {
            agent: KeptSamples(own[f"kept.{agent}.rewards"], own[f"kept.{agent}.powers"]) for agent in entry["kept"]
        }
        result = {name: array for name, array in own.items() if not name.startswith("kept.")}
        model = arrays[f"model.{entry['model']}"]
        point = StoredPoint(entry["class"], entry["header"], result, model, entry["fingerprint"], kept)
        _check(point)
        points[int(text)] = point
    return points


def _check(point: StoredPoint) -> None:
    """Raises a ValueError unless the parts of a point belong together."""
    result = point.result
    model = result.model if isinstance(result, PowerEstimate) else result.game
    if model.fingerprint != point.fingerprint:
        raise ValueError(f"fingerprint: expected {model.fingerprint[:12]}, found {point.fingerprint!r}")
    for agent, samples in point.kept.items():
        shape = samples.rewards.shape
        if samples.rewards.dtype != np.float64 or shape != samples.powers.shape or shape[1:] != (model.num_states,):
            raise ValueError(f"kept samples of {agent}: expected rewards and POWER of the same states, found others")


def unit_path(folder: Path, number: int) -> Path:
    """The file of a unit."""
    return folder / "points" / f"{number:04d}.npz"


def write_unit(folder: Path, unit: Unit, outcomes: Sequence[Outcome]) -> dict[int, StoredPoint]:
    """Writes the points of a unit, whole or not at all; returns them as they are stored."""
    path = unit_path(folder, unit.number)
    with naming_what_stays(path):
        points = {number: StoredPoint.of(outcome) for number, outcome in zip(unit.points, outcomes, strict=True)}
        arrays, header = _packed(points)
        save_arrays(path, _UNIT, arrays, {**header, "powerenvs": __version__})
    return points


_AGAIN = "delete it to have its points computed again"


def read_unit(folder: Path, unit: Unit) -> dict[int, StoredPoint]:
    """The points of a finished unit, to go on with.

    Raises:
        ValueError: naming the file, if it is damaged, or was made with another model or by another release.
        FileNotFoundError: if the unit is not finished.
    """
    path = unit_path(folder, unit.number)
    found, release = _read_unit(path)
    if tuple(found) != unit.points:
        raise ValueError(f"{os.fspath(path)!r}: expected the points {list(unit.points)}, found {list(found)}; {_AGAIN}")
    if release != __version__:
        raise ValueError(f"{os.fspath(path)!r}: made by release {release}, this is {__version__}; {_AGAIN}")
    for point in found.values():
        if point.fingerprint != unit.model.fingerprint:
            raise ValueError(f"{os.fspath(path)!r}: made with a model that has changed since; {_AGAIN}")
        if unit.seed_policy is not None and not np.array_equal(point.arrays["seed_policy"], unit.seed_policy):
            raise ValueError(f"{os.fspath(path)!r}: made with a seed policy that has changed since; {_AGAIN}")
    return found


def read_finished(folder: Path) -> dict[int, StoredPoint]:
    """The points of all finished units in a folder, by number.

    Raises:
        ValueError: naming the file, if one is damaged.
    """
    found: dict[int, StoredPoint] = {}
    for path in sorted((folder / "points").glob("*.npz")):
        if path.stem.isdigit():  # others are left from a write that was cut off
            found |= _read_unit(path)[0]
    return found


def _read_unit(path: Path) -> tuple[dict[int, StoredPoint], str]:
    """The points in a file, and the release that wrote them."""
    try:
        arrays, header = load_arrays(path, _UNIT)
        return _unpacked(arrays, header), str(header["powerenvs"])
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever zipfile, zlib, numpy and json raise for bytes that make no sense
        raise ValueError(f"{os.fspath(path)!r}: damaged ({error}); {_AGAIN}") from None


def write_results(path: Path, points: Mapping[int, StoredPoint]) -> None:
    """Writes all points to one file, whole or not at all."""
    arrays, header = _packed(points)
    save_arrays(path, _RESULTS, arrays, header)


def read_results(path: Path) -> dict[int, StoredPoint]:
    """What `write_results` wrote.

    Raises:
        ValueError: naming the file, if it is damaged.
        FileNotFoundError: if there is none.
    """
    try:
        return _unpacked(*load_arrays(path, _RESULTS))
    except FileNotFoundError:
        raise
    except Exception as error:  # as in `_read_unit`
        raise ValueError(
            f"{os.fspath(path)!r}: damaged ({error}); delete it and run the sweep again, which writes it anew from its "
            "finished points"
        ) from None


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
