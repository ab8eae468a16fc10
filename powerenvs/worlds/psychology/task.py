"""`Task`: one definition of an experiment, from which its tables, its trials and its screens follow.

What is hidden in a trial is its *truth*: present or absent, the direction of motion. A task says how likely each truth
is, what a subject who knows ``state`` may come to know when it acts (`Task.outcomes`, given the truth), and how likely
such knowledge is under each truth (`Task.likelihood`). The belief MDP follows by Bayes' rule: its states are what a
subject may know, so that its optimal policy is the ideal observer. Trials and their screens come from a seed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.world import Outcome, World
from powerenvs.model.checks import real
from powerenvs.model.labels import closest

State = TypeVar("State", bound=Hashable)
Picture = NDArray[np.uint8]

FRAMES_PER_SECOND = 60
CORRECT, WRONG = "correct", "wrong"
"""The phases in which a trial has ended."""
FIXATION = (0.5, 0.5)


class Change(NamedTuple):
    """With ``probability`` the subject then knows ``state``; ``correct`` is None where no answer was given."""

    probability: float
    state: Any
    correct: bool | None = None
    truth: Hashable = None
    """Of the next trial, where every trial has a truth of its own."""


class Place(NamedTuple):
    """Where one looks to give an answer, on a screen that is 1 wide and 1 high."""

    x: float
    y: float
    radius: float


class Part(NamedTuple):
    """A stretch of a trial.

    Attributes:
        name: such as "study".
        frames: how long it lasts; None for as long as no answer comes.
        draw: (size, frame since it began) to a picture (size, size, 3).
        moving: whether the picture changes from frame to frame.
        open: whether answers count.
    """

    name: str
    frames: int | None
    draw: Callable[[int, int], Picture]
    moving: bool = False
    open: bool = False


class Scene(NamedTuple):
    """What is on the screen in one trial.

    Attributes:
        answer: the number of the correct answer.
        places: where each answer is given.
        parts: what is shown, in order; the last one is open.
        variables: what the log says of the trial besides.
        window: from which frame to which, counted from when answers count, an answer has to come; None for any.
    """

    answer: int
    places: tuple[Place, ...]
    parts: tuple[Part, ...]
    variables: Mapping[str, Any]
    window: tuple[int, int] | None = None


@dataclass(frozen=True)
class Block:
    """One trial, or several that hang together, as a seed makes it: the same for whoever does it.

    Attributes:
        task: at the level of the block.
        truth: what is hidden; a tuple, where every trial has a truth of its own.
        scenes: one for each trial.
        noise: seed of what happens inside a subject that the task's model has, such as what is forgotten.
        fixed: what screens and the model share, such as which dots are attended to; a task's own.
    """

    task: Task[Any]
    truth: Hashable
    scenes: tuple[Scene, ...]
    noise: tuple[int, ...]
    fixed: Any = field(default=None, repr=False)


class Task(World[State]):
    """An experiment. Subclasses are frozen dataclasses, whose fields are the settings.

    Attributes:
        answers: the actions that answer. All other actions take a tick, and so does answering too early.
        buttons: the places on the screen where one answers, in order; the answers unless a task says otherwise.
        fresh: whether every trial of a block has a truth of its own.
        variable: the field that makes trials harder.
        values: of this field, by level, easiest first.
        second: another field that makes trials harder; "" for none.
        seconds: its values, easiest first.
        staircase: of Psychlab's staircase, the shares of correct answers for going up and down, and of probe trials.
        frames_per_tick: how long a tick of the model is on the screen.
        cost: what a tick costs.

    Example:
        >>> from powerenvs.worlds.psychology import Harlow
        >>> block = Harlow().block(seed=0, trial=0)
        >>> len(block.scenes), block == Harlow().block(seed=0, trial=0)
        (6, False)
        >>> block.truth == Harlow().block(seed=0, trial=0).truth
        True
    """

    answers: ClassVar[tuple[str, ...]]
    variable: ClassVar[str]
    values: ClassVar[tuple[Any, ...]]
    second: ClassVar[str] = ""
    seconds: ClassVar[tuple[Any, ...]] = ()
    staircase: ClassVar[tuple[float, float, float]] = (0.75, 0.5, 0.1)
    frames_per_tick: ClassVar[int] = 4
    views: ClassVar[Mapping[str, str]] = {"screen": "powerenvs.worlds.psychology.screen:ScreenEnv"}
    fresh: ClassVar[bool] = False
    cost: float

    @property
    def buttons(self) -> tuple[str, ...]:
        """The places on the screen where one answers, in order."""
        return self.answers

    @abstractmethod
    def truths(self) -> Mapping[Hashable, float]:
        """{truth: its probability}."""

    @abstractmethod
    def start(self) -> Iterable[tuple[float, State]]:
        """What a subject knows when a block begins, with probabilities that are the same under each truth."""

    @abstractmethod
    def likelihood(self, state: State, truth: Hashable) -> float:
        """How likely it is to come to know ``state`` under a truth, up to a factor that is the same for all truths."""

    @abstractmethod
    def outcomes(self, state: State, action: str, truth: Hashable) -> Iterable[Change]:
        """What a subject may come to know under this truth, when it acts.

        Where every trial has a truth of its own it is that of the current trial, and what an answer leads to has that
        of the next one.
        """

    @abstractmethod
    def stage(self, rng: np.random.Generator, truth: Hashable) -> tuple[tuple[Scene, ...], Any]:
        """The scenes of a block with this truth, and what of them the model shares (see `Block.fixed`)."""

    def fits(self, block: Block, ticks: int, before: State, action: str, after: State) -> bool:
        """Whether ``after`` is what a subject comes to know in this block; ``ticks`` of the trial have gone by."""
        return True

    def hidden(self) -> Mapping[Hashable, float]:
        """{what is hidden in the first trial: its probability}, all that a screen's answers and timing depend on.

        Raises:
            ValueError: where there is too much of it.
        """
        return self.truths()

    def following(self, hidden: Hashable) -> Mapping[Hashable, float]:
        """{what is hidden in the next trial of the block: its probability}; empty after the last one."""
        return {}

    def shown(self, hidden: Hashable) -> Scene:
        """A scene in which this is hidden."""
        return self.stage(np.random.default_rng(0), hidden)[0][0]

    def truth_at(self, block: Block, state: State) -> Hashable:
        """The truth of a block, in the trial of a state."""
        return block.truth[state.trial] if self.fresh else block.truth  # type: ignore[index, attr-defined]

    def draw_truth(self, rng: np.random.Generator) -> Hashable:
        """The truth of a block."""
        truths = self.truths()
        return list(truths)[int(rng.choice(len(truths), p=list(truths.values())))]

    def paid(self, correct: bool) -> float:
        """The reward of an answer."""
        return float(correct)

    def posterior(self, state: State) -> dict[Hashable, float]:
        """{truth: its probability for a subject who knows ``state``}."""
        joint = {truth: p * self.likelihood(state, truth) for truth, p in self.truths().items()}
        total = sum(joint.values())
        return {truth: p / total for truth, p in joint.items() if p > 0}

    def initial(self) -> Iterable[tuple[float, State]]:
        """As `start` has it."""
        return self.start()

    def terminal(self, state: State) -> bool:
        """When the phase says that the trial, or the block, is over."""
        return state.phase in (CORRECT, WRONG, "over")  # type: ignore[attr-defined]

    def useful(self, state: State) -> tuple[str, ...]:
        """The actions that do what they say; the others are there as well, see `effective`."""
        return self.actions

    def is_open(self, state: State) -> bool:
        """Whether answers count."""
        return any(answer in self.useful(state) for answer in self.answers)

    def effective(self, state: State, action: str) -> str | None:
        """What an action amounts to: answering too early is waiting, looking for more than there is is nothing."""
        useful = self.useful(state)
        return action if action in useful else None if self.is_open(state) else useful[0]

    def happens(self, state: State, action: str, truth: Hashable) -> Iterable[Change]:
        """What may happen: `outcomes` of what the action amounts to."""
        effective = self.effective(state, action)
        return [Change(1.0, state)] if effective is None else self.outcomes(state, effective, truth)

    def step(self, state: State, action: str) -> list[Outcome]:
        """The outcomes under every truth, weighed by how probable it is for one who knows ``state``."""
        if self.effective(state, action) is None:
            return [Outcome(1.0, state, -self.cost * self.ticks(state, action))]
        found = []
        for truth, weight in self.posterior(state).items():
            for probability, after, correct, _ in self.happens(state, action, truth):
                reward = -self.cost * self.ticks(state, action) + (0.0 if correct is None else self.paid(correct))
                found.append(Outcome(weight * probability, after, reward, float(bool(correct))))
        return found

    def ticks(self, state: State, action: str) -> int:
        """How many ticks an action takes: none to answer, one for everything else."""
        return int(self.effective(state, action) not in self.answers)

    def at(self, level: int | tuple[int, int]) -> Task[State]:
        """The task at a level, 1 for the easiest; or at a pair of levels, of ``variable`` and of ``second``.

        Raises:
            ValueError: if there is no such level.
        """
        if isinstance(level, tuple | list):
            if not self.second:
                raise ValueError(
                    f"level: expected a number, as {type(self).__name__} has one variable, found {level!r}"
                )
            if len(level) != 2 or not (_in(level[0], self.values) and _in(level[1], self.seconds)):
                raise ValueError(
                    f"level: expected a pair of 1 to {len(self.values)} ({self.variable}) and 1 to {len(self.seconds)} "
                    f"({self.second}), found {level!r}"
                )
            changes = {self.variable: self.values[level[0] - 1], self.second: self.seconds[level[1] - 1]}
            return replace(self, **changes)  # type: ignore[type-var]
        if not _in(level, self.values):
            raise ValueError(f"level: expected 1 to {len(self.values)}, found {level!r}")
        return replace(self, **{self.variable: self.values[level - 1]})  # type: ignore[type-var]

    def block(self, seed: int, trial: int = 0) -> Block:
        """The block that a seed gives as number ``trial``: nothing else enters it."""
        rng = np.random.default_rng([seed, trial])
        truth = self.draw_truth(rng)
        noise = tuple(rng.integers(2**32, size=4).tolist())
        scenes, fixed = self.stage(rng, truth)
        return Block(self, truth, scenes, noise, fixed)

    def check_share(self, **values: float) -> None:
        """Refuses what is no probability.

        Raises:
            ValueError: with the name of the field.
        """
        for name, value in values.items():
            if not 0 <= real(value) <= 1:
                raise ValueError(f"{name}: expected a number from 0 to 1, found {value!r}")

    def check_at_least(self, least: float, most: float = float("inf"), **values: float) -> None:
        """Refuses what is no number from ``least`` to ``most``.

        Raises:
            ValueError: with the name of the field.
        """
        for name, value in values.items():
            if not (least <= real(value) <= most and real(value) < float("inf")):
                end = "" if most == float("inf") else f" and at most {most:g}"
                raise ValueError(f"{name}: expected a number of at least {least:g}{end}, found {value!r}")

    def check_cost(self) -> None:
        """Refuses costs below 0.

        Raises:
            ValueError: for them.
        """
        self.check_at_least(0, cost=self.cost)

    def check_count(self, least: int, **values: int) -> None:
        """Refuses what is no whole number of at least ``least``.

        Raises:
            ValueError: with the name of the field.
        """
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                raise ValueError(f"{name}: expected a whole number of at least {least}, found {value!r}")

    def check_kind(self, name: str, kinds: tuple[str, ...]) -> None:
        """Refuses what is none of the kinds.

        Raises:
            ValueError: with the closest one.
        """
        if getattr(self, name) not in kinds:
            raise ValueError(f"{name}: unknown kind {getattr(self, name)!r}; {closest(getattr(self, name), kinds)}")


def _in(level: Any, values: tuple[Any, ...]) -> bool:
    return level in range(1, len(values) + 1)


def ended(state: Any, correct: bool) -> Change:
    """The end of a trial with an answer: all that is known is whether it was right."""
    blank = type(state)._field_defaults
    return Change(1.0, type(state)(**{**blank, "phase": CORRECT if correct else WRONG}), correct)
