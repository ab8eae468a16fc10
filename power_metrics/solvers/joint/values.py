"""Two agents: what follows a choice, and the exact values of two policies, for LANES pairs of reward functions.

A policy is a weight (K, LANES) for each choice of its agent. What an agent faces while the other plays a policy, its
induced MDP, is never written down: the rows are the game's as that agent sees them, the other's policy says how likely
each row is, and ``scale`` makes up for choices of the other that do not go with a choice of one's own. It is 0 where
none does, and the choice is then unavailable.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from power_metrics.solvers.discounted.deterministic import Arrows, evaluate_arrows
from power_metrics.solvers.jit import Floats, inlined, kernel
from power_metrics.solvers.joint.tables import JointRows
from power_metrics.solvers.limits import EVALUATION
from power_metrics.solvers.linear import Rows, solve_iterative
from power_metrics.solvers.ordering import Elimination
from power_metrics.solvers.reduction import Chains, Reduction, evaluate_chains, make_reduction
from power_metrics.solvers.simd import LANES, any_above, fill, load, pick_above, store


class Agent(NamedTuple):
    """One of the two agents, for LANES reward functions.

    Attributes:
        rows: the game as it sees it.
        size: (K,) the number of actions that each of its choices stands for.
        gamma: its discount.
        reward: (S, LANES) its rewards.
        value: (S, LANES) its values.
        policy: (K, LANES) its policy.
        scale: (K, LANES) one over the probability that the other's choice goes with each of its choices; 0 where
            none does.
    """

    rows: JointRows
    size: Floats
    gamma: float
    reward: Floats
    value: Floats
    policy: Floats
    scale: Floats


class Space(NamedTuple):
    """How one thread evaluates policies, and its work space: for LANES pairs, then for one at a time.

    Attributes:
        plan: how to eliminate; not read unless ``direct``.
        direct: whether to eliminate, or iterate, where policies lead to several states.
        reduction: for elimination.
        weight: (J, LANES) the probability of each pair of choices.
        no_reward: (J,) zeros, the reward of each pair of choices.
        chain: the chain under both policies.
        arrows: the same chain where it has one arrow from each state.
        value: (S,) its values.
        krylov: (7, S) for iteration.
    """

    plan: Elimination
    direct: bool
    reduction: Reduction
    weight: Floats
    no_reward: Floats
    chain: Rows
    arrows: Arrows
    value: Floats
    krylov: Floats


@kernel
def work_space(rows: JointRows, plan: Elimination, direct: bool) -> Space:
    """Room for games with these rows."""
    S = rows.choices.shape[0] - 1
    J = rows.entries.shape[0] - 1 if direct else 0
    N = S if direct else rows.successor.shape[0]
    states = np.empty(S, np.int32)
    for i in range(S):
        states[i] = i
    successor = np.empty(N, np.int32)
    return Space(
        plan,
        direct,
        make_reduction(S, plan, (LANES,)),
        np.empty((J, LANES)),
        np.zeros(J),
        Rows(states, np.empty(S + 1, np.int32), successor, np.empty(N)),
        Arrows(successor, np.empty(S), np.empty(S, np.int32), np.empty(S, np.int32)),
        np.empty(S),
        np.empty((7, 0 if direct else S)),
    )


@kernel
def set_scale(agent: Agent, other_policy: Floats) -> None:
    """Sets ``agent.scale`` for a policy of the other."""
    rows = agent.rows
    zero = fill(0.0)
    for i in range(rows.choices.shape[0] - 1):
        j = rows.start[i]
        for k in range(rows.choices[i], rows.choices[i + 1]):
            total = zero
            for c in range(rows.other_choices[i], rows.other_choices[i + 1]):
                if rows.entries[j] < rows.entries[j + 1]:
                    total = total + load(other_policy, c)
                j += 1
            store(agent.scale, k, pick_above(total, zero, fill(1.0) / total, zero))


@inlined
def look_ahead(i: int, k: int, agent: Agent, other_policy: Floats) -> Any:
    """The expected value of what follows the agent's choice k at position i; -inf where it is unavailable."""
    rows = agent.rows
    zero = fill(0.0)
    total = zero
    j = rows.start[i] + (k - rows.choices[i]) * (rows.other_choices[i + 1] - rows.other_choices[i])
    for c in range(rows.other_choices[i], rows.other_choices[i + 1]):
        weight = load(other_policy, c)
        if any_above(weight, zero):
            following = zero
            for e in range(rows.entries[j], rows.entries[j + 1]):
                following = following + rows.probability[e] * load(agent.value, rows.successor[e])
            total = total + weight * following
        j += 1
    scaling = load(agent.scale, k)
    return pick_above(scaling, zero, scaling * total, fill(-np.inf))


@kernel
def set_expected(agent: Agent, other_policy: Floats, expected: Floats) -> None:
    """Sets ``expected`` (S, LANES) to the value of what follows under both policies."""
    rows = agent.rows
    zero = fill(0.0)
    for i in range(agent.value.shape[0]):
        mean = zero
        total = zero
        for k in range(rows.choices[i], rows.choices[i + 1]):
            weight = pick_above(load(agent.scale, k), zero, load(agent.policy, k), zero)
            if any_above(weight, zero):
                following = look_ahead(i, k, agent, other_policy)
                mean = mean + pick_above(weight, zero, weight * following, zero)
                total = total + weight
        store(expected, i, mean / total)


@kernel
def evaluate_pair(agent: Agent, other_policy: Floats, rough: Floats, space: Space) -> None:
    """Sets ``agent.value`` to V(i) = R(i) + γ E[V(next)] under both policies.

    Where they lead to one state from each state, by following arrows; else by elimination or, for large
    games, iteratively from the values that are there.

    Args:
        agent: its policy; what it puts on unavailable choices is spread over the others.
        other_policy: the other's policy.
        rough: (1, LANES) the residual that iteration may leave; rounding where that is more.
        space: work space.
    """
    rows, reward, value = agent.rows, agent.reward, agent.value
    S = reward.shape[0]
    single = True
    for lane in range(LANES):
        single = _write_chain(lane, agent, other_policy, S, space.chain)
        if not single:
            break
        for i in range(S):
            space.arrows.earned[i] = reward[i, lane]
        evaluate_arrows(space.arrows, agent.gamma, space.value)
        for i in range(S):
            value[i, lane] = space.value[i]
    if single:
        return
    if space.direct:
        _set_weights(agent, other_policy, space.weight)
        chains = Chains(rows.start, rows.entries, rows.successor, rows.probability, space.no_reward, space.weight)
        evaluate_chains(reward, agent.gamma, chains, space.plan, space.reduction, value)
        return
    for lane in range(LANES):
        _write_chain(lane, agent, other_policy, space.chain.successor.shape[0], space.chain)
        for i in range(S):
            space.arrows.earned[i] = reward[i, lane]
            space.value[i] = value[i, lane]
        _iterate(agent.gamma, rough[0, lane], space)
        for i in range(S):
            value[i, lane] = space.value[i]


@kernel
def _iterate(gamma: float, rough: float, space: Space) -> None:
    """Solves the chain in ``space`` from the values there."""
    chain, earned, value = space.chain, space.arrows.earned, space.value
    S = value.shape[0]
    for _ in range(2):  # the second time with the magnitude of the values known
        largest = 0.0
        for i in range(S):
            largest = max(largest, abs(value[i]))
        target = max(rough, EVALUATION * largest)
        found = solve_iterative(earned, gamma, chain, target, value, space.krylov)
        left = 0 if found else 1 + int(np.log(EVALUATION) / np.log(gamma))
        while left > 0:  # Gauss-Seidel sweeps, which are slow and always converge
            left -= 1
            change = 0.0
            for i in range(S):
                total = 0.0
                for e in range(chain.entries[i], chain.entries[i + 1]):
                    total += chain.probability[e] * value[chain.successor[e]]
                new = earned[i] + gamma * total
                change = max(change, abs(new - value[i]))
                value[i] = new
            if change <= target:
                left = 0


@kernel
def _set_weights(agent: Agent, other_policy: Floats, weight: Floats) -> None:
    """Sets ``weight`` (J, LANES) to the probability of each pair of choices."""
    rows = agent.rows
    zero = fill(0.0)
    for i in range(rows.choices.shape[0] - 1):
        total = zero
        for k in range(rows.choices[i], rows.choices[i + 1]):
            total = total + pick_above(load(agent.scale, k), zero, load(agent.policy, k), zero)
        j = rows.start[i]
        for k in range(rows.choices[i], rows.choices[i + 1]):
            share = load(agent.policy, k) * load(agent.scale, k) / total
            for c in range(rows.other_choices[i], rows.other_choices[i + 1]):
                store(weight, j, share * load(other_policy, c))
                j += 1


@kernel
def _write_chain(lane: int, agent: Agent, other_policy: Floats, limit: int, chain: Rows) -> bool:
    """Writes the chain under both policies, in one lane, to ``chain``; False if it has more than ``limit`` entries."""
    rows, policy, scale = agent.rows, agent.policy, agent.scale
    pointers, successor, probability = chain.entries, chain.successor, chain.probability
    S = rows.choices.shape[0] - 1
    count = 0
    for i in range(S):
        origin = count
        pointers[i] = origin
        total = 0.0
        for k in range(rows.choices[i], rows.choices[i + 1]):
            if policy[k, lane] > 0.0 and scale[k, lane] > 0.0:
                j = rows.start[i] + (k - rows.choices[i]) * (rows.other_choices[i + 1] - rows.other_choices[i]) - 1
                for c in range(rows.other_choices[i], rows.other_choices[i + 1]):
                    j += 1
                    if other_policy[c, lane] > 0.0:
                        share = policy[k, lane] * scale[k, lane] * other_policy[c, lane]
                        for e in range(rows.entries[j], rows.entries[j + 1]):
                            target = rows.successor[e]
                            entry = origin
                            while entry < count and successor[entry] != target:
                                entry += 1
                            if entry == count:
                                if limit - count < S - i:  # each state to come needs one
                                    return False
                                successor[entry] = target
                                probability[entry] = 0.0
                                count += 1
                            probability[entry] += share * rows.probability[e]
                            total += share * rows.probability[e]
        for entry in range(origin, count):
            probability[entry] /= total
    pointers[S] = count
    return True
