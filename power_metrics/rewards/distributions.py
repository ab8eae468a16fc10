"""Distributions over reward functions: what POWER takes its expectation over.

Each distribution draws one state's reward; states are independent. `PerState` gives states different
ones. Anything with a ``sample(rng, shape)`` method that returns float64 draws serves as a distribution.

Some methods of `power_metrics.power` need more: ``quantile(u)``, the smallest x with P(R ≤ x) ≥ u for 0 < u < 1
(Sobol points, antithetic pairs); ``cdf(x)``, P(R ≤ x) (control variates); ``atoms``, the ``(values, probabilities)`` of
a distribution with finitely many values (enumeration). ``tail_index`` says of unbounded rewards that all moments of a
lower order are finite, such as 2.5; where there is none, it is guessed from draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.checks import array_of, mapped, real

Shape = tuple[int, ...]
Draws = NDArray[np.float64]


@runtime_checkable
class RewardDistribution(Protocol):
    """What every distribution offers.

    Example:
        >>> import power_metrics as pm
        >>> import numpy as np
        >>> class Exponential:
        ...     mean, support, symmetric_interval = 1.0, (0.0, np.inf), None
        ...     def sample(self, rng, shape):
        ...         return rng.exponential(size=shape)
        ...
        >>> isinstance(Exponential(), pm.RewardDistribution)
        True
    """

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


def _check(
    distribution: RewardDistribution, name: str, expected: str, holds: Callable[[float], bool] = math.isfinite
) -> None:
    """Checks a parameter, and makes fractions and NumPy scalars plain numbers."""
    value = getattr(distribution, name)
    if not (math.isfinite(real(value)) and holds(real(value))):
        raise ValueError(f"{name}: expected {expected}, found {value!r}")
    if type(value) not in (int, float):
        object.__setattr__(distribution, name, float(value))


@dataclass(frozen=True)
class Uniform:
    """Uniform on [low, high).

    Example:
        >>> import power_metrics as pm
        >>> reward = pm.Uniform(-1, 1)
        >>> reward.mean, reward.support
        (0.0, (-1.0, 1.0))
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _check(self, "low", "a finite number")
        _check(self, "high", f"a finite number above low={self.low}", lambda high: high > self.low)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        draws = rng.random(shape)
        if (self.low, self.high) != (0.0, 1.0):
            draws *= self.high - self.low
            draws += self.low
        return draws

    def quantile(self, u: Draws) -> Draws:
        """Low + u (high - low)."""
        return self.low + u * (self.high - self.low)

    def cdf(self, x: Draws) -> Draws:
        """(x - low) / (high - low), within [0, 1]."""
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)

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
    """Beta on [0, 1] with density proportional to x^(a-1) (1-x)^(b-1).

    Example:
        >>> import power_metrics as pm
        >>> pm.Beta(1, 3).mean
        0.25
    """

    a: float
    b: float

    def __post_init__(self) -> None:
        _check(self, "a", "a finite number above 0", lambda a: a > 0)
        _check(self, "b", "a finite number above 0", lambda b: b > 0)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        return rng.beta(self.a, self.b, shape)

    def quantile(self, u: Draws) -> Draws:
        """The inverse of the regularised incomplete beta function."""
        from scipy.special import betaincinv

        return betaincinv(self.a, self.b, u)

    def cdf(self, x: Draws) -> Draws:
        """The regularised incomplete beta function."""
        from scipy.special import betainc

        return betainc(self.a, self.b, np.clip(x, 0.0, 1.0))

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
    """1 with probability p, else 0.

    Example:
        >>> import power_metrics as pm
        >>> pm.Bernoulli(0.25).mean, pm.Bernoulli(0.25).support
        (0.25, (0.0, 1.0))
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        _check(self, "p", "a probability in [0, 1]", lambda p: 0 <= p <= 1)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        return (rng.random(shape) < self.p).astype(np.float64)

    def quantile(self, u: Draws) -> Draws:
        """1 where u is above 1 - p."""
        return (u > 1.0 - self.p).astype(np.float64)

    def cdf(self, x: Draws) -> Draws:
        """0 below 0, 1 - p below 1, else 1."""
        return np.where(x < 0, 0.0, np.where(x < 1, 1.0 - self.p, 1.0))

    @property
    def atoms(self) -> tuple[Draws, Draws]:
        """0 and 1, those that can occur."""
        chances = np.array([1.0 - self.p, self.p])
        return np.flatnonzero(chances).astype(np.float64), chances[chances > 0]

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
    """Pareto on [scale, ∞) with tail (scale / x)^alpha. Standard errors need alpha > 2, means alpha > 1.

    Example:
        >>> import power_metrics as pm
        >>> pm.Pareto(1, 3).mean, pm.Pareto(1, 1).mean
        (1.5, inf)
    """

    scale: float
    alpha: float

    def __post_init__(self) -> None:
        _check(self, "scale", "a finite number above 0", lambda scale: scale > 0)
        _check(self, "alpha", "a finite number above 0", lambda alpha: alpha > 0)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        draws = rng.pareto(self.alpha, shape)
        draws += 1.0
        draws *= self.scale
        return draws

    def quantile(self, u: Draws) -> Draws:
        """Scale · (1 - u)^(-1/alpha)."""
        return self.scale * np.power(1.0 - u, -1.0 / self.alpha)

    def cdf(self, x: Draws) -> Draws:
        """1 - (scale / x)^alpha from scale on."""
        return 1.0 - np.power(self.scale / np.maximum(x, self.scale), self.alpha)

    @property
    def tail_index(self) -> float:
        """Alpha: moments of a lower order are finite."""
        return float(self.alpha)

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
    """Normal with this mean and standard deviation.

    Example:
        >>> import power_metrics as pm
        >>> pm.Normal(0, 2).mean, pm.Normal(0, 2).support
        (0, (-inf, inf))
    """

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        _check(self, "mean", "a finite number")
        _check(self, "std", "a finite number above 0", lambda std: std > 0)

    def sample(self, rng: np.random.Generator, shape: Shape) -> Draws:
        """See `RewardDistribution.sample`."""
        draws = rng.standard_normal(shape)
        draws *= self.std
        draws += self.mean
        return draws

    def quantile(self, u: Draws) -> Draws:
        """Mean + std · Φ⁻¹(u)."""
        from scipy.special import ndtri

        return self.mean + self.std * ndtri(u)

    @property
    def tail_index(self) -> float:
        """Infinite: all moments are finite."""
        return math.inf

    def cdf(self, x: Draws) -> Draws:
        """Φ((x - mean) / std)."""
        from scipy.special import ndtr

        return ndtr((x - self.mean) / self.std)

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
    """One of the given values, each equally likely or with the given probabilities.

    Example:
        >>> import power_metrics as pm
        >>> reward = pm.Empirical([0, 1, 2], [0.5, 0.25, 0.25])
        >>> reward.mean, reward.support
        (0.75, (0.0, 2.0))
    """

    values: tuple[float, ...]
    probabilities: tuple[float, ...] | None = None

    def __init__(self, values: Sequence[float], probabilities: Sequence[float] | None = None) -> None:
        """See the class.

        Raises:
            ValueError: for no values, values that are not finite, or probabilities that do not fit.
        """
        if probabilities is None and hasattr(values, "to_numpy"):
            values = values.to_numpy()  # of data whose order does not matter
        array = array_of("values", values, np.float64)
        if array.ndim != 1 or array.size == 0 or not np.all(np.isfinite(array)):
            raise ValueError(f"values: expected a list of finite numbers, found {values!r}")
        object.__setattr__(self, "values", tuple(array.tolist()))
        if probabilities is not None:
            weights = array_of("probabilities", probabilities, np.float64)
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

    def quantile(self, u: Draws) -> Draws:
        """The smallest value up to which the probabilities sum to u or more."""
        values, chances = self.atoms
        return values[np.searchsorted(np.cumsum(chances)[:-1], u)]

    @property
    def atoms(self) -> tuple[Draws, Draws]:
        """The different values that can occur, in order, and their probabilities."""
        values, where = np.unique(self.values, return_inverse=True)
        chances = np.bincount(where, weights=self._weights()).astype(np.float64)
        return values[chances > 0], chances[chances > 0]

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


DEFAULT = Uniform(0.0, 1.0)
"""The distribution where none is given."""


@dataclass(frozen=True)
class PerState:
    """Different distributions for some states, by label; ``default`` for all others.

    Example:
        >>> import power_metrics as pm
        >>> pm.PerState({"goal": pm.Bernoulli(0.9)}, default=pm.Uniform(0, 1))
        PerState({'goal': Bernoulli(p=0.9)}, default=Uniform(low=0, high=1))
    """

    distributions: Mapping[Hashable, RewardDistribution]
    default: RewardDistribution = field(default=DEFAULT)

    def __post_init__(self) -> None:
        mapped("distributions", self.distributions, "{label: distribution}")
        for label, distribution in [*self.distributions.items(), ("default", self.default)]:
            if isinstance(distribution, type) or not callable(getattr(distribution, "sample", None)):
                raise ValueError(f"PerState: expected a reward distribution for {label!r}, found {distribution!r}")
        object.__setattr__(self, "distributions", MappingProxyType(dict(self.distributions)))

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copies, which cannot take mappings that are only read."""
        return PerState, (dict(self.distributions), self.default)

    def __repr__(self) -> str:
        named = ", ".join(f"{label!r}: {distribution!r}" for label, distribution in self.distributions.items())
        return f"PerState({{{named}}}, default={self.default!r})"
