"""Quantilisers: agents that do well enough and no better, so that rewards that are too good to be true tempt them less.

By the reward of states and by supports of policies (Everitt et al., arXiv 1705.08417, definitions 22 and 26), and by
quantiles of a base policy (Taylor, "Quantilizers", 2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.agents.bounded import optimal_q_values
from power_metrics.agents.going import going_policies
from power_metrics.agents.table import uniform_policy
from power_metrics.arguments.checks import as_float64, check_policy, check_rewards
from power_metrics.chains.occupancy import average_occupancy
from powerenvs.model.checks import real
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

MAX_POLICIES = 4_096
"""Of deterministic policies, to consider all of them."""

TIES = 1e-12
"""Values of actions are the same if they differ by at most this share of the largest."""

MOST = 1e300
"""Values of actions, in size, so that their differences are numbers too."""

ENOUGH = 1e-12
"""Rounding of contributions to value, which counts as enough."""


def quantiliser_delta(q: int, num_states: int) -> float:
    """δ = 1 - √(q/|S|), with which the bound on a quantiliser's regret is least (theorem 23).

    Args:
        q: how many states may be corrupt, at most.
        num_states: |S|.

    Example:
        >>> import power_metrics as pm
        >>> pm.quantiliser_delta(1, 25), round(pm.quantiliser_bound(0.8, 1, num_states=25), 12)
        (0.8, 0.36)
    """
    _check_numbers(q, num_states)
    return 1.0 - math.sqrt(q / num_states)


def quantiliser_bound(delta: float, q: int, *, num_states: int | None = None, num_above: int | None = None) -> float:
    """The largest regret of a step, in the long run, that a δ-quantiliser can have.

    1 - δ (1 - q/|S_δ|) for a set S_δ of that many states above δ (equation 11; theorem 28), whatever else is the case;
    1 - δ (1 - q/((1 - δ) |S|)) where at most δ|S| states pay less than δ, for every δ (equation 12).

    Args:
        delta: δ, from 0 to 1.
        q: how many states may be corrupt, at most.
        num_states: |S|, for the second.
        num_above: |S_δ|, at least 1, for the first.

    Raises:
        ValueError: unless exactly one of the numbers of states is given.

    Example:
        >>> import power_metrics as pm
        >>> round(pm.quantiliser_bound(0.5, 1, num_above=5), 12)
        0.6
    """
    if (num_states is None) == (num_above is None):
        raise ValueError("num_states, num_above: expected one of them")
    delta = _check_delta(delta)
    states = num_above if num_above is not None else num_states
    _check_numbers(q, states)
    above = float(num_above) if num_above is not None else (1.0 - delta) * float(num_states or 0)
    corrupt = 0.0 if q == 0 else min(1.0, q / above) if above > 0 else 1.0
    return 1.0 - delta * (1.0 - corrupt)


def _check_numbers(q: Any, states: Any) -> None:
    if not real(states) >= 1 or not 0 <= real(q) <= states:
        raise ValueError(f"q: expected a number of states from 0 to {states}, found {q!r}")


def _check_delta(delta: Any) -> float:
    if not 0 <= real(delta) <= 1:
        raise ValueError(f"delta: expected a number from 0 to 1, found {delta!r}")
    return float(delta)


@dataclass(frozen=True)
class StateQuantiliser:
    """Goes to a state drawn uniformly from those that pay at least delta, and stays there (definition 22).

    As a `Learner` it draws anew for each reward function; where no state pays enough, from the best.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("...").tables()
        >>> for delta in (0, 0.5, 1):
        ...     found = pm.power_of_policies(pm.StateQuantiliser(delta), mdp, 0.9, num_samples=200, progress=False)
        ...     print(delta, found.power.mean.round(1))
        ...
        0 [0.5 0.5 0.5]
        0.5 [0.7 0.7 0.7]
        1 [0.7 0.7 0.7]
    """

    delta: float

    def __post_init__(self) -> None:
        _check_delta(self.delta)

    def chosen(self, rewards: Floats) -> NDArray[np.int64]:
        """The states, of rewards (S,), that it draws from; none if no state pays enough."""
        return np.flatnonzero(rewards >= self.delta)

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Floats:
        """See `Learner.policies`."""
        drawn = []
        for one in rewards:
            states = self.chosen(one)
            drawn.append(rng.choice(states if states.size else np.flatnonzero(one == one.max())))
        targets, which = np.unique(drawn, return_inverse=True)
        return going_policies(mdp, targets)[which]


class Supports(NamedTuple):
    """Disjoint sets of states, each of which supports a policy; see `SupportQuantiliser`.

    Attributes:
        policies: (n, S, A) the policies that are supported.
        shares: (n, S) the share of time that each spends in each state in the long run.
        policy_of: (S,) which policy a state supports; -1 for none.
    """

    policies: Floats
    shares: Floats
    policy_of: NDArray[np.int64]

    @property
    def states(self) -> NDArray[np.int64]:
        """The union of the sets."""
        return np.flatnonzero(self.policy_of >= 0)

    @property
    def long_run(self) -> Floats:
        """(S,) the share of time in each state of an agent that draws a state of the union and follows its policy.

        Raises:
            ValueError: if no policy has a support.
        """
        if not self.states.size:
            raise ValueError("delta: expected a policy with a support, found none; a smaller delta may have one")
        found: Floats = self.shares[self.policy_of[self.states]].mean(axis=0)
        return found


@dataclass(frozen=True, eq=False)
class SupportQuantiliser:
    """Follows the policy of a state drawn uniformly from the largest union of disjoint supports (definition 26).

    In the long run a policy spends the share d(s) of its time in s; what s contributes to its value is d(s) R(s). A set
    of n states supports a policy if each contributes at least δ/n. The union is the largest there is, found by integer
    programming; every policy has one support at most.

    As a `Learner` it draws anew for each reward function; where there is no support, it follows the best policy.

    Attributes:
        delta: δ.
        candidates: (K, S, A) the policies to consider; all deterministic ones, up to 4,096, when None.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> loop = TabularMDP.from_transitions([(s, "on", (s + 1) % 4, 1.0) for s in range(4)])
        >>> pm.SupportQuantiliser(0.5).supports(loop, [0.0, 1.0, 0.0, 1.0]).states.tolist()  # figure 6
        [1, 3]
    """

    delta: float
    candidates: Any = None

    def __post_init__(self) -> None:
        _check_delta(self.delta)

    def supports(self, mdp: TabularMDP, rewards: Any) -> Supports:
        """The supports for one reward function (S,), with shares of time from the model's start.

        Raises:
            ValueError: for rewards that do not fit.
        """
        policies, shares = self._candidates(mdp)
        return self._supports(policies, shares, check_rewards(rewards, mdp)[0])

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Floats:
        """See `Learner.policies`; raises a ValueError for candidates that do not fit the model."""
        policies, shares = self._candidates(mdp)
        taken = []
        for one in rewards:
            found = self._supports(policies, shares, one)
            if found.states.size:
                taken.append(found.policies[found.policy_of[rng.choice(found.states)]])
            else:
                taken.append(policies[int((shares @ one).argmax())])
        return np.array(taken)

    def _candidates(self, mdp: TabularMDP) -> tuple[Floats, Floats]:
        """(K, S, A) policies that differ in the long run, and (K, S) their shares of time."""
        if self.candidates is not None:
            policies = check_policy(self.candidates, mdp, "candidates")
            policies = policies if policies.ndim == 3 else policies[None]
        else:
            choices = mdp.available.sum(axis=1)
            total = math.prod(choices.tolist())
            if total > MAX_POLICIES:
                raise ValueError(
                    f"candidates: expected policies to consider, because {total:,} deterministic ones are more than "
                    f"{MAX_POLICIES:,}"
                )
            listed = np.argsort(~mdp.available, axis=1, kind="stable")
            ways = np.stack(np.unravel_index(np.arange(total), tuple(choices.tolist())), axis=1)
            actions = np.take_along_axis(listed[None], ways[:, :, None], axis=2)[..., 0]
            policies = (actions[..., None] == np.arange(mdp.num_actions)).astype(np.float64)
        shares = average_occupancy(mdp, policies)
        _, first = np.unique(shares.round(12), axis=0, return_index=True)
        return policies[first], shares[first]

    def _supports(self, policies: Floats, shares: Floats, rewards: Floats) -> Supports:
        """Which policy gets a support of which size, and which states are in it: the largest union.

        Variables: y(i, m), policy i has a support of m states; x(i, s), state s is in the support of policy i.
        """
        worth = shares * rewards
        K, S = worth.shape
        sizes = np.arange(1, S + 1)
        fits = worth[:, None, :] >= float(self.delta) / sizes[:, None] - ENOUGH  # (K, size, S)
        pairs = np.argwhere(fits.sum(axis=2) >= sizes)  # supports that there may be: (policy, size - 1)
        members = np.argwhere(fits.any(axis=1))  # (policy, state)
        policy_of = np.full(S, -1)
        if len(pairs):
            policy, size = pairs.T
            n, k = len(pairs), len(members)
            once = scipy.sparse.csr_array((np.ones(n), (policy, np.arange(n))), shape=(K, n + k))
            apart = scipy.sparse.csr_array((np.ones(k), (members[:, 1], n + np.arange(k))), shape=(S, n + k))
            filled = scipy.sparse.csr_array(
                (
                    np.concatenate([-sizes[size], np.ones(k)]),
                    (np.concatenate([policy, members[:, 0]]), np.arange(n + k)),
                ),
                shape=(K, n + k),
            )
            allowed = (members[:, [0]] == policy) & fits[policy, size][:, members[:, 1]].T
            only = scipy.sparse.hstack([-allowed.astype(np.float64), scipy.sparse.eye_array(k)])
            limit = scipy.optimize.LinearConstraint
            done = scipy.optimize.milp(
                np.concatenate([np.zeros(n), -np.ones(k)]),
                integrality=np.ones(n + k),
                bounds=scipy.optimize.Bounds(0, 1),
                constraints=[limit(once, ub=1), limit(apart, ub=1), limit(filled, 0, 0), limit(only, ub=0)],
            )
            inside = members[done.x[n:] > 0.5]
            policy_of[inside[:, 1]] = inside[:, 0]
        kept, number = np.unique(policy_of[policy_of >= 0], return_inverse=True)
        policy_of[policy_of >= 0] = number
        return Supports(policies[kept], shares[kept], policy_of)


@dataclass(frozen=True)
class ActionQuantiliser:
    """Draws an action from the best fraction q of a base policy, by optimal action values (Taylor's quantiliser).

    Nothing is taken more than 1/q times as often as by the base policy, so that no choice costs more than 1/q times
    what that costs on average, whatever the costs are. Over T choices the factor is 1/q^T.

    Attributes:
        fraction: q, above 0 and up to 1; with 1 it is the base policy, and near 0 it is optimal.
        base: (S, A) the base policy; uniform when None.

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> pm.quantilised_policy([[0.25, 0.25, 0.25, 0.25]], [[1.0, 2.0, 3.0, 4.0]], 0.4).round(3).tolist()
        [[0.0, 0.0, 0.375, 0.625]]
    """

    fraction: float
    base: Any = None

    def __post_init__(self) -> None:
        _check_fraction(self.fraction)

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Floats:
        """See `Learner.policies`.

        Raises:
            ValueError: for a base policy that is not one of this model.
        """
        base = uniform_policy(mdp) if self.base is None else check_policy(self.base, mdp, "base")
        return quantilised_policy(base, optimal_q_values(mdp, rewards, gamma), self.fraction)


def quantilised_policy(base: Any, values: Any, fraction: float) -> Floats:
    """The best fraction q of a base policy, action by action, as a policy of its own.

    In each state the actions are taken in the order of their values until they have the probability q; then all is
    divided by q. Actions of the same value share evenly, in proportion to the base policy.

    Args:
        base: (S, A) the base policy.
        values: (..., S, A) of actions; anything for those that the base policy never takes.
        fraction: q, above 0 and up to 1.

    Returns:
        (..., S, A) at most base / q everywhere.

    Raises:
        ValueError: for a fraction that is none, a base that is no policy, and values that do not fit it or are not
            finite where it takes an action.

    Example:
        >>> import power_metrics as pm
        >>> pm.quantilised_policy([[0.5, 0.5]], [[0.0, 1.0]], 0.5).tolist()
        [[0.0, 1.0]]
    """
    q = _check_fraction(fraction)
    weights, worth = as_float64("base", base), as_float64("values", values)
    if weights.ndim != 2 or not ((weights >= 0).all() and np.allclose(weights.sum(axis=1), 1, rtol=0, atol=1e-6)):
        raise ValueError(f"base: expected (S, A) probabilities that sum to 1 in each row, found {weights.shape}")
    if worth.shape[-2:] != weights.shape:
        raise ValueError(f"values: expected shape (..., {', '.join(map(str, weights.shape))}), found {worth.shape}")
    scores = np.where(weights > 0, worth, 0.0)
    if not (np.abs(scores) <= MOST).all():
        raise ValueError(f"values: expected numbers of at most {MOST:g} in size where the base takes an action")
    ahead = scores[..., None, :] - scores[..., :, None]
    rounding = TIES * np.abs(scores).max(axis=-1)[..., None, None]
    better, same = ahead > rounding, np.abs(ahead) <= rounding
    before = (better * weights[..., None, :]).sum(axis=-1)
    together = (same * weights[..., None, :]).sum(axis=-1)
    taken = np.clip(q - before, 0.0, together)
    found: Floats = weights * np.divide(taken, together, out=np.zeros_like(taken), where=together > 0) / q
    return found / found.sum(axis=-1, keepdims=True)


def _check_fraction(fraction: Any) -> float:
    if not 0 < real(fraction) <= 1:
        raise ValueError(f"fraction: expected a number above 0 and up to 1, found {fraction!r}")
    return float(fraction)
