"""Numbers that the posts published, or that their programs give, and where ours are found."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from power_metrics.measures.multiagent_power import multiagent_power
from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.multiagent import MultiagentPower

Result = PowerEstimate | MultiagentPower
Found = tuple[float, float]
"""A number and its standard error, that of all reward functions of our run."""

SMALL_RUNS = 8
"""Runs of a few pairs whose alignments are averaged."""


@dataclass(frozen=True)
class Published:
    """One number.

    Attributes:
        quantity: what it is, in words.
        value: as published.
        num_samples: reward functions behind it.
        decimals: as many as were published.
        ours: finds our number and its standard error in a result.
        bias: by how much the published one is known to be off, where it is.
        point: the swept values where it was measured, for a figure that shows several points.
    """

    quantity: str
    value: float
    num_samples: int
    ours: Callable[[Result], Found]
    decimals: int = 5
    bias: float = 0.0
    point: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """A published number beside ours.

    Attributes:
        quantity: what it is, in words.
        published: as published.
        ours: our number.
        num_samples: reward functions behind the published number.
        published_error: its standard error: ours, for as many reward functions; None if we have too few to tell.
        our_error: of our number; None likewise.
        bias: by how much the published number is known to be off.
        z: the difference that is left, in standard errors of the difference (with half a unit of the last digit);
            None likewise.
    """

    quantity: str
    published: float
    ours: float
    num_samples: int
    published_error: float | None
    our_error: float | None
    bias: float
    z: float | None


def compared(known: Published, result: Result) -> Compared:
    """The number beside ours."""
    value, error = known.ours(result)
    if math.isnan(error):
        return Compared(known.quantity, known.value, value, known.num_samples, None, None, known.bias, None)
    theirs = error * (result.num_samples / known.num_samples) ** 0.5
    rounding = 0.5 * 10.0**-known.decimals
    z = (known.value - known.bias - value) / math.hypot(error, theirs, rounding)
    return Compared(known.quantity, known.value, value, known.num_samples, theirs, error, known.bias, z)


def _state(label: tuple[int, int]) -> Callable[[Result], Found]:
    def ours(result: Result) -> Found:
        assert isinstance(result, PowerEstimate)
        s = result.model.index(label)
        return float(result.mean[s]), float(result.standard_error[s])

    return ours


def _average(agent: str, baseline: bool = False) -> Callable[[Result], Found]:
    def ours(result: Result) -> Found:
        assert isinstance(result, MultiagentPower)
        return result.average(agent, baseline=baseline), result.average_error(agent, baseline=baseline)

    return ours


def _alignment(result: Result) -> Found:
    assert isinstance(result, MultiagentPower)
    return result.alignment, result.alignment_error


def _alignment_of_few(num_samples: int) -> Callable[[Result], Found]:
    """The alignment of so few pairs of reward functions: noise of the means pulls it towards 0."""

    def ours(result: Result) -> Found:
        assert isinstance(result, MultiagentPower)
        human, ai = (result[agent].gamma for agent in result.agents)
        found = [
            multiagent_power(
                result.game, human, ai, correlation=result.correlation or 0.0, num_samples=num_samples, seed=seed,
                seed_policy=result.seed_policy, progress=False,
            ).alignment
            for seed in range(1, SMALL_RUNS + 1)
        ]  # fmt: skip
        runs = [float(alignment) for alignment in found]
        return statistics.mean(runs), statistics.stdev(runs) * (num_samples / result.num_samples) ** 0.5

    return ours


def _pair(
    num_samples: int, decimals: int, human: float, ai: float, alignment: float, find: Callable[[Result], Found]
) -> tuple[Published, ...]:
    return (
        Published("POWER of the human, mean over states", human, num_samples, _average("human"), decimals),
        Published("POWER of the AI, mean over states", ai, num_samples, _average("ai"), decimals),
        Published(f"alignment of {num_samples:,} pairs", alignment, num_samples, find, decimals),
    )


OPEN_3X3 = tuple(
    Published(f"POWER of ({row}, {column})", value, 50_000, _state((row, column)), bias=-1.2e-4)
    for row, values in enumerate(
        [(0.80481, 0.83523, 0.80501), (0.83547, 0.86181, 0.83613), (0.80651, 0.83663, 0.80559)]
    )
    for column, value in enumerate(values)
)
"""Post 1, figure 1. Their sweeps end at a relative change of 1e-4, which leaves values about 1.2e-4 low at γ = 0.6."""

PAIR_INDEPENDENT = (
    *_pair(20_000, 5, 0.66625, 0.82003, -0.50975, _alignment),
    Published("POWER of the human against the seed policy", 0.66497, 20_000, _average("human", baseline=True)),
    Published("POWER of the AI playing the seed policy", 0.50024, 20_000, _average("ai", baseline=True)),
)
"""Post 2 at correlation 0, γ = 0.6."""

PAIR_EQUAL = _pair(20_000, 5, 0.91055, 0.91055, 1.0, _alignment)
"""Post 2 at correlation 1."""

ALIGNMENT_CURVE = tuple(
    replace(numbers[2], quantity=f"alignment at reward correlation {correlation:g}", point={"correlation": correlation})
    for numbers, correlation in ((PAIR_INDEPENDENT, 0.0), (PAIR_EQUAL, 1.0))
)
"""Both ends of post 2, figures 9 and 10."""

MAZE_PAIR = _pair(500, 4, 0.6455, 0.7563, -0.445, _alignment_of_few(500))
"""Post 3 at γ = 0.1, with overlaps."""
