"""Deterministic models: policy iteration that evaluates a policy by following its arrows."""

from __future__ import annotations

import numpy as np

from power_metrics.solvers.compiled import Table
from power_metrics.solvers.jit import inlined, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS, SWITCH
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.transpose import Floats, Ints

START_SWEEPS = 4
"""Value sweeps that choose the policy to start from."""


@kernel
def solve_deterministic(rewards: Floats, gamma: float, table: Table, out: Solution) -> None:
    """Solves V(s) = R(s) + γ max_k [extra(k) + V(successor of k)] for each row of ``rewards`` (B, S)."""
    S = table.order.shape[0]
    reward = np.empty(S)
    value = np.empty(S)
    best = np.empty(S)
    choice = np.empty(S, np.int32)
    following = np.empty(S, np.int32)
    gain = np.empty(S)
    mark = np.empty(S, np.int32)
    path = np.empty(S, np.int32)
    for b in range(rewards.shape[0]):
        for i in range(S):
            reward[i] = rewards[b, table.order[i]]
        out.iterations[b] = iterate_deterministic(
            reward, gamma, table.choices, table.successor, table.extra, value, best, choice, following, gain, mark, path
        )
        write_row(reward, gamma, table, value, best, choice, b, out)


@inlined
def write_row(
    reward: Floats, gamma: float, table: Table, value: Floats, best: Floats, choice: Ints, b: int, out: Solution
) -> None:
    """Writes one solved reward function to row ``b`` of ``out``, with its Bellman residual."""
    error = 0.0
    largest = 0.0
    for i in range(table.order.shape[0]):
        s = table.order[i]
        out.values[b, s] = value[i]
        out.continuation[b, s] = best[i]
        out.policy[b, s] = table.action[choice[i]]
        error = max(error, abs(value[i] - (reward[i] + gamma * best[i])))
        largest = max(largest, abs(value[i]))
    out.residual[b] = error / largest if error > 0.0 else 0.0


@kernel
def iterate_deterministic(
    reward: Floats, gamma: float, choices: Ints, successor: Ints, extra: Floats, value: Floats, best: Floats,
    choice: Ints, following: Ints, gain: Floats, mark: Ints, path: Ints,
) -> int:  # fmt: skip
    """Policy iteration for one reward function.

    Args:
        reward: (S,) reward of each state.
        gamma: discount.
        choices: (S + 1,) row pointers of the choices.
        successor: (K,) where each choice leads.
        extra: (K,) reward of the choice itself, divided by γ; zeros for state rewards.
        value: (S,) out, the optimal values.
        best: (S,) out, the largest ``extra + value[successor]`` of each state.
        choice: (S,) out, the optimal choice.
        following: (S,) work space, successors under the policy.
        gain: (S,) work space, rewards under the policy.
        mark: (S,) work space.
        path: (S,) work space.

    Returns:
        The number of policies evaluated.
    """
    S = reward.shape[0]
    for i in range(S):
        value[i] = reward[i] / (1.0 - gamma)
    for sweep in range(START_SWEEPS):
        _improve(sweep % 2 == 1, reward, gamma, choices, successor, extra, -np.inf, value, best, choice)
    for iteration in range(1, MAX_ITERATIONS + 1):
        for i in range(S):
            following[i] = successor[choice[i]]
            gain[i] = reward[i] + gamma * extra[choice[i]]
        evaluate_functional(gain, gamma, following, value, mark, path)
        largest = 0.0
        for i in range(S):
            largest = max(largest, abs(value[i]))
        # A switch must gain more than rounding: so every policy is better than the last, and none comes twice.
        margin = SWITCH * largest
        if not _improve(False, reward, gamma, choices, successor, extra, margin, value, best, choice):
            return iteration
        _improve(True, reward, gamma, choices, successor, extra, margin, value, best, choice)
    return MAX_ITERATIONS


@inlined
def _improve(
    backwards: bool, reward: Floats, gamma: float, choices: Ints, successor: Ints, extra: Floats, margin: float,
    value: Floats, best: Floats, choice: Ints,
) -> bool:  # fmt: skip
    """Switches to choices that are better by more than ``margin``, state by state; returns whether there were any.

    A state's value rises as soon as its choice does, so that one pass carries an improvement along whole
    paths. The policy it leaves is at least as good as the values it leaves. With a margin of minus infinity
    every state takes its best choice.
    """
    S = reward.shape[0]
    switched = False
    for step in range(S):
        i = S - 1 - step if backwards else step
        top = -np.inf
        chosen = choices[i]
        for k in range(choices[i], choices[i + 1]):
            q = extra[k] + value[successor[k]]
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
def evaluate_functional(gain: Floats, gamma: float, following: Ints, value: Floats, mark: Ints, path: Ints) -> None:
    """Exact values of following one arrow from each state: V(s) = gain(s) + γ V(following(s)), in O(S).

    Each walk ends in a cycle, whose value is its discounted sum over one round divided by 1 - γ^n. With
    1 - γ^n = (1 - γ)(1 + γ + ... + γ^(n-1)) no digits cancel, however near γ is to 1. The states on the
    way there follow backwards.

    Args:
        gain: (S,) reward of each state.
        gamma: discount.
        following: (S,) the next state.
        value: (S,) out.
        mark: (S,) work space.
        path: (S,) work space.
    """
    mark[:] = 0
    for start in range(value.shape[0]):
        length = 0
        i = start
        while mark[i] == 0:
            mark[i] = 1  # on the present walk
            path[length] = i
            length += 1
            i = following[i]
        if mark[i] == 1:  # the walk has met itself: a new cycle, entered at i
            total = 0.0
            weight = 0.0
            discount = 1.0
            entry = i
            while True:
                total += discount * gain[i]
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
                value[i] = gain[i] + gamma * value[following[i]]
                mark[i] = 2
