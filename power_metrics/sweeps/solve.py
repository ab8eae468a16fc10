"""From a unit of work to the results at its points."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.measures.run_policies import drawn_pairs, drawn_rewards
from power_metrics.results.base import Result
from power_metrics.sweeps.points import Unit
from powerenvs.model.game import TabularGame


@dataclass(frozen=True)
class KeptSamples:
    """The first reward functions of a point, and POWER under each.

    Attributes:
        rewards: (n, S) float64.
        powers: (n, S) float64.
    """

    rewards: NDArray[np.float64]
    powers: NDArray[np.float64]


Outcome = tuple[Result, dict[str, KeptSamples]]
"""What a point gives: its result, and the samples kept of each agent ("agent" where there is one)."""


def solve(
    unit: Unit, executor: str | Executor | None = None, workers: int | None = None, progress: bool | None = False
) -> list[Outcome]:
    """What each point of a unit gives; the arguments go to the measure, as far as it has them."""
    results = _measured(unit, executor=executor, workers=workers, progress=progress)
    return list(zip(results, _kept(unit) if unit.kept else [{} for _ in results], strict=True))


def _kept(unit: Unit) -> list[dict[str, KeptSamples]]:
    """The first reward functions of each point, and POWER under each."""
    # The first reward functions of a run are those of a shorter one, so a short run gives them without storing all.
    few = {**unit.arguments, "num_samples": unit.kept, "keep_samples": True}
    first = _measured(replace(unit, arguments=few), progress=False)
    numbers, given = np.arange(unit.kept), unit.arguments
    drawn = {name: given[name] for name in ("reward", "seed", "states_with_identical_rewards", "allow_all_equal")}
    if isinstance(unit.model, TabularGame):
        pairs = drawn_pairs(unit.model, numbers, given["correlation"], **drawn)
        return [
            {agent: KeptSamples(own, found[agent].samples) for agent, own in zip(found.agents, pairs, strict=True)}
            for found in first
        ]
    rewards = drawn_rewards(unit.model, numbers, **drawn)
    return [{"agent": KeptSamples(rewards, found.samples)} for found in first]


def _measured(unit: Unit, **options: Any) -> list[Any]:
    """The results of a unit, one for each point."""
    measure = unit.measure
    taken = {name: value for name, value in options.items() if name in measure.parameters}
    found = measure.call(**{measure.subject: unit.model}, **unit.arguments, **taken)
    results: list[Any] = found if measure.together in unit.arguments else [found]
    for result in results:
        if not isinstance(result, Result):
            kind = type(result).__name__
            raise ValueError(f"measure: expected {measure.name} to give a power_metrics.Result, found {kind}")
    return results


_TRIALS = (32, 256, 1024)
"""Reward functions of the run that compiles what is needed, and of the two whose times are taken."""


def expected_seconds(unit: Unit) -> float:
    """About how long `solve` will take, going by runs of a few reward functions; 0 where their number is open."""
    if unit.num_samples is None:
        return 0.0
    seconds = []
    for count in _TRIALS:
        start = time.perf_counter()
        solve(replace(unit, arguments={**unit.arguments, "num_samples": count}, kept=0))
        seconds.append(time.perf_counter() - start)
    each = max(0.0, seconds[2] - seconds[1]) / (_TRIALS[2] - _TRIALS[1])
    return seconds[2] + each * max(0, unit.num_samples - _TRIALS[2])
