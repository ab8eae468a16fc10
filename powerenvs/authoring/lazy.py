"""`LazyTable`: rows of a world that is too large for tables, made when they are needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from itertools import accumulate
from typing import Any, NamedTuple

from powerenvs.authoring.world import World
from powerenvs.model.labels import label_text
from powerenvs.model.rows import TOLERANCE

MAX_OUTCOMES = 250_000
"""Outcomes that a table keeps, at most; about 100 MB."""


class Reached(NamedTuple):
    """Where an action led, as environments need it."""

    state: Hashable
    reward: float
    terminal: bool
    performance: float


class Row(NamedTuple):
    """The outcomes of an action in a state, and the sums of their probabilities up to each; the last sum is 1."""

    sums: list[float]
    outcomes: list[Reached]


class LazyTable:
    """The table of a world, of which only rows asked for exist. The most recent ones are kept.

    Args:
        world: the world.
        max_outcomes: how many outcomes to keep, over all rows; the current row is kept in any case.

    Attributes:
        world: as given.
        num_rows_made: how many rows have been made so far, those made again included.
        num_outcomes: how many outcomes are kept now.
    """

    def __init__(self, world: World[Any], max_outcomes: int = MAX_OUTCOMES):
        if max_outcomes < 1:
            raise ValueError(f"max_outcomes: expected at least 1, found {max_outcomes}")
        self.world, self.max_outcomes = world, max_outcomes
        self.num_rows_made = 0
        self._rows: OrderedDict[tuple[Hashable, str], Row] = OrderedDict()
        self.num_outcomes = 0

    def row(self, state: Hashable, action: str) -> Row:
        """The row of an action that is available in a state.

        Raises:
            ValueError: if the world's probabilities do not sum to 1.
        """
        key = (state, action)
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
            return row
        row = self._make(state, action)
        self._rows[key] = row
        self.num_rows_made += 1
        self.num_outcomes += len(row.outcomes)
        while self.num_outcomes > self.max_outcomes and len(self._rows) > 1:
            _, dropped = self._rows.popitem(last=False)
            self.num_outcomes -= len(dropped.outcomes)
        return row

    def _make(self, state: Hashable, action: str) -> Row:
        world = self.world
        happens = [outcome for outcome in world.step(state, action) if outcome.probability != 0]
        where = f"{type(world).__name__}.step({label_text(state)}, {action!r})"
        sums = running_sums((outcome.probability for outcome in happens), where)
        reached = [
            Reached(target, float(paid), bool(world.terminal(target)), float(paid if hidden is None else hidden))
            for _, target, paid, hidden in happens
        ]
        return Row(sums, reached)

    def __deepcopy__(self, memo: dict[int, Any]) -> LazyTable:
        return self  # rows are made alike whoever asks

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.world, self.max_outcomes)


def running_sums(probabilities: Iterable[float], where: str) -> list[float]:
    """The sums of probabilities up to each; the last is set to 1.

    Args:
        probabilities: at least one, each above 0.
        where: what they belong to, for messages.

    Raises:
        ValueError: if they are negative or do not sum to 1.
    """
    given = list(probabilities)
    sums = list(accumulate(given))
    if not given or min(given) < 0 or abs(sums[-1] - 1) > TOLERANCE:
        raise ValueError(f"{where}: expected probabilities that sum to 1, found {sums[-1] if sums else 'none'}")
    sums[-1] = 1.0
    return sums
