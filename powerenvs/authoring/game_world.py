"""`GameWorld`: what the author of a game writes; the counterpart of `powerenvs.authoring.world` for several agents."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from powerenvs.authoring.enumeration import MAX_STATES, Rules, Transition, action_number, enumerate_states
from powerenvs.authoring.level import Level
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text

State = TypeVar("State", bound=Hashable)


class JointOutcome(NamedTuple):
    """One thing that may happen: with ``probability`` the game goes to ``state``, paying each agent its ``rewards``.

    ``performance`` is each agent's hidden performance of the step; None means it equals the rewards.

    Example:
        >>> from powerenvs import JointOutcome
        >>> outcome = JointOutcome(0.5, "over", rewards=(1.0, 0.0))
        >>> outcome.state, outcome.performance
        ('over', None)
    """

    probability: float
    state: Hashable
    rewards: tuple[float, ...]
    performance: tuple[float, ...] | None = None


class TableGameWorld(ABC, Generic[State]):
    """A finite game that gives its own tables; games of movement build them by array operations.

    Attributes:
        agents: their names; those that ``actions`` has, in its order, where a class does not say.
        actions: {agent: all its actions, in order}.
        legend: what each glyph of `board` means.
        level: the level the game is played on, when it has one.
    """

    agents: ClassVar[tuple[str, ...]] = ("human", "ai")
    actions: ClassVar[Mapping[str, tuple[str, ...]]]
    legend: ClassVar[Mapping[str, str]] = {}
    level: Level | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Names the agents by their actions."""
        super().__init_subclass__(**kwargs)
        actions = cls.__dict__.get("actions")
        if isinstance(actions, Mapping) and "agents" not in cls.__dict__ and set(actions) != set(cls.agents):
            cls.agents = tuple(actions)

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

    Example:
        >>> from powerenvs import GameWorld, JointOutcome, compile_world
        >>> class Pennies(GameWorld):
        ...     agents = ("even", "odd")
        ...     actions = {"even": ("heads", "tails"), "odd": ("heads", "tails")}
        ...     def initial(self):
        ...         return [(1.0, "table")]
        ...     def step(self, state, actions):
        ...         win = 1.0 if actions[0] == actions[1] else -1.0
        ...         return [JointOutcome(1.0, "table", (win, -win))]
        >>> Pennies().tables().reward[0].tolist()
        [1.0, -1.0, -1.0, 1.0]
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

    def tables(self, max_states: int = MAX_STATES, progress: bool | None = None) -> TabularGame:
        """The tables of all states that can be reached from the start; see `compile_game`."""
        name, agents = type(self).__name__, tuple(self.agents)
        if set(self.actions) != set(agents):
            raise ValueError(f"{name}.actions: expected those of each of {agents}, found those of {[*self.actions]}")
        labels = [tuple(self.actions[agent]) for agent in agents]
        counts = tuple(map(len, labels))
        strides = [math.prod(counts[i + 1 :]) for i in range(len(counts))]

        def transitions(state: Any) -> Iterator[Transition]:
            options = [
                [
                    (action_number(name, state, action, known) * stride, action)
                    for action in self.available(state, agent)
                ]
                for agent, known, stride in zip(agents, labels, strides, strict=True)
            ]
            for choice in itertools.product(*options):
                j, actions = sum(part for part, _ in choice), tuple(action for _, action in choice)
                for probability, target, paid, hidden in self.step(state, actions):
                    hidden = paid if hidden is None else hidden
                    if not all(isinstance(part, tuple) and len(part) == len(agents) for part in (paid, hidden)):
                        raise ValueError(
                            f"{name}.step({label_text(state)}, {actions}): expected rewards and performance to be "
                            f"tuples of a number for each of {agents}, found {paid!r} and {hidden!r}"
                        )
                    yield j, probability, target, paid + hidden

        size, width = math.prod(counts), 2 * len(agents)
        found = enumerate_states(
            Rules(name, self.initial(), self.terminal, transitions, size, width), max_states, progress
        )
        reward, performance = np.split(np.stack(found.columns), 2)
        cells = [[self.cell(state, agent) or (-1, -1) for agent in agents] for state in found.states]
        placed = self.level is not None and bool(np.any(np.array(cells) >= 0))
        return TabularGame(
            indptr=found.indptr,
            successor=found.successor,
            probability=found.probability,
            num_actions=counts,
            agents=agents,
            reward=reward,
            performance=performance,
            terminal=found.terminal,
            initial=found.initial,
            state_labels=found.states,
            action_labels=dict(zip(agents, labels, strict=True)),
            board=self.level.rows if placed and self.level is not None else None,
            cells=np.array(cells) if placed else None,
        )
