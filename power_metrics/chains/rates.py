"""What a fixed policy earns for each step, in both channels: the observed reward and the hidden performance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_gamma, check_policy, resolve_model
from power_metrics.chains.occupancy import average_occupancy, occupancy
from power_metrics.results.shown import Shown

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]


class _Averages(NamedTuple):
    observed: float | Floats
    true: float | Floats


class Rates(Shown, _Averages):
    """Average rewards for each step: numbers, or (B,) of B policies.

    Attributes:
        observed: of what the agent is paid.
        true: of the hidden performance.

    Example:
        >>> import power_metrics as pm
        >>> pm.Rates(observed=1.0, true=0.0).true
        0.0
    """

    __slots__ = ()

    def to_frame(self) -> pandas.DataFrame:
        """A row for each policy."""
        import pandas

        return pandas.DataFrame({name: np.atleast_1d(values) for name, values in self._asdict().items()})

    def __str__(self) -> str:
        return repr(self)


def long_run_rates(env_or_mdp: Any, policy: Any, gamma: float | None = None, initial: Any = None) -> Rates:
    """The average observed and true reward of a step, exactly: in the long run, or discounted.

    In the long run lim 1/T E[Σ_{t<T} r_t]; with a discount (1 - γ) E[Σ_t γ^t r_t], which is in the same units. Where
    the policy may end up in one of several parts of the model, each part counts with its probability *from the start*.
    Episodes that end stay in their terminal state, which pays nothing: there the long-run average is 0.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        policy: (S, A) action probabilities, or (B, S, A) for B policies.
        gamma: a discount in [0, 1), or None for the long run.
        initial: where to start: as for `occupancy`.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import gymnasium as gym, numpy as np, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs/CorruptReward-v0", level="C.")
        >>> rates = pm.long_run_rates(env, np.full((2, 5), 0.2))  # three of five actions bump
        >>> round(rates.observed, 12), round(rates.true, 12)
        (0.22, 0.02)
    """
    mdp = resolve_model(env_or_mdp)
    policies = check_policy(policy, mdp)
    if gamma is None:
        shares = average_occupancy(mdp, policies, initial)
    else:
        shares = occupancy(mdp, policies, check_gamma(gamma), initial)
    return rates_of(mdp, policies, shares)


def rates_of(mdp: Any, policies: Floats, shares: Floats) -> Rates:
    """The rates of policies (..., S, A) that spend these shares (..., S) of their time in each state."""
    weights = shares[..., None] * policies
    found = [(weights * mdp.action_rewards(performance)).sum(axis=(-2, -1)) for performance in (False, True)]
    return Rates(*(float(one) if one.ndim == 0 else one for one in found))
