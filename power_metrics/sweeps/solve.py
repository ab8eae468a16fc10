"""From a unit of work to POWER at its points."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count
from power_metrics.measures.multiagent_power import multiagent_power
from power_metrics.measures.power import power
from power_metrics.measures.run_policies import drawn_pairs, drawn_rewards
from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.multiagent import MultiagentPower
from power_metrics.sweeps.points import Unit
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP


@dataclass(frozen=True)
class KeptSamples:
    """The first reward functions of a point, and POWER under each.

    Attributes:
        rewards: (n, S) float64.
        powers: (n, S) float64.
    """

    rewards: NDArray[np.float64]
    powers: NDArray[np.float64]


Outcome = tuple[PowerEstimate | MultiagentPower, dict[str, KeptSamples]]
"""What a point gives: POWER, and the samples kept of each agent ("agent" where there is one)."""


def solve(
    unit: Unit,
    executor: str | Executor | None = None,
    workers: int | None = None,
    threads: int | None = None,
    progress: bool | None = False,
) -> list[Outcome]:
    """What each point of a unit gives; see `power_metrics.power` for the arguments.

    An ``executor`` works on the reward functions of one agent; `power_metrics.multiagent_power` has none.
    """
    kept = check_count("keep_samples", unit.settings["keep_samples"], least=0)
    if isinstance(unit.model, TabularMDP):
        return _solve_one(unit, unit.model, kept, executor, workers, threads, progress)
    return [_solve_two(unit, unit.model, kept, threads, progress)]


_TRIALS = (32, 256, 1024)
"""Reward functions of the run that compiles what is needed, and of the two whose times are taken."""


def expected_seconds(unit: Unit) -> float:
    """About how long `solve` will take, going by runs of a few reward functions; 0 where their number is open."""
    if unit.num_samples is None:
        return 0.0
    seconds = []
    for count in _TRIALS:
        start = time.perf_counter()
        solve(replace(unit, settings={**unit.settings, "num_samples": count, "keep_samples": 0}))
        seconds.append(time.perf_counter() - start)
    each = max(0.0, seconds[2] - seconds[1]) / (_TRIALS[2] - _TRIALS[1])
    return seconds[2] + each * max(0, unit.num_samples - _TRIALS[2])


def _solve_one(
    unit: Unit,
    mdp: TabularMDP,
    kept: int,
    executor: str | Executor | None,
    workers: int | None,
    threads: int | None,
    progress: bool | None,
) -> list[Outcome]:
    gammas, settings = list(unit.gammas), unit.settings
    estimates = power(
        mdp, gammas, num_samples=unit.num_samples, method=settings["method"], tolerance=settings["tolerance"],
        executor=executor, workers=workers, threads=threads, progress=progress, **unit.drawn,
    )  # fmt: skip
    if not kept:
        return [(estimate, {}) for estimate in estimates]
    # The first reward functions of a run are those of a shorter one, so a short run gives them without storing all.
    first = power(mdp, gammas, num_samples=kept, keep_samples=True, progress=False, **unit.drawn)
    rewards = drawn_rewards(mdp, np.arange(kept), **unit.drawn)
    return [
        (estimate, {"agent": KeptSamples(rewards, short.samples)})
        for estimate, short in zip(estimates, first, strict=True)
    ]


def _solve_two(unit: Unit, game: TabularGame, kept: int, threads: int | None, progress: bool | None) -> Outcome:
    settings = unit.settings
    shared = {
        "gamma": unit.gammas[0],
        "gamma_a": settings["gamma_a"],
        "correlation": settings["correlation"],
        "seed_policy": unit.seed_policy,
        "rounds": settings["rounds"],
        "threads": threads,
        **unit.drawn,
    }
    count = check_count("num_samples", settings["num_samples"])
    result = multiagent_power(game, num_samples=count, progress=progress, **shared)
    if not kept:
        return result, {}
    first = multiagent_power(game, num_samples=kept, keep_samples=True, progress=False, **shared)
    rewards = drawn_pairs(game, np.arange(kept), settings["correlation"], **unit.drawn)
    return result, {
        agent: KeptSamples(drawn, first[agent].samples) for agent, drawn in zip(result.agents, rewards, strict=True)
    }
