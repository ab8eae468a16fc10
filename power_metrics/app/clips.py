"""Clips of segments as pictures that a page can run: drawn once, kept, and drawn ahead of time."""

from __future__ import annotations

import io
import math
import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.app import bounds
from power_metrics.app.play import image_of
from power_metrics.preferences import Segment, Store, collect, frames

MAX_SIDE = 640
"""Pixels of a clip's longer side."""
MAX_CLIPS = 256
"""Clips that are kept as pictures."""
SIDES = ("left", "right")
MADE_UP: dict[str, Any] = {"level": "maze_7x7"}
"""The grid that made-up clips show."""
MADE_UP_STEPS = 12


class Clip(NamedTuple):
    """A clip as one picture: its different frames in rows and columns.

    Attributes:
        png: the picture.
        about: what the page needs to show it: the size of a frame, columns, and which frame comes when.
    """

    png: bytes
    about: dict[str, Any]


class Clips:
    """The clips of a store, by name: "segment-7"; and made-up ones: "practice-3-left".

    Args:
        store: of the segments; None for made-up clips alone.
        environment: draws segments that have no pictures of their own: an environment, or {"id": ..., "kwargs": ...};
            what the store notes as its "environment" when None.
    """

    def __init__(self, store: Store | None, environment: Any = None):
        self._store, self._lock, self._making = store, threading.Lock(), threading.Lock()
        self._given = environment if isinstance(environment, dict) else None
        self._env: Any = None if isinstance(environment, dict) else environment
        self._known: OrderedDict[str, Future[Clip]] = OrderedDict()
        self._ahead = ThreadPoolExecutor(1, "clips")

    def get(self, name: str) -> Clip:
        """The clip of this name.

        Raises:
            ValueError: for an unknown name, and a segment without pictures.
        """
        with self._lock:
            known = self._known.get(name)
            mine = known is None
            if known is None:
                known = self._known[name] = Future()
            self._known.move_to_end(name)
        if mine:  # outside of the lock: who wants another clip does not wait for this one
            try:
                known.set_result(self._drawn(name))
            except BaseException as error:
                with self._lock:
                    self._known.pop(name, None)  # it may be there another time
                known.set_exception(error)
            with self._lock:
                while len(self._known) > MAX_CLIPS:
                    self._known.popitem(last=False)
        return known.result()

    def prepare(self, names: Iterable[str]) -> None:
        """Draws clips that are likely to be wanted soon, in a thread of its own."""
        for name in names:
            if name not in self._known:
                self._ahead.submit(self.get, name)  # what cannot be drawn is said when it is asked for

    def _drawn(self, name: str) -> Clip:
        kind, _, which = name.partition("-")
        if kind == "segment" and which.isdecimal() and self._store is not None:
            segment = self._store.segment(int(which))
            return clip_of(name, self._pictures(segment), segment.ended)
        number, _, side = which.partition("-")
        if kind != "practice" or not number.isdecimal() or side not in SIDES:
            raise ValueError(f"clip: expected the name of a clip, found {bounds.shown(name)}")
        from powerenvs.worlds.power import PowerGrid

        mdp = PowerGrid(**MADE_UP).tables()
        [segment] = collect(mdp, num_segments=1, length=MADE_UP_STEPS, seed=2 * int(number) + SIDES.index(side))
        return clip_of(name, frames(segment, mdp), segment.ended)

    def _pictures(self, segment: Segment) -> NDArray[np.uint8]:
        """Its own pictures, what the agent saw where that is pictures, or its states as the environment draws them."""
        if segment.frames is not None:
            return segment.frames
        seen = [] if segment.observations is None else [image_of(one) for one in segment.observations]
        images = [one for one in seen if one is not None]
        return np.stack(images) if images else frames(segment, self.environment())

    def environment(self) -> Any:
        """What draws states; None if nobody knows.

        Raises:
            ValueError: for an id that is not among the application's: a file names it, and must not load anything.
        """
        with self._making:
            about = self._given or (None if self._store is None else self._store.about.get("environment"))
            if self._env is None and isinstance(about, dict) and "id" in about:
                import gymnasium as gym

                from power_metrics.app.catalogue import environment_ids

                name = bounds.one_of("environment", about["id"], environment_ids())
                self._env = gym.make(name, **bounds.mapping("kwargs", about.get("kwargs") or {}))
            return self._env


def clip_of(name: str, pictures: NDArray[np.uint8], ended: bool = False) -> Clip:
    """The frames (T + 1, height, width, 3) as one picture, in which each that comes several times is there once."""
    from PIL import Image

    places: dict[bytes, int] = {}
    order = [places.setdefault(frame.tobytes(), len(places)) for frame in pictures]
    different = [pictures[order.index(place)] for place in range(len(places))]
    height, width = pictures.shape[1:3]
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    columns = math.ceil(math.sqrt(len(different)))
    sheet = Image.new("RGB", (columns * size[0], math.ceil(len(different) / columns) * size[1]))
    for place, frame in enumerate(different):
        image = Image.fromarray(frame)
        image = image if scale == 1.0 else image.resize(size)
        sheet.paste(image, (place % columns * size[0], place // columns * size[1]))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", compress_level=1)
    about = {"clip": name, "width": size[0], "height": size[1], "columns": columns, "frames": order, "ended": ended}
    return Clip(buffer.getvalue(), about)
