"""POWER of many reward functions in one kernel: drawn, solved and added up without leaving the processor's caches.

A lane is a block of reward functions, drawn by the block's own generator, so that a block has the same rewards and the
same sums wherever and beside whichever others it is done. GROUPS reward functions of each block are solved in turn.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.discounted.stay_put import Moves, raise_values
from power_metrics.solvers.jit import Floats, Ints, inlined, kernel
from power_metrics.solvers.simd import GROUPS, LANES, fill, larger, load, pick_above, store
from power_metrics.solvers.transpose import absolute
from power_metrics.solvers.words import load_words, step, store_words, unit


class Recipe(NamedTuple):
    """How a reward is made of a number u in [0, 1).

    Attributes:
        low: low + u · width is uniform.
        width: above 0; or 0 for rewards of 0 and 1.
        chance: of 1: where u is below.
    """

    low: float
    width: float
    chance: float


class Averages(NamedTuple):
    """What is kept of LANES blocks.

    Attributes:
        sums: (LANES, 3, S) means of POWER, and sums of squares and cubes of what differs from them.
        residual: (LANES,) the largest.
        most: (LANES,) the most iterations.
        total: (LANES,) all iterations.
    """

    sums: Floats
    residual: Floats
    most: Floats
    total: Floats

    @classmethod
    def empty(cls, num_states: int) -> Averages:
        """Room for them."""
        return cls(np.empty((LANES, 3, num_states)), np.empty(LANES), np.empty(LANES), np.empty(LANES))


@kernel
def average_stay_put(
    states: NDArray[np.uint64], counts: Ints, recipe: Recipe, gamma: float, order: Ints, moves: Moves, out: Averages
) -> None:
    """Averages POWER, (1 - γ) max V(s'), over blocks of reward functions in a model that lets every state stay.

    Args:
        states: (4, LANES) the generators of the blocks.
        counts: (LANES,) how many reward functions each block has; 0 for none.
        recipe: of the rewards.
        gamma: discount.
        order: (S,) the model's state at each position.
        moves: where else choices lead.
        out: what is kept.
    """
    S = order.shape[0]
    position = np.empty(S, np.int32)
    for i in range(S):
        position[order[i]] = i
    reward, value = np.empty((S, GROUPS, LANES)), np.empty((S, GROUPS, LANES))
    powers, sums = np.empty((S, GROUPS, LANES)), np.zeros((5 * S, LANES))
    flat_reward, flat_value = reward.reshape((S * GROUPS, LANES)), value.reshape((S * GROUPS, LANES))
    flat_powers = powers.reshape((S * GROUPS, LANES))
    sweeps = np.empty((1, GROUPS, LANES))
    flat_sweeps = sweeps.reshape((GROUPS, LANES))
    kept = np.zeros((3, LANES))
    size = np.empty((1, LANES))
    for lane in range(LANES):
        size[0, lane] = counts[lane]
    first = True
    for start in range(0, counts.max(), GROUPS):
        _draw(states, recipe, position, flat_reward)
        store(sweeps, 0, raise_values(reward, gamma, moves, value))
        for i in range(S):
            top = load(value, i)
            for k in range(moves.begin[i], moves.begin[i + 1]):
                top = larger(load(value, moves.successor[k]), top)
            store(powers, i, top)
        for g in range(GROUPS):
            inside = load(size, 0) - fill(float(start + g))  # above 0 in lanes whose block has so many
            _add(gamma, g, inside, first, flat_reward, flat_value, flat_powers, load(flat_sweeps, g), sums, kept)
            first = False
    _finish(counts, order, sums, kept, out)


@inlined
def _draw(states: NDArray[np.uint64], recipe: Recipe, position: Ints, reward: Floats) -> None:
    """Draws GROUPS reward functions of each block, one after the other, into ``reward`` (S · GROUPS, LANES)."""
    a, b, c, count = load_words(states, 0), load_words(states, 1), load_words(states, 2), load_words(states, 3)
    for g in range(GROUPS):
        for s in range(position.shape[0]):
            words, a, b, c, count = step(a, b, c, count)
            u = unit(words)
            if recipe.width > 0.0:
                drawn = recipe.width * u + fill(recipe.low)
            else:
                drawn = pick_above(fill(recipe.chance), u, fill(1.0), fill(0.0))
            store(reward, position[s] * GROUPS + g, drawn)
    store_words(states, 0, a)
    store_words(states, 1, b)
    store_words(states, 2, c)
    store_words(states, 3, count)


@inlined
def _add(
    gamma: float, g: int, inside: Any, first: bool, reward: Floats, value: Floats, powers: Floats, sweeps: Any,
    sums: Floats, kept: Floats,
) -> None:  # fmt: skip
    """Adds the reward functions of a group to ``sums`` (5 · S, LANES), and their diagnostics to ``kept`` (3, LANES).

    Squares and cubes are about the first POWER of each block, which is as near to the mean as draws are to each other.
    """
    S = len(sums) // 5
    zero = fill(0.0)
    error, largest = zero, zero
    for i in range(S):
        at = i * GROUPS + g
        top = load(powers, at)
        v = load(value, at)
        error = larger(absolute(v - (load(reward, at) + gamma * top)), error)
        largest = larger(absolute(v), largest)
        power = (1.0 - gamma) * top
        if first:
            store(sums, 4 * S + i, power)
        away = pick_above(inside, zero, power - load(sums, 4 * S + i), zero)
        square = away * away
        store(sums, i, load(sums, i) + pick_above(inside, zero, power, zero))
        store(sums, S + i, load(sums, S + i) + away)
        store(sums, 2 * S + i, load(sums, 2 * S + i) + square)
        store(sums, 3 * S + i, load(sums, 3 * S + i) + square * away)
    share = pick_above(error, zero, error / largest, zero)
    store(kept, 0, larger(pick_above(inside, zero, share, zero), load(kept, 0)))
    store(kept, 1, larger(pick_above(inside, zero, sweeps, zero), load(kept, 1)))
    store(kept, 2, load(kept, 2) + pick_above(inside, zero, sweeps, zero))


@inlined
def _finish(counts: Ints, order: Ints, sums: Floats, kept: Floats, out: Averages) -> None:
    """Makes means and central sums of what was added up."""
    S = len(order)
    for lane in range(LANES):
        out.residual[lane], out.most[lane], out.total[lane] = kept[0, lane], kept[1, lane], kept[2, lane]
        n = float(max(counts[lane], 1))
        for i in range(S):
            s = order[i]
            off = sums[S + i, lane] / n
            squares = sums[2 * S + i, lane]
            central = max(0.0, squares - n * off * off)
            out.sums[lane, 0, s] = sums[i, lane] / n
            out.sums[lane, 1, s] = central
            out.sums[lane, 2, s] = sums[3 * S + i, lane] - off * (3.0 * squares - 2.0 * n * off * off)
