"""Pairs of reward functions, one for each of two agents, with a given correlation."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from power_metrics.rewards.distributions import PerState, RewardDistribution
from power_metrics.rewards.sampler import MAX_REDRAWS, RewardSampler, block_generator, block_rows, reward_sampler
from powerenvs.model.base import Model
from powerenvs.model.labels import label_text

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class PairSampler:
    """Draws (R_H, R_A), state by state and independently over states.

    R_A(s) is R_H(s) with probability ρ, else a fresh draw; for ρ < 0 it is mirror(s) - R_H(s) with probability
    |ρ|, where mirror(s) is the sum of the ends of the distribution's interval. Its correlation with R_H(s) is ρ.

    Attributes:
        sampler: of one reward function. States that share a draw there also share whether it is taken over.
        correlation: ρ in [-1, 1].
        mirror: (S,) for ρ < 0, else zeros.
    """

    sampler: RewardSampler
    correlation: float
    mirror: NDArray[np.float64]

    def draw(self, seed: int, block: int, count: int) -> Pair:
        """Block ``block`` of the pairs of a run: ``(R_H, R_A)``, each (count, S).

        R_H and the fresh draws are the same for every correlation, so that differences between correlations are
        not blurred by other draws.

        Raises:
            ValueError: if draws that are not all equal do not come up.
        """
        human = self.sampler.draw(block_generator(seed, block), count)
        rng = block_generator(seed, block, 1)
        ai = self._answer(rng, human)
        if not self.sampler.allow_all_equal:
            for _ in range(MAX_REDRAWS):
                equal = np.flatnonzero(np.all(ai == ai[:, :1], axis=1))
                if not equal.size:
                    break
                ai[equal] = self._answer(rng, human[equal])
            else:
                raise ValueError(
                    f"allow_all_equal: expected some rewards of the second agent that differ, found none in "
                    f"{MAX_REDRAWS} attempts with {self.sampler.default!r} in {self.sampler.num_states} states"
                )
        return human, ai

    def _answer(self, rng: np.random.Generator, human: NDArray[np.float64]) -> NDArray[np.float64]:
        """R_A for each row of ``human``."""
        taken = rng.random(human.shape) < abs(self.correlation)
        for group in self.sampler.identical:
            taken[:, group[1:]] = taken[:, group[:1]]
        fresh = self.sampler.draw(rng, len(human))
        return np.where(taken, human if self.correlation >= 0 else self.mirror - human, fresh)


def pairs_in_block(num_states: int) -> int:
    """Pairs in a block of a run: as many as reward functions of one agent, in whole groups that are solved together."""
    from power_metrics.solvers.simd import LANES

    return max(LANES, block_rows(num_states) // LANES * LANES)


def pair_sampler(
    model: Model,
    reward: RewardDistribution | PerState,
    correlation: float,
    identical: Iterable[Collection[Hashable]] | None = None,
    allow_all_equal: bool = True,
) -> PairSampler:
    """Binds a distribution and a correlation to the states of a model.

    Args:
        model: whose states they are.
        reward: the distribution, for both agents.
        correlation: ρ.
        identical: sets of state labels; the states of a set have one reward.
        allow_all_equal: whether to keep reward functions with the same reward in all states.

    Raises:
        ValueError: for a correlation outside [-1, 1], a negative one where a state's distribution is not
            symmetric on a bounded interval, and whatever `reward_sampler` refuses.
    """
    number = isinstance(correlation, (int, float, np.number)) and not isinstance(correlation, bool)
    if not number or not -1 <= correlation <= 1:
        raise ValueError(f"correlation: expected a number in [-1, 1], found {correlation!r}")
    sampler = reward_sampler(model, reward, identical, allow_all_equal)
    mirror = np.zeros(model.num_states)
    if correlation < 0:
        mirror[:] = _mirror(sampler.default)
        for distribution, states in sampler.overrides:
            mirror[states] = _mirror(distribution)
        if np.isnan(mirror).any():
            s = int(np.flatnonzero(np.isnan(mirror))[0])
            known = [distribution for distribution, states in sampler.overrides if s in states]
            raise ValueError(
                f"correlation: expected at least 0 where a distribution is not symmetric on a bounded interval, as "
                f"{(known or [sampler.default])[0]!r} in state {s} ({label_text(model.state_labels[s])}), "
                f"found {correlation!r}"
            )
    return PairSampler(sampler, float(correlation), mirror)


def _mirror(distribution: RewardDistribution) -> float:
    """Low + high of the interval that a distribution is symmetric on; nan if there is none."""
    interval = getattr(distribution, "symmetric_interval", None)
    return math.nan if interval is None else float(interval[0] + interval[1])
