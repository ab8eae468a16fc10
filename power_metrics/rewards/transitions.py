"""Reward functions on the transitions of a model, from whatever shape they come in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import as_float64, check_choice
from powerenvs.model import rows
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

CHANNELS = ("reward", "performance")
"""The two reward functions that every model has."""
EXTENSIONS = ("expected", "zero")
"""What impossible transitions pay, where a reward function does not say."""


class TransitionReward:
    """A reward function R(s, a, s') of a model with S states, A actions and n possible transitions.

    Args:
        mdp: the tables.
        given: "reward" or "performance" for a channel of the model; or an array, tensor or object of pandas: (S,), paid
            in the state that one is in, (S, A), (S, A, S), or (n,), one for each transition of the table.
        name: what messages call it.

    Raises:
        ValueError: for another word or shape, and for what is not finite.
    """

    def __init__(self, mdp: TabularMDP, given: Any, name: str):
        self.mdp, self.name = mdp, name
        S, A, n = mdp.num_states, mdp.num_actions, len(mdp.successor)
        if isinstance(given, str):
            array: Floats = getattr(mdp, check_choice(name, given, CHANNELS))
        else:
            # what has labels is put into the model's order; (n,) has none
            axes = {1: (mdp.state_labels,), 2: (mdp.state_labels, mdp.action_labels)}.get(np.ndim(given), ())
            array = as_float64(name, given, axes)
        if array.shape not in ((S,), (S, A), (S, A, S), (n,)):
            raise ValueError(
                f"{name}: expected shape ({S},), one reward for each state, ({S}, {A}), ({S}, {A}, {S}) or ({n},), one "
                f"for each possible transition, or one of {', '.join(CHANNELS)}, found shape {array.shape}"
            )
        if not (np.abs(array) <= rows.LARGEST).all():
            raise ValueError(f"{name}: expected finite numbers of at most {rows.LARGEST:g} in size, found others")
        self._array = array
        self._of_entries = array.shape == (n,) and n != S
        row = rows.entry_rows(mdp.indptr)
        self._state, self._action = row // A, row % A

    @property
    def constant(self) -> bool:
        """Whether it is the same number wherever it is given."""
        return bool(np.ptp(self._array) == 0.0)

    def of_transitions(self) -> Floats:
        """(n,) what each possible transition pays."""
        if self._of_entries:
            return self._array
        places = (self._state, self._action, self.mdp.successor)[: self._array.ndim]
        found: Floats = self._array[places]
        return found

    def of_actions(self) -> Floats:
        """(S, A) what each action pays on average; 0 where it is unavailable."""
        paid = self.of_transitions() * self.mdp.probability
        return rows.row_sums(self.mdp.indptr, paid).reshape(self.mdp.available.shape)

    def dense(self, first: int, last: int, extension: str) -> Floats:
        """(last - first, A, S) what each transition from these states pays, impossible ones included.

        A reward of transitions says nothing about those that cannot happen. With "expected", they pay what their action
        pays on average, and actions that a state lacks pay the mean of those that it has; with "zero" they pay 0.
        """
        mdp = self.mdp
        shape = (last - first, mdp.num_actions, mdp.num_states)
        if not self._of_entries:
            part = self._array[first:last]
            return np.broadcast_to(part[(...,) + (None,) * (3 - part.ndim)], shape)
        found = np.zeros(shape)
        if extension == "expected":
            available, paid = mdp.available[first:last], self.of_actions()[first:last]
            mean = paid.sum(axis=1, keepdims=True) / available.sum(axis=1, keepdims=True)
            found[:] = np.where(available, paid, mean)[:, :, None]
        begin, end = mdp.indptr[first * mdp.num_actions], mdp.indptr[last * mdp.num_actions]
        here = slice(int(begin), int(end))
        found[self._state[here] - first, self._action[here], mdp.successor[here]] = self._array[here]
        return found

    def task(self) -> TabularMDP:
        """The model as a task with this reward; terminal states pay nothing."""
        return self.mdp.with_(reward=np.where(self.mdp.terminal[self._state], 0.0, self.of_transitions()))
