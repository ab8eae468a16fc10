"""Which states a picture shows, and in which of its panels: states told apart by a feature of their labels."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.estimate import critical_value
from powerenvs.model.labels import closest, features

Floats = NDArray[np.float64]
By = str | Sequence[str] | Callable[[Any], Hashable]
"""What tells panels apart: a feature of the labels, several, or a function of a label."""
Where = Mapping[str, Any] | Callable[[Any], bool]
"""Which states are shown: {feature: value}, or a function of a label."""

MOST_PARTS = 12
"""The most panels that a picture is split into."""


@dataclass(frozen=True)
class Column:
    """A number for each of S states, as pictures of POWER take them.

    Attributes:
        mdp: the model, or a part of it; of a game, its states without a board.
        mean: (S,) the numbers.
        standard_error: (S,) of each; nan where it is not known.
        replicates: as those of `power_metrics.PowerEstimate`.
    """

    mdp: Any
    mean: Floats
    standard_error: Floats
    replicates: int | None = None

    @property
    def model(self) -> Any:
        """The model."""
        return self.mdp

    def confidence_interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """(low, high), each (S,)."""
        half = critical_value(level, self.replicates) * self.standard_error
        return self.mean - half, self.mean + half


class SomeStates(NamedTuple):
    """Some states of a model, as far as pictures need to know them.

    Attributes:
        board: of the model.
        cells: (K, 2) of these states; None without a board.
        terminal: (K,) which of them are.
        state_labels: their labels.
    """

    board: tuple[str, ...] | None
    cells: NDArray[np.int32] | None
    terminal: NDArray[np.bool_]
    state_labels: Sequence[Any]

    @property
    def num_states(self) -> int:
        """K."""
        return len(self.state_labels)


class Part(NamedTuple):
    """The states of one panel.

    Attributes:
        title: what they have in common; empty where nothing tells them from others.
        states: (K,) their indices.
    """

    title: str
    states: NDArray[np.int64]

    def of(self, values: Any) -> Column:
        """The same part of numbers for all states, which are like an estimate of POWER."""
        model, picked = values.mdp, self.states
        cells = None if model.cells is None else model.cells[picked]
        labels = [model.state_labels[s] for s in picked]
        view = SomeStates(model.board, cells, model.terminal[picked], labels)
        return Column(view, values.mean[picked], values.standard_error[picked], values.replicates)


def split(model: Any, by: By | None, where: Where | None) -> tuple[list[Part], list[str]]:
    """The parts of a model that a picture shows, a panel each, and what its note has to say of them.

    Args:
        model: whose states they are.
        by: see `By`; None for one part.
        where: see `Where`; None for all states.

    Raises:
        ValueError: for a feature or a value that no state has (with the closest), no states, or more than 12 parts.
    """
    labels, note = model.state_labels, []
    shown = np.ones(len(labels), dtype=bool)
    if callable(where):
        shown = np.array([bool(where(label)) for label in labels])
        note.append(f"{int(shown.sum()):,} of {len(labels):,} states")
    elif where is not None:
        for name, value in where.items():
            shown &= _having(labels, name, value)
            note.append(f"{name} = {value}")
    states = np.flatnonzero(shown)
    if not states.size:
        raise ValueError(f"where: expected at least one state, found none with {where!r}")
    if by is None:
        return [Part("", states)], note
    values = _values(labels, by)
    known = [s for s in states.tolist() if values[s] is not ...]
    if len(known) < len(states):
        note.append(f"{len(states) - len(known):,} without {_name(by)} left out")
    groups: dict[Any, list[int]] = {}
    for s in known:
        groups.setdefault(values[s], []).append(s)
    if len(groups) > MOST_PARTS:
        raise ValueError(
            f"by: expected a feature with up to {MOST_PARTS} values, found {len(groups)} of {_name(by)}; choose some "
            "states with where="
        )
    titles = {value: _title(by, value) for value in sorted(groups, key=_order)}
    return [Part(title, np.array(groups[value])) for value, title in titles.items()], note


def _values(labels: Sequence[Any], by: By) -> list[Any]:
    """What tells states apart, of each; ``...`` where a label does not have it."""
    if callable(by):
        return [by(label) for label in labels]
    names = (by,) if isinstance(by, str) else tuple(by)
    for name in names:
        _check_feature("by", labels, name)
    parts = [tuple(features(label).get(name, ...) for name in names) for label in labels]
    return [... if ... in part else part for part in parts]


def _having(labels: Sequence[Any], name: str, value: Any) -> NDArray[np.bool_]:
    """(S,) which states have this value of a feature, which may be given as text."""
    _check_feature("where", labels, name)
    found = [features(label).get(name, ...) for label in labels]
    same = np.array([each is not ... and (each == value or _same_text(each, value)) for each in found])
    if not same.any():
        known = dict.fromkeys(each for each in found if each is not ...)
        raise ValueError(f"where: no state has {name} = {value!r}; {closest(value, known)}")
    return same


def _same_text(value: Any, text: Any) -> bool:
    return isinstance(text, str) and str(value).lower() == text.lower()


def _check_feature(argument: str, labels: Sequence[Any], name: str) -> None:
    known = list(dict.fromkeys(key for label in labels for key in features(label)))
    if name not in known:
        near = closest(name, known) if known else "labels have none; give a function of a label"
        raise ValueError(f"{argument}: no state has a feature {name!r}; {near}")


def _name(by: By) -> str:
    return by if isinstance(by, str) else "a value" if callable(by) else " and ".join(by)


def _title(by: By, value: Any) -> str:
    if callable(by):
        return str(value)
    names = (by,) if isinstance(by, str) else tuple(by)
    return ", ".join(f"{name} = {part}" for name, part in zip(names, value, strict=True))


def _order(value: Any) -> tuple[int, Any]:
    """Numbers and tuples of them by size, anything else by its text."""
    parts = value if isinstance(value, tuple) else (value,)
    if all(isinstance(part, (int, float)) for part in parts):
        return 0, parts
    return 1, str(value)
