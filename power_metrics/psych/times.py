"""How long answers take: chronometric functions and slopes over set sizes, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import as_float64, check_count, check_level, check_seed
from power_metrics.psych.fits import check_one_condition
from power_metrics.psych.logs import TrialLog
from power_metrics.psych.named import task_of
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims

Floats = NDArray[np.float64]
Interval = tuple[float, float]

BOOTSTRAP = 1000


@dataclass(frozen=True)
class Chronometric(Result):
    """A chronometric function: the mean time to answer, rest + A/(k x) tanh(A k x).

    This is the proportional-rate diffusion model (Palmer, Huk & Shadlen 2005). It describes; the exact time of a
    bounded walk is that of `power_metrics.psych.observer`.

    Attributes:
        sensitivity: k.
        bound: A.
        rest: time that does not depend on the stimulus.
        sensitivity_interval: bootstrap interval of k.
        bound_interval: bootstrap interval of A.
        rest_interval: bootstrap interval of the rest.
        confidence: of the intervals.
        x: (P,) the intensities.
        mean_time: (P,) of the trials at each.
        standard_error: (P,) of these means.
        fitted: (P,) what the function has there.
        variable: what x is.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> log = pm.psych.run("MotionDiscrimination", "ideal", trials=300, seed=0, levels="all")
        >>> pm.psych.chronometric(log, num_bootstrap=20).variable
        'coherence'
    """

    sensitivity: float
    bound: float
    rest: float
    sensitivity_interval: Interval
    bound_interval: Interval
    rest_interval: Interval
    confidence: float
    x: Annotated[Floats, Dims("point")]
    mean_time: Annotated[Floats, Dims("point")]
    standard_error: Annotated[Floats, Dims("point")]
    fitted: Annotated[Floats, Dims("point")]
    variable: str = "x"

    def at(self, x: Any) -> Floats:
        """The function at some intensities.

        Args:
            x: numbers of at least 0.

        Raises:
            ValueError: for what are no numbers.
        """
        product = np.array(self.bound * self.sensitivity)
        return self.rest + self.bound / self.sensitivity * _rise(as_float64("x", x), product)


def _rise(x: Floats, product: Floats) -> Floats:
    """tanh(s x)/x for each product s = A k: times are linear in it."""
    drift = np.maximum(np.abs(x), 1e-9)
    return np.asarray(np.tanh(product[..., None] * drift) / drift)


def chronometric(
    log: TrialLog,
    *,
    x: str | None = None,
    confidence: float = 0.95,
    num_bootstrap: int = BOOTSTRAP,
    seed: int | None = 0,
) -> Chronometric:
    """Fits a chronometric function to the times of correct answers by weighted least squares.

    Args:
        log: a `TrialLog`.
        x: the field that is the intensity; the task's own variable when None.
        confidence: of the intervals, percentiles over trials drawn again within each intensity.
        num_bootstrap: how many fits.
        seed: of the draws.

    Raises:
        ValueError: for fewer than three intensities with at least two correct answers each.

    Example:
        >>> import power_metrics as pm
        >>> log = pm.psych.run("MotionDiscrimination", "ideal", trials=400, seed=0, levels="all", bound=5)
        >>> found = pm.psych.chronometric(log, num_bootstrap=20)
        >>> bool(found.mean_time[0] > found.mean_time[-1])
        True
    """
    if not isinstance(log, TrialLog):
        raise ValueError(f"log: expected a TrialLog, found {log!r}")
    check_level(confidence, "confidence")
    name = task_of(log).variable if x is None else x
    check_one_condition(log, name)
    right = log.column("correct").astype(bool)
    values = as_float64(f"x={name}", log.column(name))[right]
    times = as_float64("reaction_time", log.column("reaction_time"))[right]
    levels = np.unique(values)
    groups = [times[values == level] for level in levels]
    if len(levels) < 3 or min(map(len, groups)) < 2:
        raise ValueError("log: expected at least three intensities with two correct answers each, found fewer")
    rng, draws = np.random.default_rng(check_seed(seed)), check_count("num_bootstrap", num_bootstrap, 10)
    means = np.array([group.mean() for group in groups])
    count = np.array([len(group) for group in groups])
    pooled = np.sqrt(sum(((group - group.mean()) ** 2).sum() for group in groups) / max(1, count.sum() - len(groups)))
    # where times hardly differ, as where one answers at once, a point may not count for more than nine others
    spread = np.maximum([group.std(ddof=1) for group in groups], pooled / 3 or 1.0)
    weights = count / spread**2
    again = np.stack(
        [group[rng.integers(len(group), size=(draws, len(group)))].mean(axis=1) for group in groups], axis=1
    )
    best, many = _fit_times(levels, means[None], weights)[0], _fit_times(levels, again, weights)
    tail = 100 * (1 - confidence) / 2
    of_k, of_bound, of_rest = [
        (float(low), float(high)) for low, high in np.percentile(many, [tail, 100 - tail], axis=0).T
    ]
    errors = np.array([group.std(ddof=1) / np.sqrt(len(group)) for group in groups])
    k, bound, rest = map(float, best)
    fitted = rest + bound / k * _rise(levels, np.array(bound * k))
    return Chronometric(
        k, bound, rest, of_k, of_bound, of_rest, float(confidence), levels, means, errors, fitted, name
    )  # fmt: skip


def _fit_times(x: Floats, means: Floats, weights: Floats) -> Floats:
    """(B, 3) k, A and the rest of the best functions for (B, P) mean times.

    For each product A k, times are a line in `_rise`; the product is looked for on finer and finer grids.
    """
    size = float(np.abs(x).max()) or 1.0
    low, high = np.full(len(means), np.log(0.02 / size)), np.full(len(means), np.log(200 / size))
    for _ in range(8):
        grid = np.linspace(low, high, 33, axis=1)
        _, _, error = _lines(_rise(x, np.exp(grid)), means, weights)
        place = np.clip(error.argmin(axis=1), 1, 31)
        every = np.arange(len(means))
        low, high = grid[every, place - 1], grid[every, place + 1]
    product = np.exp((low + high) / 2)
    slope, rest, _ = _lines(_rise(x, product[:, None]), means, weights)
    ratio = np.maximum(slope[:, 0], 1e-12)  # A/k
    return np.stack([np.sqrt(product / ratio), np.sqrt(product * ratio), rest[:, 0]], axis=1)


def _lines(rise: Floats, means: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """(B, G) slopes, intercepts of at least 0, and weighted errors of lines through (B, G, P) by (B, P)."""
    y = means[:, None, :]
    share = weights / weights.sum()
    mean_x, mean_y = rise @ share, (y @ share)
    away = rise - mean_x[..., None]
    spread = (away**2) @ share
    slope = np.maximum(((away * (y - mean_y[..., None])) @ share) / np.maximum(spread, 1e-300), 0.0)
    rest = mean_y - slope * mean_x
    through = rest < 0
    slope = np.where(through, ((rise * y) @ share) / np.maximum((rise**2) @ share, 1e-300), slope)
    rest = np.where(through, 0.0, rest)
    error = ((y - rest[..., None] - slope[..., None] * rise) ** 2) @ share
    return slope, rest, error


@dataclass(frozen=True)
class SetSizeSlopes(Result):
    """How much longer each further item takes, on average over correct answers: a line for each kind of trial.

    Attributes:
        slope: {kind of trial: seconds for each item}.
        intercept: {kind of trial: seconds}.
        slope_interval: {kind of trial: bootstrap interval of the slope}.
        confidence: of the intervals.
        means: {kind of trial: {set size: mean seconds}}.
        variable: the field that tells kinds apart.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> log = pm.psych.run("VisualSearch", "ideal", trials=200, seed=0, levels="all", kind="colour")
        >>> {kind: round(abs(slope), 9) for kind, slope in pm.psych.set_size_slopes(log).slope.items()}
        {'absent': 0.0, 'present': 0.0}
    """

    slope: Mapping[str, float]
    intercept: Mapping[str, float]
    slope_interval: Mapping[str, Interval]
    confidence: float
    means: Mapping[str, Mapping[str, float]]
    variable: str


def set_size_slopes(
    log: TrialLog,
    by: str = "target",
    *,
    x: str = "set_size",
    confidence: float = 0.95,
    num_bootstrap: int = BOOTSTRAP,
    seed: int | None = 0,
) -> SetSizeSlopes:
    """Lines of time over set size, by least squares over the trials with correct answers.

    Args:
        log: a `TrialLog`.
        by: the field that tells kinds of trials apart, such as "target" (present or absent).
        x: the field of set sizes.
        confidence: of the intervals, percentiles over trials drawn again within each kind.
        num_bootstrap: how many lines.
        seed: of the draws.

    Raises:
        ValueError: for unknown fields, and kinds of trials with fewer than two set sizes.

    Example:
        >>> import power_metrics as pm
        >>> log = pm.psych.run("VisualSearch", "ideal", trials=500, seed=0, levels="all")
        >>> found = pm.psych.set_size_slopes(log)
        >>> round(found.slope["absent"], 6), round(found.slope["present"], 2)  # a look takes a quarter of a second
        (0.25, 0.13)
    """
    if not isinstance(log, TrialLog):
        raise ValueError(f"log: expected a TrialLog, found {log!r}")
    check_level(confidence, "confidence")
    rng, draws = np.random.default_rng(check_seed(seed)), check_count("num_bootstrap", num_bootstrap, 10)
    slope, intercept, intervals, means = {}, {}, {}, {}
    log.column(by), log.column(x)
    for kind, part in log.where(correct=True).by(by).items():
        sizes, times = as_float64(x, part.column(x)), as_float64("reaction_time", part.column("reaction_time"))
        if len(np.unique(sizes)) < 2:
            raise ValueError(
                f"log: expected at least two set sizes with correct answers, found fewer for {by}={kind!r}"
            )
        chosen = rng.integers(len(sizes), size=(draws, len(sizes)))
        b, a = _line(sizes[None], times[None])
        many, _ = _line(sizes[chosen], times[chosen])
        tail = 100 * (1 - confidence) / 2
        low, high = np.nanpercentile(many, [tail, 100 - tail])
        name = str(kind)
        slope[name], intercept[name], intervals[name] = float(b[0]), float(a[0]), (float(low), float(high))
        means[name] = {f"{size:g}": float(times[sizes == size].mean()) for size in np.unique(sizes)}
    if not slope:
        raise ValueError("log: expected trials with correct answers, found none")
    return SetSizeSlopes(slope, intercept, intervals, float(confidence), means, by)


def _line(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """(B,) slopes and intercepts of lines through (B, n) points."""
    away = x - x.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (away * y).sum(axis=1) / (away**2).sum(axis=1)
    return slope, y.mean(axis=1) - slope * x.mean(axis=1)
