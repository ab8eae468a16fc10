"""`power_front`: the most return that there is at any power-seeking, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_gamma, resolve_model
from power_metrics.chains.occupancy import expected_return, occupancy, start_weights
from power_metrics.comparison.judged import sampled_power
from power_metrics.comparison.references import power_values
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.results.estimate import PowerEstimate
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.transforms import restricted

Floats = NDArray[np.float64]

APART = 1e-9
"""A policy is beyond a line if it is so much of the sizes of return and power-seeking further out."""

MAX_POINTS = 200
"""Corners of a front, at most."""


@dataclass(frozen=True)
class PowerFront(Result):
    """Corners of the front, from the least power-seeking to the most; what lies between two mixes their policies.

    A front is the task's return against power-seeking: no policy, whatever it does, has more return at the same
    power-seeking. Left of its top return is given up to seek less, right of it to seek more.

    Attributes:
        model: the tables, with S states and A actions.
        gamma: the discount.
        power: (S,) POWER of each state.
        power_seeking: (P,) Σ_s d(s) POWER(s), rising.
        expected_return: (P,) E[Σ γ^t r_t] of each corner.
        policies: (P, S, A).
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("S..", reward={(0, 2): 1.0}).tables()
        >>> front = pm.power_front(mdp, gamma=0.5, power=[0.0, 1.0, 0.5])
        >>> front.to_frame().round(3).to_numpy().tolist()  # stay, go to the prize, or stop in the middle
        [[0.0, 0.0], [0.375, 1.0], [0.5, 0.0]]
    """

    model: TabularMDP
    gamma: float
    power_seeking: Annotated[Floats, Dims("point", column="power-seeking")]
    expected_return: Annotated[Floats, Dims("point", column="return")]
    power: Annotated[Floats, Dims("state")]
    policies: Annotated[Floats, Dims("point", "state", "action", least=0)]
    _initial: Annotated[Floats, Dims("state")]

    def best_return(self, power_seeking: float) -> float:
        """The most return at this power-seeking; nan beyond the ends of the front."""
        if not self.power_seeking[0] <= power_seeking <= self.power_seeking[-1]:
            return float("nan")
        return float(np.interp(power_seeking, self.power_seeking, self.expected_return))

    def shortfall(self, policy: Any) -> float:
        """How far a policy (S, A) is behind the front, as a share of the front's width and height.

        The largest number by which both could be better at once: it lies behind each line through two corners, and the
        smallest distance counts, with power-seeking and return on the scales from their lowest to their highest on the
        front. 0 for policies on it. On the left of the top less power-seeking is better, on the right more.
        """
        share = occupancy(self.model, policy, self.gamma, self._initial)
        at = np.array(
            [float(share @ self.power), float(expected_return(self.model, policy, self.gamma, self._initial))]
        )
        corners = np.stack([self.power_seeking, self.expected_return], axis=1)
        size = np.maximum(np.ptp(corners, axis=0), np.finfo(np.float64).tiny)
        corners, at = corners / size, at / size
        lines = np.diff(corners, axis=0)
        lengths = np.hypot(*lines.T)
        out = np.stack([-lines[:, 1], lines[:, 0]], axis=1) / lengths[:, None]
        distances = ((corners[:-1] - at) * out).sum(axis=1)
        return max(0.0, float(distances.min(initial=np.inf)))


def power_front(
    env: Any,
    gamma: float | None = None,
    power: PowerEstimate | Floats | None = None,
    *,
    initial: Any = None,
    max_points: int = MAX_POINTS,
    **power_options: Any,
) -> PowerFront:
    """The Pareto front of the task's return and power-seeking: what giving up, or seeking, POWER costs.

    Every corner is the optimum of the task with a price on POWER, solved exactly; further ones are looked for between
    two that are known until there are none (Aneja & Nair 1979).

    Args:
        env: an environment or a `powerenvs.TabularMDP`, with S states.
        gamma: discount in [0, 1) of return and occupancy. By default that of ``power``, or 0.9.
        power: a `PowerEstimate` of its states, or (S,) numbers; computed with this ``gamma`` when None.
        initial: where episodes start: as for `occupancy`.
        max_points: corners, at most.
        **power_options: how POWER is computed, where it is, as for `compare`.

    Raises:
        ValueError: for an argument that does not fit, worlds in which all policies are as power-seeking, and fronts of
            more corners.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> front = pm.power_front(PowerGrid("S..", reward={(0, 2): 1.0}), gamma=0.5, power=[0.0, 1.0, 0.5])
        >>> front.best_return(0.375), round(front.shortfall(front.policies[1]), 9)
        (1.0, 0.0)
    """
    gamma = check_gamma(gamma if gamma is not None else power.gamma if isinstance(power, PowerEstimate) else 0.9)
    most = check_count("max_points", max_points, least=2)
    mdp = resolve_model(env)
    start = start_weights(mdp, initial)
    if power is None:
        power = sampled_power(mdp, gamma, **power_options)
    elif power_options:
        raise ValueError(f"power: expected None with options of how to compute it ({', '.join(power_options)})")
    search = _Search(mdp, gamma, power_values(power, mdp), start)
    left, right = search.end(-1.0), search.end(1.0)
    size = np.array([np.ptp(search.power), float(np.abs(mdp.reward).max(initial=0.0)) / (1.0 - gamma)])
    if right.at[0] - left.at[0] <= APART * size[0]:
        raise ValueError("env: expected policies that differ in power-seeking, found a world in which none do")
    corners, open_ = [left, right], [(left, right)]
    while open_:
        first, second = open_.pop()
        found = search.beyond(first, second, size)
        if found is not None:
            corners.append(found)
            open_ += [(first, found), (found, second)]
        if len(corners) > most:
            raise ValueError(f"max_points: expected at least as many as the front has corners, found {most}")
    corners.sort(key=lambda corner: corner.at[0])
    points = np.stack([corner.at for corner in corners])
    return PowerFront(
        model=mdp,
        gamma=gamma,
        power_seeking=points[:, 0].copy(),
        expected_return=points[:, 1].copy(),
        power=search.power,
        policies=np.stack([corner.policy for corner in corners]),
        _initial=start,
    )


@dataclass(frozen=True, eq=False)
class _Corner:
    """A policy (S, A), and its power-seeking and return."""

    policy: Floats
    at: Floats


@dataclass(frozen=True, eq=False)
class _Search:
    """Optima of weighted sums of power-seeking and return."""

    mdp: TabularMDP
    gamma: float
    power: Floats
    initial: Floats

    def end(self, sign: float) -> _Corner:
        """Of the policies with the most POWER, or the least, the one with the most return."""
        extreme = optimal_policies(self.mdp, sign * self.power[None], self.gamma).numpy()[0]
        kept = restricted(self.mdp, extreme > 0)
        return self._corner(optimal_policies(kept, None, self.gamma).numpy()[0])

    def beyond(self, first: _Corner, second: _Corner, size: Floats) -> _Corner | None:
        """The policy that is furthest beyond the line through two, if any is."""
        line = (second.at - first.at) / np.maximum(size, np.finfo(np.float64).tiny)
        weights = np.array([-line[1], line[0]]) / np.maximum(size, np.finfo(np.float64).tiny)
        found = self._corner(self._best(*weights.tolist()))
        gain = float((found.at - first.at) @ weights)
        return found if gain > APART * float(np.hypot(*line)) else None

    def _best(self, of_power: float, of_return: float) -> Floats:
        """(S, A) the optimum of a weighted sum. POWER of terminal states, which go on, is paid on entering them."""
        mdp, gamma = self.mdp, self.gamma
        source = np.repeat(np.arange(mdp.num_states), np.diff(mdp.indptr[:: mdp.num_actions]))
        entering = mdp.terminal[mdp.successor]
        seeking = (1.0 - gamma) * self.power[source] + np.where(entering, gamma * self.power[mdp.successor], 0.0)
        reward = np.where(mdp.terminal[source], 0.0, of_return * mdp.reward + of_power * seeking)
        return optimal_policies(mdp.with_(reward=reward), None, gamma).numpy()[0]

    def _corner(self, policy: Floats) -> _Corner:
        share = occupancy(self.mdp, policy, self.gamma, self.initial)
        earned = float(expected_return(self.mdp, policy, self.gamma, self.initial))
        return _Corner(policy, np.array([float(share @ self.power), earned]))
