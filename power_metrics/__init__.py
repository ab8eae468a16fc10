"""Exact numbers about behaviour from the tables of an environment: POWER first of all.

Importing this package is cheap: each name below loads what it needs when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import power_metrics.rllib as rllib  # noqa: F401
    import power_metrics.sb3 as sb3  # noqa: F401
    import power_metrics.sweeps as sweeps  # noqa: F401
    from power_metrics.bounded import PolicyPower as PolicyPower, power_of_policies as power_of_policies
    from power_metrics.comparison.compare import compare as compare
    from power_metrics.comparison.result import PolicySummary as PolicySummary, PowerComparison as PowerComparison
    from power_metrics.estimate import PowerEstimate as PowerEstimate
    from power_metrics.horizon import (
        HorizonOptimum as HorizonOptimum,
        Score as Score,
        horizon_optimum as horizon_optimum,
        horizon_score as horizon_score,
    )
    from power_metrics.learners import (
        BestOfK as BestOfK,
        Boltzmann as Boltzmann,
        EpsilonGreedy as EpsilonGreedy,
        Satisficing as Satisficing,
    )
    from power_metrics.multiagent import multiagent_power as multiagent_power
    from power_metrics.multiagent_result import MultiagentPower as MultiagentPower
    from power_metrics.occupancy import (
        average_occupancy as average_occupancy,
        expected_return as expected_return,
        occupancy as occupancy,
    )
    from power_metrics.optimality import (
        OptimalityEstimate as OptimalityEstimate,
        optimality_probability as optimality_probability,
    )
    from power_metrics.pettingzoo_wrapper import PowerParallelWrapper as PowerParallelWrapper
    from power_metrics.policies.rollouts import rollout_counts as rollout_counts
    from power_metrics.policies.table import policy_table as policy_table
    from power_metrics.power import power as power
    from power_metrics.q_learning import (
        LearningCurve as LearningCurve,
        QLearners as QLearners,
        QLearning as QLearning,
        q_learning_curve as q_learning_curve,
    )
    from power_metrics.rewards import (
        Bernoulli as Bernoulli,
        Beta as Beta,
        Empirical as Empirical,
        Normal as Normal,
        Pareto as Pareto,
        PerState as PerState,
        RewardDistribution as RewardDistribution,
        Uniform as Uniform,
    )
    from power_metrics.run_policies import (
        RunPolicies as RunPolicies,
        drawn_pairs as drawn_pairs,
        drawn_rewards as drawn_rewards,
        pair_policies as pair_policies,
        run_policies as run_policies,
    )
    from power_metrics.safety import (
        SafetyScores as SafetyScores,
        power_of_unsafe_choices as power_of_unsafe_choices,
        safety_scores as safety_scores,
        safety_table as safety_table,
    )
    from power_metrics.solvers.evaluation import policy_values as policy_values
    from power_metrics.solvers.gain import optimal_gain as optimal_gain
    from power_metrics.solvers.optimal import (
        optimal_policies as optimal_policies,
        optimal_values as optimal_values,
        solve as solve,
        solve_task as solve_task,
    )
    from power_metrics.solvers.solution import Solution as Solution
    from power_metrics.sweeps.config import SweepConfig as SweepConfig
    from power_metrics.sweeps.results import SweepResult as SweepResult, load_sweep as load_sweep
    from power_metrics.sweeps.run import sweep as sweep
    from power_metrics.torch_rewards import TorchDistribution as TorchDistribution
    from power_metrics.tracker import PowerTracker as PowerTracker
    from power_metrics.wrappers import PowerVectorWrapper as PowerVectorWrapper, PowerWrapper as PowerWrapper

_MODULES = {
    "PolicyPower": "bounded",
    "power_of_policies": "bounded",
    "compare": "comparison.compare",
    "PolicySummary": "comparison.result",
    "PowerComparison": "comparison.result",
    "PowerEstimate": "estimate",
    "HorizonOptimum": "horizon",
    "Score": "horizon",
    "horizon_optimum": "horizon",
    "horizon_score": "horizon",
    "BestOfK": "learners",
    "Boltzmann": "learners",
    "EpsilonGreedy": "learners",
    "Satisficing": "learners",
    "multiagent_power": "multiagent",
    "MultiagentPower": "multiagent_result",
    "average_occupancy": "occupancy",
    "expected_return": "occupancy",
    "occupancy": "occupancy",
    "OptimalityEstimate": "optimality",
    "optimality_probability": "optimality",
    "PowerParallelWrapper": "pettingzoo_wrapper",
    "policy_table": "policies.table",
    "power": "power",
    "LearningCurve": "q_learning",
    "QLearners": "q_learning",
    "QLearning": "q_learning",
    "q_learning_curve": "q_learning",
    "Bernoulli": "rewards",
    "Beta": "rewards",
    "Empirical": "rewards",
    "Normal": "rewards",
    "Pareto": "rewards",
    "PerState": "rewards",
    "RewardDistribution": "rewards",
    "SweepConfig": "sweeps.config",
    "SweepResult": "sweeps.results",
    "load_sweep": "sweeps.results",
    "sweep": "sweeps.run",
    "TorchDistribution": "torch_rewards",
    "Uniform": "rewards",
    "rollout_counts": "policies.rollouts",
    "RunPolicies": "run_policies",
    "drawn_pairs": "run_policies",
    "drawn_rewards": "run_policies",
    "pair_policies": "run_policies",
    "run_policies": "run_policies",
    "SafetyScores": "safety",
    "power_of_unsafe_choices": "safety",
    "safety_scores": "safety",
    "safety_table": "safety",
    "policy_values": "solvers.evaluation",
    "optimal_gain": "solvers.gain",
    "optimal_policies": "solvers.optimal",
    "optimal_values": "solvers.optimal",
    "solve": "solvers.optimal",
    "solve_task": "solvers.optimal",
    "Solution": "solvers.solution",
    "PowerTracker": "tracker",
    "PowerVectorWrapper": "wrappers",
    "PowerWrapper": "wrappers",
}
_SUBMODULES = ("sb3", "sweeps")
_OPTIONAL = ("rllib",)
"""Submodules that need an extra, and so are in no ``import *``."""

__all__ = sorted([*_MODULES, *_SUBMODULES])


def __getattr__(name: str) -> Any:
    if name in (*_SUBMODULES, *_OPTIONAL):
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))


class _Package(ModuleType):
    """Keeps ``pm.power`` the function when something imports the module ``power_metrics.power`` of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _MODULES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
