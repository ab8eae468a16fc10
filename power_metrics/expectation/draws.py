"""Where reward functions come from, and how their POWER is averaged: one class for each sampling method.

Each gives the reward functions of block k, always the same ones, and turns the POWER of a block into moments
of what is independent: single reward functions, antithetic pairs, or whole scrambled point sets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from power_metrics.expectation.moments import Moments
from power_metrics.rewards.sampler import RewardSampler, Sampler, block_generator, block_rows, checked_draws

Floats = NDArray[np.float64]

REPLICATES = 16
"""Independent scramblings of a Sobol sequence; their spread gives the standard error."""

MAX_DIMENSIONS = 21_201
"""Of the Sobol points that SciPy knows."""

MAX_ENUMERATED = 1 << 20
"""The most reward functions that are enumerated."""

MANY = 1000
"""From so many independent units on, Student's quantiles are taken for normal ones, which differ by 1/800 of them."""

TRIAL, CONTROLS, _ANTITHETIC, _SOBOL = 101, 102, 103, 104  # streams of draws of their own


class Total(Protocol):
    """A running average of POWER over blocks, which come in order."""

    @property
    def mean(self) -> Floats:
        """(S,)."""
        ...

    def add(self, other: Moments) -> None:
        """Takes in a block."""
        ...

    @property
    def standard_error(self) -> Floats:
        """(S,) of the mean."""
        ...

    def widening(self, heavy: bool) -> Floats:
        """(S,) by how much errors grow for skewness; see `Moments.widening`."""
        ...


class Draws(Protocol):
    """The reward functions of a run.

    Attributes:
        count: how many.
        rows: how many in a block; the last may have fewer.
        replicates: how many independent units there are behind a standard error, where they are few; None where they
            are many, or where there is no standard error.
        unit: how many reward functions in a row belong together: those of a unit depend on each other, units do not.
    """

    @property
    def count(self) -> int:
        """Reward functions."""
        ...

    @property
    def rows(self) -> int:
        """Reward functions in a block."""
        ...

    @property
    def replicates(self) -> int | None:
        """Independent units, where they are few."""
        ...

    @property
    def unit(self) -> int:
        """Reward functions that belong together."""
        ...

    def part(self, blocks: range) -> Draws:
        """The same, with no more data than these blocks need."""
        ...

    def block(self, number: int) -> Floats:
        """(n, S) the reward functions of one block; of two agents (n, 2, S) the pairs."""
        ...

    def moments(self, powers: Floats, number: int) -> Moments:
        """Of what is independent in a block's POWER (n, S)."""
        ...

    def total(self, num_states: int) -> Total:
        """For all blocks."""
        ...


def few(units: int) -> int | None:
    """So many independent units, as `Draws.replicates` tells them."""
    return units if 1 < units < MANY else None


@dataclass(frozen=True, eq=False)
class Given:
    """Exactly these reward functions: ``rewards`` (B, S) or pairs (B, 2, S), from block ``first`` on."""

    rewards: Floats
    rows: int
    first: int = 0
    unit: int = 1

    @property
    def count(self) -> int:
        """How many."""
        return len(self.rewards)

    @property
    def replicates(self) -> int | None:
        """See `Draws`."""
        return few(self.count)

    def part(self, blocks: range) -> Given:
        """See `Draws`."""
        start, stop = ((number - self.first) * self.rows for number in (blocks.start, blocks.stop))
        return Given(self.rewards[start:stop], self.rows, blocks.start)

    def block(self, number: int) -> Floats:
        """See `Draws`."""
        start = (number - self.first) * self.rows
        return self.rewards[start : start + self.rows]

    def moments(self, powers: Floats, number: int) -> Moments:
        """See `Draws`."""
        return Moments.of(powers)

    def total(self, num_states: int) -> Moments:
        """See `Draws`."""
        return Moments(num_states)


@dataclass(frozen=True)
class MonteCarlo:
    """Independent reward functions; the first n of a longer run are those of a shorter one."""

    sampler: Sampler
    seed: int
    count: int
    stream: tuple[int, ...] = ()
    unit: int = 1

    @property
    def replicates(self) -> int | None:
        """See `Draws`."""
        return few(self.count // self.unit)

    @property
    def rows(self) -> int:
        """How many in a block."""
        return self.sampler.rows

    def part(self, blocks: range) -> MonteCarlo:
        """See `Draws`."""
        return self

    def block(self, number: int) -> Floats:
        """See `Draws`."""
        return self.sampler.block(self.seed, number, self.stream)[: self.count - number * self.rows]

    def moments(self, powers: Floats, number: int) -> Moments:
        """See `Draws`."""
        return Moments.of(powers)

    def total(self, num_states: int) -> Moments:
        """See `Draws`."""
        return Moments(num_states)


@dataclass(frozen=True)
class Antithetic:
    """Pairs of reward functions at mirrored quantiles, u and 1 - u; pairs are independent of each other."""

    sampler: Sampler
    seed: int
    count: int
    stream: tuple[int, ...] = ()
    unit: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", self.count + self.count % 2)

    @property
    def replicates(self) -> int | None:
        """See `Draws`."""
        return few(self.count // self.unit)

    @property
    def rows(self) -> int:
        """How many in a block: an even number."""
        return max(2, self.sampler.rows // 2 * 2)

    def part(self, blocks: range) -> Antithetic:
        """See `Draws`."""
        return self

    def block(self, number: int) -> Floats:
        """See `Draws`; a pair is two rows, one after the other."""
        rng = block_generator(self.seed, number, _ANTITHETIC, *self.stream)
        u = np.maximum(rng.random((self.rows // 2, self.sampler.width)), np.finfo(np.float64).epsneg)
        both = np.stack([self.sampler.at(u), self.sampler.at(1.0 - u)], axis=1)
        return both.reshape(self.rows, *both.shape[2:])[: self.count - number * self.rows]

    def moments(self, powers: Floats, number: int) -> Moments:
        """See `Draws`."""
        return Moments.of(powers.reshape(-1, 2, powers.shape[1]).mean(axis=1))

    def total(self, num_states: int) -> Moments:
        """See `Draws`."""
        return Moments(num_states)


@dataclass(frozen=True)
class Sobol:
    """Sobol points, scrambled independently `REPLICATES` times, at the quantiles of the distributions.

    Every scrambling has a power of two of points, at least 2, and ``count`` is rounded up to fit.
    """

    sampler: Sampler
    seed: int
    count: int
    stream: tuple[int, ...] = ()
    replicates: int | None = REPLICATES
    rows: int = field(init=False)
    unit: int = field(init=False)

    def __post_init__(self) -> None:
        if self.sampler.width > MAX_DIMENSIONS:
            raise ValueError(
                f"method: expected at most {MAX_DIMENSIONS:,} random numbers for a reward function with 'sobol', found "
                f"{self.sampler.width:,}; 'monte_carlo' has no such limit"
            )
        points = 1 << max(1, math.ceil(math.log2(self.count / REPLICATES)))
        object.__setattr__(self, "count", points * REPLICATES)
        object.__setattr__(self, "unit", points)
        most = 1 << int(math.log2(self.sampler.rows))
        object.__setattr__(self, "rows", min(points, most))

    def part(self, blocks: range) -> Sobol:
        """See `Draws`."""
        return self

    def block(self, number: int) -> Floats:
        """See `Draws`; blocks go through one scrambling after the other."""
        return self.sampler.at(self.points(number))

    def points(self, number: int) -> Floats:
        """(rows, width) the points of a block, inside of (0, 1)."""
        from scipy.stats import qmc

        replicate, part = divmod(number, self.unit // self.rows)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(replicate, _SOBOL, *self.stream)))
        engine = qmc.Sobol(self.sampler.width, scramble=True, bits=30, seed=rng)
        if part:
            engine.fast_forward(part * self.rows)
        # Points are multiples of 2^-30, from 0 on: half a step further, none is at the end of the interval.
        found: Floats = engine.random(self.rows) + 2.0**-31
        return found

    def moments(self, powers: Floats, number: int) -> Moments:
        """See `Draws`."""
        return Moments.of(powers)

    def total(self, num_states: int) -> Replicates:
        """See `Draws`."""
        return Replicates(self.unit // self.rows, num_states)


class Replicates:
    """The mean of independent replicates, each of which is a number of blocks."""

    def __init__(self, blocks: int, width: int) -> None:
        """Starts empty; a replicate has ``blocks`` blocks."""
        self._blocks = blocks
        self._means: list[Floats] = []
        self._current, self._points = Moments(width), Moments(width)
        self._added = 0

    def add(self, other: Moments) -> None:
        """Takes in the next block."""
        self._current.add(other)
        self._points.add(other)
        self._added += 1
        if self._added == self._blocks:
            self._means.append(self._current.mean)
            self._current, self._added = Moments(len(self._current.mean)), 0

    @property
    def mean(self) -> Floats:
        """(S,) over all replicates."""
        return Moments.of(np.stack(self._means)).mean

    @property
    def standard_error(self) -> Floats:
        """(S,) from the spread of the replicates."""
        return Moments.of(np.stack(self._means)).standard_error

    def widening(self, heavy: bool) -> Floats:
        """See `Total`: by the mean of as many independent points, since replicates are too few to tell.

        Where the tails are heavy, points in them make up most of what replicates differ in, which then are skewed too.
        """
        found = self._points.widening(heavy)
        return np.maximum(found, Moments.of(np.stack(self._means)).widening(heavy)) if heavy else found


@dataclass(frozen=True)
class Enumeration:
    """Every reward function of a distribution with finitely many of them, with its probability."""

    sampler: RewardSampler
    replicates: int | None = None
    unit: int = 1
    _digits: list[tuple[Floats, Floats, NDArray[np.int64]]] = field(init=False)
    _kept: float = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        found = num_reward_functions(self.sampler)
        if found is None or found > MAX_ENUMERATED:
            raise ValueError(
                "method: expected a distribution with finitely many values for 'enumeration', and at most "
                f"{MAX_ENUMERATED:,} reward functions, found "
                + ("one without" if found is None else f"{found:.3g} of them")
            )
        digits = []
        for distribution, states in self.sampler.independent():
            values, chances = distribution.atoms  # type: ignore[attr-defined]  # checked above
            digits.append((checked_draws(distribution, values, np.shape(values)), chances, states))
        object.__setattr__(self, "_digits", digits)
        object.__setattr__(self, "count", found)
        kept = 1.0 if self.sampler.allow_all_equal else 1.0 - self._all_equal()
        if kept <= 0.0:
            raise ValueError(
                "allow_all_equal: expected reward functions that are not the same in all states, found none"
            )
        object.__setattr__(self, "_kept", kept)

    def _all_equal(self) -> float:
        """The probability that all states have the same reward."""
        values, chances, _ = self._digits[0]
        others = self._digits[1:]
        return math.fsum(
            chance * math.prod(float(weights[points == value].sum()) for points, weights, _ in others)
            for value, chance in zip(values, chances, strict=True)
        )

    @property
    def rows(self) -> int:
        """How many in a block."""
        return block_rows(self.sampler.num_states)

    def _places(self, number: int) -> NDArray[np.int64]:
        return np.arange(number * self.rows, min((number + 1) * self.rows, self.count))

    def part(self, blocks: range) -> Enumeration:
        """See `Draws`."""
        return self

    def block(self, number: int) -> Floats:
        """See `Draws`; the numbers of reward functions are read as digits, one for each independent state."""
        left = self._places(number)
        rewards = np.empty((len(left), self.sampler.num_states))
        for values, _, states in self._digits:
            left, digit = np.divmod(left, len(values))
            rewards[:, states] = values[digit][:, None]
        return rewards

    def moments(self, powers: Floats, number: int) -> Moments:
        """See `Draws`; the part of the expectation that a block makes up, as a mean of one row."""
        left = self._places(number)
        weights = np.full(len(left), 1.0 / self._kept)
        for _, chances, _ in self._digits:
            left, digit = np.divmod(left, len(chances))
            weights *= chances[digit]
        if not self.sampler.allow_all_equal:
            rewards = self.block(number)
            weights[np.all(rewards == rewards[:, :1], axis=1)] = 0.0
        return Moments.of((weights @ powers)[None])

    def total(self, num_states: int) -> Sum:
        """See `Draws`."""
        return Sum(num_states)


class Sum:
    """The sum of what blocks make up of an expectation."""

    def __init__(self, width: int) -> None:
        """Starts at 0."""
        self.mean: Floats = np.zeros(width)
        self.standard_error: Floats = np.zeros(width)

    def add(self, other: Moments) -> None:
        """Takes in a block."""
        self.mean = self.mean + other.mean

    def widening(self, heavy: bool) -> Floats:
        """See `Total`: of nothing."""
        return np.ones_like(self.mean)


def num_reward_functions(sampler: RewardSampler) -> int | None:
    """How many different reward functions there are; None where a distribution does not list its values."""
    draws = sampler.independent()
    if any(getattr(distribution, "atoms", None) is None for distribution, _ in draws):
        return None
    return math.prod(len(distribution.atoms[0]) for distribution, _ in draws)  # type: ignore[attr-defined,misc]
