"""Compressed rows: what `TabularMDP` and `TabularGame` have in common.

A table is a list of rows, one for each (state, action) or (state, joint action). Row ``i`` is the slice
``indptr[i]:indptr[i + 1]`` of the entry arrays, each entry one possible next state with its probability.
A row without entries is an action that does not exist in that state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from powerenvs.model.checks import array_of, as_list, real
from powerenvs.model.given import plain
from powerenvs.model.labels import Lookup, closest, encode_label, is_integer

TOLERANCE = 1e-12
"""How far from 1 the probabilities of a row, or of a start distribution, may sum."""

LARGEST = 1e140
"""The largest reward, so that squares of returns are numbers too."""

_CHECKED_ROWS = 1 << 20
"""Rows are summed up this many at a time, so that checking a large table takes little memory beside it."""

GIVEN_TOLERANCE = 1e-6
"""How far from 1 probabilities may sum that are given by lists, policies or files: these are often written in float32.
They are divided by their sums."""


def frozen(name: str, values: ArrayLike, dtype: Any, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """A read-only contiguous copy of ``values`` (or ``values`` itself if it is one), with its shape checked.

    A read-only view of an array that can still be written is copied too: it would change with that array.
    """
    array = array_of(name, values, dtype)
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, found {array.shape}")
    if _read_only(array):
        return array
    converted = array.base is None and isinstance(values, np.ndarray | list | tuple) and array is not values
    array = array if converted else array.copy()
    array.flags.writeable = False
    return array


def _read_only(array: Any) -> bool:
    """Whether neither the array nor any that it is a view of can be written."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None or isinstance(array, bytes)


def seal(*arrays: NDArray[Any]) -> None:
    """Makes arrays read-only, so that a model takes them as they are instead of copying them."""
    for array in arrays:
        array.flags.writeable = False


def row_sums(indptr: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of each row's entries; 0 for an empty row. Rows add up on their own, so one row's rounding
    does not depend on the others.
    """
    sums = np.zeros(len(indptr) - 1)
    filled = np.flatnonzero(np.diff(indptr))
    if filled.size:
        sums[filled] = np.add.reduceat(values, indptr[filled])
    return sums


def cumulative(indptr: NDArray[np.int64], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """(nnz,) float64: for each entry the sum of its row's probabilities up to it; exactly 1 for the last of a row."""
    total = probability.copy()
    first, count = indptr[:-1], np.diff(indptr)
    for k in range(1, int(count.max(initial=0))):
        entry = first[count > k] + k
        total[entry] += total[entry - 1]
    total[indptr[1:][count > 0] - 1] = 1.0
    return total


def entry_rows(indptr: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row of each entry, shape (nnz,)."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def check_rows(
    indptr: NDArray[np.int64],
    successor: NDArray[np.int32],
    probability: NDArray[np.float64],
    num_rows: int,
    num_states: int,
    row_name: Callable[[int], str],
) -> None:
    """Raises a ValueError unless the rows are well formed and each non-empty one sums to 1."""
    if indptr.shape != (num_rows + 1,):
        raise ValueError(
            f"indptr: expected shape ({num_rows + 1},), rows of all states and actions plus one, found {indptr.shape}"
        )
    falling = bool(np.any(indptr[1:] < indptr[:-1]))
    if indptr[0] != 0 or indptr[-1] != len(successor) or falling:
        raise ValueError(
            f"indptr: expected to rise from 0 to the number of entries, {len(successor)}, "
            f"found {indptr[0]} to {indptr[-1]}" + (", falling on the way" if falling else "")
        )
    if len(successor) and (successor.min() < 0 or successor.max() >= num_states):
        entry = int(np.flatnonzero((successor < 0) | (successor >= num_states))[0])
        raise ValueError(
            f"successor: expected states 0 to {num_states - 1}, found {successor[entry]} in "
            f"{row_name(int(np.searchsorted(indptr, entry, side='right') - 1))}"
        )
    if len(probability) and not (probability.min() > 0 and probability.max() <= 1 + TOLERANCE):
        entry = int(np.flatnonzero(~((probability > 0) & (probability <= 1 + TOLERANCE)))[0])
        raise ValueError(
            f"probability: expected values above 0 and at most 1, found {probability[entry]} in "
            f"{row_name(int(np.searchsorted(indptr, entry, side='right') - 1))}"
        )
    first: tuple[int, float] | None = None
    wrong = 0
    for begin in range(0, num_rows, _CHECKED_ROWS):
        part = indptr[begin : begin + _CHECKED_ROWS + 1]
        sums = row_sums(part - part[0], probability[part[0] : part[-1]])
        bad = np.flatnonzero((part[1:] > part[:-1]) & (np.abs(sums - 1) > TOLERANCE))
        if bad.size and first is None:
            first = begin + int(bad[0]), float(sums[bad[0]])
        wrong += bad.size
    if first is not None:
        raise ValueError(
            f"probability: expected every row to sum to 1 (to {TOLERANCE}), found {first[1]!r} "
            f"in {row_name(first[0])}" + (f" and {wrong - 1} more rows" if wrong > 1 else "")
        )


def check_distribution(name: str, values: NDArray[np.float64]) -> None:
    """Raises a ValueError unless the values are probabilities that sum to 1."""
    if not np.all(np.isfinite(values)) or np.any(values < 0) or abs(float(values.sum()) - 1) > TOLERANCE:
        raise ValueError(
            f"{name}: expected probabilities that sum to 1 (to {TOLERANCE}), found a sum of {float(values.sum())!r} "
            f"and a smallest value of {float(values.min())!r}"
        )


def check_range(name: str, values: NDArray[np.float64]) -> None:
    """Raises a ValueError unless all values are finite and no larger than `LARGEST`."""
    outside = ~(np.abs(values) <= LARGEST)
    if np.any(outside):
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        value = float(values[where])
        expected = f"numbers of at most {LARGEST:g} in size" if np.isfinite(value) else "finite numbers"
        place = f" at index {where if len(where) > 1 else where[0]}" if where else ""
        raise ValueError(f"{name}: expected {expected}, found {value}{place}")


def compress(
    rows: NDArray[np.int64],
    num_rows: int,
    successor: NDArray[np.int32],
    probability: NDArray[np.float64],
    *columns: NDArray[np.float64],
) -> tuple[NDArray[Any], ...]:
    """Sorts entries into rows and merges those that lead to the same state with the same columns.

    Entries of probability 0 are dropped. Equal transitions listed several times (as FrozenLake's table
    does) become one with the summed probability; transitions to one state with *different* rewards stay
    apart, so that the distribution of the reward is kept and not only its mean.

    Returns:
        ``indptr, successor, probability, *columns``, entries in order of (row, successor, columns).
    """
    keep = probability != 0
    if not keep.all():
        rows, successor, probability = rows[keep], successor[keep], probability[keep]
        columns = tuple(c[keep] for c in columns)
    if not _rising(rows, successor):
        keys: tuple[NDArray[Any], ...] = (*columns[::-1], successor, rows)
        order = np.lexsort(keys)
        rows, successor, probability = rows[order], successor[order], probability[order]
        columns = tuple(c[order] for c in columns)
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (rows[1:] != rows[:-1]) | (successor[1:] != successor[:-1])
        for c in columns:
            new[1:] |= c[1:] != c[:-1]
        starts = np.flatnonzero(new)
        probability = np.add.reduceat(probability, starts)
        rows, successor = rows[starts], successor[starts]
        columns = tuple(c[starts] for c in columns)
    return pointers(rows, num_rows), successor, probability, *columns


def _rising(rows: NDArray[np.int64], successor: NDArray[np.int32]) -> bool:
    """Whether entries are in order, and no two of a row lead to the same state: nothing to sort or to merge."""
    on = rows[1:] > rows[:-1]
    return bool(np.all(on | ((rows[1:] == rows[:-1]) & (successor[1:] > successor[:-1]))))


def read_list(
    transitions: Iterable[tuple[Any, ...]],
    action: str,
    state_labels: Sequence[Hashable] | None,
    terminal: Iterable[Hashable] | None,
) -> tuple[list[tuple[Any, ...]], NDArray[np.int64], NDArray[np.int64], tuple[Hashable, ...], NDArray[np.bool_]]:
    """A list of transitions ``(s, a, s', p)`` with its states as indices; ``action`` says what ``a`` is, for messages.

    Returns:
        The list, the state and the next state of each transition, all state labels, and the terminal mask.

    Raises:
        ValueError: for an empty list, anything that is no 4-tuple, or unknown states.
    """
    expected = f"tuples (state, {action}, next state, probability)"
    if isinstance(transitions, np.ndarray) and transitions.dtype.kind == "f" and transitions.ndim == 2:
        transitions = _rows_of(transitions)
    listed = [tuple(as_list("transitions", t, expected)) for t in as_list("transitions", transitions, expected)]
    if not listed or any(len(t) != 4 for t in listed):
        bad = next((t for t in listed if len(t) != 4), "an empty list")
        raise ValueError(f"transitions: expected tuples (state, {action}, next state, probability), found {bad!r}")
    names = [name for t in listed for name in (t[0], t[2])]
    if state_labels is None and terminal is not None and not isinstance(terminal, np.ndarray):
        terminal = as_list("terminal", terminal, "a list of states")
        names += terminal
    indices, labels = label_indices("state", names, state_labels)
    source, target = indices[: 2 * len(listed)].reshape(-1, 2).T
    return listed, source, target, labels, terminal_mask(terminal, labels)


def _rows_of(array: NDArray[np.floating[Any]]) -> list[tuple[Any, ...]]:
    """The rows of an array of transitions: the whole numbers among floats are indices."""
    whole = array[:, :3] == np.floor(array[:, :3])
    return [
        tuple(int(x) if i < 3 and is_whole[i] else float(x) for i, x in enumerate(row))
        for row, is_whole in zip(array, whole, strict=True)
    ]


def compress_list(
    listed: Sequence[tuple[Any, ...]],
    source: NDArray[np.int64],
    action: NDArray[np.int64],
    target: NDArray[np.int64],
    terminal: NDArray[np.bool_],
    num_actions: int,
    *columns: NDArray[np.float64],
) -> tuple[NDArray[Any], ...]:
    """`compress` for a list of transitions; terminal states without any loop to themselves under every action.

    Rows that sum to 1 only to `GIVEN_TOLERANCE` are scaled to do so.
    """
    silent = np.flatnonzero(terminal & ~np.isin(np.arange(len(terminal)), source))
    loops = np.repeat(silent, num_actions)
    every = np.tile(np.arange(num_actions), len(silent))
    indptr, successor, probability, *merged = compress(
        np.concatenate([source * num_actions + action, loops * num_actions + every]),
        len(terminal) * num_actions,
        np.concatenate([target, loops]).astype(np.int32),
        np.concatenate([_probabilities(listed), np.ones(len(loops))]),
        *(np.concatenate([column, np.zeros(len(loops))]) for column in columns),
    )
    return indptr, successor, scaled(indptr, probability), *merged


def scaled(indptr: NDArray[np.int64], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities, with rows that sum to 1 only to `GIVEN_TOLERANCE` scaled to do so."""
    sums = np.repeat(row_sums(indptr, probability), np.diff(indptr))
    rounded = (np.abs(sums - 1) > TOLERANCE) & (np.abs(sums - 1) <= GIVEN_TOLERANCE)
    return np.where(rounded, probability / sums, probability)


def _probabilities(listed: Sequence[tuple[Any, ...]]) -> NDArray[np.float64]:
    """(n,) those in a list of transitions."""
    found = array_of("probability", [t[3] for t in listed], np.float64)
    if found.ndim != 1:
        raise ValueError("probability: expected one number for each transition, found several")
    if np.any(found < 0):  # which could vanish in the sum of equal transitions
        raise ValueError(f"probability: expected numbers of at least 0, found {listed[int(np.argmax(found < 0))]!r}")
    return found


def pointers(rows: NDArray[np.integer[Any]], num_rows: int) -> NDArray[np.int64]:
    """(num_rows + 1,) where the entries of each row begin; ``rows`` has the row of each entry, in order."""
    indptr = np.zeros(num_rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=num_rows), out=indptr[1:])
    return indptr


def reachable(
    indptr: NDArray[np.integer[Any]], successor: NDArray[np.integer[Any]], starts: NDArray[Any]
) -> NDArray[np.bool_]:
    """(S,) the states that can be reached from where ``starts``, (S,), is not 0, those included.

    Args:
        indptr: row pointers; every state has as many rows as any other.
        successor: where each entry leads.
        starts: a start distribution, or a mask.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    count = len(starts)
    starts = np.flatnonzero(starts)
    # one more node with an edge to every start makes it a search from a single node
    edges = np.concatenate([successor, starts])
    begins = np.append(indptr[:: (len(indptr) - 1) // count], len(edges))
    graph = csr_array((np.ones(len(edges), dtype=np.int8), edges, begins), shape=(count + 1, count + 1))
    found = np.zeros(count + 1, dtype=bool)
    found[breadth_first_order(graph, count, return_predecessors=False)] = True
    return found[:count]


def label_indices(
    kind: str, used: Sequence[Hashable], labels: Sequence[Hashable] | None
) -> tuple[NDArray[np.int64], tuple[Hashable, ...]]:
    """Turns the names used in a list of transitions into indices.

    ``used`` holds labels or, where none of ``labels`` covers them, indices into ``labels``. Without
    ``labels`` the names are the labels, in order of first appearance; if all of them are the numbers
    0 to n - 1, in that order.

    Returns:
        The index of each used name, and the labels.

    Raises:
        ValueError: naming the first unknown name, with the closest known one.
    """
    try:
        if labels is None:
            distinct = tuple(dict.fromkeys(used))
            if all(_is_whole(u) for u in distinct) and set(distinct) == set(range(len(distinct))):
                distinct = tuple(range(len(distinct)))
            labels = distinct
        names = tuple(labels)
        index = {label: i for i, label in enumerate(names)}
        return np.fromiter((index[u] for u in used), np.int64, len(used)), names
    except TypeError as error:
        raise ValueError(f"transitions: expected a hashable label for each {kind} ({error})") from None
    except KeyError as error:
        unknown = error.args[0]
    if all(_is_whole(u) and 0 <= u < len(names) for u in used):  # type: ignore[operator]
        return np.fromiter((int(u) for u in used), np.int64, len(used)), names  # type: ignore[call-overload]
    raise ValueError(f"transitions: unknown {kind} {unknown!r}; {closest(unknown, names)}")


def _is_whole(value: object) -> bool:
    """Whether something is a whole number, be it a float, as lists made of arrays hold them."""
    return is_integer(value) or (isinstance(value, float) and value.is_integer())


def per_transition(
    name: str,
    values: ArrayLike | Mapping[Any, float] | None,
    transitions: Sequence[tuple[Any, ...]],
    columns: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    key: Callable[[Any], tuple[int, int, int]],
) -> NDArray[np.float64] | None:
    """Numbers that go with a list of transitions ``(s, a, s', p)``.

    Args:
        name: of the argument.
        values: a sequence in the same order, or a mapping from ``(s, a, s')``, where what it does not name is 0.
        transitions: the list.
        columns: s, a and s' of the list, as indices.
        key: turns what the mapping names into indices, or raises a ValueError.
    """
    if values is None:
        return None
    if not isinstance(values, Mapping):
        return frozen(name, values, np.float64, (len(transitions),))
    keys = list(zip(*(column.tolist() for column in columns), strict=True))
    known, found = set(keys), {}
    for given, value in values.items():
        try:
            place = key(given)
        except (TypeError, ValueError):
            place = None
        if place is None or place not in known:
            listed = {t[:3] for t in transitions}
            raise ValueError(f"{name}: {given!r} is not among the transitions; {closest(given, listed)}")
        found[place] = value
    return array_of(name, [found.get(place, 0.0) for place in keys], np.float64)


def start_distribution(initial: Any, labels: Sequence[Hashable], terminal: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A start distribution (S,) from an array, a state, a mapping state -> probability, or None: uniform over the
    states that are not terminal. One that sums to 1 only to `GIVEN_TOLERANCE` is scaled to do so.
    """
    if initial is None:
        weights = (~terminal if not terminal.all() else np.ones(len(labels), dtype=bool)).astype(np.float64)
        return weights / weights.sum()
    array = np.zeros(len(labels))
    if isinstance(initial, Mapping):
        states = Lookup("state", tuple(labels))
        for state, weight in initial.items():
            if real(weight) < 0:  # which could vanish in a sum: two names may mean one state
                raise ValueError(f"initial: expected probabilities of at least 0, found {weight!r} for {state!r}")
            array[states.index(state, "initial")] += real(weight)
    elif isinstance(given := plain("initial", initial, (labels,)), np.ndarray) and given.ndim:
        array = array_of("initial", given, np.float64)
    elif initial in (states := Lookup("state", tuple(labels))):
        array[states.index(initial)] = 1.0
    elif isinstance(initial, (str, int)) or (isinstance(initial, tuple) and len(initial) != len(labels)):
        states.index(initial, "initial")
    else:
        array = array_of("initial", initial, np.float64)
    total = array.sum()
    return array / total if TOLERANCE < abs(total - 1) <= GIVEN_TOLERANCE else array


def terminal_mask(terminal: Iterable[Hashable] | None, labels: Sequence[Hashable]) -> NDArray[np.bool_]:
    """Which states are terminal (S,), from a mask or from a list of states."""
    mask = np.zeros(len(labels), dtype=bool)
    if terminal is None:
        return mask
    if str(getattr(terminal, "dtype", None)) in ("bool", "boolean", "torch.bool"):
        terminal = plain("terminal", terminal, (labels,))
    if isinstance(terminal, np.ndarray) and terminal.dtype == bool:
        return terminal
    states = Lookup("state", tuple(labels))
    for state in as_list("terminal", terminal, "a list of states"):
        mask[states.index(state, "terminal")] = True
    return mask


def content_fingerprint(kind: str, arrays: Mapping[str, NDArray[Any]], labels: Mapping[str, Sequence[Hashable]]) -> str:
    """The sha256 (hex) of the arrays and labels: equal models have equal fingerprints, on every machine."""
    digest = hashlib.sha256(kind.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"|{name}:{little.dtype.str}:{little.shape}|".encode())
        digest.update(little.tobytes())
    for name in sorted(labels):
        digest.update(f"|{name}|".encode())
        for label in labels[name]:
            try:
                text = json.dumps(encode_label(label))
            except ValueError:  # a label that cannot be stored still tells models apart by how it prints
                text = repr(label)
            digest.update(text.encode() + b"\0")
    return digest.hexdigest()
