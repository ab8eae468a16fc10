"""Psychometric and chronometric functions fitted to logs, and slopes over set sizes, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from power_metrics.arguments.checks import as_float64, check_choice, check_count, check_seed
from power_metrics.psych.logs import TrialLog
from power_metrics.psych.named import task_of
from power_metrics.psych.weighted import LINKS, fit_many, predicted
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from powerenvs.model.checks import real

Floats = NDArray[np.float64]
Interval = tuple[float, float]

BOOTSTRAP = 1000
LAPSES = np.linspace(0.0, 0.1, 11)
"""Of which the most likely is taken, where the lapse rate is not known."""


@dataclass(frozen=True)
class Psychometric(Result):
    """A psychometric function: guess + (1 - guess - lapse) F(slope (x - threshold)).

    Attributes:
        shape: of F: "logistic", "normal", or "weibull", which takes the logarithm of x: 1 - exp(-(x/threshold)^slope).
        threshold: where F is a half; 1 - 1/e for "weibull".
        slope: as above; falling functions have negative ones.
        guess: accuracy without any signal.
        lapse: share of trials in which even the strongest signal is missed.
        threshold_interval: bootstrap interval of the threshold.
        slope_interval: bootstrap interval of the slope.
        confidence: of the intervals.
        x: (P,) the intensities.
        num_trials: (P,) trials at each.
        correct: (P,) share of correct answers at each.
        fitted: (P,) what the function has there.
        deviance: -2 log likelihood ratio against the shares themselves.
        variable: what x is.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> found = pm.psych.psychometric([1, 2, 3], [6, 14, 19], num_trials=[20] * 3, guess=0.0, num_bootstrap=50)
        >>> round(found.threshold, 2), found.at([found.threshold]).tolist()
        (1.49, [0.5])
    """

    shape: str
    threshold: float
    slope: float
    guess: float
    lapse: float
    threshold_interval: Interval
    slope_interval: Interval
    confidence: float
    x: Annotated[Floats, Dims("point")]
    correct: Annotated[Floats, Dims("point")]
    fitted: Annotated[Floats, Dims("point")]
    num_trials: Annotated[Floats, Dims("point")]
    deviance: float
    variable: str = "x"

    def at(self, x: Any) -> Floats:
        """The function at some intensities.

        Args:
            x: numbers; above 0 for "weibull".

        Raises:
            ValueError: for what are no numbers.
        """
        values = as_float64("x", x)
        if self.shape == "weibull":
            values = np.log(np.maximum(values, 1e-300))
            eta = self.slope * (values - np.log(self.threshold))
        else:
            eta = self.slope * (values - self.threshold)
        return predicted(eta, self.shape, self.guess, self.lapse)[0]


def psychometric(
    log: Any,
    correct: Any = None,
    *,
    num_trials: Any = None,
    x: str | None = None,
    shape: str = "logistic",
    guess: float | None = None,
    lapse: float | None = 0.0,
    confidence: float = 0.95,
    num_bootstrap: int = BOOTSTRAP,
    seed: int | None = 0,
) -> Psychometric:
    """Fits a psychometric function by maximum likelihood, with intervals by the parametric bootstrap.

    Wichmann & Hill 2001; intervals are bias-corrected percentiles of fits to answers drawn from the fitted function.

    Args:
        log: a `TrialLog`; or (P,) intensities.
        correct: with intensities, (P,) how many answers were correct.
        num_trials: with intensities, (P,) of how many.
        x: of a log, the field that is the intensity; the task's own variable when None. Trials without a level count.
        shape: "logistic", "normal" or "weibull".
        guess: accuracy without any signal; of a log one over the number of answers when None, else 0.5.
        lapse: share of trials in which even the strongest signal is missed; None for the most likely up to 0.1.
        confidence: of the intervals.
        num_bootstrap: how many fits.
        seed: of the draws.

    Raises:
        ValueError: for arguments that do not fit, and answers that have no best function: all correct, all wrong, or
            perfectly separated.

    Example:
        >>> import power_metrics as pm
        >>> found = pm.psych.psychometric([0.05, 0.1, 0.2, 0.4, 0.8], [52, 60, 75, 95, 100], num_trials=[100] * 5)
        >>> 0.1 < found.threshold < 0.3, found.threshold_interval[0] < found.threshold < found.threshold_interval[1]
        (True, True)
    """
    name = "x"
    if isinstance(log, TrialLog):
        if correct is not None or num_trials is not None:
            raise ValueError("correct, num_trials: expected None with a log, which has them")
        name, values, right, count = _counts(log, x)
        guess = _guess(log) if guess is None else guess
    else:
        values, right, count = _given_counts(log, correct, num_trials)
    guess = 0.5 if guess is None else guess
    shape = check_choice("shape", shape, tuple(LINKS))
    _check_rates(guess, lapse, confidence)
    if shape == "weibull" and (values <= 0).any():
        raise ValueError("x: expected intensities above 0 for 'weibull', found others")
    scale = np.log(values) if shape == "weibull" else values
    rates = LAPSES if lapse is None else np.array([float(lapse)])
    rates = rates[rates + guess < 1]
    fits = [fit_many(scale, right[None], count, shape, float(guess), float(rate)) for rate in rates]
    best = int(np.argmax([fit.likelihood[0] for fit in fits]))
    if not fits[best].found[0]:
        raise ValueError(
            "correct: expected answers that a function can be fitted to, found none that has a best one: between them "
            "accuracies have to rise or fall by degrees"
        )
    a, b = fits[best].coefficients[0]
    rate = float(rates[best])
    share = predicted(a + b * scale, shape, guess, rate)[0]
    rng = np.random.default_rng(check_seed(seed))
    drawn = rng.binomial(
        count.astype(np.int64), share, size=(check_count("num_bootstrap", num_bootstrap, 10), len(scale))
    )
    again = fit_many(scale, drawn.astype(np.float64), count, shape, guess, rate)
    kept = again.coefficients[again.found]
    threshold = float(_threshold(a, b, shape))
    thresholds = _corrected(_threshold(kept[:, 0], kept[:, 1], shape), threshold, confidence)
    slopes = _corrected(kept[:, 1], float(b), confidence)
    saturated = _log_likelihood(right, count, right / count)
    deviance = 2 * (saturated - _log_likelihood(right, count, share))
    return Psychometric(
        shape, threshold, float(b), float(guess), rate, thresholds, slopes, float(confidence),
        values, right / count, share, count, float(deviance), name,
    )  # fmt: skip


def _corrected(draws: Floats, estimate: float, confidence: float) -> Interval:
    """The bias-corrected percentile interval (Efron 1981): fits to few answers are too steep."""
    bias = ndtri(np.clip(np.mean(draws < estimate), 1 / len(draws), 1 - 1 / len(draws)))
    ends = ndtr(2 * bias + ndtri([(1 - confidence) / 2, (1 + confidence) / 2]))
    low, high = np.quantile(draws, ends)
    return float(low), float(high)


def _threshold(a: Any, b: Any, shape: str) -> Any:
    return np.exp(-a / b) if shape == "weibull" else -a / b


def _log_likelihood(right: Floats, count: Floats, share: Floats) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(right > 0, right * np.log(share), 0) + np.where(
            right < count, (count - right) * np.log1p(-share), 0
        )
    return float(terms.sum())


def _check_rates(guess: float, lapse: float | None, confidence: float) -> None:
    if not (0 <= real(guess) < 1 and (lapse is None or (real(lapse) >= 0 and guess + lapse < 1))):
        raise ValueError(f"guess, lapse: expected at least 0 and a sum below 1, found {guess!r}, {lapse!r}")
    if not 0 < real(confidence) < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, found {confidence!r}")


def _guess(log: TrialLog) -> float:
    return 1 / len(task_of(log).answers)


def _counts(log: TrialLog, x: str | None) -> tuple[str, Floats, Floats, Floats]:
    """The variable's name; its values in order, correct answers and trials at each."""
    name = task_of(log).variable if x is None else x
    values = as_float64(f"x={name}", log.column(name))
    correct = log.column("correct").astype(np.float64)
    levels, place = np.unique(values, return_inverse=True)
    return name, levels, np.bincount(place, correct).astype(np.float64), np.bincount(place).astype(np.float64)


def _given_counts(x: Any, correct: Any, num_trials: Any) -> tuple[Floats, Floats, Floats]:
    values = as_float64("log", x)
    if correct is None or num_trials is None or values.ndim != 1:
        raise ValueError("log: expected a TrialLog, or intensities with correct= and num_trials=")
    right, count = as_float64("correct", correct), as_float64("num_trials", num_trials)
    if right.shape != values.shape or count.shape != values.shape or len(values) < 2:
        raise ValueError(
            f"correct, num_trials: expected as many numbers as intensities, and at least two, found {right.shape}, "
            f"{count.shape} and {values.shape}"
        )
    whole = (right == np.rint(right)).all() and (count == np.rint(count)).all()
    if not (whole and (count > 0).all() and (right >= 0).all() and (right <= count).all()):
        raise ValueError("correct, num_trials: expected whole numbers with 0 <= correct <= num_trials, num_trials > 0")
    return values, right, count


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
    _check_rates(0.0, 0.0, confidence)
    name = task_of(log).variable if x is None else x
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
    _check_rates(0.0, 0.0, confidence)
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
