"""Stochastic models that mix: value iteration on what tells values apart, which ends after tens of sweeps at any γ.

What all values have in common grows as 1 / (1 - γ), and is what makes plain value iteration slow. The rest of them
settles as fast as the model forgets where it was. A sweep T of any h bounds the optimal values, after MacQueen (1966)
and Porteus (1971), by

    h + min(Th - h) / (1 - γ)  <=  V*  <=  h + max(Th - h) / (1 - γ),

so that sweeps end when Th - h is the same in all states, to rounding of h, which is small beside V; what values have
in common is then added. Where that is out of reach of `MAX_SWEEPS`, as measured on the way, other solvers take over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from power_metrics.solvers.jit import Floats, inlined, kernel
from power_metrics.solvers.limits import EVALUATION
from power_metrics.solvers.simd import LANES, larger, load, pick_above, smaller, spread, store
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import Table
from power_metrics.solvers.transpose import absolute

MAX_SWEEPS = 400
"""Sweeps that are worth while: policies and their evaluation take as long."""

FIRST_LOOK = 12
"""Sweeps before it is looked at how fast the rest settles, and then every `LOOK`."""

LOOK = 4


def solve_or(
    others: Callable[[Floats, Solution], None], rewards: Floats, gamma: float, table: Table, out: Solution
) -> None:
    """Writes the solutions for ``rewards`` (B, S) to ``out``; what does not mix is left to ``others``."""
    solve_relative(rewards, gamma, table, out)
    rows = np.flatnonzero(out.iterations < 0)
    if rows.size == len(rewards):
        others(rewards, out)
    elif rows.size:
        rest = Solution.empty(len(rows), rewards.shape[1], len(out.values) > 0)
        others(rewards[rows], rest)
        mine: Any
        for mine, theirs in zip(out, rest, strict=True):
            if len(mine):
                mine[rows] = theirs


@kernel
def solve_relative(rewards: Floats, gamma: float, table: Table, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max_k [r(k) + Σ P(k, s') V(s')] for each row of ``rewards`` (B, S).

    ``out.iterations`` is -1 for reward functions that others have to solve. What becomes of a reward function does not
    depend on those beside it: a lane is read off at the sweep at which it is done.
    """
    B, S = rewards.shape
    longest = 0
    for k in range(table.action.shape[0]):
        longest = max(longest, table.entries[k + 1] - table.entries[k])
    noise = 1.0 + 0.25 * np.sqrt(longest)  # sums of more numbers are rounded more often
    start = 0
    if B >= 3:
        many = np.empty((4, S, LANES))
        measured = np.empty((3, LANES))
        while B - start >= 3:
            count = min(LANES, B - start)
            for lane in range(LANES):
                row = rewards[start + min(lane, count - 1)]
                for i in range(S):
                    many[0, i, lane] = row[table.order[i]]
            _iterate(gamma, noise, table, many[0], many[1], many[2], many[3], measured, start, count, out)
            _write(gamma, table, many[0], many[3], start, count, out)
            start += count
    if start < B:
        # A lane for itself: most of what eight take would be for nothing. The operations are the same.
        one = np.empty((4, S))
        single = np.empty(3)
        for b in range(start, B):
            for i in range(S):
                one[0, i] = rewards[b, table.order[i]]
            _iterate(gamma, noise, table, one[0], one[1], one[2], one[3], single, b, 1, out)
            _write(gamma, table, one[0], one[3], b, 1, out)


@inlined
def _best(i: int, table: Table, value: Any) -> Any:
    """The largest r(k) + Σ P(k, s') V(s') of position i."""
    top = spread(value, -np.inf)
    for k in range(table.choices[i], table.choices[i + 1]):
        q = spread(value, table.action_reward[k])
        for e in range(table.entries[k], table.entries[k + 1]):
            q = q + table.probability[e] * load(value, table.successor[e])
        top = larger(q, top)
    return top


@inlined
def _sweep(gamma: float, shift: Floats, table: Table, reward: Floats, old: Floats, new: Floats, seen: Floats) -> None:
    """Sets ``new`` to T old - shift; and ``seen`` to the least and largest T old - old, and the largest |new|."""
    low = spread(old, np.inf)
    high = spread(old, -np.inf)
    size = spread(old, 0.0)
    less = load(shift, 0)
    for i in range(table.order.shape[0]):
        ahead = load(reward, i) + gamma * _best(i, table, old)
        change = ahead - load(old, i)
        low = smaller(change, low)
        high = larger(change, high)
        ahead = ahead - less
        size = larger(absolute(ahead), size)
        store(new, i, ahead)
    store(seen, 0, low)
    store(seen, 1, high)
    store(seen, 2, size)


@kernel
def _iterate(
    gamma: float, noise: float, table: Table, reward: Floats, first: Floats, second: Floats, value: Floats,
    seen: Floats, start: int, count: int, out: Solution,
) -> None:  # fmt: skip
    """Sets ``value`` to the optimal values of each lane, and ``out.iterations`` to its sweeps; to -1 where it stops.

    Args:
        gamma: discount.
        noise: how much rounding there is.
        table: the model.
        reward: (S, LANES) or (S,) rewards.
        first: work space of that shape.
        second: work space of that shape.
        value: out.
        seen: (3, LANES) or (3,) work space.
        start: the first reward function's row in ``out``.
        count: how many there are.
        out: where iterations are written to.
    """
    S = table.order.shape[0]
    shift = np.zeros(seen.shape[1:]).reshape((1,) + seen.shape[1:])
    flat, shifts = seen.reshape((3, -1)), shift.reshape(-1)
    values = value.reshape((S, -1))
    earlier = np.empty(shifts.shape[0])
    best = np.empty(shifts.shape[0])
    stale = np.zeros(shifts.shape[0], np.int32)
    running = np.zeros(shifts.shape[0], np.bool_)
    running[:count] = True
    best[:] = np.inf
    out.iterations[start : start + count] = -1
    left = count
    for i in range(S):
        store(first, i, load(reward, i))
    sweep = 0
    while left > 0 and sweep < MAX_SWEEPS:
        sweep += 1
        if sweep % 2 == 1:
            _sweep(gamma, shift, table, reward, first, second, seen)
        else:
            _sweep(gamma, shift, table, reward, second, first, seen)
        newest = (second if sweep % 2 == 1 else first).reshape((S, -1))
        for lane in range(count):
            if not running[lane]:
                continue
            low, high, size = flat[0, lane], flat[1, lane], flat[2, lane]
            span = high - low
            middle = low + 0.5 * span
            common = shifts[lane] + gamma * middle / (1.0 - gamma)
            fine = EVALUATION * noise * size
            # Where rounding is all that is left, spans go up and down.
            stale[lane] = 0 if span < 0.9 * best[lane] else stale[lane] + 1
            best[lane] = min(best[lane], span)
            if span <= fine or (stale[lane] >= LOOK and span <= EVALUATION * max(size, abs(common))):
                for i in range(S):
                    values[i, lane] = newest[i, lane] + common
                out.iterations[start + lane] = sweep
                running[lane] = False
                left -= 1
            elif sweep >= FIRST_LOOK and sweep % LOOK == 0:
                rate = (span / earlier[lane]) ** (1.0 / LOOK)
                if not (rate < 1.0 and sweep + np.log(fine / span) / np.log(rate) <= MAX_SWEEPS):
                    running[lane] = False
                    left -= 1
            if sweep % LOOK == 0:
                earlier[lane] = span
            shifts[lane] = middle
    for lane in range(shifts.shape[0]):
        if lane >= count or out.iterations[start + lane] < 0:
            for i in range(S):
                values[i, lane] = 0.0


@kernel
def _write(gamma: float, table: Table, reward: Floats, value: Floats, start: int, count: int, out: Solution) -> None:
    """Writes ``count`` solved lanes to ``out`` from row ``start`` on: what a backup of their values gives.

    Where a lane is not solved, what is written is not to be read.
    """
    S = table.order.shape[0]
    rows = np.empty((2,) + value.shape[1:])
    flat, values = rows.reshape((2, -1)), value.reshape((S, -1))
    error = spread(value, 0.0)
    largest = spread(value, 0.0)
    for i in range(S):
        s = table.order[i]
        top = spread(value, -np.inf)
        chosen = spread(value, 0.0)
        for k in range(table.choices[i], table.choices[i + 1]):
            q = spread(value, table.action_reward[k])
            for e in range(table.entries[k], table.entries[k + 1]):
                q = q + table.probability[e] * load(value, table.successor[e])
            chosen = pick_above(q, top, spread(value, float(k)), chosen)
            top = larger(q, top)
        error = larger(absolute(load(value, i) - (load(reward, i) + gamma * top)), error)
        largest = larger(absolute(load(value, i)), largest)
        store(rows, 0, top)
        store(rows, 1, chosen)
        for lane in range(count):
            out.continuation[start + lane, s] = flat[0, lane]
            if out.values.shape[0] > 0:
                out.values[start + lane, s] = values[i, lane]
                out.policy[start + lane, s] = table.action[int(flat[1, lane])]
    store(rows, 0, error)
    store(rows, 1, largest)
    for lane in range(count):
        out.residual[start + lane] = flat[0, lane] / flat[1, lane] if flat[0, lane] > 0.0 else 0.0
