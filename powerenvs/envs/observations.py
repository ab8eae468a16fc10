"""What an agent sees in each state, as tables: an environment's observation is a look-up by state."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from powerenvs.authoring.game_world import TableGameWorld
from powerenvs.authoring.level import WALL
from powerenvs.authoring.world import TableWorld
from powerenvs.envs.game_views import GamePictures
from powerenvs.envs.views import VIEW_KINDS, RenderedViews, SceneViews, is_view
from powerenvs.model.game import TabularGame
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
        agents: {glyph: meaning} of what stands on top of boards, several in one cell perhaps.

    Attributes:
        space: the space of one observation.
        glyphs: for "board", the glyph that each plane shows.
    """

    def __init__(
        self,
        kind: str,
        first: Sequence[str],
        legend: Mapping[str, str],
        ground: Sequence[str] | None = None,
        agents: Mapping[str, str] | None = None,
    ):
        self._shape = len(first), len(first[0])
        self._legend = {**legend, **(agents or {})}
        self._ground = ground if ground is not None and self._fits(ground) else None
        self.glyphs: tuple[str, ...] = ()
        self.space: spaces.Space[Any]
        if kind == "board":
            self.glyphs = (WALL, *(glyph for glyph in self._legend if glyph != WALL))
            self._codes = np.array([ord(glyph) for glyph in self.glyphs], dtype=np.uint32)[:, None]
            self.space = GlyphPlanes((len(self.glyphs), *self._shape))
        else:
            self._tile = max(TILE, math.ceil(MIN_IMAGE / min(self._shape)))
            self.space = spaces.Box(0, 255, (*(n * self._tile for n in self._shape), 3), np.uint8)

    def _fits(self, rows: Sequence[str]) -> bool:
        return len(rows) == self._shape[0] and all(len(row) == self._shape[1] for row in rows)

    def encode(
        self, rows: Sequence[str], state: str, on_top: Mapping[str, Iterable[tuple[int, int]]] | None = None
    ) -> NDArray[np.uint8]:
        """(*space.shape) the observation of a board.

        Args:
            rows: the board.
            state: the state that it is the board of, for messages.
            on_top: {glyph of an agent: cells where it stands}.

        Raises:
            ValueError: for a board of another shape, or with a glyph that the legend does not have.
        """
        if not self._fits(rows):
            raise ValueError(
                f"observation: expected a board of {self._shape[0]} rows and {self._shape[1]} columns in every state, "
                f"found {len(rows)} rows of {sorted({len(row) for row in rows})} in {state}"
            )
        if not self.glyphs:
            return render_board(rows, self._legend, self._tile, ground=self._ground, overlays=on_top)
        text = "".join(rows)
        planes = np.frombuffer(text.encode("utf-32-le"), np.uint32) == self._codes
        if planes.sum() != len(text):
            unknown = next(glyph for glyph in text if glyph not in self.glyphs)
            raise ValueError(
                f"observation: the board of {state} has the glyph {unknown!r}, which is not in the legend; "
                f"{closest(unknown, self.glyphs)}"
            )
        planes = planes.reshape(-1, *self._shape).astype(np.uint8)
        for glyph, cells in (on_top or {}).items():
            for row, column in cells:
                planes[self.glyphs.index(glyph), row, column] = 1
        return planes


class ObservationTable:
    """The observations of all states, for one agent or several; all of them see the whole state.

    "state": the state's index, Discrete(S). "onehot": S zeros with a one, float32. "board": what the world's board
    shows, one plane of zeros and ones for each glyph in `glyphs`, uint8 (C, H, W). "rgb": the board drawn with small
    tiles, uint8 (H, W, 3), each side at least 36 pixels. On the board of a game each agent has a plane of its own, so
    that agents that share a cell are all seen.

    In worlds with a scene, such as those of labs, there are also "first_person", "depth", "rgbd", "top_down" and, where
    the world says something, "instruction", with a size or without, such as "first_person:72x96": see
    `powerenvs.envs.views.SceneViews`. Pictures of all states are drawn once if they fit into 256 MiB, or else
    each when it is seen.

    Args:
        model: the decision process or game.
        world: the world that the model was made from, for its board; None for a model on its own.
        kind: one of them.

    Attributes:
        kind: as given.
        space: the space of one observation.
        values: (S, *space.shape) array, read-only: the observation of each state, in the type of the space. Of
            views that are too many to keep, something like an array, which draws what is asked for.
        glyphs: for "board", the glyph that each plane shows: the wall '#', then the world's legend in its order, then
            the agents of a game.

    Raises:
        ValueError: for an unknown kind, a world without a board where one is needed, boards of different sizes or
            with unknown glyphs, and tables above 1 GiB.
    """

    def __init__(self, model: TabularMDP | TabularGame, world: TableWorld[Any] | TableGameWorld[Any] | None, kind: str):
        if kind not in KINDS and not is_view(kind):
            raise ValueError(f"observation: unknown kind {kind!r}; {closest(kind, (*KINDS, *VIEW_KINDS))}")
        self.kind = kind
        self.glyphs: tuple[str, ...] = ()
        self.space: spaces.Space[Any]
        self.values: NDArray[Any] | RenderedViews
        S = model.num_states
        if kind == "state":
            self.space, self.values = spaces.Discrete(S), np.arange(S)
        elif kind == "onehot":
            _check_size(kind, S, 4 * S)
            self.space, self.values = spaces.Box(0, 1, (S,), np.float32), np.eye(S, dtype=np.float32)
        elif is_view(kind):
            if isinstance(model, TabularGame):
                raise ValueError(f"observation: {kind!r} is of one agent; games have {', '.join(KINDS)}")
            views = SceneViews(world, kind)
            self.space, self.values = views.space, views.table(model.state_labels)
        else:
            game = isinstance(model, TabularGame)
            pictures: Any = (GamePictures if game else StatePictures)(model, world)  # type: ignore[arg-type]
            first = pictures.board(0)
            if first is None:
                raise ValueError(
                    f"observation: {kind!r} needs a board, and this {'game' if game else 'model'} has none; "
                    'use "state" or "onehot"'
                )
            agents, ground = (pictures.looks, None) if game else (None, model.board)
            encoder = BoardEncoder(kind, first, pictures.legend, ground, agents)
            self.space, self.glyphs = encoder.space, encoder.glyphs
            shape: tuple[int, ...] = encoder.space.shape or ()
            _check_size(kind, S, math.prod(shape))
            self.values = np.empty((S, *shape), dtype=np.uint8)
            for s, label in enumerate(model.state_labels):
                on_top = pictures.on_top(s) if game else None
                self.values[s] = encoder.encode(pictures.board(s) or (), f"state {s} ({label_text(label)})", on_top)
        if isinstance(self.values, np.ndarray):
            self.values.flags.writeable = False

    @property
    def kept(self) -> NDArray[Any] | None:
        """The observations as an array, or None where each is drawn when it is seen."""
        return self.values if isinstance(self.values, np.ndarray) else None

    def one(self, state: int) -> Any:
        """A copy of the observation of a state."""
        if self.kind == "state":
            return state
        seen = self.values[state]
        return str(seen) if self.values.ndim == 1 else np.array(seen)

    def many(self, states: NDArray[np.int64]) -> Any:
        """A copy of the observations of some states, as Gymnasium puts them together."""
        if self.kind == "state":
            return states.copy()
        seen = self.values.take(states, axis=0)
        return tuple(seen.tolist()) if seen.ndim == 1 else seen

    def __deepcopy__(self, memo: dict[int, Any]) -> ObservationTable:
        return self  # nothing in it changes


def _check_size(kind: str, num_states: int, size: int) -> None:
    """Raises a ValueError if a table of ``size`` bytes a state is too large."""
    if num_states * size > MAX_BYTES:
        raise ValueError(
            f"observation: {kind!r} needs a table of {num_states * size / 2**30:.1f} GiB for {num_states:,} states, "
            'above the limit of 1 GiB; use "state", or a smaller level'
        )
