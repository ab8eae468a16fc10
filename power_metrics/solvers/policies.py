"""Kernels between policies and values: policies from values, values of policies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.compiled import Table
from power_metrics.solvers.discounted.direct import evaluate
from power_metrics.solvers.discounted.ordering import Elimination
from power_metrics.solvers.jit import kernel
from power_metrics.solvers.simd import LANES, fill, larger, load
from power_metrics.solvers.transpose import Floats, Ints, absolute, gather, store_residual


@kernel
def split_ties(
    indptr: NDArray[np.int64], successor: Ints, probability: Floats, bonus: Floats, values: Floats, weight: float,
    tolerance: float, policies: Floats,
) -> None:  # fmt: skip
    """Writes the policy that splits evenly over all actions with the largest bonus + weight · Σ P V.

    Args:
        indptr: (S·A + 1,) the model's own rows.
        successor: next states.
        probability: their probabilities.
        bonus: (S, A) reward of each action itself.
        values: (B, S) values V.
        weight: what the value of what follows counts.
        tolerance: how far from the largest counts as tied, as a share of max_s |V(s)|.
        policies: (B, S, A) out, zero before.
    """
    S, A = bonus.shape
    q = np.empty(A)
    for b in range(values.shape[0]):
        largest = 0.0
        for s in range(S):
            largest = max(largest, abs(values[b, s]))
        for s in range(S):
            top = -np.inf
            for a in range(A):
                row = s * A + a
                q[a] = -np.inf
                if indptr[row] < indptr[row + 1]:
                    total = 0.0
                    for e in range(indptr[row], indptr[row + 1]):
                        total += probability[e] * values[b, successor[e]]
                    q[a] = bonus[s, a] + weight * total
                    top = max(top, q[a])
            least = top - tolerance * largest
            tied = 0
            for a in range(A):
                if q[a] >= least:
                    tied += 1
            for a in range(A):
                if q[a] >= least:
                    policies[b, s, a] = 1.0 / tied


@kernel
def evaluate_policies(
    rewards: Floats, policies: Floats, gamma: float, table: Table, choice_of: Ints, plan: Elimination, values: Floats,
    residual: Floats,
) -> None:  # fmt: skip
    """Solves V(s) = R(s) + γ Σ_a π(a|s) Σ_s' P(s'|s, a) V(s') for each row of ``rewards`` (B, S).

    Args:
        rewards: (B, S) state rewards.
        policies: (B, S, A), or (1, S, A) for one policy with all reward functions.
        gamma: discount.
        table: the model.
        choice_of: (S, A) the choice that each action is.
        plan: the order of elimination and its pattern.
        values: (B, S) out.
        residual: (B,) out, max |V - T_π V| as a share of max |V|.
    """
    B, S = rewards.shape
    A = policies.shape[2]
    reward = np.empty((S, LANES))
    value = np.empty((S, LANES))
    weight = np.zeros((table.action.shape[0], LANES))
    upper = np.empty((plan.columns.shape[0], LANES))
    inverse = np.empty((S, LANES))
    leave = np.empty((S, LANES))
    row = np.zeros((S, LANES))
    for start in range(0, B, LANES):
        count = min(LANES, B - start)
        gather(rewards, start, count, table.order, reward)
        if start == 0 or policies.shape[0] > 1:
            weight[:] = 0.0
            for lane in range(LANES):
                policy = policies[min(start + lane, policies.shape[0] - 1)]
                for s in range(S):
                    for a in range(A):
                        if policy[s, a] > 0.0:
                            weight[choice_of[s, a], lane] += policy[s, a]
        evaluate(
            reward, gamma, table.choices, table.entries, table.successor, table.probability, table.extra, weight,
            plan.pivot, plan.pointers, plan.columns, plan.mirror_pointers, plan.mirror, value, upper, inverse, leave,
            row,
        )  # fmt: skip
        error = fill(0.0)
        largest = fill(0.0)
        for i in range(S):
            follows = fill(0.0)
            for k in range(table.choices[i], table.choices[i + 1]):
                q = fill(0.0)
                for e in range(table.entries[k], table.entries[k + 1]):
                    q = q + table.probability[e] * load(value, table.successor[e])
                follows = follows + load(weight, k) * q
            error = larger(absolute(load(value, i) - (load(reward, i) + gamma * follows)), error)
            largest = larger(absolute(load(value, i)), largest)
        store_residual(error, largest, start, count, residual)
        for lane in range(count):
            for i in range(S):
                values[start + lane, table.order[i]] = value[i, lane]
