"""Logging the points of a sweep to TensorBoard and to Weights & Biases, where these are installed."""

from __future__ import annotations

import importlib
import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from power_metrics.sweeps.config import SweepConfig
from power_metrics.sweeps.results import SweepPoint
from powerenvs.extras import install_line
from powerenvs.model.checks import real


class Log(Protocol):
    """Takes the points of a sweep one by one, in any order."""

    def point(self, point: SweepPoint) -> None:
        """Logs the summary of a point, at the step that is its number."""

    def close(self) -> None:
        """Ends the log."""


def open_logs(config: SweepConfig, folder: Path, tensorboard: bool, wandb: bool) -> list[Log]:
    """The logs asked for; see `check_logs`."""
    logs: list[Log] = []
    if tensorboard:
        run = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%S")  # each run of a sweep logs all of its points
        logs.append(_TensorBoard(folder / "tensorboard" / run))
    if wandb:
        logs.append(_WandB(config, folder))
    return logs


def check_logs(tensorboard: bool, wandb: bool) -> None:
    """Finds out whether the packages for the logs are there.

    Raises:
        ValueError: naming the one to install.
    """
    for asked, name, package in ((tensorboard, "torch.utils.tensorboard", "tensorboard"), (wandb, "wandb", "wandb")):
        if asked:
            try:
                importlib.import_module(name)
            except ImportError:
                line = "pip install wandb" if package == "wandb" else install_line(package)
                raise ValueError(f"{package}: needs the package {package}: {line}") from None


def _scalars(point: SweepPoint) -> dict[str, float]:
    """The numbers of a point: its summary, and the swept keys that are numbers; none that is nan."""
    swept = {
        f"parameters/{key}": float(value)
        for key, value in point.values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    summary = {key: real(value) for key, value in point.result.summary().items()}
    return swept | {f"sweep/{key}": value for key, value in summary.items() if math.isfinite(value)}


class _TensorBoard:
    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder))

    def point(self, point: SweepPoint) -> None:
        for name, value in _scalars(point).items():
            self._writer.add_scalar(name, value, point.number)
        self._writer.add_text("settings", point.title, point.number)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _WandB:
    def __init__(self, config: SweepConfig, folder: Path) -> None:
        wandb: Any = importlib.import_module("wandb")
        self._run = wandb.init(project="powerenvs", name=config.name, config=config.as_dict(), dir=str(folder))

    def point(self, point: SweepPoint) -> None:
        self._run.log({"point": point.number, **_scalars(point)})

    def close(self) -> None:
        self._run.finish()
