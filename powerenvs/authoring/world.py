"""`World`: what an author writes. The compiler turns it into tables, the environments step through those."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from powerenvs.authoring.level import Level
    from powerenvs.model.mdp import TabularMDP

State = TypeVar("State", bound=Hashable)


class Outcome(NamedTuple):
    """One thing that may happen: with ``probability`` the world goes to ``state``, paying ``reward``.

    ``performance`` is the hidden performance of the step; None means it equals the reward.
    """

    probability: float
    state: Hashable
    reward: float = 0.0
    performance: float | None = None


class TableWorld(ABC, Generic[State]):
    """A finite world that gives its own tables; movement worlds build them by array operations.

    A world knows nothing of Gymnasium, tensors or rendering. What is here besides `tables` is what
    observations and pictures are made from.

    Attributes:
        actions: all actions, in order.
        legend: what each glyph of `board` means.
        level: the level the world plays on, when it has one; its free cells become the map in pictures.
    """

    actions: tuple[str, ...]
    legend: ClassVar[Mapping[str, str]] = {}
    level: Level | None = None

    @abstractmethod
    def tables(self) -> TabularMDP:
        """The complete model; its state labels are the states that `board` and `cell` take."""

    def board(self, state: State) -> tuple[str, ...] | None:
        """The rows of glyphs that an observer sees in this state, or None for worlds without a board."""
        return None

    def cell(self, state: State) -> tuple[int, int] | None:
        """Where on the board the agent is: (row, column). The default reads the state's ``agent`` field."""
        return getattr(state, "agent", None)


class World(TableWorld[State]):
    """A finite world, described by functions of its state: what most authors write.

    States are hashable and hold everything the future depends on; named tuples are best, because their
    fields become the features of labels and files. Actions are strings.

    Attributes:
        large: for a world that is too large for tables, what there is too much of and what to use instead.
            Environments of such a world make the rows that they visit.
        memory: what the world carries from one episode to the next, as the first episode finds it; None for a
            world in which all episodes are alike. See `starts` and `remember`.
    """

    large: str = ""
    memory: Any = None

    @abstractmethod
    def initial(self) -> Iterable[tuple[float, State]]:
        """The start states with their probabilities; one with probability 0 is in the tables all the same."""

    def starts(self, memory: Any) -> Iterable[tuple[float, State]]:
        """The start states of an episode that begins with this memory: those of `initial`, with other probabilities.

        Raises:
            ValueError: for what is no memory of this world.
        """
        return self.initial()

    def remember(self, memory: Any, last: State) -> Any:
        """What becomes of the memory when an episode that began with it is left in the state ``last``."""
        return memory

    @abstractmethod
    def step(self, state: State, action: str) -> Iterable[Outcome]:
        """What may happen when ``action`` is taken in ``state``; probabilities sum to 1.

        Never called on terminal states, nor with unavailable actions.
        """

    def available(self, state: State) -> Iterable[str]:
        """The actions that exist in a state; all of them unless a world says otherwise."""
        return self.actions

    def terminal(self, state: State) -> bool:
        """Whether the episode has ended in this state. A terminal state absorbs."""
        return False

    def tables(self) -> TabularMDP:
        """The model of all states that can be reached from the start."""
        from powerenvs.authoring.compile import compile_world

        return compile_world(self)
