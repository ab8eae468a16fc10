"""Optimal values at a discount below 1.

To add a solver, write an object as `power_metrics.solvers.solver.Solver` describes it, and name it here.
"""

from __future__ import annotations

from power_metrics.solvers.discounted.deterministic import Deterministic
from power_metrics.solvers.discounted.direct import Direct
from power_metrics.solvers.discounted.iterative import Iterative
from power_metrics.solvers.discounted.stay_put import StayPut
from power_metrics.solvers.solver import Solver

SOLVERS: tuple[Solver, ...] = (StayPut(), Deterministic(), Direct(), Iterative())
"""All of them. The first that fits solves a model, so the fastest come first; the last fits every model."""
