"""The game of choosing a policy: what policies of two agents earn against each other in a world, exactly.

A world of two agents and a policy table of each make a Markov chain, whose expected return is a linear solve. With m
policies of one agent and n of the other, the m · n pairs are an m x n game in the usual sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.joint_observations import among_random, game_of
from power_metrics.agents.table import policy_table
from power_metrics.arguments.checks import as_float64, check_choice, check_gamma
from power_metrics.chains.occupancy import expected_return, occupancy, start_weights
from power_metrics.games.bimatrix import Bimatrix
from power_metrics.measures.power import power as compute_power
from power_metrics.results.estimate import PowerEstimate
from power_metrics.solvers.optimal import optimal_policies, solve_task
from powerenvs.model.checks import as_list, mapped
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

PAYOFFS = ("reward", "performance", "power")
DIGITS = 10
"""Payoffs are rounded to this many digits of the largest in the game that is solved, so that ties which rounding broke
are ties again."""


@dataclass(frozen=True, eq=False)
class EmpiricalGame:
    """Policies of two agents against each other.

    Attributes:
        game: the game of choosing a policy; payoffs rounded to ten digits of the largest, which keeps ties.
        returns: (2, m, n) what both agents get, not rounded.
        policies: for each agent, {name: (S, A_i) policy}.
        world: the tables.
        gamma: the discount.
        payoff: what is counted: "reward", "performance" or "power".
        best: for each agent, the most that any policy gets against each of the other's: (n,) and (m,).
            None for "power".

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.resources import OneKey
        >>> game = OneKey().tables()
        >>> still = {"still": lambda state: 0, "right": lambda state: 4}
        >>> found = pm.games.empirical(game, still, still, 0.9)
        >>> found.game.names[0], found.gaps(0, 0)[0] > 0
        (('still', 'right'), True)
    """

    game: Bimatrix
    returns: Floats
    policies: tuple[Mapping[str, Floats], Mapping[str, Floats]]
    world: TabularGame
    gamma: float
    payoff: str
    best: tuple[Floats, Floats] | None

    def gaps(self, row: int, column: int) -> tuple[float, float]:
        """What each agent would gain by its best policy of all against one policy of the other, in the world itself.

        Args:
            row: the number of the first agent's policy.
            column: of the second agent's.

        Raises:
            ValueError: for payoffs in POWER.
        """
        rows, columns = self._best()
        won = self.returns[:, row, column]
        return max(0.0, float(rows[column] - won[0])), max(0.0, float(columns[row] - won[1]))

    def exploitability(self, x: Any, y: Any) -> tuple[float, float]:
        """How much each agent could gain at most against a mixture of the other's policies, drawn once an episode.

        It is what an agent would gain that knew which policy was drawn: a bound, and exact for pure strategies.

        Args:
            x: (m,) how often the first agent takes each policy.
            y: (n,) the second.

        Raises:
            ValueError: for what is no distribution, and payoffs in POWER.
        """
        rows, columns = self._best()
        x, y = self.game.strategies(x, y)
        won = x @ self.returns @ y
        return max(0.0, float(rows @ y - won[0])), max(0.0, float(columns @ x - won[1]))

    def _best(self) -> tuple[Floats, Floats]:
        if self.best is None:
            raise ValueError("payoff: expected reward or performance, which have best answers, found power")
        return self.best


def empirical(
    game: Any,
    policies_a: Any,
    policies_b: Any,
    gamma: float,
    *,
    payoff: str = "reward",
    initial: Any = None,
    power: Mapping[str, Any] | None = None,
    **options: Any,
) -> EmpiricalGame:
    """The game between policies of two agents in a world, its payoffs exact to rounding.

    Args:
        game: a `powerenvs.TabularGame` of two agents, or an environment of PettingZoo around one.
        policies_a: of the first agent: {name: policy}, or a list; whatever `power_metrics.policy_table` takes, such as
            models of Stable-Baselines3 or RLlib, callables and arrays (S, A).
        policies_b: of the second agent.
        gamma: discount in [0, 1]; 1 where episodes end under every pair of policies.
        payoff: "reward" or "performance", the expected discounted sum in the task; "power", the average POWER of the
            agent in the states that are visited, (1 - gamma) Σ_t gamma^t E[POWER(s_t)], with gamma below 1.
        initial: where episodes start; the game's own start when None.
        power: {agent: (S,) POWER or a `PowerEstimate`} for payoff "power"; against a random other agent when None.
        options: of `power_metrics.power` where it is computed, such as ``num_samples``; else of `policy_table`.

    Raises:
        ValueError: for another number of agents, policies that do not fit, worlds in which available actions may be
            impossible together, and arguments that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularGame
        >>> moves = [("play", (a, b), "over", 1.0) for a in "cd" for b in "cd"]
        >>> paid = {"ann": [3, 0, 5, 1], "bob": [3, 5, 0, 1]}
        >>> world = TabularGame.from_transitions(moves, ("ann", "bob"), initial="play", terminal=["over"], reward=paid)
        >>> both = {"kind": lambda state: 0, "sly": lambda state: 1}
        >>> found = pm.games.empirical(world, both, both, gamma=0.9)
        >>> found.game.A.tolist(), pm.games.equilibria(found.game)[0][0].tolist()
        ([[3.0, 0.0], [5.0, 1.0]], [0.0, 1.0])
    """
    world = world_of(game)
    payoff = check_choice("payoff", payoff, PAYOFFS)
    gamma = check_gamma(gamma, closed=payoff != "power")
    if power is not None and payoff != "power":
        raise ValueError('power: expected None where payoff is not "power"')
    reading = {} if payoff == "power" else options
    first, second = world.agents
    given = (_named("policies_a", policies_a), _named("policies_b", policies_b))
    tables = tuple(
        {name: policy_table(policy, game, agent=agent, **reading)
         for name, policy in own.items()}
        for agent, own in zip(world.agents, given, strict=True)
    )  # fmt: skip
    rows, columns = (np.stack([*own.values()]) for own in tables)
    against_columns = [world.against({second: table}) for table in columns]
    start = start_weights(against_columns[0], initial)
    best = None
    if payoff == "power":
        values = np.stack([_power(world, agent, power, gamma, options) for agent in world.agents])
        visits = np.stack([occupancy(mdp, rows, gamma, start) for mdp in against_columns], axis=1)
        returns = np.einsum("is,mns->imn", values, visits)
    else:
        hidden = payoff == "performance"
        against_rows = [world.against({first: table}) for table in rows]
        returns = np.stack(
            [
                np.stack([expected_return(m, rows, gamma, start, performance=hidden) for m in against_columns], axis=1),
                np.stack([expected_return(m, columns, gamma, start, performance=hidden) for m in against_rows]),
            ]
        )
        best = _optima(against_columns, gamma, start, hidden), _optima(against_rows, gamma, start, hidden)
    names = tuple(tuple(own) for own in tables)
    rounded = [_rounded(table) for table in returns]
    return EmpiricalGame(
        game=Bimatrix(rounded[0], rounded[1], names, world.agents, ""),  # type: ignore[arg-type]
        returns=returns,
        policies=tables,  # type: ignore[arg-type]
        world=world,
        gamma=gamma,
        payoff=payoff,
        best=best,
    )


def reference_policies(
    game: Any, agent: str, gamma: float, *, num_samples: int = 1000, seed: int = 0
) -> dict[str, Floats]:
    """Policies of an agent to put others beside: what is optimal, and what seeks power, among random others.

    Args:
        game: a `powerenvs.TabularGame`, or an environment of PettingZoo around one.
        agent: whose.
        gamma: discount in [0, 1).
        num_samples: reward functions that POWER is averaged over.
        seed: of the reward functions.

    Returns:
        {"random": uniform, "optimal": for the task, "power": seeks the most POWER along the way}, (S, A) each; optimal
        actions that are tied are equally likely.

    Raises:
        ValueError: for an unknown agent, and arguments that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.social import StagHunt
        >>> sorted(pm.games.reference_policies(StagHunt(), "ai", 0.9, num_samples=50))
        ['optimal', 'power', 'random']
    """
    world, gamma = world_of(game), check_gamma(gamma)
    agent_position("agent", agent, world.agents)
    mdp = among_random(world, agent)
    power = compute_power(mdp, gamma, num_samples=num_samples, seed=seed, progress=False).mean
    return {
        "random": world.uniform_policy(agent),
        "optimal": optimal_policies(mdp, None, gamma).numpy()[0],
        "power": optimal_policies(mdp, power, gamma).numpy()[0],
    }


def world_of(game: Any) -> TabularGame:
    """The tables of a game of two agents that may combine their actions freely.

    Raises:
        ValueError: for anything else.
    """
    world = game_of(game)
    if world is None:
        raise ValueError(f"game: expected a TabularGame or an environment of PettingZoo around one, found {game!r}")
    if world.num_agents != 2:
        raise ValueError(
            f"game: expected two agents, found {world.num_agents}; fold the policies of the others in with "
            "game.fold({agent: policy})"
        )
    if not world.independent_actions:
        raise ValueError(
            "game: expected a game in which all combinations of available actions exist, found one in which they do "
            "not, as after without_overlaps(); use with_bumping()"
        )
    return world


def _named(argument: str, policies: Any) -> dict[str, Any]:
    if isinstance(policies, Mapping):
        found = {str(name): policy for name, policy in policies.items()}
    else:
        several = as_list(argument, policies, "{name: policy} or a list of policies")
        found = {str(k + 1): policy for k, policy in enumerate(several)}
    if not found:
        raise ValueError(f"{argument}: expected at least one policy, found none")
    return found


def _power(
    world: TabularGame, agent: str, given: Mapping[str, Any] | None, gamma: float, options: Mapping[str, Any]
) -> Floats:
    """(S,) an agent's POWER, given or against a random other agent."""
    if given is None:
        return compute_power(among_random(world, agent), gamma, **options).mean
    own = mapped("power", given, "{agent: POWER}").get(agent)
    if own is None:
        raise ValueError(f"power: expected the POWER of each of {world.agents}, found none of {agent!r}")
    values = own.mean if isinstance(own, PowerEstimate) else as_float64("power", own)
    if values.shape != (world.num_states,) or not np.all(np.isfinite(values)):
        raise ValueError(f"power: expected {world.num_states} finite numbers, found shape {values.shape}")
    return values


def _optima(mdps: list[TabularMDP], gamma: float, start: Floats, performance: bool) -> Floats:
    """What the best policy gets in each of some worlds."""
    return np.array([start @ solve_task(mdp, gamma, performance=performance).values[0] for mdp in mdps])


def _rounded(returns: Floats) -> Floats:
    """To `DIGITS` digits of the largest."""
    largest = float(np.abs(returns).max())
    if largest == 0.0:
        return np.zeros_like(returns)
    digits = DIGITS - 1 - int(np.floor(np.log10(largest)))
    return np.array([[round(float(value), digits) + 0.0 for value in row] for row in returns])
