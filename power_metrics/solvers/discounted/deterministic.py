"""Deterministic models: policy iteration that evaluates a policy by following its arrows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS, SWITCH
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.solver import SolverTables, Table
from power_metrics.solvers.transpose import Single, make_single, write_row

START_SWEEPS = 4
"""Value sweeps that choose the policy to start from."""


class Deterministic:
    """Policy iteration; a policy is evaluated by following its arrows into their cycles, in O(S)."""

    name = "deterministic"

    def fits(self, tables: SolverTables) -> bool:
        """All deterministic models."""
        return tables.deterministic

    def solve(self, rewards: Floats, gamma: float, tables: SolverTables, out: Solution) -> None:
        """Writes the solutions for ``rewards`` (B, S) to ``out``."""
        solve_deterministic(rewards, gamma, tables.table(gamma), out)


class Arrows(NamedTuple):
    """A deterministic policy's chain, one arrow from each state, and room to follow it.

    Attributes:
        following: (S,) the next state.
        earned: (S,) rewards under the policy.
        mark: (S,) how far each state is: 0 not seen, 1 on the present walk, 2 done.
        path: (S,) the states of the present walk.
    """

    following: Ints
    earned: Floats
    mark: Ints
    path: Ints


@inlined
def make_arrows(num_states: int) -> Arrows:
    """Room for the arrows of this many states."""
    S = num_states
    return Arrows(np.empty(S, np.int32), np.empty(S), np.empty(S, np.int32), np.empty(S, np.int32))


@kernel
def solve_deterministic(rewards: Floats, gamma: float, table: Table, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max_k [r(k) + V(successor of k)] for each row of ``rewards`` (B, S)."""
    S = table.order.shape[0]
    single = make_single(S)
    arrows = make_arrows(S)
    for b in range(rewards.shape[0]):
        for i in range(S):
            single.reward[i] = rewards[b, table.order[i]]
        out.iterations[b] = _iterate(single, gamma, table, arrows)
        write_row(single, gamma, table, b, out)


@kernel
def _iterate(single: Single, gamma: float, table: Table, arrows: Arrows) -> int:
    """Policy iteration for the rewards in ``single``; returns the number of policies evaluated."""
    S = single.reward.shape[0]
    for i in range(S):
        single.value[i] = single.reward[i] / (1.0 - gamma)
    for sweep in range(START_SWEEPS):
        _improve(sweep % 2 == 1, -np.inf, single, gamma, table)
    for iteration in range(1, MAX_ITERATIONS + 1):
        for i in range(S):
            arrows.following[i] = table.successor[single.choice[i]]
            arrows.earned[i] = single.reward[i] + gamma * table.action_reward[single.choice[i]]
        evaluate_arrows(arrows, gamma, single.value)
        largest = 0.0
        for i in range(S):
            largest = max(largest, abs(single.value[i]))
        # A switch must gain more than rounding: so every policy is better than the last, and none comes twice.
        margin = SWITCH * largest
        if not _improve(False, margin, single, gamma, table):
            return iteration
        # A pass the other way carries improvements along paths that the first one went against.
        _improve(True, margin, single, gamma, table)
    return MAX_ITERATIONS


@inlined
def _improve(backwards: bool, margin: float, single: Single, gamma: float, table: Table) -> bool:
    """Switches to choices that are better by more than ``margin``, state by state; returns whether there were any.

    A state's value rises as soon as its choice does, so that one pass carries an improvement along whole
    paths. The policy it leaves is at least as good as the values it leaves. With a margin of minus infinity
    every state takes its best choice.
    """
    reward, value, best, choice = single.reward, single.value, single.best, single.choice
    S = reward.shape[0]
    switched = False
    for step in range(S):
        i = S - 1 - step if backwards else step
        top = -np.inf
        chosen = table.choices[i]
        for k in range(table.choices[i], table.choices[i + 1]):
            q = table.action_reward[k] + value[table.successor[k]]
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


@kernel
def evaluate_arrows(arrows: Arrows, gamma: float, value: Floats) -> None:
    """Sets ``value`` (S,) to the exact V(s) = earned(s) + γ V(following(s)), in O(S).

    Each walk ends in a cycle, whose value is its discounted sum over one round divided by 1 - γ^n. With
    1 - γ^n = (1 - γ)(1 + γ + ... + γ^(n-1)) no digits cancel, however near γ is to 1. The states on the
    way there follow backwards.
    """
    following, earned, mark, path = arrows.following, arrows.earned, arrows.mark, arrows.path
    mark[:] = 0
    for start in range(value.shape[0]):
        length = 0
        i = start
        while mark[i] == 0:
            mark[i] = 1
            path[length] = i
            length += 1
            i = following[i]
        if mark[i] == 1:  # the walk has met itself: a new cycle, entered at i
            total = 0.0
            weight = 0.0
            discount = 1.0
            entry = i
            while True:
                total += discount * earned[i]
                weight += discount
                discount *= gamma
                i = following[i]
                if i == entry:
                    break
            value[entry] = total / (weight * (1.0 - gamma))
            mark[entry] = 2
        while length > 0:
            length -= 1
            i = path[length]
            if mark[i] == 1:
                value[i] = earned[i] + gamma * value[following[i]]
                mark[i] = 2
