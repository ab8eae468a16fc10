"""What any agent does, as a table of action probabilities; see `power_metrics.policy_table`."""

from __future__ import annotations

from power_metrics.agents.rollouts import rollout_counts
from power_metrics.agents.table import policy_table, uniform_policy

__all__ = ["policy_table", "rollout_counts", "uniform_policy"]
