"""What agents can do in labs: sets of actions, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

HEADINGS = ("north", "east", "south", "west")
EIGHT = ("north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest")
COMPASS: Mapping[int, tuple[str, ...]] = {4: HEADINGS, 8: EIGHT}
"""The headings of agents that look in so many directions, clockwise."""


class Motion(NamedTuple):
    """One action.

    Attributes:
        step: None to stay, or where to go: 0 ahead, 1 right, 2 back, 3 left.
        turn: turns to the right, to the next heading, after the step.
        compass: whether directions are those of the map (0 north), and the agent first turns to where it goes.
    """

    step: int | None = None
    turn: int = 0
    compass: bool = False


GRID: Mapping[str, Motion] = {
    "turn_left": Motion(turn=-1),
    "turn_right": Motion(turn=1),
    "forward": Motion(0),
}
STRAFE: Mapping[str, Motion] = {
    "backward": Motion(2),
    "strafe_left": Motion(3),
    "strafe_right": Motion(1),
}
IMPALA: Mapping[str, Motion] = {
    "forward": Motion(0),
    "backward": Motion(2),
    "strafe_left": Motion(3),
    "strafe_right": Motion(1),
    "turn_left": Motion(turn=-1),
    "turn_right": Motion(turn=1),
    "forward_turn_left": Motion(0, turn=-1),
    "forward_turn_right": Motion(0, turn=1),
    "fire": Motion(),
}
"""Espeholt et al., arXiv 1802.01561, table D.2. A step there is four frames; here it is a cell, or a quarter turn."""
ALLO: Mapping[str, Motion] = {
    "up": Motion(0, compass=True),
    "down": Motion(2, compass=True),
    "left": Motion(3, compass=True),
    "right": Motion(1, compass=True),
}
SETS: Mapping[str, Mapping[str, Motion]] = {"grid": GRID, "impala9": IMPALA, "allo": ALLO}


def motions(actions: str, strafe: bool, directions: int = 4) -> dict[str, Motion]:
    """The actions of a set by name.

    Raises:
        ValueError: for an unknown set, for ``strafe`` with a set that has its own way to step aside, and for a number
            of directions that there is not, or that a set cannot turn to.
    """
    if directions not in COMPASS:
        raise ValueError(f"directions: expected 4 or 8, found {directions!r}")
    if not isinstance(actions, str) or actions not in SETS:
        raise ValueError(f"actions: expected one of {', '.join(map(repr, SETS))}, found {actions!r}")
    if strafe and actions != "grid":
        raise ValueError(f"strafe: expected False with actions={actions!r}, whose steps to all sides are its own")
    if directions == 8 and actions == "allo":
        raise ValueError("directions: expected 4 with actions='allo', which goes to the sides of the map, found 8")
    return {**SETS[actions], **(STRAFE if strafe else {})}


def moved(motion: Motion, heading: int, directions: int = 4) -> tuple[int | None, int]:
    """The side that an action goes to, or None, and the heading after it, from the heading before.

    All are numbers of `COMPASS`: steps go by quarters of a turn, turns to the next heading.
    """
    if motion.step is None:
        return None, (heading + motion.turn) % directions
    if motion.compass:
        return motion.step, motion.step
    return (heading + motion.step * directions // 4) % directions, (heading + motion.turn) % directions
