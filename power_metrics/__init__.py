"""Exact numbers about behaviour from the tables of an environment: POWER first of all.

Importing this package is cheap: each name below loads what it needs when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import power_metrics.sweeps as sweeps  # noqa: F401
    from power_metrics.agents.bounded import (
        BestOfK as BestOfK,
        Boltzmann as Boltzmann,
        EpsilonGreedy as EpsilonGreedy,
        Satisficing as Satisficing,
    )
    from power_metrics.agents.q_learning import (
        QLearners as QLearners,
        QLearning as QLearning,
    )
    from power_metrics.agents.rollouts import rollout_counts as rollout_counts
    from power_metrics.agents.table import policy_table as policy_table
    from power_metrics.chains.evaluation import policy_values as policy_values
    from power_metrics.chains.horizon import (
        HorizonOptimum as HorizonOptimum,
        Score as Score,
        horizon_optimum as horizon_optimum,
        horizon_score as horizon_score,
    )
    from power_metrics.chains.occupancy import (
        average_occupancy as average_occupancy,
        expected_return as expected_return,
        occupancy as occupancy,
    )
    from power_metrics.comparison.compare import compare as compare
    from power_metrics.comparison.result import PolicySummary as PolicySummary, PowerComparison as PowerComparison
    from power_metrics.measures.learning_curve import (
        LearningCurve as LearningCurve,
        q_learning_curve as q_learning_curve,
    )
    from power_metrics.measures.multiagent_power import multiagent_power as multiagent_power
    from power_metrics.measures.optimality import (
        OptimalityEstimate as OptimalityEstimate,
        optimality_probability as optimality_probability,
    )
    from power_metrics.measures.policy_power import PolicyPower as PolicyPower, power_of_policies as power_of_policies
    from power_metrics.measures.power import power as power
    from power_metrics.measures.run_policies import (
        RunPolicies as RunPolicies,
        drawn_pairs as drawn_pairs,
        drawn_rewards as drawn_rewards,
        pair_policies as pair_policies,
        run_policies as run_policies,
    )
    from power_metrics.measures.safety import (
        SafetyScores as SafetyScores,
        power_of_unsafe_choices as power_of_unsafe_choices,
        safety_scores as safety_scores,
        safety_table as safety_table,
    )
    from power_metrics.results.base import Result as Result
    from power_metrics.results.dims import Dims as Dims
    from power_metrics.results.estimate import PowerEstimate as PowerEstimate
    from power_metrics.results.multiagent import MultiagentPower as MultiagentPower
    from power_metrics.rewards.distributions import (
        Bernoulli as Bernoulli,
        Beta as Beta,
        Empirical as Empirical,
        Normal as Normal,
        Pareto as Pareto,
        PerState as PerState,
        RewardDistribution as RewardDistribution,
        Uniform as Uniform,
    )
    from power_metrics.rewards.torch import TorchDistribution as TorchDistribution
    from power_metrics.solvers.average.gain import optimal_gain as optimal_gain
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
    from power_metrics.training import (
        rllib as rllib,
        sb3 as sb3,
    )
    from power_metrics.training.pettingzoo import PowerParallelWrapper as PowerParallelWrapper
    from power_metrics.training.tracker import PowerTracker as PowerTracker
    from power_metrics.training.wrappers import PowerVectorWrapper as PowerVectorWrapper, PowerWrapper as PowerWrapper

_MODULES = {
    "PolicyPower": "measures.policy_power",
    "power_of_policies": "measures.policy_power",
    "compare": "comparison.compare",
    "PolicySummary": "comparison.result",
    "PowerComparison": "comparison.result",
    "Dims": "results.dims",
    "Result": "results.base",
    "PowerEstimate": "results.estimate",
    "HorizonOptimum": "chains.horizon",
    "Score": "chains.horizon",
    "horizon_optimum": "chains.horizon",
    "horizon_score": "chains.horizon",
    "BestOfK": "agents.bounded",
    "Boltzmann": "agents.bounded",
    "EpsilonGreedy": "agents.bounded",
    "Satisficing": "agents.bounded",
    "multiagent_power": "measures.multiagent_power",
    "MultiagentPower": "results.multiagent",
    "average_occupancy": "chains.occupancy",
    "expected_return": "chains.occupancy",
    "occupancy": "chains.occupancy",
    "OptimalityEstimate": "measures.optimality",
    "optimality_probability": "measures.optimality",
    "PowerParallelWrapper": "training.pettingzoo",
    "policy_table": "agents.table",
    "power": "measures.power",
    "LearningCurve": "measures.learning_curve",
    "QLearners": "agents.q_learning",
    "QLearning": "agents.q_learning",
    "q_learning_curve": "measures.learning_curve",
    "Bernoulli": "rewards.distributions",
    "Beta": "rewards.distributions",
    "Empirical": "rewards.distributions",
    "Normal": "rewards.distributions",
    "Pareto": "rewards.distributions",
    "PerState": "rewards.distributions",
    "RewardDistribution": "rewards.distributions",
    "SweepConfig": "sweeps.config",
    "SweepResult": "sweeps.results",
    "load_sweep": "sweeps.results",
    "sweep": "sweeps.run",
    "TorchDistribution": "rewards.torch",
    "Uniform": "rewards.distributions",
    "rollout_counts": "agents.rollouts",
    "RunPolicies": "measures.run_policies",
    "drawn_pairs": "measures.run_policies",
    "drawn_rewards": "measures.run_policies",
    "pair_policies": "measures.run_policies",
    "run_policies": "measures.run_policies",
    "SafetyScores": "measures.safety",
    "power_of_unsafe_choices": "measures.safety",
    "safety_scores": "measures.safety",
    "safety_table": "measures.safety",
    "policy_values": "chains.evaluation",
    "optimal_gain": "solvers.average.gain",
    "optimal_policies": "solvers.optimal",
    "optimal_values": "solvers.optimal",
    "solve": "solvers.optimal",
    "solve_task": "solvers.optimal",
    "Solution": "solvers.solution",
    "PowerTracker": "training.tracker",
    "PowerVectorWrapper": "training.wrappers",
    "PowerWrapper": "training.wrappers",
}
_SUBMODULES = {"sb3": "training.sb3", "sweeps": "sweeps"}
_OPTIONAL = {"rllib": "training.rllib"}
"""Submodules that need an extra, and so are in no ``import *``."""

__all__ = sorted([*_MODULES, *_SUBMODULES])


def __getattr__(name: str) -> Any:
    if (module := {**_SUBMODULES, **_OPTIONAL}.get(name)) is not None:
        return importlib.import_module(f"{__name__}.{module}")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
