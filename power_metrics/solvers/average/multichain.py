"""Which end component to end up in: from the gains of all of them to the gain of every node."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from power_metrics.solvers.average.recurrence import Chain, backward, eliminate, forward, make_chain
from power_metrics.solvers.average.solver import ComponentGains, Exits
from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS, SWITCH
from power_metrics.solvers.ordering import Elimination

START_SWEEPS = 4
"""Sweeps through a block of nodes that choose the policy to start from."""


class Nodes(NamedTuple):
    """The nodes of a model under one reward function.

    Attributes:
        staying: (n,) gain of staying in each node, -inf where that cannot be.
        gain: (n,) the optimal gain.
        exit: (n,) the optimal exit; -1 for staying.
        value: (n,) work space.
    """

    staying: Floats
    gain: Floats
    exit: Ints
    value: Floats


@kernel
def solve_multichain(found: ComponentGains, exits: Exits, plan: Elimination, gain: Floats, exit_taken: Ints) -> None:
    """Solves g(x) = max(staying(x), max_k Σ P(k, y) g(y)) over the exits k of each node.

    Args:
        found: for each of B reward functions the gains of staying. Residuals, here as shares of a block's largest
            |g|, and iterations are raised.
        exits: the exits.
        plan: how to eliminate.
        gain: (B, n) out, the optimal gain.
        exit_taken: (B, n) out, the optimal exit; -1 for staying.
    """
    chain = make_chain(gain.shape[1], plan)
    value = np.empty(gain.shape[1])
    for b in range(gain.shape[0]):
        nodes = Nodes(found.gain[b], gain[b], exit_taken[b], value)
        for block in range(exits.blocks.shape[0] - 1):
            lo, hi = exits.blocks[block], exits.blocks[block + 1]
            for x in range(lo, hi):
                nodes.gain[x] = nodes.staying[x]
                nodes.exit[x] = -1
            for sweep in range(1 if hi == lo + 1 else START_SWEEPS):
                for step in range(hi - lo):
                    x = lo + step if sweep % 2 == 0 else hi - 1 - step
                    for k in range(exits.exits[x], exits.exits[x + 1]):
                        q = _after(k, exits, nodes.gain)
                        if q > nodes.gain[x]:
                            nodes.gain[x] = q
                            nodes.exit[x] = k
            if hi > lo + 1:
                iteration, error = _iterate(lo, hi, exits, plan, nodes, chain)
                found.residual[b] = max(found.residual[b], error)
                found.iterations[b] = max(found.iterations[b], iteration)


@inlined
def _after(k: int, exits: Exits, gain: Floats) -> float:
    """The expected gain after exit k."""
    total = 0.0
    for e in range(exits.entries[k], exits.entries[k + 1]):
        total += exits.probability[e] * gain[exits.node[e]]
    return total


@kernel
def _iterate(lo: int, hi: int, exits: Exits, plan: Elimination, nodes: Nodes, chain: Chain) -> tuple[int, float]:
    """Policy iteration for the nodes of a block; returns the number of policies and the residual.

    Staying ends it, and every exit leaves its node: no policy goes round for ever, so each has its values. A node
    that was found worth leaving stays so, since policies only get better.
    """
    staying, gain, taken, value = nodes.staying, nodes.gain, nodes.exit, nodes.value
    error = 0.0
    for x in range(lo, hi):
        if taken[x] < 0 and staying[x] == -np.inf:
            taken[x] = exits.exits[x]
    for iteration in range(1, MAX_ITERATIONS + 1):
        for x in range(lo, hi):
            k = taken[x]
            chain.begin[x] = 0 if k < 0 else exits.entries[k]
            chain.end[x] = 0 if k < 0 else exits.entries[k + 1]
            chain.away[x] = 1.0 if k < 0 else 0.0
            value[x] = staying[x] if k < 0 else 0.0
            for e in range(chain.begin[x], chain.end[x]):
                if exits.node[e] < lo:
                    value[x] += exits.probability[e] * gain[exits.node[e]]
                    chain.away[x] += exits.probability[e]
        eliminate(lo, hi, -1, exits.node, exits.probability, plan, chain)
        forward(lo, hi, -1, plan, chain, value)
        backward(lo, hi, plan, chain, value)
        largest = 0.0
        for x in range(lo, hi):
            gain[x] = value[x]
            largest = max(largest, abs(gain[x]))
        switched = False
        error = 0.0
        for x in range(lo, hi):
            current = staying[x] if taken[x] < 0 else _after(taken[x], exits, gain)
            top = max(current, staying[x])
            for k in range(exits.exits[x], exits.exits[x + 1]):
                q = _after(k, exits, gain)
                if q > top:
                    top = q
                    # A switch must gain more than rounding: so every policy is better than the last.
                    if q > current + SWITCH * largest:
                        taken[x] = k
                        switched = True
            error = max(error, abs(top - gain[x]))
        if not switched:
            return iteration, error / largest if error > 0.0 else 0.0
    return MAX_ITERATIONS, error / largest
