"""Enumeration of the states that can be reached from a start, breadth first, as compressed rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.checks import real
from powerenvs.model.labels import closest, label_text
from powerenvs.model.rows import compress
from powerenvs.progress import progress_bar

MAX_STATES = 1_000_000
"""More states than this are not enumerated unless they are asked for."""

Transition = tuple[int, float, Hashable, tuple[float, ...]]
"""Number of the action, probability, next state, rewards."""


class Rules(NamedTuple):
    """What an enumeration asks of a world.

    Attributes:
        name: of the world, for messages.
        initial: the start states with their probabilities.
        terminal: whether a state is terminal.
        transitions: what may happen in a state.
        num_actions: how many actions (joint actions of a game) there are.
        num_columns: how many rewards a transition has.
    """

    name: str
    initial: Iterable[tuple[float, Hashable]]
    terminal: Callable[[Any], bool]
    transitions: Callable[[Any], Iterable[Transition]]
    num_actions: int
    num_columns: int


class Found(NamedTuple):
    """What an enumeration found, in compressed rows."""

    states: tuple[Any, ...]
    terminal: NDArray[np.bool_]
    initial: NDArray[np.float64]
    indptr: NDArray[np.int64]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    columns: list[NDArray[np.float64]]


def enumerate_states(rules: Rules, max_states: int, progress: bool | None) -> Found:
    """All states that can be reached from the start, breadth first, with their rows.

    Args:
        rules: of the world.
        max_states: stop with an error when more states than this are found.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.

    Raises:
        ValueError: for more states, and for negative probabilities, which could add up to a valid sum with others.
    """
    name, num_actions = rules.name, rules.num_actions

    number: dict[Hashable, int] = {}
    states: list[Hashable] = []
    rows: list[int] = []
    successors: list[int] = []
    probabilities: list[float] = []
    columns: list[tuple[float, ...]] = []

    def visit(state: Hashable) -> int:
        i = number.setdefault(state, len(states))
        if i == len(states):
            if i >= max_states:
                raise ValueError(
                    f"{name}: found more than max_states={max_states:,} states; raise max_states if memory allows, "
                    "or use a smaller level"
                )
            states.append(state)
        return i

    start = [(_checked(p, state, f"{name}.initial()"), visit(state)) for p, state in rules.initial]
    terminal: list[bool] = []
    with progress_bar(None, f"{name}: states", progress, unit="") as bar:
        while len(terminal) < len(states):  # visit() appends to states, which is also the queue
            i, state = len(terminal), states[len(terminal)]
            bar.update()
            terminal.append(bool(rules.terminal(state)))
            if terminal[i]:
                rows.extend(range(i * num_actions, (i + 1) * num_actions))
                successors.extend([i] * num_actions)
                probabilities.extend([1.0] * num_actions)
                columns.extend([(0.0,) * rules.num_columns] * num_actions)
                continue
            for action, p, target, paid in rules.transitions(state):
                if not real(p) >= 0:
                    _checked(p, target, f"{name}.step({label_text(state)}, ...)")
                if p != 0:
                    rows.append(i * num_actions + action)
                    successors.append(visit(target))
                    probabilities.append(p)
                    columns.append(paid)
    indptr, successor, probability, *merged = compress(
        np.array(rows, dtype=np.int64),
        len(states) * num_actions,
        np.array(successors, dtype=np.int32),
        np.array(probabilities, dtype=np.float64),
        *np.array(columns, dtype=np.float64).reshape(-1, rules.num_columns).T,
    )
    distribution = np.zeros(len(states))
    for p, i in start:
        distribution[i] += p
    return Found(tuple(states), np.array(terminal), distribution, indptr, successor, probability, merged)


def _checked(value: Any, state: Hashable, where: str) -> float:
    """The probability of a state, at least 0."""
    if not real(value) >= 0:
        raise ValueError(f"{where}: expected probabilities of at least 0, found {value!r} for {label_text(state)}")
    return float(value)


def action_number(name: str, state: Hashable, action: str, actions: tuple[str, ...]) -> int:
    """The position of an action that the world ``name`` says is available in a state."""
    if action not in actions:
        raise ValueError(
            f"{name}.available({label_text(state)}): unknown action {action!r}; {closest(action, actions)}"
        )
    return actions.index(action)
