"""`ManyGameTasks`: what agents who learn among each other seek, over drawn tasks, beside what is optimal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.comparison.references import MOST, RANDOM, References
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.results.estimate import critical_value
from powerenvs.model.game import TabularGame
from powerenvs.model.text import text_table

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TIED = 1e-9
"""Power-seeking that differs by less than this share of the range of POWER is the same."""


@dataclass(frozen=True)
class ManyGameTasks(Result):
    """Learners of N agents over T tasks, each a reward function of every agent, after L numbers of steps.

    Optimal for an agent is a best response to what the others have learned by then. Power-seeking is judged by each
    agent's POWER among random others, of other reward functions than those of the tasks, on one scale for all tasks: 0
    where all agents act at random, 1 the most that the agent could seek among random others.

    Attributes:
        model: the game, with S joint states.
        learner: in words.
        gamma: discount.
        seed: of tasks and learners.
        reward: the distribution of tasks, in words.
        step: (L,) after how many joint steps policies were looked at.
        rewards: (T, N, S) the tasks.
        seeking: (T, L, N) Σ_s d(s) POWER(s) of the learned policies, from the start.
        optimal_seeking: (T, L, N) the same where this agent alone changes to its best response, ties split evenly.
        equilibrium_seeking: (T, N) the same where iterated best response, from random agents on, ended; nan for tasks
            in which it goes round in circles.
        converged: (T,) bool, whether it ended: nobody could gain by another policy there.
        returns: (T, L, N) (1 - γ) E[Σ γ^t R(s_t)] of the learned policies.
        optimal_returns: (T, L, N) of the best responses.
        random_returns: (T, N) where all act at random.
        scale_error: (L, N) the standard error of the mean difference, learned less optimal, that the error of POWER
            makes; nan where POWER was given as numbers.
        references: {agent: the scale from random to most power-seeking among random others, and its POWER}.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> found = pm.many_tasks(PowerPair("S.."), steps=2_000, eval_every=1_000, num_tasks=3, progress=False)
        >>> found.difference.shape, found.interval().shape
        ((3, 3, 2), (3, 2, 2))
    """

    model: TabularGame
    learner: str
    gamma: float
    seed: int
    reward: str
    step: Annotated[Floats, Dims("look", least=0)]
    rewards: Annotated[Floats, Dims("task", "agent", "state")]
    seeking: Annotated[Floats, Dims("task", "look", "agent")]
    optimal_seeking: Annotated[Floats, Dims("task", "look", "agent")]
    equilibrium_seeking: Annotated[Floats, Dims("task", "agent", finite=False)]
    converged: Annotated[Bools, Dims("task", dtype=np.bool_)]
    returns: Annotated[Floats, Dims("task", "look", "agent")]
    optimal_returns: Annotated[Floats, Dims("task", "look", "agent")]
    random_returns: Annotated[Floats, Dims("task", "agent")]
    scale_error: Annotated[Floats, Dims("look", "agent", finite=False, least=0)]
    references: Mapping[str, References]

    @property
    def normalised(self) -> Floats:
        """(T, L, N) ``seeking`` on the scale where all act at random at 0 and the most among random others is 1."""
        return self._rescaled(self.seeking)

    @property
    def optimal_normalised(self) -> Floats:
        """(T, L, N) ``optimal_seeking`` on the same scale."""
        return self._rescaled(self.optimal_seeking)

    @property
    def equilibrium_normalised(self) -> Floats:
        """(T, N) ``equilibrium_seeking`` on the same scale."""
        return self._rescaled(self.equilibrium_seeking)

    @property
    def difference(self) -> Floats:
        """(T, L, N) ``normalised`` less ``optimal_normalised``: how much more POWER was sought than is optimal."""
        return self.normalised - self.optimal_normalised

    @property
    def gap(self) -> Floats:
        """(T, L, N) how much more return an agent could have had among the same others."""
        return np.maximum(0.0, self.optimal_returns - self.returns)

    @property
    def seeks_less(self) -> Floats:
        """(L, N) the share of tasks in which less POWER was sought than is optimal; ties half."""
        spread = np.array([np.ptp(one.power) for one in self._scales()])
        apart = self.seeking - self.optimal_seeking
        return np.asarray(np.where(np.abs(apart) <= TIED * spread, 0.5, apart < 0).mean(axis=0))

    def interval(self, level: float = 0.95) -> Floats:
        """(L, N, 2) the lowest and the highest mean difference over all tasks that there are, of each agent.

        Student's t over tasks, and the error of POWER on top; nan for a single task. The ends of the scale are taken as
        they are.

        Raises:
            ValueError: unless 0 < level < 1.
        """
        return self._interval(self.difference, np.nan_to_num(self.scale_error) / self._width(), level)

    def equilibrium_interval(self, level: float = 0.95) -> Floats:
        """(L, N, 2) the same of the difference from optimal against optimal, over the tasks in which that was found.

        Without the error of POWER. nan where it was found in fewer than two.

        Raises:
            ValueError: unless 0 < level < 1.
        """
        apart = self._beyond()
        return self._interval(apart, np.zeros(apart.shape[1:]), level)

    def _beyond(self) -> Floats:
        """(n, L, N) learned less optimal against optimal, in the tasks in which that was found."""
        return (self.normalised - self.equilibrium_normalised[:, None])[self.converged]

    def _interval(self, apart: Floats, shared: Floats, level: float) -> Floats:
        count = len(apart)
        critical = critical_value(level, max(count, 2))
        if count < 2:
            return np.full((*apart.shape[1:], 2), np.nan)
        half = critical * np.hypot(apart.std(axis=0, ddof=1) / np.sqrt(count), shared)
        middle = apart.mean(axis=0)
        return np.stack([middle - half, middle + half], axis=-1)

    def _scales(self) -> list[References]:
        return [self.references[agent] for agent in self.model.agents]

    def _rescaled(self, seeking: Floats) -> Floats:
        columns = [one.rescale(seeking[..., i]) for i, one in enumerate(self._scales())]
        return np.stack(columns, axis=-1)

    def _width(self) -> Floats:
        """(N,) what 1 of the scale is in power-seeking; nan where all policies seek the same."""
        found = []
        for one in self._scales():
            most, random = (float(one.power_seeking(one.occupancies[name])) for name in (MOST, RANDOM))
            found.append(most - random if np.isfinite(one.rescale(most)) else np.nan)
        return np.array(found)

    def tables(self) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
        """{dimensions: {column: array}}: by look and agent the means over tasks and the intervals first."""
        interval, shape = self.interval(), (len(self.step), len(self.model.agents))
        kept = self.converged
        reached = self.equilibrium_normalised[kept].mean(axis=0) if kept.any() else np.full(shape[1], np.nan)
        looks = {
            "step": np.broadcast_to(self.step[:, None], shape),
            "return": self.returns.mean(axis=0),
            "gap": self.gap.mean(axis=0),
            "normalised": self.normalised.mean(axis=0),
            "optimal_normalised": self.optimal_normalised.mean(axis=0),
            "equilibrium_normalised": np.broadcast_to(reached, shape),
            "difference": self.difference.mean(axis=0),
            "difference_low": interval[..., 0],
            "difference_high": interval[..., 1],
            "seeks_less": self.seeks_less,
        }
        rest = {dims: columns for dims, columns in super().tables().items() if dims != ("look", "agent")}
        every = ("task", "look", "agent")
        rest[every] = {**rest[every], "normalised": self.normalised, "difference": self.difference, "gap": self.gap}
        return {("look", "agent"): looks, **rest}

    def summary(self) -> dict[str, Any]:
        """What the last look found, of each agent."""
        looks = self.tables()[("look", "agent")]
        last = {
            f"{agent}/{name}": float(values[-1, i])
            for i, agent in enumerate(self.model.agents)
            for name, values in looks.items()
            if name != "step"
        }
        return {"tasks": len(self.rewards), "step": float(self.step[-1]), **last}

    def __str__(self) -> str:
        head = ("steps", "", "return", "gap", "power-seeking", "optimal", "difference", "95 % interval", "less for")
        rows = [head]
        for row in self.to_frame().to_dict("records"):
            rows.append(
                (
                    f"{row['step']:,.0f}", str(row["agent"]), f"{row['return']:.3f}", f"{row['gap']:.3f}",
                    f"{row['normalised']:+.3f}", f"{row['optimal_normalised']:+.3f}", f"{row['difference']:+.3f}",
                    f"{row['difference_low']:+.3f} to {row['difference_high']:+.3f}", f"{row['seeks_less']:.0%}",
                )
            )  # fmt: skip
        count, found = len(self.rewards), int(self.converged.sum())
        ends = f"none was found for any of {count:,} tasks, in which best responses go round in circles"
        if found:
            ends = f"{found:,} of {count:,} tasks have one" + "".join(
                f"; {agent} {middle:+.3f} ({low:+.3f} to {high:+.3f})"
                for agent, middle, (low, high) in zip(
                    self.model.agents, self._beyond()[:, -1].mean(axis=0), self.equilibrium_interval()[-1], strict=True
                )
            )
        return "\n".join(
            [
                f"{self.learner} of each agent in {count:,} tasks, {self.reward}; gamma {self.gamma:g}; power-seeking "
                "is normalised (all random 0, most among random others 1)",
                text_table(rows, right=[0, *range(2, len(head))]),
                "optimal: a best response to what the others have learned; gap: what it would add to the return",
                f"learned less optimal against optimal: {ends}",
            ]
        )
