"""Which actions are optimal, judged action by action.

Two actions of a state s are compared by what they bring on top of staying there, r + γ Σ P(s') (V(s') - V(s)). So the
bulk of V, which both share and which grows as 1 / (1 - γ), is gone before anything is rounded, and rows of P count as
summing to 1. An action is tied with the best one if it is worse by at most

* `tie_tolerance`, as a share of the sizes of all that was added up for the two: differences at this state, not the
  largest value of all states. What rounding of the model's probabilities does is well below.
* the bound on the error of the difference, which follows from that of the values.

The values of a solver and the bound that its residual gives decide nearly always. Where they do not, values are found
anew in twice the precision: policy iteration of which each policy is refined by solving for what its values leave open,
until only rounding is left (Wilkinson 1963). Elimination without subtraction then also gives a bound on the error of
each state, from what is left open, which is small where values are. Where models are too large for elimination, the
bound is the same for all states.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers import twofold
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.differences import Actions, allowance, difference, follows
from power_metrics.solvers.discounted.deterministic import evaluate_arrows, make_arrows
from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.limits import MAX_ITERATIONS
from power_metrics.solvers.linear import chain_values
from power_metrics.solvers.policies import evaluate_policies
from power_metrics.solvers.solution import Solution
from powerenvs.model.mdp import TabularMDP

ROUNDS = 8
"""Refinements of one policy. Each gains the digits that γ leaves of 16: two or three are enough."""

TELL = 1e-6
"""A difference that may be an error is told of if it is above this share of the largest reward."""

_EPS = float(np.finfo(np.float64).eps)


def tied_policies(
    mdp: TabularMDP, actions: Actions, rewards: Floats, gamma: float, solution: Solution, tolerance: float
) -> Floats:
    """(B, S, A) the policies that split evenly over all optimal actions.

    Args:
        mdp: the model.
        actions: its actions.
        rewards: (B, S) state rewards.
        gamma: discount.
        solution: of these rewards.
        tolerance: see the module.
    """
    policies = np.zeros((len(rewards), *mdp.available.shape))
    share = (solution.residual + 4.0 * _EPS) / (1.0 - gamma)
    unclear = np.zeros(len(rewards), dtype=np.bool_)
    split_clear(actions, solution.values, share, tolerance, policies, unclear)
    hard = np.flatnonzero(unclear)
    if hard.size:
        refined = Refined(mdp, actions, rewards[hard], gamma, solution.values[hard], solution.policy[hard])
        policies[hard] = refined.split(tolerance)
    return policies


def tell_unsure(unsure: float, scale: float) -> None:
    """Warns of differences up to ``unsure`` that may be errors, if that is much beside the largest reward."""
    if unsure > TELL * scale:
        warnings.warn(
            f"ties: actions whose values differ by up to {unsure:.1e} count as tied, because the error of values may "
            "be as large in this model at this discount",
            stacklevel=2,
        )


class Values(NamedTuple):
    """Values of B policies in twice the precision: common + high + low.

    Attributes:
        common: (B,) what all states have in common.
        high: (B, S) the rest, to the precision of a number.
        low: (B, S) what that leaves.
    """

    common: Floats
    high: Floats
    low: Floats


class Refined:
    """Optimal values in twice the precision, and bounds on their errors."""

    def __init__(
        self, mdp: TabularMDP, actions: Actions, rewards: Floats, gamma: float, values: Floats, policy: Ints
    ) -> None:
        self.mdp, self.actions, self.rewards, self.gamma = mdp, actions, rewards, gamma
        self.policy = policy.astype(np.int32)
        # Near discount 1 values are nearly the same: what they have in common is kept apart.
        least, most = values.min(axis=1), values.max(axis=1)
        self.common = np.where(least > 0.5 * most, least, np.where(most < 0.5 * least, most, 0.0))
        self.high, self.low = values - self.common[:, None], np.zeros_like(values)
        self.error = np.zeros_like(values)
        if gamma == 0.0:  # values are rewards, and exact
            return
        for _ in range(MAX_ITERATIONS):
            self._evaluate()
            if not improve(actions, self.high, self.low, self.error, self.policy):
                break

    def split(self, tolerance: float) -> Floats:
        """(B, S, A) the policies that split evenly."""
        policies = np.zeros((len(self.rewards), *self.actions.reward.shape))
        unsure = split_refined(self.actions, self.high, self.low, self.error, tolerance, policies)
        tell_unsure(unsure, max(float(np.abs(self.rewards).max()), float(np.abs(self.actions.reward).max())))
        return policies

    def _evaluate(self) -> None:
        """Refines the values of the policy, and bounds what is wrong with them."""
        left, rounding = np.empty_like(self.high), np.empty_like(self.high)
        for _ in range(ROUNDS):
            self._leave_open(left, rounding)
            if np.all(np.abs(left) <= rounding):
                break
            add_to(self._solve(left), self.high, self.low)
        self._leave_open(left, rounding)
        self.error = self._bound(np.abs(left) + rounding)

    def _leave_open(self, left: Floats, rounding: Floats) -> None:
        """See `leave_open`."""
        values = Values(self.common, self.high, self.low)
        leave_open(self.actions, self.rewards, self.gamma, self.policy, values, left, rounding)

    def _bound(self, left: Floats) -> Floats:
        """(B, S) at least (I - γP)^-1 ``left``, for what is left open of at least 0."""
        if solver_tables(self.mdp).method == "iterative":
            return np.broadcast_to(left.max(axis=1, keepdims=True) / (1.0 - self.gamma), left.shape).copy()
        return (1.0 + 1e-6) * self._solve(left)

    def _solve(self, right: Floats) -> Floats:
        """(B, S) the x with x = right + γ P x under each policy, to a few digits at least."""
        prepared = solver_tables(self.mdp)
        solved = np.empty_like(right)
        if prepared.deterministic:
            solve_arrows(self.actions, right, self.gamma, self.policy, solved)
        elif prepared.method == "iterative":
            matrix = self.mdp.transition_matrix()
            first = np.arange(self.mdp.num_states) * self.mdp.num_actions
            for b, policy in enumerate(self.policy):
                solved[b] = chain_values(matrix[first + policy], right[[b]], self.gamma)[0]
        else:
            chosen = np.zeros((*right.shape, self.mdp.num_actions))
            np.put_along_axis(chosen, self.policy[..., None].astype(np.int64), 1.0, axis=2)
            table, unread = prepared.table(self.gamma), np.empty(len(right))
            evaluate_policies(
                right, chosen, self.gamma, table, prepared.choice_of, prepared.elimination, solved, unread
            )
        return solved


@inlined
def split_evenly(tied: NDArray[np.bool_], policy: Floats) -> None:
    """Writes the uniform distribution over the tied actions to ``policy`` (A,)."""
    count = 0
    for a in range(len(tied)):
        count += tied[a]
    for a in range(len(tied)):
        policy[a] = 1.0 / count if tied[a] else 0.0


@kernel
def split_clear(
    actions: Actions, values: Floats, share: Floats, tolerance: float, policies: Floats, unclear: NDArray[np.bool_]
) -> None:
    """Writes policies for reward functions of which plain values tell which actions are optimal.

    Args:
        actions: the actions.
        values: (B, S) values.
        share: (B,) bounds on their errors, as a share of the largest value.
        tolerance: for ties.
        policies: (B, S, A) out, zeros.
        unclear: (B,) out, True where values do not tell.
    """
    indptr, successor, probability = actions.indptr, actions.successor, actions.probability
    reward, same, weight = actions.reward, actions.same, actions.weight
    S, A = reward.shape
    q, tied = np.empty(A), np.empty(A, np.bool_)
    own, roundings = np.zeros(S), np.zeros(S)
    for s in range(S):
        for a in range(A):
            own[s] = max(own[s], abs(reward[s, a]), actions.spread[s, a])
            roundings[s] = max(roundings[s], 4.0 * _EPS * (indptr[s * A + a + 1] - indptr[s * A + a] + 4))
    for b in range(values.shape[0]):
        largest = 0.0
        for s in range(S):
            largest = max(largest, abs(values[b, s]))
        doubt = share[b] * largest
        largest = max(largest, doubt)
        for s in range(S):
            top = second = -np.inf
            lead = 0
            end = indptr[s * A]
            for a in range(A):
                begin, end = end, indptr[s * A + a + 1]
                q[a] = -np.inf
                if begin < end:
                    total = 0.0
                    for e in range(begin, end):
                        total += probability[e] * values[b, successor[e]]
                    q[a] = reward[s, a] + weight * total
                    if q[a] > top:
                        second = top
                        top = q[a]
                        lead = a
                    else:
                        second = max(second, q[a])
            scale = max(largest, own[s])
            noise = 2.0 * weight * doubt + roundings[s] * scale
            near = top - noise - 8.0 * tolerance * scale
            if second < near:  # as nearly always
                policies[b, s, lead] = 1.0
                continue
            alone = True
            for a in range(A):
                tied[a] = q[a] >= near
                if tied[a] and (same[s, a] != same[s, lead] or reward[s, a] != reward[s, lead]):
                    alone = False
            if not alone and not _compare(s, lead, actions, values[b], noise, tolerance, tied):
                unclear[b] = True
                break
            split_evenly(tied, policies[b, s])


@kernel
def _compare(
    s: int, lead: int, actions: Actions, value: Floats, noise: float, tolerance: float, tied: NDArray[np.bool_]
) -> bool:
    """Finds out which actions are tied with the leading one, among those for which ``tied`` is True.

    Returns False if an error of ``noise`` in a difference may decide.
    """
    zeros, size = np.zeros(len(value)), np.empty(len(tied))
    best, _, size[lead], _ = difference(s, lead, s, actions, value, zeros)
    for a in range(len(tied)):
        alike = actions.same[s, a] == actions.same[s, lead] and actions.reward[s, a] == actions.reward[s, lead]
        if tied[a] and not alike:
            q, _, size[a], _ = difference(s, a, s, actions, value, zeros)
            allowed = allowance(s, a, lead, tolerance, size, actions.reward)
            tied[a] = best - q + noise <= allowed
            if not tied[a] and best - q - noise <= allowed:
                return False
    return True


@kernel
def leave_open(
    actions: Actions, rewards: Floats, gamma: float, policy: Ints, values: Values, left: Floats, rounding: Floats
) -> None:
    """Sets ``left`` to R + r + γ Σ P (V(s') - V(s)) - (1 - γ) V, and ``rounding`` to a bound on its error.

    All are (B, S).
    """
    common, high, low = values
    S = high.shape[1]
    short, short_low = twofold.subtract(1.0, 0.0, gamma, 0.0)
    for b in range(high.shape[0]):
        for s in range(S):
            ahead, ahead_low, _, error = difference(s, policy[b, s], s, actions, high[b], low[b])
            lost, lost_low = twofold.multiply(short, high[b, s], low[b, s])
            lost_low += short_low * (high[b, s] + common[b])
            rest, rest_low = twofold.multiply(short, common[b], 0.0)
            lost, lost_low = twofold.add(lost, lost_low, rest, rest_low)
            rest, rest_low = twofold.subtract(rewards[b, s], 0.0, lost, lost_low)
            rest, rest_low = twofold.add(rest, rest_low, ahead, ahead_low)
            left[b, s] = rest
            rounding[b, s] = error + twofold.ROUNDING * (
                5.0 * (abs(rewards[b, s]) + short * (abs(high[b, s]) + abs(common[b]))) + abs(ahead)
            )


@kernel
def add_to(change: Floats, high: Floats, low: Floats) -> None:
    """Adds ``change`` to the pairs of ``high`` and ``low``; all (B, S)."""
    for b in range(high.shape[0]):
        for s in range(high.shape[1]):
            high[b, s], low[b, s] = twofold.add(high[b, s], low[b, s], change[b, s], 0.0)


@kernel
def solve_arrows(actions: Actions, right: Floats, gamma: float, policy: Ints, solved: Floats) -> None:
    """Solves x = right + γ P x (B, S) under policies of which each leads to one state from each state."""
    S, A = actions.reward.shape
    arrows = make_arrows(S)
    for b in range(right.shape[0]):
        for s in range(S):
            arrows.following[s] = actions.successor[actions.indptr[s * A + policy[b, s]]]
            arrows.earned[s] = right[b, s]
        evaluate_arrows(arrows, gamma, solved[b])


@kernel
def improve(actions: Actions, high: Floats, low: Floats, error: Floats, policy: Ints) -> bool:
    """Switches to actions that are better beyond error; returns whether there were any.

    Args:
        actions: the actions.
        high: (B, S) values of the policies.
        low: (B, S) what they leave.
        error: (B, S) bounds on their errors.
        policy: (B, S) in and out.
    """
    S, A = actions.reward.shape
    switched = False
    for b in range(high.shape[0]):
        for s in range(S):
            now = policy[b, s]
            top, top_low, _, doubt = difference(s, now, s, actions, high[b], low[b])
            doubt += follows(s, now, actions, error[b])
            for a in range(A):
                row = s * A + a
                if a != now and actions.indptr[row] < actions.indptr[row + 1]:
                    q, q_low, _, own = difference(s, a, s, actions, high[b], low[b])
                    gain, _ = twofold.subtract(q, q_low, top, top_low)
                    own += follows(s, a, actions, error[b])
                    if gain > doubt + own:
                        policy[b, s] = a
                        top, top_low, doubt = q, q_low, own
                        switched = True
    return switched


@kernel
def split_refined(
    actions: Actions, high: Floats, low: Floats, error: Floats, tolerance: float, policies: Floats
) -> float:
    """Writes policies that split evenly over actions that are tied with the best one, or cannot be told from it.

    Args:
        actions: the actions.
        high: (B, S) optimal values.
        low: (B, S) what they leave.
        error: (B, S) bounds on their errors.
        tolerance: for ties.
        policies: (B, S, A) out.

    Returns:
        The largest difference that was taken for an error.
    """
    S, A = actions.reward.shape
    q, q_low, size, own, tied = np.empty(A), np.empty(A), np.empty(A), np.empty(A), np.empty(A, np.bool_)
    unsure = 0.0
    for b in range(high.shape[0]):
        for s in range(S):
            lead = -1
            for a in range(A):
                row = s * A + a
                tied[a] = actions.indptr[row] < actions.indptr[row + 1]
                if tied[a]:
                    q[a], q_low[a], size[a], own[a] = difference(s, a, s, actions, high[b], low[b])
                    own[a] += follows(s, a, actions, error[b])
                    if lead < 0 or q[a] > q[lead] or (q[a] == q[lead] and q_low[a] > q_low[lead]):
                        lead = a
            for a in range(A):
                if tied[a]:
                    worse, _ = twofold.subtract(q[lead], q_low[lead], q[a], q_low[a])
                    allowed = allowance(s, a, lead, tolerance, size, actions.reward)
                    if worse > allowed:
                        tied[a] = worse <= allowed + own[a] + own[lead]
                        if tied[a]:
                            unsure = max(unsure, worse)
            split_evenly(tied, policies[b, s])
    return unsure
