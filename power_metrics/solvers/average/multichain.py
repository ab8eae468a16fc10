"""Which end component to end up in: from the gains of all of them to the gain of every node."""

from __future__ import annotations

import numpy as np

from power_metrics.solvers.average.components import Fill, Floats, Outside
from power_metrics.solvers.average.graph import Ints
from power_metrics.solvers.average.reduction import Chain, backward, eliminate, forward, make_chain
from power_metrics.solvers.jit import inlined, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS, SWITCH

START_SWEEPS = 4
"""Sweeps through a block of nodes that choose the policy to start from."""


@kernel
def solve_crossing(
    own: Floats, outside: Outside, fill: Fill, best: Floats, way: Ints, residual: Floats, iterations: Ints
) -> None:
    """Solves g(x) = max(own(x), max_k Σ P(k, y) g(y)) over the exits k of each node, for each row of ``own`` (B, n).

    Args:
        own: (B, n) gain of staying in each node, -inf where that cannot be.
        outside: the exits.
        fill: where elimination can have non-zeros.
        best: (B, n) out, the optimal gain.
        way: (B, n) out, the optimal exit; -1 for staying.
        residual: (B,) in and out: raised to the largest violation, as a share of the block's largest |g|.
        iterations: (B,) in and out: raised to the most policies.
    """
    chain = make_chain(own.shape[1], fill)
    value = np.empty(own.shape[1])
    for b in range(own.shape[0]):
        gains, ways = best[b], way[b]
        for block in range(outside.blocks.shape[0] - 1):
            lo, hi = outside.blocks[block], outside.blocks[block + 1]
            for x in range(lo, hi):
                gains[x] = own[b, x]
                ways[x] = -1
            for sweep in range(1 if hi == lo + 1 else START_SWEEPS):
                for step in range(hi - lo):
                    x = lo + step if sweep % 2 == 0 else hi - 1 - step
                    for k in range(outside.exits[x], outside.exits[x + 1]):
                        q = _after(k, outside, gains)
                        if q > gains[x]:
                            gains[x] = q
                            ways[x] = k
            if hi > lo + 1:
                iteration, error = _iterate(lo, hi, own[b], outside, fill, gains, ways, value, chain)
                residual[b] = max(residual[b], error)
                iterations[b] = max(iterations[b], iteration)


@inlined
def _after(k: int, outside: Outside, best: Floats) -> float:
    """The expected gain after exit k."""
    total = 0.0
    for e in range(outside.entries[k], outside.entries[k + 1]):
        total += outside.probability[e] * best[outside.node[e]]
    return total


@kernel
def _iterate(
    lo: int, hi: int, own: Floats, outside: Outside, fill: Fill, best: Floats, way: Ints, value: Floats, chain: Chain
) -> tuple[int, float]:
    """Policy iteration for the nodes of a block; returns the number of policies and the residual.

    Staying ends it, and every exit leaves its node: no policy goes round for ever, so each has its values. A node
    that was found worth leaving stays so, since policies only get better.
    """
    error = 0.0
    for x in range(lo, hi):
        if way[x] < 0 and own[x] == -np.inf:
            way[x] = outside.exits[x]
    for iteration in range(1, MAX_ITERATIONS + 1):
        for x in range(lo, hi):
            k = way[x]
            chain.begin[x] = 0 if k < 0 else outside.entries[k]
            chain.end[x] = 0 if k < 0 else outside.entries[k + 1]
            chain.away[x] = 1.0 if k < 0 else 0.0
            value[x] = own[x] if k < 0 else 0.0
            for e in range(chain.begin[x], chain.end[x]):
                if outside.node[e] < lo:
                    value[x] += outside.probability[e] * best[outside.node[e]]
                    chain.away[x] += outside.probability[e]
        eliminate(lo, hi, -1, outside.node, outside.probability, fill, chain)
        forward(lo, hi, -1, fill, chain, value)
        backward(lo, hi, fill, chain, value)
        largest = 0.0
        for x in range(lo, hi):
            best[x] = value[x]
            largest = max(largest, abs(best[x]))
        switched = False
        error = 0.0
        for x in range(lo, hi):
            current = own[x] if way[x] < 0 else _after(way[x], outside, best)
            top = max(current, own[x])
            for k in range(outside.exits[x], outside.exits[x + 1]):
                q = _after(k, outside, best)
                if q > top:
                    top = q
                    # A switch must gain more than rounding: so every policy is better than the last.
                    if q > current + SWITCH * largest:
                        way[x] = k
                        switched = True
            error = max(error, abs(top - best[x]))
        if not switched:
            return iteration, error / largest if error > 0.0 else 0.0
    return MAX_ITERATIONS, error / largest
