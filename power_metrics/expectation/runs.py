"""A call of `power_metrics.power` at work: reward functions go through threads or an executor, and are averaged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from power_metrics.expectation.blocks import PowerTask, Tally
from power_metrics.expectation.controls import Controlled, control_variates
from power_metrics.expectation.draws import CONTROLS, Draws, MonteCarlo, Total
from power_metrics.expectation.executors import run_shards, shard_ranges
from power_metrics.expectation.methods import TRIAL_SAMPLES
from power_metrics.results.estimate import PowerEstimate, critical_value
from power_metrics.rewards.sampler import RewardSampler
from power_metrics.solvers.dispatch import in_order
from powerenvs.model.mdp import TabularMDP

CONTROL_ROUNDING = 1e-14
"""Of the expectations of control variates, as a share of the largest POWER: integrals of products of S factors."""


@dataclass
class Run:
    """What the reward functions of a run gave for one discount.

    Attributes:
        draws: the reward functions.
        total: the average of POWER.
        samples: POWER of every reward function, if it is kept.
        controlled: whether control variates were subtracted.
        residual: the largest.
        most: the most iterations of a solve.
        iterations: of all solves together.
    """

    draws: Draws
    total: Total
    samples: NDArray[np.float64] | None
    controlled: bool
    residual: float = 0.0
    most: int = 0
    iterations: int = 0

    def add(self, tally: Tally, done: int) -> None:
        """Takes in a block; ``done`` reward functions came before it."""
        self.total.add(tally.moments)
        self.residual = max(self.residual, tally.residual)
        self.most = max(self.most, tally.most)
        self.iterations += tally.iterations
        if self.samples is not None and tally.powers is not None:
            self.samples[done : done + len(tally.powers)] = tally.powers

    def half_width(self, level: float) -> float:
        """Of the widest interval of a state."""
        return critical_value(level, self.draws.replicates) * float(np.max(self.standard_error))

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """(S,) of the mean. Control variates can leave no spread at all, but their expectations are rounded."""
        found = self.total.standard_error
        return np.hypot(found, CONTROL_ROUNDING * np.abs(self.total.mean).max()) if self.controlled else found


@dataclass
class Job:
    """What does not change between the runs of a call.

    Attributes:
        mdp: the model.
        gammas: discounts.
        batch: reward functions to solve at a time.
        keep: whether to keep POWER of every reward function.
        device: of the torch engine; None for the CPU kernels.
        threads: how many, without a pool.
        pool: an executor and its number of workers.
        show: whether to show a progress bar; None after two seconds in a terminal.
    """

    mdp: TabularMDP
    gammas: list[float]
    batch: int | None
    keep: bool
    device: str | None
    threads: int
    pool: tuple[str | Executor, int] | None
    show: bool | None
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=time.process_time)

    def run(self, draws: Draws, controls: tuple[Controlled, ...] | None = None, trial: bool = False) -> list[Run]:
        """Averages POWER over reward functions, for each discount."""
        from tqdm import tqdm

        keep = self.keep and not trial
        task = PowerTask(tuple(self.gammas), draws, self.batch, keep, self.device, controls)
        count, S, done = draws.count, self.mdp.num_states, 0
        runs = [
            Run(draws, draws.total(S), np.empty((count, S)) if keep else None, controls is not None)
            for _ in self.gammas
        ]
        with tqdm(
            total=count,
            desc="POWER, trial" if trial else "POWER",
            unit=" rewards",
            delay=0 if self.show else 2,
            disable=None if self.show is None else not self.show,
        ) as bar:
            for tallies in self._tallies(task):
                for run, tally in zip(runs, tallies, strict=True):
                    run.add(tally, done)
                size = min(draws.rows, count - done)
                done += size
                bar.update(size)
        return runs

    def _tallies(self, task: PowerTask) -> Iterator[list[Tally]]:
        """The tallies of each block, in order, worked out by threads or by the workers of a pool."""
        count = -(-task.rewards.count // task.rewards.rows)
        if self.pool is not None:
            shards = run_shards(task, self.mdp, shard_ranges(count, self.pool[1]), *self.pool)
        else:
            task.prepare(self.mdp)
            size = task.blocks_at_a_time(self.mdp)
            parts = [range(first, min(first + size, count)) for first in range(0, count, size)]
            threads = self.threads if self.device is None else min(self.threads, 2)
            shards = in_order(lambda n: task(self.mdp, parts[n]), len(parts), threads)
        for shard in shards:
            yield from shard

    def controls(self, sampler: RewardSampler, seed: int) -> tuple[Controlled, ...]:
        """The control variates for each discount, with multiples from reward functions of their own."""
        draws = MonteCarlo(sampler, seed, TRIAL_SAMPLES, (CONTROLS,))
        blocks = range(-(-draws.count // draws.rows))
        task = PowerTask(tuple(self.gammas), draws, self.batch, True, self.device)
        task.prepare(self.mdp)
        rewards = np.concatenate([draws.block(number) for number in blocks])
        tallies = task(self.mdp, blocks)
        found = []
        for place, gamma in enumerate(self.gammas):
            controls = control_variates(self.mdp, gamma, sampler)
            powers = np.concatenate([block[place].powers for block in tallies if block[place].powers is not None])
            found.append(Controlled(controls, controls.coefficients(rewards, powers)))
        return tuple(found)

    def estimates(self, runs: list[Run], reward: str, method: str, seed: int | None) -> list[PowerEstimate]:
        """What is handed to the user."""
        seconds, cpu_seconds = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return [
            PowerEstimate(
                model=self.mdp,
                gamma=gamma,
                mean=run.total.mean,
                standard_error=run.standard_error,
                num_samples=run.draws.count,
                reward=reward,
                method=method,
                seed=seed,
                residual=run.residual,
                max_iterations=run.most,
                mean_iterations=run.iterations / run.draws.count,
                seconds=seconds,
                cpu_seconds=cpu_seconds,
                replicates=run.draws.replicates,
                _samples=run.samples,
            )
            for gamma, run in zip(self.gammas, runs, strict=True)
        ]
