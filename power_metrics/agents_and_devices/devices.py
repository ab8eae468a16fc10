"""Devices: which action follows which input, learned by counting."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from powerenvs.model import rows
from powerenvs.model.mdp import TabularMDP

NONE = -1
"""The action before the first."""

Input = Callable[[int, int], int]
"""(state, previous action) to what a device reads."""


def moving_actions(mdp: TabularMDP) -> NDArray[np.bool_]:
    """(S, A) whether an action may lead to another state: what an agent feels of the walls around it."""
    row = rows.entry_rows(mdp.indptr)
    moves = np.zeros(mdp.available.size, dtype=bool)
    moves[row[mdp.successor != row // mdp.num_actions]] = True
    return moves.reshape(mdp.available.shape)


def _walls(mdp: TabularMDP) -> Input:
    _, kind = np.unique(moving_actions(mdp), axis=0, return_inverse=True)
    kinds = kind.reshape(-1).tolist()
    return lambda state, previous: kinds[state]


def _observation(mdp: TabularMDP) -> Input:
    seen = (np.arange(mdp.num_states) if mdp.observation is None else mdp.observation).tolist()
    return lambda state, previous: seen[state]


INPUTS: dict[str, Callable[[TabularMDP], Input]] = {
    "nothing": lambda mdp: lambda state, previous: 0,
    "previous": lambda mdp: lambda state, previous: previous,
    "walls": _walls,
    "observation": _observation,
    "state": lambda mdp: lambda state, previous: state,
}
"""What a device may read: nothing, the previous action, which actions would move it, the observation, the state."""


def available_actions(mdp: TabularMDP) -> Callable[[int], list[int]]:
    """{state} to the actions that exist there; listed when first asked for, as walks see few of many states."""
    return functools.cache(lambda state: np.flatnonzero(mdp.available[state]).tolist())


class Counting:
    """Krichevsky and Trofimov's predictor, one for each input: (n_a + 1/2) / Σ (n + 1/2) over available actions.

    Args:
        mdp: the tables.
        inputs: names of `INPUTS`; a context is what all of them say.
    """

    def __init__(self, mdp: TabularMDP, inputs: Sequence[str]):
        self._inputs = [INPUTS[name](mdp) for name in inputs]
        self._available = available_actions(mdp)
        self._counts: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.5] * mdp.num_actions)
        self._previous = NONE

    def restart(self) -> None:
        """See `Predictor`."""
        self._counts.clear()
        self._previous = NONE

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        counts = self._counts[tuple(read(state, self._previous) for read in self._inputs)]
        self._previous = action
        return count_on(counts, self._available(state), action)


def count_on(counts: list[float], available: Sequence[int], action: int) -> float:
    """The log probability of an action by counts that begin at 1/2, which then count it."""
    found = float(np.log(counts[action] / sum(counts[a] for a in available)))
    counts[action] += 1.0
    return found
