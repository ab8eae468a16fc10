"""Agents that are not optimal from text, such as ``boltzmann(0.1)``."""

from __future__ import annotations

import json
from typing import Any

from power_metrics.agents.bounded import BestOfK, Boltzmann, EpsilonGreedy, Satisficing
from power_metrics.agents.q_learning import QLearning
from power_metrics.agents.quantilisers import ActionQuantiliser, StateQuantiliser, SupportQuantiliser
from power_metrics.rewards.text import parse_call

LEARNERS = {
    "boltzmann": Boltzmann,
    "epsilon_greedy": EpsilonGreedy,
    "satisficing": Satisficing,
    "best_of_k": BestOfK,
    "q_learning": QLearning,
    "state_quantiliser": StateQuantiliser,
    "support_quantiliser": SupportQuantiliser,
    "action_quantiliser": ActionQuantiliser,
}


def parse_learner(text: Any, argument: str = "learner") -> Any:
    """An agent from text such as ``boltzmann(0.1)``, ``best_of_k(5)`` or ``q_learning(num_steps=1000)``.

    Args:
        text: a name and its parameters in brackets, by position or by name.
        argument: what an error calls the text.

    Raises:
        ValueError: for an unknown name (with the closest), or parameters that the agent refuses.
    """
    return parse_call(text, LEARNERS, argument, "boltzmann(0.1)", json.loads)
