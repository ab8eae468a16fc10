"""Tabular Q-learning, many learners side by side: the kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.jit import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Steps(NamedTuple):
    """A model as learners walk through it.

    Attributes:
        indptr: (S·A + 1,) the model's rows.
        successor: next states.
        cumulative: for each entry the sum of its row's probabilities up to it, 1 for the last of a row.
        listed: (S, A) the available actions of each state first.
        num_listed: (S,) how many there are.
        starts: (S,) cumulative start distribution.
    """

    indptr: Ints
    successor: NDArray[np.int32]
    cumulative: Floats
    listed: Ints
    num_listed: Ints
    starts: Floats


class Rules(NamedTuple):
    """How they learn.

    Attributes:
        gamma: discount.
        rate: α at the first visit.
        decay: α = rate / n^decay at the n-th visit.
        epsilon: the probability of a random action.
        horizon: steps between two fresh starts.
    """

    gamma: float
    rate: float
    decay: float
    epsilon: float
    horizon: int


class Progress(NamedTuple):
    """How far B learners are; changed in place.

    Attributes:
        q: (B, S, A) what they have learned.
        visits: (B, S, A) how often each took each action in each state.
        state: (B,) where each is, -1 before the first step.
        clock: (B,) steps since the last start.
        generators: (B,) states of their random numbers.
    """

    q: Floats
    visits: Ints
    state: Ints
    clock: Ints
    generators: NDArray[np.uint64]


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
def q_learning_steps(rewards: Floats, table: Steps, rules: Rules, num_steps: int, progress: Progress) -> None:
    """Every learner takes so many steps through the table, learning after each.

    Q(s, a) += α [R(s) + γ max_a' Q(s', a') - Q(s, a)] over available actions; ε-greedy behaviour, ties broken at
    random; a fresh start every ``horizon`` steps.

    Args:
        rewards: (B, S) one reward function for each learner.
        table: the model.
        rules: how to learn.
        num_steps: how many.
        progress: the learners.
    """
    indptr, successor, listed = table.indptr, table.successor, table.listed
    state, clock, visits, generators = progress.state, progress.clock, progress.visits, progress.generators
    A = listed.shape[1]
    for b in range(rewards.shape[0]):
        q = progress.q[b]
        for _ in range(num_steps):
            if state[b] < 0 or clock[b] >= rules.horizon:
                clock[b] = 0
                u = uniform(generators, b)
                s = 0
                while table.starts[s] <= u:
                    s += 1
                state[b] = s
            s = state[b]
            count = table.num_listed[s]
            if rules.epsilon > 0.0 and uniform(generators, b) < rules.epsilon:
                action = listed[s, min(int(uniform(generators, b) * count), count - 1)]
            else:
                # Of n tied actions each is kept with probability 1/n, in one pass and without a list of them.
                action = listed[s, 0]
                top = q[s, action]
                tied = 1.0
                for k in range(1, count):
                    a = listed[s, k]
                    if q[s, a] > top:
                        top = q[s, a]
                        action = a
                        tied = 1.0
                    elif q[s, a] == top:
                        tied += 1.0
                        if uniform(generators, b) * tied < 1.0:
                            action = a
            row = s * A + action
            e = indptr[row]
            if indptr[row + 1] - e > 1:  # what is certain takes no random number
                u = uniform(generators, b)
                while table.cumulative[e] <= u:
                    e += 1
            t = successor[e]
            best = q[t, listed[t, 0]]
            for k in range(1, table.num_listed[t]):
                best = max(best, q[t, listed[t, k]])
            visits[b, s, action] += 1
            alpha = rules.rate / visits[b, s, action] ** rules.decay if rules.decay > 0.0 else rules.rate
            q[s, action] += alpha * (rewards[b, s] + rules.gamma * best - q[s, action])
            state[b] = t
            clock[b] += 1
