"""`SweepResult`: what a sweep gave, as objects and as tidy tables."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from power_metrics.results.shown import Shown
from power_metrics.results.stored import json_text, json_values
from power_metrics.sweeps.config import CONFIG_FILE, SweepConfig
from power_metrics.sweeps.marks import check_marks
from power_metrics.sweeps.solve import KeptSamples
from power_metrics.sweeps.store import StoredPoint, read_finished, read_results
from powerenvs.model.checks import flag
from powerenvs.model.labels import closest

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

RESULTS_FILE = "results.npz"


@dataclass(frozen=True, eq=False)
class SweepPoint:
    """One point of a sweep.

    Attributes:
        number: its place in the sweep, from 0.
        values: {key: value} of the keys that are swept.
        settings: {key: value} of all keys.
        result: what was measured: a `PowerEstimate`, a `MultiagentPower`, or what other measures give.
        kept: {agent: the first reward functions and POWER under each}, as ``keep_samples`` asked; one agent is
            called "agent".
    """

    number: int
    values: Mapping[str, Any]
    settings: Mapping[str, Any]
    result: Any
    kept: Mapping[str, KeptSamples]

    @classmethod
    def of(cls, config: SweepConfig, number: int, settings: Mapping[str, Any], stored: StoredPoint) -> SweepPoint:
        """The point of this number, from what is stored of it."""
        return cls(number, {key: settings[key] for key in config.parameters}, settings, stored.result, stored.kept)

    @property
    def cells(self) -> dict[str, Any]:
        """``values`` for tables: lists and mappings as text."""
        plain = (str, bool, int, float, type(None))
        return {key: value if isinstance(value, plain) else _cell(value) for key, value in self.values.items()}

    @property
    def title(self) -> str:
        """The swept keys and their values, on one line."""
        return ", ".join(f"{key}={_cell(value)}" for key, value in self.values.items())


@dataclass(frozen=True, eq=False, repr=False)
class SweepResult(Shown):
    """What a sweep gave.

    Attributes:
        config: its configuration.
        folder: where its files are.
        points: its points, in order.
        num_resumed: how many of them an earlier run had finished.

    Example:
        >>> import power_metrics as pm
        >>> config = {"name": "grid", "level": "open_3x3", "gamma": [0.1, 0.9], "num_samples": 100}
        >>> result = pm.sweep(config, "grid", progress=False, figures=False)
        >>> result.select(gamma=0.9)[0].result.mean.shape
        (9,)
        >>> len(result.to_frame())
        18
    """

    config: SweepConfig
    folder: Path
    points: tuple[SweepPoint, ...]
    num_resumed: int = 0

    @property
    def kind(self) -> str:
        """One of "single_agent", "fixed_policy" and "two_agents"."""
        return self.config.kind

    @property
    def parameters(self) -> tuple[str, ...]:
        """The keys that are swept, in order."""
        return self.config.parameters

    def select(self, **settings: Any) -> list[SweepPoint]:
        """The points with these settings, in order: ``result.select(gamma=0.1)``.

        Raises:
            ValueError: for a key that is not there (with the closest), or a value that no point has.
        """
        found = list(self.points)
        for key, value in settings.items():
            if key not in self.config.values:
                raise ValueError(f"{key}: no such key; {closest(key, self.config.values)}")
            plain = value.tolist() if hasattr(value, "tolist") else value  # settings are
            found = [point for point in found if point.settings[key] == plain]
            if not found:
                values = ", ".join(map(_cell, self.config.values[key]))
                raise ValueError(f"{key}: expected one of {values}, at a point of the sweep, found {value!r}")
        return found

    def to_frame(self) -> pandas.DataFrame:
        """A tidy table: the swept keys beside the columns of each point's result; see `power_metrics.Result.columns`.

        Of POWER one row for each point and state: the swept keys, ``state``, ``power``, ``standard_error``; of games
        also for each agent, with ``agent``, and ``baseline`` and ``baseline_standard_error``, its POWER before the
        second agent answers.
        """
        import pandas

        frames = []
        for point in self.points:
            frames += [pandas.DataFrame(_beside(point.cells, columns)) for columns in point.result.columns()]
        return pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()

    def summary(self) -> pandas.DataFrame:
        """A tidy table with one row for each point: the swept keys and the result's `power_metrics.Result.summary`.

        Of POWER of one agent ``power``, averaged over states, ``lowest``, ``highest``, ``num_samples``. For two, named
        H and A: ``H``, ``H_standard_error``, ``H_baseline``, ``H_baseline_standard_error``, the same for A,
        ``alignment``, ``alignment_corrected``, and ``alignment_low`` and ``alignment_high``, its 95 % interval.
        """
        import pandas

        return pandas.DataFrame([_beside(point.cells, point.result.summary()) for point in self.points])

    def plot(self, key: str | None = None, path: str | os.PathLike[str] | None = None) -> matplotlib.figure.Figure:
        """What was measured against a key; one of the pictures in the folder.

        Args:
            key: with several values; the first such by default. Where there is none, it is the picture of the point.
            path: also save the figure there, whole or not at all; the suffix chooses the format.

        Raises:
            ValueError: for another key, a sweep without points, and a suffix that names no picture format.
        """
        # Pictures know results, so results cannot import pictures: a name is all that they know of them.
        pictures = importlib.import_module("power_metrics.sweeps.pictures")
        figure: matplotlib.figure.Figure = pictures.plot_result(self, key, path=path)
        return figure

    def _short_frame(self) -> pandas.DataFrame:
        return self.summary()

    def to_json(self) -> str:
        """Settings, summary and table of each point, as JSON text without times."""
        points = []
        for point in self.points:
            shown = {"summary": point.result.summary(), "states": point.result.columns()}
            points.append({"values": dict(point.values), **json_values(shown)})
        content = {"config": self.config.as_dict(), "points": points}
        return json_text(content) + "\n"

    def __repr__(self) -> str:
        swept = ", ".join(f"{key} ({len(self.config.values[key])})" for key in self.parameters) or "nothing"
        return (
            f"SweepResult({self.config.name!r}, {self.kind}, {len(self.points)} points over {swept}, "
            f"in {os.fspath(self.folder)!r})"
        )


def _beside(cells: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Swept keys beside columns of a result; one of a key's name that says something else becomes ``result_NAME``."""
    called = {name: f"result_{name}" if name in cells else name for name in columns}
    return {**cells, **{called[name]: value for name, value in columns.items() if cells.get(name, ...) != value}}


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def made_result(
    config: SweepConfig, folder: Path, stored: Mapping[int, StoredPoint], num_resumed: int = 0
) -> SweepResult:
    """The result of a sweep from its stored points, those that there are."""
    points = tuple(
        SweepPoint.of(config, number, settings, stored[number])
        for number, settings in enumerate(config.points)
        if number in stored
    )
    return SweepResult(config, folder, points, num_resumed)


def check_points(config: SweepConfig, folder: Path, stored: Mapping[int, StoredPoint]) -> None:
    """Refuses stored points that are not those of the configuration.

    Raises:
        ValueError: for the first one that was made with other settings, and for one that it does not have.
    """
    points = config.points
    for number, point in stored.items():
        if number >= len(points):
            raise ValueError(
                f"{os.fspath(folder / CONFIG_FILE)!r}: expected more than {number} points, since that one is finished, "
                f"found {len(points)}: it has been changed since; change it back, or run the new settings into another "
                "folder"
            )
        try:
            check_marks(config, number, points[number], point.marks, point.result)
        except ValueError as error:
            raise ValueError(f"{os.fspath(folder / CONFIG_FILE)!r}: {error}") from None


def load_sweep(folder: str | os.PathLike[str], *, partial: bool = False) -> SweepResult:
    """Reads the results of a sweep from its folder; files that its configuration names need not exist any more.

    Args:
        folder: with ``config.yaml`` and ``results.npz``.
        partial: True to take the points that an unfinished sweep has so far.

    Raises:
        ValueError: if a file is damaged or was made with other settings than the configuration says, and, unless
            ``partial``, if points are missing; the message says which.
        FileNotFoundError: if the folder holds no sweep.

    Example:
        >>> import power_metrics as pm
        >>> config = {"name": "grid", "level": "open_3x3", "gamma": [0.1, 0.9], "num_samples": 100}
        >>> _ = pm.sweep(config, "grid", progress=False, figures=False)
        >>> len(pm.load_sweep("grid").points)
        2
    """
    folder, partial = Path(folder), flag("partial", partial)
    if not (folder / CONFIG_FILE).is_file():
        raise FileNotFoundError(2, f"expected the folder of a sweep, with a {CONFIG_FILE}", os.fspath(folder))
    config = SweepConfig.from_folder(folder)
    count = len(config.points)
    stored = read_results(folder / RESULTS_FILE) if (folder / RESULTS_FILE).is_file() else read_finished(folder)
    check_points(config, folder, stored)
    missing = [number for number in range(count) if number not in stored]
    if missing and not partial:
        shown = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
        raise ValueError(
            f"{os.fspath(folder)!r}: {len(missing)} of {count} points are missing ({shown}); run the sweep again to "
            "go on, or load_sweep(folder, partial=True) for those that are finished"
        )
    return made_result(config, folder, stored)
