"""What walls, floors, ceilings and doors look like: pixel art in whole numbers, the same on every machine.

A texture is an array (32, 32, 3): what one cell's side looks like, 32 points from its top left corner down and right.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.render.first_person.camera import LEVEL_START, LEVELS, SHADE_FACTORS, TEXELS

RGB = tuple[int, int, int]
_V, _U = np.mgrid[0:TEXELS, 0:TEXELS]


class Look(NamedTuple):
    """A wall: its pattern, the colour of most of it, and that of joints or marks."""

    pattern: str
    colour: RGB
    second: RGB


LOOKS: tuple[Look, ...] = (
    Look("bricks", (176, 88, 62), (204, 190, 168)),
    Look("panels", (188, 44, 48), (120, 22, 28)),  # A
    Look("tiles", (52, 96, 196), (188, 204, 232)),  # B
    Look("hedge", (58, 138, 56), (28, 84, 34)),  # C
    Look("blocks", (222, 190, 92), (158, 124, 50)),  # D
    Look("diamonds", (126, 66, 168), (206, 170, 228)),  # E
    Look("planks", (226, 126, 40), (146, 72, 18)),  # F
    Look("checks", (70, 186, 196), (226, 244, 244)),  # G
    Look("dots", (232, 132, 172), (252, 232, 240)),  # H
    Look("blocks", (142, 144, 150), (86, 88, 96)),  # I
    Look("stripes", (24, 122, 120), (146, 214, 204)),  # J
    Look("planks", (122, 80, 50), (70, 42, 24)),  # K
    Look("tiles", (236, 234, 226), (120, 122, 130)),  # L
    Look("zigzag", (150, 204, 60), (64, 112, 24)),  # M
    Look("bricks", (44, 52, 112), (144, 150, 190)),  # N
    Look("diamonds", (214, 164, 32), (114, 72, 14)),  # O
    Look("stripes", (122, 28, 62), (222, 146, 162)),  # P
    Look("dots", (128, 218, 176), (36, 124, 96)),  # Q
    Look("zigzag", (192, 82, 40), (250, 200, 150)),  # R
    Look("checks", (126, 180, 238), (48, 92, 160)),  # S
    Look("hedge", (142, 138, 58), (88, 84, 28)),  # T
    Look("bricks", (150, 104, 200), (72, 40, 112)),  # U
    Look("tiles", (48, 50, 56), (60, 220, 150)),  # V
    Look("planks", (240, 222, 182), (176, 148, 104)),  # W
    Look("zigzag", (200, 50, 160), (250, 190, 234)),  # X
    Look("dots", (244, 228, 84), (196, 110, 30)),  # Y
    Look("diamonds", (40, 170, 170), (12, 84, 100)),  # Z
)
"""The default and the variations A to Z."""

PAINTS: dict[str, RGB] = {
    "red": (208, 44, 44), "green": (52, 164, 70), "blue": (50, 92, 212), "black": (44, 44, 50),
    "white": (238, 238, 238), "yellow": (240, 208, 48), "purple": (146, 70, 190), "orange": (240, 136, 36),
    "cyan": (64, 196, 214), "pink": (240, 140, 186), "brown": (134, 88, 54), "grey": (140, 142, 148),
}  # fmt: skip
"""Colours of doors and things by name."""
WOOD: RGB = (158, 108, 62)
SKY_HIGH, SKY_LOW = (86, 142, 214), (204, 226, 244)


def noise(seed: int, rows: NDArray[np.int64] = _V, columns: NDArray[np.int64] = _U) -> NDArray[np.int64]:
    """(rows, columns) numbers from 0 to 255, scrambled from a position and a seed."""
    mixed = (rows * 73856093 ^ columns * 19349663 ^ (seed + 1) * 83492791) & 0x7FFFFFFF
    mixed = (mixed ^ mixed >> 13) * 1274126177 & 0x7FFFFFFF
    return (mixed ^ mixed >> 16) >> 7 & 255


def _joints(heights: int, widths: int, shift: int) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Rectangles in rows, every second row shifted: where joints are, and the place in each rectangle."""
    row = _V // heights
    down, along = _V % heights, (_U + row % 2 * shift) % widths
    return (down == 0) | (along == 0), down, along


def _relief(down: NDArray[np.int64], along: NDArray[np.int64], height: int, width: int) -> NDArray[np.int64]:
    """Light on the upper and left edges of rectangles that begin after a joint, shadow on the others."""
    light = (down == 1) | (along == 1)
    shadow = (down == height - 1) | (along == width - 1)
    return np.where(light, 22, np.where(shadow, -22, 0))


def wall(texture: int) -> NDArray[np.uint8]:
    """(32, 32, 3) a wall, 1 to 27: the default, and the variations A to Z."""
    look = LOOKS[texture - 1]
    return painted(look, texture)


def painted(look: Look, seed: int) -> NDArray[np.uint8]:
    """(32, 32, 3) a wall of this look; ``seed`` is that of its roughness."""
    second = np.zeros((TEXELS, TEXELS), dtype=bool)
    light = (noise(seed) - 128) * 10 // 128
    if look.pattern == "bricks":
        second, down, along = _joints(8, 16, 8)
        light += _relief(down, along, 8, 16) + (noise(seed, _V // 8, (_U + _V // 8 % 2 * 8) // 16) - 128) * 14 // 128
    elif look.pattern == "blocks":
        second, down, along = _joints(16, 16, 8)
        light += _relief(down, along, 16, 16) + (noise(seed, _V // 16, (_U + _V // 16 % 2 * 8) // 16) - 128) * 16 // 128
    elif look.pattern == "tiles":
        second, down, along = _joints(8, 8, 0)
        light += _relief(down, along, 8, 8)
    elif look.pattern == "panels":
        second, down, along = _joints(32, 16, 0)
        inner = (_V > 5) & (_V < 27) & (along > 4) & (along < 12)
        light += _relief(down, along, 32, 16) + np.where(inner, -14, 0) + np.where(inner & (_V == 26), 40, 0)
    elif look.pattern == "planks":
        second = _V % 8 == 0
        light += np.where(_V % 8 == 1, 18, 0) + (noise(seed, _V // 8, _U * 0) - 128) * 20 // 128
        light += (noise(seed, _V, _U // 8) - 128) * 10 // 128
        second |= (_U == (_V // 8 * 11 + 5) % TEXELS) & (_V % 8 > 0)
    elif look.pattern == "checks":
        second = (_U // 8 + _V // 8) % 2 == 1
    elif look.pattern == "diamonds":
        apart = np.abs(_U % 16 - 8) + np.abs(_V % 16 - 8)
        second = (apart == 7) | (apart == 8)
        light += np.where(apart < 4, 26, 0)
    elif look.pattern == "stripes":
        second = _U % 8 < 3
        light += np.where(_U % 8 == 3, -20, 0)
    elif look.pattern == "dots":
        row = _V // 8
        second = (2 * ((_U + row % 2 * 4) % 8) - 7) ** 2 + (2 * (_V % 8) - 7) ** 2 < 24
    elif look.pattern == "zigzag":
        second = (_V + np.abs(_U % 16 - 8)) % 8 < 3
    elif look.pattern == "hedge":
        leaves = noise(seed, _V // 2, _U // 2)
        second = leaves < 96
        light += (leaves - 128) * 26 // 128
    else:
        raise AssertionError(look.pattern)
    colour = np.where(second[:, :, None], look.second, look.colour)
    edge = (_V == TEXELS - 1) | (_V == TEXELS - 2)  # a skirting, so that one sees where the floor begins
    light = np.where(edge, -60, light)
    return np.clip(colour + light[:, :, None], 0, 255).astype(np.uint8)


def door(colour: str) -> NDArray[np.uint8]:
    """(32, 32, 3) a door's leaf: a frame of boards, a bar across, a window's worth of panels and a knob."""
    paint = np.array(PAINTS.get(colour, WOOD))
    light = (noise(40) - 128) * 8 // 128
    boards = _U % 8 == 0
    frame = (_U < 2) | (_U >= TEXELS - 2) | (_V < 2)
    bar = (np.abs(_V - 8) < 2) | (np.abs(_V - 25) < 2)
    image = paint + light[:, :, None] + np.where(boards, -40, 0)[:, :, None]
    image = np.where(bar[:, :, None], paint // 2 + 50, image)
    image = np.where(frame[:, :, None], paint // 3, image)
    knob = (_U - 26) ** 2 + (_V - 17) ** 2 < 6
    return np.clip(np.where(knob[:, :, None], (250, 220, 120), image), 0, 255).astype(np.uint8)


def tile(texture: int, odd: bool, above: bool) -> NDArray[np.uint8]:
    """(32, 32, 3) a floor, or a ceiling: the same from all four sides, so that turning does not change it.

    Args:
        texture: 1 to 27.
        odd: for a floor, whether it is one of the darker fields.
        above: whether it is a ceiling.
    """
    fold_u, fold_v = np.minimum(_U, TEXELS - 1 - _U), np.minimum(_V, TEXELS - 1 - _V)  # from the nearest edge
    near, far = np.minimum(fold_u, fold_v), np.maximum(fold_u, fold_v)
    look = LOOKS[texture - 1]
    plain = np.array((150, 154, 164)) if texture == 1 else (np.array(look.colour) + 2 * np.array((168, 168, 168))) // 3
    image = np.broadcast_to(plain, (TEXELS, TEXELS, 3)).astype(np.int64)
    light = (noise(texture, near, far) - 128) * 6 // 128 + (-20 if odd else 6)
    motif = texture % 4
    if motif == 0:
        light = light + np.where((near + far > 20) & (near + far < 24), 20, 0)  # a diamond
    elif motif == 2:
        light = light + np.where((near > 7) & (near < 10), 20, 0)  # a square
    elif motif == 3:
        light = light + np.where((2 * (fold_u - 8)) ** 2 + (2 * (fold_v - 8)) ** 2 < 40, 20, 0)  # four dots
    light = light + np.where(near == 0, -36, np.where(near == 1, 10, 0))
    if above:
        image = image * 7 // 10
    return np.clip(image + light[:, :, None], 0, 255).astype(np.uint8)


def packed(image: NDArray[np.integer]) -> NDArray[np.uint32]:
    """(..., 3 or 4) bytes as numbers, red lowest; the fourth is opacity, 255 where there is none."""
    whole = image.astype(np.uint32)
    opacity = whole[..., 3] if image.shape[-1] == 4 else np.uint32(255)
    return (whole[..., 0] | whole[..., 1] << 8 | whole[..., 2] << 16 | opacity << 24).astype(np.uint32)


@lru_cache(maxsize=256)
def pyramid(name: str, texture: int, colour: str) -> NDArray[np.uint32]:
    """A wall, or a door's leaf, as the drawing loop reads it: in every shade, at every level, column by column."""
    return shaded(wall(texture) if name == "wall" else door(colour))


def shaded(image: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """A square image in every shade and at every level of detail, as one row of packed colours.

    Where the image has opacity, colours are averages of what is opaque, and a point is opaque where half of it is.
    """
    levels = []
    for side in LEVELS:
        part = TEXELS // side
        blocks = image.reshape(side, part, side, part, -1).astype(np.int64)
        opacity = blocks[..., 3:] // 255 if image.shape[2] == 4 else np.ones_like(blocks[..., :1])
        covered = opacity.sum(axis=(1, 3))
        mean = (blocks[..., :3] * opacity).sum(axis=(1, 3)) // np.maximum(covered, 1)
        opaque = np.where(2 * covered >= part * part, 255, 0)
        levels.append(np.concatenate([mean, opaque], axis=2))
    out = np.empty((len(SHADE_FACTORS), LEVEL_START[-1]), dtype=np.uint32)
    for shade, factor in enumerate(SHADE_FACTORS):
        weight = int(256 * factor)
        for level, small in enumerate(levels):
            darker = np.concatenate([small[..., :3] * weight >> 8, small[..., 3:]], axis=2)
            colours = np.where(small[..., 3] > 0, packed(darker), 0)
            out[shade, LEVEL_START[level] : LEVEL_START[level + 1]] = colours.T.reshape(-1)
    return out.reshape(-1)
