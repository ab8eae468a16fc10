"""Two agents: which choices are optimal, judged choice by choice, as `power_metrics.solvers.ties` does for one agent.

Choices are compared by Σ P (V(s') - V(s)), where several come near the best. Where plain values and the bound that
their residual gives do not decide, the values of LANES pairs are found anew in twice the precision. The bound on their
errors is the same for all states, unless it decides; then elimination gives one for each state, but not in games that
are solved iteratively.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from power_metrics.solvers import twofold
from power_metrics.solvers.jit import Floats, inlined, kernel
from power_metrics.solvers.joint.values import Agent, Space, evaluate_pair, look_ahead
from power_metrics.solvers.limits import MAX_ITERATIONS
from power_metrics.solvers.simd import LANES, any_above, fill, larger, load, pick_above, pick_equal, store
from power_metrics.solvers.ties import ROUNDS
from power_metrics.solvers.transpose import absolute

REDUCTION = 1e-4
"""The share of what is left open that iteration may leave in a refinement."""

_EPS = float(np.finfo(np.float64).eps)


class Plain(NamedTuple):
    """What each choice of one position brings on top of its value, for LANES pairs; all (choices, LANES).

    Attributes:
        gained: Σ P (V(s') - V(s)); -inf where the choice is unavailable.
        size: the sum of the sizes of the differences.
        error: a bound on the rounding.
    """

    gained: Floats
    size: Floats
    error: Floats


class Differences(NamedTuple):
    """What each choice brings on top of the state's own value, for LANES pairs; all (K, LANES).

    Attributes:
        high: Σ P (V(s') - V(s)), rounded.
        low: what that leaves.
        size: the sum of the sizes of the differences.
        error: a bound on the error.
    """

    high: Floats
    low: Floats
    size: Floats
    error: Floats


@kernel
def split_ties(
    tolerance: float, agent: Agent, other_policy: Floats, best: Floats, space: Space, unsure: Floats
) -> None:
    """Sets the agent's policy to the one that is uniform over the actions of all optimal choices.

    Args:
        tolerance: choices are tied if they differ by at most this share of the sizes of all that was added up for them.
        agent: its optimal values and policy; both are mended where a choice turns out to be better.
        other_policy: the other's policy.
        best: (S, LANES) the largest value of what follows, mended likewise.
        space: work space.
        unsure: (1, LANES) raised to the largest difference that was taken for an error.
    """
    rows, value, policy = agent.rows, agent.value, agent.policy
    S, K = value.shape[0], policy.shape[0]
    largest, gap = fill(0.0), fill(0.0)
    for i in range(S):
        largest = larger(absolute(load(value, i)), largest)
        gap = larger(absolute(load(value, i) - (load(agent.reward, i) + agent.gamma * load(best, i))), gap)
    short = fill(1.0 - agent.gamma)
    doubt = np.empty((1, LANES))
    store(doubt, 0, (2.0 * gap + fill(8.0 * _EPS) * largest) / short + fill(64.0 * _EPS) * largest)
    zero, one = fill(0.0), fill(1.0)
    weights = np.empty((K, LANES))
    most = 0
    for i in range(S):
        most = max(most, rows.choices[i + 1] - rows.choices[i])
    plain = Plain(np.empty((most, LANES)), np.empty((most, LANES)), np.empty((most, LANES)))
    clear = True
    for i in range(S):
        near = load(best, i) - load(doubt, 0) - fill(8.0 * tolerance) * largest
        total, count = zero, zero
        for k in range(rows.choices[i], rows.choices[i + 1]):
            away = pick_above(near, look_ahead(i, k, agent, other_policy), one, zero)
            store(weights, k, pick_above(away, zero, zero, fill(agent.size[k])))
            total = total + load(weights, k)
            count = count + (one - away)
        if any_above(count, one):  # which hardly ever happens where rewards are continuous
            clear = _weigh(i, tolerance, agent, other_policy, doubt, plain, weights)
            if not clear:
                break
            total = zero
            for k in range(rows.choices[i], rows.choices[i + 1]):
                total = total + load(weights, k)
        for k in range(rows.choices[i], rows.choices[i + 1]):
            store(weights, k, load(weights, k) / total)
    if clear:
        for k in range(K):
            store(policy, k, load(weights, k))
        return
    low = np.zeros((S, LANES))
    found = Differences(np.empty((K, LANES)), np.empty((K, LANES)), np.empty((K, LANES)), np.empty((K, LANES)))
    _refine(tolerance, agent, other_policy, low, found, space)
    for i in range(S):
        top = fill(-np.inf)
        for k in range(rows.choices[i], rows.choices[i + 1]):
            top = larger(look_ahead(i, k, agent, other_policy), top)
        store(best, i, top)
    _split(tolerance, agent, found, unsure)


@inlined
def _weigh(
    i: int, tolerance: float, agent: Agent, other_policy: Floats, doubt: Floats, plain: Plain, weights: Floats
) -> bool:
    """Sets ``weights`` to the actions of the tied choices at position i; False if errors can decide which these are."""
    rows = agent.rows
    first, end = rows.choices[i], rows.choices[i + 1]
    zero = fill(0.0)
    here = load(agent.value, i)
    top, lead, lead_size, lead_error = fill(-np.inf), zero, zero, zero
    j = rows.start[i]
    for k in range(first, end):
        total, size = zero, zero
        entries = 8
        for c in range(rows.other_choices[i], rows.other_choices[i + 1]):
            weight = load(other_policy, c)
            if any_above(weight, zero):
                for e in range(rows.entries[j], rows.entries[j + 1]):
                    gain = rows.probability[e] * weight * (load(agent.value, rows.successor[e]) - here)
                    total = total + gain
                    size = size + absolute(gain)
                    entries += 1
            j += 1
        scaling = load(agent.scale, k)
        gained = pick_above(scaling, zero, scaling * total, fill(-np.inf))
        size = scaling * size
        error = (_EPS * entries) * size
        store(plain.gained, k - first, gained)
        store(plain.size, k - first, size)
        store(plain.error, k - first, error)
        lead = pick_above(gained, top, fill(float(k)), lead)
        lead_size = pick_above(gained, top, size, lead_size)
        lead_error = pick_above(gained, top, error, lead_error)
        top = larger(gained, top)
    for k in range(first, end):
        worse = top - load(plain.gained, k - first)
        allowed = tolerance * (load(plain.size, k - first) + lead_size)
        error = load(doubt, 0) + load(plain.error, k - first) + lead_error
        if any_above(pick_equal(lead, fill(float(k)), zero, error), absolute(worse - allowed)):
            return False
        tied = pick_above(worse, allowed, zero, fill(agent.size[k]))
        store(weights, k, pick_equal(lead, fill(float(k)), fill(agent.size[k]), tied))
    return True


@inlined
def difference(i: int, k: int, agent: Agent, other_policy: Floats, low: Floats) -> Any:
    """What the agent's choice k brings at position i on top of the value there, in twice the precision.

    Returns the pair of Σ P (V(s') - V(s)), the sum of the sizes of the differences, and a bound on the rounding.
    """
    rows, value = agent.rows, agent.value
    zero = fill(0.0)
    here, here_low = load(value, i), load(low, i)
    total, total_low, size, summed = zero, zero, zero, zero
    entries = 4
    j = rows.start[i] + (k - rows.choices[i]) * (rows.other_choices[i + 1] - rows.other_choices[i])
    for c in range(rows.other_choices[i], rows.other_choices[i + 1]):
        weight = load(other_policy, c)
        if any_above(weight, zero):
            part, part_low = zero, zero
            for e in range(rows.entries[j], rows.entries[j + 1]):
                t = rows.successor[e]
                gain, gain_low = twofold.subtract(load(value, t), load(low, t), here, here_low)
                gain, gain_low = twofold.multiply(rows.probability[e], gain, gain_low)
                part, part_low = twofold.add(part, part_low, gain, gain_low)
                size = size + weight * absolute(gain)
                summed = summed + rows.probability[e] * weight * (absolute(load(value, t)) + absolute(here))
                entries += 1
            part, part_low = twofold.multiply(weight, part, part_low)
            total, total_low = twofold.add(total, total_low, part, part_low)
        j += 1
    scaling = load(agent.scale, k)
    total, total_low = twofold.multiply(scaling, total, total_low)
    return total, total_low, scaling * size, (twofold.ROUNDING * entries) * scaling * summed


@kernel
def _compare(agent: Agent, other_policy: Floats, low: Floats, found: Differences) -> None:
    """Sets ``found`` for all choices, with the error of rounding alone."""
    rows = agent.rows
    for i in range(agent.value.shape[0]):
        for k in range(rows.choices[i], rows.choices[i + 1]):
            total, total_low, size, rounding = difference(i, k, agent, other_policy, low)
            store(found.high, k, total)
            store(found.low, k, total_low)
            store(found.size, k, size)
            store(found.error, k, rounding)


@inlined
def _largest(numbers: Floats) -> Any:
    """The largest size in each lane."""
    largest = fill(0.0)
    for i in range(numbers.shape[0]):
        largest = larger(absolute(load(numbers, i)), largest)
    return largest


@inlined
def _leader(i: int, lane: int, agent: Agent, found: Differences) -> int:
    """The best choice that is available at a position."""
    lead = -1
    for k in range(agent.rows.choices[i], agent.rows.choices[i + 1]):
        if agent.scale[k, lane] > 0.0 and (lead < 0 or _worse(k, lead, lane, found) < 0.0):
            lead = k
    return lead


@inlined
def _worse(k: int, lead: int, lane: int, found: Differences) -> float:
    """How much worse choice k is than the leading one."""
    worse, _ = twofold.subtract(found.high[lead, lane], found.low[lead, lane], found.high[k, lane], found.low[k, lane])
    return worse


@kernel
def _unclear(tolerance: float, further: Floats, agent: Agent, found: Differences) -> bool:
    """Whether ``further`` errors (1, LANES) of values, beside those in ``found``, can decide what is tied or better."""
    choices = agent.rows.choices
    for lane in range(LANES):
        for i in range(agent.value.shape[0]):
            lead = _leader(i, lane, agent, found)
            for k in range(choices[i], choices[i + 1]):
                if k != lead and agent.scale[k, lane] > 0.0:
                    worse = _worse(k, lead, lane, found) - (found.error[k, lane] + found.error[lead, lane])
                    allowed = tolerance * (found.size[k, lane] + found.size[lead, lane])
                    better = agent.policy[k, lane] > 0.0 and 0.0 < worse <= further[0, lane]
                    if better or allowed < worse <= allowed + further[0, lane]:
                        return True
    return False


@kernel
def _split(tolerance: float, agent: Agent, found: Differences, unsure: Floats) -> None:
    """Sets the policy to the one that is uniform over the actions of tied choices and those not told from them."""
    choices, policy = agent.rows.choices, agent.policy
    for lane in range(LANES):
        for i in range(agent.value.shape[0]):
            lead = _leader(i, lane, agent, found)
            total = 0.0
            for k in range(choices[i], choices[i + 1]):
                policy[k, lane] = 0.0
                if agent.scale[k, lane] > 0.0:
                    worse = _worse(k, lead, lane, found)
                    allowed = tolerance * (found.size[k, lane] + found.size[lead, lane])
                    if worse > allowed and worse <= allowed + found.error[k, lane] + found.error[lead, lane]:
                        unsure[0, lane] = max(unsure[0, lane], worse)
                        allowed = worse
                    if worse <= allowed:
                        policy[k, lane] = agent.size[k]
                        total += agent.size[k]
            for k in range(choices[i], choices[i + 1]):
                policy[k, lane] /= total


@kernel
def _refine(
    tolerance: float, agent: Agent, other_policy: Floats, low: Floats, found: Differences, space: Space
) -> None:
    """Policy iteration in twice the precision. Sets the values, the policy, and ``found`` with bounds on all errors."""
    rows, value, policy = agent.rows, agent.value, agent.policy
    S = value.shape[0]
    common = np.zeros((1, LANES))
    for lane in range(LANES):  # what values near discount 1 have in common is kept apart
        least, most = value[0, lane], value[0, lane]
        for i in range(S):
            least, most = min(least, value[i, lane]), max(most, value[i, lane])
        if least > 0.5 * most:
            common[0, lane] = least
        elif most < 0.5 * least:
            common[0, lane] = most
        for i in range(S):
            value[i, lane] -= common[0, lane]
    left, rounding, change = np.empty((S, LANES)), np.empty((S, LANES)), np.empty((S, LANES))
    rough, further = np.zeros((1, LANES)), np.empty((1, LANES))
    zero = fill(0.0)
    rest = Agent(rows, agent.size, agent.gamma, left, change, policy, agent.scale)
    for _ in range(MAX_ITERATIONS):
        for _ in range(ROUNDS):
            if not _leave_open(agent, other_policy, common, low, left, rounding):
                break
            if not space.direct:
                store(rough, 0, fill(REDUCTION) * _largest(left))
                for i in range(S):
                    store(change, i, zero)
            evaluate_pair(rest, other_policy, rough, space)
            for i in range(S):
                high, rest_low = twofold.add(load(value, i), load(low, i), load(change, i), zero)
                store(value, i, high)
                store(low, i, rest_low)
        _leave_open(agent, other_policy, common, low, left, rounding)
        for i in range(S):
            store(left, i, absolute(load(left, i)) + load(rounding, i))
        _compare(agent, other_policy, low, found)
        # What is left of values is at most that of all states. Elimination tells more, where that may matter.
        most_left = _largest(left) / fill(1.0 - agent.gamma)
        store(further, 0, fill(2.0 + 2e-6) * most_left)
        if space.direct and _unclear(tolerance, further, agent, found):
            evaluate_pair(rest, other_policy, rough, space)
        else:
            for i in range(S):
                store(change, i, most_left)
        for i in range(S):
            for k in range(rows.choices[i], rows.choices[i + 1]):
                following = larger(look_ahead(i, k, rest, other_policy), zero)
                store(found.error, k, load(found.error, k) + fill(1.0 + 1e-6) * following)
        if not _improve(agent, found):
            break
    for i in range(S):
        store(value, i, load(common, 0) + load(value, i))


@kernel
def _leave_open(
    agent: Agent, other_policy: Floats, common: Floats, low: Floats, left: Floats, rounding: Floats
) -> bool:
    """Sets ``left`` to R + γ Σ P (V(s') - V(s)) - (1 - γ) V under the policy, and ``rounding`` to a bound on its error.

    Values are ``common`` (1, LANES) + ``agent.value`` + ``low``. Returns whether more than rounding is left.
    """
    rows, policy = agent.rows, agent.policy
    zero = fill(0.0)
    short, short_low = twofold.subtract(1.0, 0.0, agent.gamma, 0.0)
    shared, shared_low = twofold.multiply(short, load(common, 0), zero)
    some = False
    for i in range(agent.value.shape[0]):
        ahead, ahead_low, error = zero, zero, zero
        for k in range(rows.choices[i], rows.choices[i + 1]):
            taken = load(policy, k)
            if any_above(taken, zero):
                total, total_low, _, own = difference(i, k, agent, other_policy, low)
                ahead = pick_above(taken, zero, total, ahead)
                ahead_low = pick_above(taken, zero, total_low, ahead_low)
                error = pick_above(taken, zero, own, error)
        ahead, ahead_low = twofold.multiply(agent.gamma, ahead, ahead_low)
        lost, lost_low = twofold.multiply(short, load(agent.value, i), load(low, i))
        lost_low = lost_low + short_low * (load(agent.value, i) + load(common, 0))
        lost, lost_low = twofold.add(lost, lost_low, shared, shared_low)
        ahead, ahead_low = twofold.add(ahead, ahead_low, load(agent.reward, i), zero)
        open_, _ = twofold.subtract(ahead, ahead_low, lost, lost_low)
        sizes = absolute(load(agent.reward, i)) + short * (absolute(load(agent.value, i)) + absolute(load(common, 0)))
        error = agent.gamma * error + (5.0 * twofold.ROUNDING) * (sizes + absolute(ahead))
        store(left, i, open_)
        store(rounding, i, error)
        some = some or any_above(absolute(open_), error)
    return some


@kernel
def _improve(agent: Agent, found: Differences) -> bool:
    """Switches to choices that are better beyond error; returns whether there were any."""
    choices, policy = agent.rows.choices, agent.policy
    switched = False
    for lane in range(LANES):
        for i in range(agent.value.shape[0]):
            lead = _leader(i, lane, agent, found)
            for k in range(choices[i], choices[i + 1]):
                if policy[k, lane] > 0.0 and k != lead:
                    if _worse(k, lead, lane, found) > found.error[k, lane] + found.error[lead, lane]:
                        policy[k, lane] = 0.0
                        policy[lead, lane] = 1.0
                        switched = True
                    break
    return switched
