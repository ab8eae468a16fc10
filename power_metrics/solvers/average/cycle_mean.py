"""The maximum cycle mean of deterministic end components: Howard's policy iteration."""

from __future__ import annotations

import numpy as np

from power_metrics.solvers.average.components import CYCLING, Floats, Inside
from power_metrics.solvers.average.graph import Ints
from power_metrics.solvers.average.howard import first_policy, improve, join
from power_metrics.solvers.jit import kernel
from power_metrics.solvers.limits import MAX_ITERATIONS


@kernel
def solve_cycling(
    rewards: Floats, inside: Inside, own: Floats, policy: Ints, residual: Floats, iterations: Ints
) -> None:
    """Sets the gains of the deterministic end components for each row of ``rewards`` (B, S).

    Args:
        rewards: (B, S) state rewards.
        inside: the end components, with n nodes in all.
        own: (B, n) out, the gain of staying in each node; other nodes are left alone.
        policy: (B, S) out, an optimal choice by place, for the same nodes; or (0, S) where it is not wanted.
        residual: (B,) in and out: raised to the largest violation.
        iterations: (B,) in and out: raised to the most policies.
    """
    S = inside.order.shape[0]
    reward, bias = np.empty(S), np.empty(S)
    choice, following = np.empty(S, np.int32), np.empty(S, np.int32)
    mark, path = np.empty(S, np.int32), np.empty(S, np.int32)
    for b in range(rewards.shape[0]):
        for i in range(S):
            reward[i] = rewards[b, inside.order[i]]
        for x in range(inside.kind.shape[0]):
            if inside.kind[x] == CYCLING:
                lo, hi = inside.first[x], inside.first[x + 1]
                largest = first_policy(lo, hi, inside, reward, choice)
                gain = 0.0
                error = 0.0
                iteration = 0
                switched = True
                while switched and iteration < MAX_ITERATIONS:
                    iteration += 1
                    gain = _evaluate(lo, hi, inside, reward, choice, bias, following, mark, path)
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
    inside: Inside,
    reward: Floats,
    choice: Ints,
    bias: Floats,
    following: Ints,
    mark: Ints,
    path: Ints,
) -> float:
    """Leads all places to the policy's best cycle; sets the bias and returns the gain, its mean."""
    for i in range(lo, hi):
        following[i] = inside.successor[inside.entries[choice[i]]]
        mark[i] = -1
    cycles = 0
    gain = -np.inf
    root = lo
    for origin in range(lo, hi):
        i = origin
        while mark[i] < 0:
            mark[i] = origin
            i = following[i]
        if mark[i] == origin:  # the walk has met itself: a new cycle
            cycles += 1
            total = 0.0
            length = 0
            j = i
            while length == 0 or j != i:
                total += reward[j] + inside.extra[choice[j]]
                length += 1
                j = following[j]
            if total / length > gain:
                gain = total / length
                root = i
    if cycles > 1:
        join(lo, hi, root, inside, choice, mark)
        for i in range(lo, hi):
            following[i] = inside.successor[inside.entries[choice[i]]]
    for i in range(lo, hi):
        mark[i] = 0
    mark[root] = 1
    bias[root] = 0.0
    for origin in range(lo, hi):
        i = origin
        length = 0
        while mark[i] == 0:
            mark[i] = 1
            path[length] = i
            length += 1
            i = following[i]
        while length > 0:
            length -= 1
            i = path[length]
            bias[i] = reward[i] + inside.extra[choice[i]] - gain + bias[following[i]]
    return gain
