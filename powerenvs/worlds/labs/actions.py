"""What agents can do in labs: sets of actions, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

HEADINGS = ("north", "east", "south", "west")


class Motion(NamedTuple):
    """One action.

    Attributes:
        step: None to stay, or where to go: 0 ahead, 1 right, 2 back, 3 left.
        turn: quarter turns to the right, after the step.
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


def motions(actions: str, strafe: bool) -> dict[str, Motion]:
    """The actions of a set by name.

    Raises:
        ValueError: for an unknown set, and for ``strafe`` with a set that has its own way to step aside.
    """
    if not isinstance(actions, str) or actions not in SETS:
        raise ValueError(f"actions: expected one of {', '.join(map(repr, SETS))}, found {actions!r}")
    if strafe and actions != "grid":
        raise ValueError(f"strafe: expected False with actions={actions!r}, whose steps to all sides are its own")
    return {**SETS[actions], **(STRAFE if strafe else {})}


def moved(motion: Motion, heading: int) -> tuple[int | None, int]:
    """The side of the map that an action goes to, or None, and the heading after it, from the heading before."""
    if motion.step is None:
        return None, (heading + motion.turn) % 4
    if motion.compass:
        return motion.step, motion.step
    return (heading + motion.step) % 4, (heading + motion.turn) % 4
