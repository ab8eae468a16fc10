"""`side_effect_map`: POWER gained, options lost and utility lost by each action, on one map."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_gamma, resolve_model
from power_metrics.measures.deviating import Deviating
from power_metrics.measures.power import power
from power_metrics.measures.registry import measure
from power_metrics.measures.side_effects import follow
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

SAME = 1e-9
"""Numbers that differ by less are alike: they are sums of rounded ones."""


@dataclass(frozen=True)
class SideEffectMap(Result):
    """What each action changes, compared with doing nothing in its place.

    Attributes:
        model: the tables, with S states and A actions.
        gamma: γ of POWER, of auxiliary rewards and of reachability.
        rollouts: whether options and utilities are compared by what follows when nothing is done.
        num_samples: reward functions, of POWER and of utility.
        power_gained: (S, A) expected POWER of where the action leads, less that of where doing nothing leads; nan for
            actions that do not exist and those that may end the episode.
        options_lost: (S, A) the expected deviation by truncated relative reachability; nan likewise.
        utility_lost: (S, A) that by truncated attainable utility; nan likewise.
        changes: (S, A) whether the action may lead elsewhere than doing nothing does.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.side_effects import Vase
        >>> found = pm.side_effect_map(Vase(), num_samples=100, progress=False)
        >>> {name: round(r, 1) for name, r in found.correlations().items()}
        {'options lost': -0.9, 'utility lost': -0.9}
    """

    model: TabularMDP
    gamma: float
    rollouts: bool
    num_samples: int
    power_gained: Annotated[Floats, Dims("state", "action", column="power_gained", finite=False)]
    options_lost: Annotated[Floats, Dims("state", "action", column="options_lost", finite=False, least=0)]
    utility_lost: Annotated[Floats, Dims("state", "action", column="utility_lost", finite=False, least=0)]
    changes: Annotated[NDArray[np.bool_], Dims("state", "action", dtype=np.bool_)]

    def correlations(self) -> Mapping[str, float]:
        """{"options lost" and "utility lost": rank correlation with POWER gained} over actions that change something.

        Ranks of equal numbers are their mean (Spearman); nan where one of both is the same for all actions.
        """
        from scipy.stats import rankdata

        counted = self.changes & np.isfinite(self.power_gained)
        ranks = [
            rankdata(np.round(values[counted] / SAME))
            for values in (self.power_gained, self.options_lost, self.utility_lost)
        ]
        found = {}
        for name, lost in zip(("options lost", "utility lost"), ranks[1:], strict=True):
            varied = counted.any() and np.ptp(ranks[0]) > 0 and np.ptp(lost) > 0
            found[name] = float(np.corrcoef(ranks[0], lost)[0, 1]) if varied else float("nan")
        return found


@measure()
def side_effect_map(
    env_or_mdp: Any,
    gamma: float = 0.9,
    rollouts: bool = True,
    default: str | Any = "noop",
    *,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int = 1_000,
    seed: int | None = 0,
    max_gib: float = 4.0,
    progress: bool | None = None,
) -> Generator[None, None, SideEffectMap]:
    """POWER gained, options lost and attainable utility lost by each action, compared with doing nothing in its place.

    Does who avoids side effects not seek power? POWER is the mean of what can be attained for many reward functions,
    attainable utility lost is the mean of its falls, and options are what can be reached: three views of one thing.
    Of the first the sign counts, of the other two only losses do.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        gamma: discount in (0, 1) of POWER, of auxiliary rewards, of reachability and of rollouts.
        rollouts: whether options and utilities are compared by what follows when nothing is done.
        default: how nothing is done: an action ("noop" may also be called "stay"), or a policy (S, A).
        reward: the distribution of reward functions.
        num_samples: how many to draw, for POWER and for attainable utility alike.
        seed: of the draws.
        max_gib: tables (S, S) above this size, in GiB, are refused before any work.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.side_effects import Options
        >>> found = pm.side_effect_map(Options(), num_samples=100, progress=False)
        >>> down = 1  # the box is pushed into the corner
        >>> bool(found.power_gained[0, down] < 0 < found.options_lost[0, down])
        True
    """
    mdp, count = resolve_model(env_or_mdp), check_count("num_samples", num_samples)
    gamma = check_gamma(gamma)
    if gamma == 0:
        raise ValueError("gamma: expected a discount above 0, found 0; nothing can be lost where nothing follows")
    shared: dict[str, Any] = {
        "function": "truncation", "rollouts": rollouts, "rollout_steps": None, "averaged": "nonterminal",
        "gamma": gamma, "value_discount": gamma, "default": default, "reward": reward, "num_samples": count,
        "seed": seed, "rewards": None, "max_gib": max_gib, "progress": progress,
    }  # fmt: skip
    options = Deviating.checked(mdp, measure="relative_reachability", **shared)
    utilities = Deviating.checked(mdp, measure="attainable_utility", **shared)
    yield
    S, A = mdp.available.shape
    value = power(mdp, gamma, reward, count, seed, progress=progress).mean
    state, after, (entry, probability) = follow(mdp, options.chain, "stepwise", False, np.arange(S) * (S + 1))
    row = np.searchsorted(mdp.indptr, entry, side="right") - 1
    ended = np.bincount(row, mdp.terminal[mdp.successor[entry]] | mdp.terminal[state], S * A) > 0
    there, instead = np.divmod(after, S)

    def expected(values: Any) -> Floats:
        found = np.asarray(np.bincount(row, probability * values, S * A), dtype=np.float64)
        found[ended | ~mdp.available.ravel()] = np.nan
        return found.reshape(S, A)

    gained = expected(value[there] - value[instead])
    changes = (np.bincount(row, there != instead, S * A) > 0).reshape(S, A)
    lost, unattained = (np.maximum(expected(each.between(there, instead)), 0.0) for each in (options, utilities))
    return SideEffectMap(mdp, gamma, options.rollouts, count, gained, lost, unattained, changes)
