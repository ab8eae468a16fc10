"""The files of a sweep: a unit of finished points, and all results in one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.base import FORMAT, result_class, same
from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.multiagent import MultiagentPower
from power_metrics.results.release_0_1 import upgraded
from power_metrics.results.stored import Stored, part
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
        result: POWER of one agent, or of two.
        kept: {agent: samples kept}.

    Raises:
        ValueError: if the samples are of other states than the result.
    """

    result: PowerEstimate | MultiagentPower
    kept: Kept

    def __post_init__(self) -> None:
        states = (self.result.model.num_states,)
        for agent, samples in self.kept.items():
            shape = samples.rewards.shape
            if samples.rewards.dtype != np.float64 or shape != samples.powers.shape or shape[1:] != states:
                raise ValueError(
                    f"kept samples of {agent}: expected rewards and POWER of {states[0]} states, found others"
                )

    @property
    def fingerprint(self) -> str:
        """Of the model."""
        return self.result.model.fingerprint

    @property
    def seconds(self) -> float:
        """Wall-clock time of the run that gave it; points of one unit share it."""
        one = self.result if isinstance(self.result, PowerEstimate) else self.result[self.result.agents[0]]
        return one.seconds


def _packed(points: Mapping[int, StoredPoint]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Points, by number, as the arrays and the header of one file; equal models are stored once."""
    stored = Stored()
    for number, point in points.items():
        stored.header[str(number)] = {
            "class": type(point.result).__name__,
            "result": stored.put(point.result, str(number)),
            "kept": stored.put(point.kept, f"{number}.kept"),
        }
    return stored.packed()


def _unpacked(arrays: Arrays, header: Mapping[str, Any]) -> dict[int, StoredPoint]:
    if header["version"] < FORMAT:
        return _of_release_0_1(arrays, header)
    stored, points = Stored.unpacked(arrays, header), {}
    for number, entry in stored.header.items():
        result = stored.get(result_class(entry["class"]), entry["result"], number)
        points[int(number)] = StoredPoint(result, stored.get(Kept, entry["kept"], f"{number}.kept"))
    return points


def _of_release_0_1(arrays: Arrays, header: Mapping[str, Any]) -> dict[int, StoredPoint]:
    points = {}
    for number, entry in header["points"].items():
        own = part(arrays, f"{number}.")
        kept = {
            agent: KeptSamples(own[f"kept.{agent}.rewards"], own[f"kept.{agent}.powers"]) for agent in entry["kept"]
        }
        stored = upgraded({**own, "model": arrays[f"model.{entry['model']}"]}, entry["header"])
        points[int(number)] = StoredPoint(stored.get(result_class(entry["class"]), stored.header), kept)
    return points


def unit_path(folder: Path, number: int) -> Path:
    """The file of a unit."""
    return folder / "points" / f"{number:04d}.npz"


def write_unit(folder: Path, unit: Unit, outcomes: Sequence[Outcome]) -> dict[int, StoredPoint]:
    """Writes the points of a unit, whole or not at all; returns them as they are stored."""
    path = unit_path(folder, unit.number)
    with naming_what_stays(path):
        points = {number: StoredPoint(*outcome) for number, outcome in zip(unit.points, outcomes, strict=True)}
        arrays, header = _packed(points)
        save_arrays(path, _UNIT, arrays, {**header, "powerenvs": __version__}, version=FORMAT)
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
        found_policy = getattr(point.result, "seed_policy", None)
        if unit.seed_policy is not None and not same(found_policy, unit.seed_policy):
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
    save_arrays(path, _RESULTS, *_packed(points), version=FORMAT)


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
