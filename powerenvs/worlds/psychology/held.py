"""`Held`: trials in which some of N items are held in memory or attention for a while, and one is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from functools import lru_cache
from math import comb
from typing import ClassVar, NamedTuple

from powerenvs.worlds.psychology.task import Change, Task, ended


class Holding(NamedTuple):
    """Ticks so far, how many items are held, and whether what is asked for was recognised."""

    tick: int = 0
    held: int = 0
    recognised: bool = False
    phase: str = "hold"


class Held(Task[Holding]):
    """A task of holding items; see `ChangeDetection` and `MultipleObjectTracking`.

    The answers are first the one that recognising speaks for, then the other.
    """

    legend: ClassVar[Mapping[str, str]] = {"o": "held", ".": "floor", "!": "recognised", "?": "asked"}
    capacity: int
    retention: float

    @property
    @abstractmethod
    def items(self) -> int:
        """How many there are to be held."""

    @property
    @abstractmethod
    def duration(self) -> int:
        """For how many ticks."""

    def check_held(self) -> None:
        """Refuses settings out of range.

        Raises:
            ValueError: with the name of the field.
        """
        self.check_share(retention=self.retention)
        self.check_count(0, capacity=self.capacity)
        self.check_cost()

    def truths(self) -> Mapping[Hashable, float]:
        """Both answers alike."""
        return dict.fromkeys(self.answers, 0.5)

    def start(self) -> list[tuple[float, Holding]]:
        """As many as there is room for."""
        return [(1.0, Holding(0, min(self.capacity, self.items)))]

    def useful(self, state: Holding) -> tuple[str, ...]:
        """First one waits, then one answers."""
        return self.answers if state.phase == "asked" else ("wait",)

    def likelihood(self, state: Holding, truth: Hashable) -> float:
        """Only what is held can be recognised."""
        if state.phase != "asked":
            return 1.0
        if truth != self.answers[0]:
            return float(not state.recognised)
        share = state.held / self.items
        return share if state.recognised else 1 - share

    def outcomes(self, state: Holding, action: str, truth: Hashable) -> list[Change]:
        """Items slip; in the end one is asked for."""
        if action != "wait":
            return [ended(state, action == truth)]
        if state.tick < self.duration:
            kept = kept_of(state.held, self.retention)
            return [Change(p, Holding(state.tick + 1, held)) for held, p in enumerate(kept) if p > 0]
        share = state.held / self.items if truth == self.answers[0] else 0.0
        asked = Holding(state.tick, state.held, False, "asked")
        found = [Change(share, asked._replace(recognised=True)), Change(1 - share, asked)]
        return [change for change in found if change.probability > 0]

    def board(self, state: Holding) -> tuple[str, ...]:
        """What is held, and what is asked."""
        asked = "." if state.phase != "asked" else "!" if state.recognised else "?"
        return ("o" * state.held + "." * (self.items - state.held) + asked,)


@lru_cache(maxsize=4096)
def kept_of(held: int, retention: float) -> tuple[float, ...]:
    """(held+1,) how many are still held when each stays with this probability."""
    return tuple(comb(held, k) * retention**k * (1 - retention) ** (held - k) for k in range(held + 1))
