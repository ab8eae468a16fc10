"""Where a policy spends its time, and what it earns: exact, by solving the chain that it makes of the model.

With x(s) = Σ_t γ^t P(s_t = s), the expected discounted visits, x = μ + γ P_πᵀ x. It is solved by state reduction, which
loses no digits however near γ is to 1 (`power_metrics.solvers.reduction`), or, where that would take long, by iteration
with a certified error (`power_metrics.chains.visits`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_gamma, check_policy, resolve_model
from power_metrics.chains.evaluation import closed_classes, policy_chain
from power_metrics.chains.visits import expected_visits
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.reduction import count_visits
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import check_distribution, entry_rows, reachable, start_distribution

Floats = NDArray[np.float64]

SHARED_MAX_STATES = 64
"""Up to this many states, the chains of all policies are eliminated in one order, with the entries of all actions."""

_NUMBERS = 1 << 22
"""Numbers in the chains of a batch of policies: 32 MB of float64."""

_ROOT_STEPS = 100
"""Steps after which a state that many are in is taken for one that is returned to often."""

_SUM_TOLERANCE = 1e-12
"""How far from 1 the shares may sum before they are scaled, times 1 / (1 - γ): well above what iteration leaves."""


def occupancy(env_or_mdp: Any, policy: Any, gamma: float, initial: Any = None) -> Floats:
    """d_π(s) = (1 - γ) Σ_t γ^t P(s_t = s), the discounted share of time in each state; sums to 1.

    Large chains in which elimination would fill up are solved by iteration, to a bound on Σ |error| that is computed
    and at most 1e-7; it is 6e-13 at γ = 0.99 and 6e-11 at 0.9999 for 160,000 joint states.

    The value of the policy from its start is ⟨d_π, R⟩ / (1 - γ) for state rewards R (Puterman 1994, section
    6.9). Terminal states are absorbing: what is left of the discounted time after an episode's end counts there.

    With ``gamma=1`` the expected *number* of visits in an episode instead, not normalised: the visits of states that
    are not terminal sum to the expected number of steps, and a terminal state has the probability of ending there.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        policy: (S, A) action probabilities, or (B, S, A) for B policies.
        gamma: discount in [0, 1].
        initial: where to start: (S,) probabilities, a state's label, {label: probability}, or None for the model's
            own start distribution.

    Returns:
        (S,) float64, or (B, S).

    Raises:
        ValueError: for an argument that does not fit, and at ``gamma=1`` if some episode never ends.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a")
        >>> policy = [[0.5, 0.5], [1.0, 0.0]]  # in "a", stay or go with equal probability
        >>> pm.occupancy(mdp, policy, gamma=0.5)
        array([0.66666667, 0.33333333])
    """
    mdp, policies, start = _arguments(env_or_mdp, policy, initial)
    gamma = check_gamma(gamma, closed=True)
    visits = _visits(mdp, policies, gamma, start)
    if gamma < 1.0:
        visits *= 1.0 - gamma
        total = visits.sum(axis=-1, keepdims=True)
        if not np.all(np.abs(total - 1.0) <= _SUM_TOLERANCE / (1.0 - gamma)):
            raise RuntimeError(
                f"occupancy: expected a sum of 1, found {total.ravel()}; please report this with the model"
            )
        visits /= total
    return visits if np.ndim(policy) == 3 else visits[0]


def average_occupancy(env_or_mdp: Any, policy: Any, initial: Any = None) -> Floats:
    """The share of time in each state in the long run, lim 1/T Σ_{t<T} P(s_t = s); sums to 1.

    The limit of averages exists for every chain, periodic ones and those with several recurrent classes
    included (it then depends on the start): each class has its stationary distribution, weighted by the
    probability of ending up in it. Episodes that end stay in their terminal state. Large chains are solved as for
    `occupancy`; the bound on each part is 4e-9 for 160,000 joint states.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        policy: (S, A) action probabilities, or (B, S, A) for B policies.
        initial: as for `occupancy`.

    Returns:
        (S,) float64, or (B, S).

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a")
        >>> policy = [[0.5, 0.5], [1.0, 0.0]]  # in "a", stay or go with equal probability
        >>> pm.average_occupancy(mdp, policy)
        array([0., 1.])
    """
    mdp, policies, start = _arguments(env_or_mdp, policy, initial)
    shares = np.stack([_long_run(policy_chain(mdp, one), start) for one in policies])
    return shares if np.ndim(policy) == 3 else shares[0]


def expected_return(
    env_or_mdp: Any, policy: Any, gamma: float, initial: Any = None, *, performance: bool = False
) -> float | Floats:
    """E[Σ_t γ^t r_t] of the task's own rewards from the start, exactly.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        policy: (S, A) action probabilities, or (B, S, A) for B policies.
        gamma: discount in [0, 1]; 1 for the expected undiscounted return of an episode.
        initial: as for `occupancy`.
        performance: count the hidden performance instead of the observed reward.

    Returns:
        A number, or (B,) float64 for B policies.

    Raises:
        ValueError: for an argument that does not fit, and at ``gamma=1`` if some episode never ends.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a", reward=[0.0, 1.0, 0.0])
        >>> policy = [[0.5, 0.5], [1.0, 0.0]]  # in "a", stay or go with equal probability
        >>> round(pm.expected_return(mdp, policy, gamma=0.5), 12)
        0.666666666667
    """
    mdp, policies, start = _arguments(env_or_mdp, policy, initial)
    visits = _visits(mdp, policies, check_gamma(gamma, closed=True), start)
    gain = np.einsum("bsa,sa->bs", policies, mdp.action_rewards(performance))
    returns = np.einsum("bs,bs->b", visits, gain)
    return returns if np.ndim(policy) == 3 else float(returns[0])


def start_weights(mdp: TabularMDP, initial: Any = None) -> Floats:
    """(S,) the start distribution that ``initial`` names; the model's own for None.

    Raises:
        ValueError: for unknown labels and what is no distribution over the model's states.
    """
    if initial is None:
        return mdp.initial
    weights = start_distribution(initial, mdp.state_labels, mdp.terminal)
    if weights.shape != (mdp.num_states,):
        raise ValueError(
            f"initial: expected {mdp.num_states} probabilities, one for each state, found shape {weights.shape}"
        )
    check_distribution("initial", weights)
    return weights


def _arguments(env_or_mdp: Any, policy: Any, initial: Any) -> tuple[TabularMDP, Floats, Floats]:
    mdp = resolve_model(env_or_mdp)
    policies = check_policy(policy, mdp)
    return mdp, policies if policies.ndim == 3 else policies[None], start_weights(mdp, initial)


def _visits(mdp: TabularMDP, policies: Floats, gamma: float, start: Floats) -> Floats:
    """(B, S) expected discounted visits; at γ = 1 those of an episode."""
    if gamma == 1.0:
        return np.stack([_episode(mdp, policy_chain(mdp, one), start) for one in policies])
    away = np.full(mdp.num_states, 1.0 - gamma)
    if mdp.num_states <= SHARED_MAX_STATES:
        return _solve_small(mdp, policies, gamma, start, away)
    return np.stack([expected_visits(gamma * policy_chain(mdp, one), start, away) for one in policies])


def _solve_small(mdp: TabularMDP, policies: Floats, gamma: float, start: Floats, away: Floats) -> Floats:
    """(B, S) the visits under each policy, in batches."""
    S, A = mdp.num_states, mdp.num_actions
    rows = entry_rows(mdp.indptr)
    begin, successor = mdp.indptr[::A].astype(np.int32), mdp.successor.astype(np.int32)
    prepared = solver_tables(mdp)
    assert prepared.elimination is not None, "models of so few states are never too large for it"
    plan = prepared.elimination.with_states(prepared.order)
    visits = np.empty((len(policies), S))
    batch = max(1, _NUMBERS // len(successor))
    for part in (slice(first, first + batch) for first in range(0, len(policies), batch)):
        chance = policies[part].reshape(-1, S * A)[:, rows] * (gamma * mdp.probability)
        count_visits(np.require(start, requirements="W"), away, begin, successor, chance, plan, visits[part])
    return visits


def _episode(mdp: TabularMDP, chain: scipy.sparse.csr_array, start: Floats) -> Floats:
    """(S,) expected visits until the end."""
    reached = reachable(chain.indptr, chain.indices, start)
    back = chain.T.tocsr()
    ending = reachable(back.indptr, back.indices, mdp.terminal)
    lost = np.flatnonzero(reached & ~ending)
    if lost.size:
        raise ValueError(
            f"gamma: expected a discount below 1, found 1 with a policy that never ends an episode once it is in state "
            f"{lost[0]} ({label_text(mdp.state_labels[lost[0]])}), which it reaches from the start; "
            "average_occupancy gives the shares of time in the long run"
        )
    moving = np.flatnonzero(reached & ~mdp.terminal)
    visits = start * mdp.terminal
    if moving.size:
        ending_next = chain[moving] @ mdp.terminal.astype(np.float64)
        visits[moving] = expected_visits(chain[moving][:, moving], start[moving], ending_next)
        arrivals = chain[moving].T @ visits[moving]
        visits[mdp.terminal] += arrivals[mdp.terminal]
    return visits


def _long_run(chain: scipy.sparse.csr_array, start: Floats) -> Floats:
    """(S,) the limit of the average distribution."""
    closed, component = closed_classes(chain)
    reached = reachable(chain.indptr, chain.indices, start)
    transient = np.flatnonzero(reached & ~closed)
    entered = start.copy()
    if transient.size:
        settling_next = chain[transient] @ closed.astype(np.float64)
        entered += chain[transient].T @ expected_visits(chain[transient][:, transient], start[transient], settling_next)
    entered[~closed] = 0.0
    weight = np.bincount(component, weights=entered)
    shares = np.zeros(len(start))
    for c in np.flatnonzero(weight > 0):
        members = np.flatnonzero(component == c)
        shares[members] = weight[c] * _stationary(chain[members][:, members])
    return shares / shares.sum()


def _stationary(chain: scipy.sparse.csr_array) -> Floats:
    """(n,) the stationary distribution of an irreducible chain: visits between two returns to one of its states."""
    visits = np.ones(chain.shape[0])
    if len(visits) > 1:
        root = _often_visited(chain)
        others = np.delete(np.arange(len(visits)), root)
        back, forth = chain[:, [root]].toarray()[others, 0], chain[[root]].toarray()[0, others]
        visits[others] = expected_visits(chain[others][:, others], forth, back)
    return visits / visits.sum()


def _often_visited(chain: scipy.sparse.csr_array) -> int:
    """A state that is returned to often, as far as some steps show: the sooner, the smaller the error of iteration."""
    mass = np.full(chain.shape[0], 1.0 / chain.shape[0])
    for _ in range(_ROOT_STEPS):
        mass = 0.5 * (mass + chain.T @ mass)
    return int(np.argmax(mass))
