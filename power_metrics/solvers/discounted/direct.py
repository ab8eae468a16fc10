"""Stochastic models whose equations fill up little: policy iteration with exact elimination."""

from __future__ import annotations

import numpy as np

from power_metrics.solvers.compiled import Table
from power_metrics.solvers.discounted.ordering import Elimination
from power_metrics.solvers.jit import inlined, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS, SWITCH
from power_metrics.solvers.simd import LANES, any_above, fill, larger, load, pick_above, pick_equal, store
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.transpose import Floats, Ints, absolute, gather, scatter

START_SWEEPS = 10
"""Value sweeps that choose the policy to start from."""


@kernel
def solve_direct(rewards: Floats, gamma: float, table: Table, plan: Elimination, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max_k [extra(k) + Σ P(k, s') V(s')] for each row of ``rewards`` (B, S)."""
    S = table.order.shape[0]
    reward = np.empty((S, LANES))
    value = np.empty((S, LANES))
    best = np.empty((S, LANES))
    choice = np.empty((S, LANES))
    weight = np.empty((table.action.shape[0], LANES))
    upper = np.empty((plan.columns.shape[0], LANES))
    inverse = np.empty((S, LANES))
    leave = np.empty((S, LANES))
    row = np.zeros((S, LANES))
    for start in range(0, rewards.shape[0], LANES):
        count = min(LANES, rewards.shape[0] - start)
        gather(rewards, start, count, table.order, reward)
        _start(reward, gamma, table, value, best, choice, weight)
        iteration = 0
        switched = True
        while switched and iteration < MAX_ITERATIONS:
            iteration += 1
            evaluate(
                reward, gamma, table.choices, table.entries, table.successor, table.probability, table.extra, weight,
                plan.pivot, plan.pointers, plan.columns, plan.mirror_pointers, plan.mirror,
                value, upper, inverse, leave, row,
            )  # fmt: skip
            largest = fill(0.0)
            for i in range(S):
                largest = larger(absolute(load(value, i)), largest)
            # A switch must gain more than rounding: so every policy is better than the last, and none comes twice.
            margin = SWITCH * largest
            switched = _improve(False, reward, gamma, table, margin, value, best, choice, weight)
            if switched:
                _improve(True, reward, gamma, table, margin, value, best, choice, weight)
        out.iterations[start : start + count] = iteration
        scatter(reward, gamma, table, value, best, choice, start, count, out)


@inlined
def _look_ahead(i: int, table: Table, value: Floats, best: Floats, choice: Floats) -> None:
    """Sets ``best`` and ``choice`` of position i to the largest extra(k) + Σ P(k, s') V(s') and its k."""
    top = fill(-np.inf)
    chosen = fill(0.0)
    for k in range(table.choices[i], table.choices[i + 1]):
        q = fill(table.extra[k])
        for e in range(table.entries[k], table.entries[k + 1]):
            q = q + table.probability[e] * load(value, table.successor[e])
        chosen = pick_above(q, top, fill(float(k)), chosen)
        top = larger(q, top)
    store(best, i, top)
    store(choice, i, chosen)


@inlined
def _start(
    reward: Floats, gamma: float, table: Table, value: Floats, best: Floats, choice: Floats, weight: Floats
) -> None:
    """Sets ``weight`` to the policies that a few sweeps, from staying at the state's own reward, end with."""
    S = reward.shape[0]
    for i in range(S):
        store(value, i, load(reward, i) / fill(1.0 - gamma))
    for sweep in range(START_SWEEPS):
        for step in range(S):
            i = step if sweep % 2 == 0 else S - 1 - step
            _look_ahead(i, table, value, best, choice)
            store(value, i, load(reward, i) + gamma * load(best, i))
    for i in range(S):
        for k in range(table.choices[i], table.choices[i + 1]):
            store(weight, k, pick_equal(load(choice, i), fill(float(k)), fill(1.0), fill(0.0)))


@inlined
def _improve(
    backwards: bool, reward: Floats, gamma: float, table: Table, margin: Floats, value: Floats, best: Floats,
    choice: Floats, weight: Floats,
) -> bool:  # fmt: skip
    """Switches to choices that are better by more than ``margin``, state by state; returns whether there were any.

    A state's value rises as soon as its choice does, so that one pass carries an improvement along whole
    paths. The policies it leaves are at least as good as the values it leaves.
    """
    S = reward.shape[0]
    switched = False
    for step in range(S):
        i = S - 1 - step if backwards else step
        _look_ahead(i, table, value, best, choice)
        new = load(reward, i) + gamma * load(best, i)
        enough = load(value, i) + margin
        if any_above(new, enough):
            switched = True
            store(value, i, pick_above(new, enough, new, load(value, i)))
            for k in range(table.choices[i], table.choices[i + 1]):
                chosen = pick_equal(load(choice, i), fill(float(k)), fill(1.0), fill(0.0))
                store(weight, k, pick_above(new, enough, chosen, load(weight, k)))
    return switched


@inlined
def evaluate(
    reward: Floats, gamma: float, choices: Ints, entries: Ints, successor: Ints, probability: Floats, extra: Floats,
    weight: Floats, pivot: Ints, pointers: Ints, columns: Ints, mirror_pointers: Ints, mirror: Ints, value: Floats,
    upper: Floats, inverse: Floats, leave: Floats, row: Floats,
) -> None:  # fmt: skip
    """Solves V(i) = R(i) + γ Σ_k w(k) [extra(k) + Σ P(k, j) V(j)], lane by lane, by state reduction.

    Elimination of I - γP without pivoting, in which a diagonal is not what is left after subtractions but the chance
    to end, 1 - γ and what leads to it, and to go on elsewhere (Grassmann, Taksar & Heyman 1985; for discounts, Alfa,
    Xue & Ye 2002). Only numbers of one sign are added, so that no digits are lost at any γ below 1. The pattern is
    that of all policies at once; where no lane has an entry, it is skipped.

    Args:
        reward: (S, LANES) reward of each position.
        gamma: discount.
        choices: (S + 1,) row pointers of the choices.
        entries: (K + 1,) row pointers of the entries.
        successor: (N,) where each entry leads.
        probability: (N,) its probability.
        extra: (K,) reward of the choice itself, divided by γ.
        weight: (K, LANES) the policies: how likely each choice is.
        pivot: see `power_metrics.solvers.discounted.ordering.Elimination`.
        pointers: see there.
        columns: see there.
        mirror_pointers: see there.
        mirror: see there.
        value: (S, LANES) out.
        upper: (len(columns), LANES) work space, minus U without its diagonal: to go on to that state next.
        inverse: (S, LANES) work space, one over the diagonal of U, by step.
        leave: (S, LANES) work space, to end before going on, by step.
        row: (S, LANES) work space, the row at work; must be zero, and is zero again on return.
    """
    S = reward.shape[0]
    zero = fill(0.0)
    for n in range(S):
        i = pivot[n]
        right = load(reward, i)
        away = fill(1.0 - gamma)
        for k in range(choices[i], choices[i + 1]):
            share = gamma * load(weight, k)
            if any_above(share, zero):
                right = right + extra[k] * share
                for e in range(entries[k], entries[k + 1]):
                    j = successor[e]
                    store(row, j, load(row, j) + probability[e] * share)
        for p in range(mirror_pointers[n], mirror_pointers[n + 1]):
            m = mirror[p]
            j = pivot[m]
            factor = load(row, j)
            if any_above(factor, zero):
                store(row, j, zero)
                factor = factor * load(inverse, m)
                for c in range(pointers[m], pointers[m + 1]):
                    t = columns[c]
                    store(row, t, load(row, t) + factor * load(upper, c))
                right = right + factor * load(value, j)
                away = away + factor * load(leave, m)
        store(leave, n, away)
        for c in range(pointers[n], pointers[n + 1]):
            on = load(row, columns[c])
            away = away + on
            store(upper, c, on)
            store(row, columns[c], zero)
        store(inverse, n, fill(1.0) / away)
        store(row, i, zero)
        store(value, i, right)
    for n in range(S - 1, -1, -1):
        i = pivot[n]
        right = load(value, i)
        for c in range(pointers[n], pointers[n + 1]):
            right = right + load(upper, c) * load(value, columns[c])
        store(value, i, right * load(inverse, n))
