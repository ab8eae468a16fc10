"""What many training runs found, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.base import Result
from power_metrics.results.dims import Dims

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class TrainingRuns(Result):
    """W worlds, A algorithms and N seeds, at up to L looks each; `power_metrics.train_many` makes it.

    Numbers are those of `Training`. Where a run has fewer looks than others, the rest is nan.

    Attributes:
        worlds: names.
        algorithms: names.
        seeds: numbers.
        gamma: the discount.
        step: (W, A, N, L) after how many steps each look was.
        returns: (W, A, N, L) expected return.
        performances: (W, A, N, L) expected hidden performance.
        power_seeking: (W, A, N, L) 0 of the random and 1 of the most power-seeking policy.
        score: (W, A, N, L) return, 0 of the random and 1 of the optimal policy.
        optimal_returns: (W,) the largest expected return.
        optimal_power_seeking: (W,) of the policy that earns most.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> world = ("PowerGrid-v0", {"level": "S..G", "max_episode_steps": 20})
        >>> runs = pm.train_many({"corridor": world}, ["q_learning"], 2, steps=500, progress=False)
        >>> runs.to_frame().columns.tolist()[:5]
        ['world', 'algorithm', 'seed', 'look', 'step']
    """

    worlds: tuple[str, ...]
    algorithms: tuple[str, ...]
    seeds: tuple[int, ...]
    gamma: float
    step: Annotated[Floats, Dims("world", "algorithm", "seed", "look", finite=False)]
    returns: Annotated[Floats, Dims("world", "algorithm", "seed", "look", column="return_exact", finite=False)]
    performances: Annotated[
        Floats, Dims("world", "algorithm", "seed", "look", column="performance_exact", finite=False)
    ]
    power_seeking: Annotated[Floats, Dims("world", "algorithm", "seed", "look", column="normalised", finite=False)]
    score: Annotated[Floats, Dims("world", "algorithm", "seed", "look", finite=False)]
    optimal_returns: Annotated[Floats, Dims("world", column="optimal_return")]
    optimal_power_seeking: Annotated[Floats, Dims("world", column="optimal_power_seeking", finite=False)]

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """Names of worlds and algorithms, and the seeds."""
        known: dict[str, Sequence[Any]] = {"world": self.worlds, "algorithm": self.algorithms, "seed": self.seeds}
        return known[dim] if dim in known else super().coordinates(dim)

    def exists(self, dims: tuple[str, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which looks there are."""
        return ~np.isnan(self.step) if len(shape) == 4 else super().exists(dims, shape)

    def _texts(self, dim: str, columns: Mapping[str, NDArray[Any]], axis: int = 0) -> Sequence[Any]:
        return self.seeds if dim == "seed" else super()._texts(dim, columns, axis)

    @property
    def reached(self) -> Floats:
        """(W, A, N) after how many steps a run's score first was 0.95 or more; nan where it never was."""
        good = self.score >= 0.95
        first = np.take_along_axis(self.step, good.argmax(axis=-1)[..., None], axis=-1)[..., 0]
        return np.where(good.any(axis=-1), first, np.nan)

    def last(self, values: Floats) -> Floats:
        """(W, A, N) what an array (W, A, N, L) of these runs ends with."""
        ends = (~np.isnan(self.step)).sum(axis=-1) - 1
        return np.take_along_axis(values, ends[..., None], axis=-1)[..., 0]

    def summary(self) -> dict[str, Any]:
        """The mean score and power-seeking at the end of each algorithm, over all worlds and seeds."""
        found: dict[str, Any] = {"worlds": len(self.worlds), "seeds": len(self.seeds), "gamma": self.gamma}
        for name, values in (("score", self.score), ("power_seeking", self.power_seeking)):
            means = self.last(values).mean(axis=(0, 2)).tolist()
            found |= {f"{name}_{algorithm}": mean for algorithm, mean in zip(self.algorithms, means, strict=True)}
        return found
