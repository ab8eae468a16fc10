"""What an agent sees in each state, as tables: an environment's observation is a look-up by state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from powerenvs.labels import closest
from powerenvs.level import WALL
from powerenvs.mdp import TabularMDP
from powerenvs.render import StatePictures
from powerenvs.world import TableWorld

KINDS = ("state", "onehot", "board", "rgb")
MAX_BYTES = 2**30
TILE = 8
"""Pixels of a cell in "rgb" observations, more on boards that are too small for it."""
MIN_IMAGE = 36
"""The shortest side, in pixels, of an image that Stable-Baselines3's convolutions accept."""


class GlyphPlanes(spaces.MultiBinary):
    """Planes of zeros and ones (C, H, W) in uint8, the type of image observations.

    It is no `Box`, because a three-dimensional Box of bytes reads as an image with values up to 255.
    """

    def __init__(self, shape: tuple[int, int, int], seed: int | np.random.Generator | None = None):
        super().__init__(shape, seed)
        self.dtype = np.dtype(np.uint8)


class ObservationTable:
    """The observations of all states.

    "state": the state's index, Discrete(S). "onehot": S zeros with a one, float32. "board": what the world's board
    shows, one plane of zeros and ones for each glyph in `glyphs`, uint8 (C, H, W). "rgb": the board drawn with small
    tiles, uint8 (H, W, 3), each side at least 36 pixels.

    Args:
        mdp: the model.
        world: the world that the model was made from, for its board; None for a model on its own.
        kind: one of the four.

    Attributes:
        kind: as given.
        space: the space of one observation.
        values: (S, *space.shape) array, read-only: the observation of each state, in the type of the space.
        glyphs: for "board", the glyph that each plane shows: the wall '#', then the world's legend in its order.

    Raises:
        ValueError: for an unknown kind, a world without a board where one is needed, boards of different sizes or
            with unknown glyphs, and tables above 1 GiB.
    """

    def __init__(self, mdp: TabularMDP, world: TableWorld[Any] | None, kind: str):
        if kind not in KINDS:
            raise ValueError(f"observation: unknown kind {kind!r}; {closest(kind, KINDS)}")
        self.kind = kind
        self.glyphs: tuple[str, ...] = ()
        self.space: spaces.Space[Any]
        self.values: NDArray[Any]
        if kind == "state":
            self.space, self.values = spaces.Discrete(mdp.num_states), np.arange(mdp.num_states)
        elif kind == "onehot":
            _check_size(kind, mdp.num_states, 4 * mdp.num_states)
            self.space = spaces.Box(0, 1, (mdp.num_states,), np.float32)
            self.values = np.eye(mdp.num_states, dtype=np.float32)
        else:
            pictures = StatePictures(mdp, world)
            first = pictures.board(0)
            if first is None:
                raise ValueError(
                    f'observation: {kind!r} needs a board, and this model has none; use "state" or "onehot"'
                )
            shape = (len(first), len(first[0]))
            self.values = self._planes(mdp, pictures, shape) if kind == "board" else self._images(mdp, pictures, shape)
            self.space = (
                GlyphPlanes(self.values.shape[1:])
                if kind == "board"
                else spaces.Box(0, 255, self.values.shape[1:], np.uint8)
            )
        self.values.flags.writeable = False

    def _planes(self, mdp: TabularMDP, pictures: StatePictures, shape: tuple[int, int]) -> NDArray[np.uint8]:
        self.glyphs = (WALL, *(glyph for glyph in pictures.legend if glyph != WALL))
        S, (H, W) = mdp.num_states, shape
        _check_size("board", S, len(self.glyphs) * H * W)
        planes = np.empty((S, len(self.glyphs), H, W), dtype=np.uint8)
        codes = np.array([ord(glyph) for glyph in self.glyphs], dtype=np.uint32)[:, None]
        for s in range(S):
            rows = pictures.board(s) or ()
            if len(rows) != H or any(len(row) != W for row in rows):
                raise ValueError(
                    f"observation: expected a board of {H} rows and {W} columns in every state, found "
                    f"{len(rows)} rows of {sorted({len(row) for row in rows})} in state {mdp.describe(s)}"
                )
            text = "".join(rows)
            planes[s] = (np.frombuffer(text.encode("utf-32-le"), np.uint32) == codes).reshape(-1, H, W)
            if planes[s].sum() != H * W:
                unknown = next(glyph for glyph in text if glyph not in self.glyphs)
                raise ValueError(
                    f"observation: the board of state {mdp.describe(s)} has the glyph {unknown!r}, which is not in the "
                    f"legend; {closest(unknown, self.glyphs)}"
                )
        return planes

    def _images(self, mdp: TabularMDP, pictures: StatePictures, shape: tuple[int, int]) -> NDArray[np.uint8]:
        tile = max(TILE, math.ceil(MIN_IMAGE / min(shape)))
        S = mdp.num_states
        _check_size("rgb", S, shape[0] * shape[1] * tile**2 * 3)
        images = np.empty((S, shape[0] * tile, shape[1] * tile, 3), dtype=np.uint8)
        for s in range(S):
            images[s] = pictures.frame(s, tile)
        return images

    def __deepcopy__(self, memo: dict[int, Any]) -> ObservationTable:
        return self  # nothing in it changes


def _check_size(kind: str, num_states: int, size: int) -> None:
    """Raises a ValueError if a table of ``size`` bytes a state is too large."""
    if num_states * size > MAX_BYTES:
        raise ValueError(
            f"observation: {kind!r} needs a table of {num_states * size / 2**30:.1f} GiB for {num_states:,} states, "
            'above the limit of 1 GiB; use "state", or a smaller level'
        )
