"""`TabularMDP`: the frozen tables that environments step through and metrics solve."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from powerenvs.model import rows
from powerenvs.model.arrays import Pairs, arrays_of, pairs_of, read_arrays
from powerenvs.model.base import Model
from powerenvs.model.checks import flag
from powerenvs.model.given import plain
from powerenvs.model.labels import Lookup, check_labels, closest, decode_label, encode_label, label_text
from powerenvs.model.seen import Seen

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False, repr=False)
class TabularMDP(Model):
    """A finite Markov decision process as tables, with S states and A actions.

    Row ``s * A + a`` of the compressed rows lists where action ``a`` leads from state ``s``. Arrays are
    read-only; `with_` makes changed copies. Every invariant below is checked on construction.

    Attributes:
        indptr: (S·A + 1,) int64, row pointers.
        successor: (nnz,) int32, next states.
        probability: (nnz,) float64 in (0, 1]; each row sums to 1 (to 1e-12) or is empty.
        reward: (nnz,) float64, the task's observed reward of each transition. Default: zeros.
        performance: (nnz,) float64, the hidden performance of each transition. Default: ``reward``.
        available: (S, A) bool, which actions exist; at least one in every state. Empty rows elsewhere.
        terminal: (S,) bool, absorbing states: every row a self-loop with reward and performance 0.
        initial: (S,) float64, start distribution. Default: uniform over states that are not terminal.
        state_labels: S unique hashables (see `powerenvs.model.labels`). Default: 0 to S - 1.
        action_labels: A unique hashables. Default: 0 to A - 1.
        board: rows of text that pictures draw states on ('#' is a wall), or None. Not part of the model:
            equality and `fingerprint` leave it and ``cells`` out.
        cells: (S, 2) int32, the (row, column) on ``board`` of each state; -1 where it has none.
        observation: (S,) int32, equal for states that an observer of the world's board cannot tell apart; None
            where every state looks different. Not part of the model either.
        seen: what an agent sees in each state, of models that `powerenvs.compile_env` has found. Neither in files nor
            in pickles.

    Raises:
        ValueError: naming the field, what was expected and what was found (states and actions by label).

    Example:
        >>> from powerenvs import TabularMDP
        >>> mdp = TabularMDP.from_transitions(
        ...     [("home", "walk", "shop", 0.9), ("home", "walk", "home", 0.1), ("shop", "stay", "shop", 1.0)],
        ...     initial="home", reward={("home", "walk", "shop"): 1.0})
        >>> mdp.describe(0)
        'home [start with probability 1; actions walk]'
        >>> mdp.action_rewards().tolist()
        [[0.9, 0.0], [0.0, 0.0]]
        >>> mdp.with_(terminal=[False, True]).terminal.tolist()
        [False, True]
    """

    indptr: NDArray[np.int64]
    successor: NDArray[np.int32]
    probability: NDArray[np.float64]
    available: NDArray[np.bool_]
    reward: NDArray[np.float64] = None  # type: ignore[assignment]  # filled in below
    performance: NDArray[np.float64] = None  # type: ignore[assignment]
    terminal: NDArray[np.bool_] = None  # type: ignore[assignment]
    initial: NDArray[np.float64] = None  # type: ignore[assignment]
    state_labels: tuple[Hashable, ...] = None  # type: ignore[assignment]
    action_labels: tuple[Hashable, ...] = None  # type: ignore[assignment]
    board: tuple[str, ...] | None = None
    cells: NDArray[np.int32] | None = None
    observation: NDArray[np.int32] | None = None
    seen: Seen | None = None

    content = ("indptr", "successor", "probability", "reward", "performance", "available", "terminal", "initial")
    pictures = ("cells", "observation")

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        available = np.asarray(plain("available", self.available, (self.state_labels, self.action_labels)))
        if available.ndim != 2 or 0 in available.shape or available.dtype != bool:
            raise ValueError(
                f"available: expected a bool array (states, actions), found {available.dtype} {available.shape}"
            )
        num_states, num_actions = available.shape
        put("available", rows.frozen("available", available, np.bool_))
        put(
            "state_labels",
            check_labels("state", range(num_states) if self.state_labels is None else self.state_labels, num_states),
        )
        put(
            "action_labels",
            check_labels(
                "action", range(num_actions) if self.action_labels is None else self.action_labels, num_actions
            ),
        )
        put("indptr", rows.frozen("indptr", self.indptr, np.int64))
        put("successor", rows.frozen("successor", self.successor, np.int32, (np.size(self.successor),)))
        count = (len(self.successor),)
        put("probability", rows.frozen("probability", self.probability, np.float64, count))
        put(
            "reward",
            rows.frozen("reward", np.zeros(count) if self.reward is None else self.reward, np.float64, count),
        )
        put(
            "performance",
            self.reward
            if self.performance is None
            else rows.frozen("performance", self.performance, np.float64, count),
        )
        self._freeze_states(num_states)
        if self.cells is not None:
            put("cells", rows.frozen("cells", self.cells, np.int32, (num_states, 2)))
        if self.observation is not None:
            put("observation", rows.frozen("observation", self.observation, np.int32, (num_states,)))
        self._check()

    def _check(self) -> None:
        S, A = self.available.shape
        rows.check_rows(self.indptr, self.successor, self.probability, S * A, S, self.row_name)
        rows.check_range("reward", self.reward)
        rows.check_range("performance", self.performance)
        rows.check_distribution("initial", self.initial)
        filled = (np.diff(self.indptr) > 0).reshape(S, A)
        if np.any(filled != self.available):
            s, a = (int(i) for i in np.argwhere(filled != self.available)[0])
            raise ValueError(
                f"available: expected actions to be available exactly where their row has entries, found "
                f"{bool(self.available[s, a])} for {self.row_name(s * A + a)}, which has "
                f"{'some' if filled[s, a] else 'none'}"
            )
        if not np.all(self.available.any(axis=1)):
            s = int(np.flatnonzero(~self.available.any(axis=1))[0])
            raise ValueError(
                f"available: expected at least one action in every state, found none in {self.state_name(s)}"
            )
        self._check_terminal()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "seen": None}  # it holds functions

    def _labels(self) -> Mapping[str, tuple[Hashable, ...]]:
        return {"states": self.state_labels, "actions": self.action_labels}

    def _features(self) -> Mapping[str, NDArray[Any]]:
        return {} if self.cells is None else {"cell": self.cells}

    def row_name(self, row: int) -> str:
        """A row for messages: its state and its action."""
        s, a = divmod(row, self.num_actions)
        return f"{self.state_name(s)}, action {a} ({label_text(self.action_labels[a])})"

    @classmethod
    def from_transitions(
        cls,
        transitions: Iterable[tuple[Hashable, Hashable, Hashable, float]],
        state_labels: Sequence[Hashable] | None = None,
        action_labels: Sequence[Hashable] | None = None,
        initial: ArrayLike | Mapping[Hashable, float] | Hashable | None = None,
        terminal: Iterable[Hashable] | None = None,
        reward: ArrayLike | Mapping[tuple[Hashable, Hashable, Hashable], float] | None = None,
        performance: ArrayLike | Mapping[tuple[Hashable, Hashable, Hashable], float] | None = None,
    ) -> TabularMDP:
        """Builds a model from a list of ``(state, action, next state, probability)``.

        States and actions are labels, or indices when ``state_labels`` or ``action_labels`` are given and
        do not contain them. Without labels given, they are numbered in order of first appearance (integers
        0 to n - 1 keep their own order). An action that a state has no transition for is unavailable
        there. Terminal states without transitions loop to themselves under every action.

        Args:
            transitions: the list; equal transitions add up, and rows that sum to 1 to 1e-6 (float32) are scaled to it.
            state_labels: all states, in order.
            action_labels: all actions, in order.
            initial: start distribution: (S,) array, a state, or {state: probability}.
            terminal: the absorbing states, or a (S,) bool array.
            reward: one number for each transition in the list, or {(s, a, s'): reward}, 0 where unnamed; labels or
                indices, as in the list.
            performance: hidden performance in the same form; equal to ``reward`` when not given.

        Raises:
            ValueError: for unknown names, wrong lengths, rows that do not sum to 1, and every check of the class.
        """
        listed, source, target, state_labels, mask = rows.read_list(transitions, "action", state_labels, terminal)
        action, action_labels = rows.label_indices("action", [t[1] for t in listed], action_labels)
        columns = source, action, target
        states, actions = Lookup("state", state_labels), Lookup("action", action_labels)

        def key(named: tuple[Hashable, Hashable, Hashable]) -> tuple[int, int, int]:
            s, a, t = named
            return states.index(s), actions.index(a), states.index(t)

        rewards = rows.per_transition("reward", reward, listed, columns, key)
        rewards = np.zeros(len(listed)) if rewards is None else rewards
        performances = rows.per_transition("performance", performance, listed, columns, key)
        performances = rewards if performances is None else performances
        indptr, successor, probability, rewards, performances = rows.compress_list(
            listed, source, action, target, mask, len(action_labels), rewards, performances
        )
        return cls(
            indptr=indptr,
            successor=successor,
            probability=probability,
            reward=rewards,
            performance=performances,
            available=(np.diff(indptr) > 0).reshape(len(state_labels), len(action_labels)),
            terminal=mask,
            initial=initial,  # type: ignore[arg-type]
            state_labels=state_labels,
            action_labels=action_labels,
        )

    @classmethod
    def from_arrays(
        cls,
        T: Any,
        R: Any = None,
        *,
        order: str | None = None,
        pairs: tuple[ArrayLike, ArrayLike] | None = None,
        initial: ArrayLike | Mapping[Hashable, float] | Hashable | None = None,
        terminal: ArrayLike | None = None,
        state_labels: Sequence[Hashable] | None = None,
        action_labels: Sequence[Hashable] | None = None,
    ) -> TabularMDP:
        """Builds a model from arrays, in the forms of QuantEcon, pymdptoolbox and others.

        Rows of T without entries are actions that do not exist, and so are those whose reward is -inf.

        Args:
            T: probabilities (S, A, S) or (A, S, S); next states (S, A), -1 where there is no action; a sparse matrix
                of SciPy (S·A, S); or a sparse matrix (S, S) for each action. With ``pairs``, (L, S).
            R: rewards (S,), (S, A), or in the shape of T; with ``pairs``, (L,). Zeros when not given.
            order: "sas" for (state, action, next state) or "ass" for (action, state, next state), where the shape of T
                does not tell.
            pairs: the state and the action of each of the L rows of T; ``action_labels`` tells of actions without any.
            initial: start distribution: (S,) array, a state, or {state: probability}.
            terminal: (S,) bool, the absorbing states.
            state_labels: S labels; the state numbers when not given.
            action_labels: A labels; the action numbers when not given.

        Raises:
            ValueError: for other shapes, and every check of the class.

        Example:
            >>> import numpy as np
            >>> from powerenvs import TabularMDP
            >>> TabularMDP.from_arrays(np.array([[1, 0], [1, 0]]), R=[0.0, 1.0]).P[1]
            {0: [(1.0, 1, 1.0, False)], 1: [(1.0, 0, 1.0, False)]}
        """
        entries = read_arrays(T, R, order, pairs, None if action_labels is None else len(action_labels))
        indptr, successor, probability, reward = entries.compressed()
        return cls(
            indptr=indptr,
            successor=successor,
            probability=probability,
            reward=reward,
            available=(np.diff(indptr) > 0).reshape(entries.shape),
            terminal=terminal,  # type: ignore[arg-type]
            initial=initial,  # type: ignore[arg-type]
            state_labels=state_labels,  # type: ignore[arg-type]
            action_labels=action_labels,  # type: ignore[arg-type]
        )

    def to_arrays(self, order: str = "sas", *, sparse: bool = False) -> tuple[Any, NDArray[np.float64]]:
        """The probabilities, and the expected rewards (S, A).

        The reward of an action that does not exist is -inf, and its probabilities are 0.

        Args:
            order: "sas" for probabilities (S, A, S), "ass" for (A, S, S).
            sparse: whether the probabilities are sparse arrays of SciPy: one (S·A, S), or for "ass" a list of A arrays
                (S, S), as pymdptoolbox takes them.

        Raises:
            ValueError: for an unknown order.

        Example:
            >>> from powerenvs import TabularMDP
            >>> mdp = TabularMDP.from_transitions([("a", "go", "b", 1.0), ("b", "go", "a", 1.0)], reward=[0.0, 2.0])
            >>> T, R = mdp.to_arrays("ass", sparse=True)
            >>> len(T), T[0].shape, R.tolist(), TabularMDP.from_arrays(T, R) == mdp.with_(state_labels=(0, 1),
            ...     action_labels=(0,))
            (1, (2, 2), [[0.0], [2.0]], True)
        """
        return arrays_of(self.transition_matrix(), self.action_rewards(), self.available, order, flag("sparse", sparse))

    def to_pairs(self, *, sparse: bool = False) -> Pairs:
        """A row for each pair of a state and an action that it has, as QuantEcon takes them.

        Args:
            sparse: whether the probabilities (L, S) are a sparse array of SciPy.

        Example:
            >>> from powerenvs import TabularMDP
            >>> mdp = TabularMDP.from_arrays([[0, 1], [1, -1]], R=[[0.0, 1.0], [2.0, 0.0]])
            >>> T, R, states, actions = mdp.to_pairs()
            >>> R.tolist(), states.tolist(), actions.tolist()
            ([0.0, 1.0, 2.0], [0, 0, 1], [0, 1, 0])
            >>> TabularMDP.from_arrays(T, R, pairs=(states, actions)) == mdp
            True
        """
        return pairs_of(self.transition_matrix(), self.action_rewards(), self.available, flag("sparse", sparse))

    # Sizes and lookups

    @property
    def num_actions(self) -> int:
        """A."""
        return int(self.available.shape[1])

    def action_index(self, label: Hashable) -> int:
        """The action with this label; a ValueError with the closest one if there is none."""
        try:
            return self.action_labels.index(label)
        except ValueError:
            raise ValueError(f"unknown action {label!r}; {closest(label, self.action_labels)}") from None

    def _action_notes(self, state: int) -> list[str]:
        if self.available[state].all():
            return []
        names = (label_text(self.action_labels[a]) for a in np.flatnonzero(self.available[state]))
        return [f"actions {', '.join(names)}"]

    def observation_classes(self) -> tuple[NDArray[np.int64], ...]:
        """The states that look alike: the indices of each class in order, classes by their first state.

        A class of more than one state is aliased: no policy that acts on the board alone can tell its states apart.
        """
        numbers = np.arange(self.num_states) if self.observation is None else self.observation
        _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
        members = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
        return tuple(members[k] for k in np.argsort(first))

    # Views

    def successors(self) -> NDArray[np.int32]:
        """(S, A) int32: the one next state of each action, -1 where it is unavailable.

        Raises:
            ValueError: if the model is stochastic; the message names a state and action.
        """
        return self._successors

    def transition_tensor(
        self,
        sparse: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        max_gib: float = 4.0,
    ) -> torch.Tensor:
        """The transition probabilities as a torch tensor.

        Args:
            sparse: False for a dense (S, A, S) tensor, True for sparse CSR (S·A, S).
            device: torch device.
            dtype: torch dtype; float64 when None.
            max_gib: the dense tensor is refused above this size, in GiB.

        Raises:
            ValueError: if the dense tensor would need more than ``max_gib``, and for an argument of another type.
        """
        from powerenvs.model.tensors import as_tensor

        return as_tensor(self.transition_matrix(), self.num_actions, flag("sparse", sparse), device, dtype, max_gib)

    def reward_tensor(self, performance: bool = False) -> torch.Tensor:
        """(S, A) float64 torch tensor: the expected reward (or hidden ``performance``) of each action.

        It is 0 where an action is unavailable.
        """
        import torch

        return torch.from_numpy(self.action_rewards(performance))

    def action_rewards(self, performance: bool = False) -> NDArray[np.float64]:
        """(S, A) the expected reward (or hidden ``performance``) of each action; 0 where it is unavailable."""
        values = self.performance if flag("performance", performance) else self.reward
        return rows.row_sums(self.indptr, self.probability * values).reshape(self.available.shape)

    @cached_property
    def P(self) -> dict[int, dict[int, list[tuple[float, int, float, bool]]]]:  # noqa: N802  the field's name for it
        """``{state: {action: [(probability, next state, reward, terminated)]}}``, as FrozenLake's ``P``.

        Unavailable actions have no key.
        """
        table: dict[int, dict[int, list[tuple[float, int, float, bool]]]] = {s: {} for s in range(self.num_states)}
        entries = list(
            zip(
                self.probability.tolist(),
                self.successor.tolist(),
                self.reward.tolist(),
                self.terminal[self.successor].tolist(),
                strict=True,
            )
        )
        for row in np.flatnonzero(np.diff(self.indptr)).tolist():
            s, a = divmod(row, self.num_actions)
            table[s][a] = entries[self.indptr[row] : self.indptr[row + 1]]
        return table

    def __repr__(self) -> str:
        kind = "deterministic" if self.deterministic else "stochastic"
        return (
            f"TabularMDP({self.num_states} states, {self.num_actions} actions, {self.num_transitions} transitions, "
            f"{kind}, {int(self.terminal.sum())} terminal, fingerprint {self.fingerprint[:12]})"
        )

    def _header(self) -> dict[str, Any]:
        return {
            "state_labels": [encode_label(label) for label in self.state_labels],
            "action_labels": [encode_label(label) for label in self.action_labels],
            "board": self.board,
        }

    @classmethod
    def _from_stored(cls, arrays: dict[str, Any], header: Mapping[str, Any]) -> TabularMDP:
        return cls(
            **arrays,
            state_labels=tuple(decode_label(label) for label in header["state_labels"]),
            action_labels=tuple(decode_label(label) for label in header["action_labels"]),
            board=header["board"],
        )
