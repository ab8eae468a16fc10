"""Large local models, one reward function at a time: policy iteration with elimination inside a band.

Where every choice leads at most w positions away, so does all that elimination of I - γP can fill in. A row is then w
numbers side by side, which the processor adds up several at a time, and a policy takes S w² multiplications at most,
whatever γ is. Elimination is without subtraction, as in `power_metrics.solvers.reduction`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS, SWITCH
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import Table
from power_metrics.solvers.transpose import Single, make_single, write_row

START_SWEEPS = 10
"""Value sweeps that choose the policy to start from."""

SWEEPS = 8
"""Passes that carry an improvement on, forth and back, before the next policy is evaluated, which takes much longer."""

STAGE = 2
"""Policies evaluated at each of the lower discounts on the way."""


class Band(NamedTuple):
    """Elimination at work.

    Attributes:
        upper: (S, w + 3) how likely each state goes on to each of the next w, once those before it are eliminated; then
            zeros.
        length: (S,) how many of them can be reached so at all.
        leave: (S,) to end before going on.
        inverse: (S,) one over the chance not to stay.
        row: (2 w + 4,) the row at work, from w before its state to w after; zero between states.
    """

    upper: Floats
    length: Ints
    leave: Floats
    inverse: Floats
    row: Floats


@inlined
def make_band(num_states: int, width: int) -> Band:
    """Room for chains of this many states and this width."""
    S = num_states
    return Band(np.zeros((S, width + 3)), np.empty(S, np.int32), np.empty(S), np.empty(S), np.zeros(2 * width + 4))


@kernel
def evaluate_band(right: Floats, gamma: float, choice: Ints, table: Table, band: Band, value: Floats) -> None:
    """Solves V(i) = right(i) + γ Σ_j P(i, j) V(j) for the chain of the chosen rows of ``table``."""
    S, w = len(right), band.upper.shape[1] - 3
    upper, length, leave, inverse, row = band
    for n in range(S):
        first = last = n
        k = choice[n]
        for e in range(table.entries[k], table.entries[k + 1]):
            j = table.successor[e]
            row[j - n + w] += gamma * table.probability[e]
            first, last = min(first, j), max(last, j)
        total = right[n]
        away = 1.0 - gamma
        m = first
        while m < n:
            at = m - n + w
            if row[at] == 0.0:
                m += 1
                continue
            if m + 4 > n:
                chance = row[at] * inverse[m]
                row[at] = 0.0
                total += chance * value[m]
                away += chance * leave[m]
                last = max(last, m + length[m])
                ahead, line = row[at + 1 :], upper[m]
                for c in range(length[m]):
                    ahead[c] += chance * line[c]
                m += 1
                continue
            # Four at once: what they change of the row is loaded and stored once.
            line0, line1, line2, line3 = upper[m], upper[m + 1], upper[m + 2], upper[m + 3]
            chance0 = row[at] * inverse[m]
            chance1 = (row[at + 1] + chance0 * line0[0]) * inverse[m + 1]
            chance2 = (row[at + 2] + chance0 * line0[1] + chance1 * line1[0]) * inverse[m + 2]
            chance3 = (row[at + 3] + chance0 * line0[2] + chance1 * line1[1] + chance2 * line2[0]) * inverse[m + 3]
            row[at : at + 4] = 0.0
            total = (
                total + chance0 * value[m] + chance1 * value[m + 1] + chance2 * value[m + 2] + chance3 * value[m + 3]
            )
            away = away + chance0 * leave[m] + chance1 * leave[m + 1] + chance2 * leave[m + 2] + chance3 * leave[m + 3]
            end = m + 3
            for j in range(m, m + 4):
                end = max(end, j + length[j])
            last = max(last, end)
            ahead = row[at + 4 :]
            for c in range(end - (m + 3)):
                ahead[c] += (
                    chance0 * line0[c + 3] + chance1 * line1[c + 2] + chance2 * line2[c + 1] + chance3 * line3[c]
                )
            m += 4
        row[w] = 0.0
        leave[n] = away
        length[n] = last - n
        line = upper[n]
        for c in range(w):
            line[c] = row[w + 1 + c]
            row[w + 1 + c] = 0.0
        inverse[n] = 1.0 / (away + _sum(line, length[n]))
        value[n] = total
    for n in range(S - 1, -1, -1):
        count = min(length[n], S - 1 - n)
        value[n] = (value[n] + _inner(upper[n], value[n + 1 :], count)) * inverse[n]


@inlined
def _sum(a: Floats, count: int) -> float:
    """Of the first numbers, in four sums so that they can run side by side."""
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    whole = count - count % 4
    for i in range(0, whole, 4):
        s0 += a[i]
        s1 += a[i + 1]
        s2 += a[i + 2]
        s3 += a[i + 3]
    for i in range(whole, count):
        s0 += a[i]
    return (s0 + s1) + (s2 + s3)


@inlined
def _inner(a: Floats, b: Floats, count: int) -> float:
    """The inner product of the first numbers, likewise."""
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    whole = count - count % 4
    for i in range(0, whole, 4):
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
    for i in range(whole, count):
        s0 += a[i] * b[i]
    return (s0 + s1) + (s2 + s3)


@kernel
def solve_banded(rewards: Floats, gamma: float, table: Table, width: int, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max_k [r(k) + Σ P(k, s') V(s')] for each row of ``rewards`` (B, S)."""
    S = table.order.shape[0]
    single = make_single(S)
    band = make_band(S, width)
    right = np.empty(S)
    for b in range(rewards.shape[0]):
        for i in range(S):
            single.reward[i] = rewards[b, table.order[i]]
        out.iterations[b] = _iterate(single, gamma, table, band, right)
        write_row(single, gamma, table, b, out)


@kernel
def _iterate(single: Single, gamma: float, table: Table, band: Band, right: Floats) -> int:
    """Policy iteration for the rewards in ``single``; returns the number of policies evaluated."""
    S = single.reward.shape[0]
    # Policies that look less far ahead are good ones to start from, and each takes few steps from the last.
    near = min(gamma, 0.9)
    for i in range(S):
        single.value[i] = single.reward[i] / (1.0 - near)
    for sweep in range(START_SWEEPS):
        _improve(sweep % 2 == 1, -np.inf, single, near, table)
    stage = 0
    for iteration in range(1, MAX_ITERATIONS + 1):
        for i in range(S):
            right[i] = single.reward[i] + near * table.action_reward[single.choice[i]]
        evaluate_band(right, near, single.choice, table, band, single.value)
        largest = 0.0
        for i in range(S):
            largest = max(largest, abs(single.value[i]))
        # A switch must gain more than rounding: so every policy is better than the last, and none comes twice.
        margin = SWITCH * largest
        switched = _improve(False, margin, single, near, table)
        if not switched and near == gamma:
            return iteration
        stage += 1
        if near < gamma and (not switched or stage == STAGE):
            near = min(gamma, 1.0 - 0.1 * (1.0 - near))
            stage = 0
        for sweep in range(SWEEPS):
            if switched:
                switched = _improve(sweep % 2 == 0, margin, single, near, table)
    return MAX_ITERATIONS


@inlined
def _improve(backwards: bool, margin: float, single: Single, gamma: float, table: Table) -> bool:
    """Switches to choices that are better by more than ``margin``, state by state; returns whether there were any."""
    reward, value, best, choice = single.reward, single.value, single.best, single.choice
    S = reward.shape[0]
    switched = False
    for step in range(S):
        i = S - 1 - step if backwards else step
        top = -np.inf
        chosen = table.choices[i]
        for k in range(table.choices[i], table.choices[i + 1]):
            q = table.action_reward[k]
            for e in range(table.entries[k], table.entries[k + 1]):
                q += table.probability[e] * value[table.successor[e]]
            if q > top:
                top = q
                chosen = k
        best[i] = top
        new = reward[i] + gamma * top
        if new > value[i] + margin:
            value[i] = new
            choice[i] = chosen
            switched = True
    return switched
