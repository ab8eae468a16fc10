"""States of an environment found by stepping copies of it, each state compared with all that it remembers.

Copies are told apart by a key. Two copies of one key may remember different things, which may matter or not. Those that
remember something new are stepped as well, and so are their successors; then random walks, which no copying slows down,
follow the tables. On a difference the attribute that differs becomes part of the state, and the states are found anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from powerenvs.model.labels import label_text
from powerenvs.progress import progress_bar

VARIANTS = 3
"""So many copies of one state that remember something else are stepped in full, besides the first."""

MEMORIES = 100
"""The most states of one key."""

WALK = 1_000
"""Steps of a walk."""

WALKED = (1_000, 20_000)
"""Steps of all walks together: a quarter of the rows of the table, but no fewer and no more than this."""

Entry = tuple[float, int, float, bool, float]
"""Probability, next state, reward, whether the episode ends, performance."""


class Outcome(NamedTuple):
    """What a step led to.

    Attributes:
        copied: the environment after it.
        observation: what it shows.
        reward: of the step.
        ended: whether the episode has ended.
        performance: the hidden performance of the step.
    """

    copied: Any
    observation: Any
    reward: float
    ended: bool
    performance: float


class RandomStepError(Exception):
    """A step did one thing once and another thing with other random numbers.

    Attributes:
        once: the key of the next state, the reward, and whether the episode ended.
        again: the same, with other random numbers.
    """

    def __init__(self, once: tuple[Hashable, float, bool], again: tuple[Hashable, float, bool]):
        super().__init__(once, again)
        self.once, self.again = once, again


class Subject(Protocol):
    """An environment to explore.

    Attributes:
        name: what it is called.
        splits: whether states are told apart by what they show.
    """

    name: str
    splits: bool

    def starts(self) -> Sequence[tuple[Any, Any, bool]]:
        """Copies to begin with, each in a state of its own, what they show, and whether the episode has ended there."""

    def chances(self, copied: Any) -> dict[int, Sequence[float]]:
        """For each action of a copy the probabilities of what it may lead to."""

    def copied(self, source: Any) -> Any:
        """A copy of a copy."""

    def step(self, copied: Any, action: int, choice: int) -> Outcome:
        """Steps a copy, to one of the things that the action may lead to."""

    def checked_step(self, source: Any, action: int, choice: int) -> Outcome:
        """Steps a copy of a copy; raises `RandomStepError` if what happens is random."""

    def key(self, copied: Any, observation: Any) -> Hashable:
        """What tells states apart."""

    def memory(self, copied: Any) -> dict[str, Hashable]:
        """All that a copy remembers."""

    def form(self, observation: Any) -> Hashable:
        """The form of an observation, for comparisons."""

    def place(self, copied: Any) -> tuple[int, int] | None:
        """Where the agent is, for pictures."""


@dataclass
class Found:
    """States and what their actions lead to.

    Attributes:
        keys: of each state.
        versions: of each state: how many states before it have its key.
        places: of each state.
        rows: ``rows[state][action]`` lists what may happen; empty for states in which episodes have ended.
        starts: the states of the copies that the search began with.
        observations: what each state showed first.
        forms: of these, for comparisons; None where episodes have ended.
        unclear: states that showed something else later.
        relevant: the attributes that tell states of one key apart.
        numbers: the state of each key, with the values of these attributes.
        values: all values of each attribute that copies remember.
    """

    keys: list[Hashable] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    places: list[tuple[int, int] | None] = field(default_factory=list)
    rows: list[dict[int, list[Entry]]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    observations: list[Any] = field(default_factory=list)
    forms: list[Hashable] = field(default_factory=list)
    unclear: set[int] = field(default_factory=set)
    relevant: tuple[str, ...] = ()
    numbers: dict[Hashable, int] = field(default_factory=dict)
    values: dict[str, set[Hashable]] = field(default_factory=dict)


class _DifferenceError(Exception):
    """Two copies of one state differ in what follows, or in what they show.

    Attributes:
        told: in words.
        components: the attributes that the copies remember differently.
    """

    def __init__(self, told: str, components: set[str]):
        super().__init__(told)
        self.told, self.components = told, components


def explore(subject: Subject, max_states: int, progress: bool | None) -> Found:
    """All states that can be reached, and what their actions lead to.

    Args:
        subject: the environment.
        max_states: stop with an error when more states than this are found.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: for more states, for steps that are random, and for copies that differ by something of which there
            is no end.
    """
    relevant: tuple[str, ...] = ()
    told = ""
    with progress_bar(None, f"{subject.name}: states", progress, unit="") as bar:
        while True:
            search = _Search(subject, relevant, told, max_states, bar.update)
            try:
                search.fill()
                search.walk()
            except _DifferenceError as difference:
                if not difference.components:
                    raise ValueError(
                        f"env: {difference.told}, though nothing that copies of {subject.name} remember differs; "
                        "compile_env needs a deterministic environment. Write this one as a powerenvs.World"
                    ) from None
                relevant, told = (*relevant, min(difference.components, key=search.rank)), difference.told
                bar.reset()
            else:
                return _merged(search.found) if relevant else search.found


class _Search:
    """One search, with states told apart by their keys and by some of what copies remember.

    Args:
        subject: the environment.
        relevant: the attributes that tell states apart.
        told: the difference that showed the last of them to be.
        max_states: how many states there may be.
        count: called for every state that has been stepped.
    """

    def __init__(
        self, subject: Subject, relevant: tuple[str, ...], told: str, max_states: int, count: Callable[[], Any]
    ):
        self.subject, self.relevant, self.told, self.max_states, self.count = subject, relevant, told, max_states, count
        self.found = Found(relevant=relevant)
        self._versions: dict[Hashable, int] = {}
        self._memories: list[dict[str, Hashable]] = []  # of the first copy in which the episode goes on
        self._stepped: list[list[dict[str, Hashable]]] = []
        self._queue: deque[tuple[int, Any, dict[str, Hashable]]] = deque()
        self._clocks: dict[str, float] | None = None
        self._starts = []
        for copied, observation, ended in subject.starts():
            self._starts.append(subject.copied(copied))
            self.found.starts.append(self._visit(copied, observation, subject.memory(copied), ended))

    def rank(self, component: str) -> tuple[bool, int, str]:
        """The order in which attributes are tried: those that tell the time last, those with few values first."""
        return component in (self._clocks or ()), len(self.found.values.get(component, ())), component

    def fill(self) -> None:
        """Steps all states, and some further copies of each that remember something else."""
        while self._queue:
            state, source, memory = self._queue.popleft()
            row: dict[int, list[Entry]] = {}
            for action, chances in self.subject.chances(source).items():
                row[action] = []
                for choice, probability in enumerate(chances):
                    after = self._step(state, source, action, choice)
                    remembered = self.subject.memory(after.copied)
                    self._time(memory, remembered)
                    target = self._visit(after.copied, after.observation, remembered, after.ended)
                    row[action].append((probability, target, after.reward, after.ended, after.performance))
            if not self.found.rows[state]:
                self.found.rows[state] = row
                self.count()
            elif row != self.found.rows[state]:
                first = self.found.rows[state]
                action = next(a for a in first | row if first.get(a) != row.get(a))
                raise _DifferenceError(
                    f"action {action} in state {label_text(self.found.keys[state])} once led to "
                    f"{self._told_row(first.get(action))} and once to {self._told_row(row.get(action))}",
                    self._differing(state, memory),
                )

    def walk(self) -> None:
        """Follows the tables at random: walks that avoid ends, and walks that do not, in turn."""
        rng = np.random.default_rng(0)
        steps = int(np.clip(sum(map(len, self.found.rows)) // 4, *WALKED))
        avoiding = True
        while steps > 0:
            steps -= max(self._walk(rng, min(WALK, steps), avoiding), 1)
            avoiding = not avoiding

    def _walk(self, rng: np.random.Generator, length: int, avoiding: bool) -> int:
        subject, number = self.subject, int(rng.integers(len(self._starts)))
        copied, state = subject.copied(self._starts[number]), self.found.starts[number]
        taken: list[tuple[int, int]] = []
        while len(taken) < length:
            row = self.found.rows[state]
            actions = [
                a for a, entries in row.items() if not avoiding or not any(ended for _, _, _, ended, _ in entries)
            ]
            if not actions:
                break
            action = actions[int(rng.integers(len(actions)))]
            choice = int(rng.integers(len(row[action])))
            after = subject.step(copied, action, choice)
            taken.append((action, choice))
            key = subject.key(copied, after.observation)
            remembered = subject.memory(copied) if self.relevant else {}
            target = self.found.numbers.get((key, *map(remembered.get, self.relevant)))
            entry = row[action][choice]
            if (target, after.reward, after.ended, after.performance) != entry[1:]:
                again = subject.copied(self._starts[number])
                for before in taken[:-1]:
                    subject.step(again, *before)
                raise _DifferenceError(
                    f"action {action} in state {label_text(self.found.keys[state])} once led to "
                    f"{self._told_row([entry])} and once to {label_text(key)} with reward {after.reward}",
                    self._differing(state, subject.memory(again)),
                )
            if after.ended:
                break
            self._compare_shown(entry[1], after.observation, lambda: subject.memory(copied))
            state = entry[1]
        return len(taken)

    def _step(self, state: int, source: Any, action: int, choice: int) -> Outcome:
        try:
            return self.subject.checked_step(source, action, choice)
        except ValueError as error:
            raise ValueError(f"{error}; action {action} in state {label_text(self.found.keys[state])}") from error
        except RandomStepError as step:
            (once, reward, _), (again, other, _) = step.once, step.again
            raise ValueError(
                f"env: action {action} in state {label_text(self.found.keys[state])} once led to {label_text(once)} "
                f"with reward {reward} and once to {label_text(again)} with reward {other}; compile_env needs "
                "a deterministic environment. Write this one as a powerenvs.World"
            ) from None

    def _visit(self, copied: Any, observation: Any, memory: dict[str, Hashable], ended: bool) -> int:
        """The number of a copy's state; a copy that remembers something new there is stepped later."""
        key = self.subject.key(copied, observation)
        try:
            state = self.found.numbers.setdefault((key, *map(memory.get, self.relevant)), len(self.found.numbers))
        except TypeError:
            raise ValueError(f"key: expected a hashable state, found {type(key).__name__}") from None
        if state == len(self.found.keys):
            self._add(key, copied, observation)
        for component, value in memory.items():
            self.found.values.setdefault(component, set()).add(value)
        if ended:
            return state
        known = self._stepped[state]
        if not known:
            self._memories[state] = memory
            self.found.observations[state], self.found.forms[state] = observation, self.subject.form(observation)
        else:
            self._compare_shown(state, observation, lambda: memory)
        if len(known) <= VARIANTS and all(_names(memory, other) - (self._clocks or {}).keys() for other in known):
            known.append(memory)
            self._queue.append((state, copied, memory))
        return state

    def _add(self, key: Hashable, copied: Any, observation: Any) -> None:
        if len(self.found.keys) >= self.max_states:
            raise ValueError(
                f"{self.subject.name}: found more than max_states={self.max_states:,} states; raise max_states if time "
                "allows"
            )
        version = self._versions.get(key, 0)
        if version >= MEMORIES:
            raise ValueError(
                f"env: {self.told}, depending on {' and '.join(self.relevant)}, which takes more than {MEMORIES} "
                f"values in state {label_text(key)} alone, so no table of states can hold it; leave it out, or give a "
                "key= that says what of it matters"
            )
        self._versions[key] = version + 1
        self.found.keys.append(key)
        self.found.versions.append(version)
        self.found.places.append(self.subject.place(copied))
        self.found.rows.append({})
        self._memories.append({})
        self.found.observations.append(observation)
        self.found.forms.append(None)
        self._stepped.append([])

    def _compare_shown(self, state: int, observation: Any, memory: Callable[[], dict[str, Hashable]]) -> None:
        if self.subject.form(observation) != self.found.forms[state]:
            self.found.unclear.add(state)
            components = self._differing(state, memory()) if self.subject.splits else None
            if components:
                raise _DifferenceError(
                    f"state {label_text(self.found.keys[state])} showed one observation once and another later",
                    components,
                )

    def _differing(self, state: int, memory: dict[str, Hashable]) -> set[str]:
        """What a copy remembers otherwise than the first of its state."""
        return _names(self._memories[state], memory) - set(self.relevant)

    def _time(self, before: dict[str, Hashable], after: dict[str, Hashable]) -> None:
        """Tells the numbers that every step changes by the same amount, which copies are not stepped again for."""
        candidates = before if self._clocks is None else self._clocks
        changes = {name: _change(before.get(name), after.get(name)) for name in candidates}
        kept = self._clocks or changes
        self._clocks = {name: by for name, by in changes.items() if by and by == kept[name]}

    def _told_row(self, entries: Sequence[Entry] | None) -> str:
        told = [
            f"{label_text(self.found.keys[target])} with reward {reward}"
            + (", which ended the episode" if ended else "")
            for _, target, reward, ended, _ in entries or ()
        ]
        return " or ".join(told) if told else "nothing"


def _names(first: dict[str, Hashable], second: dict[str, Hashable]) -> set[str]:
    """The attributes that two copies remember differently."""
    if first == second:
        return set()
    return {name for name in first | second if first.get(name) != second.get(name)}


def _change(before: Hashable, after: Hashable) -> float:
    """By how much a number has grown; 0 for anything else."""
    if isinstance(before, (int, float)) and isinstance(after, (int, float)):
        return float(after - before)
    return 0.0


def _merged(found: Found) -> Found:
    """The states with those joined that have the same key and the same future."""
    key_number = {key: i for i, key in reversed(list(enumerate(found.keys)))}  # the first state of each key
    block = [key_number[key] for key in found.keys]
    count = 0
    while count < (count := len(set(block))):
        futures: dict[Hashable, int] = {}
        block = [
            futures.setdefault((block[i], _future(row, found.keys, block)), i) if row else block[i]
            for i, row in enumerate(found.rows)
        ]
    first_alive: dict[Hashable, int] = {}
    for i, row in enumerate(found.rows):
        if row:
            first_alive.setdefault(found.keys[i], block[i])
    block = [
        b if found.rows[i] else first_alive.get(found.keys[i], key_number[found.keys[i]]) for i, b in enumerate(block)
    ]
    kept = sorted(set(block))
    number = {b: i for i, b in enumerate(kept)}
    versions: dict[Hashable, int] = {}
    starts = [number[block[i]] for i in found.starts]
    merged = Found(starts=starts, relevant=found.relevant, values=found.values)
    merged.numbers = {key: number[block[i]] for key, i in found.numbers.items()}
    merged.unclear = {number[block[i]] for i in found.unclear}
    for i, row in enumerate(found.rows):
        if row and found.forms[i] != found.forms[block[i]]:
            merged.unclear.add(number[block[i]])
    for b in kept:
        key = found.keys[b]
        merged.keys.append(key)
        merged.versions.append(versions.get(key, 0))
        versions[key] = merged.versions[-1] + 1
        merged.places.append(found.places[b])
        merged.observations.append(found.observations[b])
        merged.forms.append(found.forms[b])
        merged.rows.append(
            {
                action: [(p, number[block[t]], reward, ended, performance) for p, t, reward, ended, performance in row]
                for action, row in found.rows[b].items()
            }
        )
    return merged


def _future(row: dict[int, list[Entry]], keys: Sequence[Hashable], block: Sequence[int]) -> Hashable:
    """What the actions of a state lead to; of an episode's end only the key counts."""
    return frozenset(
        (action, choice, p, keys[target] if ended else block[target], reward, ended, performance)
        for action, entries in row.items()
        for choice, (p, target, reward, ended, performance) in enumerate(entries)
    )
