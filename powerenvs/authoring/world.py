"""`World`: what an author writes. The compiler turns it into tables, the environments step through those."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from powerenvs.authoring.enumeration import MAX_STATES, Found, Rules, Transition, action_number, enumerate_states
from powerenvs.authoring.level import Level
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    from powerenvs.render.first_person.scene import Scene, Viewpoints

State = TypeVar("State", bound=Hashable)


class Outcome(NamedTuple):
    """One thing that may happen: with ``probability`` the world goes to ``state``, paying ``reward``.

    ``performance`` is the hidden performance of the step; None means it equals the reward.

    Example:
        >>> from powerenvs import Outcome
        >>> Outcome(0.9, "at the door", reward=1.0)
        Outcome(probability=0.9, state='at the door', reward=1.0, performance=None)
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
        views: {kind of observation: path of the environment, ``"module:Class"``} of kinds that no table has, such as
            screens. The class takes the world, ``render_mode``, and by keyword what else it needs.

    Example:
        >>> import powerenvs
        >>> class Ring(powerenvs.TableWorld):
        ...     actions = ("on",)
        ...     def tables(self):
        ...         return powerenvs.TabularMDP.from_transitions([(s, "on", (s + 1) % 3, 1.0) for s in range(3)])
        >>> powerenvs.tabular_model(Ring()).successors().ravel().tolist()
        [1, 2, 0]
    """

    actions: tuple[str, ...]
    legend: ClassVar[Mapping[str, str]] = {}
    level: Level | None = None
    views: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def tables(self) -> TabularMDP:
        """The complete model; its state labels are the states that `board` and `cell` take."""

    def board(self, state: State) -> tuple[str, ...] | None:
        """The rows of glyphs that an observer sees in this state, or None for worlds without a board."""
        return None

    def cell(self, state: State) -> tuple[int, int] | None:
        """Where on the board the agent is: (row, column). The default reads the state's ``agent`` field."""
        return getattr(state, "agent", None)

    def scene(self) -> Scene | None:
        """What a first-person observer may see of the world, or None for worlds that have no such view."""
        return None

    def viewpoints(self, states: Sequence[State]) -> Viewpoints:
        """Where the observer stands in these states and what is there then, in a world with a `scene`.

        Raises:
            NotImplementedError: in a world without.
        """
        raise NotImplementedError(f"{type(self).__name__} has a scene but no viewpoints(states)")

    def instruction(self, state: State) -> str | None:
        """What the agent is told in this state, or None for worlds that tell it nothing."""
        return None


class World(TableWorld[State]):
    """A finite world, described by functions of its state: what most authors write.

    States are hashable and hold everything the future depends on; named tuples are best, because their
    fields become the features of labels and files. Actions are strings.

    Attributes:
        large: for a world that is too large for tables, what there is too much of and what to use instead.
            Environments of such a world make the rows that they visit.
        memory: what the world carries from one episode to the next, as the first episode finds it; None for a
            world in which all episodes are alike. See `starts` and `remember`.

    Example:
        >>> from powerenvs import Outcome, World
        >>> class Lamp(World):
        ...     actions = ("press", "wait")
        ...     def initial(self):
        ...         return [(1.0, "dark")]
        ...     def step(self, state, action):
        ...         if action == "wait":
        ...             return [Outcome(1.0, state)]
        ...         return [Outcome(0.9, "light", reward=1.0), Outcome(0.1, "dark")]
        >>> mdp = Lamp().tables()
        >>> mdp.state_labels, mdp.P[0][0]
        (('dark', 'light'), [(0.1, 0, 0.0, False), (0.9, 1, 1.0, False)])
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

    def in_bulk(self) -> Found | None:
        """All states and rows by array operations: those that `step` leads to, in any order; None to enumerate them."""
        return None

    def tables(self, max_states: int | None = None, progress: bool | None = None) -> TabularMDP:
        """The model of all states that can be reached from the start; see `powerenvs.compile_world`."""
        name, actions = type(self).__name__, tuple(self.actions)
        if max_states is None:
            if self.large:
                raise ValueError(
                    f"{name}: too large for tables: {self.large}; max_states=... enumerates it all the same"
                )
            max_states = MAX_STATES

        def transitions(state: Any) -> Iterator[Transition]:
            for action in self.available(state):
                a = action_number(name, state, action, actions)
                for probability, target, paid, hidden in self.step(state, action):
                    yield a, probability, target, (paid, paid if hidden is None else hidden)

        rules = Rules(name, self.initial(), self.terminal, transitions, len(actions), 2)
        found = self.in_bulk() or enumerate_states(rules, max_states, progress)
        if len(found.states) > max_states:
            raise ValueError(f"{name}: found {len(found.states):,} states, more than max_states={max_states:,}")
        reward, performance = found.columns
        cells = [self.cell(state) for state in found.states]
        placed = self.level is not None and any(cell is not None for cell in cells)
        boards = [self.board(state) for state in found.states]
        number = {board: i for i, board in enumerate(dict.fromkeys(boards))}
        return TabularMDP(
            indptr=found.indptr,
            successor=found.successor,
            probability=found.probability,
            reward=reward,
            performance=performance,
            available=(np.diff(found.indptr) > 0).reshape(len(found.states), len(actions)),
            terminal=found.terminal,
            initial=found.initial,
            state_labels=found.states,
            action_labels=actions,
            board=self.level.rows if placed and self.level is not None else None,
            cells=np.array([(-1, -1) if cell is None else cell for cell in cells]) if placed else None,
            observation=None if None in number else np.array([number[board] for board in boards]),
        )
