"""What solvers return."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Solution(NamedTuple):
    """Optimal values of B reward functions in a model with S states.

    Attributes:
        values: (B, S) float64, V*.
        continuation: (B, S) float64, max_a Σ_s' P(s'|s, a) V*(s'): the optimal value of what comes next.
        policy: (B, S) int32, an optimal action.
        residual: (B,) float64, the Bellman residual max_s |V - TV| as a share of max_s |V|, computed from
            the values returned. |V - V*| is at most this times max|V| / (1 - γ).
        iterations: (B,) int32, sweeps or policies until the solver stopped; where several reward functions are
            solved side by side, the most that one of them took.
    """

    values: NDArray[np.float64]
    continuation: NDArray[np.float64]
    policy: NDArray[np.int32]
    residual: NDArray[np.float64]
    iterations: NDArray[np.int32]

    @classmethod
    def empty(cls, num_rewards: int, num_states: int) -> Solution:
        """Room for a solution."""
        shape = (num_rewards, num_states)
        return cls(
            np.empty(shape),
            np.empty(shape),
            np.empty(shape, np.int32),
            np.empty(num_rewards),
            np.empty(num_rewards, np.int32),
        )

    def part(self, rows: slice) -> Solution:
        """The same memory, for some of the reward functions."""
        return Solution(
            self.values[rows], self.continuation[rows], self.policy[rows], self.residual[rows], self.iterations[rows]
        )
