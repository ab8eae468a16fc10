"""The optimal long-run average of a model's own rewards, which belong to transitions and not to states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import resolve_model
from power_metrics.solvers.average.gain import solve_gain
from power_metrics.solvers.compiled import solver_tables
from powerenvs.model.mdp import TabularMDP


def task_gain(env_or_mdp: Any, *, performance: bool = False) -> NDArray[np.float64]:
    """The optimal long-run average reward of a step from each state, exact to rounding.

    `optimal_gain` on the model in which a choice (s, a) is a state of its own, between s and what follows, that pays
    for it. A step takes two there, so that its average is half as large.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        performance: maximise the hidden performance instead of the observed reward.

    Returns:
        (S,) float64.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.safety import BoatRace
        >>> pm.task_gain(BoatRace()).max(), pm.task_gain(BoatRace(), performance=True).max()
        (np.float64(0.5), np.float64(1.0))
    """
    mdp = resolve_model(env_or_mdp)
    paid = np.concatenate([np.zeros(mdp.num_states), 2.0 * mdp.action_rewards(performance)[mdp.available]])
    gains = solve_gain(solver_tables(_with_choices(mdp)), paid[None], policies=False).gain[0]
    return gains[: mdp.num_states].copy()


def _with_choices(mdp: TabularMDP) -> TabularMDP:
    """The model of S states, which lead to choices, and of as many choices as there are, which lead to states."""
    (S, A), available = mdp.available.shape, mdp.available.ravel()
    counts = np.diff(mdp.indptr)
    choices = int(available.sum())
    sizes = np.zeros((S + choices, A), dtype=np.int64)
    sizes[:S] = mdp.available
    sizes[S:, 0] = counts[available]
    return TabularMDP(
        indptr=np.concatenate([[0], np.cumsum(sizes)]),
        successor=np.concatenate([S + np.arange(choices), mdp.successor]),
        probability=np.concatenate([np.ones(choices), mdp.probability]),
        available=sizes > 0,
    )
