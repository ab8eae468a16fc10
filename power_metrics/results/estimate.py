"""`PowerEstimate`: POWER of every state, with its errors and where it came from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import NormalDist
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_level
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

EXACT = ("enumeration", "closed_form")
"""The methods that leave no error of the expectation."""


@dataclass(frozen=True)
class PowerEstimate(Result):
    """POWER of the S states of a model.

    Attributes:
        model: the tables that were solved; of one agent also as ``mdp``, of two a `powerenvs.TabularGame`.
        gamma: the discount.
        mean: (S,) float64, POWER of each state, in units of reward.
        standard_error: (S,) float64, of ``mean``; nan where it is not known: for a single reward function, and for
            rewards with infinite variance.
        num_samples: the number of reward functions.
        reward: the distribution, in words.
        method: how the expectation was taken: ``"monte_carlo"``, ``"antithetic"`` or ``"sobol"``, each perhaps
            followed by ``" with control variates"``; ``"enumeration"``, ``"closed_form"``; ``"given_rewards"`` for
            reward functions that were given.
        seed: of the draws; None where nothing was drawn.
        residual: the largest Bellman residual of any solve, as a share of max|V|; at γ = 1 the largest violation of
            the optimality equations of the average reward, likewise.
        max_iterations: the most sweeps or policies that a solve took.
        mean_iterations: the mean of that.
        seconds: wall-clock time.
        cpu_seconds: processor time, of all threads.
        replicates: the number of independent draws behind ``standard_error`` where they are few: of single reward
            functions or antithetic pairs below 1,000, or the point sets of ``method="sobol"``; intervals then use
            Student's t with one degree of freedom less. None where they are many.
        exact: POWER of each state as a fraction, from ``method="closed_form"``; else None.
        notes: what a reader has to know besides the numbers, such as that rewards have infinite variance.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> found = pm.power(turner_figure_1(), 0.9, num_samples=100, progress=False)
        >>> found.method, found.num_samples
        ('monte_carlo', 100)
        >>> found["star"] == found.mean[0]
        np.True_
        >>> low, high = found.confidence_interval(0.95)
        >>> bool((low < high).all())
        True
    """

    model: TabularMDP | TabularGame
    gamma: float
    mean: Annotated[Floats, Dims("state", column="power")]
    standard_error: Annotated[Floats, Dims("state", finite=False, least=0)]
    num_samples: int
    reward: str
    method: str
    seed: int | None
    residual: float
    max_iterations: int
    mean_iterations: float
    seconds: float = field(compare=False)
    cpu_seconds: float = field(compare=False)
    replicates: int | None = None
    exact: tuple[Fraction, ...] | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)
    _samples: Annotated[Floats | None, Dims("sample", "state")] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.gamma <= 1 or self.num_samples < (self.exact is None) or (self.replicates or 2) < 2:
            raise ValueError(f"expected a discount in [0, 1] and counts of at least 1, found {self.facts()}")
        if self.exact is not None and len(self.exact) != self.model.num_states:
            raise ValueError(f"exact: expected {self.model.num_states} fractions, found {len(self.exact)}")

    @property
    def mdp(self) -> TabularMDP:
        """The tables that were solved, of one agent.

        Raises:
            ValueError: if they are those of a game, which ``model`` gives.
        """
        if not isinstance(self.model, TabularMDP):
            raise ValueError(f"mdp: expected POWER in a model of one agent, found {self.model!r}; use .model")
        return self.model

    @property
    def is_exact(self) -> bool:
        """Whether the expectation was worked out, not estimated: that no draw differed from others proves nothing."""
        return self.method in EXACT

    @property
    def samples(self) -> NDArray[np.float64]:
        """(num_samples, S) float64: POWER under each single reward function.

        Raises:
            ValueError: if they were not kept.
        """
        if self._samples is None:
            raise ValueError("samples: not kept; call power(..., keep_samples=True)")
        return self._samples

    def confidence_interval(self, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(low, high)``, each (S,): the interval that covers POWER with probability ``level``.

        A normal interval, or Student's where there are few ``replicates``. Nan where there is no standard error.

        Raises:
            ValueError: unless 0 < level < 1.
        """
        half = critical_value(level, self.replicates) * self.standard_error
        return self.mean - half, self.mean + half

    def summary(self) -> dict[str, Any]:
        """POWER averaged over states, its range, and the number of reward functions."""
        return {
            "power": float(self.mean.mean()),
            "lowest": float(self.mean.min()),
            "highest": float(self.mean.max()),
            "num_samples": self.num_samples,
        }

    def __getitem__(self, label: Any) -> float:
        """POWER of the state with this label."""
        return float(self.mean[self.model.index(label)])

    def __repr__(self) -> str:
        high, low = int(np.argmax(self.mean)), int(np.argmin(self.mean))

        def state(s: int) -> str:
            error = float(self.standard_error[s])
            digits = 4 if not error > 0 else min(12, max(4, 1 - math.floor(math.log10(error))))
            label = label_text(self.model.state_labels[s])
            return f"{label} {self.mean[s]:.{digits}f} ± {error:.{digits}f} standard error"

        return (
            f"PowerEstimate({self.model.num_states} states, gamma={self.gamma}, {self.num_samples:,} reward functions, "
            f"{self.reward}; highest {state(high)}, lowest {state(low)}{''.join(f'; {note}' for note in self.notes)})"
        )


def critical_value(level: float, replicates: int | None = None) -> float:
    """How many standard errors an interval of this level goes to each side.

    Raises:
        ValueError: unless 0 < level < 1.
    """
    check_level(level)
    quantile = 0.5 + float(level) / 2
    if replicates is None:
        return NormalDist().inv_cdf(quantile)
    from scipy.special import stdtrit

    return float(stdtrit(replicates - 1, quantile))
