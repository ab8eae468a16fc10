"""Boards as pictures: rows of glyphs to RGB tiles, drawn with NumPy alone."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.level import WALL
from powerenvs.authoring.styles import FLOOR, RGB, SHARED, Style
from powerenvs.registry import each_family
from powerenvs.render.font import HEIGHT, text_mask

INK: RGB = (40, 44, 52)
MAX_TILE, MIN_TILE = 64, 2
FRAME = 640
"""Pixels that the longer side of a picture aims at."""
_FINE = 4  # shapes are drawn this many times finer and averaged, for smooth edges


_BELOW = ("ground", "mark")
_styles: dict[str, Style] = dict(SHARED)
"""Styles by meaning. A glyph with any other meaning is a badge with its letter, in a colour of its own."""
each_family(lambda family: _styles.update(family.tiles))


def glyph_style(glyph: str, legend: Mapping[str, str]) -> Style:
    """How to draw a glyph, by what the legend says it means; '#' is a wall in every world."""
    meaning = "wall" if glyph == WALL else legend.get(glyph, "floor" if glyph in ". " else "")
    if meaning in _styles:
        style = _styles[meaning]
        return style._replace(text=style.text or glyph) if style.shape == "letter" else style
    hue = ord(glyph) * 0.618034 % 1  # steps of the golden ratio keep the hues of any few glyphs apart
    red, green, blue = (round(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.62, 0.72))
    return Style("letter", (red, green, blue), glyph)


def fitting_tile(height: int, width: int) -> int:
    """Pixels of a tile with which a board of this many rows and columns makes a picture of good size."""
    return int(np.clip(FRAME // max(height, width), MIN_TILE, MAX_TILE))


def render_board(
    rows: Sequence[str],
    legend: Mapping[str, str],
    tile: int | None = None,
    ground: Sequence[str] | None = None,
    overlays: Mapping[str, Iterable[tuple[int, int]]] | None = None,
) -> NDArray[np.uint8]:
    """A board as a picture.

    What several glyphs put in one cell (from ``rows`` and ``overlays``) stands there side by side.

    Args:
        rows: lines of glyphs, all of one length.
        legend: {glyph: meaning}. Walls, floors, goals, starts, agents and humans have a look of their own; any
            other glyph is a badge with its letter.
        tile: side of a tile in pixels; chosen by the size of the board when None.
        ground: the board without what moves on it: the floor, goal or start below an agent or a badge is taken from
            here. All floor when None.
        overlays: {glyph: cells} drawn on top, cells as (row, column).

    Returns:
        (H·tile, W·tile, 3) uint8.

    Raises:
        ValueError: for ragged rows, a ground of another size, a tile below one pixel, or an overlay off the board.
    """
    height, width = _shape("rows", rows)
    if ground is not None and _shape("ground", ground) != (height, width):
        raise ValueError(f"ground: expected {height} rows of {width} glyphs, found {_shape('ground', ground)}")
    tile = fitting_tile(height, width) if tile is None else tile
    if tile < 1:
        raise ValueError(f"tile: expected at least 1 pixel, found {tile}")
    on_top = _overlaid(overlays or {}, height, width)
    floor = SHARED["floor"]
    cells: dict[tuple[Style, tuple[Style, ...]], list[tuple[int, int]]] = {}
    for r, row in enumerate(rows):
        for c, glyph in enumerate(row):
            style = glyph_style(glyph, legend)
            things = [glyph_style(g, legend) for g in on_top.get((r, c), ())]
            if style.shape not in _BELOW:
                things.insert(0, style)
                style = floor if ground is None else glyph_style(ground[r][c], legend)
            base = style if style.shape in _BELOW else floor
            cells.setdefault((base, tuple(things)), []).append((r, c))
    image = np.empty((height, width, tile, tile, 3), dtype=np.uint8)
    for (base, stacked), places in cells.items():
        image[tuple(np.array(places).T)] = _tile(base, stacked, tile)
    return np.ascontiguousarray(image.transpose(0, 2, 1, 3, 4)).reshape(height * tile, width * tile, 3)


def _shape(name: str, rows: Sequence[str]) -> tuple[int, int]:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"{name}: expected rows of one length, found lengths {sorted(lengths) or 'of nothing'}")
    return len(rows), lengths.pop()


def _overlaid(
    overlays: Mapping[str, Iterable[tuple[int, int]]], height: int, width: int
) -> dict[tuple[int, int], list[str]]:
    found: dict[tuple[int, int], list[str]] = {}
    for glyph, cells in overlays.items():
        for r, c in cells:
            if not (0 <= r < height and 0 <= c < width):
                raise ValueError(
                    f"overlays: expected cells on a board of {height} rows and {width} columns, found {glyph!r} at "
                    f"{(r, c)}"
                )
            found.setdefault((int(r), int(c)), []).append(glyph)
    return found


@lru_cache(maxsize=4096)
def _tile(base: Style, things: tuple[Style, ...], size: int) -> NDArray[np.uint8]:
    """(size, size, 3) uint8: one cell."""
    image = np.empty((size, size, 3))
    image[:] = base.colour if base.shape == "ground" else FLOOR
    if size >= 8:  # a thin line between cells, on two sides so that it is one pixel everywhere
        image[0] *= 0.9
        image[:, 0] *= 0.9
    if base.shape == "mark":
        _draw(image, base)
    across = int(np.ceil(np.sqrt(len(things))))
    part = size // max(across, 1)
    margin = (size - part * -(-len(things) // max(across, 1))) // 2
    for i, thing in enumerate(things):
        top, left = margin + i // across * part, i % across * part
        _draw(image[top : top + part, left : left + part], thing)
    return image.round().astype(np.uint8)


def _draw(image: NDArray[Any], style: Style) -> None:
    """Draws what stands on a ground into a square image, in place."""
    size = len(image)
    if size == 0:
        return
    centre = (np.arange(size * _FINE) + 0.5) / (size * _FINE) - 0.5
    across, down = np.abs(centre)[None, :], np.abs(centre)[:, None]
    if style.shape == "disc":
        radius = np.hypot(across, down)
        _blend(image, radius < 0.38, tuple(c * 0.6 for c in style.colour))
        _blend(image, radius < 0.32, style.colour)
    elif style.shape == "mark":
        radius = np.maximum(across, down)
        _blend(image, (radius < 0.36) & (radius > 0.28), style.colour)
    else:
        _blend(image, np.maximum(across, down) < 0.4, style.colour)
        mask = text_mask(style.text, max(1, round(size * 0.55 / HEIGHT)))
        top, left = (np.array(image.shape[:2]) - mask.shape + 1) // 2
        if top >= 0 and left >= 0:
            image[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = (255, 255, 255)


def _blend(image: NDArray[Any], fine: NDArray[np.bool_], colour: Sequence[float]) -> None:
    size = len(image)
    cover = fine.reshape(size, _FINE, size, _FINE).mean(axis=(1, 3))[:, :, None]
    image += cover * (np.array(colour) - image)
