"""What logs say of each step: its episode, the state it began in, and the action; from whatever form logs have."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.observations import StateObservations, state_observations
from power_metrics.arguments.checks import resolve_model
from powerenvs.model.labels import Lookup
from powerenvs.model.mdp import TabularMDP

Ints = NDArray[np.int64]

STATES = ("states", "state")
OBSERVATIONS = ("observations", "observation", "obs")
ACTIONS = ("actions", "action")
EPISODES = ("episodes", "episode", "episode_id")
ENDS = (
    "terminals", "terminal", "terminations", "termination", "terminated", "timeouts", "timeout", "truncations",
    "truncation", "truncated", "dones", "done",
)  # fmt: skip
"""What columns are called; of the last, each marks the last step of an episode."""

DECIMALS = 4
"""Observations are the same if they agree to so many decimals."""

SUFFIXES = (".csv", ".jsonl", ".npz")


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of an agent, in the order of time within each episode, episodes one after the other.

    Attributes:
        mdp: the model.
        episode: (T,) from 0 on, without gaps.
        state: (T,) in which the step began; -1 where the observation is that of several states.
        action: (T,).
        ended: how many steps began in terminal states, such as those that only start the next episode; not among these.
        by_observation: whether states were found by what was observed.
        told: (S,) whether a state can be told: by observations, those that show something of their own.
    """

    mdp: TabularMDP
    episode: Ints
    state: Ints
    action: Ints
    ended: int
    by_observation: bool
    told: NDArray[np.bool_]

    @property
    def num_episodes(self) -> int:
        """How many episodes there are."""
        return int(self.episode[-1]) + 1

    def counts(self, block: Ints, num_blocks: int) -> NDArray[np.int64]:
        """(B, S, A) actions counted by a block (T,) of each step; without steps of unknown states."""
        found = np.zeros((num_blocks, *self.mdp.available.shape), dtype=np.int64)
        known = self.state >= 0
        np.add.at(found, (block[known], self.state[known], self.action[known]), 1)
        return found


def read_steps(trajectories: Any, env: Any, check: bool = True) -> Steps:
    """The steps of a log.

    Args:
        trajectories: as for `power_metrics.measure_behaviour`.
        env: the environment as the agent saw it, or a model.
        check: whether states have to follow each other as in the model.

    Raises:
        ValueError: for a log that has another form, states, observations or actions that the environment does not
            have, steps that it cannot take, and logs without a single step in a known state.
    """
    model = resolve_model(env)
    matcher: _Matcher | None = None
    episodes, states, actions = [], [], []
    for number, (what, seen, taken) in enumerate(_parts(trajectories)):
        if what == "states":
            found = _indices(seen, model.lookup, model.num_states, "states", 0)
        else:
            matcher = matcher or _Matcher(state_observations(env, check))
            found = matcher.states(seen)
        first = 0 if matcher is None else matcher.observed.first_action
        acts = _indices(taken, Lookup("action", model.action_labels), model.num_actions, "actions", first)
        if len(found) not in (len(acts), len(acts) + 1):
            raise ValueError(
                f"trajectories: expected an action for each state, and one more state at most, found {len(found):,} "
                f"states and {len(acts):,} actions in episode {number}"
            )
        if check:
            _check_steps(model, found, acts, number)
        episodes.append(np.full(len(acts), number))
        states.append(found[: len(acts)])
        actions.append(acts)
    if not episodes:
        raise ValueError("trajectories: expected at least one episode, found none")
    episode, state, action = (np.concatenate(one).astype(np.int64) for one in (episodes, states, actions))
    acting = (state < 0) | ~model.terminal[state]
    if not (acting & (state >= 0)).any():
        raise ValueError(f"trajectories: found no step in a known state that is not terminal, of {len(state):,} steps")
    episode = np.unique(episode[acting], return_inverse=True)[1].astype(np.int64)
    told = np.ones(model.num_states, dtype=bool) if matcher is None else matcher.told
    return Steps(model, episode, state[acting], action[acting], int((~acting).sum()), matcher is not None, told)


def _parts(given: Any) -> Iterator[tuple[str, Any, Any]]:
    """("states" or "observations", what was seen, actions) of each episode."""
    if isinstance(given, str | os.PathLike):
        given = _file(Path(given))
    if hasattr(given, "iterate_episodes"):  # a data set of Minari
        given = given.iterate_episodes()
    if hasattr(given, "to_dict") and hasattr(given, "columns"):  # a table of pandas
        given = {name: given[name].to_numpy() for name in given.columns}
    if isinstance(given, Mapping):
        yield from _of_columns(given)
    elif isinstance(given, tuple) and len(given) == 2:
        yield "states", *given
    elif hasattr(given, "__array__"):
        yield _of_pairs(np.asarray(given))
    elif isinstance(given, Iterable):
        for episode in given:
            yield _of_episode(episode)
    else:
        raise ValueError(
            "trajectories: expected a file, arrays by name, a data set of Minari or episodes, found "
            f"{type(given).__name__}"
        )


def _of_episode(episode: Any) -> tuple[str, Any, Any]:
    if isinstance(episode, Mapping):
        what, seen = _named(episode, STATES, OBSERVATIONS)
        return what, seen, _named(episode, ACTIONS)[1]
    if hasattr(episode, "observations") and hasattr(episode, "actions"):
        return "observations", episode.observations, episode.actions
    if isinstance(episode, tuple) and len(episode) == 2:
        return "states", *episode
    return _of_pairs(np.asarray(episode))


def _of_pairs(pairs: NDArray[Any]) -> tuple[str, Any, Any]:
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(
            "trajectories: expected episodes, each (states, actions), an array of (state, action) pairs, or a mapping "
            f"with {STATES[0]!r} or {OBSERVATIONS[0]!r} and {ACTIONS[0]!r}, found an array {pairs.shape}"
        )
    return "states", pairs[:, 0], pairs[:, 1]


def _named(columns: Mapping[str, Any], *names: tuple[str, ...]) -> tuple[str, Any]:
    """(what it is, the column) of the first of these names that there is."""
    for known in names:
        for name in known:
            if name in columns:
                return known[0], columns[name]
    wanted = " or ".join(repr(known[0]) for known in names)
    raise ValueError(f"trajectories: expected {wanted}, found only {', '.join(map(repr, columns))}")


def _of_columns(columns: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Flat arrays of all steps, cut into episodes by their numbers or after each step that ends one."""
    what, seen = _named(columns, STATES, OBSERVATIONS)
    actions = np.asarray(_named(columns, ACTIONS)[1])
    number = next((np.asarray(columns[name]) for name in EPISODES if name in columns), None)
    if number is None:
        ends = [np.asarray(columns[name]).astype(bool) for name in ENDS if name in columns]
        if not ends:
            yield what, seen, actions
            return
        over = np.logical_or.reduce(ends)
        number = np.concatenate([[0], np.cumsum(over)[:-1]])
    if number.shape != actions.shape[:1]:
        raise ValueError(
            f"trajectories: expected arrays of one length, found {len(actions):,} actions and {len(number):,} numbers "
            "or ends of episodes"
        )
    _, first, place = np.unique(number, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))[place]  # episodes in the order of their starts; copies may be interleaved
    order = np.argsort(rank, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(rank[order])) + 1):
        yield what, _taken(seen, part), actions[part]


def _taken(values: Any, rows: Ints) -> Any:
    if isinstance(values, Mapping):
        return {name: _taken(one, rows) for name, one in values.items()}
    return np.asarray(values)[rows]


def _file(path: Path) -> Any:
    """Columns, or episodes, of a file."""
    if path.suffix == ".csv":
        import pandas

        return pandas.read_csv(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        if not lines or not all(isinstance(line, dict) for line in lines):
            raise ValueError(f"trajectories: expected a JSON object on each line of {os.fspath(path)!r}")
        if isinstance(_named(lines[0], ACTIONS)[1], list):
            return lines  # an episode on each
        return {name: np.array([_cell(line, name, path) for line in lines]) for name in lines[0]}
    raise ValueError(f"trajectories: expected a name that ends in {', '.join(SUFFIXES)}, found {os.fspath(path)!r}")


def _cell(line: Mapping[str, Any], name: str, path: Path) -> Any:
    if name not in line:
        raise ValueError(f"trajectories: expected {name!r} on each line of {os.fspath(path)!r}, found {sorted(line)}")
    return line[name]


def _indices(given: Any, names: Lookup, count: int, what: str, first: int) -> Ints:
    """(T,) positions: whole numbers are those already, anything else is a label or its text.

    Raises:
        ValueError: for other numbers, and unknown labels.
    """
    values = given if isinstance(given, list) else np.asarray(given).tolist()
    if all(isinstance(value, int | float) and value == int(value) for value in values if value == value):
        numbers = np.asarray(values, dtype=np.float64)
        bad = np.flatnonzero(~((numbers >= first) & (numbers < first + count)))
        if bad.size:
            raise ValueError(
                f"trajectories: expected {what} from {first} to {first + count - 1}, or labels, found "
                f"{values[int(bad[0])]!r} at step {int(bad[0])} of an episode"
            )
        return numbers.astype(np.int64) - first
    known = {value: names.index(value, "trajectories") for value in {_hashable(value) for value in values}}
    return np.array([known[_hashable(value)] for value in values], dtype=np.int64)


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


class _Matcher:
    """States by what is observed in them."""

    def __init__(self, observed: StateObservations):
        self.observed = observed
        self.width = _rows(observed.values).shape[1:]
        keys = _keys(observed.values)
        self.of: dict[bytes, int] = {}
        for state, key in enumerate(keys):
            self.of[key] = -1 if key in self.of else state
        self.told = np.array([self.of[key] >= 0 for key in keys])

    def states(self, seen: Any) -> Ints:
        """(T,) the states of observations, -1 where they are those of several.

        Raises:
            ValueError: for observations of another shape, and those of no state.
        """
        if _rows(seen).shape[1:] != self.width:
            raise ValueError(
                f"trajectories: expected observations of {int(np.prod(self.width))} numbers, {self.observed.space}, "
                f"found some of {int(np.prod(_rows(seen).shape[1:]))}"
            )
        found = [self.of.get(key) for key in _keys(seen)]
        if None in found:
            raise ValueError(
                f"trajectories: the observation at step {found.index(None)} of an episode is that of no state; give "
                "the environment that the log is of, with the same level, observation=... and wrappers, or the states"
            )
        return np.array(found, dtype=np.int64)


def _rows(values: Any) -> NDArray[np.float64]:
    """(n, D) the numbers of each of n observations."""
    if isinstance(values, Mapping):
        return np.concatenate([_rows(values[name]) for name in sorted(values)], axis=1)
    if isinstance(values, tuple):
        return np.concatenate([_rows(one) for one in values], axis=1)
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"trajectories: expected observations that are numbers, found {array.dtype}")
    return array.reshape(len(array), -1).astype(np.float64)


def _keys(values: Any) -> list[bytes]:
    return [row.tobytes() for row in np.round(_rows(values), DECIMALS) + 0.0]  # -0.0 is 0.0


def _check_steps(mdp: TabularMDP, states: Ints, actions: Ints, episode: int) -> None:
    """Raises a ValueError for actions that a state lacks, and states that do not follow from the one before."""
    count = len(actions)
    here, rows = states[:count], states[:count] * mdp.num_actions + actions
    bad = np.flatnonzero((here >= 0) & ~mdp.available[here, actions])
    if bad.size:
        t = int(bad[0])
        raise ValueError(
            f"trajectories: step {t} of episode {episode} takes an action that is not there, {mdp.row_name(rows[t])}"
        )
    after = states[1:]
    here, rows = here[: len(after)], rows[: len(after)]
    known = np.flatnonzero((here >= 0) & (after >= 0) & ~mdp.terminal[here])
    if known.size:
        chance = np.asarray(mdp.transition_matrix()[rows[known], after[known]]).reshape(-1)
        bad = known[chance <= 0]
        if bad.size:
            t = int(bad[0])
            raise ValueError(
                f"trajectories: step {t} of episode {episode}, {mdp.row_name(rows[t])}, is followed by "
                f"{mdp.state_name(int(after[t]))}, where it does not lead. Give the environment that the log is of; "
                f"and where episodes end, by {EPISODES[0]!r} or {ENDS[0]!r} and 'timeouts'; check=False takes the "
                "log as it is"
            )
