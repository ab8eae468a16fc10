"""`GameWorld`: what the author of a game writes; the counterpart of `powerenvs.authoring.world` for several agents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from powerenvs.authoring.level import Level
    from powerenvs.model.game import TabularGame

State = TypeVar("State", bound=Hashable)


class JointOutcome(NamedTuple):
    """One thing that may happen: with ``probability`` the game goes to ``state``, paying each agent its ``rewards``.

    ``performance`` is each agent's hidden performance of the step; None means it equals the rewards.
    """

    probability: float
    state: Hashable
    rewards: tuple[float, ...]
    performance: tuple[float, ...] | None = None


class TableGameWorld(ABC, Generic[State]):
    """A finite game that gives its own tables; games of movement build them by array operations.

    Attributes:
        agents: their names.
        actions: {agent: all its actions, in order}.
        legend: what each glyph of `board` means.
        level: the level the game is played on, when it has one.
    """

    agents: ClassVar[tuple[str, ...]] = ("human", "ai")
    actions: ClassVar[Mapping[str, tuple[str, ...]]]
    legend: ClassVar[Mapping[str, str]] = {}
    level: Level | None = None

    @abstractmethod
    def tables(self) -> TabularGame:
        """The complete game; its state labels are the states that `board` and `cell` take."""

    def board(self, state: State) -> tuple[str, ...] | None:
        """The rows of glyphs that show a state *without the agents*; the default is the level, or None."""
        return None if self.level is None else self.level.rows

    def cell(self, state: State, agent: str) -> tuple[int, int] | None:
        """Where on the board an agent is: (row, column). The default reads the state's field of that name."""
        return getattr(state, agent, None)


class GameWorld(TableGameWorld[State]):
    """A finite game, described by functions of its state.

    States are hashable and hold everything the future depends on; named tuples are best, because their fields
    become the features of labels and files. Agents act at the same time.
    """

    @abstractmethod
    def initial(self) -> Iterable[tuple[float, State]]:
        """The start states with their probabilities."""

    @abstractmethod
    def step(self, state: State, actions: tuple[str, ...]) -> Iterable[JointOutcome]:
        """What may happen when the agents take these actions, one for each in order; probabilities sum to 1.

        Never called on terminal states, nor with unavailable actions.
        """

    def available(self, state: State, agent: str) -> Iterable[str]:
        """The actions of an agent that exist in a state; all of them unless a game says otherwise."""
        return self.actions[agent]

    def terminal(self, state: State) -> bool:
        """Whether the episode has ended in this state. A terminal state absorbs."""
        return False

    def tables(self) -> TabularGame:
        """The tables of all states that can be reached from the start."""
        from powerenvs.authoring.compile import compile_game

        return compile_game(self)
