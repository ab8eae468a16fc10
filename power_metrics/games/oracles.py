"""Exact best responses in worlds, what policies leave to be gained, and the double oracle that is built of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.joint_observations import game_of
from power_metrics.agents.table import policy_table
from power_metrics.arguments.checks import check_count, check_gamma
from power_metrics.chains.occupancy import expected_return, occupancy, start_weights
from power_metrics.games.enumeration import nash
from power_metrics.games.worlds import EmpiricalGame, empirical, world_of
from power_metrics.solvers.optimal import solve_task
from powerenvs.model.checks import mapped, real
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position

Floats = NDArray[np.float64]

UNREACHED = 1e-15
"""The least share of time for which it matters what a mixture does in a state."""


@dataclass(frozen=True, eq=False)
class DoubleOracle:
    """Where the double oracle ended.

    Attributes:
        policies: {agent: (S, A_i)} the policies that it ended with.
        exploitability: {agent: what a best policy would gain against them}, exactly, in the world itself.
        converged: whether nobody gains more than the tolerance, so that the policies are an equilibrium.
        rounds: how many best responses were added for each agent.
        empirical: the last game between all policies that were found.
        strategies: the equilibrium of it that the policies mix by.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.multi import one_key_v0
        >>> found = pm.games.double_oracle(one_key_v0.parallel_env().game, 0.9)
        >>> found.converged, max(found.exploitability.values()) <= 1e-9
        (True, True)
    """

    policies: Mapping[str, Floats]
    exploitability: Mapping[str, float]
    converged: bool
    rounds: int
    empirical: EmpiricalGame
    strategies: tuple[Floats, Floats]


def best_response(
    game: Any, policies: Mapping[str, Any], gamma: float, agent: str, *, initial: Any = None
) -> tuple[Floats, float]:
    """An agent's best policy in the world that the others' policies make, and what it earns from the start.

    Args:
        game: a `powerenvs.TabularGame`, or an environment around one.
        policies: {agent: policy} of the others.
        gamma: discount in [0, 1).
        agent: whose best policy.
        initial: where episodes start; the game's own start when None.

    Returns:
        (S, A_i) a deterministic optimal policy, and its expected discounted return.

    Raises:
        ValueError: for unknown agents, and policies that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.multi import one_key_v0
        >>> game = one_key_v0.parallel_env().game
        >>> policy, earned = pm.games.best_response(game, {"ai": lambda state: 0}, 0.9, "human")
        >>> policy.shape == (game.num_states, 5), 0 < earned < 1
        (True, True)
    """
    world = _tables(game)
    position = agent_position("agent", agent, world.agents)
    given = mapped("policies", policies, "{agent: policy}")
    others = {name: policy_table(policy, game, agent=name) for name, policy in given.items() if name != agent}
    mdp = world.against(others)
    solution = solve_task(mdp, check_gamma(gamma))
    chosen = np.eye(world.num_actions[position])[solution.policy[0]]
    return chosen, float(start_weights(mdp, initial) @ solution.values[0])


def exploitability(game: Any, policies: Mapping[str, Any], gamma: float, *, initial: Any = None) -> dict[str, float]:
    """How much each agent would gain by its best policy while the others keep theirs: all 0 at an equilibrium.

    Args:
        game: a `powerenvs.TabularGame`, or an environment around one.
        policies: {agent: policy} of every agent.
        gamma: discount in [0, 1).
        initial: where episodes start; the game's own start when None.

    Raises:
        ValueError: for missing agents, and policies that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.multi import one_key_v0
        >>> game = one_key_v0.parallel_env().game
        >>> gaps = pm.games.exploitability(game, {name: game.uniform_policy(name) for name in game.agents}, 0.9)
        >>> sorted(gaps), min(gaps.values()) > 0
        (['ai', 'human'], True)
    """
    world = _tables(game)
    given = mapped("policies", policies, "{agent: policy}")
    missing = [name for name in world.agents if name not in given]
    if missing:
        raise ValueError(f"policies: expected those of all agents, found none of {', '.join(missing)}")
    tables = {name: policy_table(policy, game, agent=name) for name, policy in given.items()}
    found = {}
    for name in world.agents:
        most = best_response(world, tables, gamma, name, initial=initial)[1]
        mdp = world.against({other: table for other, table in tables.items() if other != name})
        found[name] = max(0.0, most - float(expected_return(mdp, tables[name], gamma, start_weights(mdp, initial))))
    return found


def double_oracle(
    game: Any,
    gamma: float,
    policies: Mapping[str, Any] | None = None,
    *,
    rounds: int = 10,
    tolerance: float = 1e-9,
    initial: Any = None,
) -> DoubleOracle:
    """Looks for an equilibrium of a world of two agents by best responses to mixtures of best responses.

    In each round the game between the policies so far (`empirical`) is solved, each agent's mixture is made one policy,
    in each state weighted by how much time it spends there, and an exact best response to it is added
    (McMahan et al. 2003; with learned responses it is PSRO, Lanctot et al. 2017). Where agents decide once this finds
    an equilibrium. In longer worlds one policy is not the same as a mixture that is drawn once an episode, and it need
    not converge; whether it has is computed from the world itself.

    Args:
        game: a `powerenvs.TabularGame` of two agents, or an environment around one.
        gamma: discount in [0, 1).
        policies: {agent: policy} to begin with; uniformly random ones when None.
        rounds: at most.
        tolerance: what an agent may gain at most at what counts as an equilibrium.
        initial: where episodes start; the game's own start when None.

    Raises:
        ValueError: for games of other than two agents, and arguments that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.multi import one_key_v0
        >>> pm.games.double_oracle(one_key_v0.parallel_env().game, 0.9).rounds <= 5
        True
    """
    world, gamma, rounds = world_of(game), check_gamma(gamma), check_count("rounds", rounds)
    if not 0.0 <= real(tolerance) < np.inf:
        raise ValueError(f"tolerance: expected a number of at least 0, found {tolerance!r}")
    given = mapped("policies", {} if policies is None else policies, "{agent: policy}")
    for name in given:
        agent_position("policies", name, world.agents)
    found = [
        [policy_table(given[name], game, agent=name) if name in given else world.uniform_policy(name)]
        for name in world.agents
    ]
    number = 0
    while True:
        played = empirical(world, found[0], found[1], gamma, initial=initial)
        point = max(nash(played.game).points, key=lambda point: sum(point.payoffs))
        mixed = _as_policies(played, point.x, point.y, initial)
        gains = exploitability(world, mixed, gamma, initial=initial)
        converged = max(gains.values()) <= tolerance
        new = False
        for name, own in zip(world.agents, found, strict=True):
            answer = best_response(world, mixed, gamma, name, initial=initial)[0]
            if not any(np.array_equal(answer, one) for one in own):
                own.append(answer)
                new = True
        if converged or not new or number == rounds:
            return DoubleOracle(mixed, gains, converged, number, played, (point.x, point.y))
        number += 1


def _as_policies(played: EmpiricalGame, x: Floats, y: Floats, initial: Any) -> dict[str, Floats]:
    """Mixtures as one policy each: in a state, policies count by the time that is spent there under them."""
    world, (first, second) = played.world, played.world.agents
    rows, columns = (np.stack([*own.values()]) for own in played.policies)
    weights = np.zeros((len(x), len(y), world.num_states))
    for j in np.flatnonzero(y):
        mdp = world.against({second: columns[j]})
        weights[:, j] = occupancy(mdp, rows, played.gamma, start_weights(mdp, initial)) * np.outer(x, [y[j]])
    found = {}
    for name, tables, own, share in ((first, rows, x, weights.sum(axis=1)), (second, columns, y, weights.sum(axis=0))):
        reached = share.sum(axis=0) > UNREACHED
        share = np.where(reached, share, own[:, None])
        share /= share.sum(axis=0)
        mixed = np.einsum("ks,ksa->sa", share, tables)
        found[name] = mixed / mixed.sum(axis=1, keepdims=True)
    return found


def _tables(game: Any) -> TabularGame:
    world = game_of(game)
    if world is None:
        raise ValueError(f"game: expected a TabularGame or an environment of PettingZoo around one, found {game!r}")
    return world
