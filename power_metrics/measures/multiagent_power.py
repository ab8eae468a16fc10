"""POWER of the agents of one game: a human whose plans meet an AI's (POWERplay's definition, made exact), and more."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import as_float64, check_count, check_gamma, check_rewards, check_tolerance
from power_metrics.expectation.alignment import GroupSums, alignment
from power_metrics.expectation.expect import Work
from power_metrics.expectation.sampling import GIVEN, Identical, Sampling
from power_metrics.expectation.statistic import Block, Largest, Mean, Reduction, Statistic, Sum
from power_metrics.measures.group_power import GroupStatistic, given_groups, group_power, shared_facts
from power_metrics.measures.registry import measure
from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.group import GroupPower
from power_metrics.results.multiagent import MultiagentPower, RoundChange
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.groups import group_sampler
from power_metrics.rewards.pairs import PairSampler, pair_sampler, pairs_in_block
from power_metrics.rewards.tails import Tails
from power_metrics.solvers.joint.problem import JointProblem
from power_metrics.solvers.optimal import TIE_TOLERANCE
from powerenvs.model.checks import as_list, flag, mapped
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest, label_text

SETTLED = 1e-9
"""A pair of reward functions has settled if a round changes POWER by no more than this share of its largest."""

PARTS = ("human", "ai", "human baseline", "ai baseline")
"""H and A after the last answer, H against the seed policy, and A playing it."""

SeedPolicy = Any | Callable[[Hashable], Any] | None


@measure(game=True)
def multiagent_power(
    env_or_game: Any,
    gamma: float = 0.9,
    gamma_a: float | None = None,
    correlation: float = 0.0,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int | None = None,
    seed: int | None = 0,
    *,
    seed_policy: SeedPolicy = None,
    rewards: tuple[Any, Any] | None = None,
    rounds: int = 1,
    agents: tuple[str, ...] | None = None,
    others: Mapping[str, Any] | None = None,
    tie_tolerance: float = TIE_TOLERANCE,
    method: str = "monte_carlo",
    tolerance: float | None = None,
    level: float = 0.95,
    states_with_identical_rewards: Identical = None,
    allow_all_equal: bool = True,
    keep_samples: bool = False,
    threads: int | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> Generator[None, None, MultiagentPower | GroupPower]:
    """POWER of the agents of a game whose reward functions are correlated (POWERplay's definition, of H and A).

    For each pair (R_H, R_A):

    1. π_H is optimal for R_H while A plays its *seed policy*. Ties are split evenly over actions.
    2. V_A is optimal for R_A while H plays π_H; POWER_A = (1 - γ_A)/γ_A · E[V_A - R_A].
    3. π_A is greedy for V_A, ties split. V_H is the value of the same π_H while A plays π_A;
       POWER_H = (1 - γ_H)/γ_H · E[V_H - R_H].

    Baselines are H against the seed policy (from 1), and A playing the seed policy against π_H. What one agent
    faces while the other plays a policy is `powerenvs.TabularGame.against`: a policy is renormalised over the
    actions that exist together with the other's.

    Of three agents and more, each in turn takes what is optimal for its own reward function while those before it play
    the policies that they have chosen and those after it their seed policies. POWER of each is that of all policies
    together, as they then are; its baseline is what it planned for (of the last: what it has when it plays its seed
    policy). For two agents that is the definition above.

    Every value is exact to rounding, only the expectation over pairs is an estimate, taken by ``method`` as
    `power_metrics.power` does. The same seed gives the same numbers, whatever ``threads`` and ``executor`` are, and the
    first n pairs of a longer run are those of a shorter one. Runs that differ in the correlation alone have the same
    R_H, and the same fresh draws for A.

    Args:
        env_or_game: a PettingZoo environment of ours or a `powerenvs.TabularGame`, with S states.
        gamma: discount of H, in [0, 1).
        gamma_a: discount of A, and of all agents after the first; None for the same.
        correlation: ρ in [-1, 1]. For each state on its own, R_A(s) is R_H(s) with probability ρ, else a fresh
            draw; for ρ < 0 it is low + high - R_H(s) with probability |ρ|, which needs a distribution that is
            symmetric on a bounded interval. So it is for every agent after the first, each by a chance of its own.
        reward: the distribution of a state's reward, the same for all states or a `PerState`.
        num_samples: how many pairs to draw; by default 10,000. With ``tolerance``, the most to draw; by default 10^8.
        seed: of the draws; None for a fresh one, which the result then tells.
        seed_policy: of A: a table (S, A_a); or a function from a state's label to the probabilities of A's
            actions, in order or by label; None for uniform over the available actions. With more than two agents
            {agent: one of these}; those not named are uniform.
        rewards: (R_H, R_A), each (B, S) or (S,): exactly these pairs, nothing is drawn. One more for each further
            agent.
        rounds: more than 1 lets H answer π_A, then A the new π_H, and so on; POWER is that of the last round.
        agents: who is H and who is A, and who comes after; by default all agents without a policy in ``others``, in the
            order of the game.
        others: policies (S, A_i), or "uniform", of agents that play them whatever happens; they are folded into the
            game.
        tie_tolerance: actions are tied with the best one if Σ P(s') (V(s') - V(s)) differs by at most this share of the
            sum's own size. Those whose difference may be an error of V are tied too; such errors are bounded, and a
            warning tells where they are large, as they can be in games of thousands of states near discount 1.
        method: ``"monte_carlo"``, ``"antithetic"`` or ``"sobol"``; see `power_metrics.power`.
        tolerance: draw until the widest interval of POWER, of either agent in any state, with or without an answer,
            reaches no further than this to each side.
        level: of the intervals that ``tolerance`` looks at.
        states_with_identical_rewards: disjoint sets of state labels; the states of a set share one draw, and
            whether A takes it over.
        allow_all_equal: False to draw again where all states have the same reward.
        keep_samples: keep POWER under every pair in ``samples`` of the estimates. With ``rewards`` they always are.
        threads: how many; None for one on each core. A worker of an executor has one.
        executor: ``"processes"``, ``"ray"`` or a `concurrent.futures.Executor`; bit for bit the same numbers.
        workers: how many processes to start, or shards that an executor gets at a time; None for one on each core.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Returns:
        ``result[agent]`` and ``result.baseline[agent]``, a `power_metrics.PowerEstimate` each, and
        ``result.alignment``: a `MultiagentPower` of two agents, a `GroupPower` (alignment of each two) of more.

    Raises:
        ValueError: for an argument that does not fit, before any long work.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power.pair import PowerPair
        >>> game = PowerPair("..").tables()
        >>> both = pm.multiagent_power(game, gamma=0.6, correlation=0.5, num_samples=500, progress=False)
        >>> both["human"].mean.round(2)
        array([0.7 , 0.71, 0.7 , 0.71])
        >>> round(both.alignment, 2)
        -1.0
    """
    gamma_h = _discount(gamma, "gamma")
    gamma_a = gamma_h if gamma_a is None else _discount(gamma_a, "gamma_a")
    rounds = check_count("rounds", rounds)
    ties = check_tolerance("tie_tolerance", tie_tolerance)
    work = Work.checked(threads, executor, workers, progress)
    keep = flag("keep_samples", keep_samples)
    game, names = _players(env_or_game, agents, others)
    more = len(names) > 2
    seeds = _seed_tables(game, names[1:], seed_policy) if more else {names[1]: _seed_table(game, names[1], seed_policy)}

    def sampler(*arguments: Any) -> PairSampler:
        model, distribution, identical, all_equal = arguments
        if more:
            return group_sampler(model, distribution, correlation, len(names), identical, all_equal)
        return pair_sampler(model, distribution, correlation, identical, all_equal)

    sampling = Sampling.checked(
        game, reward, num_samples, seed, method=method, tolerance=tolerance, level=level, rewards=rewards,
        states_with_identical_rewards=states_with_identical_rewards, allow_all_equal=allow_all_equal, sampler=sampler,
        check_given=partial(given_groups, num_agents=len(names)) if more else _given_pairs,
        rows=pairs_in_block(game.num_states), correlation=correlation != 0.0,
    )  # fmt: skip
    drawn = sampling.method != GIVEN
    yield
    if more:
        gammas = (gamma_h, *(gamma_a for _ in names[1:]))
        group = GroupStatistic(names, seeds, gammas, ties, rounds, keep or not drawn, sampling.unseen)
        return group_power(game, group, sampling, work, correlation)
    two, policy = (names[0], names[1]), seeds[names[1]]
    statistic = PairStatistic(two, policy, gamma_h, gamma_a, ties, rounds, keep or not drawn, sampling.unseen)
    found, draws = sampling.average(statistic, game, work, PARTS)
    shared = shared_facts(game, sampling, work, found, draws)
    most, policies = found["most policies"].value, found["policies"].value
    estimates = [
        PowerEstimate(
            mean=found[part].mean,
            standard_error=found[part].standard_error,
            gamma=discount,
            max_iterations=int(most[agent]) if solved else 1,
            mean_iterations=float(policies[agent]) / draws.count if solved else 1.0,
            _samples=found[part].samples,
            **shared,
        )
        for part, discount, agent, solved in zip(
            PARTS, (gamma_h, gamma_a) * 2, (0, 1) * 2, (True, True, True, False), strict=True
        )
    ]
    means = found["rounds"].value / draws.count
    moved = np.abs(np.diff(means, axis=1)).max(axis=2)  # (agent, round)
    corrected, replicates = found["groups"].replicates(sampling.facts["seed"] or 0)
    return MultiagentPower(
        agents=two,
        estimates=dict(zip(two, estimates[:2], strict=True)),
        baseline=dict(zip(two, estimates[2:], strict=True)),
        correlation=float(correlation) if drawn else None,
        alignment=alignment(estimates[0].mean, estimates[1].mean),
        alignment_corrected=corrected,
        seed_policy=policy,
        changes=tuple(
            RoundChange(float(human), float(ai), float(settled) / draws.count)
            for (human, ai), settled in zip(moved.T, found["settled"].value, strict=True)
        ),
        _average_errors=found["averages"].standard_error,
        _replicates=replicates,
    )


@dataclass(frozen=True, eq=False)
class PairStatistic(Statistic):
    """POWER of two agents who answer each other, under pairs of reward functions.

    Attributes:
        agents: H and A.
        seed_policy: (S, A_a) of A.
        gamma_h: discount of H.
        gamma_a: discount of A.
        tolerance: for ties.
        rounds: how often each answers the other.
        keep: whether to keep POWER under every pair.
        tails: what is known of the rewards before any are drawn.
    """

    agents: tuple[str, str]
    seed_policy: NDArray[np.float64]
    gamma_h: float
    gamma_a: float
    tolerance: float
    rounds: int
    keep: bool
    tails: Tails | None = None
    unit = "pairs"

    def reductions(self, trial: bool) -> Mapping[str, Reduction]:
        """See `Statistic`."""
        return {
            **dict.fromkeys(PARTS, Mean(self.keep and not trial, tails=self.tails)),
            "averages": Mean(tails=self.tails),
            "groups": GroupSums(),
            "rounds": Sum(),
            "settled": Sum(),
            "residual": Largest(),
            "most policies": Largest(),
            "policies": Sum(),
        }

    def shared(self, model: TabularGame) -> JointProblem:
        """See `Statistic`."""
        return JointProblem.prepare(model, self.agents, self.seed_policy, self.gamma_h, self.gamma_a, self.tolerance)

    def __call__(self, model: TabularGame, block: Block) -> Iterator[tuple[str, NDArray[Any]]]:
        """See `Statistic`."""
        found = self.prepared(model).solve(block.rewards[:, 0], block.rewards[:, 1], self.rounds)
        powers = (found.human[:, -1], found.ai[:, -1], found.human_seed[:, 0], found.ai_seed[:, 0])
        yield from zip(PARTS, powers, strict=True)
        yield "averages", np.stack([values.mean(axis=1) for values in powers], axis=1)
        yield "groups", np.stack(powers[:2], axis=1)
        both = np.stack([found.human, found.ai], axis=1)  # (n, agent, round, state)
        moved = np.abs(np.diff(both, axis=2)).max(axis=(1, 3))
        yield "rounds", both
        yield "settled", moved <= SETTLED * np.abs(both).max(axis=(1, 2, 3))[:, None]
        yield "residual", found.residual
        yield "most policies", found.iterations
        yield "policies", found.iterations


def _discount(gamma: float, name: str) -> float:
    value = check_gamma(gamma, name, closed=True)
    if value == 1.0:
        raise ValueError(f"{name}: expected a discount below 1, found 1, where optimal policies are many")
    return value


def _players(
    env_or_game: Any, agents: tuple[str, ...] | None, others: Mapping[str, Any] | None
) -> tuple[TabularGame, tuple[str, ...]]:
    """The game of the agents that answer each other, and their names in the order in which they do."""
    game = env_or_game
    if not isinstance(game, TabularGame):
        from powerenvs.sources import tabular_model

        game = tabular_model(env_or_game)
        if not isinstance(game, TabularGame):
            raise ValueError(f"env_or_game: expected a game of two agents, found {game!r}; see power_metrics.power")
    given = {} if others is None else mapped("others", others, "a mapping from agents to policies")
    policies = {
        name: game.uniform_policy(name) if isinstance(policy, str) and policy == "uniform" else policy
        for name, policy in given.items()
    }
    if agents is not None:
        names = (agents,) if isinstance(agents, str) else tuple(as_list("agents", agents, "the names of H and A"))
        unknown = next((name for name in names if not isinstance(name, str) or name not in game.agents), ...)
        if unknown is not ...:
            raise ValueError(f"agents: unknown agent {unknown!r}; {closest(unknown, game.agents)}")
        if len(set(names)) != len(names) or len(names) < 2:
            raise ValueError(f"agents: expected two different names, or more, found {agents!r}")
    else:
        names = tuple(name for name in game.agents if name not in policies)
    rest = [name for name in game.agents if name not in names]
    if len(names) < 2:
        raise ValueError(f"others: expected to leave at least two of {game.agents}, found policies of {list(policies)}")
    if set(policies) != set(rest):
        expected = f"those of {', '.join(rest)}" if rest else "of which there are none"
        raise ValueError(f"others: expected policies of all further agents, {expected}, found {list(policies)}")
    folded = game.fold(policies)
    if len(names) > 2 and not folded.independent_actions:
        raise ValueError(
            "env_or_game: expected a game in which all combinations of available actions exist, found one in which "
            "they do not, as after without_overlaps(), where what one of three agents does depends on the choices of "
            "the others; use with_bumping()"
        )
    return folded, names


def _seed_tables(game: TabularGame, agents: Sequence[str], policies: Any) -> dict[str, NDArray[np.float64]]:
    """The seed policies (S, A_i) of some agents."""
    given = {} if policies is None else mapped("seed_policy", policies, "a mapping from agents to policies")
    unknown = next((name for name in given if name not in agents), None)
    if unknown is not None:
        raise ValueError(
            f"seed_policy: expected policies of agents after the first, {', '.join(agents)}, found {unknown!r}"
        )
    return {agent: _seed_table(game, agent, given.get(agent)) for agent in agents}


def _seed_table(game: TabularGame, agent: str, policy: SeedPolicy) -> NDArray[np.float64]:
    """A's seed policy as a table (S, A_a), checked by folding it in."""
    if policy is None:
        return game.uniform_policy(agent)
    if callable(policy):
        policy = np.array([_probabilities(game, agent, label, policy(label)) for label in game.state_labels])
    table = as_float64("seed_policy", policy, (game.state_labels, game.action_labels[agent]))
    try:
        game.fold({agent: table}) if game.num_agents > 2 else game.against({agent: table})
    except ValueError as error:
        raise ValueError(f"seed_policy: {error}") from None
    return table / table.sum(axis=1, keepdims=True)


def _probabilities(game: TabularGame, agent: str, label: Hashable, given: Any) -> NDArray[np.float64]:
    """The probabilities of an agent's actions in a state, as a function gave them."""
    count = len(game.action_labels[agent])
    if isinstance(given, Mapping):
        row = np.zeros(count)
        for action, probability in given.items():
            row[game.action_index(agent, action)] = probability
        return row
    row = as_float64("seed_policy", given, (game.action_labels[agent],))
    if row.shape != (count,):
        raise ValueError(
            f"seed_policy: expected {count} probabilities, one for each action of {agent}, found shape {row.shape} "
            f"in state {label_text(label)}"
        )
    return row


def _given_pairs(rewards: tuple[Any, Any], game: TabularGame) -> NDArray[np.float64]:
    """(B, 2, S) from a pair of reward functions (B, S) each."""
    if not isinstance(rewards, (tuple, list)) or len(rewards) != 2:
        raise ValueError(f"rewards: expected a pair (R_H, R_A), found {type(rewards).__name__}")
    human, ai = (check_rewards(given, game, f"rewards[{i}]") for i, given in enumerate(rewards))
    if len(human) != len(ai):
        raise ValueError(f"rewards: expected as many reward functions for H as for A, found {len(human)} and {len(ai)}")
    return np.stack([human, ai], axis=1)
