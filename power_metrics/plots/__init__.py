"""Pictures of POWER: maps, charts, distributions, sweeps, graphs and films.

Importing this package imports matplotlib, so nothing else here imports it before a picture is asked for.
"""

from power_metrics.plots.agency import plot_agency
from power_metrics.plots.agency_film import film_agency
from power_metrics.plots.agency_measures import plot_agency_measures
from power_metrics.plots.comparison import plot_comparison
from power_metrics.plots.corrupt_reward import plot_corrupt_learning, plot_corrupt_reward
from power_metrics.plots.films import animate, animate_figures
from power_metrics.plots.flows import plot_decomposition, plot_dynamics
from power_metrics.plots.front import plot_power_front
from power_metrics.plots.games import plot_game_comparison
from power_metrics.plots.generic import plot
from power_metrics.plots.graphs import plot_mdp
from power_metrics.plots.group import plot_group
from power_metrics.plots.histograms import plot_power_histograms, plot_reward_histograms
from power_metrics.plots.joint import plot_joint_power
from power_metrics.plots.learners import plot_learning_curve, plot_policy_power
from power_metrics.plots.many_learners import plot_runs
from power_metrics.plots.pairwise import plot_power_correlations, plot_power_pairs
from power_metrics.plots.penalised_film import film_penalised
from power_metrics.plots.policy import plot_policy
from power_metrics.plots.power import plot_power, plot_powers
from power_metrics.plots.preferences import plot_preference_training
from power_metrics.plots.psych import (
    plot_chronometric,
    plot_psychometric,
    plot_set_size_slopes,
    plot_tradeoff,
    plot_trials,
)
from power_metrics.plots.returns import plot_returns
from power_metrics.plots.reward_pairs import plot_reward_correlation
from power_metrics.plots.safety import plot_safety
from power_metrics.plots.side_effects import plot_side_effects
from power_metrics.plots.side_effects_table import plot_side_effects_table
from power_metrics.plots.style import save_figure, saved
from power_metrics.plots.sweep import plot_alignment_sweep, plot_correlation_sweep, plot_sweep
from power_metrics.plots.task_solution import plot_task_solution
from power_metrics.plots.tasks import plot_many_game_tasks, plot_many_tasks
from power_metrics.plots.training import plot_learner, plot_training
from power_metrics.plots.training_film import save_animation
from power_metrics.plots.two_agents import plot_alignment, plot_two_agents

__all__ = [
    "animate",
    "animate_figures",
    "film_agency",
    "film_penalised",
    "plot",
    "plot_agency",
    "plot_agency_measures",
    "plot_alignment",
    "plot_alignment_sweep",
    "plot_chronometric",
    "plot_comparison",
    "plot_correlation_sweep",
    "plot_corrupt_learning",
    "plot_corrupt_reward",
    "plot_decomposition",
    "plot_dynamics",
    "plot_game_comparison",
    "plot_group",
    "plot_joint_power",
    "plot_learner",
    "plot_learning_curve",
    "plot_many_game_tasks",
    "plot_many_tasks",
    "plot_mdp",
    "plot_policy",
    "plot_policy_power",
    "plot_power",
    "plot_power_correlations",
    "plot_power_front",
    "plot_power_histograms",
    "plot_power_pairs",
    "plot_powers",
    "plot_preference_training",
    "plot_psychometric",
    "plot_returns",
    "plot_reward_correlation",
    "plot_reward_histograms",
    "plot_runs",
    "plot_safety",
    "plot_set_size_slopes",
    "plot_side_effects",
    "plot_side_effects_table",
    "plot_sweep",
    "plot_task_solution",
    "plot_tradeoff",
    "plot_training",
    "plot_trials",
    "plot_two_agents",
    "save_animation",
    "save_figure",
    "saved",
]
