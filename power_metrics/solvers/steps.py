"""Optimal actions of each step, where a number of steps is left and nothing is discounted. A kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers import twofold
from power_metrics.solvers.differences import Actions, allowance, difference, follows
from power_metrics.solvers.jit import kernel


@kernel
def optimal_steps(actions: Actions, tolerance: float, optimal: NDArray[np.bool_]) -> None:
    """Finds all optimal actions by backward induction in twice the precision.

    Actions are judged as in `power_metrics.solvers.ties`: by what they bring on top of the value of a state that one of
    them leads to, with errors that are bounded state by state.

    Args:
        actions: the actions, with a weight of 1.
        tolerance: for ties.
        optimal: (T, S, A) out, False before: the optimal actions with T, T - 1, ... steps left.
    """
    S, A = actions.reward.shape
    q, q_low, size, own = np.empty(A), np.empty(A), np.empty(A), np.empty(A)
    high, low, error = np.zeros(S), np.zeros(S), np.zeros(S)
    new_high, new_low, new_error = np.empty(S), np.empty(S), np.empty(S)
    for t in range(len(optimal) - 1, -1, -1):
        for s in range(S):
            lead = -1
            base = actions.successor[actions.indptr[s * A]]  # of the first action: what all lead to is left out
            for a in range(A):
                row = s * A + a
                if actions.indptr[row] < actions.indptr[row + 1]:
                    q[a], q_low[a], size[a], own[a] = difference(s, a, base, actions, high, low)
                    own[a] += follows(s, a, actions, error)
                    if lead < 0 or q[a] > q[lead] or (q[a] == q[lead] and q_low[a] > q_low[lead]):
                        lead = a
            new_error[s] = 0.0
            for a in range(A):
                row = s * A + a
                if actions.indptr[row] < actions.indptr[row + 1]:
                    worse, _ = twofold.subtract(q[lead], q_low[lead], q[a], q_low[a])
                    if worse <= allowance(s, a, lead, tolerance, size, actions.reward) + own[a] + own[lead]:
                        optimal[t, s, a] = True
                        new_error[s] = max(new_error[s], own[a])
            new_high[s], new_low[s] = twofold.add(high[base], low[base], q[lead], q_low[lead])
            new_error[s] += twofold.ROUNDING * (abs(high[base]) + abs(q[lead]))
        high[:], low[:], error[:] = new_high, new_low, new_error
