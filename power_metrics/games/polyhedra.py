"""Corners of best-response polyhedra in whole numbers: exact, complete, and each once, degenerate or not.

Against a mixed strategy z = (z_1, ..., z_k) the other player's strategy i earns (M z)_i. The polyhedron
{(z, u): z >= 0, u >= (M z)_i for all i, sum of z = 1} has the corners that equilibria are made of. It is the section of
a cone whose extreme rays the double description method finds by adding one inequality after the other (Motzkin et al.
1953; Fukuda and Prodon 1996): rays that violate it go, and each two neighbours on different sides leave one between
them. Rays are vectors of whole numbers, so nothing is rounded, and ties need no tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

MAX_CORNERS = 4000
"""Corners of one polyhedron beyond which enumeration is refused: it would take minutes."""


@dataclass(frozen=True)
class Corner:
    """A corner of a best-response polyhedron.

    Attributes:
        strategy: z, exactly.
        support: a bit for each strategy that z plays.
        best: a bit for each best answer to z.
    """

    strategy: tuple[Fraction, ...]
    support: int
    best: int


def corners(table: Sequence[Sequence[Fraction]]) -> list[Corner]:
    """The corners of the best-response polyhedron of a table M, (answers, strategies).

    Raises:
        ValueError: if there are too many.
    """
    scale = math.lcm(*(value.denominator for row in table for value in row))
    rows = [[int(value * scale) for value in row] for row in table]
    size, unplayed = len(rows[0]), (1 << len(rows[0])) - 1
    # bits of what is tight: one for each z_i = 0, then one for each best answer
    rays = [([0] * size + [1], unplayed)]
    for k in range(size):
        single = [int(i == k) for i in range(size)]
        rays.append(([*single, rows[0][k]], (unplayed & ~(1 << k)) | 1 << size))
    for number, row in enumerate(rows[1:], start=size + 1):
        rays = _cut(rays, row, 1 << number, size)
        if len(rays) > MAX_CORNERS:
            raise ValueError(
                f"A, B: expected games with at most {MAX_CORNERS} corners of best-response polyhedra, found more with "
                f"{len(rows)} x {size} strategies; leave out dominated strategies, or strategies that are never played"
            )
    found = []
    for ray, tight in rays:
        if total := sum(ray[:-1]):
            strategy = tuple(Fraction(value, total) for value in ray[:-1])
            found.append(Corner(strategy, unplayed & ~tight, tight >> size))
    return found


Ray = tuple[list[int], int]


def _cut(rays: list[Ray], row: list[int], bit: int, size: int) -> list[Ray]:
    """The extreme rays of a cone's part on which u >= row · z."""
    kept: list[Ray] = []
    above, below = [], []
    for ray, tight in rays:
        slack = ray[-1] - sum(map(int.__mul__, row, ray))  # `map` ends with the row, before u
        if slack < 0:
            below.append((ray, tight, slack))
            continue
        kept.append((ray, tight if slack else tight | bit))
        if slack:
            above.append((ray, tight, slack))
    everything = [tight for _, tight in rays]
    for lower, low, lack in below:
        for upper, high, slack in above:
            common = low & high
            # neighbours share a face of dimension 2, which no third ray is in
            if common.bit_count() < size - 1 or sum(common & tight == common for tight in everything) > 2:
                continue
            between = [slack * a - lack * b for a, b in zip(lower, upper, strict=True)]
            divisor = math.gcd(*between)
            kept.append(([value // divisor for value in between], common | bit))
    return kept
