"""PowerGrid: movement on a grid, the world that POWER was first measured on."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from powerenvs.authoring.level import START, Level
from powerenvs.authoring.moves import DIRECTIONS, movement_rows, neighbours, noise_distribution
from powerenvs.authoring.world import TableWorld
from powerenvs.model.checks import real
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import check_range, compress, frozen
from powerenvs.worlds.power.levels import LEVELS

Cell = tuple[int, int]
GOAL = "G"
AGENT = "A"


class PowerGrid(TableWorld[Cell]):
    """A movement gridworld: stay, up, down, left, right.

    Description:
        The agent moves between free cells. There is nothing to pick up and nothing to break, so the POWER
        of a cell measures what matters on a map: how many places are near. The layouts of POWERplay's
        published experiments are among the levels.

    Level map:
        '#' wall, '.' floor, 'S' start, 'G' goal. Several starts share the start probability evenly; in a
        level without one, episodes start in any free cell that is no goal. A goal ends the episode.

    Action space:
        Discrete(5): 0 stay, 1 up, 2 down, 3 left, 4 right.

    Rewards:
        A transition pays the reward of the cell it leads to. By default 1 for a goal and 0 elsewhere.

    Episode end:
        In a goal; or after the time limit, which is not part of the tables.

    Arguments:
        level: the name of a shipped level (see `powerenvs.worlds.power.levels`) or its text.
        noise: probability, in [0, 1], that is spread over all open directions instead of the chosen one.
        noise_bias: {direction: share of the noise}; see `powerenvs.authoring.moves.noise_distribution`.
        walls: "bump": a move into a wall exists and is the same as *stay*; "absent": it does not exist
            (POWERplay's convention). POWER is the same under both.
        reward: {cell: reward}, with cells as (row, column) or "(row, column)"; or one number for each free
            cell in reading order; or None for the default.

    Reference:
        Turner et al., "Optimal Policies Tend to Seek Power", arXiv 1912.01683; the POWERplay experiments.

    Raises:
        ValueError: for an unknown or malformed level, noise out of range, an unknown wall convention, or
            rewards for cells that are not free.
    """

    actions = tuple(DIRECTIONS)
    legend: ClassVar[Mapping[str, str]] = {".": "floor", START: "start", GOAL: "goal", AGENT: "agent"}

    def __init__(
        self,
        level: str | Sequence[str] = "four_rooms",
        noise: float = 0.0,
        noise_bias: Mapping[str, float] | None = None,
        walls: str = "bump",
        reward: Mapping[Hashable, float] | ArrayLike | None = None,
    ):
        self.level: Level = shipped_or_text(level)
        if not isinstance(walls, str) or walls not in ("bump", "absent"):
            raise ValueError(f"walls: expected 'bump' or 'absent', found {walls!r}")
        self._targets = neighbours(self.level)
        self._spread = noise_distribution(self._targets, noise, noise_bias)
        self.noise, self.walls = float(noise), walls
        self._goal = self.level.glyphs[tuple(self.level.cells.T)] == GOAL
        if self._goal.all():
            raise ValueError(f"level: expected a cell to start in, found only goals {GOAL!r} in {self.level.name}")
        self._reward = self._cell_rewards(reward)

    def _cell_rewards(self, reward: Any) -> NDArray[np.float64]:
        """(n,) the reward of arriving in each free cell."""
        values = self._goal.astype(np.float64)
        if isinstance(reward, Mapping):
            cells = self._labels()
            names: dict[Hashable, int] = {}
            for i, cell in enumerate(cells):
                names[cell] = names[str(cell)] = i
            values = np.zeros(len(cells))
            for name, amount in reward.items():
                if name not in names:
                    raise ValueError(
                        f"reward: {name!r} is not a free cell of {self.level.name}; {closest(name, cells)}"
                    )
                if math.isnan(real(amount)):
                    raise ValueError(f"reward: expected a number for {name!r}, found {amount!r}")
                values[names[name]] = amount
        elif reward is not None:
            values = frozen("reward", reward, np.float64, values.shape)  # type: ignore[arg-type]
        check_range("reward", values)
        return values

    def _labels(self) -> tuple[Cell, ...]:
        """The free cells in reading order, as plain numbers."""
        rows, columns = self.level.cells.T.tolist()
        return tuple(zip(rows, columns, strict=True))

    def tables(self) -> TabularMDP:
        """One state for each free cell, in reading order."""
        level, count = self.level, len(self.actions)
        row, successor, probability = movement_rows(self._targets, self._spread, self.noise, self.walls == "absent")
        reward = self._reward[successor]
        if self._goal.any():
            moving = ~self._goal[row // count]
            loops = np.flatnonzero(np.repeat(self._goal, count))
            row = np.concatenate([row[moving], loops])
            successor = np.concatenate([successor[moving], (loops // count).astype(np.int32)])
            probability = np.concatenate([probability[moving], np.ones(len(loops))])
            reward = np.concatenate([reward[moving], np.zeros(len(loops))])
        indptr, successor, probability, reward = compress(row, len(self._goal) * count, successor, probability, reward)
        starts = level.glyphs[tuple(level.cells.T)] == START
        starts = starts if starts.any() else ~self._goal
        return TabularMDP(
            indptr=indptr,
            successor=successor,
            probability=probability,
            available=(np.diff(indptr) > 0).reshape(-1, count),
            reward=reward,
            terminal=self._goal,
            initial=starts / starts.sum(),
            state_labels=self._labels(),
            action_labels=self.actions,
            board=level.rows,
            cells=level.cells,
        )

    def cell(self, state: Cell) -> Cell:
        """The state is the cell."""
        return state

    def board(self, state: Cell) -> tuple[str, ...]:
        """The level with the agent in it."""
        r, c = state
        rows = list(self.level.rows)
        rows[r] = rows[r][:c] + AGENT + rows[r][c + 1 :]
        return tuple(rows)


def shipped_or_text(level: str | Sequence[str]) -> Level:
    """The level with this name, or the level that this text describes.

    Raises:
        ValueError: for a name that is not shipped, or text that is no level.
    """
    legend = {glyph: meaning for glyph, meaning in PowerGrid.legend.items() if glyph != AGENT}
    parsed = Level.named(level, LEVELS, legend)
    return Level.parse(parsed.rows, legend, parsed.name) if len(parsed.find(START)) else parsed
