"""Reward distributions that torch has and we do not."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from power_metrics.rewards.distributions import Draws, Shape

if TYPE_CHECKING:
    import torch

_torch_lock = threading.Lock()

_ALL_MOMENTS = {
    *("Binomial", "Chi2", "Exponential", "Gamma", "Geometric", "Gumbel", "HalfNormal", "Laplace", "LogNormal"),
    *("NegativeBinomial", "Normal", "Poisson", "VonMises", "Weibull"),
}

_TAIL_INDICES: dict[str, Callable[[Any], Any]] = {
    "Cauchy": lambda one: 1.0,
    "FisherSnedecor": lambda one: one.df2 / 2,
    "HalfCauchy": lambda one: 1.0,
    "InverseGamma": lambda one: one.concentration,
    "Pareto": lambda one: one.alpha,
    "StudentT": lambda one: one.df,
}


@dataclass(frozen=True)
class TorchDistribution:
    """Any scalar ``torch.distributions.Distribution`` on the CPU.

    Draws are seeded from our own generator, so they are as reproducible as the others, and torch's global
    generator is left as it was.

    Example:
        >>> import power_metrics as pm
        >>> import torch
        >>> reward = pm.TorchDistribution(torch.distributions.Gumbel(0.0, 1.0))
        >>> round(reward.mean, 4)
        0.5772
    """

    distribution: torch.distributions.Distribution

    def __post_init__(self) -> None:
        shape = tuple(getattr(self.distribution, "batch_shape", ("none",))) + tuple(
            getattr(self.distribution, "event_shape", ())
        )
        if shape != ():
            raise ValueError(
                "distribution: expected a torch distribution of one number (batch and event shape ()), "
                f"found {self.distribution!r}"
            )

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`; a ValueError for a distribution on another device."""
        import torch

        # torch's distributions draw from its one global generator; the lock keeps our threads apart.
        with _torch_lock, torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(rng.integers(2**63)))
            draws = self.distribution.sample(torch.Size(shape))
        if draws.device.type != "cpu":
            raise ValueError(f"distribution: expected parameters on the CPU, found draws on {draws.device}")
        return draws.double().numpy()

    def quantile(self, u: Draws) -> Draws:
        """As torch gives it (``icdf``).

        Raises:
            ValueError: if torch has none for the distribution.
        """
        import torch

        try:
            return self.distribution.icdf(torch.from_numpy(u)).double().numpy()
        except NotImplementedError:
            raise ValueError(f"reward: expected a distribution with quantiles, found {self.distribution!r}") from None

    @property
    def mean(self) -> float:
        """As torch gives it."""
        return float(self.distribution.mean)

    @property
    def support(self) -> tuple[float, float]:
        """As torch gives it; infinite where torch names no bound."""
        support: Any = self.distribution.support
        return float(getattr(support, "lower_bound", -math.inf)), float(getattr(support, "upper_bound", math.inf))

    @property
    def tail_index(self) -> float | None:
        """The order below which moments are finite, of torch's own distributions; None for others."""
        name = type(self.distribution).__name__
        if name in _ALL_MOMENTS:
            return math.inf
        return float(_TAIL_INDICES[name](self.distribution)) if name in _TAIL_INDICES else None

    @property
    def symmetric_interval(self) -> None:
        """None: torch does not say whether a distribution is symmetric."""
        return None
