"""A scene from above: the whole level, the things that are there, and the observer as an arrow."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from powerenvs.render.first_person.camera import TEXELS
from powerenvs.render.first_person.scene import EAST, NORTH, SOUTH, WEST, Scene, Viewpoints, check_kind
from powerenvs.render.first_person.textures import PAINTS, WOOD, tile, wall
from powerenvs.render.first_person.things import thing

TILE = 16
"""Pixels of a cell where no number is given."""
LEAST_TILE, MOST_TILE = 4, 64
ARROW, RIM = (255, 244, 120), (30, 34, 60)


class TopDown:
    """Draws a scene from above, north up.

    Args:
        scene: what there is to see.
        tile: pixels of a cell, from 4 to 64.

    Attributes:
        scene: as given.
        tile: as given.
        shape: of a picture, (rows · tile, columns · tile, 3).

    Raises:
        ValueError: for what is no scene, and another number of pixels.

    Example:
        >>> from powerenvs.render.first_person import Scene, TopDown, Viewpoints
        >>> TopDown(Scene.from_solid([[False, True]])).draw(Viewpoints([0], [0], [1])).shape
        (1, 16, 32, 3)
    """

    def __init__(self, scene: Scene, tile: int = TILE):
        check_kind("scene", scene, Scene)
        if isinstance(tile, bool) or not isinstance(tile, (int, np.integer)) or not LEAST_TILE <= tile <= MOST_TILE:
            raise ValueError(f"tile: expected {LEAST_TILE} to {MOST_TILE} pixels of a cell, found {tile!r}")
        self.scene, self.tile = scene, int(tile)
        rows, columns = scene.shape
        self.shape = rows * self.tile, columns * self.tile, 3
        self._thick = max(1, self.tile // 12)
        self._level = self._drawn_level()

    def draw(self, views: Viewpoints, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """(n, rows · tile, columns · tile, 3) the level in each of n states.

        Args:
            views: n viewpoints in free cells of the scene.
            out: an array to draw into; a new one when None.

        Raises:
            ValueError: for viewpoints outside the free cells of the scene, or an ``out`` that does not fit.
        """
        check_kind("views", views, Viewpoints)
        views.check(self.scene)
        shape = (len(views), *self.shape)
        if out is None:
            out = np.empty(shape, dtype=np.uint8)
        elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise ValueError(f"out: expected a uint8 array {shape} in one piece, found {out.dtype} {out.shape}")
        out[:] = self._level
        rows, columns = self.scene.shape
        cells = out.reshape(len(views), rows, self.tile, columns, self.tile, 3)  # the same memory
        opened = views.mask("doors", self.scene)
        for number, door in enumerate(self.scene.doors):
            paint = np.array(PAINTS.get(door.colour, WOOD), dtype=np.uint8)
            shut = cells[~opened[:, number], door.row, :, door.column]
            shut[(slice(None), *self._leaf(door.orientation))] = paint
            cells[~opened[:, number], door.row, :, door.column] = shut
        there = views.mask("sprites", self.scene)
        for number, sprite in enumerate(self.scene.sprites):
            image, opaque = _small(self.tile, sprite.kind, sprite.colour)
            seen = there[:, number]
            below = cells[seen, sprite.row, :, sprite.column]
            cells[seen, sprite.row, :, sprite.column] = np.where(opaque, image, below)
        eighths = views.heading * (8 // views.directions)
        for heading in np.unique(eighths):
            which = np.flatnonzero(eighths == heading)
            image, opaque = _arrow(self.tile, int(heading))
            place = which, views.row[which], slice(None), views.column[which]
            cells[place] = np.where(opaque, image, cells[place])
        return out

    def _drawn_level(self) -> NDArray[np.uint8]:
        """The level without what comes and goes."""
        scene, size, thick = self.scene, self.tile, self._thick
        rows, columns = scene.shape
        cells = np.empty((rows, columns, size, size, 3), dtype=np.uint8)
        for row in range(rows):
            for column in range(columns):
                if scene.solid[row, column]:
                    cells[row, column] = (70, 72, 80)
                    continue
                image = cells[row, column]
                image[:] = _resized(tile(int(scene.floor[row, column]), (row + column) % 2 == 1, above=False), size)
                bands = {NORTH: np.s_[:thick], EAST: np.s_[:, -thick:], SOUTH: np.s_[-thick:], WEST: np.s_[:, :thick]}
                for side, band in bands.items():
                    texture = int(scene.walls[row, column, side])
                    if texture:
                        image[band] = wall(texture)[: TEXELS - 2].mean(axis=(0, 1)).astype(np.uint8) // 4 * 3
        return cells.transpose(0, 2, 1, 3, 4).reshape(self.shape)

    def _leaf(self, orientation: str) -> tuple[slice, slice]:
        """Which pixels of its cell a closed door covers."""
        size, wide = self.tile, max(2, self.tile // 5)
        middle = slice((size - wide) // 2, (size - wide) // 2 + wide)
        across = {"H": middle, "N": slice(0, wide), "S": slice(size - wide, size)}
        along = {"I": middle, "W": slice(0, wide), "E": slice(size - wide, size)}
        whole = slice(0, size)
        return across.get(orientation, whole), along.get(orientation, whole)


def _resized(image: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """A square image with another number of pixels: means of 16 points each."""
    points = (np.arange(4 * size) * len(image) + len(image) // 2) // (4 * size)
    fine = image[points][:, points].astype(np.int64)
    return fine.reshape(size, 4, size, 4, -1).sum(axis=(1, 3)) // 16


@lru_cache(maxsize=256)
def _small(size: int, kind: str, colour: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A thing as (size, size, 3), and (size, size, 1) where it is opaque."""
    image = thing(kind, colour).astype(np.int64)
    weight = image[..., 3:] // 255
    summed = _resized(np.concatenate([image[..., :3] * weight, weight * 16], axis=2), size)
    share = summed[..., 3:]
    return (summed[..., :3] * 16 // np.maximum(share, 1)).clip(0, 255).astype(np.uint8), share >= 7


@lru_cache(maxsize=64)
def _arrow(size: int, heading: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """An arrowhead that points to one of eight directions, with a rim; (size, size, 3) and where it is opaque."""
    down, right = np.mgrid[0:size, 0:size] * 2 + 1 - size
    turns = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    ahead, aside = turns[heading], turns[(heading + 2) % 8]
    unit = 10 if heading % 2 == 0 else 7  # in tenths, the root of two being 1.4
    along = (down * ahead[0] + right * ahead[1]) * unit // 10
    across = np.abs(down * aside[0] + right * aside[1]) * unit // 10

    def inside(room: int) -> NDArray[np.bool_]:
        front, back = size * 8 // 10 - 2 * room, -size * 6 // 10 + room
        notch = along * 10 + size * 3 >= -across * 6 if size >= 10 else along == along
        return (across * 17 <= (front - along) * 10) & (along >= back) & notch & (along <= front)

    image = np.where(inside(max(2, size // 8))[:, :, None], ARROW, RIM).astype(np.uint8)
    return image, inside(0)[:, :, None]
