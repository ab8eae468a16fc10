"""Chains watched for ever: recurrent classes, and what is collected between returns, by state reduction. Kernels.

The order of elimination is that of the states. A state that cannot go on, because all others of its recurrent class
have been eliminated, becomes a root.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.ordering import Elimination
from power_metrics.solvers.reduction import finish_step, replace_step, substitute_step


class Chain(NamedTuple):
    """A Markov chain of n states and its elimination.

    Attributes:
        begin: (n,) where the entries of each row begin.
        end: (n,) where they end.
        away: (n,) in, the chance to leave for good at the next step; out, with what has been eliminated, that
            to leave or to reach a root next.
        inverse: (n,) 1 / the chance to go away or on to a state eliminated later; 0 at roots.
        row: (n,) zeros.
        upper: U by entry of ``Elimination.upper_columns``: the chance to go on to that state.
        lower: L by entry of ``Elimination.lower_steps``: the chance that there was to go to that state when it went.
    """

    begin: Ints
    end: Ints
    away: Floats
    inverse: Floats
    row: Floats
    upper: Floats
    lower: Floats


@inlined
def make_chain(num_states: int, plan: Elimination) -> Chain:
    """Room for a chain."""
    n, filled = num_states, plan.upper_columns.shape[0]
    integers = np.empty((2, n), np.int32)
    return Chain(
        integers[0], integers[1], np.empty(n), np.empty(n), np.zeros(n), np.empty(filled), np.empty(filled)
    )  # fmt: skip


@kernel
def eliminate(
    lo: int, hi: int, root: int, successor: Ints, probability: Floats, plan: Elimination, chain: Chain
) -> int:
    """Eliminates the states lo to hi - 1 in rising order, all but the root.

    Args:
        lo: the first state.
        hi: the last, plus 1. Entries that lead elsewhere are not looked at.
        root: the state to leave, or -1.
        successor: next states.
        probability: their probabilities.
        plan: where non-zeros can be; its pivots are the states in order.
        chain: the chain.

    Returns:
        How many states have become roots.
    """
    row, away, inverse, upper, lower = chain.row, chain.away, chain.inverse, chain.upper, chain.lower
    roots = 0
    for i in range(lo, hi):
        inverse[i] = 0.0
        if i == root:
            continue
        for e in range(chain.begin[i], chain.end[i]):
            if lo <= successor[e] < hi:
                row[successor[e]] += probability[e]
        for m in range(plan.lower_pointers[i], plan.lower_pointers[i + 1]):
            j = plan.lower_steps[m]
            chance = row[j]
            row[j] = 0.0
            lower[m] = 0.0
            if inverse[j] == 0.0:
                away[i] += chance
            elif chance > 0.0:
                lower[m] = chance  # L is kept: right-hand sides are solved one after the other, and need it
                share = chance * inverse[j]
                away[i] += share * away[j]
                replace_step(j, share, plan, upper, row)
        row[i] = 0.0
        onward = finish_step(i, away[i], 0.0, plan, upper, row)
        if onward > 0.0:
            inverse[i] = 1.0 / onward
        else:
            roots += 1
    return roots


@kernel
def forward(lo: int, hi: int, root: int, plan: Elimination, chain: Chain, right: Floats) -> None:
    """From what a step brings to what is collected before the next state not yet eliminated; skips ``root``."""
    for i in range(lo, hi):
        if i != root:
            for m in range(plan.lower_pointers[i], plan.lower_pointers[i + 1]):
                j = plan.lower_steps[m]
                right[i] += chain.lower[m] * chain.inverse[j] * right[j]


@kernel
def backward(lo: int, hi: int, plan: Elimination, chain: Chain, right: Floats) -> None:
    """From there to what is collected before a root is reached, or the chain left; 0 at roots."""
    for i in range(hi - 1, lo - 1, -1):
        if chain.inverse[i] == 0.0:
            right[i] = 0.0
        else:
            right[i] = substitute_step(i, right[i], plan, chain.upper, right) * chain.inverse[i]


@kernel
def most_visited(lo: int, last: int, plan: Elimination, chain: Chain, mass: Floats) -> int:
    """The state with the largest stationary probability in the recurrent class whose root is ``last``.

    ``mass`` is work space. Only for an elimination without a root from the start.
    """
    for i in range(lo, last):
        mass[i] = 0.0
    mass[last] = 1.0
    best = last
    for j in range(last, lo - 1, -1):
        if mass[j] > mass[best]:
            best = j
        for m in range(plan.lower_pointers[j], plan.lower_pointers[j + 1]):
            i = plan.lower_steps[m]
            mass[i] += mass[j] * chain.lower[m] * chain.inverse[i]
    return best
