"""Movement on grids, shared by every world that moves: directions, steps, noise; by array operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.level import Cell, Level
from powerenvs.model.checks import mapped, real
from powerenvs.model.labels import closest

DIRECTIONS: Mapping[str, tuple[int, int]] = {
    "stay": (0, 0),
    "up": (-1, 0),
    "down": (1, 0),
    "left": (0, -1),
    "right": (0, 1),
}
"""(row, column) step of each direction, in the order of movement actions."""

STAY = list(DIRECTIONS).index("stay")


def moved(level: Level, cell: Cell, action: str) -> Cell:
    """Where a move leads that bumps into walls: to where it began."""
    there = cell[0] + DIRECTIONS[action][0], cell[1] + DIRECTIONS[action][1]
    return cell if level.is_wall(there) else there


def neighbours(level: Level) -> NDArray[np.int32]:
    """(n, 5) int32: where each direction leads from each free cell of the level, -1 where a wall or the edge blocks."""
    padded = np.pad(level.state_grid, 1, constant_values=-1)
    rows, columns = level.cells.T + 1
    return np.stack([padded[rows + dr, columns + dc] for dr, dc in DIRECTIONS.values()], axis=1)


def noise_distribution(
    targets: NDArray[np.int32], noise: float, bias: Mapping[str, float] | None = None
) -> NDArray[np.float64]:
    """What movement noise alone does: (n, 5) probability of each direction, summing to ``noise`` in every cell.

    Noise spreads over all the directions L that are open in a cell, *stay* and the chosen one included, so
    that an intended move succeeds with probability ``1 - noise + noise / |L|``. A bias takes its share of
    the noise for one direction (for *stay* where that direction is blocked); what is left is spread evenly
    over the directions without a bias. These are POWERplay's semantics.

    Args:
        targets: (n, 5) as `neighbours` gives them.
        noise: total noise, in [0, 1].
        bias: {direction: share}, shares at least 0, summing to at most ``noise``.

    Raises:
        ValueError: for noise or shares out of range, an unknown direction, or a cell in which every open
            direction has a bias and some noise is left over.
    """
    bias = dict(mapped("noise_bias", {} if bias is None else bias, "{direction: share}"))
    if not 0 <= real(noise) <= 1:
        raise ValueError(f"noise: expected a number from 0 to 1, found {noise!r}")
    for direction, share in bias.items():
        if direction not in DIRECTIONS:
            raise ValueError(f"noise_bias: unknown direction {direction!r}; {closest(direction, DIRECTIONS)}")
        if not real(share) >= 0:
            raise ValueError(f"noise_bias: expected shares of at least 0, found {share!r} for {direction!r}")
    noise, bias = float(noise), {direction: float(share) for direction, share in bias.items()}
    total = sum(bias.values())
    if total > noise + 1e-12:
        raise ValueError(f"noise_bias: expected shares that sum to at most the noise, {noise}, found {total}")
    shares = np.zeros(targets.shape)
    if noise == 0.0 and total == 0.0:
        return shares
    opened = targets >= 0
    biased = np.zeros(targets.shape, dtype=bool)
    everyone = np.arange(len(targets))
    for direction, amount in bias.items():
        lands = np.where(opened[:, list(DIRECTIONS).index(direction)], list(DIRECTIONS).index(direction), STAY)
        shares[everyone, lands] += amount
        biased[everyone, lands] = True
    free = opened & ~biased
    count = free.sum(axis=1)
    rest = max(noise - total, 0.0)
    if rest > 1e-12 and not count.all():
        raise ValueError(
            f"noise_bias: every direction open in cell number {int(np.flatnonzero(count == 0)[0])} has a bias, so the "
            f"remaining noise of {rest} has nowhere to go; let the shares sum to the noise, {noise}"
        )
    return shares + free * (rest / np.maximum(count, 1))[:, None]


def movement_rows(
    targets: NDArray[np.int32], spread: NDArray[np.float64], noise: float, absent: bool
) -> tuple[NDArray[Any], ...]:
    """The transitions of an agent that moves.

    Args:
        targets: (n, 5) as `neighbours` gives them.
        spread: (n, 5) as `noise_distribution` gives it.
        noise: total noise, the sum of each row of ``spread``.
        absent: whether a blocked move does not exist; otherwise it exists and is the same as *stay*.

    Returns:
        ``row, successor, probability``, one entry for each possible outcome; row ``s * 5 + a``. Entries of
        one row may repeat a successor.
    """
    count = targets.shape[1]
    opened = targets >= 0
    if not spread.any():  # one outcome for each move: nothing that grows with the square of the directions
        row = np.flatnonzero(opened) if absent else np.arange(opened.size)
        reached = np.where(opened, targets, targets[:, STAY, None])
        return row, reached.ravel()[row], np.full(len(row), 1.0 - noise)
    intended = np.where(opened, np.arange(count), STAY)
    # (cell, action, direction that happens)
    probability = np.repeat(spread[:, None, :], count, axis=1)
    np.put_along_axis(
        probability,
        intended[:, :, None],
        np.take_along_axis(probability, intended[:, :, None], axis=2) + (1 - noise),
        axis=2,
    )
    happens = opened[:, None, :] & (probability > 0)
    if absent:
        happens &= opened[:, :, None]
    cell, action, direction = np.nonzero(happens)
    return cell * count + action, targets[cell, direction], probability[cell, action, direction]
