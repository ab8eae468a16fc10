"""The published figures of POWERplay's three posts, each from a configuration in this package."""

from __future__ import annotations

from power_metrics.reproduction.catalogue import FIGURES, PublishedFigure
from power_metrics.reproduction.reproduce import Reproduced, reproduce

__all__ = ["FIGURES", "PublishedFigure", "Reproduced", "reproduce"]
