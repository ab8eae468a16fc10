"""StagHunt: the stag hunt on a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from powerenvs.authoring.game_world import GameWorld, JointOutcome
from powerenvs.authoring.level import START, Cell, Level
from powerenvs.authoring.moves import DIRECTIONS, moved
from powerenvs.model.checks import real

LEVEL = """
    #######
    #H.T.H#
    #.....#
    #S...S#
    #######
"""
STAG, HARE = "T", "H"
MOST = 1e6


class Hunters(NamedTuple):
    """Where both agents are."""

    human: Cell
    ai: Cell


class StagHunt(GameWorld[Hunters]):
    """Two hunters, a stag that takes both, and hares that one takes alone.

    Description:
        The stag feeds both well, but only if both are at it at the same time. A hare is near, and needs nobody; but
        when one hunter takes it the other goes home with nothing. Hunting the stag is best for both if the other
        hunts it too, and a risk otherwise.

    Level map:
        '#' wall, '.' floor, 'S' start, 'T' stag, 'H' hare. The agents start on two different 'S', in a random order.

    Action space:
        Discrete(5) for each agent: 0 stay, 1 up, 2 down, 3 left, 4 right. A move into a wall stays put.

    Rewards:
        ``stag`` to each when both reach the stag; ``hare`` to an agent that reaches a hare; 0 otherwise.

    Episode end:
        When the stag or a hare is taken; or at the limit of cycles.

    Arguments:
        level: text with at least one stag, one hare and two starts.
        stag: what the stag pays each.
        hare: what a hare pays.

    Raises:
        ValueError: for a malformed level, one without stag, hare or two starts, and payments that are no numbers.
    """

    actions: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(("human", "ai"), tuple(DIRECTIONS))
    legend: ClassVar[Mapping[str, str]] = {".": "floor", START: "start", STAG: "stag", HARE: "hare"}

    def __init__(self, level: str | Sequence[str] = LEVEL, stag: float = 4.0, hare: float = 1.0):
        self.level: Level = Level.parse(level, self.legend, "level")
        self._starts = self.level.places(START)
        if not self.level.places(STAG) or not self.level.places(HARE) or len(self._starts) < 2:
            raise ValueError(
                f"level: expected a stag {STAG!r}, a hare {HARE!r} and two starts {START!r}, found "
                f"{len(self.level.places(STAG))}, {len(self.level.places(HARE))} and {len(self._starts)}"
            )
        for name, paid in (("stag", stag), ("hare", hare)):
            if not abs(real(paid)) <= MOST:
                raise ValueError(f"{name}: expected a number, found {paid!r}")
        self._stag, self._hare = float(stag), float(hare)

    def initial(self) -> list[tuple[float, Hunters]]:
        """Every pair of different starts."""
        pairs = [(h, a) for h in self._starts for a in self._starts if h != a]
        return [(1 / len(pairs), Hunters(h, a)) for h, a in pairs]

    def step(self, state: Hunters, actions: tuple[str, ...]) -> list[JointOutcome]:
        """Both move, and take what they may."""
        after = Hunters(*(moved(self.level, cell, action) for cell, action in zip(state, actions, strict=True)))
        paid = tuple(self._hare if self.level[cell] == HARE else 0.0 for cell in after)
        return [JointOutcome(1.0, after, (self._stag, self._stag) if self._has_stag(after) else paid)]

    def terminal(self, state: Hunters) -> bool:
        """When something has been taken."""
        return self._has_stag(state) or HARE in (self.level[state.human], self.level[state.ai])

    def _has_stag(self, state: Hunters) -> bool:
        return state.human == state.ai and self.level[state.human] == STAG
