"""Reward functions in reproducible blocks.

Block k of a run always has the same rows, drawn by its own generator from the seed. So results do not
depend on threads or batches, and the first n reward functions of a longer run are those of a shorter one.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import SMALLEST
from power_metrics.rewards.distributions import PerState, RewardDistribution
from power_metrics.solvers.jit import kernel
from powerenvs.model.base import Model
from powerenvs.model.checks import as_list, flag
from powerenvs.model.rows import LARGEST

_IDENTICAL, _SETS = "states_with_identical_rewards", "sets of state labels"
MAX_REDRAWS = 10_000
NEGLIGIBLE = 1e-290
"""Draws below this are 0: beside the others they are, and solvers compare shares of them that float64 cannot hold."""


def block_rows(num_states: int) -> int:
    """Reward functions in a block: 1024, fewer where states are so many that a block would pass 4 MB."""
    return max(1, min(1024, (1 << 19) // num_states))


def block_generator(seed: int, block: int, *stream: int) -> np.random.Generator:
    """The generator of one block, or of a further stream of draws that goes with it."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(block, *stream))))


class Sampler(Protocol):
    """Reward functions bound to a model: of one agent (n, S), or pairs of them, of two agents, (n, 2, S)."""

    @property
    def num_states(self) -> int:
        """S."""
        ...

    @property
    def allow_all_equal(self) -> bool:
        """Whether reward functions with the same reward in all states are kept."""
        ...

    @property
    def rows(self) -> int:
        """How many there are in a block."""
        ...

    @property
    def width(self) -> int:
        """How many numbers in [0, 1] decide one of them."""
        ...

    def block(self, seed: int, number: int, stream: tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Block ``number`` of the run with this seed, or of a further stream of draws that goes with it."""
        ...

    def at(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Those that the points u (n, width) of the unit cube stand for; `check_offers` says whether there are any."""
        ...

    def marginals(self) -> list[tuple[RewardDistribution, NDArray[np.int64]]]:
        """The distributions of single rewards, each with the indices of its states."""
        ...


@dataclass(frozen=True)
class RewardSampler:
    """A distribution bound to a model's states.

    Attributes:
        num_states: S.
        default: the distribution of most states.
        overrides: other distributions, each with the indices of its states.
        identical: groups of states that share one draw.
        allow_all_equal: whether reward functions with the same reward in all states are kept.
    """

    num_states: int
    default: RewardDistribution
    overrides: tuple[tuple[RewardDistribution, NDArray[np.int64]], ...] = ()
    identical: tuple[NDArray[np.int64], ...] = ()
    allow_all_equal: bool = True

    @property
    def rows(self) -> int:
        """See `Sampler`."""
        return block_rows(self.num_states)

    @property
    def width(self) -> int:
        """See `Sampler`: S, a number for each state."""
        return self.num_states

    def block(self, seed: int, number: int, stream: tuple[int, ...] = ()) -> NDArray[np.float64]:
        """See `Sampler`: (rows, S)."""
        return self.draw(block_generator(seed, number, *stream), self.rows)

    def at(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Sampler`: (n, S) the quantiles u (n, S) of the distributions."""
        rewards = np.empty_like(u)
        for distribution, states in self.marginals():
            places = u[:, states]
            found = distribution.quantile(places)  # type: ignore[attr-defined]  # see `check_offers`
            rewards[:, states] = checked_draws(distribution, found, places.shape)
        for group in self.identical:
            rewards[:, group[1:]] = rewards[:, group[:1]]
        return rewards

    def marginals(self) -> list[tuple[RewardDistribution, NDArray[np.int64]]]:
        """The distributions, each with the indices of its states."""
        others = np.ones(self.num_states, dtype=bool)
        for _, states in self.overrides:
            others[states] = False
        rest = np.flatnonzero(others)
        return [*self.overrides, *([(self.default, rest)] if rest.size else [])]

    def independent(self) -> list[tuple[RewardDistribution, NDArray[np.int64]]]:
        """One entry for each independent draw: its distribution, and the states that share it."""
        group = {int(states[0]): states for states in self.identical}
        followers = {int(s) for states in self.identical for s in states[1:]}
        return [
            (distribution, group.get(int(s), np.array([s])))
            for distribution, states in self.marginals()
            for s in states
            if int(s) not in followers
        ]

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """(count, S) rewards.

        Raises:
            ValueError: if draws that are not all equal do not come up.
        """
        rewards = self._draw(rng, count)
        if not self.allow_all_equal:
            for _ in range(MAX_REDRAWS):
                equal = np.flatnonzero(np.all(rewards == rewards[:, :1], axis=1))
                if not equal.size:
                    return rewards
                rewards[equal] = self._draw(rng, len(equal))
            raise ValueError(
                f"allow_all_equal: expected some draws with different rewards, found none in {MAX_REDRAWS} attempts "
                f"with {self.default!r} in {self.num_states} states"
            )
        return rewards

    def _draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        rewards = checked_draws(
            self.default, self.default.sample(rng, (count, self.num_states)), (count, self.num_states)
        )
        for distribution, states in self.overrides:
            shape = (count, len(states))
            rewards[:, states] = checked_draws(distribution, distribution.sample(rng, shape), shape)
        for group in self.identical:
            rewards[:, group[1:]] = rewards[:, group[:1]]
        return rewards


def checked_draws(distribution: RewardDistribution, draws: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draws of a distribution as an array of this shape.

    Raises:
        ValueError: if they have another, or are not numbers whose squares are numbers too.
    """
    array: NDArray[np.float64] = np.ascontiguousarray(draws, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"reward: expected {distribution!r} to draw numbers of shape {shape}, found {array.shape}")
    least, largest = range_of_sizes(array.reshape(-1).view(np.int64)).view(np.float64)
    if not np.isfinite(largest):
        found = array[~np.isfinite(array)][0]
        raise ValueError(f"reward: expected finite numbers, found {found} among the draws of {distribution!r}")
    if largest > LARGEST or 0.0 < largest < SMALLEST:
        raise ValueError(
            f"reward: expected draws of which the largest is 0, or from {SMALLEST:g} to {LARGEST:g} in size, found "
            f"{largest:g} with {distribution!r}"
        )
    return np.where(np.abs(array) < NEGLIGIBLE, 0.0, array) if least < NEGLIGIBLE else array


@kernel
def range_of_sizes(bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bits of the least and the largest |x|, of numbers x given by their bits; (0, 0) of none.

    Without their sign, bits are ordered as the numbers are, and nan comes last. So a pass over integers, which
    compilers do several at a time, tells what several passes with arrays in between would.
    """
    least = largest = np.int64(0x7FFFFFFFFFFFFFFF) & bits[0] if bits.size else np.int64(0)
    for i in range(bits.size):
        size = bits[i] & np.int64(0x7FFFFFFFFFFFFFFF)
        least, largest = min(least, size), max(largest, size)
    return np.array([least, largest])


def reward_sampler(
    model: Model,
    reward: RewardDistribution | PerState,
    identical: Iterable[Collection[Hashable]] | None = None,
    allow_all_equal: bool = True,
) -> RewardSampler:
    """Binds a distribution to the states of a model.

    Args:
        model: whose states they are.
        reward: the distribution.
        identical: sets of state labels; the states of a set have one reward.
        allow_all_equal: whether to keep reward functions with the same reward in all states.

    Raises:
        ValueError: for unknown labels (with the closest), sets that overlap or mix distributions, and
            anything that is not a distribution.
    """
    if isinstance(reward, PerState):
        default, named = reward.default, dict(reward.distributions)
    else:
        default, named = reward, {}
    if isinstance(default, type) or not callable(getattr(default, "sample", None)):
        raise ValueError(f"reward: expected a reward distribution such as Uniform(0, 1), found {reward!r}")
    by_state = {model.index(label): distribution for label, distribution in named.items()}
    groups: list[NDArray[np.int64]] = []
    taken: dict[int, int] = {}
    for number, labels in enumerate([] if identical is None else as_list(_IDENTICAL, identical, _SETS)):
        states = sorted({model.index(label) for label in as_list(_IDENTICAL, labels, _SETS)})
        for s in states:
            if s in taken:
                raise ValueError(
                    f"states_with_identical_rewards: expected disjoint sets, found {model.state_labels[s]!r} in sets "
                    f"{taken[s]} and {number}"
                )
            taken[s] = number
            if by_state.get(s, default) != by_state.get(states[0], default):
                raise ValueError(
                    f"states_with_identical_rewards: expected one distribution for each set, found "
                    f"{by_state.get(states[0], default)!r} for {model.state_labels[states[0]]!r} and "
                    f"{by_state.get(s, default)!r} for {model.state_labels[s]!r}"
                )
        if len(states) > 1:
            groups.append(np.array(states))
    if not flag("allow_all_equal", allow_all_equal) and model.num_states == 1:
        raise ValueError(
            "allow_all_equal: expected True for a model with one state, where all rewards are equal, found False"
        )
    overrides: list[tuple[RewardDistribution, list[int]]] = []
    for s, distribution in sorted(by_state.items()):
        place = next((states for known, states in overrides if known == distribution), None)
        if place is None:
            overrides.append((distribution, [s]))
        else:
            place.append(s)
    return RewardSampler(
        model.num_states,
        default,
        tuple((distribution, np.array(states)) for distribution, states in overrides),
        tuple(groups),
        allow_all_equal,
    )


def check_offers(sampler: Sampler, what: str, used_for: str) -> None:
    """Raises a ValueError unless every distribution has a method ``what`` and draws are independent over states."""
    for distribution, _ in sampler.marginals():
        if not callable(getattr(distribution, what, None)):
            raise ValueError(f"{used_for}: expected distributions with a {what} method, found {distribution!r}")
    if not sampler.allow_all_equal:
        raise ValueError(f"{used_for}: expected allow_all_equal=True, found False, which plain Monte Carlo can do")
