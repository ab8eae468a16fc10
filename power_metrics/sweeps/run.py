"""`sweep`: works out the points of a configuration, into a folder that an interrupted run goes on with."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Executor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from power_metrics.arguments.checks import check_progress
from power_metrics.expectation.executors import check_executor
from power_metrics.resumed.folder import Held, locked
from power_metrics.resumed.work import Progress, work_through
from power_metrics.sweeps.config import SweepConfig, check_imports
from power_metrics.sweeps.folder import prepare, write_all, write_config
from power_metrics.sweeps.logs import check_logs, open_logs
from power_metrics.sweeps.points import Unit, make_plan
from power_metrics.sweeps.results import SweepPoint, SweepResult, check_points, made_result
from power_metrics.sweeps.solve import solve
from power_metrics.sweeps.store import StoredPoint, read_unit, write_unit

RESULTS_FOLDER = "results"
"""Where the folders of sweeps are, unless another is given."""


def sweep(
    config: SweepConfig | Mapping[str, Any] | str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    *,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    tensorboard: bool = False,
    wandb: bool = False,
    fresh: bool = False,
    figures: bool = True,
    allow_imports: bool = False,
) -> SweepResult:
    """POWER, or any other measure, at every point of a grid of settings, written to a folder.

    Every value of every point is checked before any work starts. Each point uses its own ``seed``, the same one
    unless it is swept, so that points have common random numbers and differ in what was swept only. Points that
    differ only in what the measure takes several values of, as POWER of one agent does of gamma, are worked out
    together, for the same reward functions.

    The folder gets ``config.yaml`` (complete, and enough to run it again to the same bits), ``points/`` (what is
    finished so far), ``results.npz`` (everything, for `load_sweep`), ``results.csv`` (`SweepResult.to_frame`),
    ``summary.csv``, ``results.json``, ``record.json`` (versions, machine, fingerprints of the models, times), and
    ``figures/``.
    Files appear whole or not at all. A run that was interrupted or killed goes on where it was when it is started
    again, and ends with the same results, bit for bit.

    Args:
        config: a `SweepConfig`, a mapping for `SweepConfig.from_dict`, or the path of a YAML or JSON file.
        folder: of the results; by default ``results/NAME``.
        executor: ``"processes"``, ``"ray"`` or a `concurrent.futures.Executor`; the same numbers, bit for bit. It
            works on the reward functions of a point, of measures that take an executor.
        workers: see `power_metrics.power`.
        progress: True for a progress bar over points, False for none, None for one in a terminal after two seconds.
        tensorboard: log each point's averages to ``tensorboard/`` in the folder.
        wandb: log them to Weights & Biases.
        fresh: delete the results of an earlier sweep in the folder, and nothing else, and start anew.
        figures: draw them; see `power_metrics.sweeps.pictures.draw_figures`.
        allow_imports: whether an environment "module:ID" may have its module imported; see `SweepConfig.from_dict`.

    Raises:
        ValueError: for a value that does not fit, a folder that holds another sweep (naming the key that differs) or
            is in use by another process, a damaged file of points, or a package that is not installed.
        OSError: if a file cannot be read or written, as on a full disk; finished points are kept.
        RuntimeError: if the workers of an executor die.
        KeyboardInterrupt: when interrupted, saying how many points are done.

    Example:
        >>> import power_metrics as pm
        >>> config = {"name": "grid", "level": "open_3x3", "gamma": [0.1, 0.9], "num_samples": 100}
        >>> result = pm.sweep(config, "grid", progress=False, figures=False)
        >>> [point.values for point in result.points]
        [{'gamma': 0.1}, {'gamma': 0.9}]
    """
    if not isinstance(config, SweepConfig):
        if isinstance(config, Mapping):
            config = SweepConfig.from_dict(config, allow_imports=allow_imports)
        else:
            config = SweepConfig.from_file(config, allow_imports=allow_imports)
    check_imports(config.values["environment"], allow_imports)
    show = check_progress(progress)
    if workers is not None and executor is None:
        raise ValueError(f"workers: expected None without an executor, found {workers!r}")
    if executor is not None:
        executor, workers = check_executor(executor, workers)
    check_logs(tensorboard, wandb)
    units, points = make_plan(config), config.points
    if folder is not None and not os.fspath(folder):
        raise ValueError("folder: expected a path, found an empty text")
    place = Path(RESULTS_FOLDER) / config.name if folder is None else Path(folder)
    with ExitStack() as stack:
        held = stack.enter_context(locked(place))
        record = prepare(place, config, fresh)
        stored: dict[int, StoredPoint] = {}
        pending = []
        for unit in units:
            try:
                stored |= read_unit(place, unit)
            except FileNotFoundError:
                pending.append(unit)
        check_points(config, place, stored)
        write_config(place, config)
        resumed = len(stored)
        logs = open_logs(config, place, tensorboard, wandb)
        for log in logs:
            stack.callback(log.close)
            for point in made_result(config, place, stored).points:
                log.point(point)
        inner = show if len(pending) == 1 or _in_lines(show) else False
        shown = show if len(pending) > 1 else False  # a single unit shows its reward functions instead
        for _, written in work_through(
            lambda unit: _worked_out(held, unit, executor, workers, inner), pending,
            Progress("sweep", "points", len(points), resumed, shown), size=lambda unit: len(unit.points),
        ):  # fmt: skip
            stored |= written
            for number, found in written.items():
                for log in logs:
                    log.point(SweepPoint.of(config, number, points[number], found))
        stored = dict(sorted(stored.items()))
        done = made_result(config, place, stored, resumed)
        held.check()
        write_all(done, stored, record)
        if figures:
            from power_metrics.sweeps.pictures import draw_figures

            try:
                draw_figures(done, show)
            except KeyboardInterrupt as interrupt:
                total = f"{len(points):,} of {len(points):,} points done"
                interrupt.args = (f"{total}, and not all figures; run the same again for these",)
                raise
    return done


def _in_lines(show: bool | None) -> bool:
    """Whether progress is told in lines, of which there may be others between those of the points."""
    return show is None and sys.stderr is not None and not sys.stderr.isatty()


def _worked_out(
    held: Held, unit: Unit, executor: str | Executor | None, workers: int | None, show: bool | None
) -> dict[int, StoredPoint]:
    """The points of a unit, which are written to the folder."""
    start = time.perf_counter()
    try:
        outcomes = solve(unit, executor, workers, show)
    except RuntimeError as error:
        if isinstance(error.__cause__, BrokenExecutor):
            raise RuntimeError(f"{error} (Finished points are kept)") from error.__cause__
        raise
    held.check()
    return write_unit(held.path, unit, outcomes, time.perf_counter() - start)
