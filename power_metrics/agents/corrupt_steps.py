"""Tabular learners on a model's own observed rewards, many side by side, and what they earn in truth: the kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.q_learning_steps import Steps, uniform
from power_metrics.solvers.jit import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Channels(NamedTuple):
    """What each entry of a model's rows pays.

    Attributes:
        observed: (nnz,) what learners see.
        true: (nnz,) the hidden performance.
    """

    observed: Floats
    true: Floats


class Learning(NamedTuple):
    """How they learn and act.

    Attributes:
        gamma: discount.
        rate: the learning rate.
        epsilon: of ε-greedy behaviour.
        beta: of softmax behaviour; 0 for ε-greedy behaviour.
        rule: what is learned of the next state: 0 the best action value, 1 that of the action taken next, 2 the softmax
            (1/β) log Σ exp(β Q).
    """

    gamma: float
    rate: float
    epsilon: float
    beta: float
    rule: int


class Runs(NamedTuple):
    """How far B learners are; changed in place.

    Attributes:
        q: (B, S, A) what they have learned.
        state: (B,) where each is.
        action: (B,) what each does next; -1 where that is not settled.
        generators: (B,) states of their random numbers.
        earned: (B, 2) what each has been paid since it was last set to 0, observed and true.
    """

    q: Floats
    state: Ints
    action: Ints
    generators: NDArray[np.uint64]
    earned: Floats


class Searches(NamedTuple):
    """How far B quantilisers are; changed in place.

    Attributes:
        total: (B, S) what each has been paid at ends of steps in each state.
        visits: (B, S) how often that was.
        since: (B,) steps since it has last been in a new state.
        target: (B,) the state that it goes to; -1 before it has chosen.
        state: (B,) where each is.
        generators: (B,) states of their random numbers.
        earned: (B, 2) what each has been paid since it was last set to 0.
    """

    total: Floats
    visits: Ints
    since: Ints
    target: Ints
    state: Ints
    generators: NDArray[np.uint64]
    earned: Floats


@kernel
def _move(table: Steps, row: int, generators: NDArray[np.uint64], b: int) -> int:
    """The entry of the row that comes about; what is certain takes no random number."""
    e = table.indptr[row]
    if table.indptr[row + 1] - e > 1:
        u = uniform(generators, b)
        while table.cumulative[e] <= u:
            e += 1
    return e  # type: ignore[no-any-return]


@kernel
def _choose(q: Floats, listed: Ints, count: int, how: Learning, generators: NDArray[np.uint64], b: int) -> int:
    """An action of a state with these values (A,): ε-greedy with ties broken at random, or softmax."""
    if how.beta > 0.0:
        top = q[listed[0]]
        for k in range(1, count):
            top = max(top, q[listed[k]])
        total = 0.0
        for k in range(count):
            total += np.exp(how.beta * (q[listed[k]] - top))
        u = uniform(generators, b) * total
        for k in range(count):
            u -= np.exp(how.beta * (q[listed[k]] - top))
            if u < 0.0:
                return listed[k]  # type: ignore[no-any-return]
        return listed[count - 1]  # type: ignore[no-any-return]
    if how.epsilon > 0.0 and uniform(generators, b) < how.epsilon:
        return listed[min(int(uniform(generators, b) * count), count - 1)]  # type: ignore[no-any-return]
    action, tied = listed[0], 1.0
    for k in range(1, count):
        a = listed[k]
        if q[a] > q[action]:
            action, tied = a, 1.0
        elif q[a] == q[action]:
            tied += 1.0
            if uniform(generators, b) * tied < 1.0:
                action = a
    return action  # type: ignore[no-any-return]


@kernel
def _following(q: Floats, listed: Ints, count: int, beta: float, soft: bool) -> float:
    """The best of the values (A,), or their softmax."""
    top = q[listed[0]]
    for k in range(1, count):
        top = max(top, q[listed[k]])
    if not soft:
        return top  # type: ignore[no-any-return]
    total = 0.0
    for k in range(count):
        total += np.exp(beta * (q[listed[k]] - top))
    return top + np.log(total) / beta  # type: ignore[no-any-return]


@kernel
def learning_steps(table: Steps, paid: Channels, how: Learning, num_steps: int, runs: Runs) -> None:
    """Every learner takes so many steps, learning after each from what it observes."""
    A = table.listed.shape[1]
    for b in range(len(runs.state)):
        q = runs.q[b]
        s, action = runs.state[b], runs.action[b]
        for _ in range(num_steps):
            if action < 0:
                action = _choose(q[s], table.listed[s], table.num_listed[s], how, runs.generators, b)
            e = _move(table, s * A + action, runs.generators, b)
            t = table.successor[e]
            after = -1
            if how.rule == 1:
                after = _choose(q[t], table.listed[t], table.num_listed[t], how, runs.generators, b)
                following = q[t, after]
            else:
                following = _following(q[t], table.listed[t], table.num_listed[t], how.beta, how.rule == 2)
            q[s, action] += how.rate * (paid.observed[e] + how.gamma * following - q[s, action])
            runs.earned[b, 0] += paid.observed[e]
            runs.earned[b, 1] += paid.true[e]
            s, action = t, after
        runs.state[b], runs.action[b] = s, action


@kernel
def quantilising_steps(
    table: Steps, paid: Channels, stay: Ints, delta: float, patience: int, num_steps: int, runs: Searches
) -> None:
    """Every quantiliser takes so many steps.

    It walks at random until it has been nowhere new for ``patience`` steps; then draws one of the states that have paid
    delta on average, bumps included (any of those that it has seen, if there is none), walks on at random until it is
    there, and takes the action of ``stay`` from then on.
    """
    A = table.listed.shape[1]
    for b in range(len(runs.state)):
        total, visits = runs.total[b], runs.visits[b]
        s = runs.state[b]
        for _ in range(num_steps):
            if runs.target[b] < 0 and runs.since[b] >= patience:
                kept, tied, found = -1, 0.0, False
                for x in range(len(visits)):
                    if visits[x] == 0:
                        continue
                    enough = total[x] >= delta * visits[x]
                    if enough and not found:
                        kept, tied, found = x, 1.0, True
                    elif enough == found:
                        tied += 1.0
                        if uniform(runs.generators, b) * tied < 1.0:
                            kept = x
                runs.target[b] = kept
            action = stay[s]
            if s != runs.target[b]:
                count = table.num_listed[s]
                action = table.listed[s, min(int(uniform(runs.generators, b) * count), count - 1)]
            e = _move(table, s * A + action, runs.generators, b)
            s = table.successor[e]
            runs.since[b] = 0 if visits[s] == 0 else runs.since[b] + 1
            visits[s] += 1
            total[s] += paid.observed[e]
            runs.earned[b, 0] += paid.observed[e]
            runs.earned[b, 1] += paid.true[e]
        runs.state[b] = s
