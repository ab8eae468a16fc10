"""POWER block by block: what a thread, another process or another machine is given to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.expectation.controls import Controlled
from power_metrics.expectation.draws import Draws
from power_metrics.rewards.sampler import Moments
from power_metrics.solvers.average.components import gain_tables
from power_metrics.solvers.average.gain import GainSolution, solve_gain_into
from power_metrics.solvers.compiled import SolverTables, solver_tables
from power_metrics.solvers.dispatch import solve_into
from power_metrics.solvers.solution import Solution
from powerenvs.model.mdp import TabularMDP


class Tally(NamedTuple):
    """What some reward functions gave for one discount.

    Attributes:
        moments: of POWER.
        residual: the largest.
        most: the most iterations of a solve.
        iterations: of all solves together.
        powers: (n, S) POWER under each of them, if it is kept.
    """

    moments: Moments
    residual: float
    most: int
    iterations: int
    powers: NDArray[np.float64] | None = None


Powers = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]
"""POWER under each reward function (n, S), and the residual and the iterations of each solve (n,)."""


@dataclass(frozen=True, eq=False)
class PowerTask:
    """Solves blocks of reward functions. It can be pickled, and leaves the model to those who do it.

    Attributes:
        gammas: discounts.
        rewards: where reward functions come from.
        batch: reward functions to solve at a time.
        keep: whether to return POWER of every reward function.
        device: where the torch engine solves them; None for the CPU kernels.
        controls: the control variates for each discount, if there are any.
    """

    gammas: tuple[float, ...]
    rewards: Draws
    batch: int | None
    keep: bool
    device: str | None = None
    controls: tuple[Controlled, ...] | None = None

    def prepare(self, model: TabularMDP) -> None:
        """Works out what all blocks share, before threads ask for it at the same time."""
        tables = solver_tables(model)
        _ = tables.method
        if 1.0 in self.gammas:
            gain_tables(tables)
        if self.device is not None:
            from power_metrics.solvers.gpu import check_device, torch_tables

            torch_tables(tables, check_device(self.device))

    def blocks_at_a_time(self, model: TabularMDP) -> int:
        """Blocks to solve together: on a device as many as keep it busy, else one."""
        if self.device is None:
            return 1
        from power_metrics.solvers.gpu import batch_rows, check_device, torch_tables

        device = check_device(self.device)
        return -(-batch_rows(torch_tables(solver_tables(model), device), device) // self.rewards.rows)

    def part(self, blocks: range) -> PowerTask:
        """The task with no more data than these blocks need."""
        return replace(self, rewards=self.rewards.part(blocks))

    def __call__(self, model: TabularMDP, blocks: range) -> list[list[Tally]]:
        """For each block, a tally for each discount. On a device, blocks are solved together."""
        tables = solver_tables(model)
        drawn = [self.rewards.block(number) for number in blocks]
        solved: Iterable[Iterable[Powers]]
        if self.device is None:
            solved = (block_powers(tables, rows, self.gammas, self.batch, self.keep) for rows in drawn)
        else:
            solved = self._on_device(tables, drawn, self.device)
        return [
            [self._tally(number, place, rows, *found) for place, found in enumerate(of_block)]
            for number, rows, of_block in zip(blocks, drawn, solved, strict=True)
        ]

    def _tally(
        self,
        block: int,
        place: int,
        rewards: NDArray[np.float64],
        powers: NDArray[np.float64],
        residual: NDArray[np.float64],
        iterations: NDArray[np.int32],
    ) -> Tally:
        """Of one block, for the discount at this place."""
        values = powers if self.controls is None else self.controls[place].adjusted(rewards, powers)
        return Tally(
            self.rewards.moments(values, block),
            float(residual.max()),
            int(iterations.max()),
            int(iterations.sum()),
            powers if self.keep else None,
        )

    def _on_device(self, tables: SolverTables, drawn: list[NDArray[np.float64]], device: str) -> list[list[Powers]]:
        from power_metrics.solvers.gpu import check_device, torch_powers

        rewards = np.concatenate(drawn)
        ends = np.cumsum([len(rows) for rows in drawn])[:-1]
        solved: list[list[Powers]] = [[] for _ in drawn]
        for gamma in self.gammas:
            arrays = torch_powers(tables, rewards, gamma, check_device(device), self.batch)
            for of_block, *parts in zip(solved, *(np.split(array, ends) for array in arrays), strict=True):
                of_block.append(tuple(parts))  # type: ignore[arg-type]  # three of them
        return solved


def block_powers(
    tables: SolverTables, rewards: NDArray[np.float64], gammas: Iterable[float], batch: int | None, keep: bool
) -> Iterator[Powers]:
    """POWER under each of the reward functions (n, S), for one discount after the other, by the CPU kernels.

    So many reward functions are solved at a time. Discounts share memory, since fresh memory costs as much time as
    solving does: unless ``keep``, what is yielded is overwritten by the next.
    """
    n, S = rewards.shape
    size = n if batch is None else batch
    parts = [slice(first, first + size) for first in range(0, n, size)]
    solution = Solution.empty(n, S)
    for gamma in gammas:
        if gamma == 1.0:
            gains = GainSolution.empty(n, S, policies=False)
            for part in parts:
                solve_gain_into(tables, rewards[part], gains.part(part))
            yield gains.gain, gains.residual, gains.iterations
            continue
        for part in parts:
            solve_into(tables, rewards[part], gamma, solution.part(part))
        powers = np.multiply(solution.continuation, 1.0 - gamma, out=None if keep else solution.continuation)
        yield powers, solution.residual, solution.iterations
