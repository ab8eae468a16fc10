"""`worst_case_regret`: what an agent may lose if some of the states are not what they seem."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.going import going_policies
from power_metrics.agents.quantilisers import StateQuantiliser
from power_metrics.agents.table import uniform_policy
from power_metrics.arguments.checks import check_count, check_policy, resolve_model
from power_metrics.chains.occupancy import average_occupancy
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.rewards.channels import state_rewards
from power_metrics.solvers.average.gain import solve_gain
from power_metrics.solvers.compiled import solver_tables
from powerenvs.model.checks import as_list
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

BATCH = 4_096
"""Reward functions that are solved at a time."""


@dataclass(frozen=True)
class WorstCaseRegret(Result):
    """The largest regret of a step in the long run over all that the true rewards may be.

    Attributes:
        model: the tables.
        q: how many risky states may be corrupt.
        delta: of the quantiliser; None for a policy.
        method: "enumeration", exact; or "bound", no less than the largest regret.
        num_models: how many reward functions were enumerated; 0 for a bound.
        regret: the largest.
        observed: (S,) what states seem to pay.
        true: (S,) what they pay in the worst case; of a bound, what they pay in truth at most.
        share: (S,) of its time that the agent spends in each state.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.corrupt_reward import corrupt_theorem_16
        >>> found = pm.worst_case_regret(corrupt_theorem_16(4), q=1, delta=0.5)
        >>> found.method, found.num_models, round(found.regret, 12)
        ('enumeration', 8, 0.5)
    """

    model: TabularMDP
    q: int
    delta: float | None
    method: str
    num_models: int
    regret: float
    observed: Annotated[Floats, Dims("state")]
    true: Annotated[Floats, Dims("state")]
    share: Annotated[Floats, Dims("state", least=0)]


@measure()
def worst_case_regret(
    env_or_mdp: Any,
    policy: Any = None,
    q: int = 1,
    delta: float | None = None,
    risky: Any = None,
    max_models: int = 100_000,
) -> Generator[None, None, WorstCaseRegret]:
    """The largest regret that an agent may have, for each step in the long run, with q corrupt states.

    The class of models: the dynamics and observed rewards are those given, rewards are from 0 to 1, and at most q of
    the risky states truly pay something else than they seem to. An agent cannot tell these models apart, however long
    it looks. For a set of corrupt states, regret is a convex function of what they truly pay (the optimum is a maximum
    of linear functions, the agent's return is linear), so the largest is at a corner, where they pay 0 or 1: these are
    enumerated. Where they are more than ``max_models``, the result is a bound: the optimum if all risky states paid 1,
    less what the agent keeps of the observed rewards if the q states that it earns most in pay nothing.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states; what they seem to pay is that of
            `state_rewards`.
        policy: (S, A) action probabilities; uniformly random when None.
        q: how many states.
        delta: that of a `StateQuantiliser`, instead of a policy.
        risky: states that may be corrupt, by label or index; all of them when None.
        max_models: to enumerate, at most.

    Raises:
        ValueError: for an argument that does not fit, and rewards that are not from 0 to 1.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs/CorruptReward-v0", level="four_goals")
        >>> round(pm.worst_case_regret(env, q=1, delta=pm.quantiliser_delta(1, 25)).regret, 12)
        0.26
    """
    mdp = resolve_model(env_or_mdp)
    q, limit = check_count("q", q, least=0), check_count("max_models", max_models, least=0)
    seen = state_rewards(mdp).observed
    if seen.min() < 0 or seen.max() > 1:
        raise ValueError(f"env: expected observed rewards from 0 to 1, found {seen.min():g} to {seen.max():g}")
    listed = mdp.state_labels if risky is None else as_list("risky", risky, "states")
    states = np.unique(np.array([mdp.lookup.index(state, "risky") for state in listed], dtype=np.int64))
    if delta is not None:
        if policy is not None:
            raise ValueError("delta: expected a policy or the delta of a quantiliser, found both")
        targets = StateQuantiliser(delta).chosen(seen)
        if not targets.size:
            raise ValueError(f"delta: expected a number that some state pays, at most {seen.max():g}, found {delta!r}")
    table = check_policy(uniform_policy(mdp) if policy is None else policy, mdp)
    yield
    policies = table if delta is None else going_policies(mdp, targets)
    shares = average_occupancy(mdp, policies)
    share = shares if shares.ndim == 1 else shares.mean(axis=0)
    chosen = min(q, len(states))
    count = math.comb(len(states), chosen) * 2**chosen
    delta = None if delta is None else float(delta)
    if count > limit:
        most = seen.copy()
        most[states] = 1.0
        lost = np.sort(share[states] * seen[states])[::-1][:chosen].sum()
        regret = min(1.0, _best(mdp, most[None])[0] - float(share @ seen) + float(lost))
        return WorstCaseRegret(mdp, q, delta, "bound", 0, regret, seen, most, share)
    worst, regret = seen, -np.inf
    for rewards in _corners(seen, states, chosen):
        found = _best(mdp, rewards) - rewards @ share
        if found.max() > regret:
            worst, regret = rewards[found.argmax()], float(found.max())
    return WorstCaseRegret(mdp, q, delta, "enumeration", count, max(regret, 0.0), seen, worst, share)


def _best(mdp: TabularMDP, rewards: Floats) -> Floats:
    """(B,) the best long-run average from the start of reward functions (B, S)."""
    found: Floats = solve_gain(solver_tables(mdp), rewards, policies=False).gain @ mdp.initial
    return found


def _corners(seen: Floats, risky: NDArray[np.int64], count: int) -> Iterator[Floats]:
    """(B, S) reward functions in which ``count`` risky states pay 0 or 1, all of them in batches."""
    extremes = np.array(np.meshgrid(*[[0.0, 1.0]] * count, indexing="ij")).reshape(count, -1).T if count else None
    sets = combinations(risky.tolist(), count)
    while batch := list(islice(sets, max(1, BATCH >> count))):
        if extremes is None:
            yield seen[None]
            continue
        rewards = np.tile(seen, (len(batch), len(extremes), 1))
        np.put_along_axis(rewards, np.array(batch)[:, None, :].repeat(len(extremes), axis=1), extremes[None], axis=2)
        yield rewards.reshape(-1, len(seen))
