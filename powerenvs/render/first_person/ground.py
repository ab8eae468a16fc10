"""Floors, ceilings and the sky as they look from the middle of a cell, drawn once for each size of pictures."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from powerenvs.render.first_person.camera import TEXELS, brightness, directions
from powerenvs.render.first_person.textures import SKY_HIGH, SKY_LOW, packed, tile

SAMPLES = 4
"""Points along the side of a pixel that its colour is the mean of."""


@lru_cache(maxsize=512)
def floor(height: int, width: int, diagonal: bool, texture: int, odd: bool, above: bool) -> NDArray[np.uint32]:
    """(W, H // 2) a floor, or a ceiling, that goes on for ever: each column from the picture's edge to its middle."""
    v, u = _points(height, width, diagonal)
    colours = tile(texture, odd, above)[v, u].astype(np.int64).sum(axis=(1, 3)) // SAMPLES**2
    return packed(colours * _weights(height, width)[None, :, None] >> 8)


@lru_cache(maxsize=32)
def sky(height: int, width: int) -> NDArray[np.uint32]:
    """(W, H // 2) the sky, the same in all directions so that it tells nobody where north is."""
    half = max(height // 2, 1)
    down = np.arange(height // 2)[:, None]
    colours = np.array(SKY_HIGH) + (np.array(SKY_LOW) - np.array(SKY_HIGH)) * down // half
    return np.broadcast_to(packed(colours), (width, height // 2))


def _weights(height: int, width: int) -> NDArray[np.int64]:
    depth = width / (2.0 * (height - 1 - 2 * np.arange(height // 2)))
    return (256 * brightness(depth)).astype(np.int64)


@lru_cache(maxsize=4)
def _points(height: int, width: int, diagonal: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(W, samples, H // 2, samples) twice: which point of a cell's texture is where, down and across."""
    part = (2 * np.arange(SAMPLES) + 1 - SAMPLES) / SAMPLES  # from the middle of a pixel, in halves of it
    across = 2 * np.arange(width) + 1 - width
    ratio = (across[:, None] + part) / width
    below = (height - 1 - 2 * np.arange(height // 2))[:, None] + part
    depth = width / (2.0 * below)
    north, east = directions(ratio[:, :, None, None], diagonal)
    along = depth / math.sqrt(2.0) if diagonal else depth
    place = [np.floor((axis * along + 0.5) % 1.0 * TEXELS).astype(np.int64) for axis in (north, east)]
    return np.minimum(place[0], TEXELS - 1), np.minimum(place[1], TEXELS - 1)
