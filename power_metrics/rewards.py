"""Distributions over reward functions: what POWER takes its expectation over.

Each distribution draws one state's reward; states are independent. `PerState` gives states different
ones. Anything with a ``sample(rng, shape)`` method that returns float64 draws serves as a distribution.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Shape = tuple[int, ...]
Draws = NDArray[np.float64]


@runtime_checkable
class RewardDistribution(Protocol):
    """What every distribution offers."""

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """Independent draws, float64 of this shape, that depend on ``rng`` alone."""
        ...

    @property
    def mean(self) -> float:
        """The expected reward; may be infinite."""
        ...

    @property
    def support(self) -> tuple[float, float]:
        """The smallest and the largest reward; may be infinite."""
        ...

    @property
    def symmetric_interval(self) -> tuple[float, float] | None:
        """``(low, high)`` if ``low + high - R`` is distributed as R on a bounded support, else None.

        Negatively correlated rewards of two agents need it.
        """
        ...


def _check(name: str, value: float, expected: str, holds: bool) -> None:
    if not (math.isfinite(value) and holds):
        raise ValueError(f"{name}: expected {expected}, found {value}")


@dataclass(frozen=True)
class Uniform:
    """Uniform on [low, high)."""

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _check("low", self.low, "a finite number", True)
        _check("high", self.high, f"a finite number above low={self.low}", self.high > self.low)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        draws = rng.random(shape)
        if (self.low, self.high) != (0.0, 1.0):
            draws *= self.high - self.low
            draws += self.low
        return draws

    @property
    def mean(self) -> float:
        """(low + high) / 2."""
        return 0.5 * (self.low + self.high)

    @property
    def support(self) -> tuple[float, float]:
        """(low, high)."""
        return float(self.low), float(self.high)

    @property
    def symmetric_interval(self) -> tuple[float, float]:
        """(low, high)."""
        return self.support


@dataclass(frozen=True)
class Beta:
    """Beta on [0, 1] with density proportional to x^(a-1) (1-x)^(b-1)."""

    a: float
    b: float

    def __post_init__(self) -> None:
        _check("a", self.a, "a finite number above 0", self.a > 0)
        _check("b", self.b, "a finite number above 0", self.b > 0)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        return rng.beta(self.a, self.b, shape)

    @property
    def mean(self) -> float:
        """The mean, a / (a + b)."""
        return self.a / (self.a + self.b)

    @property
    def support(self) -> tuple[float, float]:
        """(0, 1)."""
        return 0.0, 1.0

    @property
    def symmetric_interval(self) -> tuple[float, float] | None:
        """(0, 1) if a = b."""
        return self.support if self.a == self.b else None


@dataclass(frozen=True)
class Bernoulli:
    """1 with probability p, else 0."""

    p: float = 0.5

    def __post_init__(self) -> None:
        _check("p", self.p, "a probability in [0, 1]", 0 <= self.p <= 1)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        return (rng.random(shape) < self.p).astype(np.float64)

    @property
    def mean(self) -> float:
        """The mean, p."""
        return float(self.p)

    @property
    def support(self) -> tuple[float, float]:
        """(0, 1)."""
        return 0.0, 1.0

    @property
    def symmetric_interval(self) -> tuple[float, float] | None:
        """(0, 1) if p = 1/2."""
        return self.support if self.p == 0.5 else None


@dataclass(frozen=True)
class Pareto:
    """Pareto on [scale, ∞) with tail (scale / x)^alpha. Standard errors need alpha > 2, means alpha > 1."""

    scale: float
    alpha: float

    def __post_init__(self) -> None:
        _check("scale", self.scale, "a finite number above 0", self.scale > 0)
        _check("alpha", self.alpha, "a finite number above 0", self.alpha > 0)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        draws = rng.pareto(self.alpha, shape)
        draws += 1.0
        draws *= self.scale
        return draws

    @property
    def mean(self) -> float:
        """Scale · alpha / (alpha - 1), infinite for alpha ≤ 1."""
        return self.scale * self.alpha / (self.alpha - 1) if self.alpha > 1 else math.inf

    @property
    def support(self) -> tuple[float, float]:
        """(scale, ∞)."""
        return float(self.scale), math.inf

    @property
    def symmetric_interval(self) -> None:
        """None: the support is unbounded."""
        return None


@dataclass(frozen=True)
class Normal:
    """Normal with this mean and standard deviation."""

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        _check("mean", self.mean, "a finite number", True)
        _check("std", self.std, "a finite number above 0", self.std > 0)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        draws = rng.standard_normal(shape)
        draws *= self.std
        draws += self.mean
        return draws

    @property
    def support(self) -> tuple[float, float]:
        """(-∞, ∞)."""
        return -math.inf, math.inf

    @property
    def symmetric_interval(self) -> None:
        """None: the support is unbounded."""
        return None


@dataclass(frozen=True)
class Empirical:
    """One of the given values, each equally likely or with the given probabilities."""

    values: tuple[float, ...]
    probabilities: tuple[float, ...] | None = None

    def __init__(self, values: Sequence[float], probabilities: Sequence[float] | None = None) -> None:
        """See the class.

        Raises:
            ValueError: for no values, values that are not finite, or probabilities that do not fit.
        """
        array = np.asarray(values, dtype=np.float64)
        if array.ndim != 1 or array.size == 0 or not np.all(np.isfinite(array)):
            raise ValueError(f"values: expected a list of finite numbers, found {values!r}")
        object.__setattr__(self, "values", tuple(array.tolist()))
        if probabilities is not None:
            weights = np.asarray(probabilities, dtype=np.float64)
            if weights.shape != array.shape or not np.all(weights >= 0) or not abs(weights.sum() - 1) <= 1e-9:
                raise ValueError(
                    f"probabilities: expected {array.size} numbers of at least 0 that sum to 1, found {probabilities!r}"
                )
            probabilities = tuple(weights.tolist())
        object.__setattr__(self, "probabilities", probabilities)

    def _weights(self) -> NDArray[np.float64]:
        if self.probabilities is None:
            return np.full(len(self.values), 1 / len(self.values))
        return np.asarray(self.probabilities) / math.fsum(self.probabilities)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        values = np.asarray(self.values)
        if self.probabilities is None:
            return values[rng.integers(len(values), size=shape)]
        possible = self._weights() > 0
        bounds = np.cumsum(self._weights()[possible])[:-1]
        return values[possible][np.searchsorted(bounds, rng.random(shape), side="right")]

    @property
    def mean(self) -> float:
        """The weighted mean of the values."""
        return float(self._weights() @ np.asarray(self.values))

    @property
    def support(self) -> tuple[float, float]:
        """The smallest and the largest value that can occur."""
        possible = np.asarray(self.values)[self._weights() > 0]
        return float(possible.min()), float(possible.max())

    @property
    def symmetric_interval(self) -> tuple[float, float] | None:
        """The support, if each value is as likely as its mirror image in it."""
        low, high = self.support
        values, where = np.unique(self.values, return_inverse=True)
        weights = np.bincount(where, weights=self._weights())
        values, weights = values[weights > 0], weights[weights > 0]
        mirrored = np.allclose(values, (low + high) - values[::-1], rtol=0, atol=1e-12 * (high - low))
        return (low, high) if mirrored and np.allclose(weights, weights[::-1], rtol=1e-9, atol=0) else None


_torch_lock = threading.Lock()


@dataclass(frozen=True)
class TorchDistribution:
    """Any scalar ``torch.distributions.Distribution`` on the CPU.

    Draws are seeded from our own generator, so they are as reproducible as the others, and torch's global
    generator is left as it was.
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
        """See `RewardDistribution.sample`."""
        import torch

        # torch's distributions draw from its one global generator; the lock keeps our threads apart.
        with _torch_lock, torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(rng.integers(2**63)))
            draws = self.distribution.sample(torch.Size(shape))
        if draws.device.type != "cpu":
            raise ValueError(f"distribution: expected parameters on the CPU, found draws on {draws.device}")
        return draws.double().numpy()

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
    def symmetric_interval(self) -> None:
        """None: torch does not say whether a distribution is symmetric."""
        return None


DEFAULT = Uniform(0.0, 1.0)
"""The distribution where none is given."""


@dataclass(frozen=True)
class PerState:
    """Different distributions for some states, by label; ``default`` for all others."""

    distributions: Mapping[Hashable, RewardDistribution]
    default: RewardDistribution = field(default=DEFAULT)

    def __post_init__(self) -> None:
        for label, distribution in [*self.distributions.items(), ("default", self.default)]:
            if not callable(getattr(distribution, "sample", None)):
                raise ValueError(f"PerState: expected a reward distribution for {label!r}, found {distribution!r}")
        object.__setattr__(self, "distributions", MappingProxyType(dict(self.distributions)))

    def __repr__(self) -> str:
        named = ", ".join(f"{label!r}: {distribution!r}" for label, distribution in self.distributions.items())
        return f"PerState({{{named}}}, default={self.default!r})"
