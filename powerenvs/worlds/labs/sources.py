"""Where the text of a level comes from: a shipped one, DeepMind's maze generator, or the author."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from powerenvs.extras import install_line
from powerenvs.model.labels import closest, is_integer
from powerenvs.worlds.labs.levels import LEVELS
from powerenvs.worlds.labs.shipped import Shipped
from powerenvs.worlds.labs.text import LabText

_ROOMS = {"height": 11, "width": 11, "max_rooms": 4, "spawns_per_room": 5, "objects_per_room": 4, "max_variations": 1}
GENERATORS: Mapping[str, Mapping[str, Any]] = {
    "explore_goal_locations_small": _ROOMS,
    "explore_goal_locations_large": {
        **_ROOMS,
        **{"height": 17, "width": 17, "max_rooms": 9, "room_max_size": 3, "objects_per_room": 5},
    },
    "explore_obstructed_goals_small": {**_ROOMS, "has_doors": True},
    "explore_object_rewards": {
        **{"height": 13, "width": 13, "max_rooms": 1, "room_min_size": 11, "room_max_size": 11, "spawns_per_room": 1},
        **{"objects_per_room": 8, "object_token": "O", "max_variations": 1},
    },
}
"""The settings with which DeepMind Lab's levels of these names call the maze generator."""
SETTINGS = (
    *("height", "width", "max_rooms", "room_min_size", "room_max_size", "retry_count", "extra_connection_probability"),
    *("max_variations", "has_doors", "simplify", "spawns_per_room", "spawn_token", "objects_per_room", "object_token"),
)
"""What the generator can be told besides its seed."""

Source = str | Sequence[str] | Mapping[str, Any]
"""The name of a level, text, lines, or settings of the generator."""


def usual(level: Source) -> Shipped:
    """What is usual on a level: what its name stands for, or nothing in particular."""
    named = isinstance(level, str) and level in LEVELS
    return LEVELS[level] if named else Shipped("")  # type: ignore[index]


def level_text(
    level: Source,
    variations: str | Sequence[str] | None,
    walls: str | None,
    seed: int,
    glyphs: Collection[str],
) -> LabText:
    """The level that is meant.

    Args:
        level: the name of a shipped level; or of one of `GENERATORS`, which with seed 0 is shipped; or text or lines,
            see `LabText`; or {setting: value} of the generator, see `SETTINGS`.
        variations: the variations layer of a text.
        walls: "full" or "thin"; None for what is usual on the level, "full" for text.
        seed: of the generator.
        glyphs: as of `LabText.parse`.

    Raises:
        ValueError: for an unknown name or setting, variations of a level that has its own, and text that is no level.
        ImportError: where a level has to be generated and ``labmaze`` is not installed; it says what installs it.
    """
    if not is_integer(seed) or not 0 <= int(seed) < 2**31:
        raise ValueError(f"seed: expected a whole number from 0 to 2**31 - 1, found {seed!r}")
    named = isinstance(level, str) and re.fullmatch(r"\w*", level) and not level.isupper()  # "PAG" is a corridor
    own = not isinstance(level, Mapping) and not named
    if variations is not None and not own:
        raise ValueError(f"variations: expected None for a level that has its own, found {variations!r}")
    if own:
        return LabText.parse(level, variations, walls or "full", "level", glyphs)  # type: ignore[arg-type]
    if isinstance(level, Mapping):
        return _parsed(generated(level, seed), walls, "generated level", glyphs)
    if level in GENERATORS and seed:
        return _parsed(generated(GENERATORS[level], seed), walls, f"{level} of seed {seed}", glyphs)  # type: ignore[index]
    if level not in LEVELS:
        raise ValueError(f"level: no shipped level is called {level!r}; {closest(level, LEVELS)}")
    return _parsed(LEVELS[level], walls, str(level), glyphs)  # type: ignore[index]


def _parsed(shipped: Shipped, walls: str | None, name: str, glyphs: Collection[str]) -> LabText:
    return LabText.parse(shipped.text, shipped.variations or None, walls or shipped.walls, name, glyphs)


def generated(settings: Mapping[str, Any], seed: int) -> Shipped:
    """A level of DeepMind's maze generator.

    Args:
        settings: see `SETTINGS`.
        seed: the same settings and seed give the same level.

    Raises:
        ValueError: for unknown settings, and what the generator refuses.
        ImportError: if ``labmaze`` is not installed.
    """
    for name in settings:
        if name not in SETTINGS:
            raise ValueError(f"level: the generator has no setting {name!r}; {closest(name, SETTINGS)}")
    try:
        import labmaze
    except ImportError:
        shipped = ", ".join(GENERATORS)
        raise ImportError(
            f"level: to generate levels takes labmaze: {install_line('labs')}. Shipped are {shipped}, with seed=0"
        ) from None
    try:
        maze = labmaze.RandomMaze(**settings, random_seed=int(seed))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"level: the generator refuses {dict(settings)}: {error}") from None
    return Shipped(str(maze.entity_layer), str(maze.variations_layer))
