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

    @property
    def num_states(self) -> int:
        """S."""
        return self.sampler.num_states

    @property
    def allow_all_equal(self) -> bool:
        """Whether reward functions with the same reward in all states are kept."""
        return self.sampler.allow_all_equal

    @property
    def rows(self) -> int:
        """See `power_metrics.rewards.sampler.Sampler`: whole groups of pairs that are solved together."""
        return pairs_in_block(self.num_states)

    @property
    def width(self) -> int:
        """See `power_metrics.rewards.sampler.Sampler`: of each state R_H, whether A takes it over, and a fresh draw."""
        return 3 * self.num_states

    def marginals(self) -> list[tuple[RewardDistribution, NDArray[np.int64]]]:
        """The distributions of single rewards, each with the indices of its states."""
        return self.sampler.marginals()

    def at(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2, S) the pairs that points u (n, 3 S) of the unit cube stand for."""
        own, taken, fresh = np.split(u, 3, axis=1)
        human = self.sampler.at(own)
        return np.stack([human, self._answer(taken, human, self.sampler.at(fresh))], axis=1)

    def block(self, seed: int, number: int, stream: tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Block ``number`` of the pairs (R_H, R_A) of a run, (rows, 2, S).

        R_H and the fresh draws are the same for every correlation, so that differences between correlations are
        not blurred by other draws.

        Raises:
            ValueError: if draws that are not all equal do not come up.
        """
        human = self.sampler.draw(block_generator(seed, number, *stream), self.rows)
        ai = self._distinct(block_generator(seed, number, 1, *stream), human)
        return np.stack([human, ai], axis=1)

    def _distinct(self, rng: np.random.Generator, human: NDArray[np.float64]) -> NDArray[np.float64]:
        """R_A for each row of ``human``, drawn again where all states have the same, if that is asked for."""
        ai = self._drawn_answer(rng, human)
        if not self.sampler.allow_all_equal:
            for _ in range(MAX_REDRAWS):
                equal = np.flatnonzero(np.all(ai == ai[:, :1], axis=1))
                if not equal.size:
                    break
                ai[equal] = self._drawn_answer(rng, human[equal])
            else:
                raise ValueError(
                    f"allow_all_equal: expected some rewards of the second agent that differ, found none in "
                    f"{MAX_REDRAWS} attempts with {self.sampler.default!r} in {self.sampler.num_states} states"
                )
        return ai

    def _drawn_answer(self, rng: np.random.Generator, human: NDArray[np.float64]) -> NDArray[np.float64]:
        """R_A for each row of ``human``."""
        u = rng.random(human.shape)
        return self._answer(u, human, self.sampler.draw(rng, len(human)))

    def _answer(
        self, u: NDArray[np.float64], human: NDArray[np.float64], fresh: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """R_A, all (n, S): what R_H makes of it where u is below |ρ|, else the fresh draw."""
        taken = u < abs(self.correlation)
        for group in self.sampler.identical:
            taken[:, group[1:]] = taken[:, group[:1]]
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
