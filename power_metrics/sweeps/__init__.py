"""Sweeps: POWER over a grid of settings, from a file, into a folder; see `power_metrics.sweep`."""

from __future__ import annotations

from power_metrics.sweeps import powerplay
from power_metrics.sweeps.config import SweepConfig
from power_metrics.sweeps.results import SweepPoint, SweepResult, load_sweep
from power_metrics.sweeps.run import sweep

__all__ = ["SweepConfig", "SweepPoint", "SweepResult", "load_sweep", "powerplay", "sweep"]
