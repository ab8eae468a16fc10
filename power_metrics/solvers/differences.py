"""What actions bring on top of the value of a state: by this they are compared (see `power_metrics.solvers.ties`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers import twofold
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.jit import Floats, Ints, inlined
from powerenvs.model import rows as tables
from powerenvs.model.mdp import TabularMDP


class Actions(NamedTuple):
    """The actions of a model's states and what they bring.

    Attributes:
        indptr: (S·A + 1,) row pointers.
        successor: next states.
        probability: their probabilities.
        reward: (S, A) reward of each action itself.
        spread: (S, A) how far the rewards that it is the mean of are from each other.
        same: (S, A) actions of a state with the same number have the same outcomes.
        weight: what the value of what follows counts: γ, or 1 for the limit of small γ.
    """

    indptr: NDArray[np.int64]
    successor: Ints
    probability: Floats
    reward: Floats
    spread: Floats
    same: Ints
    weight: float

    @classmethod
    def of(cls, mdp: TabularMDP, weight: float, entry_reward: Floats | None = None) -> Actions:
        """Those of a model, with ``entry_reward`` of its transitions; None where only states have rewards."""
        reward, spread = np.zeros(mdp.available.shape), np.zeros(mdp.available.shape)
        if entry_reward is not None:
            # Added to the first one are the differences from it: so a reward that never varies keeps all its digits.
            row = tables.entry_rows(mdp.indptr)
            first = entry_reward[mdp.indptr[row]]
            more = mdp.probability * (entry_reward - first)
            reward.flat[row] = first
            reward += tables.row_sums(mdp.indptr, more).reshape(reward.shape)
            spread += tables.row_sums(mdp.indptr, np.abs(more)).reshape(reward.shape)
        same = solver_tables(mdp).choice_of
        return cls(mdp.indptr, mdp.successor, mdp.probability, reward, spread, same, weight)


@inlined
def difference(
    s: int, a: int, base: int, actions: Actions, high: Floats, low: Floats
) -> tuple[float, float, float, float]:
    """What action a brings in state s on top of V(base), in twice the precision.

    Args:
        s: the state.
        a: the action.
        base: s itself, or another state.
        actions: all of them.
        high: (S,) values, rounded.
        low: (S,) what that leaves.

    Returns:
        The pair of r + weight · Σ P (V(s') - V(base)); the sum of the sizes of the differences, with that of what r is
        a mean of; and a bound on the rounding.
    """
    row = s * actions.reward.shape[1] + a
    total, total_low, size, rounding = 0.0, 0.0, 0.0, 0.0
    for e in range(actions.indptr[row], actions.indptr[row + 1]):
        t = actions.successor[e]
        gain, gain_low = twofold.subtract(high[t], low[t], high[base], low[base])
        gain, gain_low = twofold.multiply(actions.probability[e], gain, gain_low)
        total, total_low = twofold.add(total, total_low, gain, gain_low)
        size += abs(gain)
        rounding += actions.probability[e] * (abs(high[t]) + abs(high[base]))
    entries = actions.indptr[row + 1] - actions.indptr[row]
    total, total_low = twofold.multiply(actions.weight, total, total_low)
    total, total_low = twofold.add(total, total_low, actions.reward[s, a], 0.0)
    rounding = twofold.ROUNDING * (entries + 3) * (actions.weight * rounding + abs(actions.reward[s, a]))
    return total, total_low, actions.weight * size + actions.spread[s, a], rounding


@inlined
def allowance(s: int, a: int, lead: int, tolerance: float, size: Floats, reward: Floats) -> float:
    """How much worse than the leading action, by the tolerance, another one may be."""
    scale = size[a] + size[lead]
    if reward[s, a] != reward[s, lead]:  # rewards that differ are themselves rounded
        scale += abs(reward[s, a]) + abs(reward[s, lead])
    return tolerance * scale


@inlined
def follows(s: int, a: int, actions: Actions, error: Floats) -> float:
    """The weighted error of what follows an action."""
    row = s * actions.reward.shape[1] + a
    total = 0.0
    for e in range(actions.indptr[row], actions.indptr[row + 1]):
        total += actions.probability[e] * error[actions.successor[e]]
    return actions.weight * total
