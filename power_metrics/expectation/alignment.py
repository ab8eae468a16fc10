"""Alignment: the correlation over states of two agents' POWER, with a bootstrap over reward functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from power_metrics.rewards.sampler import block_generator

NUM_GROUPS = 100
"""Groups of reward functions that the bootstrap draws from; its standard errors are good to about 7 %."""

NUM_REPLICATES = 1000


def alignment(human: NDArray[np.float64], ai: NDArray[np.float64]) -> float:
    """Pearson correlation over states; nan where one of the two (S,) is the same in all states but for rounding."""
    human, ai = _scaled(human), _scaled(ai)
    a, b = human - human.mean(), ai - ai.mean()
    variances = a @ a, b @ b
    for values, variance in zip((human, ai), variances, strict=True):
        if variance <= len(values) * (1e-12 * np.abs(values).max()) ** 2:
            return float("nan")
    return float(np.clip(a @ b / np.sqrt(variances[0] * variances[1]), -1.0, 1.0))


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values times a power of two that brings the largest near 1: products of four of them are numbers then."""
    return np.ldexp(values, -int(np.frexp(np.abs(values).max())[1]))


class AlignmentBootstrap:
    """Collects what a bootstrap of the alignment needs, without keeping the samples.

    Sample k belongs to group k mod 100; only the groups' sums are kept. A replicate draws as many groups as there
    are, with replacement. Groups are independent and of the same size (but for one), so this is the bootstrap of
    Efron (1979) with groups as its units; up to 100 samples each is a group of its own.

    The noise of two means hides part of their correlation, and a plain replicate adds as much noise again. So
    variances and covariances over states are taken from products of *different* groups, whose noise is
    independent: what is resampled is an estimate that noise does not pull towards 0.
    """

    def __init__(self, num_samples: int, num_states: int) -> None:
        """Starts with nothing collected."""
        self.num_groups = min(NUM_GROUPS, num_samples)
        self._sums = np.zeros((2, self.num_groups, num_states))

    def partial_sums(self, human: NDArray[np.float64], ai: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2, at most 100, S): sums over every hundredth of some samples, from the first, the second, ... on."""
        sums = np.zeros((2, min(self.num_groups, len(human)), human.shape[1]))
        for total, powers in zip(sums, (human, ai), strict=True):
            for first in range(0, len(powers), self.num_groups):
                rows = powers[first : first + self.num_groups]
                total[: len(rows)] += rows
        return sums

    def add(self, start: int, sums: NDArray[np.float64]) -> None:
        """Takes in the `partial_sums` of samples of which the first is sample ``start`` of the run."""
        self._sums[:, (start + np.arange(sums.shape[1])) % self.num_groups] += sums

    def replicates(self, seed: int) -> tuple[float, NDArray[np.float64]]:
        """The alignment freed of noise, and (1000,) values of it in resampled runs.

        Nan where there are too few samples to tell, or nothing varies. Each value is a ratio of quadratic forms in
        the numbers of times that groups were drawn, so the states are gone through once for all of them.
        """
        human, ai = map(_scaled, self._sums)
        if self.num_groups == 1 or np.isnan(alignment(human.sum(axis=0), ai.sum(axis=0))):
            return float("nan"), np.full(NUM_REPLICATES, np.nan)
        human, ai = human - human.mean(axis=1, keepdims=True), ai - ai.mean(axis=1, keepdims=True)
        rng = block_generator(seed, 0, 2)
        drawn = rng.multinomial(self.num_groups, np.full(self.num_groups, 1 / self.num_groups), NUM_REPLICATES)
        drawn = np.vstack([np.ones(self.num_groups, int), drawn])
        moments = []
        for a, b in ((human, ai), (human, human), (ai, ai)):
            products = a @ b.T
            np.fill_diagonal(products, 0.0)
            moments.append(np.einsum("rg,gk,rk->r", drawn, products, drawn, optimize=True))
        defined = (moments[1] > 0) & (moments[2] > 0)
        if not defined[0]:
            return float("nan"), np.full(NUM_REPLICATES, np.nan)
        # Where chance leaves a replicate no variance, the alignment is at its limit for a variance that goes to 0.
        values = np.sign(moments[0])
        np.divide(moments[0], np.sqrt(np.abs(moments[1] * moments[2])), where=defined, out=values)
        return float(np.clip(values[0], -1.0, 1.0)), np.clip(values[1:], -1.0, 1.0)
