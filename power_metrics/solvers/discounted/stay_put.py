"""Deterministic models in which every state can stay as it is: exact values from a few sweeps."""

from __future__ import annotations

from power_metrics.solvers.jit import Floats, inlined, kernel
from power_metrics.solvers.simd import LANES, any_above, fill, larger, load, pick_above, store
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import SolverTables, Table
from power_metrics.solvers.transpose import gather, make_batch, scatter


class StayPut:
    """Sweeps that only raise values, from the value of staying put. They end after a few, exactly."""

    name = "stay_put"

    def fits(self, tables: SolverTables) -> bool:
        """Deterministic models of which every state can stay as it is, without rewards of choices."""
        return tables.deterministic and tables.can_stay and not tables.action_reward.any()

    def solve(self, rewards: Floats, gamma: float, tables: SolverTables, out: Solution) -> None:
        """Writes the solutions for ``rewards`` (B, S) to ``out``."""
        solve_stay_put(rewards, gamma, tables.table(gamma), out)


@kernel
def solve_stay_put(rewards: Floats, gamma: float, table: Table, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max V(s') where staying is always a choice, for each row of ``rewards`` (B, S).

    Sweeps start at R(s) / (1 - γ), the value of staying forever, and only raise values. An optimal policy
    walks a path without repetition and then stays, so the sweeps *end*: when one changes nothing, V is a
    fixed point of the Bellman operator in floating point, with no tolerance involved. Sweeps go forth and
    back through the states, which carries values along whole paths, so that few are needed at any γ.
    """
    S = table.order.shape[0]
    batch = make_batch(S)
    value = batch.value
    for start in range(0, rewards.shape[0], LANES):
        count = min(LANES, rewards.shape[0] - start)
        gather(rewards, start, count, table.order, batch.reward)
        sweeps = _raise(batch.reward, gamma, table, value)
        # Sweeps need the largest value only. Which choice has it is looked up once, at the end.
        for i in range(S):
            first = table.choices[i]
            top = load(value, table.successor[first])
            chosen = fill(float(first))
            for k in range(first + 1, table.choices[i + 1]):
                candidate = load(value, table.successor[k])
                chosen = pick_above(candidate, top, fill(float(k)), chosen)
                top = larger(candidate, top)
            store(batch.best, i, top)
            store(batch.choice, i, chosen)
        out.iterations[start : start + count] = sweeps
        scatter(batch, gamma, table, start, count, out)


@inlined
def _raise(reward: Floats, gamma: float, table: Table, value: Floats) -> int:
    """Sets ``value`` to the optimal values; returns the number of sweeps."""
    S = reward.shape[0]
    for i in range(S):
        store(value, i, load(reward, i) / fill(1.0 - gamma))
    sweeps = 0
    changed = True
    while changed:
        changed = False
        for step in range(S):
            i = step if sweeps % 2 == 0 else S - 1 - step
            old = load(value, i)
            top = old
            for k in range(table.choices[i], table.choices[i + 1]):
                top = larger(load(value, table.successor[k]), top)
            new = load(reward, i) + gamma * top
            # A value that rounds to less than it is stays: so values never fall, and sweeps must end.
            if any_above(new, old):
                store(value, i, larger(new, old))
                changed = True
        sweeps += 1
    return sweeps
