"""What solvers return, and the memory for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from power_metrics.solvers.jit import Floats, Ints

Arrays = TypeVar("Arrays", bound=tuple[Any, ...])

_INTEGERS = ("policy", "iterations")


def allocate(kind: Callable[..., Arrays], **shapes: tuple[int, ...]) -> Arrays:
    """A named tuple of fresh arrays with these shapes: int32 for policies and iterations, float64 for the rest."""
    return kind(**{name: np.empty(shape, np.int32 if name in _INTEGERS else None) for name, shape in shapes.items()})


def part_of(arrays: Arrays, rows: slice) -> Arrays:
    """A named tuple of the same memory, for some of the reward functions, which are the first axis of every array."""
    kind: Any = type(arrays)
    part: Arrays = kind(*(array[rows] for array in arrays))
    return part


class Solution(NamedTuple):
    """Optimal values of B reward functions in a model with S states.

    Attributes:
        values: (B, S) float64, V*; or (0, S) where only continuations are wanted.
        continuation: (B, S) float64, max_a Σ_s' P(s'|s, a) V*(s'): the optimal value of what comes next.
        policy: (B, S) int32, an optimal action; or (0, S) likewise.
        residual: (B,) float64, the Bellman residual max_s |V - TV| as a share of max_s |V|, computed from
            the values returned. |V - V*| is at most this times max|V| / (1 - γ).
        iterations: (B,) int32, sweeps or policies until the solver stopped; where several reward functions are
            solved side by side, the most that one of them took.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> mdp = TabularMDP.from_transitions([("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)])
        >>> solution = pm.solve(mdp, [[0.0, 1.0]], gamma=0.5)
        >>> solution.values
        array([[1., 2.]])
        >>> solution.continuation
        array([[2., 2.]])
        >>> [mdp.action_labels[a] for a in solution.policy[0]]
        ['go', 'stay']
        >>> solution.residual
        array([0.])
    """

    values: Floats
    continuation: Floats
    policy: Ints
    residual: Floats
    iterations: Ints

    @classmethod
    def empty(cls, num_rewards: int, num_states: int, policies: bool = True) -> Solution:
        """Room for a solution, with or without values and policies: memory that is not written to takes no time.

        Args:
            num_rewards: the number of reward functions, B.
            num_states: the number of states, S.
            policies: whether there is room for values and policies.
        """
        B, S = num_rewards, num_states
        n = B if policies else 0
        return allocate(cls, values=(n, S), continuation=(B, S), policy=(n, S), residual=(B,), iterations=(B,))

    def part(self, rows: slice) -> Solution:
        """The same memory, for some of the reward functions."""
        return part_of(self, rows)
