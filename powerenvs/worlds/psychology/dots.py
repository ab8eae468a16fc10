"""Round dots on a picture, as machine code: random-dot motion draws hundreds of them in every frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from powerenvs.machine_code import compiled, stamp


def _dotted(picture: NDArray[np.uint8], dots: NDArray[np.float64], radius: float, colour: NDArray[np.float64]) -> None:
    """Draws dots of a radius in pixels at (n, 2) places on a picture (size, size, 3), smooth to a fraction of a pixel.

    Where dots overlap their cover adds up, to at most a whole pixel.
    """
    size = picture.shape[0]
    reach = max(1, int(np.ceil(radius + 0.5)))
    cover = np.zeros((size, size), dtype=np.float64)
    for n in range(dots.shape[0]):
        x, y = dots[n, 0] * size - 0.5, dots[n, 1] * size - 0.5
        column, row = int(np.rint(x)), int(np.rint(y))
        for i in range(max(0, row - reach), min(size, row + reach + 1)):
            for j in range(max(0, column - reach), min(size, column + reach + 1)):
                there = radius + 0.5 - np.sqrt((j - x) ** 2 + (i - y) ** 2)
                if there > 0:
                    cover[i, j] += min(there, 1.0)
    for i in range(size):
        for j in range(size):
            alpha = min(cover[i, j], 1.0)
            if alpha > 0:
                for k in range(3):
                    picture[i, j, k] = np.uint8(picture[i, j, k] + alpha * (colour[k] - picture[i, j, k]) + 0.5)


dotted = compiled(_dotted, stamp(Path(__file__)))
