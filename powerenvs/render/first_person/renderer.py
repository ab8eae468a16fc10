"""`Renderer`: pictures of a scene, many at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.labels import closest
from powerenvs.render.first_person.camera import LEVEL_START, SHADES, rays, shade_depths
from powerenvs.render.first_person.ground import floor, sky
from powerenvs.render.first_person.kernel import DOOR, CameraTables, Looks, SceneTables, draw
from powerenvs.render.first_person.scene import STEPS, Scene, Viewpoints, check_kind
from powerenvs.render.first_person.textures import pyramid
from powerenvs.render.first_person.things import thing_points

SIZE = 84
"""Rows and columns of pixels where no size is given."""
LEAST, MOST = 8, 2048
"""How few and how many there may be."""
CHANNELS = {"rgb": 3, "depth": 1, "rgbd": 4}
_SIDE_OF_ORIENTATION = {"N": 0, "E": 1, "S": 2, "W": 3}


class Prepared(NamedTuple):
    """Viewpoints as the drawing loop reads them: see `kernel._draw`."""

    where: NDArray[np.int32]
    present: NDArray[np.uint64]
    opened: NDArray[np.uint64]

    def part(self, index: NDArray[np.integer] | slice) -> Prepared:
        """Some of them."""
        return Prepared(self.where[index], self.present[index], self.opened[index])


class Renderer:
    """Draws what an observer sees from the middle of a cell of a scene, 90 degrees across and with square pixels.

    Pictures are the same on every machine, byte for byte. "rgb": colours, (n, H, W, 3) uint8. "depth": how far away
    things are, measured in cells along the direction of view, (n, H, W) float32; the sky is as far as the scene has
    rows and columns. "rgbd": both, (n, H, W, 4) uint8, the fourth byte eight times the depth, at most 255.

    Args:
        scene: what there is to see.
        height: H, rows of pixels.
        width: W, columns of pixels; even where viewpoints have eight directions.

    Attributes:
        scene: as given.
        height: as given.
        width: as given.

    Raises:
        ValueError: for what is no scene, and sizes below 8 or above 2,048 pixels.

    Example:
        >>> import numpy as np
        >>> from powerenvs.render.first_person import Renderer, Scene, Viewpoints
        >>> renderer = Renderer(Scene.from_solid(np.zeros((1, 3), dtype=bool)))
        >>> depth = renderer.draw(Viewpoints([0, 0], [0, 0], [1, 3]), "depth")
        >>> depth.shape, depth[:, 42, 42].tolist()
        ((2, 84, 84), [2.5, 0.5])
    """

    def __init__(self, scene: Scene, height: int = SIZE, width: int = SIZE):
        check_kind("scene", scene, Scene)
        for name, pixels in (("height", height), ("width", width)):
            if isinstance(pixels, bool) or not isinstance(pixels, (int, np.integer)) or not LEAST <= pixels <= MOST:
                raise ValueError(f"{name}: expected {LEAST} to {MOST} pixels, found {pixels!r}")
        self.scene, self.height, self.width = scene, int(height), int(width)
        self._side = max(scene.shape)
        self._turned = [np.rot90(np.arange(self._side**2).reshape(self._side, self._side), turn) for turn in range(4)]
        self._place = np.stack([np.argsort(turned, axis=None) for turned in self._turned])
        self._textures = sorted({int(t) for t in np.unique(scene.walls)} - {0})
        fields = np.add.outer(*map(np.arange, scene.shape)) % 2
        self._grounds = sorted(
            {(int(t), bool(odd), False) for t, odd in zip(scene.floor.flat, fields.flat, strict=True)}
            | {(int(t), False, True) for t in scene.ceiling.flat if t}
        )
        picture = {ground: number for number, ground in enumerate(self._grounds, start=1)}
        below = [picture[int(t), bool(odd), False] for t, odd in zip(scene.floor.flat, fields.flat, strict=True)]
        above = [picture.get((int(t), False, True), 0) for t in scene.ceiling.flat]
        blocks = [pyramid("wall", texture, "") for texture in self._textures]
        doors = sorted({door.colour for door in scene.doors})
        blocks += [pyramid("door", 0, colour) for colour in doors]
        sprites = sorted({(sprite.kind, sprite.colour) for sprite in scene.sprites})
        blocks += [thing_points(*sprite) for sprite in sprites]
        size = SHADES * LEVEL_START[-1]
        self._points = np.concatenate(blocks) if blocks else np.zeros(1, dtype=np.uint32)
        self._block = np.zeros(DOOR, dtype=np.int32)
        self._block[self._textures] = size * np.arange(len(self._textures))
        first_door, first_sprite = len(self._textures), len(self._textures) + len(doors)
        self._tables = self._compile(
            np.reshape(below, scene.shape),
            np.reshape(above, scene.shape),
            np.array([size * (first_door + doors.index(door.colour)) for door in scene.doors], np.int32),
            np.array([size * (first_sprite + sprites.index(sprite[2:])) for sprite in scene.sprites], np.int32),
        )
        self._cameras: dict[bool, tuple[CameraTables, Looks]] = {}

    def _compile(
        self,
        below: NDArray[np.int64],
        above: NDArray[np.int64],
        door_block: NDArray[np.int32],
        sprite_block: NDArray[np.int32],
    ) -> SceneTables:
        """The scene as the drawing loop reads it."""
        scene, side = self.scene, self._side
        code = scene.walls.astype(np.int16)
        middle = np.full(scene.shape, -1, dtype=np.int16)
        leaf = np.zeros((4, len(scene.doors)), dtype=np.int32)
        for number, door in enumerate(scene.doors):
            place = door.row, door.column
            if door.orientation in _SIDE_OF_ORIENTATION:
                on = _SIDE_OF_ORIENTATION[door.orientation]
                code[(*place, on)] = code[(*_next(place, on), (on + 2) % 4)] = DOOR + 1 + number
            else:
                middle[place] = number
                leaf[:, number] = [(turn + (door.orientation == "I")) % 2 for turn in range(4)]
        for row, column in np.argwhere(middle >= 0):
            for on in range(4):
                if not scene.walls[row, column, on]:
                    entered = (*_next((row, column), on), (on + 2) % 4)
                    code[entered] = max(code[entered], DOOR)
        places = np.array([sprite[:2] for sprite in scene.sprites], dtype=np.int64).reshape(-1, 2)
        cells = self._place[:, places[:, 0] * side + places[:, 1]]
        return SceneTables(
            sides=np.stack([np.roll(self._turn(code, turn), -turn, axis=2).reshape(-1) for turn in range(4)]),
            middle=np.stack([self._turn(middle, turn).reshape(-1) for turn in range(4)]),
            floor=np.stack([self._turn(below, turn).reshape(-1) for turn in range(4)]).astype(np.int32),
            ceiling=np.stack([self._turn(above, turn).reshape(-1) for turn in range(4)]).astype(np.int32),
            place=np.stack([cells // side, cells % side], axis=2).astype(np.int32),
            leaf=leaf,
            door_block=door_block,
            sprite_block=sprite_block,
        )

    def _turn(self, array: NDArray[Any], turn: int) -> NDArray[Any]:
        """An array of cells, made square, and turned so that what an observer with this heading looks at is up."""
        rows, columns = array.shape[:2]
        beyond = [(0, self._side - rows), (0, self._side - columns), *[(0, 0)] * (array.ndim - 2)]
        return np.rot90(np.pad(array, beyond), turn)

    def _camera(self, eight: bool) -> tuple[CameraTables, Looks]:
        """The tables of rays, and of what things look like, for four directions or for eight."""
        if eight not in self._cameras:
            ways = (False, True) if eight else (False,)
            camera = _camera_tables(self.height, self.width, self._side, ways)
            above = sky(self.height, self.width)
            ground = np.stack(
                [
                    np.stack([above, *(floor(self.height, self.width, way, *ground) for ground in self._grounds)])
                    for way in ways
                ]
            )
            self._cameras[eight] = camera, Looks(ground, self._block, self._points, np.array(shade_depths()))
        return self._cameras[eight]

    def prepare(self, views: Viewpoints) -> tuple[Prepared, bool]:
        """Viewpoints as `draw_prepared` takes them, and whether they have eight directions.

        Raises:
            ValueError: for viewpoints outside the free cells of the scene, or masks of another number of things; for
                eight directions and an odd width.
        """
        check_kind("views", views, Viewpoints)
        views.check(self.scene)
        eight = views.directions == 8
        if eight and self.width % 2:
            raise ValueError(f"width: expected an even number of pixels with eight directions, found {self.width}")
        way = views.heading % 2 if eight else np.zeros_like(views.heading)
        turn = views.heading // 2 if eight else views.heading
        cell = self._place[turn, views.row * self._side + views.column]
        where = np.stack([way, turn, cell], axis=1).astype(np.int32)
        masks = [_words(views.mask(name, self.scene)) for name in ("sprites", "doors")]
        return Prepared(where, *masks), eight

    def draw(self, views: Viewpoints, kind: str = "rgb", out: NDArray[Any] | None = None) -> NDArray[Any]:
        """What is seen from each of n viewpoints.

        Args:
            views: n viewpoints in free cells of the scene.
            kind: "rgb", "depth" or "rgbd", as `Renderer` says.
            out: an array to draw into, of the right shape and type and in one piece; a new one when None.

        Returns:
            ``out``, or a new array.

        Raises:
            ValueError: for an unknown kind, an ``out`` that does not fit, and what `prepare` refuses.
        """
        if kind not in CHANNELS:
            raise ValueError(f"kind: unknown kind {kind!r}; {closest(kind, CHANNELS)}")
        prepared, eight = self.prepare(views)
        return self.draw_prepared(prepared, eight, kind, out)

    def shape(self, kind: str) -> tuple[int, ...]:
        """The shape of one picture of this kind."""
        return (self.height, self.width) if kind == "depth" else (self.height, self.width, CHANNELS[kind])

    def draw_prepared(
        self, prepared: Prepared, eight: bool, kind: str = "rgb", out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """The same as `draw`, of viewpoints that `prepare` has checked.

        Args:
            prepared: what `prepare` gave.
            eight: likewise.
            kind: see `draw`.
            out: see `draw`.

        Raises:
            ValueError: for an ``out`` that does not fit.
        """
        n = len(prepared.where)
        shape, dtype = (n, *self.shape(kind)), np.dtype(np.float32 if kind == "depth" else np.uint8)
        if out is None:
            out = np.empty(shape, dtype=dtype)
        elif out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous or not out.flags.writeable:
            raise ValueError(
                f"out: expected a writeable {dtype} array {shape} in one piece, found {out.dtype} {out.shape}"
            )
        blank = (0, self.height, self.width)
        rgb = np.empty((*blank, 3), dtype=np.uint8) if kind == "depth" else out
        depth = out if kind == "depth" else np.empty(blank, dtype=np.float32)
        camera, looks = self._camera(eight)
        draw(*prepared, self._tables, camera, looks, float(sum(self.scene.shape)), rgb, depth)
        return out


def _next(place: tuple[int, int], side: int) -> tuple[int, int]:
    return place[0] + STEPS[side][0], place[1] + STEPS[side][1]


def _words(mask: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """(n, words) bits of a mask (n, things), the first thing the lowest."""
    n, number = mask.shape
    words = max(1, -(-number // 64))
    bits = np.zeros((n, words * 64), dtype=bool)
    bits[:, :number] = mask
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64)


@lru_cache(maxsize=16)
def _camera_tables(height: int, width: int, side: int, ways: tuple[bool, ...]) -> CameraTables:
    found = [rays(height, width, side, way) for way in ways]
    crossing = []
    for ray in found:
        edge = (ray.east - ray.north * side) * 4 + ray.side
        fields = [np.broadcast_to(edge[:, :, None], ray.top.shape), ray.top, ray.texel, ray.start, ray.step]
        crossing.append(np.stack(fields, axis=3))
    return CameraTables(
        np.stack(crossing).astype(np.int32),
        np.stack([ray.depth for ray in found]),
        found[0].row_depth,
        np.stack([ray.across for ray in found]),
    )


def render_states(
    scene: Scene,
    states: Viewpoints,
    *,
    kind: str = "rgb",
    height: int = SIZE,
    width: int = SIZE,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """What an observer sees in each of n states, in one array.

    Args:
        scene: what there is to see.
        states: where the observer is in each state, and what is there.
        kind: "rgb" (n, H, W, 3) uint8, "depth" (n, H, W) float32 in cells, or "rgbd" (n, H, W, 4) uint8.
        height: H.
        width: W.
        out: an array to draw into; a new one when None.

    Raises:
        ValueError: as `Renderer`.

    Example:
        >>> from powerenvs.render.first_person import Scene, Viewpoints, render_states
        >>> scene = Scene.from_solid([[False, False]], sprites=[(0, 1, "apple")])
        >>> render_states(scene, Viewpoints([0] * 4, [0] * 4, range(4))).shape
        (4, 84, 84, 3)
    """
    return Renderer(scene, height, width).draw(states, kind, out)
