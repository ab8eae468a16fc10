"""Markov chains solved by state reduction, which is elimination without subtraction: kernels.

The method is that of Grassmann, Taksar & Heyman (1985): the chain is watched only outside the states that
have been eliminated so far. It is Gaussian elimination of I - P with a diagonal that is summed up rather than
subtracted, so every probability comes out to a relative error of about n roundings, however small it is, and
what cannot happen has probability 0 exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from power_metrics.solvers.average.components import Fill, Floats
from power_metrics.solvers.average.graph import Ints
from power_metrics.solvers.jit import inlined, kernel


class Chain(NamedTuple):
    """A Markov chain of n states and its elimination.

    Attributes:
        begin: (n,) where the entries of each row begin.
        end: (n,) where they end.
        away: (n,) in, the chance to leave for good at the next step; out, with what has been eliminated, that
            to leave or to reach a root next.
        inverse: (n,) 1 / the chance to go away or on to a state eliminated later; 0 at roots.
        row: (n,) zeros.
        upper: U by entry of ``Fill.columns``: the chance to go on to that state.
        lower: L by entry of ``Fill.mirror``: the chance that there was to go to that state when it went.
    """

    begin: Ints
    end: Ints
    away: Floats
    inverse: Floats
    row: Floats
    upper: Floats
    lower: Floats


@inlined
def make_chain(num_states: int, fill: Fill) -> Chain:
    """Room for a chain."""
    n, filled = num_states, fill.columns.shape[0]
    integers = np.empty((2, n), np.int32)
    return Chain(
        integers[0], integers[1], np.empty(n), np.empty(n), np.zeros(n), np.empty(filled), np.empty(filled)
    )  # fmt: skip


@kernel
def eliminate(lo: int, hi: int, root: int, successor: Ints, probability: Floats, fill: Fill, chain: Chain) -> int:
    """Eliminates the states lo to hi - 1 in rising order, all but the root.

    A state that cannot go on becomes a root too: the others of its recurrent class have been eliminated.

    Args:
        lo: the first state.
        hi: the last, plus 1. Entries that lead elsewhere are not looked at.
        root: the state to leave, or -1.
        successor: next states.
        probability: their probabilities.
        fill: where non-zeros can be.
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
        for m in range(fill.mirror_pointers[i], fill.mirror_pointers[i + 1]):
            j = fill.mirror[m]
            chance = row[j]
            row[j] = 0.0
            lower[m] = 0.0
            if inverse[j] == 0.0:
                away[i] += chance
            elif chance > 0.0:
                lower[m] = chance
                share = chance * inverse[j]
                away[i] += share * away[j]
                for c in range(fill.pointers[j], fill.pointers[j + 1]):
                    row[fill.columns[c]] += share * upper[c]
        row[i] = 0.0
        onward = away[i]
        for c in range(fill.pointers[i], fill.pointers[i + 1]):
            upper[c] = row[fill.columns[c]]
            row[fill.columns[c]] = 0.0
            onward += upper[c]
        if onward > 0.0:
            inverse[i] = 1.0 / onward
        else:
            roots += 1
    return roots


@kernel
def forward(lo: int, hi: int, root: int, fill: Fill, chain: Chain, right: Floats) -> None:
    """From what a step brings to what is collected before the next state not yet eliminated; skips ``root``."""
    for i in range(lo, hi):
        if i != root:
            for m in range(fill.mirror_pointers[i], fill.mirror_pointers[i + 1]):
                j = fill.mirror[m]
                right[i] += chain.lower[m] * chain.inverse[j] * right[j]


@kernel
def backward(lo: int, hi: int, fill: Fill, chain: Chain, right: Floats) -> None:
    """From there to what is collected before a root is reached, or the chain left; 0 at roots."""
    for i in range(hi - 1, lo - 1, -1):
        if chain.inverse[i] == 0.0:
            right[i] = 0.0
        else:
            for c in range(fill.pointers[i], fill.pointers[i + 1]):
                right[i] += chain.upper[c] * right[fill.columns[c]]
            right[i] *= chain.inverse[i]


@kernel
def most_visited(lo: int, last: int, fill: Fill, chain: Chain, mass: Floats) -> int:
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
        for m in range(fill.mirror_pointers[j], fill.mirror_pointers[j + 1]):
            i = fill.mirror[m]
            mass[i] += mass[j] * chain.lower[m] * chain.inverse[i]
    return best
