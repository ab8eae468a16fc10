"""What sprites look like: pixel art from a few shapes each, alike on the left and on the right.

That their outlines are symmetrical is what makes the picture of a mirrored level the mirrored picture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from powerenvs.render.first_person.camera import TEXELS
from powerenvs.render.first_person.textures import PAINTS, RGB, shaded

_Y, _X = np.mgrid[0:TEXELS, 0:TEXELS] * 2 + 1  # middles of points, in halves, so that they are whole numbers
LEAF: RGB = (70, 160, 60)
BARK: RGB = (110, 74, 44)
GOLD: RGB = (246, 200, 52)
CREAM: RGB = (244, 230, 200)


class Canvas:
    """A picture (32, 32, 4) that shapes are drawn into, each over what is there already. Lengths are in points."""

    def __init__(self) -> None:
        self.image = np.zeros((TEXELS, TEXELS, 4), dtype=np.int64)

    def _fill(self, mask: NDArray[np.bool_], colour: RGB, light: NDArray[np.int64] | int = 0) -> None:
        shown = np.clip(np.array(colour) + np.broadcast_to(light, mask.shape)[:, :, None], 0, 255)
        self.image[mask, :3] = shown[mask]
        self.image[mask, 3] = 255

    def oval(self, x: float, y: float, across: float, down: float, colour: RGB, round_: bool = True) -> None:
        """An ellipse by its middle and radii; ``round_`` has light from above left."""
        right, low = _X - int(2 * x), _Y - int(2 * y)
        a, b = int(2 * across), int(2 * down)
        mask = (right * b) ** 2 + (low * a) ** 2 <= (a * b) ** 2
        light: NDArray[np.int64] | int = 0
        if round_:
            glint = ((3 * right + a) * b) ** 2 + ((3 * low + b) * a) ** 2 < (a * b) ** 2
            lit = -(right * b + low * a) * 36 // (a * b)
            light = np.where(glint, 64, lit)
        self._fill(mask, colour, light)

    def box(self, left: float, top: float, width: float, height: float, colour: RGB, light: int = 0) -> None:
        """A rectangle by its corner and size."""
        inside = (2 * left < _X) & (2 * (left + width) > _X) & (2 * top < _Y) & (2 * (top + height) > _Y)
        self._fill(inside, colour, light)

    def wedge(self, top: float, bottom: float, wide_top: float, wide_bottom: float, colour: RGB) -> None:
        """A trapezium around the middle: how wide it is at its top and at its bottom."""
        y0, y1 = int(2 * top), int(2 * bottom)
        half = int(wide_top) * (y1 - _Y) + int(wide_bottom) * (_Y - y0)  # twice the half width, times the height
        self._fill((y0 < _Y) & (y1 > _Y) & (np.abs(_X - TEXELS) * (y1 - y0) < half), colour)

    def pair(self, x: float, y: float, across: float, down: float, colour: RGB) -> None:
        """An ellipse and its mirror image."""
        for middle in (x, TEXELS - x):
            self.oval(middle, y, across, down, colour, round_=False)

    def clear(self, x: float, y: float, across: float, down: float) -> None:
        """Takes an ellipse out."""
        right, low = _X - int(2 * x), _Y - int(2 * y)
        a, b = int(2 * across), int(2 * down)
        self.image[(right * b) ** 2 + (low * a) ** 2 <= (a * b) ** 2] = 0

    def outlined(self) -> NDArray[np.uint8]:
        """The picture with its outermost points darkened."""
        opaque = np.pad(self.image[:, :, 3] > 0, 1)
        inner = opaque[:-2, 1:-1] & opaque[2:, 1:-1] & opaque[1:-1, :-2] & opaque[1:-1, 2:]
        edge = (self.image[:, :, 3] > 0) & ~inner
        self.image[edge, :3] //= 2
        return self.image.astype(np.uint8)


def _apple(c: Canvas, paint: RGB) -> None:
    c.oval(16, 22, 9.5, 9.5, paint)
    c.box(15, 9, 2, 6, BARK)
    c.pair(11.5, 11.5, 3.5, 2, LEAF)


def _lemon(c: Canvas, paint: RGB) -> None:
    c.pair(5, 22.5, 3, 2.5, paint)
    c.oval(16, 22.5, 11, 8.5, paint)


def _strawberry(c: Canvas, paint: RGB) -> None:
    c.wedge(20, 32, 19, 1, paint)
    c.oval(16, 19, 9.5, 7, paint)
    for x, y in ((13, 18), (9.5, 20), (14, 23), (11, 24), (13.5, 27)):
        c.pair(x, y, 0.9, 0.9, (250, 226, 120))
    c.pair(12, 12.5, 4, 2.2, LEAF)
    c.box(15, 8, 2, 5, LEAF)


def _fungi(c: Canvas, paint: RGB) -> None:
    c.wedge(17, 32, 8, 12, CREAM)
    c.oval(16, 15, 13, 9, paint)
    c.box(2, 18, 28, 6.5, paint, -200)
    c.image[19:25, :11] = c.image[19:25, 21:] = 0
    c.box(11, 18.5, 10, 6, CREAM, -18)
    for x, y, r in ((9, 13, 2.4), (13.4, 9, 1.8)):
        c.pair(x, y, r, r * 0.8, (255, 250, 244))
    c.oval(16, 14.5, 2.2, 2, (255, 250, 244), round_=False)


def _goal(c: Canvas, paint: RGB) -> None:
    c.wedge(27, 32, 14, 18, (92, 62, 40))
    c.box(14.5, 21, 3, 7, paint, -50)
    c.pair(7, 10, 5, 5.5, paint)
    for x in (7, 25):
        c.clear(x, 10, 2.6, 3.2)
    c.wedge(3, 23, 21, 6, paint)
    c.oval(16, 12, 8.6, 9, paint)
    c.box(6, 2, 20, 3, paint, 30)
    c.oval(16, 11, 2.6, 2.6, (255, 250, 220), round_=False)


def _watermelon(c: Canvas, paint: RGB) -> None:
    c.oval(16, 20.5, 13.5, 11, paint)
    for x in (5.5, 10.5):
        c.pair(x, 20.5, 1.2, 8 if x < 8 else 10, (24, 84, 34))
    c.oval(16, 20.5, 1, 10.4, (24, 84, 34), round_=False)
    c.box(15, 7, 2, 3, BARK)


def _mango(c: Canvas, paint: RGB) -> None:
    c.oval(16, 21.5, 8.5, 10, paint)
    c.pair(11, 25, 2, 3, (236, 104, 48))
    c.box(15, 8, 2, 4, BARK)
    c.pair(10, 9, 5, 2, LEAF)


def _key(c: Canvas, paint: RGB) -> None:
    c.box(14, 12, 4, 19, paint)
    c.box(10, 22, 12, 3, paint)
    c.box(11, 27, 10, 3, paint, -16)
    c.oval(16, 8.5, 7.5, 7.5, paint)
    c.clear(16, 8.5, 3.4, 3.4)


def _cake(c: Canvas, paint: RGB) -> None:
    c.box(2, 29, 28, 3, (220, 224, 230))
    c.box(5, 17, 22, 12, (186, 120, 70))
    c.box(5, 22, 22, 2, (255, 246, 230))
    c.box(5, 14, 22, 5, paint)
    for x in (7.5, 12):
        c.pair(x, 19.5, 1.8, 2.2, paint)
    c.oval(16, 11, 3.2, 3.2, (206, 30, 50))


def _box(c: Canvas, paint: RGB) -> None:
    c.box(4, 8, 24, 24, paint)
    for place in (4, 12, 20):
        c.box(4, place + 8 - 4, 24, 1, paint, -50)
    c.box(4, 8, 3, 24, paint, -34)
    c.box(25, 8, 3, 24, paint, -34)
    c.box(4, 8, 24, 3, paint, 26)
    c.box(4, 29, 24, 3, paint, -34)


def _balloon(c: Canvas, paint: RGB) -> None:
    c.box(15, 22, 2, 10, (80, 80, 84))
    c.wedge(20, 24, 2, 6, paint)
    c.oval(16, 11.5, 9.5, 11, paint)


def _ball(c: Canvas, paint: RGB) -> None:
    c.oval(16, 22, 9.8, 9.8, paint)


def _hat(c: Canvas, paint: RGB) -> None:
    c.box(8, 11, 16, 18, paint)
    c.box(10, 12, 3, 12, paint, 34)
    c.box(8, 22, 16, 4, (236, 232, 214) if sum(paint) < 360 else (60, 60, 66))
    c.box(3, 27, 26, 4, paint)


def _car(c: Canvas, paint: RGB) -> None:
    c.pair(7, 29, 3, 3, (36, 36, 40))
    c.wedge(10, 19, 14, 20, paint)
    c.wedge(12, 18, 10, 15, (190, 224, 240))
    c.box(4, 18, 24, 10, paint)
    c.box(4, 18, 24, 2, paint, 30)
    c.pair(8, 22.5, 2.2, 2, (255, 244, 180))
    c.box(11, 24, 10, 2, (60, 60, 66))


def _good(c: Canvas, paint: RGB) -> None:
    c.wedge(9, 16, 12, 22, paint)
    c.wedge(16, 31, 22, 0, paint)
    c.wedge(10, 15, 6, 10, tuple(min(255, part + 70) for part in paint))  # type: ignore[arg-type]
    c.wedge(16, 29, 10, 0, tuple(min(255, part + 40) for part in paint))  # type: ignore[arg-type]


def _bad(c: Canvas, paint: RGB) -> None:
    c.box(14.5, 8, 3, 24, paint)
    c.box(4, 18.5, 24, 3, paint)
    for x, y in ((8, 12), (8, 28)):
        c.pair(x, y, 2.2, 2.2, paint)
    c.oval(16, 20, 8.5, 8.5, paint)
    c.pair(12.5, 18.5, 1.8, 1.8, (250, 80, 70))
    c.box(12, 23, 8, 1.5, (250, 80, 70))


def _teleporter(c: Canvas, paint: RGB) -> None:
    c.oval(16, 17, 12, 15, paint, round_=False)
    for r, shown in ((9.5, (20, 60, 90)), (7, paint), (4.5, (220, 250, 255))):
        c.oval(16, 17, r, r * 1.25, shown, round_=False)


def _pillar(c: Canvas, paint: RGB) -> None:
    c.box(10, 0, 12, 32, paint)
    c.box(12, 0, 2, 32, paint, 26)
    c.box(19, 0, 2, 32, paint, -26)
    c.box(7, 0, 18, 4, paint, 14)
    c.box(7, 28, 18, 4, paint, -14)


DRAWINGS: dict[str, tuple[Callable[[Canvas, RGB], None], RGB]] = {
    "apple": (_apple, (214, 40, 44)),
    "lemon": (_lemon, (248, 224, 58)),
    "strawberry": (_strawberry, (232, 42, 82)),
    "fungi": (_fungi, (168, 44, 150)),
    "goal": (_goal, GOLD),
    "watermelon": (_watermelon, (74, 168, 66)),
    "mango": (_mango, (250, 152, 40)),
    "key": (_key, GOLD),
    "cake": (_cake, (250, 170, 200)),
    "box": (_box, (176, 126, 72)),
    "balloon": (_balloon, PAINTS["red"]),
    "ball": (_ball, PAINTS["blue"]),
    "hat": (_hat, PAINTS["black"]),
    "car": (_car, PAINTS["orange"]),
    "good": (_good, (60, 204, 110)),
    "bad": (_bad, (62, 40, 74)),
    "teleporter": (_teleporter, (64, 190, 230)),
    "pillar": (_pillar, (200, 196, 186)),
}
"""How each kind is drawn, and its colour where none is named."""


@lru_cache(maxsize=256)
def thing(kind: str, colour: str = "") -> NDArray[np.uint8]:
    """(32, 32, 4) a sprite with opacity, 0 or 255; it stands on the lower edge."""
    draw, own = DRAWINGS[kind]
    canvas = Canvas()
    draw(canvas, PAINTS.get(colour, own))
    image = canvas.outlined()
    image.flags.writeable = False
    return image


@lru_cache(maxsize=256)
def thing_points(kind: str, colour: str) -> NDArray[np.uint32]:
    """A sprite as the drawing loop reads it; see `textures.shaded`."""
    return shaded(thing(kind, colour))
