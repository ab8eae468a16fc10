"""`deviation`: how far a state is from a baseline state, in what can be reached or attained from it.

The penalties of relative reachability (Krakovna et al., arXiv 1806.01186) and attainable utility preservation (Turner
et al., arXiv 1902.09725) are such deviations; `power_metrics.measures.side_effects` has the agents that pay them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import resolve_model
from power_metrics.measures.deviating import Deviating
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Deviations(Result):
    """How far each of S states is from each as a baseline.

    Attributes:
        model: the tables.
        measure: "relative_reachability", "unreachability" or "attainable_utility".
        function: "truncation" or "absolute"; unreachability has only the first.
        rollouts: whether states are compared by what follows when nothing is done.
        gamma: the discount of rollouts.
        value_discount: that of reachability, or of auxiliary rewards.
        values: (S, S) the deviation of each state from each baseline state.
        rollout_steps: for how many steps nothing is done; None for all.
        averaged: over which states relative reachability is averaged; see `deviation`.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.side_effects import Vase
        >>> found = pm.deviation(Vase(), rollouts=False)
        >>> start, on_vase = 0, found.model.P[0][0][0][1]
        >>> bool(found.values[on_vase, start] > found.values[start, on_vase])
        True
    """

    model: TabularMDP
    measure: str
    function: str
    rollouts: bool
    gamma: float
    value_discount: float
    values: Annotated[Floats, Dims("state", "baseline", column="deviation", least=0)]
    rollout_steps: int | None = field(default=None, kw_only=True)
    averaged: str = field(default="nonterminal", kw_only=True)

    def coordinates(self, dim: str) -> Any:
        """See `power_metrics.Result.coordinates`."""
        return self.model.state_labels if dim == "baseline" else super().coordinates(dim)


@measure()
def deviation(
    env_or_mdp: Any,
    measure: str = "relative_reachability",
    function: str = "truncation",
    rollouts: bool = True,
    gamma: float = 0.99,
    value_discount: float = 0.99,
    default: str | Any = "noop",
    *,
    rollout_steps: int | None = None,
    averaged: str = "nonterminal",
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    rewards: Any = None,
    max_gib: float = 4.0,
    progress: bool | None = None,
) -> Generator[None, None, Deviations]:
    """How far each state is from each other as a baseline, in what can be reached or attained from it.

    R is reachability (`reachability`), V_i the optimal values of auxiliary reward functions, g the value discount,
    and f(x) is max(0, x) for truncation and |x| for absolute. The deviation of s from b is

    - for "unreachability" 1 - R(s, b);
    - for "relative_reachability" the mean over states x, see ``averaged``, of f(R(b, x) - R(s, x));
    - for "attainable_utility" 1 - g times the mean over i of f(V_i(b) - V_i(s)). Without f, with the draws of `power`
      at discount g and in a model without terminal states, it would be g times the POWER that is lost plus 1 - g times
      the mean reward that is lost.

    With rollouts, R(s, .) and V(s) are averages over what follows from s when nothing is done, and unreachability is
    the average of 1 - R over what follows from both s and b; weights are (1 - gamma) gamma^k. With n steps the last
    has the weight gamma^n.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        measure: "relative_reachability", "unreachability" or "attainable_utility".
        function: "truncation": only what is lost counts; "absolute": what is gained as well.
        rollouts: whether to compare by what follows when nothing is done.
        gamma: discount of rollouts, in [0, 1).
        value_discount: of reachability, in [0, 1], or of auxiliary rewards, in [0, 1).
        default: how nothing is done: an action ("noop" may also be called "stay"), or a policy (S, A). Where it would
            end the episode, the world stays as it is.
        rollout_steps: how many steps n nothing is done for in rollouts; None for all that follow.
        averaged: over which states relative reachability is averaged: "nonterminal", those that do not end the episode
            (what the original comes to when it has seen all); "all"; or "reachable", those among the first that can
            be reached from the state or from the baseline state.
        reward: the distribution of auxiliary reward functions; terminal states have none.
        num_samples: how many to draw; by default 10.
        seed: of the draws, which are those of `power` with the same seed.
        rewards: (n, S): exactly these auxiliary reward functions instead.
        max_gib: tables (S, S) above this size, in GiB, are refused before any work.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> pm.deviation(PowerGrid(".."), value_discount=0.5).values.tolist()
        [[0.0, 0.25], [0.25, 0.0]]
    """
    mdp = resolve_model(env_or_mdp)
    settings = Deviating.checked(
        mdp, measure=measure, function=function, rollouts=rollouts, rollout_steps=rollout_steps, averaged=averaged,
        gamma=gamma, value_discount=value_discount, default=default, reward=reward, num_samples=num_samples, seed=seed,
        rewards=rewards, max_gib=max_gib, progress=progress,
    )  # fmt: skip
    yield
    states = np.arange(mdp.num_states, dtype=np.int32)
    return Deviations(
        mdp, measure, function, settings.rollouts, settings.gamma, settings.value_discount,
        settings.between(states[:, None], states[None]), rollout_steps=settings.rollout_steps, averaged=averaged,
    )  # fmt: skip
