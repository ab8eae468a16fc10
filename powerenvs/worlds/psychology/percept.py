"""`Percept`: trials in which one look gives one percept, right with a probability that a sensitivity d' gives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from typing import ClassVar, NamedTuple

from powerenvs.worlds.psychology.task import Change, Task, ended


class Seen(NamedTuple):
    """The answer that what was seen speaks for; "" before the look."""

    seen: str = ""
    phase: str = "look"


class Percept(Task[Seen]):
    """A task whose only evidence is one percept; see `LandoltC` and `GlassPatterns`."""

    legend: ClassVar[Mapping[str, str]] = {"?": "not looked at", "x": "seen", ".": "floor"}

    @abstractmethod
    def right(self) -> float:
        """The probability that the percept is that of the truth; the others are alike."""

    @property
    def actions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The answers, and to look."""
        return (*self.answers, "look")

    def truths(self) -> Mapping[Hashable, float]:
        """Every answer alike."""
        return dict.fromkeys(self.answers, 1 / len(self.answers))

    def start(self) -> list[tuple[float, Seen]]:
        """Nothing has been seen."""
        return [(1.0, Seen())]

    def useful(self, state: Seen) -> tuple[str, ...]:
        """There is one look."""
        return self.answers if state.seen else self.actions

    def likelihood(self, state: Seen, truth: Hashable) -> float:
        """Of the percept."""
        if not state.seen:
            return 1.0
        right = self.right()
        return right if state.seen == truth else (1 - right) / (len(self.answers) - 1)

    def outcomes(self, state: Seen, action: str, truth: Hashable) -> list[Change]:
        """A percept, or the end."""
        if action != "look":
            return [ended(state, action == truth)]
        found = [
            Change(self.likelihood(Seen(answer, "answer"), truth), Seen(answer, "answer")) for answer in self.answers
        ]
        return [change for change in found if change.probability > 0]

    def board(self, state: Seen) -> tuple[str, ...]:
        """A cell for each answer, with what was seen."""
        if state.phase == "look":
            return ("?" * len(self.answers),)
        return ("".join("x" if answer == state.seen else "." for answer in self.answers),)
