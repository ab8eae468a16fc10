"""Captions below pictures: lines of text, and bars that show numbers. NumPy only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.styles import RGB
from powerenvs.render.font import HEIGHT, WIDTH, text_mask
from powerenvs.render.tiles import INK

PAPER: RGB = (255, 255, 255)
EMPTY: RGB = (226, 226, 222)
FULL: RGB = (46, 134, 120)
_SCALE = 2
_LETTER = (WIDTH + 1) * _SCALE
_TALL = HEIGHT * _SCALE
_GAP = 8
_LINE = _TALL + _GAP
_MARGIN = 10
_LEAST_BAR = 96
"""Pixels that a bar is long at least."""


def captioned(
    pictures: Iterable[NDArray[np.uint8]],
    texts: Sequence[Sequence[str]],
    markers: Sequence[RGB | None],
    bars: Sequence[Mapping[str, float]],
    ends: Mapping[str, tuple[float, float]],
) -> Iterator[NDArray[np.uint8]]:
    """Pictures with captions, all of one size.

    Args:
        pictures: (H, W, 3) uint8 each, of one size.
        texts: the lines below each picture, as many for every one.
        markers: for each line the colour of a square before it, or None for no square.
        bars: {name: number} for each picture, with the same names; a bar for each comes below the lines.
        ends: {name: (number of an empty bar, number of a full one)}.

    Yields:
        (height, width, 3) uint8; the picture is centred where its caption is wider.
    """
    name_width = max((len(name) for name in ends), default=0) * _LETTER
    numbers = [f"{number:.3f}" for row in bars for number in row.values()]
    number_width = max(map(len, numbers), default=0) * _LETTER
    indents = [0 if marker is None else 2 * _LETTER for marker in markers]
    text_width = max(
        (indent + len(line) * _LETTER for lines in texts for indent, line in zip(indents, lines, strict=True)),
        default=0,
    )
    needed = max(text_width, name_width + _LEAST_BAR + number_width + 2 * _LETTER if ends else 0) + 2 * _MARGIN
    for picture, lines, row in zip(pictures, texts, bars, strict=True):
        height, width, _ = picture.shape
        strip = _MARGIN + _LINE * (len(lines) + len(row)) + _MARGIN - _GAP
        image = np.empty((height + strip, max(width, needed), 3), dtype=np.uint8)
        image[:] = PAPER
        left = (image.shape[1] - width) // 2
        image[:height, left : left + width] = picture
        top = height + _MARGIN
        for line, marker, indent in zip(lines, markers, indents, strict=True):
            if marker is not None:
                image[top : top + _TALL, _MARGIN : _MARGIN + _TALL] = marker
            _write(image, top, _MARGIN + indent, line)
            top += _LINE
        for name, number in row.items():
            _write(image, top, _MARGIN, name)
            text = f"{number:.3f}"
            _write(image, top, image.shape[1] - _MARGIN - len(text) * _LETTER + _SCALE, text)
            first = _MARGIN + name_width + _LETTER
            last = image.shape[1] - _MARGIN - number_width - _LETTER
            low, high = ends[name]
            share = (number - low) / (high - low) if high > low else 1.0
            image[top : top + _TALL, first:last] = EMPTY
            image[top : top + _TALL, first : first + round(share * (last - first))] = FULL
            top += _LINE
        yield image


def _write(image: NDArray[np.uint8], top: int, left: int, text: str) -> None:
    mask = text_mask(text, _SCALE)
    image[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = INK
