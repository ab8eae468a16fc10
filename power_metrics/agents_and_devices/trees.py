"""Context-tree weighting: devices that read the last few symbols of the history, it is not known how many where."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from power_metrics.agents_and_devices.devices import INPUTS, NONE, available_actions, count_on
from powerenvs.model.mdp import TabularMDP

HALF = float(np.log(0.5))


class _Node:
    """A context: its counts, and the log probabilities of what came in it."""

    __slots__ = ("below", "children", "counts", "estimate", "weighted")

    def __init__(self, num_actions: int):
        self.counts = [0.5] * num_actions
        self.children: dict[int, _Node] = {}
        self.estimate = 0.0  # by its own counts
        self.below = 0.0  # by the longer contexts that end in it
        self.weighted = 0.0  # by all trees that begin here


class Tree:
    """Willems, Shtarkov and Tjalkens' context-tree weighting (1995), over more than two actions.

    The mixture of all trees of contexts of depth D or less, each leaf with a predictor as in `Counting`; a tree weighs
    1/2 for each of its nodes above depth D. One step costs D operations, not one for each tree.

    Args:
        mdp: the tables.
        depth: D.
        inputs: names of `INPUTS` that are read in every state, each a symbol of the history. The history from now
            back: what is read now, the previous action, what was read then, the action before, and so on. Before the
            first action there was none, at every place.
    """

    def __init__(self, mdp: TabularMDP, depth: int, inputs: Sequence[str] = ()):
        self._inputs = [INPUTS[name](mdp) for name in inputs]
        self._available = available_actions(mdp)
        self._depth, self._num_actions = depth, mdp.num_actions
        self.restart()

    def restart(self) -> None:
        """See `Predictor`."""
        self._past: deque[int] = deque([NONE] * self._depth, maxlen=self._depth)
        self._previous = NONE
        self._root = _Node(self._num_actions)

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        for read in self._inputs:
            self._past.appendleft(read(state, self._previous))
        path = [self._root]
        for symbol in list(self._past)[: self._depth]:
            if symbol not in path[-1].children:
                path[-1].children[symbol] = _Node(self._num_actions)
            path.append(path[-1].children[symbol])
        before, change = self._root.weighted, 0.0
        available = self._available(state)
        for depth in range(len(path) - 1, -1, -1):
            node = path[depth]
            old = node.weighted
            node.below += change
            node.estimate += count_on(node.counts, available, action)
            mixed = HALF + float(np.logaddexp(node.estimate, node.below))
            node.weighted = node.estimate if depth == self._depth else mixed
            change = node.weighted - old
        self._past.appendleft(action)
        self._previous = action
        return self._root.weighted - before
