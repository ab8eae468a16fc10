"""What `power_metrics.multiagent_power` averages for three agents and more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_rewards
from power_metrics.expectation.alignment import GroupSums, alignment
from power_metrics.expectation.draws import Draws
from power_metrics.expectation.expect import Work
from power_metrics.expectation.sampling import GIVEN, Sampling
from power_metrics.expectation.statistic import Block, Largest, Mean, Reduction, Statistic, Sum
from power_metrics.results.estimate import PowerEstimate
from power_metrics.results.group import GroupPower
from power_metrics.rewards.tails import Tails
from power_metrics.solvers.joint.group import Answers, Table
from powerenvs.model.game import TabularGame

Floats = NDArray[np.float64]

SETTLED = 1e-9
"""Reward functions have settled if a round changes POWER by no more than this share of its largest."""


class Profile(NamedTuple):
    """What reward functions of all agents give.

    Attributes:
        powers: (B, N, rounds, S) what follows for each agent when all have answered.
        baseline: (B, N, S) what each plans for, and what the last has when it plays its seed policy.
        residual: (B,) the largest Bellman residual.
        iterations: (B, N) the policies that each agent's answers evaluated.
    """

    powers: Floats
    baseline: Floats
    residual: Floats
    iterations: Floats


@dataclass(frozen=True, eq=False)
class GroupProblem:
    """A game in which each agent answers all others.

    Attributes:
        tables: one for each agent, in the order in which they answer.
        places: (N,) the position of each of them in the game.
        seeds: by position in the game (S, A_i), the seed policies; that of the first to answer is not read.
        gammas: discounts, in the order in which they answer.
        tolerance: for ties.
    """

    tables: tuple[Table, ...]
    places: tuple[int, ...]
    seeds: tuple[Floats, ...]
    gammas: tuple[float, ...]
    tolerance: float

    def solve(self, rewards: Floats, rounds: int) -> Profile:
        """For rewards (B, N, S), in the order in which agents answer."""
        B, N, S = rewards.shape
        found = Profile(np.empty((B, N, rounds, S)), np.empty((B, N, S)), np.zeros(B), np.zeros((B, N)))
        policies = [np.broadcast_to(seed, (B, *seed.shape)) for seed in self.seeds]

        def play(k: int, own: Floats | None, seat: int) -> tuple[Floats, Floats]:
            """Agent k's POWER and policy: its answer, or what it plays, at the table of the agent ``seat``."""
            powers, policy, told = self.tables[seat].solve(
                np.ascontiguousarray(rewards[:, k]), self.gammas[k], self.tolerance, policies, own
            )
            self._note(found, told, k)
            return powers, policy

        for n in range(rounds):
            for k, place in enumerate(self.places):
                if n == 0 and k == N - 1:
                    found.baseline[:, k], _ = play(k, policies[place], k)
                powers, policies[place] = play(k, None, k)
                if n == 0 and k < N - 1:
                    found.baseline[:, k] = powers
            found.powers[:, N - 1, n] = powers
            for k in range(N - 1):  # all policies are as they are now: at one table as good as at another
                found.powers[:, k, n], _ = play(k, policies[self.places[-1]], N - 1)
        return found

    @staticmethod
    def _note(found: Profile, told: Answers, k: int) -> None:
        np.maximum(found.residual, told.residual, out=found.residual)
        found.iterations[:, k] += told.iterations


@dataclass(frozen=True, eq=False)
class GroupStatistic(Statistic):
    """POWER of N agents who answer each other, under reward functions of each.

    Attributes:
        agents: in the order in which they answer.
        seeds: {agent: (S, A_i)} the seed policies of all but the first.
        gammas: a discount of each.
        tolerance: for ties.
        rounds: how often each answers the others.
        keep: whether to keep POWER under every draw.
        tails: what is known of the rewards before any are drawn.
    """

    agents: tuple[str, ...]
    seeds: Mapping[str, Floats]
    gammas: tuple[float, ...]
    tolerance: float
    rounds: int
    keep: bool
    tails: Tails | None = None
    unit = "sets of reward functions"

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the means: POWER of each agent, then of each baseline."""
        N = len(self.agents)
        return (*(f"power {k}" for k in range(N)), *(f"baseline {k}" for k in range(N)))

    def reductions(self, trial: bool) -> Mapping[str, Reduction]:
        """See `Statistic`."""
        return {
            **{part: Mean(self.keep and not trial, tails=self.tails) for part in self.parts},
            "averages": Mean(tails=self.tails),
            **{f"groups {i} {j}": GroupSums() for i, j in combinations(range(len(self.agents)), 2)},
            "rounds": Sum(),
            "settled": Sum(),
            "residual": Largest(),
            "most policies": Largest(),
            "policies": Sum(),
        }

    def shared(self, model: TabularGame) -> GroupProblem:
        """See `Statistic`."""
        places = tuple(model.agent_index(agent) for agent in self.agents)
        tables = tuple(Table.of(model, place) for place in places)
        seeds = tuple(
            self.seeds[agent] if agent in self.seeds else model.uniform_policy(agent) for agent in model.agents
        )
        return GroupProblem(tables, places, seeds, self.gammas, self.tolerance)

    def __call__(self, model: TabularGame, block: Block) -> Iterator[tuple[str, NDArray[Any]]]:
        """See `Statistic`."""
        found = self.prepared(model).solve(block.rewards, self.rounds)
        N, last = len(self.agents), found.powers[:, :, -1]
        powers = [*last.swapaxes(0, 1), *found.baseline.swapaxes(0, 1)]
        yield from zip(self.parts, powers, strict=True)
        yield "averages", np.stack([values.mean(axis=1) for values in powers], axis=1)
        for i, j in combinations(range(N), 2):
            yield f"groups {i} {j}", last[:, [i, j]]
        moved = np.abs(np.diff(found.powers, axis=2)).max(axis=(1, 3))
        yield "rounds", found.powers
        yield "settled", moved <= SETTLED * np.abs(found.powers).max(axis=(1, 2, 3))[:, None]
        yield "residual", found.residual
        yield "most policies", found.iterations
        yield "policies", found.iterations


def shared_facts(game: TabularGame, sampling: Sampling, work: Work, found: Mapping[str, Any], draws: Draws) -> Any:
    """What the POWER of all agents has in common."""
    return {
        "model": game,
        "num_samples": draws.count,
        "residual": float(found["residual"].value),
        "replicates": draws.replicates,
        **sampling.facts,
        **work.times,
    }


def group_power(
    game: TabularGame, statistic: GroupStatistic, sampling: Sampling, work: Work, correlation: float
) -> GroupPower:
    """Averages, and puts the result together."""
    agents, N = statistic.agents, len(statistic.agents)
    found, draws = sampling.average(statistic, game, work, statistic.parts)
    shared = shared_facts(game, sampling, work, found, draws)
    most, policies = found["most policies"].value, found["policies"].value
    estimates = [
        PowerEstimate(
            mean=found[part].mean,
            standard_error=found[part].standard_error,
            gamma=statistic.gammas[n % N],
            max_iterations=int(most[n % N]),
            mean_iterations=float(policies[n % N]) / draws.count,
            _samples=found[part].samples,
            **shared,
        )
        for n, part in enumerate(statistic.parts)
    ]
    means = found["rounds"].value / draws.count
    moved = np.abs(np.diff(means, axis=1)).max(axis=2)  # (agent, round)
    plain, corrected = np.eye(N), np.eye(N)
    replicates = np.ones((0, N, N))
    for i, j in combinations(range(N), 2):
        clean, drawn = found[f"groups {i} {j}"].replicates(sampling.facts["seed"] or 0)
        if not len(replicates):
            replicates = np.tile(np.eye(N), (len(drawn), 1, 1))
        plain[i, j] = plain[j, i] = alignment(estimates[i].mean, estimates[j].mean)
        corrected[i, j] = corrected[j, i] = clean
        replicates[:, i, j] = replicates[:, j, i] = drawn
    return GroupPower(
        agents=agents,
        estimates=dict(zip(agents, estimates[:N], strict=True)),
        baseline=dict(zip(agents, estimates[N:], strict=True)),
        correlation=float(correlation) if sampling.method != GIVEN else None,
        alignment=plain,
        alignment_corrected=corrected,
        seed_policies=dict(statistic.seeds),
        changes=tuple(tuple(float(change) for change in each) for each in moved.T),
        settled=tuple(float(share) / draws.count for share in found["settled"].value),
        _average_errors=found["averages"].standard_error,
        _replicates=replicates,
    )


def given_groups(rewards: Sequence[Any], game: TabularGame, num_agents: int) -> Floats:
    """(B, N, S) from reward functions (B, S) of each of N agents.

    Raises:
        ValueError: for another number of agents, and different numbers of reward functions.
    """
    if not isinstance(rewards, (tuple, list)) or len(rewards) != num_agents:
        count = len(rewards) if isinstance(rewards, (tuple, list)) else type(rewards).__name__
        raise ValueError(f"rewards: expected a tuple of {num_agents}, one for each agent, found {count}")
    each = [check_rewards(given, game, f"rewards[{i}]") for i, given in enumerate(rewards)]
    if len({len(one) for one in each}) != 1:
        raise ValueError(
            f"rewards: expected as many reward functions for each agent, found {[len(one) for one in each]}"
        )
    return np.stack(each, axis=1)
