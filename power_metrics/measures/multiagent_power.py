"""POWER of two agents in one game: a human whose plans meet an AI's (POWERplay's definition, made exact)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import (
    as_float64,
    check_count,
    check_gamma,
    check_progress,
    check_rewards,
    check_seed,
    check_tolerance,
)
from power_metrics.expectation.alignment import AlignmentBootstrap, alignment
from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.multiagent import MultiagentPower, RoundChange
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.pairs import Pair, pair_sampler, pairs_in_block
from power_metrics.rewards.sampler import Moments
from power_metrics.solvers.dispatch import in_order, num_threads
from power_metrics.solvers.joint.pairs import Responses
from power_metrics.solvers.joint.problem import JointProblem
from power_metrics.solvers.optimal import TIE_TOLERANCE
from powerenvs.model.checks import as_list, flag, mapped
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest, label_text

SETTLED = 1e-9
"""A pair of reward functions has settled if a round changes POWER by no more than this share of its largest."""

SeedPolicy = Any | Callable[[Hashable], Any] | None


def multiagent_power(
    env_or_game: Any,
    gamma: float = 0.9,
    gamma_a: float | None = None,
    correlation: float = 0.0,
    reward: RewardDistribution | PerState = DEFAULT,
    num_samples: int = 10_000,
    seed: int | None = 0,
    *,
    seed_policy: SeedPolicy = None,
    rewards: tuple[Any, Any] | None = None,
    rounds: int = 1,
    agents: tuple[str, str] | None = None,
    others: Mapping[str, Any] | None = None,
    tie_tolerance: float = TIE_TOLERANCE,
    states_with_identical_rewards: Iterable[Collection[Hashable]] | None = None,
    allow_all_equal: bool = True,
    keep_samples: bool = False,
    threads: int | None = None,
    progress: bool | None = None,
) -> MultiagentPower:
    """POWER of two agents, H and A, whose reward functions are correlated (POWERplay's definition).

    For each pair (R_H, R_A):

    1. π_H is optimal for R_H while A plays its *seed policy*. Ties are split evenly over actions.
    2. V_A is optimal for R_A while H plays π_H; POWER_A = (1 - γ_A)/γ_A · E[V_A - R_A].
    3. π_A is greedy for V_A, ties split. V_H is the value of the same π_H while A plays π_A;
       POWER_H = (1 - γ_H)/γ_H · E[V_H - R_H].

    Baselines are H against the seed policy (from 1), and A playing the seed policy against π_H. What one agent
    faces while the other plays a policy is `powerenvs.TabularGame.against`: a policy is renormalised over the
    actions that exist together with the other's.

    Every value is exact to rounding, only the expectation over pairs is an estimate. The same seed gives the same
    numbers, whatever ``threads`` is, and the first n pairs of a longer run are those of a shorter one. Runs that
    differ in the correlation alone have the same R_H, and the same fresh draws for A.

    Args:
        env_or_game: a PettingZoo environment of ours or a `powerenvs.TabularGame`, with S states.
        gamma: discount of H, in [0, 1).
        gamma_a: discount of A; None for the same.
        correlation: ρ in [-1, 1]. For each state on its own, R_A(s) is R_H(s) with probability ρ, else a fresh
            draw; for ρ < 0 it is low + high - R_H(s) with probability |ρ|, which needs a distribution that is
            symmetric on a bounded interval.
        reward: the distribution of a state's reward, the same for all states or a `PerState`.
        num_samples: how many pairs to draw.
        seed: of the draws; None for a fresh one, which the result then tells.
        seed_policy: of A: a table (S, A_a); or a function from a state's label to the probabilities of A's
            actions, in order or by label; None for uniform over the available actions.
        rewards: (R_H, R_A), each (B, S) or (S,): exactly these pairs, nothing is drawn.
        rounds: more than 1 lets H answer π_A, then A the new π_H, and so on; POWER is that of the last round.
        agents: who is H and who is A; by default the first and the second agent of the game.
        others: policies (S, A_i) of all further agents, which are folded into the game.
        tie_tolerance: actions are tied if what follows them is worth the same to this share of max|V|; in games of
            thousands of states, which are solved iteratively, to at least 3e-14 / (1 - γ) of it.
        states_with_identical_rewards: disjoint sets of state labels; the states of a set share one draw, and
            whether A takes it over.
        allow_all_equal: False to draw again where all states have the same reward.
        keep_samples: keep POWER under every pair in ``samples`` of the estimates. With ``rewards`` they always are.
        threads: how many; None for one on each core.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Returns:
        ``result[agent]`` and ``result.baseline[agent]``, a `power_metrics.PowerEstimate` each, and
        ``result.alignment``.

    Raises:
        ValueError: for an argument that does not fit, before any long work.
    """
    gamma_h = _discount(gamma, "gamma")
    gamma_a = gamma_h if gamma_a is None else _discount(gamma_a, "gamma_a")
    rounds = check_count("rounds", rounds)
    tolerance = check_tolerance("tie_tolerance", tie_tolerance)
    threads = num_threads(None if threads is None else check_count("threads", threads))
    show = check_progress(progress)
    allow_all_equal, keep_samples = flag("allow_all_equal", allow_all_equal), flag("keep_samples", keep_samples)
    game, agents = _two_agents(env_or_game, agents, others)
    policy = _seed_table(game, agents[1], seed_policy)
    rows = pairs_in_block(game.num_states)
    if rewards is None:
        count, start_seed = check_count("num_samples", num_samples), check_seed(seed)
        sampler = pair_sampler(game, reward, correlation, states_with_identical_rewards, allow_all_equal)
    else:
        defaults = {
            "correlation": correlation == 0.0,
            "states_with_identical_rewards": states_with_identical_rewards is None,
            "allow_all_equal": allow_all_equal,
        }
        changed = next((name for name, default in defaults.items() if not default), None)
        if changed is not None:
            raise ValueError(f"{changed}: expected the default where rewards are given, since nothing is drawn")
        given = _given_pairs(rewards, game.num_states)
        count = len(given[0])
    problem = JointProblem.prepare(game, agents, policy, gamma_h, gamma_a, tolerance)
    bootstrap = AlignmentBootstrap(count, game.num_states)
    kept = [np.empty((count, game.num_states)) if keep_samples or rewards is not None else None for _ in range(4)]

    def solve_block(block: int) -> _Tally:
        start, stop = block * rows, min((block + 1) * rows, count)
        if rewards is None:
            human, ai = (drawn[: stop - start] for drawn in sampler.draw(start_seed, block, rows))
        else:
            human, ai = (drawn[start:stop] for drawn in given)
        found = problem.solve(human, ai, rounds)
        powers = (found.human[:, -1], found.ai[:, -1], found.human_seed[:, 0], found.ai_seed[:, 0])
        for samples, values in zip(kept, powers, strict=True):
            if samples is not None:
                samples[start:stop] = values
        return _Tally(
            start,
            [Moments.of(values) for values in powers],
            Moments.of(np.stack([values.mean(axis=1) for values in powers], axis=1)),
            bootstrap.partial_sums(*powers[:2]),
            *_changes(found),
            float(found.residual.max()),
            found.iterations.max(axis=0),
            found.iterations.sum(axis=0),
        )

    from tqdm import tqdm

    wall, cpu = time.perf_counter(), time.process_time()
    total = _Tally.empty(game.num_states, rounds)
    hidden = None if show is None else not show
    with tqdm(total=count, desc="POWER", unit=" pairs", delay=0 if show else 2, disable=hidden) as bar:
        for tally in in_order(solve_block, -(-count // rows), threads):
            total = total.plus(tally)
            bootstrap.add(tally.start, tally.sums)
            bar.update(tally.moments[0].count)
    shared: dict[str, Any] = {
        "model": game,
        "num_samples": count,
        "reward": repr(reward) if rewards is None else "given",
        "method": "monte_carlo" if rewards is None else "given_rewards",
        "seed": start_seed if rewards is None else None,
        "residual": total.residual,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
    }
    estimates = [
        PowerEstimate(
            mean=moments.mean,
            standard_error=moments.standard_error,
            gamma=discount,
            max_iterations=int(total.most[agent]) if solved else 1,
            mean_iterations=float(total.steps[agent]) / count if solved else 1.0,
            _samples=samples,
            **shared,
        )
        for moments, discount, agent, solved, samples in zip(
            total.moments, (gamma_h, gamma_a) * 2, (0, 1) * 2, (True, True, True, False), kept, strict=True
        )
    ]
    means = total.round_sums / count
    moved = np.abs(np.diff(means, axis=1)).max(axis=2)  # (agent, round)
    corrected, replicates = bootstrap.replicates(shared["seed"] or 0)
    return MultiagentPower(
        agents=agents,
        estimates=dict(zip(agents, estimates[:2], strict=True)),
        baseline=dict(zip(agents, estimates[2:], strict=True)),
        correlation=float(correlation) if rewards is None else None,
        alignment=alignment(estimates[0].mean, estimates[1].mean),
        alignment_corrected=corrected,
        seed_policy=policy,
        changes=tuple(
            RoundChange(float(human), float(ai), float(settled) / count)
            for (human, ai), settled in zip(moved.T, total.settled, strict=True)
        ),
        _average_errors=total.averages.standard_error,
        _replicates=replicates,
    )


class _Tally(NamedTuple):
    """What a block of pairs adds up to.

    Attributes:
        start: the first pair of the block.
        moments: of H, A, H against the seed policy, and A playing it.
        averages: of the four, averaged over states.
        sums: for the bootstrap.
        round_sums: (2, rounds, S) POWER of H and A after each round, summed over pairs.
        settled: (rounds - 1,) pairs in which a round changed nothing.
        residual: the largest.
        most: (2,) policies that H and A evaluated, at most.
        steps: (2,) their sums.
    """

    start: int
    moments: list[Moments]
    averages: Moments
    sums: NDArray[np.float64]
    round_sums: NDArray[np.float64]
    settled: NDArray[np.int64]
    residual: float
    most: NDArray[np.int32]
    steps: NDArray[np.int64]

    @classmethod
    def empty(cls, num_states: int, rounds: int) -> _Tally:
        """Of no pairs."""
        zeros = np.zeros((2, rounds, num_states))
        return cls(
            start=0,
            moments=[Moments(num_states) for _ in range(4)],
            averages=Moments(4),
            sums=zeros[:, :0],
            round_sums=zeros,
            settled=np.zeros(rounds - 1, int),
            residual=0.0,
            most=np.zeros(2, np.int32),
            steps=np.zeros(2, int),
        )

    def plus(self, other: _Tally) -> _Tally:
        """Of both, except for the bootstrap's sums."""
        for own, new in zip(self.moments, other.moments, strict=True):
            own.add(new)
        self.averages.add(other.averages)
        return self._replace(
            round_sums=self.round_sums + other.round_sums,
            settled=self.settled + other.settled,
            residual=max(self.residual, other.residual),
            most=np.maximum(self.most, other.most),
            steps=self.steps + other.steps,
        )


def _changes(found: Responses) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """POWER after each round summed over pairs, and the number of pairs that each further round left as they were."""
    powers = np.stack([found.human, found.ai])
    moved = np.abs(np.diff(powers, axis=2)).max(axis=(0, 3))
    least = SETTLED * np.abs(powers).max(axis=(0, 2, 3))
    return powers.sum(axis=1), np.count_nonzero(moved <= least[:, None], axis=0)


def _discount(gamma: float, name: str) -> float:
    value = check_gamma(gamma, name, closed=True)
    if value == 1.0:
        raise ValueError(f"{name}: expected a discount below 1, found 1, where optimal policies are many")
    return value


def _two_agents(
    env_or_game: Any, agents: tuple[str, str] | None, others: Mapping[str, Any] | None
) -> tuple[TabularGame, tuple[str, str]]:
    """The game of H and A, and their names in this order."""
    game = env_or_game
    if not isinstance(game, TabularGame):
        from powerenvs.authoring.compile import tabular_model

        game = tabular_model(env_or_game)
        if not isinstance(game, TabularGame):
            raise ValueError(f"env_or_game: expected a game of two agents, found {game!r}; see power_metrics.power")
    policies = {} if others is None else mapped("others", others, "a mapping from agents to policies")
    if agents is not None:
        names = (agents,) if isinstance(agents, str) else tuple(as_list("agents", agents, "the names of H and A"))
        unknown = next((name for name in names if not isinstance(name, str) or name not in game.agents), ...)
        if unknown is not ...:
            raise ValueError(f"agents: unknown agent {unknown!r}; {closest(unknown, game.agents)}")
        if len(set(names)) != 2 or len(names) != 2:
            raise ValueError(f"agents: expected two different names, found {agents!r}")
    else:
        names = tuple(name for name in game.agents if name not in policies)
    rest = [name for name in game.agents if name not in names]
    if len(names) != 2 or set(policies) != set(rest):
        expected = f"those of {', '.join(rest)}" if len(names) == 2 else f"those of all agents of {game.agents} but two"
        raise ValueError(f"others: expected policies of all further agents, {expected}, found {list(policies)}")
    return game.fold(policies), (names[0], names[1])


def _seed_table(game: TabularGame, agent: str, policy: SeedPolicy) -> NDArray[np.float64]:
    """A's seed policy as a table (S, A_a), checked by folding it in."""
    if policy is None:
        return game.uniform_policy(agent)
    if callable(policy):
        policy = np.array([_probabilities(game, agent, label, policy(label)) for label in game.state_labels])
    table = as_float64("seed_policy", policy)
    try:
        game.against({agent: table})
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
    row = as_float64("seed_policy", given)
    if row.shape != (count,):
        raise ValueError(
            f"seed_policy: expected {count} probabilities, one for each action of {agent}, found shape {row.shape} "
            f"in state {label_text(label)}"
        )
    return row


def _given_pairs(rewards: tuple[Any, Any], num_states: int) -> Pair:
    if not isinstance(rewards, (tuple, list)) or len(rewards) != 2:
        raise ValueError(f"rewards: expected a pair (R_H, R_A), found {type(rewards).__name__}")
    human, ai = (check_rewards(given, num_states, f"rewards[{i}]") for i, given in enumerate(rewards))
    if len(human) != len(ai):
        raise ValueError(f"rewards: expected as many reward functions for H as for A, found {len(human)} and {len(ai)}")
    return human, ai
