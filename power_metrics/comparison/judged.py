"""Policy tables judged by POWER and its error, beside the references."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count
from power_metrics.chains.occupancy import expected_return, occupancy
from power_metrics.comparison.behaviour import p_value, policy_entropy, power_while_alive, total_variation
from power_metrics.comparison.counted import MAX_UNSEEN, Counted, errors_of, with_errors
from power_metrics.comparison.errors import Groups, Noise
from power_metrics.comparison.judge import Judge
from power_metrics.comparison.references import (
    MOST,
    TASK_OPTIMAL,
    References,
)
from power_metrics.comparison.result import GIVEN_REWARDS, NO_INTERVALS, PolicySummary, PowerComparison, interval
from power_metrics.expectation.sampling import DEFAULT_SAMPLES, GIVEN
from power_metrics.measures.power import power as compute_power
from power_metrics.results.estimate import PowerEstimate
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

MAX_SAMPLE_BYTES = 1 << 30
"""The samples of POWER are kept, for intervals, up to this size."""

ONE_REWARD = "POWER is that of a single reward function, which does not tell its error"
UNKNOWN_ERROR = "the standard error of POWER is not known"
NOTHING_VARIED = "POWER was the same under every reward function that was drawn, which tells nothing of its error"


def sampled_power(
    mdp: TabularMDP,
    gamma: float,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    *,
    method: str = "monte_carlo",
    tolerance: float | None = None,
    **options: Any,
) -> PowerEstimate:
    """POWER with its samples, which intervals need, unless they would not fit in `MAX_SAMPLE_BYTES`."""
    count = None if num_samples is None else check_count("num_samples", num_samples)
    most = MAX_SAMPLE_BYTES // (8 * mdp.num_states)
    if count is None and tolerance is not None and method == "monte_carlo":
        count = most
    keep = method == "monte_carlo" and (DEFAULT_SAMPLES if count is None else count) <= most
    return compute_power(
        mdp, gamma, reward, count, seed, method=method, tolerance=tolerance, keep_samples=keep, **options
    )


def judge_of(references: References, power: Any, sampled_rewards: bool = False) -> tuple[Judge, str | None]:
    """The references with the error of the POWER that they were made from, and why there are no intervals if so."""
    if not isinstance(power, PowerEstimate):
        return Judge(references), NO_INTERVALS
    if power.is_exact:
        return Judge(references), None
    if power.method == GIVEN and not sampled_rewards:
        return Judge(references), GIVEN_REWARDS
    if power.num_samples == 1:
        return Judge(references), ONE_REWARD
    noise = Noise(power.mean, power.standard_error, None)
    if power.method not in ("monte_carlo", GIVEN):
        return Judge(references, noise), NO_INTERVALS
    if not np.isfinite(power.standard_error).any():
        return Judge(references, noise), UNKNOWN_ERROR
    try:
        samples = power.samples
    except ValueError:
        return Judge(references, noise), NO_INTERVALS
    if not np.any(np.ptp(samples, axis=0) > 0):
        return Judge(references, noise), NOTHING_VARIED
    return Judge(references, Noise(power.mean, power.standard_error, Groups.of(samples))), None


def compare_policies(
    learned: Mapping[str, Floats],
    judge: Judge,
    power: Any,
    why: str | None = None,
    counted: Mapping[str, Counted] | None = None,
) -> PowerComparison:
    """The comparison of policy tables (S, A) with references.

    Args:
        learned: the policies by name.
        judge: the references, with the error of POWER.
        power: what they were made from.
        why: there are no intervals; None if there are.
        counted: what those policies were made from that were counted.
    """
    references = judge.references
    mdp, gamma = references.mdp, references.gamma
    policies = {**learned, **references.policies}
    stacked = np.stack(list(policies.values()))
    occupancies = dict(zip(policies, occupancy(mdp, stacked, gamma, references.initial), strict=True))
    returns = np.atleast_1d(expected_return(mdp, stacked, gamma, references.initial))
    performances = np.atleast_1d(expected_return(mdp, stacked, gamma, references.initial, performance=True))
    summaries, replicates = {}, {}
    for i, (name, policy) in enumerate(policies.items()):
        share = occupancies[name]
        correlation, chance = judge.correlation(share)
        numbers = {
            "expected_return": float(returns[i]),
            "expected_performance": float(performances[i]),
            "power_seeking": float(references.power_seeking(share)),
            "power_alive": float(power_while_alive(share, references.power, mdp)),
            "normalised": judge.normalised(share),
            "entropy": policy_entropy(policy, share, mdp),
            "distance": total_variation(share, occupancies[TASK_OPTIMAL]),
            "correlation": correlation,
            "to_more_power": judge.to_more(policy, share),
        }
        numbers = {key: math.nan if math.isnan(value) else value for key, value in numbers.items()}  # the same nan
        found = {key: np.array([[value]]) for key, value in numbers.items()}
        if judge.groups is not None:
            varied = judge.replicates(name, policy, share)
            chance = _p_value(varied["correlation"], judge)
            found |= varied
        if counted and name in counted:
            if counted[name].unseen(share, mdp) <= MAX_UNSEEN:
                found = with_errors(found, errors_of(counted[name], judge))
            else:
                found = dict.fromkeys(found, np.full((1, 1), np.nan))
            chance = _p_value(found["correlation"], judge)
        if why is None or (counted and name in counted):
            replicates[name] = found
        summaries[name] = PolicySummary(**numbers, p_value=math.nan if math.isnan(chance) else chance)
    notes = [
        *_notes(judge, power, why),
        *(one.note(name, judge, occupancies[name]) for name, one in (counted or {}).items()),
    ]
    return PowerComparison(
        references, policies, occupancies, summaries, references.optimal_range(), tuple(notes),
        None if judge.noise is None else judge.noise.standard_error, replicates, why,
    )  # fmt: skip


def _p_value(correlation: Floats, judge: Judge) -> float:
    """Of what its 95 % interval holds that is nearest to no correlation."""
    low, high = interval(correlation, 0.95)
    if math.isnan(low):
        return math.nan
    nearest = 0.0 if low <= 0 <= high else min(low, high, key=abs)
    return float(p_value(nearest, int(judge.counted.sum())))


def _notes(judge: Judge, power: Any, why: str | None) -> list[str]:
    notes = []
    if isinstance(power, PowerEstimate):
        how = f"{power.num_samples:,} reward functions"
        if power.is_exact:
            how = f"exact, by {power.method}"
        of = f"POWER: {how}, {power.reward}"
        notes.append(of if power.gamma == judge.references.gamma else f"{of}, gamma {power.gamma:g}")
        if power.is_exact:
            notes.append("all numbers are exact")
        elif why is not None:
            notes.append(f"intervals are missing: {why}")
    else:
        notes.append("POWER: as given, without errors")
    if math.isnan(judge.references.normalised(judge.references.occupancies[MOST])):
        notes.append("normalised: -, as no policy is more power-seeking than the random one")
    elif not judge.has_scale and not judge.flat:
        notes.append("normalised: -, as no policy is more power-seeking than the random one beyond the error of POWER")
    if judge.flat:
        values = judge.references.power[judge.reached]
        notes.append(
            f"POWER does not differ between states beyond its error (from {values.min():.4g} to {values.max():.4g}), "
            "so nothing here says who seeks it: normalised, correlation and to more are left out"
        )
    if judge.groups is not None and not judge.flat and not judge.noise_settled:
        notes.append(
            "most and least power-seeking: the draws do not settle which states have the same POWER, and so which "
            "policies these are; their correlation and to more have no intervals"
        )
    return notes
