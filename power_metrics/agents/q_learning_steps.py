"""Tabular Q-learning, many learners side by side: the kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.jit import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@kernel
def uniform(state: NDArray[np.uint64], b: int) -> float:
    """The next number in [0, 1) of generator b (SplitMix64; Steele, Lea & Flood 2014)."""
    state[b] += np.uint64(0x9E3779B97F4A7C15)
    z = state[b]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel
def q_learning_steps(
    rewards: Floats,
    gamma: float,
    indptr: Ints,
    successor: NDArray[np.int32],
    cumulative: Floats,
    listed: Ints,
    choices: Ints,
    starts: Floats,
    rate: float,
    decay: float,
    epsilon: float,
    horizon: int,
    steps: int,
    q: Floats,
    visits: Ints,
    place: Ints,
    clock: Ints,
    generators: NDArray[np.uint64],
) -> None:
    """Every learner takes so many steps through the table, learning after each.

    Q(s, a) += α [R(s) + γ max_a' Q(s', a') - Q(s, a)] with α = rate / n(s, a)^decay at the n-th visit, over available
    actions; ε-greedy behaviour, ties broken at random; a fresh start every ``horizon`` steps.

    Args:
        rewards: (B, S) one reward function for each learner.
        gamma: discount.
        indptr: (S·A + 1,) the model's rows.
        successor: next states.
        cumulative: for each entry the sum of its row's probabilities up to it, 1 for the last of a row.
        listed: (S, A) the available actions of each state first.
        choices: (S,) how many there are.
        starts: (S,) cumulative start distribution.
        rate: see above.
        decay: see above.
        epsilon: see above.
        horizon: see above.
        steps: how many.
        q: (B, S, A) changed in place.
        visits: (B, S, A) int64, changed in place.
        place: (B,) the state of each learner, -1 before the first step; changed in place.
        clock: (B,) steps since the last start, changed in place.
        generators: (B,) uint64, changed in place.
    """
    A = listed.shape[1]
    for b in range(rewards.shape[0]):
        table = q[b]
        for _ in range(steps):
            if place[b] < 0 or clock[b] >= horizon:
                clock[b] = 0
                u = uniform(generators, b)
                s = 0
                while starts[s] <= u:
                    s += 1
                place[b] = s
            s = place[b]
            count = choices[s]
            if epsilon > 0.0 and uniform(generators, b) < epsilon:
                action = listed[s, min(int(uniform(generators, b) * count), count - 1)]
            else:
                action = listed[s, 0]
                top = table[s, action]
                tied = 1.0
                for k in range(1, count):
                    a = listed[s, k]
                    if table[s, a] > top:
                        top = table[s, a]
                        action = a
                        tied = 1.0
                    elif table[s, a] == top:
                        tied += 1.0
                        if uniform(generators, b) * tied < 1.0:
                            action = a
            row = s * A + action
            e = indptr[row]
            if indptr[row + 1] - e > 1:
                u = uniform(generators, b)
                while cumulative[e] <= u:
                    e += 1
            t = successor[e]
            best = table[t, listed[t, 0]]
            for k in range(1, choices[t]):
                best = max(best, table[t, listed[t, k]])
            visits[b, s, action] += 1
            alpha = rate / visits[b, s, action] ** decay if decay > 0.0 else rate
            table[s, action] += alpha * (rewards[b, s] + gamma * best - table[s, action])
            place[b] = t
            clock[b] += 1
