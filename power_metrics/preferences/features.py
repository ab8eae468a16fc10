"""What reward models see of a step: places in tables, linear features, or observations and actions for networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.agents.observations import state_observations
from power_metrics.arguments.checks import as_float64, resolve_model
from power_metrics.preferences.segments import Segment, flat_observation, tables_or_none
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
KINDS = ("state", "state_action", "transition", "network")

LEVEL = 10.0
"""The last feature of tables, the same for all steps: what nobody has compared pays the level of the rest, and not 0.

Pairs of equal length say nothing of it. It is larger than others, so that the regulariser hardly holds it back.
"""


class TableFeatures:
    """Features of the transitions of a model, in which rewards are linear.

    Args:
        mdp: the model, with S states and A actions.
        kind: "state" for one number for each state that a step leads to, "state_action" for one for each state and
            action, "transition" for one for each transition that is possible; or features of one's own, (S, K) of the
            state that a step leads to, or (S, A, K).

    Attributes:
        mdp: the model.
        entries: (transitions of the model, K) sparse: the features of each.

    Raises:
        ValueError: for other kinds and shapes.
    """

    def __init__(self, mdp: TabularMDP, kind: Any = "state_action"):
        self.mdp = mdp
        count, rows = len(mdp.successor), np.repeat(np.arange(mdp.num_rows), np.diff(mdp.indptr))
        self._keys = rows * mdp.num_states + mdp.successor
        self._order = np.argsort(self._keys, kind="stable")
        if isinstance(kind, str):
            if kind not in KINDS[:3]:
                raise ValueError(f"kind: unknown {kind!r}; {closest(kind, KINDS)}")
            places = {"state": mdp.successor, "state_action": rows, "transition": np.arange(count)}[kind]
            width = {"state": mdp.num_states, "state_action": mdp.num_rows, "transition": count}[kind]
            found = scipy.sparse.csr_array((np.ones(count), (np.arange(count), places)), shape=(count, width))
        else:
            given = as_float64("kind", kind)
            if given.ndim == 2 and len(given) == mdp.num_states:
                dense = given[mdp.successor]
            elif given.ndim == 3 and given.shape[:2] == (mdp.num_states, mdp.num_actions):
                dense = given.reshape(mdp.num_rows, -1)[rows]
            else:
                raise ValueError(
                    f"kind: expected one of {', '.join(KINDS)}, or features (S, K) or (S, A, K) with S = "
                    f"{mdp.num_states} and A = {mdp.num_actions}, found shape {given.shape}"
                )
            if not np.isfinite(dense).all():
                raise ValueError("kind: expected finite features, found some that are not")
            found = scipy.sparse.csr_array(dense)
        if isinstance(kind, str):
            found = scipy.sparse.hstack([found, np.full((count, 1), LEVEL)])
        # Nothing is paid after the end, where no segment goes.
        going = (~mdp.terminal[rows // mdp.num_actions]).astype(float)
        self.entries = scipy.sparse.csr_array(scipy.sparse.diags_array(going) @ found)

    def places(self, segment: Segment) -> NDArray[np.int64]:
        """(T,) which transition of the model each step was.

        Raises:
            ValueError: for a step that the model does not have.
        """
        mdp = self.mdp
        if segment.states is None or segment.actions.ndim != 1 or segment.actions.dtype.kind != "i":
            raise ValueError("segments: expected states and actions of the model, found a segment without")
        inside = segment.states.max() < mdp.num_states and segment.actions.min() >= 0
        if not (inside and segment.actions.max() < mdp.num_actions):
            raise ValueError("segments: expected states and actions of the model, found others")
        wanted = (segment.states[:-1] * mdp.num_actions + segment.actions) * mdp.num_states + segment.states[1:]
        at = np.minimum(np.searchsorted(self._keys, wanted, sorter=self._order), len(self._keys) - 1)
        found: NDArray[np.int64] = self._order[at]
        if (self._keys[found] != wanted).any():
            t = int(np.flatnonzero(self._keys[found] != wanted)[0])
            raise ValueError(
                f"segments: expected steps that the model has, found action {segment.actions[t]} from state "
                f"{segment.states[t]} to {segment.states[t + 1]}"
            )
        return found

    def rows(self, segment: Segment) -> Any:
        """(T, K) the features of each step, sparse."""
        return self.entries[self.places(segment)]

    def design(self, segments: Sequence[Segment]) -> tuple[Any, scipy.sparse.csr_array]:
        """(U, K) features of U different steps, and (segments, U) how often each is in a segment."""
        places = [self.places(segment) for segment in segments]
        return self.entries, _counts(places, len(self._keys))


class StepFeatures:
    """Linear features of one's own in any environment: a function (observation, action, observation after) -> (K,)."""

    def __init__(self, function: Callable[[Any, Any, Any], Any]):
        self._function = function

    def one(self, seen: Any, action: Any, after: Any) -> Floats:
        """(K,) the features of a step."""
        found = np.asarray(self._function(seen, action, after), dtype=np.float64).ravel()
        if not len(found) or not np.isfinite(found).all():
            raise ValueError(f"kind: expected a function that gives finite numbers, found {found}")
        return found

    def rows(self, segment: Segment) -> Any:
        """(T, K) the features of each step."""
        if segment.observations is None:
            raise ValueError("segments: expected observations, which features are made of, found a segment without")
        seen, taken = segment.observations, segment.actions
        return np.array([self.one(seen[t], taken[t], seen[t + 1]) for t in range(len(segment))])

    def design(self, segments: Sequence[Segment]) -> tuple[Any, scipy.sparse.csr_array]:
        """(U, K) the features of all steps, and (segments, U) which are in a segment."""
        return np.concatenate([self.rows(one) for one in segments]), _owners(segments)


class NetworkInputs:
    """What networks see of a step: the observation, the action and the observation after, one after the other.

    Observations are those of the states of a model, where there is one, and else those that segments have, less their
    mean and over their deviation in the first segments that are seen.

    Args:
        env: the environment.

    Raises:
        ValueError: for observations of a model that are not a function of its states, and other actions than whole
            numbers and vectors.
    """

    def __init__(self, env: Any):
        self.mdp = tables_or_none(env) if not isinstance(env, TabularMDP) else env
        space = None if isinstance(env, TabularMDP) else env.action_space
        self._actions = self.mdp.num_actions if self.mdp is not None else _number_of_actions(space)
        self._states: Floats | None = None
        self.centre: Floats | None = None
        self.width: Floats | None = None
        self._table: TableFeatures | None = None
        if self.mdp is not None:
            self._states, self._table = state_features(env), TableFeatures(self.mdp, "transition")

    def one(self, seen: Any, action: Any, after: Any) -> Floats:
        """The input of a step; of states of a model, where there is one."""
        return self._joined(np.asarray(seen)[None], np.asarray(action)[None], np.asarray(after)[None])[0]

    def rows(self, segment: Segment) -> Floats:
        """(T, K) the input of each step."""
        name = "observations" if self._states is None else "states"
        seen = getattr(segment, name)
        if seen is None:
            raise ValueError(f"segments: expected {name}, which the networks see, found a segment without")
        return self._joined(seen[:-1], segment.actions, seen[1:])

    def design(self, segments: Sequence[Segment]) -> tuple[Any, scipy.sparse.csr_array]:
        """(U, K) the inputs of U steps, those of a model and (segments, U) how often each is in a segment."""
        if self._states is None and self.centre is None and all(one.observations is not None for one in segments):
            seen = [one.observations for one in segments if one.observations is not None]
            flat = np.concatenate([one.reshape(len(one), -1) for one in seen])
            self.centre = flat.mean(axis=0, dtype=np.float64)
            self.width = np.maximum(flat.std(axis=0, dtype=np.float64), 1e-6)
        if self._table is None:
            return np.concatenate([self.rows(one) for one in segments]), _owners(segments)
        places = [self._table.places(one) for one in segments]
        used, at = np.unique(np.concatenate(places), return_inverse=True)
        ends = np.cumsum([len(one) for one in places])[:-1]
        return self.all_entries[used], _counts(np.split(at, ends), len(used))

    @property
    def all_entries(self) -> Floats:
        """(transitions of the model, K) the inputs of each."""
        assert self.mdp is not None
        rows = np.repeat(np.arange(self.mdp.num_rows), np.diff(self.mdp.indptr))
        return self._joined(rows // self.mdp.num_actions, rows % self.mdp.num_actions, self.mdp.successor)

    def _joined(self, before: Any, actions: Any, after: Any) -> Floats:
        if self._states is not None:
            seen, reached = self._states[before], self._states[after]
        else:
            if self.centre is None or self.width is None:
                raise RuntimeError("the model sees its first segments in fit(); call that before")
            seen, reached = (
                np.clip((one.reshape(len(one), -1) - self.centre) / self.width, -10.0, 10.0) for one in (before, after)
            )
        if self._actions:
            taken = np.eye(self._actions)[np.asarray(actions, dtype=np.int64)]
        else:
            taken = np.asarray(actions, dtype=np.float64).reshape(len(actions), -1)
        return np.concatenate([seen, taken, reached], axis=1)


def _counts(places: Sequence[NDArray[np.int64]], width: int) -> scipy.sparse.csr_array:
    """(segments, width) how often each place is in each segment."""
    owner = np.repeat(np.arange(len(places)), [len(one) for one in places])
    joined = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
    found = scipy.sparse.coo_array((np.ones(len(joined)), (owner, joined)), shape=(len(places), width))
    return scipy.sparse.csr_array(found)  # which adds up what is there several times


def _owners(segments: Sequence[Segment]) -> scipy.sparse.csr_array:
    """(segments, steps of all) which step is in which segment."""
    ends = np.cumsum([len(one) for one in segments])
    return _counts([np.arange(end - len(one), end) for one, end in zip(segments, ends, strict=True)], int(ends[-1]))


def _number_of_actions(space: Any) -> int:
    """How many, of whole numbers from 0; 0 for vectors of numbers."""
    if isinstance(space, gym.spaces.Discrete) and space.start == 0:
        return int(space.n)
    if isinstance(space, gym.spaces.Box):
        return 0
    raise ValueError(f"env: expected actions that are whole numbers from 0, or vectors of numbers, found {space}")


def state_features(env: Any) -> Floats:
    """(S, F) what a network sees in each state: its observation, flat; numbers of states as one of S."""
    observed = state_observations(env)
    if observed.discrete:
        return np.eye(observed.mdp.num_states)
    rows = [flat_observation(observed.space, observed.part(s)) for s in range(observed.mdp.num_states)]
    found = np.stack([row.ravel() for row in rows])
    return found / 255.0 if found.dtype == np.uint8 and found.max() > 1 else found.astype(np.float64)


def features_of(env: Any, kind: Any) -> TableFeatures | StepFeatures | NetworkInputs:
    """What a reward model of a kind sees in an environment.

    Raises:
        ValueError: for tables where there are none, and other kinds.
    """
    if isinstance(kind, str) and kind == "network":
        return NetworkInputs(env)
    if callable(kind):
        return StepFeatures(kind)
    return TableFeatures(resolve_model(env), kind)
