"""A game of two agents, ready to be solved for pairs of reward functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.dispatch import check_residual
from power_metrics.solvers.joint.pairs import Game, Responses, solve_pairs
from power_metrics.solvers.joint.tables import JointRows, JointTables, joint_tables
from power_metrics.solvers.ordering import Elimination
from power_metrics.solvers.simd import LANES
from power_metrics.solvers.ties import tell_unsure
from powerenvs.model.game import TabularGame

BATCH = 1 << 16
"""Numbers (pairs times states) that a thread solves between two looks at what else happens."""


@dataclass(frozen=True, eq=False)
class JointProblem:
    """What `solve` needs besides reward functions.

    Attributes:
        tables: of the game.
        seed_rows: what H faces while A plays its seed policy.
        seed: (K_A,) the seed policy.
        plan: how to eliminate; None to iterate.
        gamma_h: discount of H.
        gamma_a: discount of A.
        tolerance: for ties.
    """

    tables: JointTables
    seed_rows: JointRows
    seed: NDArray[np.float64]
    plan: Elimination | None
    gamma_h: float
    gamma_a: float
    tolerance: float

    @classmethod
    def prepare(
        cls,
        game: TabularGame,
        agents: tuple[str, str],
        seed_policy: NDArray[np.float64],
        gamma_h: float,
        gamma_a: float,
        tolerance: float,
    ) -> JointProblem:
        """Prepares a game. ``agents`` are H and A; ``seed_policy`` (S, A_a) is A's."""
        tables = joint_tables(game, agents)
        seed = tables.choice_weights(1, seed_policy)
        return cls(tables, tables.against(seed), seed, tables.elimination, gamma_h, gamma_a, tolerance)

    def solve(self, human: NDArray[np.float64], ai: NDArray[np.float64], rounds: int) -> Responses:
        """Solves the pairs of ``human`` and ``ai`` (B, S), in the calling thread.

        Raises:
            RuntimeError: if a Bellman residual shows that a value is not exact.
        """
        B, S = human.shape
        found = Responses.empty(B, rounds, S)
        batch = max(LANES, BATCH // S // LANES * LANES)
        plan = Elimination(*(np.empty(0, np.int32) for _ in Elimination._fields)) if self.plan is None else self.plan
        game = Game(
            self.tables.order, *self.tables.rows, self.seed_rows, self.seed, *self.tables.size,
            self.gamma_h, self.gamma_a, self.tolerance, plan, self.plan is not None,
        )  # fmt: skip
        for first in range(0, B, batch):
            part = slice(first, first + batch)
            given = (np.require(rewards[part], requirements=("C", "W")) for rewards in (human, ai))
            solve_pairs(*given, game, found.part(part))  # kernels are compiled for such arrays
        check_residual(found.residual)
        tell_unsure(float(found.unsure.max()), max(np.abs(human).max(), np.abs(ai).max()))
        return found
