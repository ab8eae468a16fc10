"""The loop that draws pictures, as machine code.

A picture is drawn column by column into a buffer in which columns lie together, and then turned into rows of bytes:
that is twice as fast as writing bytes to where they belong one by one. Indices are unsigned (``u``), because numba
checks signed ones for being negative.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy import uintp as u

from powerenvs.machine_code import compiled, stamp
from powerenvs.render.first_person.camera import FRACTION, LEVEL_START, LEVELS, SHADES

DOOR = 64
"""Codes of sides from here on are of doors: one in the side, ``DOOR`` + 1 + its number, or behind it, ``DOOR``."""
SPRITE = 0.75
"""The side of a sprite's square in cells."""
DEPTH_STEPS = np.float32(8)
"""Steps of the fourth byte for each cell of distance; it is 255 from 31.9 cells on."""
ROOT = np.sqrt(2.0)
LEAST_DEPTH = 0.25
"""Sprites nearer than this are not drawn: the observer stands among them."""


class SceneTables(NamedTuple):
    """A scene in four turns, so that an observer always looks north (or north-east) in one of them.

    G is the number of cells of the grid, which is square.

    Attributes:
        sides: (4, 4 G) int16, what is on each side of each cell: 0 nothing, a texture, or more (see `DOOR`).
        middle: (4, G) int16, the door in the middle of a cell, or -1.
        floor: (4, G) int32, which picture of `Looks.ground` has a cell's floor.
        ceiling: (4, G) int32, which one has its ceiling; 0 is the sky.
        place: (4, sprites, 2) int32, row and column of each sprite.
        leaf: (4, doors) int32, whether a door's leaf stands across the way east (1) or north (0).
        door_block: (doors,) int32, where a door's texture begins in `Looks.points`.
        sprite_block: (sprites,) int32, where a sprite's points begin.
    """

    sides: Any
    middle: Any
    floor: Any
    ceiling: Any
    place: Any
    leaf: Any
    door_block: Any
    sprite_block: Any


class CameraTables(NamedTuple):
    """Rays for one size of pictures; the first axis is the way of looking, straight or diagonal.

    Attributes:
        crossing: (ways, W, E, 3, 5) int32: for a crossing, and for leaves in the cell that is left by it: where the
            side is in `SceneTables.sides` from the observer's cell on, and top, texel, start and step of `camera.Rays`.
        depth: (ways, W, E, 3) float64.
        row_depth: (H // 2,) float64.
        across: (ways, W) float64, cells to the right for each cell ahead.
    """

    crossing: Any
    depth: Any
    row_depth: Any
    across: Any


class Looks(NamedTuple):
    """What things look like.

    Attributes:
        ground: (ways, pictures, W, H // 2) uint32, floors and ceilings without end, each column from the picture's
            edge to its middle.
        block: (textures,) int32, where each wall texture begins in ``points``.
        points: uint32, colours, red lowest; 0 is transparent.
        shade: (shades,) float64: how far away sprites may be to have each shade, or a brighter one.
    """

    ground: Any
    block: Any
    points: Any
    shade: Any


def _draw(
    where: Any, present: Any, opened: Any, scene: Any, camera: Any, looks: Any, far: Any, rgb: Any, depth: Any
) -> None:
    """Draws n pictures.

    Args:
        where: (n, 3) int32: the way of looking, the turn of the grid, and the observer's cell in it.
        present: (n, words) uint64, a bit for each sprite that is there.
        opened: (n, words) uint64, a bit for each door that is open.
        scene: `SceneTables`.
        camera: `CameraTables`.
        looks: `Looks`.
        far: the depth of the sky.
        rgb: (n, H, W, 3 or 4) uint8, or (0, H, W, 3) for no colours. The fourth is `DEPTH_STEPS` times the depth.
        depth: (n, H, W) float32, or (0, H, W) for none.
    """
    _, H, W, C = rgb.shape
    columns = int(np.sqrt(scene.floor.shape[1]) + 0.5)
    sprites = scene.place.shape[1]
    colours, floats = len(rgb) > 0, len(depth) > 0
    depths = floats or C == 4
    picture = np.empty((W, H), np.uint32)
    distance = np.empty((W, H), np.float32)
    wall = np.empty(W, np.float64)
    order = np.empty(sprites, np.int64)
    ahead = np.empty(sprites, np.float64)
    aside = np.empty(sprites, np.float64)
    for s in range(len(where)):
        way, turn, base = where[s, 0], where[s, 1], where[s, 2]
        for x in range(W):
            column, plane = picture[x], distance[x]
            drawn = e = part = 0
            block = -1
            leafy = False
            while True:
                edge = base * 4 + camera.crossing[way, x, e, 0, 0]
                cell = u(edge >> 2)
                top = camera.crossing[way, x, e, 0, 1]
                if leafy:
                    door = scene.middle[turn, cell]
                    if door >= 0 and not (opened[s, door >> 6] >> np.uint64(door & 63)) & np.uint64(1):
                        across = 1 + scene.leaf[turn, door]
                        if camera.crossing[way, x, e, across, 1] >= 0:
                            part = across
                            block = scene.door_block[door]
                            top = camera.crossing[way, x, e, part, 1]
                if block < 0:
                    side = scene.sides[turn, u(edge)]
                    if side > 0 and side < DOOR:
                        block = looks.block[side]
                    elif side > DOOR:
                        door = side - DOOR - 1
                        if not (opened[s, door >> 6] >> np.uint64(door & 63)) & np.uint64(1):
                            block = scene.door_block[door]
                    leafy = side >= DOOR
                if top > drawn:
                    below, above = u(scene.floor[turn, cell]), u(scene.ceiling[turn, cell])
                    if colours:
                        for i in range(drawn, top):
                            column[u(i)] = looks.ground[way, above, x, u(i)]
                        for i in range(drawn, top):
                            column[u(H - 1 - i)] = looks.ground[way, below, x, u(i)]
                    if depths:
                        for i in range(drawn, top):
                            plane[u(H - 1 - i)] = camera.row_depth[i]
                            plane[u(i)] = camera.row_depth[i] if above > 0 else far
                    drawn = top
                if block >= 0:
                    break
                e += 1
            wall[x] = camera.depth[way, x, e, part]
            if colours:
                first = block + camera.crossing[way, x, e, part, 2]
                point, step = camera.crossing[way, x, e, part, 3], camera.crossing[way, x, e, part, 4]
                for i in range(drawn, H - drawn):
                    column[u(i)] = looks.points[u(first + (point >> FRACTION))]
                    point += step
            if depths:
                for i in range(drawn, H - drawn):
                    plane[u(i)] = wall[x]

        count = 0
        for k in range(sprites):
            if (present[s, k >> 6] >> np.uint64(k & 63)) & np.uint64(1):
                north = np.float64(base // columns - scene.place[turn, k, 0])
                east = np.float64(scene.place[turn, k, 1] - base % columns)
                deep, right = (north, east) if way == 0 else ((north + east) / ROOT, (east - north) / ROOT)
                if deep > LEAST_DEPTH and abs(right) - SPRITE / 2 < deep:
                    at = count
                    while at > 0 and ahead[at - 1] < deep:
                        ahead[at], aside[at], order[at] = ahead[at - 1], aside[at - 1], order[at - 1]
                        at -= 1
                    ahead[at], aside[at], order[at] = deep, right, k
                    count += 1
        for j in range(count):
            deep, right = ahead[j], aside[j]
            level, shade = 0, 0
            while level < len(LEVELS) - 1 and 2 * deep * LEVELS[level] > 1.5 * SPRITE * W:
                level += 1
            while shade < SHADES - 1 and deep > looks.shade[shade]:
                shade += 1
            points = LEVELS[level]
            block = scene.sprite_block[order[j]] + shade * LEVEL_START[-1] + LEVEL_START[level]
            scale = points / SPRITE
            # The sprite stands on the floor, half a cell below the eye.
            y = max(0, int(np.ceil(((0.5 - SPRITE) * W / deep + H - 1) / 2)))
            begin = int(max(0.0, (deep * (2 * y + 1 - H) / W - 0.5 + SPRITE) * scale) * 2**FRACTION)
            step = int(2 * deep / W * scale * 2**FRACTION)
            last = min(H, y + ((points << FRACTION) - 1 - begin) // step + 1)
            middle = (right / deep + 1) * W / 2
            reach = SPRITE / deep * W / 4 + 1
            for x in range(max(0, int(middle - reach)), min(W, int(middle + reach) + 1)):
                if deep < wall[x]:
                    # Counted from the middle outwards, so that a mirrored view is mirrored to the last pixel.
                    off = (deep * camera.across[way, x] - right) * scale
                    out = int(abs(off))
                    if out < points // 2:
                        first = block + points * (points // 2 + out if off >= 0 else points // 2 - 1 - out)
                        point = begin
                        for i in range(y, last):
                            colour = looks.points[u(first + (point >> FRACTION))]
                            point += step
                            if colour:
                                picture[x, i] = colour
                                distance[x, i] = deep

        if colours:
            for i in range(H):
                line = rgb[s, i]
                for x in range(W):
                    colour = picture[x, i]
                    line[x, 0] = colour
                    line[x, 1] = colour >> 8
                    line[x, 2] = colour >> 16
                if C == 4:
                    for x in range(W):
                        line[x, 3] = min(np.float32(255), distance[x, i] * DEPTH_STEPS + np.float32(0.5))
        if floats:
            for i in range(H):
                for x in range(W):
                    depth[s, i, x] = distance[x, i]


draw = compiled(_draw, stamp(*(Path(__file__).with_name(name) for name in ("camera.py", "kernel.py"))))
