"""Which pairs are shown to raters, and when."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from power_metrics.arguments.checks import check_choice, check_count, check_seed
from power_metrics.preferences.models import RewardModel
from power_metrics.preferences.segments import Segment
from powerenvs.model.checks import real

QUERIES = ("uniform", "variance")
SCHEDULES = ("constant", "hyperbolic", "stepped")
OVERSAMPLING = 10


def choose_pairs(
    segments: Sequence[Segment],
    count: int,
    model: RewardModel | None = None,
    *,
    queries: str = "variance",
    oversampling: int = OVERSAMPLING,
    seed: int | None = 0,
) -> list[tuple[Segment, Segment]]:
    """Pairs of different segments for comparison.

    Uniform ones are drawn without anything. Otherwise ``oversampling`` times as many are drawn, and those are kept on
    which the members of the ensemble differ most: by the variance of the probability that the left one is preferred.
    That is the paper's way, of which its own ablation says that it hurts in some tasks.

    Args:
        segments: at least two that differ.
        count: how many pairs.
        model: the ensemble; without one that is fitted pairs are uniform.
        queries: "uniform" or "variance".
        oversampling: the paper's 10.
        seed: of what is drawn.

    Returns:
        Pairs, those on which members differ most first.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> segments = pm.preferences.collect(gym.make("PowerGrid-v0", level="open_3x3"), num_segments=20, length=5)
        >>> len(pm.preferences.choose_pairs(segments, 3))
        3
    """
    wanted, times = check_count("count", count), check_count("oversampling", oversampling)
    kind = check_choice("queries", queries, QUERIES)
    if model is not None and not isinstance(model, RewardModel):
        raise ValueError(f"model: expected a RewardModel or None, found {model!r:.80}")
    try:
        different = list(dict.fromkeys(segments))
    except TypeError:
        different = []
    if len(different) < 2 or any(not isinstance(one, Segment) for one in different):
        raise ValueError(f"segments: expected at least two segments that differ, found {segments!r:.80}")
    rng = np.random.default_rng(check_seed(seed))
    judged = kind == "variance" and model is not None and model.num_labels > 0
    drawn = wanted * times if judged else wanted
    first = rng.integers(len(different), size=drawn)
    second = (first + rng.integers(1, len(different), size=drawn)) % len(different)
    pairs = [(different[i], different[j]) for i, j in zip(first.tolist(), second.tolist(), strict=True)]
    if not judged or model is None:
        return pairs
    returns = model.returns(different)
    best = np.argsort(-model.variance_of(returns[:, first] - returns[:, second]), kind="stable")[:wanted]
    return [pairs[i] for i in best.tolist()]


def schedule(
    kind: str, labels: int, steps: int, *, first: float = 0.25, scale: float | None = None
) -> Callable[[float], float]:
    """How many comparisons should have been asked for after so many steps of the policy.

    The rate falls as scale / (T + scale) with the steps T. "hyperbolic": at once, labels * [first + (1 - first) *
    log(1 + T / scale) / log(1 + steps / scale)], the paper's on MuJoCo, where scale is 2e6. "stepped": at T = scale, 2
    scale, ..., the paper's on Atari, where scale is 5e6; a share H(k) / H(K) has been asked for after k of K periods,
    with H(k) = 1 + 1/2 + ... + 1/k. "constant": the same rate all the time.

    Args:
        kind: one of the three.
        labels: at the end.
        steps: at the end.
        first: the share that is asked for before the policy learns anything.
        scale: a tenth of the steps when None.

    Returns:
        A function from steps to labels, which need not be whole.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> asked = pm.preferences.schedule("stepped", 1000, 10, first=0.0)
        >>> round(asked(5), 1), round(asked(10), 1)
        (779.6, 1000.0)
    """
    check_choice("kind", kind, SCHEDULES)
    total, last = check_count("labels", labels), check_count("steps", steps)
    if not 0.0 <= real(first) <= 1.0:
        raise ValueError(f"first: expected a share from 0 to 1, found {first!r}")
    width = last / 10 if scale is None else real(scale)
    if not 0.0 < width < math.inf:
        raise ValueError(f"scale: expected a number of steps above 0, found {scale!r}")

    def share(at: float) -> float:
        if kind == "constant":
            return at / last
        if kind == "hyperbolic":
            return math.log1p(at / width) / math.log1p(last / width)
        return _harmonic(at / width) / _harmonic(last / width)

    def asked(at: float) -> float:
        return total * (first + (1.0 - first) * share(min(max(float(at), 0.0), last)))

    return asked


def _harmonic(periods: float) -> float:
    """1 + 1/2 + ... of so many periods, of the last a part."""
    whole = math.floor(periods)
    return sum(1.0 / k for k in range(1, whole + 1)) + (periods - whole) / (whole + 1)
