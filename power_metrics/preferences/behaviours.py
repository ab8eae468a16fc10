"""`Behaviour`: what nobody wrote a reward for, taught by comparisons; and how much of the time a policy does it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_choice, check_policy, resolve_model
from power_metrics.chains.rates import long_run_rates
from power_metrics.preferences.features import TableFeatures
from power_metrics.preferences.segments import Segment
from power_metrics.solvers.average.gain import optimal_gain
from powerenvs.authoring.level import WALL
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
Cell = tuple[int, int]
BEHAVIOURS = ("ring", "wall", "rooms")


class Behaviour:
    """Something to do on a board, as a rater who knows it when it is seen.

    "ring": walk clockwise around a block of walls, the largest that there is. "wall": be in a cell that has a wall or
    the edge of the board beside it. "rooms": go from quarter to quarter of the board, clockwise. It is a teacher: of
    two segments it prefers the one in which more steps do it, less those that undo it; otherwise it is a tie.

    A policy is judged by the share of its steps that do it. Changes of rooms are few, and back and forth is not in
    turn: there it is changes clockwise, less those back, for each step, which is to be read as a share of `best`.

    Args:
        env: a world on a board, or its tables.
        name: one of the three.

    Attributes:
        name: as given.
        mdp: the tables.
        doing: (transitions of the model,) what each counts of `share`.
        worth: (transitions of the model,) what each counts for the rater: 1, or -1 where it undoes it.

    Raises:
        ValueError: for a model without cells on a board, an unknown name, and a board that has no such ring.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> ring = pm.preferences.Behaviour(gym.make("PowerGrid-v0", level="maze_7x7"), "ring")
        >>> round(ring.best, 6)
        1.0
    """

    def __init__(self, env: Any, name: str):
        self.name, self.mdp = check_choice("name", name, BEHAVIOURS), resolve_model(env)
        board, cells = self.mdp.board, self.mdp.cells
        if board is None or cells is None:
            raise ValueError("env: expected a world whose states are cells of a board, found one without")
        before, after = _ends(self.mdp)
        walls = [[glyph == WALL for glyph in row] for row in board]
        if name == "wall":
            self.doing = _beside(walls)[cells[after, 0], cells[after, 1]].astype(np.float64)
            self.worth = self.doing
        else:
            turn = _ring(walls) if name == "ring" else _quarters(walls)
            places = turn[cells[:, 0], cells[:, 1]]
            count = int(turn.max()) + 1
            inside = (places[before] >= 0) & (places[after] >= 0)
            on = (places[after] - places[before]) % count
            self.worth = 1.0 * (inside & (on == 1)) - (inside & (on == count - 1))
            self.doing = self.worth if name == "rooms" else np.maximum(self.worth, 0.0)
        going = ~self.mdp.terminal[before]
        self.doing, self.worth = self.doing * going, self.worth * going
        self._table = TableFeatures(self.mdp, "transition")

    def __call__(self, left: Segment, right: Segment) -> str:
        """An answer: "left", "right" or "tie"."""
        difference = sum(sign * self.worth[self._table.places(one)].sum() for sign, one in ((1, left), (-1, right)))
        return "tie" if difference == 0 else "left" if difference > 0 else "right"

    def share(self, policy: Any) -> float:
        """The share of steps in which a policy does it, in the long run: exactly, from the start distribution.

        Args:
            policy: (S, A) action probabilities.

        Raises:
            ValueError: for anything else.
        """
        table = check_policy(policy, self.mdp)
        if table.ndim != 2:
            raise ValueError(f"policy: expected one table (S, A), found {len(table)}")
        return float(long_run_rates(self.mdp.with_(reward=self.doing), table).observed)

    @property
    def best(self) -> float:
        """The largest share of any policy."""
        gains = np.asarray(optimal_gain(self.mdp.with_(reward=self.doing), None))
        return float(np.ravel(gains) @ self.mdp.initial)


def _ends(mdp: TabularMDP) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(transitions,) the states before and after each."""
    rows = np.repeat(np.arange(mdp.num_rows), np.diff(mdp.indptr))
    return rows // mdp.num_actions, mdp.successor.astype(np.int64)


def _beside(walls: list[list[bool]]) -> NDArray[np.bool_]:
    """Which cells have a wall or the edge beside them."""
    padded = np.pad(np.array(walls), 1, constant_values=True)
    found: NDArray[np.bool_] = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return found


def _ring(walls: list[list[bool]]) -> NDArray[np.int64]:
    """For each cell its place on the longest way around a rectangle of walls, clockwise; -1 elsewhere."""
    grid = np.array(walls)
    height, width = grid.shape
    best: list[Cell] = []
    for top in range(height):
        for left in range(width):
            for bottom in range(top + 2, height):
                for right in range(left + 2, width):
                    way = _border(top, left, bottom, right)
                    solid = grid[top + 1 : bottom, left + 1 : right].all()
                    if solid and len(way) > len(best) and not any(grid[cell] for cell in way):
                        best = way
    if not best:
        raise ValueError("env: expected a board with a rectangle of walls that one can walk around, found none")
    found = np.full(grid.shape, -1)
    for place, cell in enumerate(best):
        found[cell] = place
    return found


def _border(top: int, left: int, bottom: int, right: int) -> list[Cell]:
    """The cells around a rectangle, clockwise from the upper left."""
    across, down = range(left, right), range(top, bottom)
    return [
        *((top, c) for c in across),
        *((r, right) for r in down),
        *((bottom, c) for c in range(right, left, -1)),
        *((r, left) for r in range(bottom, top, -1)),
    ]


def _quarters(walls: list[list[bool]]) -> NDArray[np.int64]:
    """For each cell its quarter of the board: 0 upper left, 1 upper right, 2 lower right, 3 lower left."""
    rows, columns = np.indices(np.array(walls).shape)
    low, right = rows >= len(walls) / 2, columns >= len(walls[0]) / 2
    return np.where(low, np.where(right, 2, 3), np.where(right, 1, 0))
