"""Pictures of POWER: heat maps on a board, bar charts for models without one.

Importing this package imports matplotlib, so nothing else here imports it before a picture is asked for.
"""

from power_metrics.plots.figures import save_figure
from power_metrics.plots.joint import plot_joint_power
from power_metrics.plots.power import plot_power, plot_powers
from power_metrics.plots.two_agents import plot_alignment, plot_correlation_sweep, plot_two_agents

__all__ = [
    "plot_alignment",
    "plot_correlation_sweep",
    "plot_joint_power",
    "plot_power",
    "plot_powers",
    "plot_two_agents",
    "save_figure",
]
