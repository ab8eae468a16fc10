"""V-trace on tables: which policy an off-policy actor-critic evaluates when importance weights are cut.

Espeholt et al. 2018 (arXiv 1802.01561), section 4 and appendix A, with episodes that are followed to their end
(n → ∞). With weights ρ(s, a) = min(ρ̄, π(a|s) / μ(a|s)) and c(s, a) = min(c̄, π(a|s) / μ(a|s)) of a target policy π
and a behaviour policy μ, the expected target of a state is

    R V = V + (I - γ A)⁻¹ (r_ρ + γ M V - e V),

where A, M, r_ρ and e are the transitions, rewards and totals weighted by μ c and by μ ρ. Products μ ρ = min(ρ̄ μ, π)
are taken at once, so that no small probability is divided by.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.arguments.checks import as_float64, check_gamma, check_policy, resolve_model
from power_metrics.chains.evaluation import policy_chain, policy_values
from powerenvs.model import rows
from powerenvs.model.checks import real
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

BLOCK = 256
"""Columns of the operator that are solved for at once."""


@dataclass(frozen=True)
class VTrace:
    """The V-trace operator of a model's own task; `power_metrics.vtrace_operator` makes it.

    Attributes:
        model: the model, with S states and A actions.
        behaviour: (S, A) the policy that acted.
        target: (S, A) the policy that is asked about.
        gamma: the discount.
        rho: the bound on the weights of temporal differences.
        c: the bound on the weights of traces.
        clipped_policy: (S, A) the policy whose values the fixed point has, in proportion to min(rho μ, π).

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "end", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, reward=[0.0, 1.0], initial="a", terminal=["end"])
        >>> behaviour, target = np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[0.1, 0.9], [0.5, 0.5]])
        >>> operator = pm.vtrace_operator(mdp, behaviour, target, gamma=0.9)
        >>> operator.clipped_policy[0].round(4).tolist(), operator.fixed_point.round(4).tolist()
        ([0.1667, 0.8333], [0.9804, 0.0])
        >>> operator.apply(operator.fixed_point).round(4).tolist()
        [0.9804, 0.0]
    """

    model: TabularMDP
    behaviour: Floats
    target: Floats
    gamma: float
    rho: float
    c: float
    clipped_policy: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        mdp = resolve_model(self.model)
        behaviour = _one_policy(self.behaviour, mdp, "behaviour")
        target = np.where(mdp.terminal[:, None], behaviour, _one_policy(self.target, mdp, "target"))
        gamma, rho = check_gamma(self.gamma, closed=True), real(self.rho)
        if not rho > 0:
            raise ValueError(f"rho: expected a number above 0, found {self.rho!r}")
        if not 0 <= real(self.c) <= max(1.0, rho):
            raise ValueError(
                f"c: expected a number from 0 to max(1, rho) = {max(1.0, rho):g}, beyond which V-trace need not "
                f"contract, found {self.c!r}"
            )
        checked = {"behaviour": behaviour, "target": target, "gamma": gamma, "rho": rho, "c": float(self.c)}
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        weights = self._weights(rho)
        apart = np.flatnonzero(~(weights > 0).any(axis=1))
        if apart.size:
            s = int(apart[0])
            raise ValueError(
                f"target: expected in each state an action that the behaviour policy takes too, found none in state "
                f"{s} ({label_text(mdp.state_labels[s])}), of which nothing is learned"
            )
        object.__setattr__(self, "clipped_policy", weights / weights.sum(axis=1, keepdims=True))
        if gamma == 1.0:
            _check_proper(mdp, self.clipped_policy)

    def _weights(self, bound: float) -> Floats:
        """(S, A) min(bound μ, π), 0 where μ is 0 although the bound may be infinite."""
        scaled = np.multiply(bound, self.behaviour, out=np.zeros_like(self.target), where=self.behaviour > 0)
        return np.minimum(scaled, self.target)

    @cached_property
    def fixed_point(self) -> Floats:
        """(S,) the values that the operator keeps: those of `clipped_policy`, whatever ``c`` is."""
        return policy_values(self.model, self.clipped_policy, None, self.gamma).numpy()[0]

    @cached_property
    def target_values(self) -> Floats:
        """(S,) the values of the target policy."""
        return policy_values(self.model, self.target, None, self.gamma).numpy()[0]

    @property
    def bias(self) -> Floats:
        """(S,) by how much the fixed point is above the values of the target policy."""
        return self.fixed_point - self.target_values

    @cached_property
    def bound(self) -> float:
        """The paper's bound on `contraction`, 1 - (1 - γ) β with β = min over states of E_μ[ρ]."""
        return float(1.0 - (1.0 - self.gamma) * self._parts.total.min(initial=1.0))

    @cached_property
    def contraction(self) -> float:
        """The largest factor by which the operator may stretch a difference of values, in the maximum norm.

        Exactly the largest sum of absolute values of a row of its linear part.
        """
        parts, size = self._parts, len(self._parts.total)
        rest = scipy.sparse.csc_array(
            scipy.sparse.diags_array(1.0 - parts.total) + self.gamma * (parts.steps - parts.traces)
        )
        if not size:
            return 0.0
        if rest.data.min(initial=0.0) >= 0.0:  # then no entry of the operator is negative, and its rows are just added
            return float(self._solve(rest @ np.ones(size)).max())
        sums = np.zeros(size)
        for first in range(0, size, BLOCK):
            sums += np.abs(self._solve(rest[:, first : first + BLOCK].toarray())).sum(axis=1)
        return float(sums.max())

    def apply(self, values: Any) -> Floats:
        """(S,) the expected V-trace targets of ``values``, (S,); terminal states are worth 0, whatever is given.

        Raises:
            ValueError: for values of another size, or that are not finite.
        """
        given = as_float64("values", values, (self.model.state_labels,))
        if given.shape != (self.model.num_states,):
            raise ValueError(f"values: expected shape ({self.model.num_states},), found {given.shape}")
        parts, found = self._parts, np.zeros(len(given))
        now = given[parts.moving]
        found[parts.moving] = now + self._solve(parts.reward + self.gamma * (parts.steps @ now) - parts.total * now)
        return found

    @cached_property
    def _parts(self) -> _Parts:
        moving = np.flatnonzero(~self.model.terminal)
        weights, lasting = self._weights(self.rho), self._weights(self.c)
        steps, traces = (policy_chain(self.model, one)[moving][:, moving] for one in (weights, lasting))
        reward = np.einsum("sa,sa->s", weights, self.model.action_rewards(False))
        return _Parts(moving, steps, traces, reward[moving], weights.sum(axis=1)[moving])

    @cached_property
    def _factor(self) -> Any:
        traces = self._parts.traces
        return scipy.sparse.linalg.splu(
            scipy.sparse.csc_array(scipy.sparse.eye_array(traces.shape[0]) - self.gamma * traces)
        )

    def _solve(self, right: Floats) -> Floats:
        """(I - γ A)⁻¹ applied to what may have several columns."""
        solved: Floats = self._factor.solve(right) if right.size else right
        return solved


@dataclass(frozen=True)
class _Parts:
    """What the operator is made of, in the N states that do not end an episode.

    Attributes:
        moving: (N,) which they are.
        steps: (N, N) sparse, M.
        traces: (N, N) sparse, A.
        reward: (N,) r_ρ.
        total: (N,) e.
    """

    moving: NDArray[np.intp]
    steps: Any
    traces: Any
    reward: Floats
    total: Floats


def vtrace_operator(
    env_or_mdp: Any, behaviour: Any, target: Any, gamma: float, *, rho: float = 1.0, c: float = 1.0
) -> VTrace:
    """The V-trace operator of a model's own task, exactly: fixed point, contraction, and bias of what is learned.

    An off-policy learner that cuts its importance weights at ``rho`` does not learn the values of its target policy π,
    but of a policy between π and the behaviour policy μ (Espeholt et al. 2018, arXiv 1802.01561, theorem 1).

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        behaviour: (S, A) action probabilities of μ, which acted.
        target: (S, A) action probabilities of π, which is asked about.
        gamma: discount in [0, 1]; at 1 episodes have to end under the policy that is evaluated.
        rho: the bound on the weights of temporal differences, above 0; infinity cuts nothing.
        c: the bound on the weights of traces, at least 0 and at most max(1, rho), beyond which the operator need not
            contract. It changes how fast values settle, not where.

    Raises:
        ValueError: for an argument that does not fit, and where π never does what μ does, since nothing is learned of
            such a state.

    Example:
        >>> import gymnasium as gym, numpy as np, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S.G", noise=0.2)
        >>> behaviour = np.full((3, 5), 0.2)
        >>> target = np.eye(5)[[3, 3, 4]]
        >>> operator = pm.vtrace_operator(env, behaviour, target, gamma=0.9)
        >>> operator.contraction <= operator.bound
        True
    """
    return VTrace(resolve_model(env_or_mdp), behaviour, target, gamma, rho, c)


def vtrace_fixed_point(
    env_or_mdp: Any, behaviour: Any, target: Any, gamma: float, rho: float = 1.0, c: float = 1.0
) -> Floats:
    """(S,) the values that V-trace settles on in a model's own task; see `power_metrics.vtrace_operator`.

    Raises:
        ValueError: as `power_metrics.vtrace_operator` does.

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "end", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, reward=[0.0, 1.0], initial="a", terminal=["end"])
        >>> behaviour, target = np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[0.1, 0.9], [0.5, 0.5]])
        >>> pm.vtrace_fixed_point(mdp, behaviour, target, gamma=0.9, rho=100.0).round(4).tolist()
        [0.989, 0.0]
    """
    return vtrace_operator(env_or_mdp, behaviour, target, gamma, rho=rho, c=c).fixed_point


def _one_policy(policy: Any, mdp: TabularMDP, name: str) -> Floats:
    checked = check_policy(policy, mdp, name)
    if checked.ndim != 2:
        raise ValueError(f"{name}: expected one policy, (S, A), found shape {checked.shape}")
    return checked


def _check_proper(mdp: TabularMDP, policy: Floats) -> None:
    """Raises a ValueError unless episodes end for sure, from every state."""
    back = policy_chain(mdp, policy).T.tocsr()
    ending = rows.reachable(back.indptr, back.indices, mdp.terminal)
    if not ending.all():
        s = int(np.flatnonzero(~ending)[0])
        raise ValueError(
            f"gamma: expected a discount below 1, found 1 where episodes need not end: not from state {s} "
            f"({label_text(mdp.state_labels[s])}) under the policy that is evaluated"
        )
