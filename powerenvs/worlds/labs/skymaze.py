"""Skymaze: platforms of different heights, from which one can only go down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from powerenvs.authoring.level import Cell
from powerenvs.authoring.world import Outcome
from powerenvs.model.labels import is_integer
from powerenvs.render.first_person.scene import Sprite
from powerenvs.worlds.labs.lab_world import LabWorld
from powerenvs.worlds.labs.text import SIDES

GOAL = "G"
HIGHEST, LOWEST, DROP = 40, 15, 0.3
"""The heights of the letters, "a" and "z"; and how likely a step of a generated level is to go down."""
PLATFORMS = """
*******
*P    *
* * * *
*  *  *
* * * *
*   *G*
*******
"""
HEIGHTS = """
.......
.99887.
.8.7.7.
.78.56.
.6.5.6.
.554.5.
.......
"""


class Perch(NamedTuple):
    """Where the agent is, and what it faces."""

    agent: Cell
    heading: str


class Skymaze(LabWorld[Perch]):
    """Platforms in the sky: each step goes on at the same height or down, and what is higher is out of reach for good.

    Description:
        The agent can walk onto a platform that is as high as its own or lower, and on no other; there is no jumping and
        no falling off. Many ways lead too far down to where the goal can no longer be reached.

    Level map:
        '*' the void, 'P' where episodes may start, 'G' goal, ' ' or '.' a platform. Heights are a second layer: a digit
        or a letter for each platform.

    Action space:
        As in `Lab`: ``actions``, ``strafe``.

    Observation space:
        The board shows where the agent is, but no heights: they are the same in every episode. First-person views show
        the void as wall and heights by the look of the floor.

    Rewards:
        100 on the goal.

    Episode end:
        On the goal; or after the time limit, which is not part of the tables.

    Arguments:
        level: text.
        heights: text of the same size, with a digit in each free cell; or with letters, "a" for 40, "b" for 39, and so
            on, as in DeepMind Lab.
        size: of a level that is generated, instead: lines and columns of platforms, from 2 to 30. Ways branch as in a
            maze without loops; each step goes down with probability 0.3, by 1 or 2, and the goal is at one of the ends.
        seed: of generated levels.
        actions: as in `Lab`.
        strafe: as in `Lab`.
        heading: as in `Lab`.

    Reference:
        Beattie et al., "DeepMind Lab", arXiv 1612.03801: skymaze_irreversible_path of DMLab-30, where drops
        are as likely and as deep. The layouts are ours.

    Raises:
        ValueError: for a malformed level, and a platform without a height (with line and column).
    """

    def __init__(
        self,
        level: str | Sequence[str] = PLATFORMS,
        heights: str | Sequence[str] = HEIGHTS,
        actions: str = "grid",
        strafe: bool = False,
        heading: str | None = None,
        size: int | None = None,
        seed: int = 0,
    ):
        if size is not None:
            level, heights = generated(size, seed)
        rows = [row for row in (heights.splitlines() if isinstance(heights, str) else heights) if row]
        looks = ["".join(_look(glyph) for glyph in row) for row in rows]
        super().__init__(level, {GOAL: "goal"}, actions, strafe, heading, variations=looks, walls="full")
        for cell in self.text.cells:
            if not self.text.variations[cell]:
                raise ValueError(
                    f"heights: expected a digit or a letter in line {cell[0] + 1}, column {cell[1] + 1}, found none"
                )
        self.heights = np.full(self.text.shape, -1)
        for r, c in self.text.cells:
            self.heights[r, c] = int(rows[r][c]) if rows[r][c].isdigit() else HIGHEST - ord(rows[r][c]) + ord("a")

    def initial(self) -> list[tuple[float, Perch]]:
        """On a spawn."""
        return [(p, Perch(cell, heading)) for p, cell, heading in self.started(self.spawns())]

    def terminal(self, state: Perch) -> bool:
        """On the goal."""
        return str(self.text.glyphs[state.agent]) == GOAL

    def step(self, state: Perch, action: str) -> list[Outcome]:
        """A step, unless it goes up."""
        agent, heading = self.go(state.agent, state.heading, action)
        if self.heights[agent] > self.heights[state.agent]:
            agent = state.agent
        after = Perch(agent, heading)
        return [Outcome(1.0, after, 100.0 * self.terminal(after))]

    def sprites(self) -> list[Sprite]:
        """The goals."""
        return [Sprite(*cell, "goal") for cell in self.text.places(GOAL)]

    def present(self, state: Any) -> list[bool]:
        """All of them."""
        return [True] * len(self.text.places(GOAL))


def generated(size: int, seed: int) -> tuple[list[str], list[str]]:
    """A level and its heights: a random tree of platforms that starts in the corner.

    Raises:
        ValueError: for a size or a seed that is out of range.
    """
    for name, value, least, most in (("size", size, 2, 30), ("seed", seed, 0, 2**31 - 1)):
        if not is_integer(value) or not least <= int(value) <= most:
            raise ValueError(f"{name}: expected a whole number from {least} to {most}, found {value!r}")
    rng = np.random.default_rng(int(seed))
    start, ends = (1, 1), []
    heights = {start: HIGHEST}
    path = [start]

    def lower(height: int) -> int:
        return max(LOWEST, height - int(rng.integers(1, 3))) if rng.random() < DROP else height

    grown = False
    while path:  # depth first: on from the last platform, or back if it has no way on
        r, c = path[-1]
        onwards = [(r + 2 * dr, c + 2 * dc, dr, dc) for dr, dc in SIDES]
        free = [way for way in onwards if min(way[:2]) > 0 and max(way[:2]) < 2 * size and way[:2] not in heights]
        if not free:
            ends += [path[-1]] * grown
            grown = False
            path.pop()
            continue
        row, column, dr, dc = free[int(rng.integers(len(free)))]
        heights[r + dr, c + dc] = heights[row, column] = lower(heights[r, c])
        path.append((row, column))
        grown = True
    goal = ends[int(rng.integers(len(ends)))]
    cells = [[(r, c) for c in range(2 * size + 1)] for r in range(2 * size + 1)]
    marks = {start: "P", goal: GOAL}
    level = ["".join(marks.get(cell, " ") if cell in heights else "*" for cell in row) for row in cells]
    letters = {cell: chr(ord("a") + HIGHEST - height) for cell, height in heights.items()}
    return level, ["".join(letters.get(cell, ".") for cell in row) for row in cells]


def _look(glyph: str) -> str:
    """The variation of a height: 'A' for 0 or for "a", and so on; '.' for what is no height."""
    if glyph in "0123456789":
        return chr(ord("A") + int(glyph))
    return glyph.upper() if glyph.isascii() and glyph.islower() else "."
