"""Optimal gains of stochastic end components: policy iteration with exact elimination."""

from __future__ import annotations

import numpy as np

from power_metrics.solvers.average.components import MIXING, Fill, Floats, Inside
from power_metrics.solvers.average.graph import Ints
from power_metrics.solvers.average.howard import first_policy, improve, join
from power_metrics.solvers.average.reduction import Chain, backward, eliminate, forward, make_chain, most_visited
from power_metrics.solvers.jit import kernel
from power_metrics.solvers.limits import MAX_ITERATIONS


@kernel
def solve_mixing(
    rewards: Floats, inside: Inside, fill: Fill, own: Floats, policy: Ints, residual: Floats, iterations: Ints
) -> None:
    """Sets the gains of the stochastic end components for each row of ``rewards`` (B, S).

    Args:
        rewards: (B, S) state rewards.
        inside: the end components, with n nodes in all.
        fill: where elimination can have non-zeros.
        own: (B, n) out, the gain of staying in each node; other nodes are left alone.
        policy: (B, S) out, an optimal choice by place, for the same nodes; or (0, S) where it is not wanted.
        residual: (B,) in and out: raised to the largest violation.
        iterations: (B,) in and out: raised to the most policies.
    """
    S = inside.order.shape[0]
    chain = make_chain(S, fill)
    reward, bias, earned, time = np.empty(S), np.empty(S), np.empty(S), np.empty(S)
    choice, mark = np.empty(S, np.int32), np.empty(S, np.int32)
    for b in range(rewards.shape[0]):
        for i in range(S):
            reward[i] = rewards[b, inside.order[i]]
        for x in range(inside.kind.shape[0]):
            if inside.kind[x] == MIXING:
                lo, hi = inside.first[x], inside.first[x + 1]
                largest = first_policy(lo, hi, inside, reward, choice)
                root = -1
                gain = 0.0
                error = 0.0
                iteration = 0
                switched = True
                while switched and iteration < MAX_ITERATIONS:
                    iteration += 1
                    gain, root = _evaluate(lo, hi, root, inside, fill, reward, choice, bias, mark, earned, time, chain)
                    switched, error = improve(lo, hi, inside, reward, largest, gain, bias, choice)
                own[b, x] = gain
                residual[b] = max(residual[b], error)
                iterations[b] = max(iterations[b], iteration)
                if policy.shape[0] > 0:
                    policy[b, lo:hi] = choice[lo:hi]


@kernel
def _evaluate(
    lo: int,
    hi: int,
    root: int,
    inside: Inside,
    fill: Fill,
    reward: Floats,
    choice: Ints,
    bias: Floats,
    mark: Ints,
    earned: Floats,
    time: Floats,
    chain: Chain,
) -> tuple[float, int]:
    """Leads all places to the policy's best recurrent class; sets the bias and returns the gain and the root.

    The bias is 0 at the root. Rounding grows with the mean time between two visits of it, so that a root that
    is visited rarely, or no longer, is replaced by the state with the largest stationary probability.
    """
    joined = chosen = False
    while True:
        for i in range(lo, hi):
            k = choice[i]
            chain.begin[i] = inside.entries[k]
            chain.end[i] = inside.entries[k + 1]
            chain.away[i] = 0.0
            earned[i] = reward[i] + inside.extra[k]
            time[i] = 1.0
        roots = eliminate(lo, hi, root, inside.successor, inside.probability, fill, chain)
        if root >= 0 and roots > 0 and not chosen:
            root = -1
            continue
        forward(lo, hi, root, fill, chain, earned)
        forward(lo, hi, root, fill, chain, time)
        if root < 0:
            best = -1
            for i in range(lo, hi):
                if chain.inverse[i] == 0.0 and (best < 0 or earned[i] / time[i] > earned[best] / time[best]):
                    best = i
            if roots > 1 and not joined:
                join(lo, hi, best, inside, choice, mark)
                joined = True
            else:
                root = most_visited(lo, best, fill, chain, bias)
                chosen = True
            continue
        backward(lo, hi, fill, chain, earned)
        backward(lo, hi, fill, chain, time)
        total = reward[root] + inside.extra[choice[root]]
        period = 1.0
        for e in range(chain.begin[root], chain.end[root]):
            total += inside.probability[e] * earned[inside.successor[e]]
            period += inside.probability[e] * time[inside.successor[e]]
        if not chosen and period > hi - lo:
            root = -1
            continue
        # Not earned - gain * time: times can be so long that nothing would be left of the difference.
        gain = total / period
        for i in range(lo, hi):
            bias[i] = reward[i] + inside.extra[choice[i]] - gain
        forward(lo, hi, root, fill, chain, bias)
        backward(lo, hi, fill, chain, bias)
        return gain, root
