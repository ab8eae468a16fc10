"""Two agents: what follows a choice, and the exact values of two policies, for LANES pairs of reward functions.

A policy is a weight (K, LANES) for each choice of its agent. What an agent faces while the other plays a policy
is never written down: ``rows`` are the game's as that agent sees them, ``chance`` holds the weights of the
other's choices, and ``scale`` (K, LANES) of the agent's own choices makes up for choices of the other that do not
go with them; it is 0 where none does, and the choice is then unavailable.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.discounted.deterministic import evaluate_functional
from power_metrics.solvers.discounted.direct import evaluate
from power_metrics.solvers.discounted.krylov import solve_iterative
from power_metrics.solvers.discounted.ordering import Elimination
from power_metrics.solvers.jit import inlined, kernel
from power_metrics.solvers.joint.tables import JointRows
from power_metrics.solvers.limits import EVALUATION
from power_metrics.solvers.simd import LANES, any_above, fill, load, pick_above, store
from power_metrics.solvers.transpose import Floats


class Space(NamedTuple):
    """Work space of one thread: for elimination in lanes, then for one lane at a time."""

    upper: NDArray[np.float64]
    inverse: NDArray[np.float64]
    leave: NDArray[np.float64]
    row: NDArray[np.float64]
    weight: NDArray[np.float64]
    nothing: NDArray[np.float64]
    pointers: NDArray[np.int32]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    gain: NDArray[np.float64]
    value: NDArray[np.float64]
    mark: NDArray[np.int32]
    path: NDArray[np.int32]
    states: NDArray[np.int32]
    krylov: NDArray[np.float64]


@kernel
def work_space(rows: JointRows, plan: Elimination, direct: bool) -> Space:
    """Room for games with these rows."""
    S = rows.own.shape[0] - 1
    J = rows.entries.shape[0] - 1 if direct else 0
    N = S if direct else rows.successor.shape[0]
    states = np.empty(S, np.int32)
    for i in range(S):
        states[i] = i
    return Space(
        np.empty((plan.columns.shape[0], LANES)),
        np.empty((S, LANES)),
        np.empty((S, LANES)),
        np.zeros((S, LANES)),
        np.empty((J, LANES)),
        np.zeros(J),
        np.empty(S + 1, np.int32),
        np.empty(N, np.int32),
        np.empty(N),
        np.empty(S),
        np.empty(S),
        np.empty(S, np.int32),
        np.empty(S, np.int32),
        states,
        np.empty((7, 0 if direct else S)),
    )


@kernel
def set_scale(rows: JointRows, chance: Floats, scale: Floats) -> None:
    """Sets ``scale`` to one over the probability that the other's choice goes with one's own."""
    zero = fill(0.0)
    for i in range(rows.own.shape[0] - 1):
        j = rows.start[i]
        for k in range(rows.own[i], rows.own[i + 1]):
            total = zero
            for c in range(rows.other[i], rows.other[i + 1]):
                if rows.entries[j] < rows.entries[j + 1]:
                    total = total + load(chance, c)
                j += 1
            store(scale, k, pick_above(total, zero, fill(1.0) / total, zero))


@inlined
def outlook(i: int, k: int, rows: JointRows, chance: Floats, scale: Floats, value: Floats) -> Any:
    """The expected value of what follows own choice k at position i; -inf where it is unavailable."""
    zero = fill(0.0)
    total = zero
    j = rows.start[i] + (k - rows.own[i]) * (rows.other[i + 1] - rows.other[i])
    for c in range(rows.other[i], rows.other[i + 1]):
        weight = load(chance, c)
        if any_above(weight, zero):
            following = zero
            for e in range(rows.entries[j], rows.entries[j + 1]):
                following = following + rows.probability[e] * load(value, rows.successor[e])
            total = total + weight * following
        j += 1
    scaling = load(scale, k)
    return pick_above(scaling, zero, scaling * total, fill(-np.inf))


@kernel
def set_expected(rows: JointRows, own: Floats, chance: Floats, scale: Floats, value: Floats, expected: Floats) -> None:
    """Sets ``expected`` (S, LANES) to the value of what follows under both policies."""
    zero = fill(0.0)
    for i in range(value.shape[0]):
        mean = zero
        total = zero
        for k in range(rows.own[i], rows.own[i + 1]):
            weight = pick_above(load(scale, k), zero, load(own, k), zero)
            if any_above(weight, zero):
                following = outlook(i, k, rows, chance, scale, value)
                mean = mean + pick_above(weight, zero, weight * following, zero)
                total = total + weight
        store(expected, i, mean / total)


@kernel
def evaluate_pair(
    reward: Floats, gamma: float, rows: JointRows, own: Floats, chance: Floats, scale: Floats,
    plan: Elimination, direct: bool, rough: Floats, value: Floats, space: Space,
) -> None:  # fmt: skip
    """Sets ``value`` to V(i) = R(i) + γ E[V(next)] under both policies.

    Where they lead to one state from each state, by following arrows; else by elimination or, for large
    games, iteratively from the values that are there.

    Args:
        reward: (S, LANES).
        gamma: discount.
        rows: where choices lead.
        own: its policy; what it puts on unavailable choices is spread over the others.
        chance: the other's policy.
        scale: of the agent's choices.
        plan: see `power_metrics.solvers.discounted.ordering.Elimination`; not read unless ``direct``.
        direct: whether to eliminate.
        rough: (1, LANES) the residual that iteration may leave; rounding where that is more.
        value: (S, LANES) in and out.
        space: work space.
    """
    S = reward.shape[0]
    single = True
    for lane in range(LANES):
        single = _chain(lane, rows, own, chance, scale, S, space)
        if not single:
            break
        for i in range(S):
            space.gain[i] = reward[i, lane]
        evaluate_functional(space.gain, gamma, space.successor, space.value, space.mark, space.path)
        for i in range(S):
            value[i, lane] = space.value[i]
    if single:
        return
    if direct:
        _weigh(rows, own, chance, scale, space.weight)
        evaluate(
            reward, gamma, rows.start, rows.entries, rows.successor, rows.probability, space.nothing, space.weight,
            plan.pivot, plan.pointers, plan.columns, plan.mirror_pointers, plan.mirror,
            value, space.upper, space.inverse, space.leave, space.row,
        )  # fmt: skip
        return
    for lane in range(LANES):
        _chain(lane, rows, own, chance, scale, space.successor.shape[0], space)
        for i in range(S):
            space.gain[i] = reward[i, lane]
            space.value[i] = value[i, lane]
        _iterate(gamma, rough[0, lane], space)
        for i in range(S):
            value[i, lane] = space.value[i]


@kernel
def _iterate(gamma: float, rough: float, space: Space) -> None:
    """Solves the chain in ``space`` from the values there."""
    S = space.gain.shape[0]
    for _ in range(2):  # the second time with the magnitude of the values known
        largest = 0.0
        for i in range(S):
            largest = max(largest, abs(space.value[i]))
        target = max(rough, EVALUATION * largest)
        found = solve_iterative(
            space.gain, gamma, space.states, space.pointers, space.successor, space.probability, target,
            space.value, space.krylov,
        )  # fmt: skip
        left = 0 if found else 1 + int(np.log(EVALUATION) / np.log(gamma))
        while left > 0:  # Gauss-Seidel sweeps, which are slow and always converge
            left -= 1
            change = 0.0
            for i in range(S):
                total = 0.0
                for e in range(space.pointers[i], space.pointers[i + 1]):
                    total += space.probability[e] * space.value[space.successor[e]]
                new = space.gain[i] + gamma * total
                change = max(change, abs(new - space.value[i]))
                space.value[i] = new
            if change <= target:
                left = 0


@kernel
def _weigh(rows: JointRows, own: Floats, chance: Floats, scale: Floats, weight: Floats) -> None:
    """Sets ``weight`` (J, LANES) to the probability of each pair of choices."""
    zero = fill(0.0)
    for i in range(rows.own.shape[0] - 1):
        total = zero
        for k in range(rows.own[i], rows.own[i + 1]):
            total = total + pick_above(load(scale, k), zero, load(own, k), zero)
        j = rows.start[i]
        for k in range(rows.own[i], rows.own[i + 1]):
            share = load(own, k) * load(scale, k) / total
            for c in range(rows.other[i], rows.other[i + 1]):
                store(weight, j, share * load(chance, c))
                j += 1


@kernel
def _chain(lane: int, rows: JointRows, own: Floats, chance: Floats, scale: Floats, limit: int, space: Space) -> bool:
    """Writes the chain under both policies, in one lane, to ``space``; False if it has more than ``limit`` entries."""
    S = rows.own.shape[0] - 1
    count = 0
    for i in range(S):
        origin = count
        space.pointers[i] = origin
        total = 0.0
        for k in range(rows.own[i], rows.own[i + 1]):
            if own[k, lane] > 0.0 and scale[k, lane] > 0.0:
                j = rows.start[i] + (k - rows.own[i]) * (rows.other[i + 1] - rows.other[i]) - 1
                for c in range(rows.other[i], rows.other[i + 1]):
                    j += 1
                    if chance[c, lane] > 0.0:
                        share = own[k, lane] * scale[k, lane] * chance[c, lane]
                        for e in range(rows.entries[j], rows.entries[j + 1]):
                            target = rows.successor[e]
                            place = origin
                            while place < count and space.successor[place] != target:
                                place += 1
                            if place == count:
                                if limit - count < S - i:  # each state to come needs one
                                    return False
                                space.successor[place] = target
                                space.probability[place] = 0.0
                                count += 1
                            space.probability[place] += share * rows.probability[e]
                            total += share * rows.probability[e]
        for place in range(origin, count):
            space.probability[place] /= total
    space.pointers[S] = count
    return True
