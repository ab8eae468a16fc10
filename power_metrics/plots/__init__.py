"""Pictures of POWER: heat maps on a board, bar charts for models without one.

Importing this package imports matplotlib, so nothing else here imports it before a picture is asked for.
"""

from power_metrics.plots.figures import save_figure
from power_metrics.plots.power import plot_power, plot_powers

__all__ = ["plot_power", "plot_powers", "save_figure"]
