"""Sweeps: POWER over a grid of settings, from a file, into a folder; see `power_metrics.sweep`.

Example:
    >>> import power_metrics as pm
    >>> config = pm.sweeps.SweepConfig.from_dict({"name": "grid", "level": "open_3x3", "gamma": [0.1, 0.9]})
    >>> [point["gamma"] for point in config.points]
    [0.1, 0.9]
"""

from __future__ import annotations

from power_metrics.sweeps import powerplay
from power_metrics.sweeps.config import SweepConfig
from power_metrics.sweeps.results import SweepPoint, SweepResult, load_sweep
from power_metrics.sweeps.run import sweep

__all__ = ["SweepConfig", "SweepPoint", "SweepResult", "load_sweep", "powerplay", "sweep"]
