"""What can be known of reachability and utilities from the steps that were taken, and learners that pay for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.q_learning_steps import uniform
from power_metrics.solvers.jit import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Counts = NDArray[np.int64]

NONE, UNREACHABILITY, RELATIVE_REACHABILITY, ATTAINABLE_UTILITY = range(4)
START, INACTION, STEPWISE = range(3)
SEEN, VERSION = range(2)
BETTER = 1e-10
"""A successor replaces another if it is worth so much more; rounding of sums up to 1 / (1 - discount) is below."""


class Known(NamedTuple):
    """What is known of a world in which every action has one result; changed in place.

    Attributes:
        after: (S, A) where each action leads, -1 where it has not been taken.
        seen: (S,) whether a state is known.
        table: (S, S) known reachability; or (S, n) the values of n utilities that known ways earn.
        utilities: (S, n) the utilities of states; (0, 0) for reachability.
        choice: (S, n) where the best known way of each utility leads, -1 where none is known.
        counts: how many states are known, and how often knowledge has changed.
        scratch: (2, S) room to work in.
    """

    after: Ints
    seen: NDArray[np.bool_]
    table: Floats
    utilities: Floats
    choice: Ints
    counts: Counts
    scratch: Ints


class Terms(NamedTuple):
    """What a deviation is of.

    Attributes:
        measure: `NONE`, `UNREACHABILITY`, `RELATIVE_REACHABILITY` or `ATTAINABLE_UTILITY`.
        absolute: whether what is gained counts as well as what is lost.
        rollouts: whether states are compared by what follows when nothing is done.
        gamma: the discount of rollouts, and of the reward.
        discount: that of reachability, or of utilities.
        noop: the action that does nothing.
    """

    measure: int
    absolute: bool
    rollouts: bool
    gamma: float
    discount: float
    noop: int


def nothing_known(num_states: int, num_actions: int, utilities: Floats | None) -> Known:
    """Room for what can be known, empty; ``utilities`` (S, n) of states, or None for reachability."""
    S, n = num_states, num_states if utilities is None else utilities.shape[1]
    return Known(
        np.full((S, num_actions), -1, dtype=np.int32),
        np.zeros(S, dtype=np.bool_),
        np.zeros((S, n)),
        np.zeros((0, 0)) if utilities is None else np.ascontiguousarray(utilities, dtype=np.float64),
        np.full((0, 0) if utilities is None else (S, n), -1, dtype=np.int32),
        np.zeros(2, dtype=np.int64),
        np.zeros((2, S), dtype=np.int32),
    )


@kernel
def see(known: Known, state: int) -> None:
    """A state is there."""
    if not known.seen[state]:
        known.seen[state] = True
        known.counts[SEEN] += 1
        known.counts[VERSION] += 1
        if not known.utilities.size:
            known.table[state, state] = 1.0


@kernel
def notice(known: Known, terms: Terms, state: int, action: int, following: int) -> None:
    """An action led to a state from where the episode goes on."""
    if known.after[state, action] == following:
        return
    known.after[state, action] = following
    see(known, state)
    see(known, following)
    if action == terms.noop:
        known.counts[VERSION] += 1
    if known.utilities.size:
        for i in range(known.utilities.shape[1]):
            _raise_values(known, terms.discount, i, state, following)
    elif known.table[state, following] < terms.discount:
        known.counts[VERSION] += 1
        for s in range(len(known.seen)):
            onto = known.table[s, state] * terms.discount
            if onto > 0.0:
                for t in range(len(known.seen)):
                    known.table[s, t] = max(known.table[s, t], onto * known.table[following, t])


@kernel
def _raise_values(known: Known, discount: float, i: int, state: int, following: int) -> None:
    """A new way: utility i by policy iteration on what is known, which never falls."""
    values, utilities = known.table, known.utilities
    if utilities[state, i] + discount * values[following, i] <= values[state, i] + BETTER:
        return
    known.counts[VERSION] += 1
    known.choice[state, i] = following
    improved = True
    while improved:
        _evaluate(known, discount, i)
        improved = False
        for s in range(len(known.seen)):
            best = values[s, i] + BETTER
            for a in range(known.after.shape[1]):
                t = known.after[s, a]
                if t >= 0 and utilities[s, i] + discount * values[t, i] > best:
                    best = utilities[s, i] + discount * values[t, i]
                    known.choice[s, i] = t
                    improved = True


@kernel
def _evaluate(known: Known, discount: float, i: int) -> None:
    """The values of utility i where every state goes to its choice; of states without one 0."""
    values, path, mark = known.table, known.scratch[0], known.scratch[1]
    mark[:] = 0  # 1 + the first state of the walk that came by; -1 once its value is known
    for first in range(len(known.seen)):
        s, length = first, 0
        while mark[s] == 0 and known.choice[s, i] >= 0:
            mark[s] = first + 1
            path[length] = s
            length += 1
            s = known.choice[s, i]
        if mark[s] == first + 1:  # a circle, which comes back to s
            total, weight, place = 0.0, 1.0, s
            while True:
                total += weight * known.utilities[place, i]
                weight *= discount
                place = known.choice[place, i]
                if place == s:
                    break
            values[s, i] = total / (1.0 - weight)
        elif known.choice[s, i] < 0:
            values[s, i] = 0.0
        following = values[s, i]
        mark[s] = -1
        for k in range(length - 1, -1, -1):
            place = path[k]
            if place != s:
                values[place, i] = known.utilities[place, i] + discount * following
            following = values[place, i]
            mark[place] = -1


@kernel
def idle(known: Known, terms: Terms, state: int) -> int:
    """Where doing nothing leads, as far as is known; else the state itself."""
    following = known.after[state, terms.noop]
    return following if following >= 0 else state


@kernel
def next_baseline(known: Known, terms: Terms, baseline: int, state: int, base: int) -> int:
    """The baseline state after a step from ``state`` with the baseline state ``base``."""
    if baseline == START:
        return base
    return idle(known, terms, base if baseline == INACTION else state)


@kernel
def _rollout_length(known: Known, terms: Terms, state: int, base: int) -> int:
    """After how many steps of doing nothing, from both, a pair of states comes again (Brent 1980)."""
    power, period = 1, 1
    slow, slow_base = state, base
    fast, fast_base = idle(known, terms, state), idle(known, terms, base)
    while slow != fast or slow_base != fast_base:
        if power == period:
            slow, slow_base = fast, fast_base
            power, period = 2 * power, 0
        fast, fast_base = idle(known, terms, fast), idle(known, terms, fast_base)
        period += 1
    slow, slow_base, fast, fast_base = state, base, state, base
    for _ in range(period):
        fast, fast_base = idle(known, terms, fast), idle(known, terms, fast_base)
    before = 0
    while slow != fast or slow_base != fast_base:
        slow, slow_base = idle(known, terms, slow), idle(known, terms, slow_base)
        fast, fast_base = idle(known, terms, fast), idle(known, terms, fast_base)
        before += 1
    return before + period


@kernel
def _row(known: Known, terms: Terms, state: int, out: Floats) -> None:
    """Writes to ``out`` the row of a state, or the average of the rows that follow when nothing is done."""
    if not terms.rollouts:
        out[:] = known.table[state]
        return
    length, coefficient = _rollout_length(known, terms, state, state), 1.0
    out[:] = 0.0
    for k in range(length):
        last = coefficient * terms.gamma if k == length - 1 else 0.0  # the last new state is taken to stay
        out += (coefficient * (1.0 - terms.gamma) + last) * known.table[state]
        coefficient *= terms.gamma
        state = idle(known, terms, state)


@kernel
def known_deviation(known: Known, terms: Terms, state: int, base: int, rows: Floats) -> float:
    """The deviation of a state from a baseline state, from what is known; ``rows`` (2, K) is room to work in."""
    if terms.measure == NONE:
        return 0.0
    if terms.measure == UNREACHABILITY:
        if not terms.rollouts:
            return 1.0 - known.table[state, base]
        length, coefficient, total = _rollout_length(known, terms, state, base), 1.0, 0.0
        for k in range(length):
            last = coefficient * terms.gamma if k == length - 1 else 0.0
            total += (coefficient * (1.0 - terms.gamma) + last) * (1.0 - known.table[state, base])
            coefficient *= terms.gamma
            state, base = idle(known, terms, state), idle(known, terms, base)
        return total
    _row(known, terms, state, rows[0])
    _row(known, terms, base, rows[1])
    total = 0.0
    for k in range(rows.shape[1]):
        lost = rows[1, k] - rows[0, k]
        total += abs(lost) if terms.absolute else max(0.0, lost)
    if terms.measure == RELATIVE_REACHABILITY:
        return total / max(1, known.counts[SEEN])
    return (1.0 - terms.discount) * total / rows.shape[1]


class Course(NamedTuple):
    """A world in which every action has one result, as learners walk through it.

    Attributes:
        after: (S, A) where each action leads.
        reward: (S, A) what it pays.
        performance: (S, A) its hidden performance.
        terminal: (S,) where episodes end.
        listed: (S, A) the available actions of each state first.
        num_listed: (S,) how many there are.
        starts: (S,) cumulative start distribution.
    """

    after: Ints
    reward: Floats
    performance: Floats
    terminal: NDArray[np.bool_]
    listed: Counts
    num_listed: Counts
    starts: Floats


class Lessons(NamedTuple):
    """How learners learn.

    Attributes:
        beta: the price of a deviation of 1.
        baseline: `START`, `INACTION` or `STEPWISE`.
        weight: of deviations in steps that do not end the episode.
        rate: the learning rate.
        steps: the time limit, which ends the episode.
        episodes: how many; the share of random actions falls from 1 by 1 / episodes after each.
        smoothing: episodes to one entry of what is written.
    """

    beta: float
    baseline: int
    weight: float
    rate: float
    steps: int
    episodes: int
    smoothing: int


@kernel
def learn_penalised(
    course: Course, known: Known, terms: Terms, lessons: Lessons, generators: NDArray[np.uint64], q: Floats, out: Floats
) -> None:
    """One Q-learner that pays for side effects as far as it knows of them.

    Args:
        course: the world.
        known: what it knows; nothing at the beginning.
        terms: what deviations are of.
        lessons: how it learns.
        generators: (1,) the state of its random numbers.
        q: (S, A) what it has learned, zeros at the beginning.
        out: (2, blocks) filled with its mean return and mean performance in each block of episodes.
    """
    S = q.shape[0]
    rows = np.empty((2, known.table.shape[1]))
    cached, stamp = np.empty((S, S)), np.full((S, S), -1, dtype=np.int64)
    epsilon = 1.0
    for episode in range(lessons.episodes):
        block = episode // lessons.smoothing
        size = min(lessons.smoothing, lessons.episodes - block * lessons.smoothing)
        s, u = 0, uniform(generators, 0)
        while course.starts[s] <= u:
            s += 1
        b = s
        see(known, s)
        for step in range(lessons.steps):
            count = course.num_listed[s]
            if uniform(generators, 0) < epsilon:
                action = course.listed[s, min(int(uniform(generators, 0) * count), count - 1)]
            else:
                action = course.listed[s, 0]
                tied = 1.0
                for k in range(1, count):  # of n tied actions each is kept with probability 1 / n
                    a = course.listed[s, k]
                    if q[s, a] > q[s, action]:
                        action, tied = a, 1.0
                    elif q[s, a] == q[s, action]:
                        tied += 1.0
                        if uniform(generators, 0) * tied < 1.0:
                            action = a
            t = course.after[s, action]
            out[0, block] += course.reward[s, action] / size
            out[1, block] += course.performance[s, action] / size
            last = course.terminal[t] or step == lessons.steps - 1
            where, base, weight = s, b, lessons.beta
            if not last:
                notice(known, terms, s, action, t)
                b = next_baseline(known, terms, lessons.baseline, s, b)
                where, base, weight = t, b, lessons.beta * lessons.weight
            if weight > 0.0 and stamp[where, base] != known.counts[VERSION]:
                cached[where, base] = known_deviation(known, terms, where, base, rows)
                stamp[where, base] = known.counts[VERSION]
            target = course.reward[s, action]
            if weight > 0.0:
                target -= weight * cached[where, base]
            if not last:
                best = q[t, course.listed[t, 0]]
                for k in range(1, course.num_listed[t]):
                    best = max(best, q[t, course.listed[t, k]])
                target += terms.gamma * best
            q[s, action] += lessons.rate * (target - q[s, action])
            if last:
                break
            s = t
        epsilon = max(0.0, epsilon - 1.0 / lessons.episodes)
