"""`Scene`: what stands where in a level, as a first-person observer sees it. NumPy only; nothing here draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from powerenvs.model.checks import as_list
from powerenvs.model.labels import closest

Made = TypeVar("Made")

NORTH, EAST, SOUTH, WEST = range(4)
SIDES = ("north", "east", "south", "west")
STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""(rows, columns) from a cell to its neighbour on each side."""

DEFAULT = 1
"""The texture where no variation is named; the variations A to Z are 2 to 27."""
NUM_TEXTURES = 27

KINDS = (
    "apple", "lemon", "strawberry", "fungi", "goal", "watermelon", "mango", "key", "cake", "box", "balloon", "ball",
    "hat", "car", "good", "bad", "teleporter", "pillar",
)  # fmt: skip
"""What sprites may be."""
COLOURS = ("red", "green", "blue", "black", "white", "yellow", "purple", "orange", "cyan", "pink", "brown", "grey")
"""What doors and the sprites of `COLOURED` may be; "" is the colour that they have anyway."""
COLOURED = ("key", "box", "balloon", "ball", "hat", "car", "pillar")


class Sprite(NamedTuple):
    """A thing in the middle of a cell, which looks the same from all sides.

    Attributes:
        row: of its cell.
        column: of its cell.
        kind: one of `KINDS`.
        colour: one of `COLOURS` for the kinds that come in colours, or "".

    Example:
        >>> Sprite(1, 2, "key", "red")
        Sprite(row=1, column=2, kind='key', colour='red')
    """

    row: int
    column: int
    kind: str
    colour: str = ""


class Door(NamedTuple):
    """A door: a thin leaf that is there while the door is closed, and is not while it is open.

    Attributes:
        row: of its cell.
        column: of its cell.
        orientation: "H" for a leaf across the middle of the cell that is crossed north-south, "I" for one crossed
            east-west; "N", "E", "S" or "W" for a leaf in the place of a wall on that side of the cell.
        colour: one of `COLOURS`, or "" for wood.

    Example:
        >>> Door(3, 4, "H").colour
        ''
    """

    row: int
    column: int
    orientation: str
    colour: str = ""


ORIENTATIONS = ("H", "I", "N", "E", "S", "W")


@dataclass(frozen=True, eq=False)
class Scene:
    """The parts of a level that do not move, and the places of those that come and go.

    Textures are numbers: 1 is the default, 2 to 27 are the variations A to Z.

    Attributes:
        walls: (rows, columns, 4) uint8, the texture on the north, east, south and west side of each cell, as seen from
            inside the cell; 0 is open. A side is open or closed from both cells alike. With full walls, a side is
            closed where exactly one of the two cells is solid; thin walls may stand between two cells that are not.
            Beyond the edge everything is solid.
        solid: (rows, columns) bool, cells that are wall throughout.
        floor: (rows, columns) uint8, the texture of each cell's floor.
        ceiling: (rows, columns) uint8, of its ceiling; 0 is the sky.
        sprites: things that may be there; `Viewpoints` say in which states they are.
        doors: doors, each open or closed in a state; at most one in the middle of a cell and on a side.

    Raises:
        ValueError: for arrays of other shapes or values, sides that are open from one cell only, and things and doors
            that are of no known kind, or not in a free cell.

    Example:
        >>> import numpy as np
        >>> scene = Scene.from_solid(np.array([[False, True, False], [False, False, False]]))
        >>> scene.walls[0, 0].tolist()
        [1, 1, 0, 1]
    """

    walls: NDArray[np.uint8]
    solid: NDArray[np.bool_]
    floor: NDArray[np.uint8]
    ceiling: NDArray[np.uint8]
    sprites: tuple[Sprite, ...] = ()
    doors: tuple[Door, ...] = ()

    def __post_init__(self) -> None:
        solid = _array("solid", self.solid, bool, None)
        if solid.ndim != 2 or solid.size == 0:
            raise ValueError(f"solid: expected a bool array (rows, columns), found shape {solid.shape}")
        shape = solid.shape
        walls = _array("walls", self.walls, np.uint8, (*shape, 4))
        floor = _array("floor", self.floor, np.uint8, shape, DEFAULT)
        ceiling = _array("ceiling", self.ceiling, np.uint8, shape)
        _check_sides(walls > 0, solid)
        for name, array in (("walls", walls), ("solid", solid), ("floor", floor), ("ceiling", ceiling)):
            object.__setattr__(self, name, array)
        object.__setattr__(
            self,
            "sprites",
            tuple(_sprite(sprite, solid) for sprite in as_list("sprites", self.sprites, "a list of them")),
        )
        object.__setattr__(
            self, "doors", tuple(_door(door, solid, walls) for door in as_list("doors", self.doors, "a list of them"))
        )

        places = [_leaf(door) for door in self.doors]
        for place in places:
            if places.count(place) > 1:
                raise ValueError(f"doors: expected one door in a place, found {places.count(place)} at {place[:2]}")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.solid.shape  # type: ignore[return-value]

    @classmethod
    def from_solid(
        cls,
        solid: ArrayLike,
        *,
        variations: ArrayLike | None = None,
        ceiling: ArrayLike | None = None,
        sprites: Iterable[Sequence[Any]] = (),
        doors: Iterable[Sequence[Any]] = (),
    ) -> Scene:
        """A scene with full walls: a face between two adjacent cells of which exactly one is solid.

        Args:
            solid: (rows, columns) bool.
            variations: (rows, columns) integers, 0 for the default and 1 to 26 for A to Z: what the floor of a free
                cell and the walls around it look like. All 0 when None.
            ceiling: (rows, columns) textures; the sky when None.
            sprites: see `Scene`.
            doors: see `Scene`.

        Raises:
            ValueError: as `Scene`.

        Example:
            >>> Scene.from_solid([[True, False]]).walls.tolist()
            [[[0, 1, 0, 0], [1, 1, 1, 1]]]
        """
        grid = _array("solid", solid, bool, None)
        if grid.ndim != 2:
            raise ValueError(f"solid: expected a bool array (rows, columns), found shape {grid.shape}")
        beyond = np.pad(grid, 1, constant_values=True)
        closed = np.stack([beyond[1 + r : 1 + r + len(grid), 1 + c : 1 + c + grid.shape[1]] for r, c in STEPS], axis=2)
        return cls._dressed(closed != grid[:, :, None], grid, variations, ceiling, sprites, doors)

    @classmethod
    def from_edges(
        cls,
        north: ArrayLike,
        west: ArrayLike,
        *,
        variations: ArrayLike | None = None,
        ceiling: ArrayLike | None = None,
        sprites: Iterable[Sequence[Any]] = (),
        doors: Iterable[Sequence[Any]] = (),
    ) -> Scene:
        """A scene with thin walls between cells.

        Args:
            north: (rows + 1, columns) bool, whether there is a wall on the north side of each cell; its last row has
                the walls in the south.
            west: (rows, columns + 1) bool, the same for the west side; its last column has the walls in the east.
            variations: see `from_solid`.
            ceiling: see `from_solid`.
            sprites: see `Scene`.
            doors: see `Scene`.

        Raises:
            ValueError: as `Scene`.

        Example:
            >>> Scene.from_edges([[True, True], [True, True]], [[True, False, True]]).walls.tolist()
            [[[1, 0, 1, 1], [1, 1, 1, 0]]]
        """
        across = _array("north", north, bool, None)
        along = _array("west", west, bool, None)
        if across.ndim != 2 or along.shape != (len(across) - 1, across.shape[1] + 1):
            raise ValueError(
                "north, west: expected bool arrays (rows + 1, columns) and (rows, columns + 1), found shapes "
                f"{across.shape} and {along.shape}"
            )
        closed = np.stack([across[:-1], along[:, 1:], across[1:], along[:, :-1]], axis=2)
        solid = np.zeros(closed.shape[:2], dtype=bool)
        return cls._dressed(closed, solid, variations, ceiling, sprites, doors)

    @classmethod
    def _dressed(
        cls,
        closed: NDArray[np.bool_],
        solid: NDArray[np.bool_],
        variations: ArrayLike | None,
        ceiling: ArrayLike | None,
        sprites: Iterable[Sequence[Any]],
        doors: Iterable[Sequence[Any]],
    ) -> Scene:
        """The scene with closed sides (rows, columns, 4) where each free cell has the look of its variation."""
        given = np.zeros(solid.shape, dtype=np.int64) if variations is None else np.asarray(variations)
        if given.shape != solid.shape or given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= NUM_TEXTURES:
            raise ValueError(
                f"variations: expected whole numbers from 0 to {NUM_TEXTURES - 1} of shape {solid.shape}, found "
                f"{given.dtype} {given.shape} from {given.min()} to {given.max()}"
            )
        textures = (given + DEFAULT).astype(np.uint8)
        walls = np.where(closed, textures[:, :, None], 0).astype(np.uint8)
        above = np.zeros(solid.shape, dtype=np.uint8) if ceiling is None else ceiling
        return cls(walls, solid, textures, above, sprites, doors)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Viewpoints:
    """Where the observer of a scene stands in each of n states, where it looks, and what is there.

    Attributes:
        row: (n,) of the observer's cell.
        column: (n,) of the observer's cell. The eye is in the middle of the cell, halfway between floor and ceiling.
        heading: (n,) clockwise from north: 0 north, 1 east, 2 south, 3 west, or with eight directions 1 north-east and
            so on.
        sprites: which of the scene's sprites are there: (n, number of sprites) bool, or (n,) uint64 with a bit for
            each, the first the lowest. All of them when None.
        doors: in the same forms, which of its doors are open. None of them when None.
        directions: 4 or 8.

    Raises:
        ValueError: for arrays of different lengths, and numbers out of range.

    Example:
        >>> views = Viewpoints([1, 1], [1, 1], [0, 3])
        >>> len(views), views.sprites is None
        (2, True)
    """

    row: NDArray[np.int32]
    column: NDArray[np.int32]
    heading: NDArray[np.int32]
    sprites: NDArray[Any] | None = None
    doors: NDArray[Any] | None = None
    directions: int = 4

    def __post_init__(self) -> None:
        if self.directions not in (4, 8):
            raise ValueError(f"directions: expected 4 or 8, found {self.directions!r}")
        n = np.size(self.row)
        for name in ("row", "column", "heading"):
            given = np.asarray(getattr(self, name))
            if (given.shape != (n,) or given.dtype.kind not in "iu") and (n or given.shape != (0,)):
                raise ValueError(f"{name}: expected whole numbers ({n},), found {given.dtype} {given.shape}")
            object.__setattr__(self, name, given.astype(np.int32))
        if n and not (self.heading.min() >= 0 and self.heading.max() < self.directions):
            raise ValueError(
                f"heading: expected 0 to {self.directions - 1}, found {self.heading.min()} to {self.heading.max()}"
            )
        for name in ("sprites", "doors"):
            mask = getattr(self, name)
            if mask is None:
                continue
            mask = np.asarray(mask)
            if not (mask.dtype == bool and mask.ndim == 2 and len(mask) == n) and not (
                mask.dtype == np.uint64 and mask.shape == (n,)
            ):
                raise ValueError(
                    f"{name}: expected bool ({n}, number of {name}) or uint64 ({n},), found {mask.dtype} {mask.shape}"
                )
            object.__setattr__(self, name, mask)

    def __len__(self) -> int:
        return len(self.row)

    def part(self, index: Any) -> Viewpoints:
        """Those of some states, by an array of their numbers, a mask or a slice.

        Example:
            >>> Viewpoints([0, 1], [0, 0], [1, 2]).part([1]).row.tolist()
            [1]
        """
        sprites, doors = (None if mask is None else mask[index] for mask in (self.sprites, self.doors))
        row, column, heading = (array[index] for array in (self.row, self.column, self.heading))
        return Viewpoints(row, column, heading, sprites, doors, self.directions)

    def mask(self, name: str, scene: Scene) -> NDArray[np.bool_]:
        """(n, number of things) bool: "sprites" that are there, or "doors" that are open.

        Raises:
            ValueError: if the scene has another number of them.

        Example:
            >>> scene = Scene.from_solid([[False, False]], sprites=[(0, 1, "apple")])
            >>> Viewpoints([0], [0], [1]).mask("sprites", scene)
            array([[ True]])
        """
        given, number = getattr(self, name), len(getattr(scene, name))
        if given is None:
            return np.full((len(self), number), name == "sprites")
        if given.dtype == bool:
            if given.shape[1] != number:
                raise ValueError(f"{name}: expected a column for each of {number}, found {given.shape[1]}")
            return given
        if number > 64 or (given >> np.uint64(number) if number < 64 else np.zeros(1)).any():
            raise ValueError(f"{name}: expected bits of {number} {name} (64 at most), found a bit beyond them")
        return (given[:, None] >> np.arange(number, dtype=np.uint64) & np.uint64(1)).astype(bool)

    def check(self, scene: Scene) -> None:
        """Refuses viewpoints that are not in a free cell of a scene.

        Raises:
            ValueError: for a cell off the scene, or a solid one.

        Example:
            >>> Viewpoints([0], [2], [1]).check(Scene.from_solid([[False, False]]))
            Traceback (most recent call last):
            ...
            ValueError: row, column: expected free cells of a scene of 1 rows and 2 columns, found (0, 2)
        """
        rows, columns = scene.shape
        inside = (self.row >= 0) & (self.row < rows) & (self.column >= 0) & (self.column < columns)
        free = inside.copy()
        free[inside] = ~scene.solid[self.row[inside], self.column[inside]]
        if not free.all():
            i = int(np.flatnonzero(~free)[0])
            raise ValueError(
                f"row, column: expected free cells of a scene of {rows} rows and {columns} columns, found "
                f"{(int(self.row[i]), int(self.column[i]))}"
            )


def check_kind(name: str, value: Any, kind: type) -> None:
    """Refuses what is not of a class.

    Raises:
        ValueError: naming the argument.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{name}: expected a {kind.__name__}, found {value!r}")


def _array(name: str, given: Any, kind: Any, shape: tuple[int, ...] | None, least: int = 0) -> NDArray[Any]:
    """A read-only copy of an array; integers that fit are taken for textures, nothing but bools for bools."""
    array = np.asarray(given)
    fits = array.dtype == bool if kind is bool else array.dtype.kind in "iu"
    if not fits or (shape is not None and array.shape != shape):
        raise ValueError(
            f"{name}: expected {np.dtype(kind)} {'' if shape is None else shape}, found {array.dtype} {array.shape}"
        )
    if kind is not bool and array.size and not (array.min() >= least and array.max() <= NUM_TEXTURES):
        raise ValueError(
            f"{name}: expected textures from {least} to {NUM_TEXTURES}, found {array.min()} to {array.max()}"
        )
    array = array.astype(kind, copy=True, order="C")
    array.flags.writeable = False
    return array


def _check_sides(closed: NDArray[np.bool_], solid: NDArray[np.bool_]) -> None:
    """Refuses sides that one of their cells has open and the other closed, or that solid cells do not have."""
    beyond_solid = np.pad(solid, 1, constant_values=True)
    rows, columns = solid.shape
    for side, (r, c) in enumerate(STEPS):
        other_solid = beyond_solid[1 + r : 1 + r + rows, 1 + c : 1 + c + columns]
        wrong = (solid & other_solid & closed[:, :, side]) | ((solid != other_solid) & ~closed[:, :, side])
        if side in (EAST, SOUTH):
            here = closed[: rows - r, : columns - c, side]
            there = closed[r:, c:, (side + 2) % 4]
            wrong[: rows - r, : columns - c] |= here != there
        if wrong.any():
            row, column = (int(i[0]) for i in np.nonzero(wrong))
            raise ValueError(
                f"walls: expected the {SIDES[side]} side of {(row, column)} open or closed from both cells alike, "
                "closed between a solid and a free cell, and open between two solid ones"
            )


def _made(name: str, kind: Callable[..., Made], given: Any) -> Made:
    try:
        return kind(*given)
    except TypeError:
        expected = "(row, column, kind, colour)" if name == "sprites" else "(row, column, orientation, colour)"
        raise ValueError(f"{name}: expected each as {expected}, colours being optional, found {given!r}") from None


def _place(name: str, row: Any, column: Any, solid: NDArray[np.bool_]) -> tuple[int, int]:
    rows, columns = solid.shape
    whole = all(isinstance(part, (int, np.integer)) and not isinstance(part, bool) for part in (row, column))
    if not whole or not (0 <= row < rows and 0 <= column < columns) or solid[row, column]:
        raise ValueError(f"{name}: expected a free cell of {rows} rows and {columns} columns, found {(row, column)}")
    return int(row), int(column)


def _sprite(given: Sequence[Any], solid: NDArray[np.bool_]) -> Sprite:
    sprite = _made("sprites", Sprite, given)
    if sprite.kind not in KINDS:
        raise ValueError(f"sprites: unknown kind {sprite.kind!r}; {closest(sprite.kind, KINDS)}")
    known = ("", *COLOURS) if sprite.kind in COLOURED else ("",)
    if sprite.colour not in known:
        raise ValueError(f"sprites: unknown colour {sprite.colour!r} of {sprite.kind}; {closest(sprite.colour, known)}")
    row, column = _place("sprites", sprite.row, sprite.column, solid)
    return sprite._replace(row=row, column=column)


def _leaf(door: Door) -> tuple[int, int, str]:
    """Where a leaf is: (row, column, "middle", or "N" or "W" of the cell whose side it is on)."""
    if door.orientation in "HI":
        return door.row, door.column, "middle"
    if door.orientation in "NW":
        return door.row, door.column, door.orientation
    return (door.row + 1, door.column, "N") if door.orientation == "S" else (door.row, door.column + 1, "W")


def _door(given: Sequence[Any], solid: NDArray[np.bool_], walls: NDArray[np.uint8]) -> Door:
    door = _made("doors", Door, given)
    if door.orientation not in ORIENTATIONS:
        raise ValueError(f"doors: unknown orientation {door.orientation!r}; {closest(door.orientation, ORIENTATIONS)}")
    if door.colour not in ("", *COLOURS):
        raise ValueError(f"doors: unknown colour {door.colour!r}; {closest(door.colour, COLOURS)}")
    row, column = _place("doors", door.row, door.column, solid)
    if door.orientation in "NESW" and walls[row, column, "NESW".index(door.orientation)]:
        raise ValueError(f"doors: expected an open side for the leaf, found a wall on that of {door}")
    return door._replace(row=row, column=column)
