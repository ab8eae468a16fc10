"""What agents see in worlds with a scene: first-person pictures, the level from above, and what they are told."""

from __future__ import annotations

import os
import string
import warnings
from collections.abc import Iterator, Sequence
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

import powerenvs.render.first_person as drawing
from powerenvs.model.files import atomic_path
from powerenvs.model.labels import closest, label_text

PICTURES = {"first_person": "rgb", "depth": "depth", "rgbd": "rgbd"}
"""Observations that `Renderer` draws, and what it calls them."""
VIEW_KINDS = (*PICTURES, "top_down", "instruction")
MAX_KEPT = 2**28
"""Bytes up to which the pictures of all states are drawn once and kept; above, each is drawn when it is seen."""
MAX_WHOLE = 2**30
"""Bytes of pictures that are put into one array, at most."""
MAX_WORDS = 256
"""Characters of an instruction, at most."""
CACHE = "POWERENVS_CACHE"
"""The environment variable that names a folder in which pictures are kept from one process to the next."""


def is_view(observation: str) -> bool:
    """Whether an observation is one of this module, with a size or without."""
    return isinstance(observation, str) and observation.partition(":")[0] in VIEW_KINDS


class SceneViews:
    """The observations of a world with a scene, by its states.

    "first_person": what is in front of the agent, uint8 (H, W, 3), 84 by 84 pixels; "first_person:72x96" for 72 rows of
    96 pixels. "depth" and "rgbd" in the same way: distances in cells, float32 (H, W); and colours with distances, uint8
    (H, W, 4). See `powerenvs.render.first_person.Renderer`. "top_down": the whole level from above, uint8 (H, W, 3), 16
    pixels a cell; "top_down:8" for 8. "instruction": what the agent is told, a text.

    Args:
        world: a world with a scene, or for "instruction" one that says something.
        observation: one of these.
        kinds: all names there are, for messages.

    Attributes:
        kind: the observation without the size.
        space: the space of one observation.

    Raises:
        ValueError: for an unknown kind or size, and a world without a scene or instructions.
    """

    def __init__(self, world: Any, observation: str, kinds: Sequence[str] = VIEW_KINDS):
        self.kind, _, size = observation.partition(":")
        if self.kind not in VIEW_KINDS:
            raise ValueError(f"observation: unknown kind {observation!r}; {closest(observation, kinds)}")
        self._world = world
        self.space: spaces.Space[Any]
        if self.kind == "instruction":
            if size:
                raise ValueError(f"observation: an instruction has no size, found {observation!r}")
            self.space = spaces.Text(MAX_WORDS, min_length=0, charset=string.printable)
            return
        scene = None if world is None else world.scene()
        if scene is None:
            name = "a model without a world" if world is None else type(world).__name__
            raise ValueError(
                f"observation: {self.kind!r} needs a world with a scene, such as those of labs, found {name}; "
                'use "state", "onehot", "board" or "rgb"'
            )
        if self.kind == "top_down":
            self._view: Any = drawing.TopDown(scene, *_numbers(observation, size, 1))
            self.space = spaces.Box(0, 255, self._view.shape, np.uint8)
            return
        self._view = drawing.Renderer(scene, *_numbers(observation, size, 2))
        shape = self._view.shape(PICTURES[self.kind])
        far = float(sum(scene.shape))
        self.space = (
            spaces.Box(0, far, shape, np.float32) if self.kind == "depth" else spaces.Box(0, 255, shape, np.uint8)
        )

    def of(self, states: Sequence[Any]) -> NDArray[Any]:
        """(n, ...) the observations of these states.

        Raises:
            ValueError: for a state without an instruction, or with one that is too long.
        """
        if self.kind == "instruction":
            return np.array([self._words(state) for state in states], dtype=f"<U{MAX_WORDS}")
        return self._drawn(self._world.viewpoints(states))

    def table(self, states: Sequence[Any]) -> NDArray[Any] | RenderedViews:
        """The observations of all states: an array, or something like one that draws what is asked for.

        Raises:
            ValueError: as `of`.
        """
        shape = self.space.shape
        if self.kind == "instruction" or shape is None:
            words = self.of(states)
            longest = max(1, *(len(text) for text in words.tolist())) if len(words) else 1
            return words.astype(f"<U{longest}")
        views = self._world.viewpoints(states)
        dtype = np.dtype(self.space.dtype)
        if len(states) * int(np.prod(shape)) * dtype.itemsize > MAX_KEPT:
            if self.kind == "top_down":
                return RenderedViews((len(states), *shape), dtype, _Above(self._view, views))
            return RenderedViews((len(states), *shape), dtype, _Ahead(self._view, views, PICTURES[self.kind]))
        folder = os.environ.get(CACHE)
        return self._drawn(views) if not folder else self._kept(Path(folder), views)

    def _drawn(self, views: Any) -> NDArray[Any]:
        how = () if self.kind == "top_down" else (PICTURES[self.kind],)
        return self._view.draw(views, *how)  # type: ignore[no-any-return]

    def _words(self, state: Any) -> str:
        told = None if self._world is None else self._world.instruction(state)
        if told is None:
            raise ValueError("observation: expected a world that tells the agent something, found none")
        if len(told) > MAX_WORDS:
            raise ValueError(
                f"observation: expected instructions of at most {MAX_WORDS} characters, found {len(told)} in "
                f"{label_text(state)}"
            )
        return str(told)

    def _kept(self, folder: Path, views: Any) -> NDArray[Any]:
        """The pictures from the folder, in memory that all processes share; or drawn, and put there."""
        path = folder / "views" / f"{self._fingerprint(views)}.npy"
        try:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError):  # not there yet, or not whole
            drawn = self._drawn(views)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.save(file, drawn, allow_pickle=False)
        except OSError as error:
            _warn(f"{error}")
        return drawn

    def _fingerprint(self, views: Any) -> str:
        """What tells these pictures from all others: the scene, the viewpoints, their size, and how they are drawn."""
        scene = self._view.scene
        digest = sha256(_sources().encode())
        digest.update(repr((self.kind, self.space.shape, scene.shape, scene.sprites, scene.doors)).encode())
        digest.update(repr((len(views), views.directions)).encode())
        masks = (views.mask(name, scene) for name in ("sprites", "doors"))
        for array in (scene.walls, scene.floor, scene.ceiling, views.row, views.column, views.heading, *masks):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


class RenderedViews:
    """The observations of all states, each drawn when it is asked for; to be used like the array that they would be.

    Attributes:
        shape: that of the array.
        dtype: that of the array.
        ndim: that of the array.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], source: _Above | _Ahead | _Turned):
        self.shape, self.dtype, self.ndim = shape, dtype, len(shape)
        self._source = source

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        if isinstance(index, tuple):
            states, *rest = index
            found = self[states]
            return found[
                tuple(rest) if np.ndim(states) == 0 and not isinstance(states, slice) else (slice(None), *rest)
            ]
        numbers = np.arange(len(self))[index]
        return self._source.at(numbers) if np.ndim(numbers) else self._source.at(numbers[None])[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[number] for number in range(len(self)))

    def take(self, indices: Any, axis: int = 0) -> NDArray[Any]:
        """The observations of some states.

        Raises:
            ValueError: for another axis than the first.
        """
        if axis != 0:
            raise ValueError(f"axis: expected 0, found {axis}")
        return self[np.asarray(indices)]

    def transpose(self, *axes: Any) -> RenderedViews:
        """The same with the axes of each observation in another order, as images for convolutions are.

        Raises:
            ValueError: unless the first axis stays the first.
        """
        order = axes[0] if len(axes) == 1 else axes
        if sorted(order) != list(range(self.ndim)) or order[0] != 0:
            raise ValueError(f"axes: expected 0 and then the others in any order, found {order}")
        shape = tuple(self.shape[axis] for axis in order)
        return RenderedViews(shape, self.dtype, _Turned(self._source, tuple(order)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        size = int(np.prod(self.shape)) * self.dtype.itemsize
        if size > MAX_WHOLE:
            raise ValueError(
                f"observation: all {len(self):,} views together need {size / 2**30:.1f} GiB, above the limit of 1 GiB; "
                "use parts of them, smaller ones, or a smaller level"
            )
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)


class _Ahead:
    """First-person pictures by the number of the state."""

    def __init__(self, renderer: Any, views: Any, kind: str):
        self._prepared, eight = renderer.prepare(views)
        self._draw = partial(renderer.draw_prepared, eight=eight, kind=kind)

    def at(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        return self._draw(self._prepared.part(numbers))  # type: ignore[no-any-return]


class _Above:
    """Pictures from above by the number of the state."""

    def __init__(self, view: Any, views: Any):
        self._view, self._views = view, views

    def at(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        return self._view.draw(self._views.part(numbers))  # type: ignore[no-any-return]


class _Turned:
    """Pictures of another source with their axes in another order."""

    def __init__(self, source: Any, order: tuple[int, ...]):
        self._source, self._order = source, order

    def at(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        return self._source.at(numbers).transpose(self._order)  # type: ignore[no-any-return]


def _numbers(observation: str, size: str, count: int) -> list[int]:
    """The numbers of a size, or none where it has none."""
    if not size and ":" not in observation:
        return []
    parts = size.split("x")
    if len(parts) != count or not all(part.isdecimal() for part in parts):
        kind = observation.partition(":")[0]
        example = f"{kind}:8 for pixels of a cell" if count == 1 else f"{kind}:72x96 for rows and columns of pixels"
        raise ValueError(f"observation: expected a size such as {example}, found {observation!r}")
    return [int(part) for part in parts]


@cache
def _sources() -> str:
    """A hash of how pictures are drawn."""
    digest = sha256()
    for path in sorted(Path(drawing.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _warned() -> set[str]:
    return set()


def _warn(problem: str) -> None:
    if not _warned():
        _warned().add(problem)
        warnings.warn(
            f"powerenvs: pictures cannot be kept in the folder that {CACHE} names, so that every process draws its own "
            f"({problem})",
            RuntimeWarning,
            stacklevel=2,
        )
