"""Models from the arrays that other libraries use, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from powerenvs.model import rows
from powerenvs.model.checks import array_of
from powerenvs.model.given import plain

ORDERS = ("sas", "ass")


class Entries(NamedTuple):
    """The transitions of a model, and its size.

    Attributes:
        source: state of each entry.
        action: of each entry.
        target: next state of each entry.
        probability: of each entry.
        reward: of each entry.
        shape: numbers of states and of actions.
    """

    source: NDArray[Any]
    action: NDArray[Any]
    target: NDArray[Any]
    probability: NDArray[Any]
    reward: NDArray[np.float64]
    shape: tuple[int, int]

    def compressed(self) -> tuple[NDArray[Any], ...]:
        """``indptr, successor, probability, reward``; rows that sum to 1 to 1e-6 are scaled to it."""
        S, A = self.shape
        indptr, successor, probability, reward = rows.compress(
            (self.source * A + self.action).astype(np.int64),
            S * A,
            self.target.astype(np.int32),
            self.probability.astype(np.float64),
            self.reward,
        )
        return indptr, successor, rows.scaled(indptr, probability), reward


class Pairs(NamedTuple):
    """A model with a row for each pair of a state and an action that it has there, as QuantEcon has them.

    ``DiscreteDP(R, T, beta, states, actions)`` is the same model, and so is ``TabularMDP.from_arrays(T, R,
    pairs=(states, actions))``.

    Attributes:
        T: (L, S) the probabilities, dense or a sparse array of SciPy.
        R: (L,) the expected rewards.
        states: (L,) in rising order.
        actions: (L,) in rising order for each state.
    """

    T: Any
    R: NDArray[np.float64]
    states: NDArray[np.int64]
    actions: NDArray[np.int64]


def read_arrays(
    T: Any,
    R: Any = None,
    order: str | None = None,
    pairs: tuple[ArrayLike, ArrayLike] | None = None,
    num_actions: int | None = None,
) -> Entries:
    """The entries of arrays in any of the forms that `TabularMDP.from_arrays` takes.

    Raises:
        ValueError: for another shape, and for a cube whose order is not given.
    """
    if order not in (None, *ORDERS):
        raise ValueError(f"order: expected 'sas' or 'ass', found {order!r}")
    if pairs is not None:
        return _of_pairs(T, R, pairs, num_actions)
    if sparse.issparse(T) or _has_sparse(T):
        source, action, target, probability, shape = _of_sparse(T)
        found = order or "ass"
    else:
        source, action, target, probability, shape, found = _of_dense(T, order)
    S, A = shape
    R, keep = _rewards(R, source, action, target, shape, found)
    return Entries(source[keep], action[keep], target[keep], probability[keep], R[keep], (S, A))


def _of_dense(T: Any, order: str | None) -> Any:
    array = array_of("T", T, np.float64)
    if array.ndim == 2:
        if not np.all(array == np.floor(array)):
            raise ValueError("T: expected next states (S, A) as whole numbers, found others")
        array = array.astype(np.int64)
        outside = (array < -1) | (array >= len(array))
        if outside.any():
            s, a = (int(i) for i in np.argwhere(outside)[0])
            raise ValueError(
                f"T: expected next states 0 to {len(array) - 1}, or -1 where there is no action, found {array[s, a]} "
                f"for state {s}, action {a}"
            )
        source, action = np.nonzero(array >= 0)
        return source, action, array[source, action], np.ones(len(source)), array.shape, "sas"
    if array.ndim != 3 or array.shape[2] not in array.shape[:2]:
        raise ValueError(f"T: expected shape (S, A, S) or (A, S, S), or next states (S, A), found {array.shape}")
    first, second, last = array.shape
    fits = [name for name, size in zip(ORDERS, (first, second), strict=True) if size == last]
    if order is None:
        if len(fits) == 2:
            raise ValueError(
                "order: expected 'sas' for (state, action, next state) or 'ass' for (action, state, next state), "
                f"since the shape {array.shape} does not tell; found None"
            )
        order = fits[0]
    if order not in fits:
        raise ValueError(f"T: expected shape {'(S, A, S)' if order == 'sas' else '(A, S, S)'}, found {array.shape}")
    if order == "ass":
        array = array.transpose(1, 0, 2)
    source, action, target = np.nonzero(array)
    return source, action, target, array[source, action, target], array.shape[:2], order


def _of_sparse(T: Any) -> Any:
    """From one matrix (S·A, S), or a matrix (S, S) for each action."""
    if sparse.issparse(T):
        matrix = _matrix("T", T)
        S = matrix.shape[1]
        if S == 0 or matrix.shape[0] % S:
            raise ValueError(f"T: expected a sparse matrix (S·A, S), found {matrix.shape}")
        A = matrix.shape[0] // S
        source, action = np.divmod(matrix.coords[0], A)
        return source, action, matrix.coords[1], matrix.data, (S, A)
    parts = [_matrix(f"T[{a}]", part) for a, part in enumerate(T)]
    S = parts[0].shape[0]
    for a, part in enumerate(parts):
        if part.shape != (S, S):
            raise ValueError(f"T: expected matrices {(S, S)}, found {part.shape} for action {a}")
    action = np.repeat(np.arange(len(parts)), [part.nnz for part in parts])
    source, target = (np.concatenate([part.coords[axis] for part in parts]) for axis in (0, 1))
    return source, action, target, np.concatenate([part.data for part in parts]), (S, len(parts))


def _has_sparse(values: Any) -> bool:
    """Whether something is a list of sparse matrices, or an array that holds them."""
    listed = isinstance(values, Sequence) or (isinstance(values, np.ndarray) and values.dtype == object)
    return listed and any(sparse.issparse(part) for part in values)


def _matrix(name: str, values: Any) -> Any:
    """A sparse matrix, or what can be made one, with its entries as a list."""
    if not sparse.issparse(values):
        values = array_of(name, values, np.float64)
    elif values.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected real numbers, found a sparse matrix of {values.dtype}")
    if values.ndim != 2:
        raise ValueError(f"{name}: expected a matrix, found shape {values.shape}")
    return sparse.coo_array(values)


def _of_pairs(T: Any, R: Any, pairs: tuple[ArrayLike, ArrayLike], num_actions: int | None) -> Entries:
    """From a row for each pair of a state and an action."""
    if not isinstance(pairs, Sequence) or len(pairs) != 2:
        raise ValueError(f"pairs: expected (states, actions), found {type(pairs).__name__}")
    matrix = _matrix("T", T)
    length, S = (int(size) for size in matrix.shape)
    states, actions = (_numbers(f"pairs[{i}]", part, length) for i, part in enumerate(pairs))
    reward = np.zeros(length) if R is None else array_of("R", R, np.float64)
    if reward.shape != (length,):
        raise ValueError(f"R: expected shape {(length,)}, one reward for each pair, found {reward.shape}")
    A = len(np.unique(actions)) if num_actions is None else num_actions
    if length == 0 or states.max() >= S or actions.max() >= A:
        raise ValueError(
            f"pairs: expected states 0 to {S - 1} and actions 0 to {A - 1}, found up to "
            f"{max(states, default=None)} and {max(actions, default=None)}; action_labels tells of actions without any"
        )
    doubled = np.bincount(states * A + actions).argmax()
    if np.sum(states * A + actions == doubled) > 1:
        raise ValueError(f"pairs: expected each once, found state {doubled // A}, action {doubled % A} several times")
    row, target = matrix.coords
    return Entries(states[row], actions[row], target, matrix.data, reward[row], (S, A))


def _numbers(name: str, values: Any, length: int) -> NDArray[np.int64]:
    """Whole numbers from 0, one for each row of T."""
    array = array_of(name, values, np.float64)
    if array.shape != (length,) or not np.all((array >= 0) & (array == np.floor(array))):
        raise ValueError(f"{name}: expected {length} whole numbers from 0, one for each row of T, found {values!r}")
    return array.astype(np.int64)


def _rewards(
    R: Any, source: NDArray[Any], action: NDArray[Any], target: NDArray[Any], shape: tuple[int, int], order: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The reward of each entry, and which entries belong to actions that exist: a reward of -inf says otherwise."""
    S, A = shape
    if R is None:
        return np.zeros(len(source)), np.ones(len(source), dtype=bool)
    if _has_sparse(R):
        R = np.stack([plain("R", part) for part in R])
    array = array_of("R", R, np.float64)
    cube = (S, A, S) if order == "sas" else (A, S, S)
    if array.shape == (S,):
        found = array[source]
    elif array.shape == (S, A):
        found = array[source, action]
    elif array.shape == cube:
        found = array[source, action, target] if order == "sas" else array[action, source, target]
    else:
        raise ValueError(f"R: expected shape {(S,)}, {(S, A)} or {cube}, found {array.shape}")
    return found, found != -np.inf


def arrays_of(
    matrix: Any, expected: NDArray[np.float64], available: NDArray[np.bool_], order: str, is_sparse: bool
) -> tuple[Any, NDArray[np.float64]]:
    """Probabilities and expected rewards in the form that `TabularMDP.to_arrays` gives.

    Args:
        matrix: (S·A, S) sparse.
        expected: (S, A) rewards.
        available: (S, A) which actions there are.
        order: "sas" or "ass".
        is_sparse: whether the probabilities are.

    Raises:
        ValueError: for an unknown order.
    """
    if order not in ORDERS:
        raise ValueError(f"order: expected 'sas' or 'ass', found {order!r}")
    S, A = available.shape
    R = np.where(available, expected, -np.inf)
    if is_sparse:
        return (matrix if order == "sas" else [matrix[a::A] for a in range(A)]), R
    T = matrix.toarray().reshape(S, A, S)
    return (T, R) if order == "sas" else (np.ascontiguousarray(T.transpose(1, 0, 2)), R)


def pairs_of(matrix: Any, expected: NDArray[np.float64], available: NDArray[np.bool_], is_sparse: bool) -> Pairs:
    """The same with rows for those pairs only that there are."""
    states, actions = np.nonzero(available)
    T = matrix[np.flatnonzero(available)]
    return Pairs(T if is_sparse else T.toarray(), expected[states, actions], states, actions)
