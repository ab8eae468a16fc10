"""Comparisons in games: each agent's policy in the world that the others make, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.joint_observations import among_random
from power_metrics.agents.table import policy_table
from power_metrics.chains.occupancy import expected_return, occupancy, start_weights
from power_metrics.comparison.game_result import PROFILES, GameComparison
from power_metrics.comparison.judged import compare_policies, judge_of, sampled_power
from power_metrics.comparison.references import References, power_values
from power_metrics.results.estimate import PowerEstimate
from power_metrics.solvers.optimal import optimal_policies
from powerenvs.model.checks import mapped
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

MAX_ROUNDS = 100
"""Rounds of best responses before iteration is said to go round in circles."""

GAIN = 1e-9
"""A best response is played if it adds more than this share of the largest reward to the return."""


def compare_in_game(
    policies: Any,
    env: Any,
    game: TabularGame,
    gamma: float,
    power: Any,
    *,
    initial: Any,
    sampled_rewards: bool,
    power_options: Mapping[str, Any],
    policy_options: Mapping[str, Any],
) -> GameComparison:
    """What `power_metrics.compare` does in games.

    Args:
        policies: {agent: whatever `policy_table` takes}, of every agent.
        env: the environment as the agents see it, or the game.
        game: its tables.
        gamma: discount in [0, 1).
        power: {agent: its POWER against the others' policies}; computed when None.
        initial: where episodes start.
        sampled_rewards: whether reward functions that were given are a random sample.
        power_options: how POWER is computed, where it is.
        policy_options: for `policy_table`.

    Raises:
        ValueError: for other agents than those of the game, and games in which available actions may be impossible
            together.
    """
    given = mapped("agent", policies, "a mapping from the game's agents to policies")
    unknown = next((name for name in given if name not in game.agents), None)
    if unknown is not None:
        raise ValueError(f"agent: no agent {unknown!r} in the game; {closest(unknown, game.agents)}")
    missing = [name for name in game.agents if name not in given]
    if missing:
        raise ValueError(
            f"agent: expected the policies of all agents, found none of {', '.join(missing)}; "
            "game.uniform_policy(agent) acts at random"
        )
    if not game.independent_actions:
        raise ValueError(
            "env: expected a game in which all combinations of available actions exist, found one in which they do "
            "not, as after without_overlaps(), where what one agent does depends on the others' choice; use "
            "with_bumping()"
        )
    tables = {name: policy_table(given[name], env, agent=name, **policy_options) for name in game.agents}
    alone = {name: among_random(game, name) for name in game.agents}
    start = start_weights(alone[game.agents[0]], initial)
    if power is not None:
        for name in game.agents:
            given_power(power, name, game)
    random_power = {name: sampled_power(alone[name], gamma, **power_options) for name in game.agents}
    comparisons = {}
    for name in game.agents:
        mdp = _world_of(game, tables, name)
        own = sampled_power(mdp, gamma, **power_options) if power is None else given_power(power, name, game)
        values = own.mean if isinstance(own, PowerEstimate) else power_values(own, mdp)
        judge, why = judge_of(References.of(mdp, gamma, values, start), own, sampled_rewards)
        comparisons[name] = compare_policies({name: tables[name]}, judge, own, why)
    best, converged, rounds = best_responses(game, gamma, start)
    uniform = {name: game.uniform_policy(name) for name in game.agents}
    profiles = [_Profile.of(game, profile, gamma, start) for profile in (tables, best, uniform)]
    seen = np.stack([random_power[name].mean for name in game.agents])
    return GameComparison(
        model=game,
        gamma=gamma,
        profiles=PROFILES,
        policies=tables,
        optimal_policies=best,
        converged=converged,
        rounds=rounds,
        occupancies=np.stack([one.share for one in profiles]),
        expected_return=np.stack([one.returns for one in profiles]),
        expected_performance=np.stack([one.performances for one in profiles]),
        power_seeking=np.stack([seen @ one.share for one in profiles]),
        best_response_gap=np.stack([one.gaps for one in profiles]),
        exploitability=np.array([one.gaps.mean() for one in profiles]),
        alignment=weighted_correlation(seen, np.full(game.num_states, 1.0 / game.num_states)),
        alignment_visited=np.stack([weighted_correlation(seen, one.share) for one in profiles]),
        comparisons=comparisons,
        random_power=random_power,
    )


def best_responses(
    game: TabularGame, gamma: float, initial: Floats, policies: Mapping[str, Floats] | None = None
) -> tuple[dict[str, Floats], bool, int]:
    """Iterated best response: agents in turn take what is optimal against the others, until none can gain.

    Args:
        game: the tables.
        gamma: discount in [0, 1).
        initial: (S,) where episodes start.
        policies: {agent: (S, A_i)} to start from; uniformly random when None.

    Returns:
        The policies {agent: (S, A_i)}, ties of optimal actions split evenly; whether no agent could gain by another
        one, so that they are a Nash equilibrium from this start; and the number of rounds.
    """
    found = {name: game.uniform_policy(name) for name in game.agents} | dict(policies or {})
    least = GAIN * float(np.abs(game.reward).max(initial=0.0)) / (1.0 - gamma)
    for number in range(1, MAX_ROUNDS + 1):
        moved = False
        for name in game.agents:
            mdp = _world_of(game, found, name)
            best = optimal_policies(mdp, None, gamma).numpy()[0]
            if _gain(mdp, best, found[name], gamma, initial) > least:
                found[name], moved = best, True
        if not moved:
            return found, True, number
    return found, False, MAX_ROUNDS


def weighted_correlation(values: Floats, weights: Floats) -> Floats:
    """(N, N) Pearson correlations of rows (N, S) with weights (S,) that sum to 1; nan where a row is constant."""
    centred = values - (values @ weights)[:, None]
    covariance = (centred * weights) @ centred.T
    spread = np.sqrt(np.diag(covariance))
    varies = spread > 1e-12 * np.abs(values).max(axis=1)
    scale = np.outer(spread, spread)
    both = np.outer(varies, varies)
    found = np.divide(covariance, scale, out=np.full(covariance.shape, np.nan), where=both)
    return np.clip(found, -1.0, 1.0)


class _Profile(NamedTuple):
    """What a policy of each agent comes to: where time is spent (S,), and numbers of each agent (N,)."""

    share: Floats
    returns: Floats
    performances: Floats
    gaps: Floats

    @classmethod
    def of(cls, game: TabularGame, policies: Mapping[str, Floats], gamma: float, start: Floats) -> _Profile:
        """By folding the others' policies into each agent's world."""
        shares, returns, performances, gaps = [], [], [], []
        for name in game.agents:
            mdp, own = _world_of(game, policies, name), policies[name]
            shares.append(occupancy(mdp, own, gamma, start))
            returns.append(float(expected_return(mdp, own, gamma, start)))
            performances.append(float(expected_return(mdp, own, gamma, start, performance=True)))
            gaps.append(max(0.0, _gain(mdp, optimal_policies(mdp, None, gamma).numpy()[0], own, gamma, start)))
        return cls(shares[0], np.array(returns), np.array(performances), np.array(gaps))


def _world_of(game: TabularGame, policies: Mapping[str, Floats], name: str) -> TabularMDP:
    """What one agent faces when the others follow their policies."""
    return game.against({other: policies[other] for other in game.agents if other != name})


def _gain(mdp: TabularMDP, best: Floats, own: Floats, gamma: float, start: Floats) -> float:
    """How much more return one policy has than another."""
    better, now = np.atleast_1d(expected_return(mdp, np.stack([best, own]), gamma, start))
    return float(better - now)


def given_power(power: Any, name: str, game: TabularGame) -> Any:
    """The POWER that was given of an agent: of these joint states, against whomever it was computed.

    Raises:
        ValueError: for none of the agent, and POWER of other states.
    """
    try:
        found = power[name]
    except (KeyError, IndexError, TypeError, ValueError):
        raise ValueError(f"power: expected the POWER of every agent of {game.agents}, found none of {name!r}") from None
    if isinstance(found, PowerEstimate) and found.model.state_labels != game.state_labels:
        raise ValueError(f"power: expected POWER of the joint states of {game!r}, found that of {found.model!r}")
    return found
