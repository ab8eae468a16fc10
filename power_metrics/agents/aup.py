"""Agents of attainable utility preservation: one that learns, and one that plans with what it has learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.experience import Course
from power_metrics.agents.q_learning_steps import uniform
from power_metrics.solvers.jit import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

EXPLORING, GREEDY = 0.2, 0.9
"""The share of greedy actions in the first two thirds of the episodes, and after them."""


class Aup(NamedTuple):
    """How an agent learns.

    Attributes:
        price: λ.
        gamma: the discount.
        noop: the action that does nothing.
        steps: the time limit.
        episodes: how many.
    """

    price: float
    gamma: float
    noop: int
    steps: int
    episodes: int


@kernel
def learn_aup(
    course: Course, seen: Ints, utilities: Floats, rules: Aup, generators: NDArray[np.uint64], q: Floats, own: Floats
) -> None:
    """One learner of n auxiliary reward functions and of the task less what it changes of them.

    Values are of what is seen, learned at the rate 1: whatever a step shows replaces what was known of it.

    Args:
        course: the world.
        seen: (S,) what is seen in each state, from 0 to O - 1.
        utilities: (O, n) auxiliary rewards of what is seen after a step.
        rules: how it learns.
        generators: (1,) the state of its random numbers.
        q: (O, A, n) auxiliary values, zeros at the beginning.
        own: (O, A) values of the penalised task, zeros at the beginning.
    """
    A, n = own.shape[1], utilities.shape[1]
    for episode in range(rules.episodes):
        greedy_share = GREEDY if 3 * episode > 2 * rules.episodes else EXPLORING
        s, u = 0, uniform(generators, 0)
        while course.starts[s] <= u:
            s += 1
        for _ in range(rules.steps):
            o = seen[s]
            action = int(np.argmax(own[o]))
            if uniform(generators, 0) >= greedy_share:  # any other
                action = (action + 1 + min(int(uniform(generators, 0) * (A - 1)), A - 2)) % A
            t = course.after[s, action]
            after, penalty = seen[t], 0.0
            for i in range(n):
                best = q[after, 0, i]
                for a in range(1, A):
                    best = max(best, q[after, a, i])
                q[o, action, i] = utilities[after, i] + rules.gamma * best
            for i in range(n):
                null = q[o, rules.noop, i]
                penalty += abs(q[o, action, i] - null) / (1.0 if null == 0.0 else null)
            paid = course.reward[s, action] - (rules.price * penalty / n if n else 0.0)
            own[o, action] = paid + rules.gamma * own[after].max()
            s = t
            if course.terminal[t]:
                break


def learned_run(course: Course, seen: Ints, own: Floats, steps: int) -> tuple[float, float]:
    """Return and performance of the greedy learner in so many steps at most."""
    return _run(course, lambda s, left: int(own[seen[s]].argmax()), steps)


def planned_run(
    course: Course, seen: Ints, q: Floats, rules: Aup, baseline: str, decrease: bool, steps: int
) -> tuple[float, float]:
    """Return and performance of the best plan of so many steps.

    A step of a plan with k steps left costs λ times the mean share by which attainable utility after it and k - 1
    steps of doing nothing differs from its baseline: attainable utility of the start ("start"), of what doing nothing
    from the start on leads to ("inaction"), or, "stepwise", the value of doing nothing once more after k such steps.

    Args:
        course: the world.
        seen: (S,) what is seen in each state.
        q: (O, A, n) auxiliary values.
        rules: price, discount and the action that does nothing.
        baseline: "start", "inaction" or "stepwise".
        decrease: whether only losses count.
        steps: of the plan.
    """
    S = len(course.after)
    start = int(np.flatnonzero(course.starts)[0])
    waiting = [np.arange(S)]
    for _ in range(steps):
        waiting.append(course.after[waiting[-1], rules.noop])
    attainable = q.max(axis=1)[seen]  # (S, n)
    value = np.zeros(S)
    plan = np.zeros((steps + 1, S), dtype=np.int64)
    for left in range(1, steps + 1):
        if baseline == "stepwise":
            null = q[seen[waiting[left]], rules.noop]
        else:
            null = np.broadcast_to(attainable[waiting[steps if baseline == "inaction" else 0][start]], attainable.shape)
        change = attainable[waiting[left - 1][course.after]] - null[:, None]  # (S, A, n)
        if decrease:
            change = np.minimum(change, 0.0)
        share = np.abs(change) / np.where(null == 0, 1.0, null)[:, None]
        worth = course.reward - rules.price * share.mean(axis=2)
        worth = worth + rules.gamma * np.where(course.terminal, 0.0, value)[course.after]
        plan[left] = worth.argmax(axis=1)
        value = worth.max(axis=1)
    return _run(course, lambda s, left: int(plan[left, s]), steps)


def _run(course: Course, act: Callable[[int, int], int], steps: int) -> tuple[float, float]:
    s, total, scored = int(np.flatnonzero(course.starts)[0]), 0.0, 0.0
    for left in range(steps, 0, -1):
        a = act(s, left)
        total, scored = total + course.reward[s, a], scored + course.performance[s, a]
        s = int(course.after[s, a])
        if course.terminal[s]:
            break
    return float(total), float(scored)
