"""What stands behind a POWER run: its reward functions, one by one, and the policies that are optimal for them.

A run keeps no reward functions, because its seed gives any of them again. A policy that is greedy for given values of
states, such as their POWER, needs nothing from here: it is ``optimal_policies(mdp, values, gamma=0)``.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from power_metrics.arguments.checks import (
    as_float64,
    check_count,
    check_gamma,
    check_rewards,
    check_seed,
    resolve_model,
)
from power_metrics.expectation.draws import Draws, MonteCarlo
from power_metrics.expectation.sampling import SAMPLED, draws_of
from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.multiagent import MultiagentPower
from power_metrics.results.shown import Shown
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.pairs import pair_sampler
from power_metrics.rewards.sampler import reward_sampler
from power_metrics.solvers.optimal import TIE_TOLERANCE, optimal_policies
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.rollout import Rollout, rollout

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

REPRODUCED = 1e-8
"""POWER under a reward function of a run comes out again to this share of its largest."""


def drawn_rewards(
    env_or_mdp: Any,
    indices: int | ArrayLike,
    reward: RewardDistribution | PerState = DEFAULT,
    seed: int = 0,
    *,
    method: str = "monte_carlo",
    num_samples: int | None = None,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = None,
    allow_all_equal: bool = True,
) -> Floats:
    """The reward functions with these numbers in a run of `power_metrics.power`, exactly as it drew them.

    Only the blocks of reward functions in which they are get drawn, so that a large number costs no more.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        indices: numbers from 0 on, (n,) or a single one: row i of ``result.samples`` is POWER under number i.
        reward: as in the run.
        seed: as in the run.
        method: what ``result.method`` says, without control variates.
        num_samples: ``result.num_samples``, which Sobol points depend on; others are the same in longer runs.
        states_with_identical_rewards: as in the run.
        allow_all_equal: as in the run.

    Returns:
        (n, S) float64.

    Raises:
        ValueError: for an argument that does not fit, numbers beyond the run's, and a method that draws nothing.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> pm.drawn_rewards(PowerGrid(".."), [0, 1]).round(2)
        array([[0.55, 0.4 ],
               [0.89, 0.45]])
    """
    mdp = resolve_model(env_or_mdp)
    wanted = _numbers(indices)
    known = (*SAMPLED, "enumeration")
    if not isinstance(method, str) or method not in known:
        raise ValueError(f"method: expected one of {', '.join(known)}, found {method!r}; {closest(method, known)}")
    if num_samples is None and method == "sobol":
        raise ValueError("num_samples: expected that of the run for method 'sobol', found None")
    sampler = reward_sampler(mdp, reward, states_with_identical_rewards, allow_all_equal)
    count = int(wanted.max()) + 1 if num_samples is None else check_count("num_samples", num_samples)
    draws = draws_of(method, sampler, check_seed(seed), count)
    _check_within(wanted, draws.count)
    return _rows(draws, wanted)


def drawn_pairs(
    game: TabularGame,
    indices: int | ArrayLike,
    correlation: float = 0.0,
    reward: RewardDistribution | PerState = DEFAULT,
    seed: int = 0,
    *,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = None,
    allow_all_equal: bool = True,
) -> tuple[Floats, Floats]:
    """The pairs of reward functions with these numbers in a run of `power_metrics.multiagent_power`.

    Args:
        game: with S states.
        indices: numbers from 0 on, (n,) or a single one.
        correlation: as in the run.
        reward: as in the run.
        seed: as in the run.
        states_with_identical_rewards: as in the run.
        allow_all_equal: as in the run.

    Returns:
        ``(R_H, R_A)``, each (n, S) float64.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> game = PowerPair("..").tables()
        >>> human, ai = pm.drawn_pairs(game, 3, correlation=1)
        >>> bool((human == ai).all())
        True
    """
    wanted = _numbers(indices)
    if not isinstance(game, TabularGame):
        raise ValueError(f"game: expected a TabularGame, found {game!r}")
    sampler = pair_sampler(game, reward, correlation, states_with_identical_rewards, allow_all_equal)
    draws = MonteCarlo(sampler, check_seed(seed), int(wanted.max()) + 1)
    human, ai = np.moveaxis(_rows(draws, wanted), 1, 0)
    return human, ai


def pair_policies(
    game: TabularGame,
    rewards: tuple[Any, Any],
    gamma: float,
    gamma_a: float | None = None,
    *,
    seed_policy: Any = None,
    rounds: int = 1,
    agents: tuple[str, str] | None = None,
    tie_tolerance: float = TIE_TOLERANCE,
) -> dict[str, Floats]:
    """The policies of two agents behind POWER under one pair of reward functions; see `multiagent_power`.

    π_H is optimal for R_H while A plays its seed policy; π_A is optimal for R_A while H plays that π_H. Ties are
    split evenly. Each further round, H answers π_A and A the new π_H.

    Args:
        game: of two agents, with S states.
        rewards: (R_H, R_A), each (S,).
        gamma: discount of H, in [0, 1).
        gamma_a: discount of A; None for the same.
        seed_policy: of A, (S, A_a); None for uniform over the available actions.
        rounds: how often each agent answers the other.
        agents: who is H and who is A; by default in the order of the game.
        tie_tolerance: as of `power_metrics.optimal_policies`.

    Returns:
        {name of H: (S, A_h), name of A: (S, A_a)}.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> game = PowerPair("..").tables()
        >>> policies = pm.pair_policies(game, pm.drawn_pairs(game, 0), gamma=0.6)
        >>> {agent: table.shape for agent, table in policies.items()}
        {'human': (4, 5), 'ai': (4, 5)}
    """
    if not isinstance(game, TabularGame) or game.num_agents != 2:
        raise ValueError(f"game: expected a TabularGame of two agents, found {game!r}; see TabularGame.fold")
    h, a = game.agents if agents is None else agents
    if agent_position("agents", h, game.agents) == agent_position("agents", a, game.agents):
        raise ValueError(f"agents: expected two different names, found {agents!r}")
    gamma = check_gamma(gamma)
    gamma_a = gamma if gamma_a is None else check_gamma(gamma_a, "gamma_a")
    if not isinstance(rewards, tuple | list) or len(rewards) != 2:
        raise ValueError(f"rewards: expected a pair (R_H, R_A), found {type(rewards).__name__}")
    given = [check_rewards(one, game, f"rewards[{i}]") for i, one in enumerate(rewards)]
    if any(len(one) != 1 for one in given):
        raise ValueError(f"rewards: expected one reward function for each agent, found {[len(one) for one in given]}")
    axes = game.state_labels, game.action_labels[a]
    ai = game.uniform_policy(a) if seed_policy is None else as_float64("seed_policy", seed_policy, axes)
    for _ in range(check_count("rounds", rounds)):
        human = optimal_policies(game.against({a: ai}), given[0], gamma, tie_tolerance=tie_tolerance)[0].numpy()
        ai = optimal_policies(game.against({h: human}), given[1], gamma_a, tie_tolerance=tie_tolerance)[0].numpy()
    return {h: human, a: ai}


@dataclass(frozen=True, eq=False, repr=False)
class RunPolicies(Shown):
    """A reward function of a run and the policy that is optimal for it; or a pair of them and two agents' policies.

    Attributes:
        model: that the run was in.
        index: the number of the reward function.
        rewards: (S,); of two agents {name: (S,)}.
        policies: (S, A), ties split evenly; of two agents {name: (S, A_i)}.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> result = pm.power(PowerGrid("..", walls="absent"), num_samples=10, progress=False)
        >>> found = pm.run_policies(result, 3)
        >>> found.rewards.shape, found.policies.shape
        ((2,), (2, 5))
    """

    model: TabularMDP | TabularGame
    index: int
    rewards: Floats | Mapping[str, Floats]
    policies: Floats | Mapping[str, Floats]

    @property
    def columns(self) -> dict[str, Floats]:
        """The rewards under names for `Rollout.describe` and `Rollout.frames`."""
        if isinstance(self.rewards, Mapping):
            return {f"reward of {agent}": values for agent, values in self.rewards.items()}
        return {"reward": self.rewards}

    def to_frame(self) -> pandas.DataFrame:
        """A row for each state and available action: the reward of the state, and how probable the action is.

        Of two agents a row for each agent too, with its own actions.
        """
        import pandas

        if isinstance(self.model, TabularMDP):
            return pandas.DataFrame(self._rows(None, self.model.available, self.model.action_labels))
        each = [self._rows(a, self.model.available[a], self.model.action_labels[a]) for a in self.policies]
        return pandas.concat([pandas.DataFrame(one) for one in each], ignore_index=True)

    def _rows(self, agent: Any, available: NDArray[np.bool_], actions: Sequence[Hashable]) -> dict[str, Any]:
        states, chosen = np.nonzero(available)
        whose: dict[str, Any] = {} if agent is None else {"agent": agent}
        rewards: Any = self.rewards if agent is None else self.rewards[agent]
        policy: Any = self.policies if agent is None else self.policies[agent]
        return whose | {
            "state": [label_text(self.model.state_labels[s]) for s in states.tolist()],
            "action": [label_text(actions[a]) for a in chosen.tolist()],
            "reward": rewards[states],
            "probability": policy[states, chosen],
        }

    def rollout(self, start: Hashable = None, num_steps: int = 20, seed: int | None = 0) -> Rollout:
        """A walk under the policies; see `powerenvs.rollout.rollout`."""
        return rollout(self.model, self.policies, start, num_steps, seed)

    def __repr__(self) -> str:
        return f"RunPolicies(reward function {self.index} in {self.model!r})"


def run_policies(
    result: PowerEstimate | MultiagentPower,
    index: int,
    reward: RewardDistribution | PerState = DEFAULT,
    *,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = None,
    allow_all_equal: bool = True,
) -> RunPolicies:
    """Reward function number ``index`` of a run, drawn again, and what is optimal for it.

    Of two agents, π_H is optimal against A's seed policy and π_A against that π_H, as `pair_policies` has them, with
    the discounts, the rounds and the seed policy of the run.

    A result knows its distribution in words, which ``reward`` has to fit. Where it has kept samples, POWER under the
    reward function is compared with them, so that other arguments are found out too where they change it.

    Args:
        result: of `power_metrics.power` or `power_metrics.multiagent_power`.
        index: from 0 to ``result.num_samples - 1``.
        reward: as in the run.
        states_with_identical_rewards: as in the run.
        allow_all_equal: as in the run.

    Raises:
        ValueError: for another distribution than that of the run, a run in which nothing was drawn, and arguments
            that are found not to be those of the run.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> result = pm.power(PowerGrid("..", walls="absent"), num_samples=10, progress=False)
        >>> pm.run_policies(result, 3).rewards.round(2)
        array([0.95, 0.34])
    """
    options: dict[str, Any] = {
        "states_with_identical_rewards": states_with_identical_rewards,
        "allow_all_equal": allow_all_equal,
    }
    if isinstance(result, MultiagentPower):
        return _pair_of_run(result, index, reward, options)
    if not isinstance(result, PowerEstimate):
        raise ValueError(f"result: expected a PowerEstimate or a MultiagentPower, found {type(result).__name__}")
    if not isinstance(result.model, TabularMDP):
        raise ValueError("result: expected the MultiagentPower of both agents, found the POWER of one of them")
    _check_drawn(result, index, reward)
    drawn: dict[str, Any] = {"method": _drawing(result), "num_samples": result.num_samples}
    rewards = drawn_rewards(result.model, index, reward, result.seed or 0, **drawn, **options)
    policy = optimal_policies(result.model, rewards, result.gamma)[0].numpy()
    if (kept := _kept(result, index)) is not None:
        from power_metrics.measures.power import power

        _check_same(power(result.model, result.gamma, rewards=rewards, threads=1).samples[0], kept)
    return RunPolicies(result.model, index, rewards[0], policy)


def _pair_of_run(
    result: MultiagentPower, index: int, reward: RewardDistribution | PerState, options: dict[str, Any]
) -> RunPolicies:
    h, a = result.agents
    human = result[h]
    _check_drawn(human, index, reward)
    pair = drawn_pairs(result.game, index, result.correlation or 0.0, reward, human.seed or 0, **options)
    settings: dict[str, Any] = {
        "gamma": human.gamma,
        "gamma_a": result[a].gamma,
        "seed_policy": result.seed_policy,
        "rounds": result.rounds,
        "agents": result.agents,
    }
    policies = pair_policies(result.game, pair, **settings)
    kept = {agent: found for agent in result.agents if (found := _kept(result[agent], index)) is not None}
    if kept:
        from power_metrics.measures.multiagent_power import multiagent_power

        again = multiagent_power(result.game, rewards=pair, threads=1, **settings)
        for agent, powers in kept.items():
            _check_same(again[agent].samples[0], powers)
    return RunPolicies(result.game, index, {h: pair[0][0], a: pair[1][0]}, policies)


def _drawing(result: PowerEstimate) -> str:
    """The method by which reward functions were drawn."""
    return result.method.removesuffix(" with control variates")


def _check_drawn(result: PowerEstimate, index: int, reward: RewardDistribution | PerState) -> None:
    if _drawing(result) not in (*SAMPLED, "enumeration"):
        raise ValueError(
            f"result: expected a run that drew reward functions, found method {result.method!r}; optimal_policies and "
            "pair_policies take reward functions as they are"
        )
    if repr(reward) != result.reward:
        raise ValueError(f"reward: expected that of the run, {result.reward}, found {reward!r}")
    _check_within(_numbers(index), result.num_samples)


def _kept(result: PowerEstimate, index: int) -> Floats | None:
    """POWER under a reward function, where the result has it."""
    try:
        return result.samples[index]
    except ValueError:
        return None


def _check_same(found: Floats, kept: Floats) -> None:
    if np.abs(found - kept).max() > REPRODUCED * np.abs(kept).max():
        raise ValueError(
            "states_with_identical_rewards, allow_all_equal: expected those of the run, found others: POWER under the "
            f"reward function differs from the sample that the result keeps by {np.abs(found - kept).max():.2g}"
        )


def _numbers(indices: int | ArrayLike) -> NDArray[np.int64]:
    """Numbers of reward functions as an array (n,)."""
    array = np.atleast_1d(np.asarray(indices))
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= 2**63:
        raise ValueError(f"indices: expected whole numbers from 0 to 2^63 - 1, found {indices!r}")
    return array.astype(np.int64)


def _check_within(wanted: NDArray[np.int64], count: int) -> None:
    if wanted.max() >= count:
        raise ValueError(
            f"indices: expected numbers below {count:,}, the reward functions of the run, found {wanted.max()}"
        )


def _rows(draws: Draws, wanted: NDArray[np.int64]) -> Floats:
    """The reward functions with these numbers, (n, S), or pairs of them, (n, 2, S), drawn block by block."""
    numbers = np.unique(wanted // draws.rows)
    blocks = dict(zip(numbers.tolist(), map(draws.block, numbers.tolist()), strict=True))
    return np.stack([blocks[n // draws.rows][n % draws.rows] for n in wanted.tolist()])
