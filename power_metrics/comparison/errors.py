"""The error of POWER: groups of reward functions that can be resampled, and which differences are beyond error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse
import scipy.stats
from numpy.typing import NDArray

from power_metrics.comparison.behaviour import TIES

Floats = NDArray[np.float64]

GROUPS = 100
REPLICATES = 400

APART = 3.0
"""Standard errors by which two numbers have to differ to be told apart, one by one."""

FLAT_LEVEL = 0.99
"""POWER counts as equal everywhere unless two states differ at this level, over all pairs."""

_CHUNK = 1 << 18
"""Pairs of states that are looked at at a time: what fits into a cache."""


@dataclass(frozen=True, eq=False)
class Groups:
    """POWER by groups of reward functions, which are independent of each other.

    Attributes:
        means: (G, S) mean POWER of each group.
        weights: (G,) the share of reward functions in each.
    """

    means: Floats
    weights: Floats

    @classmethod
    def of(cls, samples: Floats) -> Groups:
        """Of independent rows (n, S)."""
        parts = np.array_split(samples, min(GROUPS, len(samples)))
        sizes = np.array([len(part) for part in parts], dtype=np.float64)
        return cls(np.stack([part.mean(axis=0) for part in parts]), sizes / sizes.sum())

    @property
    def count(self) -> int:
        """G."""
        return len(self.weights)

    @cached_property
    def drawn(self) -> Floats:
        """(R, G) the weights of groups in a bootstrap that draws as many groups as there are.

        They are widened about ``weights``, so that percentiles of a sum are Student's interval with G - 1 degrees of
        freedom; those of a plain bootstrap are too narrow where there are few groups.
        """
        even = np.full(self.count, 1 / self.count)
        drawn = np.random.default_rng(0).multinomial(self.count, even, REPLICATES) * self.weights
        drawn /= drawn.sum(axis=1, keepdims=True)
        wider = scipy.stats.t.ppf(0.975, self.count - 1) / scipy.stats.norm.ppf(0.975)
        return self.weights + wider * np.sqrt(self.count / (self.count - 1)) * (drawn - self.weights)

    def deviations(self, means: Floats) -> Floats:
        """(G, ...) of numbers of each group that are linear in POWER; their products sum to covariances of errors."""
        centred = means - np.tensordot(self.weights, means, axes=1)
        return np.sqrt(self.count / (self.count - 1)) * (self.weights * centred.T).T


@dataclass(frozen=True, eq=False)
class Noise:
    """The error of POWER of each state, and of differences.

    Attributes:
        power: (S,) POWER.
        standard_error: (S,).
        groups: of reward functions; None where only ``standard_error`` is known. The error of a difference is then
            taken to be the sum of the two, the most that it can be.
    """

    power: Floats
    standard_error: Floats
    groups: Groups | None

    def flat(self, states: NDArray[np.bool_]) -> bool:
        """Whether no two of these states differ beyond error."""
        count = int(states.sum())
        chance = (1.0 - FLAT_LEVEL) / max(1, count * (count - 1))
        critical = scipy.stats.norm.isf(chance)
        if self.groups is not None:
            critical = scipy.stats.t.isf(chance, self.groups.count - 1)
        power = self.power[states]
        return not any(
            np.any(np.abs(power[part, None] - power) > np.maximum(critical * errors, self._rounding))
            for part, errors in self._pairs(states)
        )

    def ranks(self, states: NDArray[np.bool_], powers: Floats | None = None) -> Floats:
        """(B, N) centred ranks of POWER, in which those states share that cannot be told apart.

        The rank of a state is half the number of states that have less POWER, less half of those that have more.

        Args:
            states: (S,) the N states that count.
            powers: (B, S) other POWER with the same error; what it is an estimate of when None.
        """
        batch = (self.power[None] if powers is None else powers)[:, states]
        ranks = np.zeros(batch.shape)
        for part, errors in self._pairs(states):
            least = np.maximum(APART * errors, self._rounding)
            difference = np.empty(least.shape)
            for one, rank in zip(batch, ranks, strict=True):
                more = np.subtract(one[part, None], one, out=difference) > least
                rank[part] += 0.5 * np.count_nonzero(more, axis=1)
                rank -= 0.5 * np.count_nonzero(more, axis=0)  # the same pairs, seen from the other side
        return ranks

    def pooled(self) -> Floats:
        """(S,) POWER, averaged over states that follow each other in size and cannot be told apart."""
        order, steps = self._steps
        pool = np.concatenate([[0], np.cumsum(steps > APART)])
        means = np.bincount(pool, self.power[order]) / np.bincount(pool)
        found = np.empty(len(order))
        found[order] = means[pool]
        return found

    @property
    def settled(self) -> bool:
        """Whether it is clear which states have the same POWER, as far as draws can tell.

        States that follow each other in size are told apart clearly or have about the same POWER, and so have the first
        and the last of those that `pooled` averages over.
        """
        order, steps = self._steps
        if np.any((steps > APART / 2) & (steps <= APART)):
            return False
        ends = np.flatnonzero(steps > APART)
        first, last = order[np.concatenate([[0], ends + 1])], order[np.concatenate([ends, [len(steps)]])]
        return not np.any(self.power[last] - self.power[first] > APART * self._errors_between(first, last))

    @property
    def _steps(self) -> tuple[NDArray[np.intp], Floats]:
        """States by POWER, and how many standard errors each has more than the one before."""
        order = np.argsort(self.power)
        steps = np.diff(self.power[order])
        return order, np.where(steps > self._rounding, steps / self._errors_between(order[:-1], order[1:]), 0.0)

    def _errors_between(self, first: NDArray[np.intp], last: NDArray[np.intp]) -> Floats:
        """The standard errors of how states (N,) differ from others (N,); not below rounding."""
        errors = self.standard_error[first] + self.standard_error[last]
        if self.groups is not None:
            deviations = self.groups.deviations(self.groups.means)
            errors = np.sqrt(((deviations[:, last] - deviations[:, first]) ** 2).sum(axis=0))
        return np.maximum(errors, self._rounding / APART)

    def combined(self, weights: scipy.sparse.csr_array) -> Floats:
        """(K,) the standard errors of sums over states with weights (K, S)."""
        if self.groups is None:
            return np.abs(weights) @ self.standard_error
        return np.sqrt((self.groups.deviations((weights @ self.groups.means.T).T) ** 2).sum(axis=0))

    @property
    def _rounding(self) -> float:
        return TIES * float(np.abs(self.power).max())

    def _pairs(self, states: NDArray[np.bool_]) -> Iterator[tuple[slice, Floats]]:
        """Some states at a time, and the standard errors of how they differ from all others."""
        count = int(states.sum())
        rows = max(1, _CHUNK // max(1, count))
        deviations = None if self.groups is None else self.groups.deviations(self.groups.means[:, states])
        own = self.standard_error[states] if deviations is None else (deviations**2).sum(axis=0)
        for first in range(0, count, rows):
            part = slice(first, first + rows)
            errors = own[part, None] + own
            if deviations is not None:
                errors = np.sqrt(np.maximum(errors - 2.0 * deviations[:, part].T @ deviations, 0.0))
            yield part, errors
