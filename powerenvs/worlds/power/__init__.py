"""Movement worlds and graphs, on which POWER was first measured."""

from powerenvs.worlds.power.grid import PowerGrid
from powerenvs.worlds.power.levels import LEVELS
from powerenvs.worlds.power.turner import turner_figure_1

__all__ = ["LEVELS", "PowerGrid", "turner_figure_1"]
