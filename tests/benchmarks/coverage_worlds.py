"""Worlds and reward distributions whose POWER is known without this package's sampling, for the study of coverage.

As the expectation of a maximum, by SciPy's adaptive quadrature over quantiles, by adding up all reward functions, or as
an exact fraction.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.integrate
import scipy.stats

import power_metrics as pm
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid

CHILDREN = 4


@dataclass(frozen=True)
class Triangular:
    """On [0, 1] with its peak at 0.3: somebody's own distribution, whose cdf has a kink."""

    peak: float = 0.3
    support = (0.0, 1.0)
    symmetric_interval = None

    @property
    def mean(self) -> float:
        return (1.0 + self.peak) / 3.0

    def cdf(self, x: Any) -> Any:
        x = np.clip(x, 0.0, 1.0)
        return np.where(x < self.peak, x * x / self.peak, 1.0 - (1.0 - x) ** 2 / (1.0 - self.peak))

    def quantile(self, u: Any) -> Any:
        return np.where(u < self.peak, np.sqrt(u * self.peak), 1.0 - np.sqrt((1.0 - u) * (1.0 - self.peak)))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        return self.quantile(rng.random(shape))


DISTRIBUTIONS: dict[str, tuple[Any, Any]] = {  # of ours, and SciPy's frozen one or None
    "uniform": (pm.Uniform(), scipy.stats.uniform()),
    "beta(2, 5)": (pm.Beta(2, 5), scipy.stats.beta(2, 5)),
    "beta(0.05, 0.1)": (pm.Beta(0.05, 0.1), scipy.stats.beta(0.05, 0.1)),
    "beta(10000, 10000)": (pm.Beta(10_000, 10_000), scipy.stats.beta(10_000, 10_000)),
    "bernoulli(0.5)": (pm.Bernoulli(0.5), None),
    "bernoulli(0.02)": (pm.Bernoulli(0.02), None),
    "bernoulli(0.001)": (pm.Bernoulli(0.001), None),
    "normal": (pm.Normal(), scipy.stats.norm()),
    "pareto(1.2)": (pm.Pareto(1, 1.2), scipy.stats.pareto(1.2)),
    "pareto(2.5)": (pm.Pareto(1, 2.5), scipy.stats.pareto(2.5)),
    "pareto(5)": (pm.Pareto(1, 5), scipy.stats.pareto(5)),
    "triangular": (Triangular(), scipy.stats.triang(0.3)),
    "rare among uniform": (pm.PerState({"child 0": pm.Empirical([0.0, 2.0], [0.99, 0.01])}, pm.Uniform()), None),
}
RARE = ("bernoulli(0.02)", "bernoulli(0.001)", "rare among uniform", "beta(0.05, 0.1)")

KNOWN = 2e-11
"""To this SciPy's quadrature tells what is right."""


def root() -> TabularMDP:
    """A root with absorbing children."""
    names = [f"child {i}" for i in range(CHILDREN)]
    return TabularMDP.from_transitions(
        [("root", i, name, 1.0) for i, name in enumerate(names)] + [(name, 0, name, 1.0) for name in names]
    )


@functools.cache
def largest(number: int, name: str) -> float:
    """E[the largest of several rewards]."""
    ours, known = DISTRIBUTIONS[name]
    if isinstance(ours, pm.Bernoulli):
        return 1.0 - (1.0 - ours.p) ** number
    if isinstance(ours, pm.Pareto):
        return number * math.gamma(number) * math.gamma(1 - 1 / ours.alpha) / math.gamma(number + 1 - 1 / ours.alpha)
    if known is None:  # 2 with a chance of 1 %, else the largest of the other ones
        return 0.01 * 2.0 + 0.99 * (number - 1) / number
    ends = (0.0, 1e-6, 0.01, 0.3, 0.6, 0.9, 0.99, 1 - 1e-6, 1.0)
    parts = [
        scipy.integrate.quad(lambda u: known.ppf(u) * number * u ** (number - 1), a, b, epsabs=1e-14, limit=200)[0]
        for a, b in itertools.pairwise(ends)
    ]
    return float(sum(parts))


@dataclass(frozen=True)
class World:
    """A model, a discount, states, and their POWER under a distribution (by name); nan where it is not known."""

    name: str
    make: Callable[[], TabularMDP]
    gamma: float
    states: tuple[int, ...]
    truth: Callable[[str], list[float]]


def _open_grid() -> TabularMDP:
    return PowerGrid(level="open_3x3").tables()


@functools.cache
def _by_all_reward_functions(name: str) -> list[float]:
    """POWER of the corner and the centre at γ = 0.9: of Bernoulli rewards over all 2^9 of them, by distances."""
    ours, _ = DISTRIBUTIONS[name]
    if name == "uniform":
        return [float(x) for x in np.array(pm.power(_open_grid(), 0.9, method="closed_form").mean)[[0, 4]]]
    if not isinstance(ours, pm.Bernoulli):
        return [math.nan, math.nan]
    cells = np.array(list(itertools.product(range(3), range(3))))
    sets = np.array(list(itertools.product((0.0, 1.0), repeat=9)))
    chances = np.prod(np.where(sets > 0, ours.p, 1.0 - ours.p), axis=1)
    distance = np.abs(cells[:, None] - cells[None]).sum(axis=2)
    values = sets / 0.1  # V = R + 0.9 max over moves of V; staying is one of them
    for _ in range(400):
        after = np.stack([values[:, distance[s] <= 1].max(axis=1) for s in range(9)], axis=1)
        values = sets + 0.9 * after
    found = 0.1 * chances @ np.stack([values[:, distance[s] <= 1].max(axis=1) for s in range(9)], axis=1)
    return [float(found[0]), float(found[4])]


WORLDS = (
    World("root", root, 0.9, (0, 1), lambda name: [largest(CHILDREN, name), _child(name)]),
    World("open 3×3 at γ = 1", _open_grid, 1.0, (0, 4), lambda name: [largest(9, name)] * 2),
    World("open 3×3 at γ = 0.9", _open_grid, 0.9, (0, 4), _by_all_reward_functions),
)


def _child(name: str) -> float:
    return 0.02 if DISTRIBUTIONS[name][1] is None and name.startswith("rare") else largest(1, name)
