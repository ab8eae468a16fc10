"""Deterministic models in which every state can stay as it is: exact values from a few sweeps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.simd import GROUPS, LANES, any_above, larger, load, pick_above, spread, store
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import SolverTables, Table
from power_metrics.solvers.transpose import absolute


class StayPut:
    """Sweeps that only raise values, from the value of staying put. They end after a few, exactly."""

    name = "stay_put"

    def fits(self, tables: SolverTables) -> bool:
        """Deterministic models of which every state can stay as it is, without rewards of choices."""
        return tables.deterministic and tables.can_stay and not tables.action_reward.any()

    def solve(self, rewards: Floats, gamma: float, tables: SolverTables, out: Solution) -> None:
        """Writes the solutions for ``rewards`` (B, S) to ``out``."""
        solve_stay_put(rewards, gamma, tables.table(gamma), Moves(*tables.moves), out)


class Moves(NamedTuple):
    """Where choices lead that do not stay.

    Attributes:
        begin: (S + 1,) row pointers.
        successor: the positions.
    """

    begin: Ints
    successor: Ints


@kernel
def solve_stay_put(rewards: Floats, gamma: float, table: Table, moves: Moves, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max V(s') where staying is always a choice, for each row of ``rewards`` (B, S).

    As many reward functions side by side as there are; what becomes of one does not depend on the others.
    """
    B, S = rewards.shape
    start = 0
    if B > 2 * LANES:
        many = np.empty((2, S, GROUPS, LANES))
        while B - start > 2 * LANES:
            count = min(GROUPS * LANES, B - start)
            _solve(rewards, start, count, gamma, table, moves, many[0], many[1], out)
            start += count
    if B - start > 2:
        some = np.empty((2, S, LANES))
        while B - start > 2:
            count = min(LANES, B - start)
            _solve(rewards, start, count, gamma, table, moves, some[0], some[1], out)
            start += count
    if start < B:
        one = np.empty((2, S))
        for b in range(start, B):
            _solve(rewards, b, 1, gamma, table, moves, one[0], one[1], out)


@kernel
def _solve(
    rewards: Floats, start: int, count: int, gamma: float, table: Table, moves: Moves, reward: Floats, value: Floats,
    out: Solution,
) -> None:  # fmt: skip
    """Solves ``count`` rows from ``start`` on, in work space of as many lanes or more."""
    S = table.order.shape[0]
    given, values = reward.reshape((S, -1)), value.reshape((S, -1))
    for lane in range(given.shape[1]):
        row = rewards[start + min(lane, count - 1)]
        for i in range(S):
            given[i, lane] = row[table.order[i]]
    sweeps = raise_values(reward, gamma, moves, value)
    # Sweeps need the largest value only. Which choice has it is looked up once, at the end.
    rows = np.empty((3,) + value.shape[1:])
    flat = rows.reshape((3, -1))
    store(rows, 2, sweeps)
    error = spread(value, 0.0)
    largest = spread(value, 0.0)
    whole = out.values.shape[0] > 0
    for i in range(S):
        s = table.order[i]
        first = table.choices[i]
        top = load(value, table.successor[first])
        chosen = spread(value, float(first))
        for k in range(first + 1, table.choices[i + 1]):
            candidate = load(value, table.successor[k])
            chosen = pick_above(candidate, top, spread(value, float(k)), chosen)
            top = larger(candidate, top)
        error = larger(absolute(load(value, i) - (load(reward, i) + gamma * top)), error)
        largest = larger(absolute(load(value, i)), largest)
        store(rows, 0, top)
        store(rows, 1, chosen)
        for lane in range(count):
            out.continuation[start + lane, s] = flat[0, lane]
        if whole:
            for lane in range(count):
                out.values[start + lane, s] = values[i, lane]
                out.policy[start + lane, s] = table.action[int(flat[1, lane])]
    store(rows, 0, error)
    store(rows, 1, largest)
    for lane in range(count):
        out.residual[start + lane] = flat[0, lane] / flat[1, lane] if flat[0, lane] > 0.0 else 0.0
        out.iterations[start + lane] = int(flat[2, lane])


@inlined
def raise_values(reward: Floats, gamma: float, moves: Moves, value: Floats) -> Any:
    """Sets ``value`` to the optimal values; returns the number of sweeps of each lane.

    Sweeps start at R(s) / (1 - γ), the value of staying forever, and only raise values. An optimal policy
    walks a path without repetition and then stays, so the sweeps *end*: when one changes nothing, V is a
    fixed point of the Bellman operator in floating point, with no tolerance involved. Sweeps go forth and
    back through the states, which carries values along whole paths, so that few are needed at any γ.
    """
    S = reward.shape[0]
    for i in range(S):
        store(value, i, load(reward, i) / spread(value, 1.0 - gamma))
    zero = spread(value, 0.0)
    needed = spread(value, 1.0)
    sweeps = 0
    going = True
    while going:
        raised = zero
        for step in range(S):
            i = step if sweeps % 2 == 0 else S - 1 - step
            old = load(value, i)
            top = old
            for k in range(moves.begin[i], moves.begin[i + 1]):
                top = larger(load(value, moves.successor[k]), top)
            new = load(reward, i) + gamma * top
            # A value that rounds to less than it is stays: so values never fall, and sweeps must end.
            raised = larger(new - old, raised)
            store(value, i, larger(new, old))
        sweeps += 1
        going = any_above(raised, zero)
        needed = pick_above(raised, zero, spread(value, float(sweeps + 1)), needed)
    return needed
