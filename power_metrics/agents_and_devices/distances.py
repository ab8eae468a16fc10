"""Steps to every state, from one state after another, in deterministic models."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.jit import kernel
from powerenvs.model.mdp import TabularMDP

FAR = np.iinfo(np.int32).max
"""The distance to what cannot be reached."""


class Distances:
    """The fewest steps from single states to all others, breadth first, each state when it is first asked for.

    Args:
        mdp: deterministic, with S states.
    """

    def __init__(self, mdp: TabularMDP):
        self._successor, self._indptr = mdp.successor.copy(), mdp.indptr[:: mdp.num_actions].copy()
        self.start = functools.cache(self._start)

    def _start(self, state: int) -> NDArray[np.int32]:
        """(S,) the steps from a state; `FAR` to where no path leads."""
        found = np.full(len(self._indptr) - 1, FAR, dtype=np.int32)
        _breadth_first(self._indptr, self._successor, state, found)
        return found


@kernel
def _breadth_first(indptr: Any, successor: Any, start: int, out: Any) -> None:
    queue = np.empty(len(out), dtype=np.int64)
    queue[0] = start
    out[start] = 0
    first, count = 0, 1
    while first < count:
        state = queue[first]
        first += 1
        for entry in range(indptr[state], indptr[state + 1]):
            after = successor[entry]
            if out[after] > out[state] + 1:
                if out[after] == 2147483647:
                    queue[count] = after
                    count += 1
                out[after] = out[state] + 1


@kernel
def count_best(steps: Any, available: Any, reached: Any, out: Any) -> None:
    """How many actions lead nearest to each goal.

    Args:
        steps: (A, G) int32 from after each action to each goal; `FAR` where it cannot be reached.
        available: (A,) which actions exist.
        reached: (G,) which goals have been reached, where all actions are equally good.
        out: (A, G) int16, written: at the best actions how many there are, elsewhere 0.
    """
    for goal in range(steps.shape[1]):
        least, count = 2147483647, 0
        for action in range(steps.shape[0]):
            if available[action] and steps[action, goal] < least:
                least = steps[action, goal]
        if reached[goal]:
            least = 2147483647
        for action in range(steps.shape[0]):
            count += available[action] and (steps[action, goal] == least or least == 2147483647)
        for action in range(steps.shape[0]):
            best = available[action] and (steps[action, goal] == least or least == 2147483647)
            out[action, goal] = count if best else 0
