"""State reduction: chains solved by elimination without subtraction, one at a time or LANES side by side.

A state is eliminated by watching the chain only outside it: who steps into it goes on where it leads, at once. That is
Gaussian elimination of I - P, but a diagonal is not what subtractions leave of 1. It is added up, from the chance to go
on and the chance to leave for good (Grassmann, Taksar & Heyman 1985; with discounts Alfa, Xue & Ye 2002). Only numbers
of one sign are added, so no digits are lost: every result has a relative error of about n roundings, however near γ is
to 1 or however rare a transition is, and what cannot happen has probability 0 exactly. For the same reason no
pivoting is needed, so that one order and one pattern serve all policies.

The steps here work on arrays (n, LANES) and (n,) alike. `evaluate_chains` puts them together for values of discounted
chains, `count_visits` for visits, and `power_metrics.solvers.average.recurrence` for the long run.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.ordering import Elimination
from power_metrics.solvers.simd import any_above, load, spread, store


@inlined
def replace_step(m: int, chance: Any, plan: Elimination, upper: Floats, row: Floats) -> None:
    """Adds to ``row`` where the state eliminated at step m goes on to, by the ``chance`` that it did."""
    for c in range(plan.upper_pointers[m], plan.upper_pointers[m + 1]):
        t = plan.upper_columns[c]
        store(row, t, load(row, t) + chance * load(upper, c))


@inlined
def finish_step(n: int, away: Any, zero: Any, plan: Elimination, upper: Floats, row: Floats) -> Any:
    """Moves what is left of ``row`` to U and clears it; returns the diagonal, ``away`` and all that goes on."""
    for c in range(plan.upper_pointers[n], plan.upper_pointers[n + 1]):
        on = load(row, plan.upper_columns[c])
        away = away + on
        store(upper, c, on)
        store(row, plan.upper_columns[c], zero)
    return away


@inlined
def substitute_step(n: int, right: Any, plan: Elimination, upper: Floats, value: Floats) -> Any:
    """Adds to ``right`` what the states that step n leads to are worth."""
    for c in range(plan.upper_pointers[n], plan.upper_pointers[n + 1]):
        right = right + load(upper, c) * load(value, plan.upper_columns[c])
    return right


class Chains(NamedTuple):
    """LANES chains that policies make of one table.

    Attributes:
        choices: (S + 1,) row pointers of the choices.
        entries: (K + 1,) row pointers of the entries.
        successor: (N,) the position that each entry leads to.
        probability: (N,) its probability.
        action_reward: (K,) reward of the choice itself, divided by γ.
        weight: (K, LANES) the policies: how likely each choice is.
    """

    choices: Ints
    entries: Ints
    successor: Ints
    probability: Floats
    action_reward: Floats
    weight: Floats


class Reduction(NamedTuple):
    """Work space for the reduction of LANES chains.

    Attributes:
        upper: minus U without its diagonal, by entry of ``Elimination.upper_columns``: to go on to that state next.
        inverse: (S, LANES) one over the diagonal of U, by step.
        leave: (S, LANES) to end before going on, by step.
        row: (S, LANES) the row at work; zero between steps.
    """

    upper: Floats
    inverse: Floats
    leave: Floats
    row: Floats


@inlined
def make_reduction(num_states: int, plan: Elimination, lanes: Any) -> Reduction:
    """Room for chains of this many states, in so many ``lanes``: (LANES,), or (GROUPS, LANES)."""
    shape = (num_states,) + lanes
    upper = np.empty((plan.upper_columns.shape[0],) + lanes)
    return Reduction(upper, np.empty(shape), np.empty(shape), np.zeros(shape))


@kernel
def evaluate_chains(
    reward: Floats, gamma: float, chains: Chains, plan: Elimination, space: Reduction, value: Floats
) -> None:
    """Solves V(i) = R(i) + γ Σ_k w(k) [r(k) + Σ P(k, j) V(j)], lane by lane.

    The chance to leave for good is 1 - γ and what leads to it, the chance to go on γP. Where no lane has an entry of
    the pattern, it is skipped: the pattern is that of all policies at once, and one policy fills little of it.

    Args:
        reward: (S, LANES) reward of each position.
        gamma: discount below 1.
        chains: the chains.
        plan: how to eliminate.
        space: work space.
        value: (S, LANES) out.
    """
    upper, inverse, leave, row = space.upper, space.inverse, space.leave, space.row
    S = reward.shape[0]
    zero = spread(value, 0.0)
    for n in range(S):
        i = plan.pivot[n]
        right = load(reward, i)
        away = spread(value, 1.0 - gamma)
        for k in range(chains.choices[i], chains.choices[i + 1]):
            share = gamma * load(chains.weight, k)
            if any_above(share, zero):
                right = right + chains.action_reward[k] * share
                for e in range(chains.entries[k], chains.entries[k + 1]):
                    j = chains.successor[e]
                    store(row, j, load(row, j) + chains.probability[e] * share)
        for p in range(plan.lower_pointers[n], plan.lower_pointers[n + 1]):
            m = plan.lower_steps[p]
            j = plan.pivot[m]
            chance = load(row, j)
            if any_above(chance, zero):
                store(row, j, zero)
                chance = chance * load(inverse, m)
                replace_step(m, chance, plan, upper, row)
                # The right-hand side goes along, which spares storing L: there is one right-hand side only.
                right = right + chance * load(value, j)
                away = away + chance * load(leave, m)
        store(leave, n, away)
        store(row, i, zero)
        store(inverse, n, spread(value, 1.0) / finish_step(n, away, zero, plan, upper, row))
        store(value, i, right)
    for n in range(S - 1, -1, -1):
        i = plan.pivot[n]
        store(value, i, substitute_step(n, load(value, i), plan, upper, value) * load(inverse, n))


@kernel
def count_visits(
    start: Floats, away: Floats, begin: Ints, successor: Ints, probability: Floats, plan: Elimination, visits: Floats
) -> None:
    """Solves x(j) = start(j) + Σ_i x(i) P(i, j) for each of B chains P with the same entries.

    With I - P = LU it is first xL that is found, while states are eliminated, and then x backwards. What is in a row
    for its own state is not looked at: it is what ``away`` and the rest of the row leave of 1.

    Args:
        start: (n,) at least 0.
        away: (n,) the chance to leave the chain for good at the next step.
        begin: (n + 1,) row pointers of the entries. A row may have several entries for one state.
        successor: (N,) the state that each entry leads to.
        probability: (B, N) its probability.
        plan: how to eliminate; its pivots are states.
        visits: (B, n) out.
    """
    n = len(start)
    filled = len(plan.upper_columns)
    upper, lower = np.empty(filled), np.empty(filled)
    inverse, leave, row, mass = np.empty(n), np.empty(n), np.zeros(n), np.empty(n)
    for b in range(len(visits)):
        mass[:] = start
        for step in range(n):
            i = plan.pivot[step]
            for e in range(begin[i], begin[i + 1]):
                row[successor[e]] += probability[b, e]
            gone = away[i]
            for p in range(plan.lower_pointers[step], plan.lower_pointers[step + 1]):
                m = plan.lower_steps[p]
                j = plan.pivot[m]
                lower[p] = row[j] * inverse[m]
                if row[j] > 0.0:
                    row[j] = 0.0
                    replace_step(m, lower[p], plan, upper, row)
                    gone += lower[p] * leave[m]
            leave[step] = gone
            row[i] = 0.0
            inverse[step] = 1.0 / finish_step(step, gone, 0.0, plan, upper, row)
            mass[i] *= inverse[step]
            for c in range(plan.upper_pointers[step], plan.upper_pointers[step + 1]):
                mass[plan.upper_columns[c]] += mass[i] * upper[c]
        for step in range(n - 1, -1, -1):
            i = plan.pivot[step]
            visits[b, i] = mass[i]
            for p in range(plan.lower_pointers[step], plan.lower_pointers[step + 1]):
                mass[plan.pivot[plan.lower_steps[p]]] += mass[i] * lower[p]
