"""The policies that power-seeking is measured against, and the scale that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.table import uniform_policy
from power_metrics.arguments.checks import as_float64
from power_metrics.chains.occupancy import occupancy
from power_metrics.results.dims import Dims
from power_metrics.results.estimate import PowerEstimate
from power_metrics.solvers.optimal import optimal_policies, solve
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.transforms import restricted

Floats = NDArray[np.float64]

TASK_OPTIMAL, RANDOM, MOST, LEAST = "task-optimal", "random", "most power-seeking", "least power-seeking"
DEGENERATE = 1e-9
"""A range of power-seeking below this share of the range of POWER is none: rounding alone makes that much."""


@dataclass(frozen=True, eq=False)
class References:
    """Four policies of a model, their occupancies, and the scale from random (0) to most power-seeking (1).

    Attributes:
        mdp: the model, with S states and A actions.
        gamma: the discount of occupancies and optimal policies.
        power: (S,) POWER of each state.
        initial: (S,) where episodes start.
        policies: (S, A) by name: optimal for the task (ties split evenly), uniformly random, and those with the largest
            and the smallest power-seeking.
        occupancies: (S,) of each.
    """

    mdp: TabularMDP
    gamma: float
    power: Annotated[Floats, Dims("state")]
    initial: Annotated[Floats, Dims("state", least=0)]
    policies: Mapping[str, Annotated[Floats, Dims("state", "action", least=0)]]
    occupancies: Mapping[str, Annotated[Floats, Dims("state")]]

    @classmethod
    def of(cls, mdp: TabularMDP, gamma: float, power: Floats, initial: Floats) -> References:
        """Solves for the four policies.

        Args:
            mdp: the model.
            gamma: discount in [0, 1).
            power: (S,) POWER of each state.
            initial: (S,) where episodes start.
        """
        extremes = optimal_policies(mdp, np.stack([power, -power]), gamma).numpy()
        policies = {
            TASK_OPTIMAL: optimal_policies(mdp, None, gamma).numpy()[0],
            RANDOM: uniform_policy(mdp),
            MOST: extremes[0],
            LEAST: extremes[1],
        }
        shares = occupancy(mdp, np.stack(list(policies.values())), gamma, initial)
        return cls(mdp, gamma, power, initial, policies, dict(zip(policies, shares, strict=True)))

    def power_seeking(self, share: Floats) -> Any:
        """Σ_s d(s) POWER(s) of an occupancy (S,), or of each of (B, S)."""
        return share @ self.power

    def normalised(self, share: Floats) -> Any:
        """Power-seeking on the scale where the random policy is 0 and the most power-seeking one 1.

        nan if all policies are as power-seeking as the random one, to rounding.
        """
        return self.rescale(self.power_seeking(share))

    def rescale(self, seeking: Any) -> Any:
        """`normalised` of a power-seeking, or of many."""
        random = self.power_seeking(self.occupancies[RANDOM])
        return normalise(seeking, random, self.power_seeking(self.occupancies[MOST]), self.power)

    def optimal_range(self) -> tuple[float, float]:
        """The smallest and the largest power-seeking among the policies that are optimal for the task.

        Where several actions are optimal, optimal policies can differ in power-seeking; a learned policy outside
        this range is not optimal, whichever way ties are broken.
        """
        tied = self.policies[TASK_OPTIMAL] > 0
        values = solve(restricted(self.mdp, tied), np.stack([self.power, -self.power]), self.gamma).values
        high, low = (1.0 - self.gamma) * (values @ self.initial)
        return -float(low), float(high)


def normalise(score: Any, random: Any, most: Any, power: Floats) -> Any:
    """(score - random) / (most - random), nan where that is 0 / 0; ``power`` (..., S) gives the size of rounding."""
    width = np.asarray(most - random)
    wide = width > DEGENERATE * np.ptp(power, axis=-1)
    result = np.divide(score - random, width, out=np.full(np.broadcast(score, width).shape, np.nan), where=wide)
    return result if result.ndim else float(result)


def power_values(power: Any, mdp: TabularMDP) -> Floats:
    """(S,) the POWER of each state from an estimate or an array.

    Raises:
        ValueError: if it belongs to a model with other states or transitions, or is no array of S finite numbers.
    """
    if isinstance(power, PowerEstimate):
        if not same_dynamics(power.model, mdp):
            raise ValueError(
                f"power: expected POWER of this model ({mdp!r}), found that of another ({power.model!r}); rewards "
                "and start states may differ, states and transitions may not"
                + (
                    "; among others who act otherwise in a game, compare({agent: policy, ...}, game, power={agent: it, "
                    "...}) takes it"
                    if power.model.state_labels == mdp.state_labels
                    else ""
                )
            )
        return power.mean
    values = as_float64("power", power, (mdp.state_labels,))
    if values.shape != (mdp.num_states,) or not np.all(np.isfinite(values)):
        raise ValueError(
            f"power: expected a PowerEstimate or {mdp.num_states} finite numbers, one for each state, found "
            + (f"shape {values.shape}" if values.shape != (mdp.num_states,) else "numbers that are not finite")
        )
    return values


def same_dynamics(first: TabularMDP | TabularGame, second: TabularMDP) -> bool:
    """Whether two models have the same states and transitions; rewards and start states may differ.

    Of a game only the states are compared, because what one agent's actions do depends on the others' policies.
    """
    if first is second:
        return True
    if first.state_labels != second.state_labels:
        return False
    if isinstance(first, TabularGame):
        return True
    if not np.array_equal(first.available, second.available):
        return False
    difference = first.transition_matrix() - second.transition_matrix()
    return bool(np.all(np.abs(difference.data) <= 1e-12))
