"""The picture of a task's solution: its optimal values on the board."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.figure import Figure

from power_metrics.plots.generic import plot
from power_metrics.plots.power import draw_split
from power_metrics.plots.split import By, Column, Where
from power_metrics.plots.style import saved
from power_metrics.solvers.task import TaskSolution


@plot.register(TaskSolution)
@saved
def plot_task_solution(
    solution: TaskSolution,
    *,
    by: By | None = None,
    where: Where | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draws the optimal values of a task, on the board or as bars.

    Args:
        solution: of `power_metrics.solve_task`.
        by: what tells panels apart, as in `plot_power`.
        where: which states, as in `plot_power`.
        title: above the picture.
        path: also save the figure there, whole or not at all; the suffix chooses the format.

    Example:
        >>> import power_metrics as pm
        >>> pm.solve_task("CliffWalking-v1", gamma=1).plot().axes[0].get_title()
        'Optimal values of the task, γ = 1'
    """
    values = solution.values[0]
    column = Column(solution.model, values, np.full(values.shape, np.nan))
    heading = f"Optimal values of the task, γ = {solution.gamma:g}" if title is None else title
    return draw_split(column, ["exact"], heading, "expected sum of rewards", by=by, where=where)
