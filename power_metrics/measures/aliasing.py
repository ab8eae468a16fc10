"""`aliasing`: which states look alike, and where that misleads."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_gamma, resolve_model
from power_metrics.arguments.views import check_views
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.solvers.optimal import solve_task
from powerenvs.model.mdp import TabularMDP

TIED = 1e-9
"""Actions are as good as the best one if they are worse by at most this share of the largest value."""


@dataclass(frozen=True)
class Aliasing(Result):
    """Which of S states look alike.

    Attributes:
        model: the tables.
        gamma: discount.
        alike: (S,) how many states look as this one does, itself among them; 1 where it is told apart.
        split: (S,) whether no action is optimal for the task in all states that look as this one does, terminal ones
            left out: an optimal agent has to remember something there.
        views: (S,) the number of what is seen in each state.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.labs import Watermaze
        >>> found = pm.aliasing(Watermaze(radius=1, triggers=1))
        >>> found.num_views, int(found.alike.max()), bool(found.split.any())
        (20, 5, True)
    """

    model: TabularMDP
    gamma: float
    alike: Annotated[NDArray[np.int64], Dims("state", least=1, dtype=np.int64)]
    split: Annotated[NDArray[np.bool_], Dims("state", dtype=np.bool_)]
    views: Annotated[NDArray[np.int64], Dims("state", column="view", least=0, dtype=np.int64)]

    @property
    def num_views(self) -> int:
        """How many different views there are."""
        return int(self.views.max()) + 1


@measure()
def aliasing(env_or_mdp: Any, observations: Any = None, gamma: float = 0.9) -> Generator[None, None, Aliasing]:
    """Which states look alike to an agent, and where no single action is right for all that look alike.

    Perceptual aliasing (Whitehead & Ballard 1991): states with equal observations cannot be told apart by an agent
    without memory. It does harm where they need different actions.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        observations: (S, ...) what is seen in each state; equal entries look alike. None for what the environment
            shows, or for its board where it shows the state itself.
        gamma: discount in [0, 1), of the task for which actions are optimal.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.aliasing(PowerGrid("S.G.S"), observations=[0, 1, 2, 1, 0])
        >>> found.alike.tolist(), found.split.tolist()  # left of the goal one has to go right, and right of it left
        ([2, 2, 1, 2, 2], [True, True, False, True, True])
    """
    mdp, gamma = resolve_model(env_or_mdp), check_gamma(gamma)
    views = check_views(env_or_mdp, mdp, observations)
    yield
    values = solve_task(mdp, gamma).values[0]
    follow = mdp.transition_matrix() @ values
    q = np.where(mdp.available, mdp.action_rewards() + gamma * follow.reshape(mdp.available.shape), -np.inf)
    best = q >= q.max(axis=1, keepdims=True) - TIED * max(np.abs(values).max(), 1e-300)
    good = np.ones((views.max() + 1, mdp.num_actions), dtype=bool)
    acting = ~mdp.terminal
    np.logical_and.at(good, views[acting], best[acting])
    torn: NDArray[np.bool_] = ~good.any(axis=1)  # type: ignore[assignment]
    split = torn[views] & acting
    return Aliasing(mdp, gamma, np.bincount(views)[views], split, views)
