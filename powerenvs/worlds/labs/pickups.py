"""What things in labs are worth."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from powerenvs.model.checks import real
from powerenvs.model.labels import closest
from powerenvs.worlds.labs.text import DOORS, SPAWN

REWARDS = {
    "apple_reward": 1.0,
    "lemon_reward": -1.0,
    "strawberry_reward": 2.0,
    "fungi_reward": -10.0,
    "goal": 10.0,
    "watermelon_goal": 20.0,
    "mango_goal": 100.0,
}
"""DeepMind Lab's pickups; those called goals end the episode."""


class Pickup(NamedTuple):
    """What stands in a cell.

    Attributes:
        meaning: what legends call it.
        reward: for walking onto it.
        ends: whether that ends the episode.
        sprite: what it looks like.
    """

    meaning: str
    reward: float
    ends: bool
    sprite: str


def pickup_of(glyph: str, kind: Any) -> Pickup:
    """What a letter stands for.

    Args:
        glyph: the letter.
        kind: a name of `REWARDS`, or a reward.

    Raises:
        ValueError: for an unknown name, a reward that is no number, and a letter that has another meaning.
    """
    reserved = {"*": "a wall", " ": "floor", ".": "floor", SPAWN: "a spawn", **dict.fromkeys(DOORS, "a door")}
    letter = isinstance(glyph, str) and len(glyph) == 1 and glyph.isascii() and glyph.isprintable()
    if not letter or glyph in reserved or glyph in "^>v<#":
        what = reserved.get(glyph, "none") if isinstance(glyph, str) else "none"
        raise ValueError(f"pickups: expected letters that have no meaning yet, found {glyph!r}, which is {what}")
    if isinstance(kind, str) and kind in REWARDS:
        name = kind.partition("_")[0]
        return Pickup(name, REWARDS[kind], "goal" in kind, name)
    if isinstance(kind, str) or not math.isfinite(real(kind)):
        hint = closest(kind, REWARDS) if isinstance(kind, str) else ""
        raise ValueError(f"pickups: expected a name or a reward for {glyph!r}, found {kind!r}; {hint}")
    reward = float(kind)
    good = "good" if reward > 0 else "bad" if reward < 0 else "ball"
    return Pickup(f"pickup worth {reward:g}", reward, False, good)
