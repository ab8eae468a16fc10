"""How often answers are right: psychometric functions, with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from power_metrics.arguments.checks import as_float64, check_choice, check_count, check_level, check_seed
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
    _check_rates(guess, lapse)
    check_level(confidence, "confidence")
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


def _check_rates(guess: float, lapse: float | None) -> None:
    if not (0 <= real(guess) < 1 and (lapse is None or (real(lapse) >= 0 and guess + lapse < 1))):
        raise ValueError(f"guess, lapse: expected at least 0 and a sum below 1, found {guess!r}, {lapse!r}")


def check_one_condition(log: TrialLog, name: str) -> None:
    """Refuses logs in which the task's other variable changes: over all its values there is no one function.

    Raises:
        ValueError: for them.
    """
    task = task_of(log)
    for other in {task.variable, task.second} - {name, ""}:
        values = set(log.column(other).tolist()) if other in log.names else set()
        if name in (task.variable, task.second) and len(values) > 1:
            raise ValueError(
                f"log: expected trials of one {other}, found {len(values)}; take log.where({other}={min(values)!r})"
            )


def _guess(log: TrialLog) -> float:
    return 1 / len(task_of(log).answers)


def _counts(log: TrialLog, x: str | None) -> tuple[str, Floats, Floats, Floats]:
    """The variable's name; its values in order, correct answers and trials at each."""
    task = task_of(log)
    name = task.variable if x is None else x
    check_one_condition(log, name)
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
