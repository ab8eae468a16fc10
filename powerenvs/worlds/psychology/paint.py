"""Stimuli as pixels, with smooth edges: shapes, images of no meaning, dots. Screens are 1 wide and 1 high."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

RGB = tuple[int, int, int]
Alpha = NDArray[np.float32]
Picture = NDArray[np.uint8]

GREY: RGB = (128, 128, 128)
INK: RGB = (24, 24, 28)
WHITE: RGB = (246, 246, 242)
MAGENTA: RGB = (214, 40, 180)
CYAN: RGB = (32, 168, 196)
YELLOW: RGB = (226, 190, 40)
GREEN: RGB = (52, 160, 72)
RED: RGB = (206, 56, 48)
BLUE: RGB = (48, 88, 208)
ORANGE: RGB = (232, 128, 36)
COLOURS: tuple[RGB, ...] = (RED, GREEN, BLUE, YELLOW, MAGENTA, CYAN, ORANGE)
FINE = 6
"""Shapes are drawn this many times finer and averaged."""

POLYGONS: dict[str, tuple[tuple[float, float], ...]] = {
    "square": ((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)),
    "triangle": ((0.0, -0.95), (0.95, 0.75), (-0.95, 0.75)),
    "bar": ((-0.95, -0.28), (0.95, -0.28), (0.95, 0.28), (-0.95, 0.28)),
    "arrow": ((1.0, 0.0), (0.2, -0.75), (0.2, -0.28), (-1.0, -0.28), (-1.0, 0.28), (0.2, 0.28), (0.2, 0.75)),
    "cross": tuple(
        (x, y)
        for x, y in (
            (-0.25, -1), (0.25, -1), (0.25, -0.25), (1, -0.25), (1, 0.25), (0.25, 0.25), (0.25, 1), (-0.25, 1),
            (-0.25, 0.25), (-1, 0.25), (-1, -0.25), (-0.25, -0.25),
        )
    ),
    "tick": ((-0.9, 0.05), (-0.6, -0.25), (-0.25, 0.1), (0.65, -0.75), (0.95, -0.45), (-0.25, 0.75)),
    "star": tuple(
        (math.sin(i * math.pi / 5) * (0.42 if i % 2 else 1.0), -math.cos(i * math.pi / 5) * (0.42 if i % 2 else 1.0))
        for i in range(10)
    ),
}  # fmt: skip


class Item(NamedTuple):
    """A shape on a screen: where its middle is, its height, its colour, and how far it is turned, in degrees."""

    shape: str
    x: float
    y: float
    height: float
    colour: RGB
    angle: float = 0.0
    contrast: float = 1.0


@lru_cache(maxsize=4096)
def shape_mask(shape: str, pixels: int, angle: float = 0.0) -> Alpha:
    """(pixels, pixels) how much of each pixel a shape covers. "ring" is a Landolt C whose gap is to the right.

    Angles turn clockwise.
    """
    side = pixels * FINE
    image = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(image)
    half = side / 2
    if shape == "disc":
        draw.ellipse((side * 0.05, side * 0.05, side * 0.95, side * 0.95), fill=255)
    elif shape == "ring":  # strokes and gap are a fifth of the height, as in an acuity chart
        draw.ellipse((0, 0, side - 1, side - 1), fill=255)
        inner = side / 5
        draw.ellipse((inner, inner, side - 1 - inner, side - 1 - inner), fill=0)
        turn = math.radians(angle)
        across = (-math.sin(turn), math.cos(turn))
        ends = [(r, s) for r, s in ((0.3, -0.1), (1.2, -0.1), (1.2, 0.1), (0.3, 0.1))]
        draw.polygon(
            [
                (
                    half + side * (r * math.cos(turn) / 2 + s * across[0]),
                    half + side * (r * math.sin(turn) / 2 + s * across[1]),
                )
                for r, s in ends
            ],
            fill=0,
        )
    else:
        turn = math.radians(angle)
        cos, sin = math.cos(turn), math.sin(turn)
        points = [(half * (1 + x * cos - y * sin), half * (1 + x * sin + y * cos)) for x, y in POLYGONS[shape]]
        draw.polygon(points, fill=255)
    fine = np.asarray(image, dtype=np.float32).reshape(pixels, FINE, pixels, FINE)
    mask = (fine.mean(axis=(1, 3)) / 255).astype(np.float32)
    mask.flags.writeable = False
    return mask


@lru_cache(maxsize=1024)
def pattern(number: int, pixels: int) -> Picture:
    """(pixels, pixels, 3): an image without meaning, one for each number: a symmetric mosaic in two colours."""
    rng = np.random.default_rng([number, 6])
    cells = rng.random((6, 3)) < 0.5
    cells[rng.integers(6), rng.integers(3)] = True
    cells = np.concatenate([cells, cells[:, ::-1]], axis=1)
    first, second = rng.permutation(len(COLOURS))[:2]
    edges = (np.arange(pixels) * 6) // pixels
    chosen = cells[edges][:, edges]
    image = np.where(chosen[..., None], COLOURS[first], WHITE if second % 2 else INK).astype(np.uint8)
    image.flags.writeable = False
    return image


def blank(size: int, colour: RGB = GREY) -> Picture:
    """An empty screen."""
    canvas = np.empty((size, size, 3), dtype=np.uint8)
    canvas[:] = colour
    return canvas


def pixels_of(height: float, size: int) -> int:
    """How many pixels a shape of this height is drawn with."""
    return max(2, round(height * size))


def put(canvas: Picture, item: Item) -> None:
    """Draws a shape on a screen; what lies beyond its edge is left out."""
    size = len(canvas)
    pixels = pixels_of(item.height, size)
    mask = shape_mask(item.shape, pixels, item.angle)
    target, part = _overlap(canvas, mask, item.x, item.y)
    alpha = part[..., None].astype(np.float32) * np.float32(item.contrast)
    target[:] = (target + alpha * (np.array(item.colour, dtype=np.float32) - target) + 0.5).astype(np.uint8)


def put_pattern(canvas: Picture, number: int, x: float, y: float, height: float) -> None:
    """Draws an image of `pattern`."""
    target, part = _overlap(canvas, pattern(number, max(6, round(height * len(canvas)))), x, y)
    target[:] = part


def _overlap(canvas: Picture, stamp: NDArray[Any], x: float, y: float) -> tuple[Picture, NDArray[Any]]:
    """The pixels of a screen below a stamp, and the stamp's part that is on it."""
    size, pixels = len(canvas), len(stamp)
    top, left = round(y * size - pixels / 2), round(x * size - pixels / 2)
    rows = slice(max(0, top), min(size, top + pixels))
    columns = slice(max(0, left), min(size, left + pixels))
    inside = stamp[rows.start - top : max(rows.start, rows.stop) - top]
    return canvas[rows, columns], inside[:, columns.start - left : max(columns.start, columns.stop) - left]


def draw_items(size: int, items: Iterable[Item], colour: RGB = GREY) -> Picture:
    """A screen with these shapes, the last on top."""
    canvas = blank(size, colour)
    for item in items:
        put(canvas, item)
    return canvas


def draw_dots(
    size: int, dots: NDArray[np.float64], colour: RGB = WHITE, width: float = 0.022, on: Picture | None = None
) -> Picture:
    """A screen with round dots at (n, 2) places, smooth to a fraction of a pixel: fast, for motion.

    They are drawn on grey, or on a picture (size, size, 3), which changes.
    """
    from powerenvs.worlds.psychology.dots import dotted  # which imports numba

    canvas = blank(size) if on is None else on
    dotted(canvas, np.asarray(dots, dtype=np.float64), width * size / 2, np.array(colour, dtype=np.float64))
    return canvas
