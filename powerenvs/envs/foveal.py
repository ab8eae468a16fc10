"""Foveal vision: sharp in the middle, coarse outside, as a map of pixels that is made once."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from powerenvs.model.labels import closest

KINDS = ("mosaic", "grid", "log-polar")
SHARP = 0.2
"""The share of a side that is sharp, in the middle."""
GROWTH = 1.16
"""From the sharp part outwards, each pixel of "grid" and each block of "mosaic" is so much wider than the last."""


class FovealMap:
    """Which pixels of an image are kept, and where.

    "grid": a smaller image, whose rows and columns are dense in the middle and sparse outside. "mosaic": an image of
    the same size, whose periphery shows blocks that grow outwards, each with the colour of the pixel in its middle.
    "log-polar": rings (rows) by angles (columns), with radii that grow geometrically (Schwartz 1977).

    Args:
        shape: (height, width) of the images.
        kind: one of the three.

    Attributes:
        shape: (height, width) of what comes out.
        kept: how many different pixels are kept.

    Raises:
        ValueError: for an unknown kind, or images below 16 pixels.

    Example:
        >>> from powerenvs.envs.foveal import FovealMap
        >>> fovea = FovealMap((84, 84), "grid")
        >>> fovea.shape, fovea.kept
        ((40, 40), 1600)
    """

    def __init__(self, shape: tuple[int, int], kind: str = "mosaic"):
        if kind not in KINDS:
            raise ValueError(f"foveal: unknown kind {kind!r}; {closest(kind, KINDS)}")
        height, width = shape
        if min(height, width) < 16:
            raise ValueError(f"shape: expected images of at least 16 by 16 pixels, found {height} by {width}")
        if kind == "log-polar":
            rings, angles = max(8, round(0.38 * min(height, width))), max(16, round(0.76 * min(height, width)))
            radii = np.geomspace(0.5, min(height, width) / 2 - 0.5, rings)[:, None]
            turns = 2 * np.pi * np.arange(angles)[None] / angles
            rows = np.rint((height - 1) / 2 + radii * np.sin(turns)).astype(np.int64)
            columns = np.rint((width - 1) / 2 + radii * np.cos(turns)).astype(np.int64)
        else:
            along = [_axis(length, kind == "mosaic") for length in (height, width)]
            rows, columns = np.ix_(*along)
        flat = np.ascontiguousarray(
            np.broadcast_to(rows * width + columns, np.broadcast_shapes(rows.shape, columns.shape))
        )
        self.shape: tuple[int, int] = (flat.shape[0], flat.shape[1])
        self.kept = len(np.unique(flat))
        self._size, self._flat = height * width, flat

    def __call__(self, image: NDArray[Any]) -> NDArray[Any]:
        """The image (H, W) or (H, W, C) as it is seen."""
        return np.take(image.reshape(self._size, *image.shape[2:]), self._flat, axis=0)


def _axis(length: int, whole: bool) -> NDArray[np.int64]:
    """The places along an axis: one for each block, or, of a whole image, its block's for each pixel."""
    edge = length / 2
    at = max(1.0, round(SHARP * length / 2))
    width = 1.0
    blocks = [(float(i), i + 1.0) for i in range(int(at))]
    while at < edge:
        width *= GROWTH
        end = min(edge, at + max(1.0, round(width)))
        if edge - end < 1:
            end = edge
        blocks.append((at, end))
        at = end
    outwards = [(a, b, (a + b) / 2) for a, b in blocks]
    both = [(edge - b, edge - a, edge - m) for a, b, m in outwards[::-1]] + [
        (edge + a, edge + b, edge + m) for a, b, m in outwards
    ]
    middles = np.clip(np.floor([m for _, _, m in both]), 0, length - 1).astype(np.int64)
    if not whole:
        return middles
    ends = np.array([b for _, b, _ in both])
    return middles[np.minimum(np.searchsorted(ends, np.arange(length) + 0.5), len(middles) - 1)]


class FovealObservation(gym.ObservationWrapper[Any, Any, Any]):
    """Makes the images of any environment foveal, about their middle.

    Args:
        env: an environment whose observations are images, (H, W) or (H, W, C).
        kind: "mosaic", "grid" or "log-polar": see `FovealMap`.

    Raises:
        ValueError: for other observations, and an unknown kind.

    Example:
        >>> import gymnasium as gym
        >>> import powerenvs
        >>> from powerenvs.envs import FovealObservation
        >>> env = gym.make("PowerGrid-v0", level="open_3x3", observation="rgb")
        >>> FovealObservation(env, "log-polar").observation_space.shape
        (14, 27, 3)
    """

    def __init__(self, env: gym.Env[Any, Any], kind: str = "mosaic"):
        space = getattr(env, "observation_space", None)
        if not isinstance(space, gym.spaces.Box) or len(space.shape) not in (2, 3):
            raise ValueError(f"env: expected one whose observations are images (H, W) or (H, W, C), found {space}")
        super().__init__(env)
        self.fovea = FovealMap((space.shape[0], space.shape[1]), kind)
        self.observation_space = gym.spaces.Box(
            self.fovea(space.low), self.fovea(space.high), dtype=self.fovea(space.low).dtype.type
        )

    def observation(self, observation: NDArray[Any]) -> NDArray[Any]:
        """The image as it is seen."""
        return self.fovea(observation)
