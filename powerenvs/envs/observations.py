"""What an agent sees in each state, as tables: an environment's observation is a look-up by state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from powerenvs.authoring.level import WALL
from powerenvs.authoring.world import TableWorld
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.render import StatePictures, render_board

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


class BoardEncoder:
    """Boards as arrays: "board" planes or "rgb" pictures, as `ObservationTable` describes them.

    Args:
        kind: "board" or "rgb".
        first: a board; all others have its shape.
        legend: {glyph: meaning} of every glyph besides the wall '#'.
        ground: what lies below agents in pictures, if it has the shape of the boards.

    Attributes:
        space: the space of one observation.
        glyphs: for "board", the glyph that each plane shows.
    """

    def __init__(self, kind: str, first: Sequence[str], legend: Mapping[str, str], ground: Sequence[str] | None = None):
        self._shape = len(first), len(first[0])
        self._legend = dict(legend)
        self._ground = ground if ground is not None and self._fits(ground) else None
        self.glyphs: tuple[str, ...] = ()
        self.space: spaces.Space[Any]
        if kind == "board":
            self.glyphs = (WALL, *(glyph for glyph in legend if glyph != WALL))
            self._codes = np.array([ord(glyph) for glyph in self.glyphs], dtype=np.uint32)[:, None]
            self.space = GlyphPlanes((len(self.glyphs), *self._shape))
        else:
            self._tile = max(TILE, math.ceil(MIN_IMAGE / min(self._shape)))
            self.space = spaces.Box(0, 255, (*(n * self._tile for n in self._shape), 3), np.uint8)

    def _fits(self, rows: Sequence[str]) -> bool:
        return len(rows) == self._shape[0] and all(len(row) == self._shape[1] for row in rows)

    def encode(self, rows: Sequence[str], state: str) -> NDArray[np.uint8]:
        """(*space.shape) the observation of a board.

        Args:
            rows: the board.
            state: the state that it is the board of, for messages.

        Raises:
            ValueError: for a board of another shape, or with a glyph that the legend does not have.
        """
        if not self._fits(rows):
            raise ValueError(
                f"observation: expected a board of {self._shape[0]} rows and {self._shape[1]} columns in every state, "
                f"found {len(rows)} rows of {sorted({len(row) for row in rows})} in {state}"
            )
        if not self.glyphs:
            return render_board(rows, self._legend, self._tile, ground=self._ground)
        text = "".join(rows)
        planes = np.frombuffer(text.encode("utf-32-le"), np.uint32) == self._codes
        if planes.sum() != len(text):
            unknown = next(glyph for glyph in text if glyph not in self.glyphs)
            raise ValueError(
                f"observation: the board of {state} has the glyph {unknown!r}, which is not in the legend; "
                f"{closest(unknown, self.glyphs)}"
            )
        return planes.reshape(-1, *self._shape).astype(np.uint8)


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
            encoder = BoardEncoder(kind, first, pictures.legend, mdp.board)
            self.space, self.glyphs = encoder.space, encoder.glyphs
            shape: tuple[int, ...] = encoder.space.shape or ()
            _check_size(kind, mdp.num_states, math.prod(shape))
            self.values = np.empty((mdp.num_states, *shape), dtype=np.uint8)
            for s in range(mdp.num_states):
                name = f"state {s} ({label_text(mdp.state_labels[s])})"
                self.values[s] = encoder.encode(pictures.board(s) or (), name)
        self.values.flags.writeable = False

    def __deepcopy__(self, memo: dict[int, Any]) -> ObservationTable:
        return self  # nothing in it changes


def _check_size(kind: str, num_states: int, size: int) -> None:
    """Raises a ValueError if a table of ``size`` bytes a state is too large."""
    if num_states * size > MAX_BYTES:
        raise ValueError(
            f"observation: {kind!r} needs a table of {num_states * size / 2**30:.1f} GiB for {num_states:,} states, "
            'above the limit of 1 GiB; use "state", or a smaller level'
        )
