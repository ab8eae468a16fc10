"""Drawing outcomes: the same uniform number gives the same outcome in a single and in a vector environment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.utils.seeding import np_random
from numpy.typing import NDArray

BUFFER = 2**22
"""Random numbers that all streams together hold, at most; from 16 to 256 a stream."""


def choose(
    total: NDArray[np.float64], first: NDArray[np.int64], count: NDArray[np.int64], uniform: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The entry that a uniform number falls on, in many rows at once, by bisection.

    Args:
        total: (nnz,) as `cumulative` gives it.
        first: (n,) the first entry of each row.
        count: (n,) the number of entries of each row, at least 1.
        uniform: (n,) numbers in [0, 1).

    Returns:
        (n,) for each row its first entry with a sum above the number.
    """
    entry, last = first.copy(), first + count - 1
    for power in reversed(range(int(count.max(initial=1) - 1).bit_length())):
        step = 1 << power
        probe = np.minimum(entry + (step - 1), last)  # the last sum is 1, above every number
        entry += step * (total.take(probe) <= uniform)
    return entry


class UniformStreams:
    """One stream of uniform numbers for each of N copies, read in blocks.

    Stream i gives the numbers that ``random()`` of a Gymnasium generator seeded like copy i would give, whatever the
    other streams do. A generator is made when its stream is first read.

    Attributes:
        seeds: the seed of each stream; None for one that has not been seeded or read yet.
    """

    def __init__(self, num_streams: int):
        self._length = int(np.clip(BUFFER // num_streams, 16, 256))
        self._buffer: NDArray[np.float64] | None = None
        self._position = np.full(num_streams, self._length)
        self._generators: list[np.random.Generator | None] = [None] * num_streams
        self.seeds: list[int | None] = [None] * num_streams

    def seed(self, stream: int, seed: int | None) -> None:
        """Starts a stream afresh; with None it goes on as it was."""
        if seed is None:
            return
        self._generators[stream], self.seeds[stream] = None, seed
        self._position[stream] = self._length

    def generator(self, stream: int) -> np.random.Generator:
        """The generator behind a stream, up to a block ahead of what has been drawn."""
        generator = self._generators[stream]
        if generator is None:
            generator, seed = np_random(self.seeds[stream])
            self._generators[stream], self.seeds[stream] = generator, seed
        return generator

    def draw(self, streams: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n,) the next number of each of these streams, no stream twice."""
        if self._buffer is None:
            self._buffer = np.empty((len(self._position), self._length))
        position = self._position.take(streams)
        empty = position == self._length
        if empty.any():
            for stream in streams[empty].tolist():
                self.generator(stream).random(out=self._buffer[stream])
            position[empty] = 0
        self._position[streams] = position + 1
        return self._buffer.ravel().take(streams * self._length + position)


def seed_list(seed: int | Sequence[int | None] | None, num_envs: int) -> list[int | None]:
    """One seed for each copy, as `gymnasium.vector.SyncVectorEnv` gives them: seed, seed + 1, ...

    Raises:
        ValueError: for a list of another length.
    """
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, (int, np.integer)):
        return [int(seed) + i for i in range(num_envs)]
    if len(seed) != num_envs:
        raise ValueError(f"seed: expected an integer or {num_envs} seeds, one for each copy, found {len(seed)}")
    return list(seed)
