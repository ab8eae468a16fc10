"""Reward functions for any number of agents, each correlated with that of the first."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from power_metrics.rewards.distributions import PerState, RewardDistribution
from power_metrics.rewards.pairs import PairSampler, pair_sampler
from power_metrics.rewards.sampler import block_generator
from powerenvs.model.base import Model

FIRST_STREAM = 500
"""The streams of the third and further agents; the first two have those of pairs."""


@dataclass(frozen=True)
class GroupSampler(PairSampler):
    """Draws (R_1, ..., R_N), state by state and independently over states.

    Each further agent takes R_1(s) over, or its mirror image, with probability |ρ|, as `PairSampler` says, each by a
    chance of its own; so the rewards of two further agents have correlation ρ². The first two agents' are those of
    pairs of the same seed.

    Attributes:
        num_agents: N, at least 2.
    """

    num_agents: int = 2

    @property
    def width(self) -> int:
        """See `power_metrics.rewards.sampler.Sampler`: R_1, and what each further agent needs, of each state."""
        return (2 * self.num_agents - 1) * self.num_states

    def at(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, N, S) the reward functions that points u of the unit cube stand for."""
        first, *rest = np.split(u, 2 * self.num_agents - 1, axis=1)
        own = self.sampler.at(first)
        pairs = zip(rest[::2], rest[1::2], strict=True)
        return np.stack([own, *(self._answer(taken, own, self.sampler.at(fresh)) for taken, fresh in pairs)], axis=1)

    def block(self, seed: int, number: int, stream: tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Block ``number`` of a run, (rows, N, S).

        Raises:
            ValueError: if draws that are not all equal do not come up.
        """
        pair = super().block(seed, number, stream)
        own = pair[:, 0]
        further = [
            self._distinct(block_generator(seed, number, FIRST_STREAM + k, *stream), own)
            for k in range(self.num_agents - 2)
        ]
        return np.concatenate([pair, *(rewards[:, None] for rewards in further)], axis=1)


def group_sampler(
    model: Model,
    reward: RewardDistribution | PerState,
    correlation: float,
    num_agents: int,
    identical: Iterable[Collection[Hashable]] | None = None,
    allow_all_equal: bool = True,
) -> GroupSampler:
    """As `power_metrics.rewards.pairs.pair_sampler`, for N agents.

    Raises:
        ValueError: as there.
    """
    pair = pair_sampler(model, reward, correlation, identical, allow_all_equal)
    return GroupSampler(pair.sampler, pair.correlation, pair.mirror, num_agents)
