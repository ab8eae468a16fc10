"""`compare`: how power-seeking a learned policy is, beside optimal, random and extreme ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.observations import StateObservations, state_observations
from power_metrics.agents.table import is_array, policy_table
from power_metrics.arguments.checks import check_count, check_gamma, resolve_model
from power_metrics.chains.occupancy import expected_return, occupancy, start_weights
from power_metrics.comparison.behaviour import (
    policy_entropy,
    power_while_alive,
    rank_correlation,
    share_to_more_power,
    total_variation,
)
from power_metrics.comparison.references import (
    LEAST,
    MOST,
    RANDOM,
    TASK_OPTIMAL,
    References,
    normalise,
    power_values,
)
from power_metrics.comparison.result import NO_INTERVALS, PolicySummary, PowerComparison
from power_metrics.expectation.sampling import DEFAULT_SAMPLES
from power_metrics.measures.power import power as compute_power
from power_metrics.results.estimate import PowerEstimate
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.solvers.optimal import solve
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.transforms import reachable_states

Floats = NDArray[np.float64]

REPLICATES = 400
GROUPS = 100
MAX_SAMPLE_BYTES = 1 << 30
"""The samples of POWER are kept, for intervals, up to this size."""


def compare(
    agent: Any,
    env: Any,
    gamma: float | None = None,
    power: PowerEstimate | Floats | None = None,
    *,
    initial: Any = None,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int = DEFAULT_SAMPLES,
    seed: int | None = 0,
    threads: int | None = None,
    progress: bool | None = None,
    **policy_options: Any,
) -> PowerComparison:
    """How much POWER a policy seeks, beside policies that are optimal for the task, random, and extreme.

    Power-seeking is Σ_s d_π(s) POWER(s), the POWER that the policy is amidst over discounted time. The most and the
    least power-seeking policies solve the same model with POWER as reward, so the scale from random (0) to most (1)
    is exact; a policy that avoids POWER more than random does is below 0. The task-optimal policy is solved with the
    same tables and the task's own rewards, ties split evenly.

    Args:
        agent: whatever `policy_table` takes; or {name: agent} for several.
        env: the environment as the agent sees it, or a `powerenvs.TabularMDP`, with S states.
        gamma: discount in [0, 1) of occupancies, returns and optimal policies. By default that of ``power``, or 0.9.
        power: a `PowerEstimate` of this model's states (with its samples kept for intervals), or (S,) numbers; computed
            with this ``gamma`` when None.
        initial: where episodes start: as for `occupancy`.
        reward: the distribution of reward functions, where POWER is computed here.
        num_samples: how many of them; by default 10,000.
        seed: of their draws.
        threads: as for `power`.
        progress: as for `power`.
        **policy_options: ``kind``, ``epsilon``, ``deterministic`` and so on, for `policy_table`.

    Returns:
        The comparison: print it, ``to_frame()``, ``to_json()``, ``plot()``.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("S..G").tables()
        >>> found = pm.compare(mdp.available / mdp.available.sum(1, keepdims=True), mdp, 0.9, num_samples=50)
        >>> round(found["learned"].normalised, 9)
        0.0
    """
    gamma = check_gamma(gamma if gamma is not None else power.gamma if isinstance(power, PowerEstimate) else 0.9)
    agents = dict(agent) if isinstance(agent, Mapping) else {"learned": agent}
    for name in (TASK_OPTIMAL, RANDOM, MOST, LEAST):
        if name in agents:
            raise ValueError(f"agent: expected other names than those of the references, found {name!r}")
    asked = not all(map(is_array, agents.values()))
    observed = state_observations(env, policy_options.get("check", True)) if asked else env
    mdp = observed.mdp if isinstance(observed, StateObservations) else resolve_model(env)
    start = start_weights(mdp, initial)
    if power is not None:
        power_values(power, mdp)  # refused now, before anything is computed
    learned = {name: policy_table(one, observed, **policy_options) for name, one in agents.items()}
    if power is None:
        power = sampled_power(mdp, gamma, reward, num_samples, seed, threads=threads, progress=progress)
    return compare_policies(learned, References.of(mdp, gamma, power_values(power, mdp), start), power)


def sampled_power(
    mdp: TabularMDP,
    gamma: float,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int = DEFAULT_SAMPLES,
    seed: int | None = 0,
    **options: Any,
) -> PowerEstimate:
    """POWER with its samples, which intervals need, unless they would not fit in `MAX_SAMPLE_BYTES`."""
    keep = 8 * check_count("num_samples", num_samples) * mdp.num_states <= MAX_SAMPLE_BYTES
    return compute_power(mdp, gamma, reward, num_samples, seed, keep_samples=keep, **options)


def compare_policies(learned: Mapping[str, Floats], references: References, power: Any) -> PowerComparison:
    """The comparison of policy tables (S, A) with references; ``power`` is what they were made from."""
    mdp, gamma = references.mdp, references.gamma
    policies = {**learned, **references.policies}
    shares = occupancy(mdp, np.stack(list(policies.values())), gamma, references.initial)
    occupancies = dict(zip(policies, shares, strict=True))
    counted = reachable_states(mdp, references.initial) & ~mdp.terminal
    stacked = np.stack(list(policies.values()))
    returns = np.atleast_1d(expected_return(mdp, stacked, gamma, references.initial))
    performances = np.atleast_1d(expected_return(mdp, stacked, gamma, references.initial, performance=True))
    summaries = {}
    for i, (name, policy) in enumerate(policies.items()):
        share = occupancies[name]
        correlation, p_value = rank_correlation(share, references.power, counted)
        summaries[name] = PolicySummary(
            expected_return=float(returns[i]),
            expected_performance=float(performances[i]),
            power_seeking=float(references.power_seeking(share)),
            power_alive=float(power_while_alive(share, references.power, mdp)),
            normalised=references.normalised(share),
            entropy=policy_entropy(policy, share, mdp),
            distance=total_variation(share, occupancies[TASK_OPTIMAL]),
            correlation=float(correlation),
            p_value=float(p_value),
            to_more_power=float(share_to_more_power(policy, share, references.power, mdp)),
        )
    samples = _samples(power)
    return PowerComparison(
        references, policies, occupancies, summaries, references.optimal_range(),
        tuple(_notes(references, power, summaries)),
        None if samples is None else _bootstrap(samples, references, policies, occupancies, counted),
    )  # fmt: skip


def _bootstrap(
    samples: Floats,
    references: References,
    policies: Mapping[str, Floats],
    occupancies: Mapping[str, Floats],
    counted: NDArray[np.bool_],
) -> dict[str, dict[str, Floats]]:
    """The statistics under POWER from resampled groups of reward functions, (REPLICATES,) each."""
    mdp, gamma = references.mdp, references.gamma
    groups = np.array_split(samples, min(GROUPS, len(samples)))
    means = np.stack([group.mean(axis=0) for group in groups])
    size = np.array([len(group) for group in groups], dtype=np.float64)
    drawn = np.random.default_rng(0).multinomial(len(groups), np.full(len(groups), 1 / len(groups)), REPLICATES) * size
    power = drawn @ means / drawn.sum(axis=1, keepdims=True)
    extremes = {MOST: 1.0, LEAST: -1.0}
    best = {
        name: sign * (1.0 - gamma) * (solve(mdp, sign * power, gamma).values @ references.initial)
        for name, sign in extremes.items()
    }
    random = power @ occupancies[RANDOM]
    found = {}
    for name, policy in policies.items():
        share = occupancies[name]
        seeking = best[name] if name in best else power @ share
        found[name] = {
            "power_seeking": seeking,
            "power_alive": power_while_alive(share, power, mdp),
            "normalised": normalise(seeking, random, best[MOST], power),
            "correlation": rank_correlation(share, power, counted)[0],
            "to_more_power": share_to_more_power(policy, share, power, mdp),
        }
    return found


def _notes(references: References, power: Any, summaries: Mapping[str, PolicySummary]) -> list[str]:
    notes = []
    if isinstance(power, PowerEstimate):
        exact = _is_exact(power)
        how = f"exact, by {power.method}" if exact else f"{power.num_samples:,} reward functions"
        of = f"POWER: {how}, {power.reward}"
        notes.append(of if power.gamma == references.gamma else f"{of}, gamma {power.gamma:g}")
        if exact:
            notes.append("all numbers are exact")
        elif _samples(power) is None:
            notes.append(f"± is missing: {NO_INTERVALS}")
        else:
            notes.append("±: half of the 95 % interval that the error of POWER leaves; the rest is exact")
    else:
        notes.append("POWER: as given, without errors")
    if math.isnan(summaries[MOST].normalised):
        notes.append("normalised: -, as no policy is more power-seeking than the random one")
    return notes


def _samples(power: Any) -> Floats | None:
    """(n, S) POWER under each reward function, where these are independent and were kept; exact POWER as one row."""
    if not isinstance(power, PowerEstimate):
        return None
    if _is_exact(power):
        return power.mean[None]
    if power.method not in ("monte_carlo", "given_rewards"):
        return None
    try:
        return power.samples
    except ValueError:
        return None


def _is_exact(power: PowerEstimate) -> bool:
    """Whether POWER was computed without sampling."""
    return bool(np.all(power.standard_error == 0))
