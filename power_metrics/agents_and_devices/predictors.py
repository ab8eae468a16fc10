"""What gives a probability to each action after each history: the words of this package, and mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.mdp import TabularMDP
from powerenvs.rollout import Rollout

Floats = NDArray[np.float64]


class Predictor(Protocol):
    """Sees a walk step by step, and predicts each action before it learns from it."""

    def update(self, state: int, action: int) -> float:
        """The log probability of the action in this state after all that was seen before; then both are seen."""

    def restart(self) -> None:
        """Forgets what was seen."""


def log_sum(terms: Floats) -> float:
    """The logarithm of Σ exp of all entries; -inf where all are."""
    top = float(terms.max(initial=-np.inf))
    return top if np.isinf(top) else top + float(np.log(np.exp(terms - top).sum()))


def log_of(chances: Any) -> Floats:
    """Logarithms, -inf of 0."""
    with np.errstate(divide="ignore"):
        found: Floats = np.log(np.asarray(chances, dtype=np.float64))
    return found


class Uniform:
    """Any available action, with the same probability."""

    def __init__(self, mdp: TabularMDP):
        self._log = -np.log(mdp.available.sum(axis=1))

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        return float(self._log[state])

    def restart(self) -> None:
        """See `Predictor`."""


class Fixed:
    """A policy (S, A) that nothing changes."""

    def __init__(self, policy: Floats):
        self._log = log_of(policy)

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        return float(self._log[state, action])

    def restart(self) -> None:
        """See `Predictor`."""


class Own:
    """A class of one's own, with the log probability of whole walks: an object with ``log_probability(history)``.

    The history is a `Rollout`: T + 1 states and the T actions taken in the first T of them. Of the last state, where
    the last action led, it must not make use; here it is the one in which the action was taken.
    """

    def __init__(self, mdp: TabularMDP, given: Any):
        self._mdp, self._given = mdp, given
        self._states: list[int] = []
        self._actions: list[int] = []
        self._before = 0.0

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        self._states.append(state)
        self._actions.append(action)
        states = np.array([*self._states, state], dtype=np.int64)
        history = Rollout(self._mdp, states, np.array(self._actions, dtype=np.int64))
        name = type(self._given).__name__
        try:
            total = float(self._given.log_probability(history))
        except TypeError as error:
            raise ValueError(f"{name}.log_probability: expected a number, found {error}") from None
        if np.isnan(total) or total > self._before + 1e-9:
            raise ValueError(
                f"{name}.log_probability: expected the logarithm of a probability, which longer walks cannot raise, "
                f"found {total:g} after {self._before:g}"
            )
        change = total - self._before if np.isfinite(self._before) else -np.inf
        self._before = total
        return change

    def restart(self) -> None:
        """See `Predictor`."""
        self._states.clear()
        self._actions.clear()
        self._before = 0.0


class Mixture:
    """Several predictors, of which one is right; it is not known which.

    Args:
        members: the predictors.
        weights: of each, beforehand; they sum to 1.

    Attributes:
        posterior: (M,) of each, after what was seen; zeros where all are ruled out.
    """

    def __init__(self, members: Sequence[Predictor], weights: Floats):
        self.members = members
        self._log = self._first = log_of(weights)

    @property
    def posterior(self) -> Floats:
        """(M,) of each member."""
        found: Floats = np.exp(self._log)
        return found

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        joint = self._log + np.array([member.update(state, action) for member in self.members])
        total = log_sum(joint)
        self._log = joint if np.isinf(total) else joint - total
        return total

    def restart(self) -> None:
        """See `Predictor`."""
        self._log = self._first
        for member in self.members:
            member.restart()
