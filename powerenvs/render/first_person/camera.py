"""Where rays go: tables of what each column of a picture meets, for an eye in the middle of a cell.

The eye is always in the middle of a cell and looks in one of four directions, or of eight. So what a ray meets is the
same everywhere, seen from the eye: the sides of cells that it crosses, one after the other, and how far away they are.
These tables hold it once, for an observer that looks north, or north-east. A picture is then made without any
arithmetic on coordinates: follow the list of sides until one is closed, and copy what is drawn at that distance.

The field of view is 90 degrees across, whatever the size of the picture, and pixels are square: the ray of column x
goes (2x + 1 - width) / width cells to the right for each cell ahead. All of this is rational, so that distances are
correctly rounded and equal on every machine; looking north-east, a root of two comes in, which is so too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

TEXELS = 32
"""Points along the side of a texture; smaller ones, each half as fine, follow for what is far away."""
LEVELS = tuple(TEXELS >> level for level in range(5))
LEVEL_START = tuple(int(n) for n in np.cumsum([0, *(side * side for side in LEVELS)]))
"""Where each level begins in a texture laid out as one row of colours, and how long the row is."""
SHADES = 24
"""Steps from the brightness of what is near to that of what is far."""
FRACTION = 16
"""Bits after the point of positions on a texture."""
_NUDGE = 2.0**-30
"""By how much rays are turned inwards when the view is diagonal, so that none goes exactly through a corner."""


@dataclass(frozen=True, eq=False)
class Rays:
    """What the ray of each column crosses, for one direction of view in a grid of at most ``reach`` cells a side.

    The observer looks north, or north-east, so that cells are named by how many cells further north and east they are.

    Attributes:
        north: (W, E) of the cell that is left by the e-th crossing.
        east: (W, E) of that cell.
        side: (W, E) by which side it is left.
        depth: (W, E, 3) how far away the crossing is, in cells along the direction of view: of the side, and of a
            door's leaf in the middle of the cell, across the way north or across the way east; infinite where the ray
            does not meet it.
        top: (W, E, 3) rows of pixels above what stands there; as many are below it. -1 for what the ray does not meet.
        texel: (W, E, 3) where the column's points begin in a texture (see `LEVEL_START`), shading included.
        start: (W, E, 3) which of the points the topmost pixel shows, with `FRACTION` bits after the point.
        step: (W, E, 3) how many points further the next pixel is.
        row_depth: (H // 2,) distance of floor and ceiling in the pixels of a row, counted from the picture's edge.
        across: (W,) how far the ray goes to the right for each cell ahead.
    """

    north: NDArray[np.int64]
    east: NDArray[np.int64]
    side: NDArray[np.int64]
    depth: NDArray[np.float64]
    top: NDArray[np.int64]
    texel: NDArray[np.int64]
    start: NDArray[np.int64]
    step: NDArray[np.int64]
    row_depth: NDArray[np.float64]
    across: NDArray[np.float64]


@lru_cache(maxsize=32)
def rays(height: int, width: int, reach: int, diagonal: bool) -> Rays:
    """The tables for pictures of a size.

    Args:
        height: H, rows of pixels.
        width: W, columns of pixels.
        reach: the longer side of the grid, in cells.
        diagonal: whether the observer looks north-east rather than north.
    """
    across = 2 * np.arange(width) + 1 - width  # twice the columns to the right of the middle
    ratio = across / width * (1 - _NUDGE if diagonal else 1)
    ahead, aside = directions(ratio, diagonal)
    scale = math.sqrt(2.0) if diagonal else 1.0
    middles = np.arange(reach) + 0.5
    with np.errstate(divide="ignore"):
        northward = middles / ahead[:, None]
        # Of the same rational as (2j + 1) W / (2 |2x + 1 - W|), in one division, so that it is correctly rounded.
        eastward = (
            middles / np.abs(aside)[:, None] if diagonal else (2 * middles * width) / (2.0 * np.abs(across))[:, None]
        )
    both = np.concatenate([northward, eastward], axis=1)
    order = np.argsort(both, axis=1, kind="stable")
    along = np.take_along_axis(both, order, axis=1)
    is_east: NDArray[np.bool_] = order >= reach
    crossed_east: NDArray[np.int64] = np.cumsum(is_east, axis=1) - is_east
    crossed_north: NDArray[np.int64] = np.cumsum(~is_east, axis=1) - ~is_east
    sign = np.where(aside < 0, -1, 1)[:, None]
    side = np.where(is_east, np.where(sign > 0, 1, 3), 0)
    before = np.concatenate([np.zeros((width, 1)), along[:, :-1]], axis=1)

    with np.errstate(divide="ignore", invalid="ignore"):
        leaf_north = crossed_north / ahead[:, None]
        leaf_east = (
            crossed_east / np.abs(aside)[:, None] if diagonal else crossed_east * width / np.abs(across)[:, None]
        )
    depth = np.full((*along.shape, 3), np.inf)
    depth[:, :, 0] = along
    for k, (leaf, count) in enumerate(((leaf_north, crossed_north), (leaf_east, crossed_east)), start=1):
        met = (count > 0) & (leaf > before) & (leaf < along)
        depth[:, :, k] = np.where(met, leaf, np.inf)

    reached = np.isfinite(depth)
    finite = np.where(reached, depth, 1.0)
    east_face = np.stack([is_east, np.zeros_like(is_east), np.ones_like(is_east)], axis=2)
    right = finite * np.abs(aside)[:, None, None] + 0.5 - crossed_east[:, :, None]  # from the side that was entered
    onward = finite * ahead[:, None, None] + 0.5 - crossed_north[:, :, None]
    towards = sign[:, :, None] > 0
    # From left to right as the observer sees the side: a wall on the right has what is near on its right end.
    place = np.where(east_face, np.where(towards, 1 - onward, onward), np.where(towards, right, 1 - right))
    slant = np.where(east_face, np.abs(aside)[:, None, None], ahead[:, None, None])
    depth *= scale
    finite *= scale
    level = _level(finite, slant, width)
    side_length = np.array(LEVELS)[level]
    column = np.clip(np.floor(place * side_length), 0, side_length - 1).astype(np.int64)
    shade = _shade(finite, np.where(east_face, 0.8 if not diagonal else 0.84, 1.0 if not diagonal else 0.96))
    texel = shade * LEVEL_START[-1] + np.array(LEVEL_START)[level] + column * side_length

    edge = np.arange(height // 2)
    row_depth = width / (2.0 * (height - 1 - 2 * edge))
    top = np.searchsorted(row_depth, finite, side="left")
    begin = 0.5 + (2 * top + 1 - height) * finite / width
    start = np.floor(np.maximum(begin, 0) * side_length * 2**FRACTION)
    step = np.floor(2 * finite / width * side_length * 2**FRACTION)
    return Rays(
        north=crossed_north,
        east=crossed_east * sign,
        side=side,
        depth=depth,
        top=np.where(reached, top, -1),
        texel=np.where(reached, texel, 0),
        start=np.where(reached, start, 0).astype(np.int64),
        step=np.where(reached, step, 0).astype(np.int64),
        row_depth=row_depth,
        across=ratio,
    )


def directions(ratio: NDArray[np.float64], diagonal: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far north and east rays go in a step, of those that go ``ratio`` to the right for each step ahead."""
    return (1 - ratio, 1 + ratio) if diagonal else (np.ones_like(ratio), ratio)


def _level(depth: NDArray[np.float64], slant: NDArray[np.float64], width: int) -> NDArray[np.int64]:
    """Which of `LEVELS` shows what is so far away without jumping over points."""
    down = 2 * depth / width * TEXELS  # points from one pixel to the next
    points = down * down / np.maximum(slant, 0.05)  # squared: the mean of down and across, by which a slant divides
    return np.sum(points[..., None] > np.array([2.0, 8.0, 32.0, 128.0]), axis=-1)


def _shade(depth: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which step of brightness shows something so far away."""
    return np.clip(np.floor(SHADES * (1 - factor * brightness(depth)) / (1 - DARKEST)), 0, SHADES - 1).astype(np.int64)


DARKEST = 0.3


def brightness(depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """How bright something is by how far away it is, from 1 down to 0.3."""
    return np.maximum(DARKEST, 1 / (1 + 0.07 * np.maximum(depth - 0.5, 0)))


SHADE_FACTORS = tuple(1 - (k + 0.5) * (1 - DARKEST) / SHADES for k in range(SHADES))
"""The brightness of each step."""


def shade_depths() -> tuple[float, ...]:
    """How far away something may be to be shown in each step of brightness, or a brighter one."""
    edges = [1 - (k + 1) * (1 - DARKEST) / SHADES for k in range(SHADES)]
    return tuple(0.5 + (1 / edge - 1) / 0.07 for edge in edges)
