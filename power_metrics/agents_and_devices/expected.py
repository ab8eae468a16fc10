"""What the walks of a policy are expected to say: exactly where that can be, else from drawn walks, with errors."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents_and_devices.goals import GoalAgents
from power_metrics.agents_and_devices.members import Class
from power_metrics.agents_and_devices.predictors import Fixed, Uniform
from power_metrics.agents_and_devices.tracker import AgencyTracker
from power_metrics.agents_and_devices.wanting import Wanting
from powerenvs.envs.sampling import choose
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import cumulative

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OVER = -1
"""The state after a walk has ended."""


class Walks(NamedTuple):
    """Walks of a policy of at most T steps, each different one once.

    Attributes:
        states: (W, T) where each action was taken; -1 after the end.
        actions: (W, T).
        weights: (W,) how probable each is, or which share of those drawn it was.
        exact: whether these are all walks that there are, with their probabilities.
    """

    states: Ints
    actions: Ints
    weights: Floats
    exact: bool


class Estimate(NamedTuple):
    """A mean over walks, and its standard error; 0 where it is exact."""

    mean: float
    error: float


class Evidence(NamedTuple):
    """What a policy's walks are expected to say.

    Attributes:
        exact: whether all walks were listed, so that nothing is an estimate.
        num_walks: how many different ones were seen.
        probability: of P(agent) at the end.
        agents: of log2 evidence of the agents.
        devices: of the devices.
    """

    exact: bool
    num_walks: int
    probability: Estimate
    agents: Estimate
    devices: Estimate


def expected_evidence(tracker: AgencyTracker, policy: Floats, steps: int, episodes: int, seed: int) -> Evidence:
    """The means over the walks of a policy (S, A): of all, if there are at most so many as would be drawn.

    Raises:
        ValueError: where neither class allows a walk.
    """
    mdp = tracker.model
    walks = _all_walks(mdp, policy, steps) if _count(mdp, policy, steps) <= episodes else None
    if walks is None:
        walks = _drawn_walks(mdp, policy, steps, episodes, np.random.default_rng(seed))
    found = np.empty((3, len(walks.weights)))
    for number, (states, actions) in enumerate(zip(walks.states.tolist(), walks.actions.tolist(), strict=True)):
        tracker.restart()
        for state, action in zip(states, actions, strict=True):
            if state == OVER:
                break
            tracker.see(state, action)
        found[:, number] = tracker.probability, tracker.log_agents, tracker.log_devices
    tracker.restart()
    means = [_mean(row, walks, episodes) for row in found]
    return Evidence(walks.exact, len(walks.weights), *means)


def _mean(values: Floats, walks: Walks, episodes: int) -> Estimate:
    mean = float(values @ walks.weights)
    if walks.exact:
        return Estimate(mean, 0.0)
    if episodes == 1 or math.isinf(mean):
        return Estimate(mean, math.nan)
    variance = float(((values - mean) ** 2) @ walks.weights) * episodes / (episodes - 1)
    return Estimate(mean, math.sqrt(variance / episodes))


def _count(mdp: TabularMDP, policy: Floats, steps: int) -> float:
    """How many walks the policy can do; as a float, since they may be very many."""
    taken = (policy > 0) & mdp.available & ~mdp.terminal[:, None]
    edges = mdp.transition_matrix() > 0
    ways = np.where(mdp.terminal, 1.0, taken.sum(axis=1))  # where the last action leads makes no difference
    with np.errstate(over="ignore"):
        for _ in range(steps - 1):
            after = (edges @ ways).reshape(taken.shape)
            ways = np.where(mdp.terminal, 1.0, np.where(taken, after, 0.0).sum(axis=1))
    return float(ways[mdp.initial > 0].sum())


def _all_walks(mdp: TabularMDP, policy: Floats, steps: int) -> Walks:
    found: list[tuple[list[int], list[int], float]] = []
    open_: list[tuple[list[int], list[int], float]] = [
        ([state], [], float(mdp.initial[state])) for state in np.flatnonzero(mdp.initial).tolist()
    ]
    while open_:
        states, actions, chance = open_.pop()
        if mdp.terminal[states[-1]] or len(actions) == steps:
            found.append((states, actions, chance))
            continue
        last = len(actions) + 1 == steps
        for action in np.flatnonzero(policy[states[-1]]).tolist():
            row = states[-1] * mdp.num_actions + action
            entries = slice(mdp.indptr[row], mdp.indptr[row + 1])
            likely = chance * float(policy[states[-1], action])
            if last:
                open_.append(([*states, OVER], [*actions, action], likely))
                continue
            for after, share in zip(mdp.successor[entries].tolist(), mdp.probability[entries].tolist(), strict=True):
                open_.append(([*states, after], [*actions, action], likely * share))
    walked, taken = np.full((len(found), steps), OVER), np.full((len(found), steps), OVER)
    for number, (states, actions, _) in enumerate(found):
        walked[number, : len(actions)], taken[number, : len(actions)] = states[: len(actions)], actions
    return Walks(walked, taken, np.array([chance for *_, chance in found]), True)


def _drawn_walks(mdp: TabularMDP, policy: Floats, steps: int, episodes: int, rng: np.random.Generator) -> Walks:
    sums = np.cumsum(policy, axis=1)
    sums[sums >= sums[:, -1:]] = 1.0  # whatever rounding left
    likely, indptr = cumulative(mdp.indptr, mdp.probability), mdp.indptr
    states, actions = np.full((episodes, steps), OVER), np.full((episodes, steps), OVER)
    here = rng.choice(mdp.num_states, size=episodes, p=mdp.initial)
    going = np.flatnonzero(~mdp.terminal[here])
    for step in range(steps):
        if not going.size:
            break
        state = here[going]
        action = (sums[state] <= rng.random(len(going))[:, None]).sum(axis=1)
        states[going, step], actions[going, step] = state, action
        row = state * mdp.num_actions + action
        first = indptr[row]
        entry = choose(likely, first, indptr[row + 1] - first, rng.random(len(going)))
        here[going] = mdp.successor[entry]
        going = going[~mdp.terminal[here[going]]]
    both, counts = np.unique(np.concatenate([states, actions], axis=1), axis=0, return_counts=True)
    return Walks(both[:, :steps], both[:, steps:], counts / episodes, False)


def visits_in(mdp: TabularMDP, policy: Floats, steps: int) -> Floats:
    """(S,) the expected number of actions that a policy takes in each state in so many steps, exactly."""
    matrix, share = mdp.transition_matrix(), mdp.initial.copy()
    found = np.zeros(mdp.num_states)
    for _ in range(steps):
        share = np.where(mdp.terminal, 0.0, share)
        found += share
        share = (share[:, None] * policy).reshape(-1) @ matrix
    return found


class Members(NamedTuple):
    """Expected log2 evidence of what does not learn, exactly.

    Attributes:
        best: of the member that the policy is most like; -inf where all are ruled out, nan where all learn.
        goals: (S,) of each state as the goal, with the noise that suits it best; None without goals that are kept.
    """

    best: float
    goals: Floats | None


def members_that_stay(mdp: TabularMDP, of: Class, policy: Floats, visits: Floats) -> Members:
    """The expected evidence of each member that does the same whatever was seen: Σ_s d(s) Σ_a π(a|s) log2 q(a|s).

    These are policies, uniform behaviour, and each single goal or reward function with each single noise, where they do
    not change; their evidence is a sum over steps, so that the occupancy d of the policy is all there is to know.

    Args:
        mdp: the tables.
        of: the agents or the devices, before anything is seen.
        policy: (S, A).
        visits: (S,) of `visits_in`.
    """
    best, goals = math.nan, None
    pairs = [(int(s), int(a)) for s, a in np.argwhere((visits[:, None] * policy) > 0)]
    for weight, given, member in zip(of.mixture.posterior, of.known, of.mixture.members, strict=True):
        if not weight:
            continue
        if isinstance(member, Wanting) and not member.changes:
            bits = np.zeros_like(member.posterior)
            for s, a in pairs:
                step = np.zeros_like(bits)
                member.choices.weigh(step, s, a)
                bits += visits[s] * policy[s, a] / math.log(2) * step
            bits[member.posterior == 0] = -np.inf
            if isinstance(given, GoalAgents):
                goals = np.full(mdp.num_states, -np.inf) if goals is None else goals
                np.maximum.at(goals, given.states(mdp), bits.max(axis=0))
            most = float(bits.max())
        elif isinstance(member, (Uniform, Fixed)):
            most = sum(visits[s] * policy[s, a] * member.update(s, a) for s, a in pairs) / math.log(2)
        else:
            continue
        best = most if math.isnan(best) else max(best, most)
    return Members(float(best), goals)
