"""``P`` dictionaries, Gymnasium's toy-text form: ``{state: {action: [(probability, next state, reward, ended)]}}``."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from powerenvs.model import rows
from powerenvs.model.checks import array_of
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.foreign import is_a


class TaxiState(NamedTuple):
    """A state of Gymnasium's Taxi."""

    agent: tuple[int, int]
    passenger: str
    destination: str


PTable = Mapping[int, Mapping[int, Sequence[tuple[Any, ...]]]] | Sequence[Any]


def read_p(
    P: PTable,
    initial: ArrayLike,
    state_labels: Sequence[Hashable] | None = None,
    action_labels: Sequence[Hashable] | None = None,
    board: Sequence[str] | None = None,
    cells: ArrayLike | None = None,
) -> TabularMDP:
    """The model that a ``P`` dictionary describes. States keep their numbers.

    In ``P`` the end of an episode belongs to a transition, in a table to a state. A state that is entered
    only by transitions marked terminated becomes terminal (whatever ``P`` lists for it, an episode never
    goes on from there). A state that is entered both ways, or that episodes may start in, stays as it is
    and gets a terminal twin, labelled ``(label, "terminated")``, after the last state. Only transitions
    that an episode can take count.

    Args:
        P: the dictionary; its states are 0 to S - 1. Lists and arrays in place of dictionaries are numbered by
            position, keys may be NumPy numbers or whole floats, and entries may leave out whether the episode ends (it
            goes on then). A fifth number in an entry is the hidden performance of the transition, which is its reward
            otherwise.
        initial: (S,) start distribution.
        state_labels: S labels; the state numbers when not given.
        action_labels: A labels; the action numbers when not given.
        board: rows of text for pictures.
        cells: (S, 2) the place of each state on the board.

    Raises:
        ValueError: if the states or actions are not numbered from 0, or the rows are not distributions.
    """
    entries = entries_of(P)
    S, A = len(entries), _num_actions(entries)
    labels = tuple(range(S) if state_labels is None else state_labels)
    start = array_of("initial", initial, np.float64, (labels,))
    if start.shape != (S,):
        raise ValueError(f"initial: expected shape ({S},), found {start.shape}")
    listed = [(s * A + a, *entry) for s, row in entries.items() for a, row_of in row.items() for entry in row_of]
    table = np.array(listed, dtype=np.float64).reshape(-1, 6)
    row, target = table[:, 0].astype(np.int64), table[:, 2].astype(np.int64)
    probability, reward, ends, performance = table[:, 1], table[:, 3], table[:, 4].astype(bool), table[:, 5]

    if not np.all(probability >= 0):  # one below 0 could vanish in the sum of equal transitions
        s, a = divmod(int(row[np.argmin(probability >= 0)]), A)
        raise ValueError(
            f"P: expected probabilities of at least 0, found {[e[:4] for e in entries[s][a]]} in P[{s}][{a}]"
        )

    goes_on = (probability > 0) & ~ends
    source = row[goes_on] // A
    order = np.argsort(source, kind="stable")
    live = rows.reachable(rows.pointers(source[order], S), target[goes_on][order], start > 0)
    taken = live[row // A] & (probability > 0)
    entered_alive = live.copy()
    entered_ended = np.zeros(S, dtype=bool)
    entered_ended[target[taken & ends]] = True
    twins = np.flatnonzero(entered_ended & entered_alive)
    terminal = np.concatenate([entered_ended & ~entered_alive, np.ones(len(twins), dtype=bool)])

    twin_of = np.arange(S)
    twin_of[twins] = S + np.arange(len(twins))
    target = np.where(ends, twin_of[target], target)
    moving = ~terminal[row // A]
    total = S + len(twins)
    loops = np.flatnonzero(np.repeat(terminal, A))
    indptr, successor, probability, reward, performance = rows.compress(
        np.concatenate([row[moving], loops]),
        total * A,
        np.concatenate([target[moving], loops // A]).astype(np.int32),
        np.concatenate([probability[moving], np.ones(len(loops))]),
        np.concatenate([reward[moving], np.zeros(len(loops))]),
        np.concatenate([performance[moving], np.zeros(len(loops))]),
    )
    place = None if cells is None else np.asarray(cells)
    return TabularMDP(
        indptr=indptr,
        successor=successor,
        probability=probability,
        available=(np.diff(indptr) > 0).reshape(total, A),
        reward=reward,
        performance=performance,
        terminal=terminal,
        initial=np.concatenate([start, np.zeros(len(twins))]),
        state_labels=(*labels, *((labels[s], "terminated") for s in twins)),
        action_labels=None if action_labels is None else tuple(action_labels),  # type: ignore[arg-type]
        board=None if board is None else tuple(board),
        cells=None if place is None else np.concatenate([place, place[twins]]),
    )


def entries_of(P: PTable) -> dict[int, dict[int, list[tuple[Any, ...]]]]:
    """A table in one form: ``{state: {action: [(probability, next state, reward, ended, performance)]}}``.

    Raises:
        ValueError: for what is no such table.
    """
    table = {s: _numbered(row, f"P[{s}]") for s, row in sorted(_numbered(P, "P").items())}
    S, A = len(table), _num_actions(table)
    if set(table) != set(range(S)) or A < 1 or any(a < 0 for row in table.values() for a in row):
        raise ValueError(
            f"P: expected states 0 to {S - 1} with actions from 0, found states {list(table)[:5]} and {A} actions"
        )
    found = {
        s: {a: [_entry(entry, s, a) for entry in entries] for a, entries in row.items()} for s, row in table.items()
    }
    for s, row in found.items():
        for a, entries in row.items():
            for entry in entries:
                if not (0 <= entry[1] < S and entry[1] == int(entry[1])):
                    raise ValueError(f"P: expected next states 0 to {S - 1}, found {entry[1]} in P[{s}][{a}]")
    return found


def _num_actions(table: Mapping[int, Mapping[int, Any]]) -> int:
    return 1 + max((max(row, default=-1) for row in table.values()), default=-1)  # states past the end may list none


def _numbered(table: Any, name: str) -> dict[int, Any]:
    """A dictionary with numbers as keys, from one with NumPy numbers or whole floats, or from a list."""
    if isinstance(table, Mapping):
        try:
            numbers = [int(key) for key in table]
            if all(number == key for number, key in zip(numbers, table, strict=True)):
                return dict(zip(numbers, table.values(), strict=True))
        except (TypeError, ValueError):
            pass
        raise ValueError(f"{name}: expected numbers as keys, found {list(table)[:5]}")
    if isinstance(table, (Sequence, np.ndarray)) and not isinstance(table, str):
        return dict(enumerate(table))
    raise ValueError(f"{name}: expected a dictionary or a list, found {type(table).__name__}")


def _entry(entry: Any, s: int, a: int) -> tuple[Any, ...]:
    """Probability, next state, reward, ended, performance."""
    entry = entry.tolist() if isinstance(entry, np.ndarray) else entry
    if not isinstance(entry, Sequence) or not 3 <= len(entry) <= 5:
        raise ValueError(
            f"P: expected entries (probability, next state, reward, ended), found {entry!r} in P[{s}][{a}]"
        )
    defaults: list[Any] = [False, entry[2]]
    p, target, reward, ended, performance = [*entry, *defaults[len(entry) - 3 :]]
    try:
        return (
            float(p),
            int(target) if int(target) == target else target,
            float(reward),
            _ends(ended),
            float(performance),
        )
    except (TypeError, ValueError):
        raise ValueError(
            f"P: expected numbers, and True or False for whether the episode ends, found {entry!r} in P[{s}][{a}]"
        ) from None


def _ends(ended: Any) -> bool:
    """True or False; a TypeError for anything else, such as "False", which Python would take for True."""
    if not isinstance(ended, (bool, np.bool_)) and not (isinstance(ended, (int, float, np.number)) and ended in (0, 1)):
        raise TypeError
    return bool(ended)


def has_p(env: Any) -> bool:
    """Whether an environment, wrapped or not, has ``P`` and says where episodes start."""
    base = getattr(env, "unwrapped", env)
    return hasattr(base, "P") and _start_name(base) is not None


def _start_name(base: Any) -> str | None:
    """What an environment calls its start distribution: Gymnasium's name, or that of the first versions of Gym."""
    return next((name for name in ("initial_state_distrib", "isd") if hasattr(base, name)), None)


def is_toy(kind: type) -> bool:
    """Whether a class is one of Gymnasium's environments with ``P``."""
    return kind.__module__.startswith("gymnasium.envs.toy_text.") and "step" in vars(kind)


def from_gymnasium(env: Any) -> TabularMDP:
    """The model of a Gymnasium environment that has ``P``, wrapped or not.

    The start distribution is its ``initial_state_distrib``, or ``isd`` as the first versions of Gym called it.

    FrozenLake and CliffWalking get their cells as labels and a board; Taxi the features of its state.

    Raises:
        ValueError: for Taxi with a fickle passenger, whose ``P`` leaves out the change of mind.
    """
    env = getattr(env, "unwrapped", env)
    if getattr(env, "fickle_passenger", False):
        raise ValueError(
            "env: Taxi with fickle_passenger=True changes the destination outside its table P; make it without"
        )
    for base in type(env).__mro__:
        if is_toy(base) and type(env).step is not base.step:  # type: ignore[attr-defined]
            raise ValueError(
                f"env: {type(env).__name__} has a step of its own, which its table P does not know of; write what it "
                "does as a gymnasium.Wrapper, which is stepped through, or compile it by powerenvs.compile_env(env)"
            )
    labels: Sequence[Hashable] | None = None
    board: list[str] | None = None
    cells: NDArray[np.int64] | None = None
    actions: Sequence[str] | None = None
    if is_a(env, "gymnasium.envs.toy_text.frozen_lake:FrozenLakeEnv"):
        actions = ("left", "down", "right", "up")
        board = ["".join(glyph.decode() for glyph in row) for row in env.desc]
    elif is_a(env, "gymnasium.envs.toy_text.cliffwalking:CliffWalkingEnv"):
        actions = ("up", "right", "down", "left")
        last = env.shape[1] - 1
        board = ["".join("C" if cliff else "." for cliff in row) for row in env._cliff]
        board[-1] = "S" + board[-1][1:last] + "G"
    elif is_a(env, "gymnasium.envs.toy_text.taxi:TaxiEnv"):
        actions = ("south", "north", "east", "west", "pickup", "dropoff")
        names = ("red", "green", "yellow", "blue", "taxi")
        decoded = [tuple(env.decode(s)) for s in range(len(env.P))]
        labels = [TaxiState((r, c), names[p], names[d]) for r, c, p, d in decoded]
        cells = np.array([(r, c) for r, c, _, _ in decoded])
        board = ["." * 5] * 5
    if board is not None and cells is None:
        cells = np.array([(r, c) for r in range(len(board)) for c in range(len(board[0]))])
        labels = [(int(r), int(c)) for r, c in cells]
    return read_p(env.P, getattr(env, str(_start_name(env))), labels, actions, board, cells)
