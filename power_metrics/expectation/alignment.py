"""Alignment: the correlation over states of two agents' POWER, with a bootstrap over reward functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.expectation.draws import Draws
from power_metrics.expectation.statistic import Block
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


class GroupSums:
    """A reduction that collects what a bootstrap of the alignment needs, without keeping the samples.

    Sample k belongs to group k mod 100; only the groups' sums are kept. A replicate draws as many groups as there
    are, with replacement. Groups are independent and of the same size (but for one), so this is the bootstrap of
    Efron (1979) with groups as its units; up to 100 samples each is a group of its own. Samples that depend on each
    other, antithetic pairs and the points of one scrambling, go into one group together.
    """

    def partial(self, rows: NDArray[np.float64], block: Block) -> NDArray[np.float64]:
        """(2, at most 100, S): the sums of the samples (n, 2, S) of a block, group by group, from its first one on."""
        unit, groups = block.draws.unit, num_groups(block.draws)
        first = block.start // unit
        sums = np.zeros((2, min(groups, -(-len(rows) // unit) + (block.start % unit > 0)), rows.shape[2]))
        for k in range(0, len(rows), groups) if unit == 1 else ():
            part = rows[k : k + groups]
            sums[:, : len(part)] += part.swapaxes(0, 1)
        if unit > 1:
            places = ((block.start + np.arange(len(rows))) // unit - first) % groups
            for total, of_agent in zip(sums, rows.swapaxes(0, 1), strict=True):
                np.add.at(total, places, of_agent)
        return sums

    def total(self, draws: Draws) -> AlignmentBootstrap:
        """See `power_metrics.expectation.statistic.Reduction`."""
        return AlignmentBootstrap(num_groups(draws), draws.unit)


def num_groups(draws: Draws) -> int:
    """How many groups the samples of a run make up."""
    return min(NUM_GROUPS, -(-draws.count // draws.unit))


class AlignmentBootstrap:
    """The sums over groups of samples, and resampled alignments.

    The noise of two means hides part of their correlation, and a plain replicate adds as much noise again. So
    variances and covariances over states are taken from products of *different* groups, whose noise is
    independent: what is resampled is an estimate that noise does not pull towards 0.
    """

    def __init__(self, num_groups: int, unit: int = 1) -> None:
        """Starts with nothing collected; ``unit`` samples in a row are in one group."""
        self.num_groups, self._unit = num_groups, unit
        self._sums: Any = None

    def add(self, partial: NDArray[np.float64], start: int) -> None:
        """Takes in what `GroupSums` made of samples of which the first is sample ``start`` of the run."""
        if self._sums is None:
            self._sums = np.zeros((2, self.num_groups, partial.shape[2]))
        self._sums[:, (start // self._unit + np.arange(partial.shape[1])) % self.num_groups] += partial

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
