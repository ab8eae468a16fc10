"""Two agents that answer each other: the kernel behind `power_metrics.multiagent_power`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.discounted.ordering import Elimination
from power_metrics.solvers.jit import inlined, kernel
from power_metrics.solvers.joint.tables import JointRows
from power_metrics.solvers.joint.values import Space, evaluate_pair, outlook, set_expected, set_scale, work_space
from power_metrics.solvers.limits import EVALUATION, MAX_ITERATIONS
from power_metrics.solvers.simd import LANES, any_above, fill, larger, load, pick_above, pick_equal, store
from power_metrics.solvers.transpose import Floats, Ints, absolute, gather

TEAR = 10.0
"""Values from iteration are taken to be within this times its target / (1 - γ) of each other where they are equal."""


class Responses(NamedTuple):
    """What B pairs of reward functions give in a game with S states, as (1 - γ) times values.

    Attributes:
        human: (B, rounds, S) what follows for H when A has answered H's policy.
        ai: (B, rounds, S) what follows for A then.
        human_seed: (B, 1, S) what follows for H against the seed policy.
        ai_seed: (B, 1, S) what follows for A when it plays the seed policy.
        residual: (B,) the largest Bellman residual of a pair's solves, as a share of max|V|.
        iterations: (B, 2) the policies that H and A evaluated; pairs that are solved side by side share them.
    """

    human: NDArray[np.float64]
    ai: NDArray[np.float64]
    human_seed: NDArray[np.float64]
    ai_seed: NDArray[np.float64]
    residual: NDArray[np.float64]
    iterations: NDArray[np.int32]

    @classmethod
    def empty(cls, num_pairs: int, rounds: int, num_states: int) -> Responses:
        """Room for results."""
        return cls(
            np.empty((num_pairs, rounds, num_states)),
            np.empty((num_pairs, rounds, num_states)),
            np.empty((num_pairs, 1, num_states)),
            np.empty((num_pairs, 1, num_states)),
            np.empty(num_pairs),
            np.empty((num_pairs, 2), np.int32),
        )

    def part(self, pairs: slice) -> Responses:
        """The same memory, for some of the pairs."""
        return Responses(
            self.human[pairs],
            self.ai[pairs],
            self.human_seed[pairs],
            self.ai_seed[pairs],
            self.residual[pairs],
            self.iterations[pairs],
        )


@kernel
def solve_pairs(
    rewards_h: Floats, rewards_a: Floats, gamma_h: float, gamma_a: float, tolerance: float, order: Ints,
    rows_h: JointRows, rows_a: JointRows, seed_rows: JointRows, seed: Floats, size_h: Floats, size_a: Floats,
    plan: Elimination, direct: bool, out: Responses,
) -> None:  # fmt: skip
    """Lets two agents answer each other, for each pair of rows of ``rewards_h`` and ``rewards_a`` (B, S).

    Args:
        rewards_h: (B, S) of the first agent, H.
        rewards_a: (B, S) of the second, A.
        gamma_h: discount of H.
        gamma_a: discount of A.
        tolerance: choices within this share of max|V| of the best are tied; a little more where γ is near 1 and
            policies are evaluated iteratively.
        order: see `power_metrics.solvers.joint.tables.JointTables`.
        rows_h: see there; as H sees them.
        rows_a: as A sees them.
        seed_rows: what H faces while A plays its seed policy.
        seed: (K_A,) the seed policy.
        size_h: (K_H,) actions that each choice of H stands for.
        size_a: (K_A,) of A.
        plan: how to eliminate; not read unless ``direct``.
        direct: whether to eliminate, or iterate, where policies lead to several states.
        out: the results; as many rounds as it has room for.
    """
    S = order.shape[0]
    K_h, K_a = size_h.shape[0], size_a.shape[0]
    space = work_space(rows_h, plan, direct)
    reward_h, value_h = np.empty((S, LANES)), np.empty((S, LANES))
    reward_a, value_a = np.empty((S, LANES)), np.empty((S, LANES))
    best = np.empty((S, LANES))
    policy_h, scale_h = np.empty((K_h, LANES)), np.empty((K_h, LANES))
    policy_a, scale_a = np.empty((K_a, LANES)), np.empty((K_a, LANES))
    certain = np.ones((S, LANES))
    finest = np.zeros((1, LANES))
    error = np.empty((1, LANES))
    for start in range(0, rewards_h.shape[0], LANES):
        count = min(LANES, rewards_h.shape[0] - start)
        gather(rewards_h, start, count, order, reward_h)
        gather(rewards_a, start, count, order, reward_a)
        for i in range(S):
            store(value_h, i, load(reward_h, i) / fill(1.0 - gamma_h))
            store(value_a, i, load(reward_a, i) / fill(1.0 - gamma_a))
        store(error, 0, fill(0.0))
        steps_h, steps_a = 0, 0
        for n in range(out.human.shape[1]):
            # 1. H's best response, at first to the seed policy.
            faced, chance = (seed_rows, certain) if n == 0 else (rows_h, policy_a)
            steps_h += _respond(
                reward_h, gamma_h, tolerance, faced, chance, scale_h, size_h, plan, direct,
                value_h, best, policy_h, space,
            )  # fmt: skip
            set_scale(rows_a, policy_h, scale_a)
            if n == 0:
                _put(reward_h, gamma_h, value_h, best, order, start, count, error, 0, out.human_seed)
                for k in range(K_a):
                    store(policy_a, k, fill(seed[k]))
                evaluate_pair(
                    reward_a, gamma_a, rows_a, policy_a, policy_h, scale_a, plan, direct, finest, value_a, space
                )
                set_expected(rows_a, policy_a, policy_h, scale_a, value_a, best)
                _put(reward_a, gamma_a, value_a, best, order, start, count, error, 0, out.ai_seed)
            # 2. A's best response to H's policy.
            steps_a += _respond(
                reward_a, gamma_a, tolerance, rows_a, policy_h, scale_a, size_a, plan, direct,
                value_a, best, policy_a, space,
            )  # fmt: skip
            _put(reward_a, gamma_a, value_a, best, order, start, count, error, n, out.ai)
            # 3. H's policy, as it is, against it.
            set_scale(rows_h, policy_a, scale_h)
            evaluate_pair(reward_h, gamma_h, rows_h, policy_h, policy_a, scale_h, plan, direct, finest, value_h, space)
            set_expected(rows_h, policy_h, policy_a, scale_h, value_h, best)
            _put(reward_h, gamma_h, value_h, best, order, start, count, error, n, out.human)
        for lane in range(count):
            out.residual[start + lane] = error[0, lane]
            out.iterations[start + lane, 0] = steps_h
            out.iterations[start + lane, 1] = steps_a


@kernel
def _respond(
    reward: Floats, gamma: float, tolerance: float, rows: JointRows, chance: Floats, scale: Floats,
    size: Floats, plan: Elimination, direct: bool, value: Floats, best: Floats, own: Floats,
    space: Space,
) -> int:  # fmt: skip
    """Policy iteration against a policy of the other; returns the number of policies evaluated.

    Args:
        reward: (S, LANES).
        gamma: discount.
        tolerance: see `solve_pairs`.
        rows: where choices lead.
        chance: the other's policy.
        scale: of the agent's choices; out.
        size: actions that each choice stands for.
        plan: see `solve_pairs`.
        direct: see there.
        value: (S, LANES) in, rough values; out, the optimal ones.
        best: (S, LANES) out, the largest value of what follows.
        own: out, the optimal policy, split evenly over the actions of tied choices.
        space: work space.
    """
    set_scale(rows, chance, scale)
    everything = fill(-np.inf)
    rise = fill(0.0)
    for sweep in range(_sweeps(gamma)):
        rise = _improve(sweep % 2 == 1, everything, reward, gamma, rows, chance, scale, value, best, own)
    zero = fill(0.0)
    rough = np.zeros((1, LANES))
    iteration = 0
    improving = True
    while improving and iteration < MAX_ITERATIONS:
        iteration += 1
        if not direct:  # a policy on the way is evaluated only as well as its improvement asks for
            store(rough, 0, 0.03 * rise)
        evaluate_pair(reward, gamma, rows, own, chance, scale, plan, direct, rough, value, space)
        # A switch must gain more than rounding, and what the evaluation left open: so policies get better and better.
        largest = _largest(value)
        margin = 4.0 * larger(load(rough, 0), EVALUATION * largest)
        unfinished = any_above(load(rough, 0), EVALUATION * largest)
        improving = unfinished
        for way in range(2):
            rise = _improve(way == 1, margin, reward, gamma, rows, chance, scale, value, best, own)
            if not any_above(rise, zero):
                break
            improving = True
    if not direct:  # what the evaluation leaves open can tear ties apart
        tolerance = max(tolerance, TEAR * EVALUATION / (1.0 - gamma))
    _split_ties(tolerance, rows, chance, scale, size, value, best, own)
    return iteration


@inlined
def _sweeps(gamma: float) -> int:
    """Value sweeps before the first policy: until most of it has settled, but no more than an evaluation is worth."""
    return int(min(48.0, max(4.0, 1.0 + math.log(1e-3) / math.log(gamma)))) if gamma > 0.0 else 2


@inlined
def _largest(value: Floats) -> Any:
    """max|V| of each lane."""
    largest = fill(0.0)
    for i in range(value.shape[0]):
        largest = larger(absolute(load(value, i)), largest)
    return largest


@kernel
def _improve(
    backwards: bool, margin: Any, reward: Floats, gamma: float, rows: JointRows, chance: Floats,
    scale: Floats, value: Floats, best: Floats, own: Floats,
) -> Any:  # fmt: skip
    """Switches to choices that are better by more than ``margin``, state by state.

    A state's value rises as soon as its choice does, so that one pass carries an improvement along whole
    paths. With a margin of minus infinity every state takes its best choice: a value sweep.

    Returns:
        The largest change of a value in each lane; 0 where nothing was switched.
    """
    S = reward.shape[0]
    zero = fill(0.0)
    rise = zero
    for step in range(S):
        i = S - 1 - step if backwards else step
        top = fill(-np.inf)
        chosen = zero
        for k in range(rows.own[i], rows.own[i + 1]):
            q = outlook(i, k, rows, chance, scale, value)
            chosen = pick_above(q, top, fill(float(k)), chosen)
            top = larger(q, top)
        store(best, i, top)
        old = load(value, i)
        new = load(reward, i) + gamma * top
        gained = new - old
        if any_above(gained, margin):
            rise = larger(pick_above(gained, margin, absolute(gained), zero), rise)
            store(value, i, pick_above(gained, margin, new, old))
            for k in range(rows.own[i], rows.own[i + 1]):
                switched = pick_equal(chosen, fill(float(k)), fill(1.0), zero)
                store(own, k, pick_above(gained, margin, switched, load(own, k)))
    return rise


@kernel
def _split_ties(
    tolerance: float, rows: JointRows, chance: Floats, scale: Floats, size: Floats, value: Floats,
    best: Floats, own: Floats,
) -> None:  # fmt: skip
    """Sets ``own`` to the policy that is uniform over the actions of all tied choices."""
    slack = tolerance * _largest(value)
    for i in range(value.shape[0]):
        least = load(best, i) - slack
        total = fill(0.0)
        for k in range(rows.own[i], rows.own[i + 1]):
            q = outlook(i, k, rows, chance, scale, value)
            weight = pick_above(least, q, fill(0.0), fill(size[k]))
            store(own, k, weight)
            total = total + weight
        for k in range(rows.own[i], rows.own[i + 1]):
            store(own, k, load(own, k) / total)


@kernel
def _put(
    reward: Floats, gamma: float, value: Floats, best: Floats, order: Ints, start: int, count: int, error: Floats,
    n: int, powers: Floats,
) -> None:  # fmt: skip
    """Writes (1 - γ) ``best`` to ``powers[:, n]``, and raises ``error`` (1, LANES) to the residual of the values."""
    S = order.shape[0]
    gap = fill(0.0)
    total = fill(0.0)
    for i in range(S):
        own = absolute(load(value, i) - (load(reward, i) + gamma * load(best, i)))
        gap = larger(own, gap)
        total = total + own
        for lane in range(count):
            powers[start + lane, n, order[i]] = (1.0 - gamma) * best[i, lane]
    share = pick_above(gap, fill(0.0), gap / _largest(value), gap)
    share = pick_equal(total, total, share, fill(np.inf))  # what is no number is larger than nothing, but it adds up
    store(error, 0, larger(share, load(error, 0)))
