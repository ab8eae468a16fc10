"""The values of many policies at once."""

from __future__ import annotations

import numpy as np

from power_metrics.solvers.jit import Floats, Ints, kernel
from power_metrics.solvers.ordering import Elimination
from power_metrics.solvers.reduction import Chains, evaluate_chains, make_reduction
from power_metrics.solvers.simd import LANES, fill, larger, load
from power_metrics.solvers.solver import Table
from power_metrics.solvers.transpose import absolute, gather, store_residual


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
    chains = Chains(
        table.choices, table.entries, table.successor, table.probability, table.action_reward, weight
    )  # fmt: skip
    space = make_reduction(S, plan, (LANES,))
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
        evaluate_chains(reward, gamma, chains, plan, space, value)
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
