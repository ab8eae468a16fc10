"""Control variates for POWER: two numbers that go with it, whose expectation is known.

For state s and a reward function R they are

- the discounted average reward under the uniformly random policy, (1 - γ) Σ_t γ^t E[R(s_{t+1})]: linear in R;
- the best place to stay, max_j [m + γ^(d(s, j) - 1) (R(j) - m)], where d counts the steps from s to j and m is
  the mean reward: what POWER would be if an agent went straight to one state, stayed there and met the mean
  reward on its way. Rewards are independent, so the distribution function of the maximum is a product, and its
  expectation an integral of one variable.

They need not be what an agent can reach: whatever they are, subtracting a multiple of (control - expectation)
leaves the expectation of POWER as it is. The multiples come from reward functions of their own, which are not
part of the estimate; so the estimate has no bias, and its standard error is that of a plain mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse.csgraph
from numpy.typing import NDArray

from power_metrics.expectation.maximum import expected_maximum
from power_metrics.expectation.moments import Moments, widening
from power_metrics.rewards.sampler import RewardSampler, check_offers
from power_metrics.rewards.tails import QUANTILE, UNSEEN, Tails, excess, known_index
from power_metrics.solvers.jit import kernel
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

MAX_STATES = 256
"""Control variates take S² numbers for each reward function, so they are for models up to this size."""

_LARGEST_GAMMA = 1.0 - 2.0**-20
"""At γ = 1 the controls take this discount: any will do, and the random policy's visits need one below 1."""

_SURPRISE = 7.0
"""Standard errors that an expectation may be from the mean of draws, in the worst of S states."""

_TAIL = 1e-12
"""Unbounded rewards are cut off at this quantile in the controls, and at the opposite one."""


@dataclass(frozen=True)
class Controls:
    """The controls of a model at one discount.

    Attributes:
        walk: (S, S) discounted share of time of the random policy in each state, from the next step on.
        reach: (S, S) γ^(d - 1); 0 where it does not count.
        centre: m.
        low: (S,) where rewards are cut off below.
        high: (S,) and above.
        expected: (S, 2) expectation of the two controls.
        error: (S,) how far the second may be off, and how much rewards beyond the cuts add to a maximum.
    """

    walk: Floats
    reach: Floats
    centre: float
    low: Floats
    high: Floats
    expected: Floats
    error: Floats

    def values(self, rewards: Floats) -> Floats:
        """(n, S, 2) both controls, less their expectation, for rewards (n, S)."""
        both = np.empty((*rewards.shape, 2))
        both[:, :, 0] = rewards @ self.walk.T
        best = np.empty(rewards.shape[::-1])
        best_places(np.ascontiguousarray((np.clip(rewards, self.low, self.high) - self.centre).T), self.reach, best)
        both[:, :, 1] = best.T + self.centre
        both -= self.expected
        return both

    def coefficients(self, rewards: Floats, powers: Floats) -> Floats:
        """(S, 2) the multiples that leave the least variance, by least squares over n reward functions."""
        values = self.values(rewards)
        values -= values.mean(axis=0)
        inner = np.einsum("nsi,nsj->sij", values, values)
        outer = np.einsum("nsi,ns->si", values, powers - powers.mean(axis=0))
        # A control may be constant, or both the same: the pseudo-inverse leaves such directions alone.
        return np.einsum("sij,sj->si", np.linalg.pinv(inner, rcond=1e-9, hermitian=True), outer)


class Controlled(NamedTuple):
    """Control variates, and the multiples (S, 2) that are subtracted."""

    controls: Controls
    multiples: Floats

    @property
    def error(self) -> Floats:
        """(S,) of what the multiples of the expectations add to a mean."""
        return np.abs(self.multiples[:, 1]) * self.controls.error

    def adjusted(self, rewards: Floats, powers: Floats) -> Floats:
        """(n, S) POWER less the multiples of the controls."""
        return powers - np.einsum("nsi,si->ns", self.controls.values(rewards), self.multiples)


def check_controls(mdp: TabularMDP, sampler: RewardSampler) -> None:
    """Raises a ValueError where control variates cannot be used."""
    if mdp.num_states > MAX_STATES:
        raise ValueError(
            f"control_variates: expected a model of at most {MAX_STATES} states, found {mdp.num_states:,}; "
            "method='sobol' has no such limit"
        )
    check_offers(sampler, "cdf", "control_variates")
    for distribution, _ in sampler.marginals():
        index = known_index(distribution)
        if index is not None and index <= 2:
            raise ValueError(
                f"control_variates: expected distributions with a finite mean and variance, found {distribution!r}"
            )


def check_expectations(controls: Controls, rewards: Floats, tails: Tails) -> None:
    """Compares what controls are expected to be with draws (n, S): a distribution may not be what it says.

    Raises:
        ValueError: for a mean that is more than `_SURPRISE` standard errors off.
    """
    moments = Moments.of(controls.values(rewards).reshape(len(rewards), -1))
    errors = moments.standard_error * widening(moments.skewness)
    errors = np.hypot(tails.error(errors, moments.mean, len(rewards)), np.repeat(controls.error, 2))
    if tails.crowded:  # the draws may have missed a value, or rewards that are all the same
        errors = np.hypot(errors, UNSEEN / QUANTILE / len(rewards) * (controls.high - controls.low).max())
    surprise = float(np.max(np.abs(moments.mean) / np.maximum(errors, 1e-12 * np.abs(controls.expected).max())))
    if surprise > _SURPRISE:
        names = ", ".join(repr(distribution) for distribution, _ in tails.states)
        raise ValueError(
            f"control_variates: expected a mean and a cdf that fit the draws of {names}, found that an expectation "
            f"they give is {surprise:.0f} standard errors from the mean of {len(rewards):,} draws"
        )


def control_variates(mdp: TabularMDP, gamma: float, sampler: RewardSampler) -> Controls:
    """The controls of a model with S states, for rewards from ``sampler``."""
    S = mdp.num_states
    gamma = min(gamma, _LARGEST_GAMMA)
    mean, low, high = np.empty(S), np.empty(S), np.empty(S)
    kind = np.empty(S, dtype=np.int64)
    distributions, beyond = [], 0.0
    for number, (distribution, states) in enumerate(sampler.marginals()):
        distributions.append(distribution)
        bottom, top = distribution.support
        tails = distribution.quantile(np.array([_TAIL, 1.0 - _TAIL]))  # type: ignore[attr-defined]
        mean[states], kind[states] = distribution.mean, number
        low[states] = bottom if np.isfinite(bottom) else tails[0]
        high[states] = top if np.isfinite(top) else tails[1]
        if not (np.isfinite(bottom) and np.isfinite(top)):
            beyond += len(states) * excess(distribution, _TAIL)
    chain = _random_walk(mdp)
    walk = np.asarray((1.0 - gamma) * np.linalg.solve((np.eye(S) - gamma * chain).T, chain.T).T, np.float64)
    reach = _reach(chain, gamma)
    for group in sampler.identical:  # of states with one draw only the closest counts: the others are no further draws
        reach[:, group] *= reach[:, group] == reach[:, group].max(axis=1, keepdims=True)
        reach[:, group] *= np.cumsum(reach[:, group] > 0, axis=1) == 1
    centre = float(mean.mean())
    expected, error = np.stack([walk @ mean, np.empty(S)], axis=1), np.empty(S)
    for s in range(S):
        expected[s, 1], error[s] = expected_maximum(reach[s], kind, distributions, low - centre, high - centre, centre)
    return Controls(walk, reach, centre, low, high, expected, error + beyond)


def _random_walk(mdp: TabularMDP) -> Floats:
    """(S, S) the chain of the uniformly random policy."""
    matrix = mdp.transition_matrix().toarray().reshape(mdp.num_states, mdp.num_actions, mdp.num_states)
    return matrix.sum(axis=1) / mdp.available.sum(axis=1)[:, None]


def _reach(chain: Floats, gamma: float) -> Floats:
    """(S, S) γ^(d - 1) for the least number of steps d ≥ 1 to each state; 0 where it is out of reach."""
    steps = scipy.sparse.csgraph.shortest_path(chain > 0, unweighted=True)
    following = np.where(chain[:, :, None] > 0, steps[None], np.inf).min(axis=1)  # d - 1, from the next state on
    reached = np.isfinite(following)
    return np.where(reached, gamma ** np.where(reached, following, 0.0), 0.0)


@kernel
def best_places(centred: Floats, reach: Floats, best: Floats) -> None:
    """Writes max_j reach[s, j] R(j) over the j with reach above 0. Rewards (S, n) and the result have n innermost."""
    S, n = centred.shape
    for s in range(S):
        best[s, :] = -np.inf
        for j in range(S):
            w = reach[s, j]
            if w > 0.0:
                for b in range(n):
                    best[s, b] = max(best[s, b], w * centred[j, b])
