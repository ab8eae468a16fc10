"""MatrixGame: a table of payoffs, played again and again by players who remember the last rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from powerenvs.authoring.game_world import GameWorld, JointOutcome
from powerenvs.model.checks import array_of
from powerenvs.model.labels import closest
from powerenvs.worlds.social.payoffs import GAMES

MAX_MEMORY = 6
GLYPHS = "123456789"
"""Of the actions on boards, in their order."""


class History(NamedTuple):
    """The last joint actions, the latest one last: "row action + column action" each."""

    last: tuple[str, ...]


class MatrixGame(GameWorld[History]):
    """A table of payoffs, played again and again.

    Description:
        Both players choose at the same time, are paid by the table, and meet again. The state is what both did in
        the last rounds, so that answers to it, such as tit for tat, are policies. With ``memory=0`` there is one
        state: no answer is possible, and every round is played for itself.

    Board:
        A row for each player and a column for each round that is remembered, the latest on the right: '1' for the
        first action, '2' for the second and so on, '.' where nothing has happened yet; none with more than nine.

    Action space:
        Discrete(m) for the row player and Discrete(n) for the column player, in the order of the table; two each by
        default: 0 cooperate, 1 defect.

    Rewards:
        The payoff of the round, to each player by its own table.

    Episode end:
        Never, but for the limit of cycles.

    Arguments:
        payoffs: the name of a well-known game, such as "prisoners_dilemma", "stag_hunt", "chicken" or
            "battle_of_the_sexes"; or both tables, (A, B), each (m, n).
        memory: how many of the last rounds the state holds, from 0 to 6.

    Raises:
        ValueError: for an unknown name, tables that are none, and another memory.
    """

    actions: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(("row", "column"), ("cooperate", "defect"))
    legend: ClassVar[Mapping[str, str]] = {".": "floor"} | {g: f"action {k}" for k, g in enumerate(GLYPHS, start=1)}

    def __init__(self, payoffs: str | Sequence[Any] = "prisoners_dilemma", memory: int = 1):
        if isinstance(memory, bool) or not isinstance(memory, int) or not 0 <= memory <= MAX_MEMORY:
            raise ValueError(f"memory: expected a whole number from 0 to {MAX_MEMORY}, found {memory!r}")
        self._memory = memory
        if isinstance(payoffs, str):
            if payoffs not in GAMES:
                raise ValueError(f"payoffs: no game {payoffs!r}; {closest(payoffs, list(GAMES))}")
            known = GAMES[payoffs]
            given, names = (known["A"], known["B"]), known["names"]
        else:
            given, names = payoffs, None  # type: ignore[assignment]  # whatever has the numbers
        both = array_of("payoffs", given, np.float64)
        if both.ndim != 3 or len(both) != 2 or both.size == 0 or not np.all(np.isfinite(both)):
            raise ValueError(f"payoffs: expected two tables of finite numbers, found shape {both.shape}")
        self._paid = both
        rows, columns = (tuple(names or map(str, range(1, size + 1))) for size in both.shape[1:])
        self.actions = {"row": rows, "column": columns}  # type: ignore[misc]  # of this game

    def initial(self) -> list[tuple[float, History]]:
        """Nothing has happened."""
        return [(1.0, History(()))]

    def step(self, state: History, actions: tuple[str, ...]) -> list[JointOutcome]:
        """Both are paid; the oldest round is forgotten."""
        i, j = (self.actions[agent].index(action) for agent, action in zip(self.agents, actions, strict=True))
        kept = (*state.last, " + ".join(actions))
        paid = float(self._paid[0, i, j]), float(self._paid[1, i, j])
        return [JointOutcome(1.0, History(kept[len(kept) - min(len(kept), self._memory) :]), paid)]

    def board(self, state: History) -> tuple[str, ...] | None:
        """What is remembered; None where there are more actions than glyphs."""
        if max(map(len, self.actions.values())) > len(GLYPHS):
            return None
        rounds = [text.split(" + ") for text in state.last]
        rows = ["".join(GLYPHS[own.index(one[k])] for one in rounds) for k, own in enumerate(self.actions.values())]
        return tuple(row.rjust(max(1, self._memory), ".") for row in rows)
