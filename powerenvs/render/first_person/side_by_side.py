"""What the agent sees beside the level from above, for people who watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.render.first_person.top_down import LEAST_TILE, MOST_TILE, TopDown

if TYPE_CHECKING:
    from powerenvs.authoring.world import TableWorld

VIEW = 320
"""Rows and columns of pixels of what the agent sees, where no size is given."""
LEAST_VIEW = 84
GAP, PAPER = 8, 255


class SideBySide:
    """Pictures of the states of a world with a scene: the first-person view, and to its right the level from above.

    Args:
        world: a world with a scene.
        tile: pixels of a cell from above; None for as many as make the level no larger than what the agent sees.
        view: rows and columns of pixels of what the agent sees; None for the height of the level where ``tile`` is
            given, and else 320.

    Attributes:
        shape: of a picture, (height, width, 3); the same for all states.

    Raises:
        ValueError: for a world without a scene, and numbers out of range.

    Example:
        >>> from powerenvs.render.first_person import SideBySide
        >>> from powerenvs.worlds.labs import Lab
        >>> lab = Lab("P  G")
        >>> SideBySide(lab, view=84).frames(lab.tables().state_labels[:2]).shape
        (2, 84, 176, 3)
    """

    def __init__(self, world: TableWorld[Any], tile: int | None = None, view: int | None = None):
        from powerenvs.render.first_person.renderer import Renderer  # which imports numba

        scene = world.scene() if callable(getattr(world, "scene", None)) else None
        if scene is None:
            raise ValueError(f"world: expected one with a scene, found {type(world).__name__} without")
        pixels = VIEW if view is None else view
        fitting = int(np.clip(pixels // max(scene.shape), LEAST_TILE, MOST_TILE))
        self._world = world
        self._above = TopDown(scene, fitting if tile is None else tile)
        height, width, _ = self._above.shape
        if tile is not None and view is None:
            pixels = max(height, LEAST_VIEW)
        self._view = Renderer(scene, pixels, pixels)
        tall = max(height, self._view.height)
        self.shape = tall, self._view.width + GAP + width, 3

    def frames(self, states: Sequence[Any]) -> NDArray[np.uint8]:
        """(n, height, width, 3) pictures of states of the world."""
        views = self._world.viewpoints(states)
        image = np.full((len(states), *self.shape), PAPER, dtype=np.uint8)
        for picture, left in ((self._view.draw(views), 0), (self._above.draw(views), self._view.width + GAP)):
            height, width = picture.shape[1:3]
            top = (self.shape[0] - height) // 2
            image[:, top : top + height, left : left + width] = picture
        return image
