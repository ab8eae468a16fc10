"""The range of returns that a world has."""

from __future__ import annotations

import numpy as np

from power_metrics.arguments.checks import check_gamma
from powerenvs.model.mdp import TabularMDP

TOLERANCE = 1e-9


def return_span(mdp: TabularMDP, gamma: float) -> tuple[float, float]:
    """The least and the largest discounted return that any course of events has, from any state, whatever is done.

    Found from the tables, by always taking the best (or worst) of all that may happen, to 1e-9 of the largest.

    Args:
        mdp: the model.
        gamma: discount in [0, 1).

    Returns:
        Two numbers, of which 0 lies between; one apart where all returns are the same.
    """
    gamma = check_gamma(gamma)
    owner = np.repeat(np.arange(mdp.num_states), np.diff(mdp.indptr[:: mdp.num_actions]))
    possible = mdp.probability > 0.0
    ends = []
    for sign in (-1.0, 1.0):
        values = np.zeros(mdp.num_states)
        scale = max(1e-300, float(np.abs(mdp.reward).max())) / (1.0 - gamma)
        while True:
            gains = np.where(possible, sign * mdp.reward + gamma * values[mdp.successor], -np.inf)
            new = np.full(mdp.num_states, -np.inf)
            np.maximum.at(new, owner, gains)
            change = float(np.abs(new - values).max())
            values = new
            if change <= TOLERANCE * scale * (1.0 - gamma):
                break
        ends.append(sign * float(values.max()))
    low, high = min(ends[0], 0.0) + 0.0, max(ends[1], 0.0) + 0.0  # no -0
    return (low, high) if high > low else (low, low + 1.0)
