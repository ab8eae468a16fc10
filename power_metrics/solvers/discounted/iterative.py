"""Large stochastic models, one reward function at a time: policy iteration with iterative evaluation."""

from __future__ import annotations

import numpy as np

from power_metrics.solvers.compiled import Table
from power_metrics.solvers.discounted.deterministic import write_row
from power_metrics.solvers.discounted.krylov import solve_iterative
from power_metrics.solvers.jit import inlined, kernel
from power_metrics.solvers.limits import EVALUATION, MAX_ITERATIONS
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.transpose import Floats, Ints

START_SWEEPS = 10
"""Value sweeps that choose the policy to start from."""


@kernel
def solve_large(rewards: Floats, gamma: float, table: Table, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max_k [extra(k) + Σ P(k, s') V(s')] for each row of ``rewards`` (B, S).

    Where an evaluation does not converge, ``out.iterations`` is -1.
    """
    S = table.order.shape[0]
    reward = np.empty(S)
    value = np.empty(S)
    best = np.empty(S)
    choice = np.empty(S, np.int32)
    space = np.empty((8, S))
    for b in range(rewards.shape[0]):
        for i in range(S):
            reward[i] = rewards[b, table.order[i]]
        out.iterations[b] = iterate_policies(
            reward, gamma, table.choices, table.entries, table.successor, table.probability, table.extra,
            value, best, choice, space,
        )  # fmt: skip
        write_row(reward, gamma, table, value, best, choice, b, out)


@kernel
def iterate_policies(
    reward: Floats, gamma: float, choices: Ints, entries: Ints, successor: Ints, probability: Floats, extra: Floats,
    value: Floats, best: Floats, choice: Ints, space: Floats,
) -> int:  # fmt: skip
    """Policy iteration for one reward function.

    Policies on the way are evaluated only as well as their improvement asks for. The last one is evaluated
    to rounding, and found to allow no improvement.

    Args:
        reward: (S,) reward of each state.
        gamma: discount.
        choices: (S + 1,) row pointers of the choices.
        entries: (K + 1,) row pointers of the entries.
        successor: (N,) where each entry leads.
        probability: (N,) its probability.
        extra: (K,) reward of the choice itself, divided by γ; zeros for state rewards.
        value: (S,) out, the optimal values.
        best: (S,) out, the largest ``extra + Σ probability · value`` of each state.
        choice: (S,) out, the optimal choice.
        space: (8, S) work space.

    Returns:
        The number of policies evaluated, or -1 if an evaluation did not converge.
    """
    S = reward.shape[0]
    gain = space[0]
    for i in range(S):
        value[i] = reward[i] / (1.0 - gamma)
    rise = 0.0
    for sweep in range(START_SWEEPS):
        rise = _improve(
            sweep % 2 == 1, -np.inf, reward, gamma, choices, entries, successor, probability, extra, value, best, choice
        )
    for iteration in range(1, MAX_ITERATIONS + 1):
        largest = 0.0
        for i in range(S):
            gain[i] = reward[i] + gamma * extra[choice[i]]
            largest = max(largest, abs(value[i]))
        finest = EVALUATION * largest
        target = max(0.03 * rise, finest)
        if not solve_iterative(gain, gamma, choice, entries, successor, probability, target, value, space[1:]):
            return -1
        # A switch must gain more than the evaluation left open, or rounding: so policies get better and better.
        margin = 4.0 * target
        rise = _improve(
            False, margin, reward, gamma, choices, entries, successor, probability, extra, value, best, choice
        )
        if rise > 0.0:
            _improve(True, margin, reward, gamma, choices, entries, successor, probability, extra, value, best, choice)
        elif target == finest:
            return iteration
    return MAX_ITERATIONS


@inlined
def _improve(
    backwards: bool, margin: float, reward: Floats, gamma: float, choices: Ints, entries: Ints, successor: Ints,
    probability: Floats, extra: Floats, value: Floats, best: Floats, choice: Ints,
) -> float:  # fmt: skip
    """Switches to choices that are better by more than ``margin``, state by state; returns the largest gain.

    A state's value rises as soon as its choice does, so that one pass carries an improvement along whole
    paths. With a margin of minus infinity every state takes its best choice.
    """
    S = reward.shape[0]
    gained = 0.0
    for step in range(S):
        i = S - 1 - step if backwards else step
        top = -np.inf
        chosen = choices[i]
        for k in range(choices[i], choices[i + 1]):
            q = extra[k]
            for e in range(entries[k], entries[k + 1]):
                q += probability[e] * value[successor[e]]
            if q > top:
                top = q
                chosen = k
        best[i] = top
        rise = reward[i] + gamma * top - value[i]
        if rise > margin:
            gained = max(gained, abs(rise))
            value[i] = reward[i] + gamma * top
            choice[i] = chosen
    return gained
