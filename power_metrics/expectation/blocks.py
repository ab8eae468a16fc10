"""Whole blocks of reward functions, averaged in one kernel where that can be: the quick way to POWER."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from power_metrics.expectation.draws import Draws, MonteCarlo
from power_metrics.expectation.moments import Moments
from power_metrics.rewards.distributions import Bernoulli, Uniform
from power_metrics.rewards.sampler import RewardSampler, block_generator
from power_metrics.solvers.dispatch import check_residual
from power_metrics.solvers.solver import SolverTables

MAX_STATES = 1 << 16
"""Blocks of larger models are smaller than what is solved side by side."""

_LEAST, _MOST = 1e-20, 1e20
"""Rewards of a size between these have sums of squares and cubes that floats can hold."""


class Average(NamedTuple):
    """What is kept of a block: moments of POWER, the largest residual, the most iterations, and all of them."""

    moments: Moments
    residual: float
    most: int
    total: int


def quick(tables: SolverTables, draws: Draws) -> bool:
    """Whether `averages` can do it: independent uniform or 0-1 rewards, in a model that lets every state stay."""
    if tables.method != "stay_put" or type(draws) is not MonteCarlo or type(draws.sampler) is not RewardSampler:
        return False
    sampler = draws.sampler
    if sampler.overrides or sampler.identical or not sampler.allow_all_equal or tables.num_states > MAX_STATES:
        return False
    reward = sampler.default
    if type(reward) is Uniform:
        return reward.high - reward.low > _LEAST and max(abs(reward.low), abs(reward.high)) < _MOST
    return type(reward) is Bernoulli


def averages(tables: SolverTables, draws: Draws, blocks: range, gamma: float) -> Iterator[Average]:
    """What is kept of each of the blocks: the means bit for bit those of the reward functions one by one."""
    from power_metrics.solvers.discounted.averages import Averages, Recipe, average_stay_put
    from power_metrics.solvers.discounted.stay_put import Moves
    from power_metrics.solvers.simd import LANES
    from power_metrics.solvers.words import states_of

    assert isinstance(draws, MonteCarlo)  # as `quick` has found
    assert isinstance(draws.sampler, RewardSampler)
    reward = draws.sampler.default
    if isinstance(reward, Uniform):
        recipe = Recipe(float(reward.low), float(reward.high - reward.low), 0.0)
    else:
        assert isinstance(reward, Bernoulli)
        recipe = Recipe(0.0, 0.0, float(reward.p))
    moves, found = Moves(*tables.moves), Averages.empty(tables.num_states)
    for first in range(blocks.start, blocks.stop, LANES):
        numbers = range(first, min(first + LANES, blocks.stop))
        counts = np.zeros(LANES, np.int32)
        counts[: len(numbers)] = [min(draws.rows, draws.count - number * draws.rows) for number in numbers]
        generators = [block_generator(draws.seed, number, *draws.stream).bit_generator for number in numbers]
        states = states_of(generators)
        average_stay_put(states, counts, recipe, gamma, tables.order, moves, found)
        check_residual(found.residual)
        for lane in range(len(numbers)):
            moments = Moments.made(int(counts[lane]), found.sums[lane].copy())
            yield Average(moments, float(found.residual[lane]), int(found.most[lane]), int(found.total[lane]))
