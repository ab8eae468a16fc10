"""Optimal long-run average rewards, the limit at a discount of 1.

To add a solver of end components, write an object as `power_metrics.solvers.average.solver.ComponentSolver` describes
it, and name it here.
"""

from __future__ import annotations

from power_metrics.solvers.average.cycle_mean import CycleMean
from power_metrics.solvers.average.solver import ComponentSolver
from power_metrics.solvers.average.stay_put import StayPut
from power_metrics.solvers.average.unichain import Unichain

SOLVERS: tuple[ComponentSolver, ...] = (StayPut(), CycleMean(), Unichain())
"""All of them. The first that fits solves an end component; the last fits all."""
