"""`Model`: what `TabularMDP` and `TabularGame` have in common."""

from __future__ import annotations

import difflib
import os
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.checks import checked_board
from powerenvs.model.formats import MODELS, format_of
from powerenvs.model.labels import Lookup, closest, features, label_text
from powerenvs.model.npz import load_arrays, save_arrays
from powerenvs.model.rows import content_fingerprint, entry_rows, frozen, start_distribution

if TYPE_CHECKING:
    import scipy.sparse

AnyModel = TypeVar("AnyModel", bound="Model")


_FEW = 4096
"""Rows that are looked at before all are."""

INSTEAD = {
    "label": "state_labels[state], and describe(state) in words",
    "labels": "state_labels and action_labels",
    "states": "num_states, and state_labels",
    "actions": "num_actions, and action_labels",
    "rewards": "reward, of each entry of the tables, and reward_tensor() (S, A, S)",
    "R": "reward, of each entry of the tables, and reward_tensor() (S, A, S)",
    "T": "transition_tensor() (S, A, S)",
    "transitions": "transition_tensor() (S, A, S), and successors(state, action)",
}
"""Names that other programs have, and what is there for them."""


class Model(ABC):
    """Frozen tables in compressed rows with labelled states; a subclass is a frozen dataclass.

    The rows of state ``s`` follow each other: with k rows a state, they are rows ``s * k`` to ``s * k + k - 1``.
    """

    indptr: NDArray[np.int64]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    reward: NDArray[np.float64]
    performance: NDArray[np.float64]
    terminal: NDArray[np.bool_]
    initial: NDArray[np.float64]
    state_labels: tuple[Hashable, ...]
    board: tuple[str, ...] | None

    content: ClassVar[tuple[str, ...]]
    """The arrays that say which model it is; pictures are left out."""
    pictures: ClassVar[tuple[str, ...]]
    """The arrays, or None, that only pictures and observations need."""

    def _freeze_states(self, num_states: int) -> None:
        """Checks what every model says of its states, and puts it in its place: ends, starts and the board."""
        terminal = np.zeros(num_states, dtype=bool) if self.terminal is None else self.terminal
        object.__setattr__(self, "terminal", frozen("terminal", terminal, np.bool_, (num_states,)))
        initial = start_distribution(self.initial, self.state_labels, self.terminal)
        object.__setattr__(self, "initial", frozen("initial", initial, np.float64, (num_states,)))
        if self.board is not None:
            object.__setattr__(self, "board", checked_board(self.board))

    if not TYPE_CHECKING:  # else type checkers would take any name for one of a model's

        def __getattr__(self, name: str) -> Any:
            """Names what there is instead of a name that other programs have."""
            near = difflib.get_close_matches(name, [known for known in dir(type(self)) if known[0] != "_"], n=1)
            instead = INSTEAD.get(name, near[0] if near else None)
            hint = f"; there is {instead}" if instead and not name.startswith("_") else ""
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{hint}")

    @abstractmethod
    def _labels(self) -> Mapping[str, tuple[Hashable, ...]]:
        """Every kind of label, by name."""

    @abstractmethod
    def row_name(self, row: int) -> str:
        """State and action of a row, for messages."""

    @abstractmethod
    def _header(self) -> dict[str, Any]:
        """What a file holds besides arrays, as JSON values."""

    @classmethod
    @abstractmethod
    def _from_stored(cls: type[AnyModel], arrays: dict[str, Any], header: Mapping[str, Any]) -> AnyModel:
        """The model that a file holds; a KeyError or a TypeError for what is missing or of the wrong kind."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model to an ``.npz`` file without pickle, or to a Graphviz file (``.gv``); whole or not at all.

        Graphviz files hold labels as text and no board: see `powerenvs.sources.graphviz.files.save_gv`. Further formats
        are those of `powerenvs.sources.register_format`.

        Raises:
            ValueError: if a label is of a kind that cannot be stored (see `powerenvs.model.labels`).
        """
        special = format_of(path, MODELS)
        if special is not None:
            special.write(self, path)
            return
        save_arrays(path, type(self).__name__, *self.to_store())

    def to_store(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The arrays and the header (JSON values) that a file holds of the model; other files may hold them too."""
        arrays = {name: getattr(self, name) for name in self.content}
        arrays |= {name: getattr(self, name) for name in self.pictures if getattr(self, name) is not None}
        return arrays, self._header()

    @classmethod
    def from_store(cls: type[AnyModel], arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> AnyModel:
        """The model of which `to_store` gave the parts; all checks run again.

        Raises:
            ValueError: if they do not make a model of this kind.
        """
        try:
            return cls._from_stored(dict(arrays), header)
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"expected a complete {cls.__name__}, found none ({error})") from None

    @classmethod
    def load(cls: type[AnyModel], path: str | os.PathLike[str]) -> AnyModel:
        """Reads a model that `save` wrote, a Graphviz file (``.gv``) or another format; all checks run again.

        Raises:
            ValueError: if the file is not a saved model of this kind.
        """
        special = format_of(path, MODELS)
        if special is not None:
            found = special.read(path)
            if not isinstance(found, cls):
                raise ValueError(f"{os.fspath(path)!r}: expected a {cls.__name__}, found a {type(found).__name__}")
            return found
        arrays, header = load_arrays(path, cls.__name__)
        try:
            return cls.from_store(arrays, header)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r}: {error}") from None

    def _features(self) -> Mapping[str, NDArray[Any]]:
        """Features of states, (S, k), that `find` knows besides those of the labels."""
        return {}

    @abstractmethod
    def _action_notes(self, state: int) -> list[str]:
        """Which actions exist in a state, where some do not."""

    def state_name(self, s: int) -> str:
        """A state for messages: its number and its label."""
        return f"state {s} ({label_text(self.state_labels[s])})"

    def _check_terminal(self) -> None:
        """Raises a ValueError unless terminal states loop to themselves for nothing."""
        if not self.terminal.any():
            return
        rows = entry_rows(self.indptr)
        state = rows // (self.num_rows // self.num_states)
        paid = np.any(np.atleast_2d(self.reward) != 0, axis=0) | np.any(np.atleast_2d(self.performance) != 0, axis=0)
        bad = self.terminal[state] & ((self.successor != state) | paid)
        if np.any(bad):
            i = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"terminal: expected a terminal state to loop to itself with reward and performance 0, found "
                f"{self.row_name(int(rows[i]))} leading to {self.state_name(int(self.successor[i]))} with reward "
                f"{self.reward[..., i]} and performance {self.performance[..., i]}"
            )

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.state_labels)

    @property
    def num_rows(self) -> int:
        """The number of rows, empty ones included."""
        return len(self.indptr) - 1

    @property
    def num_transitions(self) -> int:
        """The number of stored entries, nnz."""
        return len(self.successor)

    @cached_property
    def deterministic(self) -> bool:
        """Whether every row that exists leads to exactly one state."""
        if int(np.diff(self.indptr).max()) == 1:
            return True
        rows = entry_rows(self.indptr[: _FEW + 1])  # where a row has several, as a rule one of the first has
        following = self.successor[: len(rows)]
        if np.any((rows[1:] == rows[:-1]) & (following[1:] != following[:-1])):
            return False
        return not self._splits().size

    def _splits(self) -> NDArray[np.int64]:
        """The rows with more than one next state; several entries, by reward, may share one."""
        rows = entry_rows(self.indptr)
        return rows[1:][(rows[1:] == rows[:-1]) & (self.successor[1:] != self.successor[:-1])]

    @cached_property
    def lookup(self) -> Lookup:
        """Finds states by their labels, by the text that these print as, or by their position."""
        return Lookup("state", self.state_labels)

    def index(self, label: Hashable) -> int:
        """The state with this label, or with the one label that prints as this text; a position stays as it is.

        Raises:
            ValueError: if there is none; the message has the closest label.
        """
        return self.lookup.index(label)

    def find(self, **wanted: Hashable) -> NDArray[np.int64]:
        """The states with these features, e.g. ``mdp.find(agent=(2, 3), intact=True)``.

        Features are the fields of named-tuple labels. Where the model has ``cells``, the (row, column) is one
        too: ``cell=(2, 3)`` of a `TabularMDP`, and each agent's name in a `TabularGame`.

        Returns:
            State indices in order; empty if no state has all the features.

        Raises:
            ValueError: if no state has a feature of that name.
        """
        found = np.ones(self.num_states, dtype=bool)
        for name, value in wanted.items():
            labelled = {key for label in self.state_labels for key in features(label)}
            if name in labelled:
                values = (features(label).get(name, ...) == value for label in self.state_labels)
                found &= np.fromiter(values, bool, self.num_states)
                continue
            known = self._features()
            if name not in known:
                names = sorted(labelled | set(known))
                raise ValueError(
                    f"find: no state has a feature {name!r}; {closest(name, names) if names else 'labels have none'}"
                )
            found &= np.all(known[name] == np.asarray(value), axis=1)
        return np.flatnonzero(found)

    def describe(self, state: int) -> str:
        """One line about a state: its features, whether it is terminal or a start, its actions if some are missing."""
        if not isinstance(state, (int, np.integer)) or not 0 <= state < self.num_states:
            raise ValueError(f"state: expected a whole number from 0 to {self.num_states - 1}, found {state!r}")
        notes = []
        if self.terminal[state]:
            notes.append("terminal")
        if self.initial[state] > 0:
            notes.append(f"start with probability {self.initial[state]:.4g}")
        notes += self._action_notes(state)
        return label_text(self.state_labels[state]) + (f" [{'; '.join(notes)}]" if notes else "")

    @cached_property
    def _successors(self) -> NDArray[np.int32]:
        if not self.deterministic:
            raise ValueError(
                "successors: expected a deterministic model, found several next states in "
                f"{self.row_name(int(self._splits()[0]))}"
            )
        table = np.full(self.num_rows, -1, dtype=np.int32)
        filled = np.flatnonzero(np.diff(self.indptr))
        table[filled] = self.successor[self.indptr[filled]]
        table.flags.writeable = False
        return table.reshape(self.num_states, -1)

    def transition_matrix(self) -> scipy.sparse.csr_array:
        """The transitions as a SciPy sparse array (rows, S); rows of what does not exist are empty."""
        import scipy.sparse

        shape = (self.num_rows, self.num_states)
        matrix = scipy.sparse.csr_array(
            (self.probability.copy(), self.successor.copy(), self.indptr.copy()), shape=shape
        )
        matrix.sum_duplicates()
        return matrix

    def with_(self: AnyModel, **changes: Any) -> AnyModel:
        """A copy with some fields changed, e.g. ``mdp.with_(reward=..., initial=...)``; all checks run again.

        Changing ``reward`` leaves ``performance`` as it is.

        Raises:
            ValueError: for an unknown field, and whatever the checks find.
        """
        known = [f.name for f in fields(self)]  # type: ignore[arg-type]  # subclasses are dataclasses
        for name in changes:
            if name not in known:
                raise ValueError(f"with_: unknown field {name!r}; {closest(name, known)}")
        return replace(self, **changes)  # type: ignore[type-var]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) of the arrays and labels: says which model a result belongs to."""
        arrays = {name: getattr(self, name) for name in self.content}
        return content_fingerprint(type(self).__name__, arrays, self._labels())

    def __eq__(self, other: object) -> bool:
        """Equal arrays and labels; what is there for pictures does not count."""
        if other is self:  # caches look their models up by equality, most often this one
            return True
        if not isinstance(other, Model) or type(other) is not type(self):
            return NotImplemented
        return self._labels() == other._labels() and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in self.content
        )

    def __hash__(self) -> int:
        return hash((self.num_states, self.num_rows, self.num_transitions, self.state_labels[:8]))

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False  # pickle does not keep this

    def __deepcopy__(self: AnyModel, memo: dict[int, Any]) -> AnyModel:
        return self  # nothing in it can change
