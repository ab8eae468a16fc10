"""`belief_states`: what an agent with memory can know, and what that is worth."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_gamma, check_progress, resolve_model
from power_metrics.arguments.views import Views, check_views
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.solvers.optimal import solve_task
from powerenvs.model.checks import flag
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import compress
from powerenvs.progress import progress_bar

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Belief = tuple[Places, Floats]
"""States that are possible, and their probabilities."""
DIGITS = 11
"""Beliefs are the same if their probabilities agree to so many digits."""


@dataclass(frozen=True)
class BeliefStates(Result):
    """The beliefs that can come about, B of them.

    Attributes:
        model: the tables.
        gamma: discount.
        rewards_seen: whether the agent sees what it is paid.
        size: (B,) how many states are possible in each; those in which the episode has ended are left out.
        steps: (B,) how many steps it takes at least to get there.
        values: (B,) what the best agent earns from there.
        best: what the best agent with memory earns from the start.
        optimum: what the best agent that sees the state earns from the start.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.belief_states(PowerGrid("SG.S"), observations=[0, 1, 0, 0], gamma=0.5)
        >>> found.num_beliefs, found.best  # look to the right first, then one knows
        (5, 0.625)
    """

    model: TabularMDP
    gamma: float
    rewards_seen: bool
    size: Annotated[NDArray[np.int64], Dims("belief", least=1, dtype=np.int64)]
    steps: Annotated[NDArray[np.int64], Dims("belief", least=0, dtype=np.int64)]
    values: Annotated[Floats, Dims("belief", column="value")]
    best: Annotated[float, Dims()]
    optimum: Annotated[float, Dims()]

    @property
    def lost(self) -> float:
        """What it costs not to see the state: ``optimum - best``."""
        return self.optimum - self.best

    @property
    def num_beliefs(self) -> int:
        """B."""
        return len(self.size)


@measure()
def belief_states(
    env_or_mdp: Any,
    observations: Any = None,
    gamma: float = 0.9,
    rewards_seen: bool = False,
    max_beliefs: int = 20_000,
    progress: bool | None = None,
) -> Generator[None, None, BeliefStates]:
    """How many different things an agent with a perfect memory may come to believe, and what it can earn.

    A belief is the probability of each state, given what was seen and done since the start; with it the agent is in an
    ordinary decision process (Åström 1965; Kaelbling, Littman & Cassandra 1998), which is enumerated breadth first and
    solved exactly. The agent sees that an episode has ended. Between `power_metrics.memoryless` and the optimum of an
    agent that sees the state it says what memory is worth, and what cannot be known at all.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        observations: (S, ...) what is seen in each state; equal entries look alike. None for what the environment
            shows, or for its board where it shows the state itself.
        gamma: discount in [0, 1).
        rewards_seen: whether the agent also learns from what it is paid.
        max_beliefs: more are refused. There may be infinitely many in models with chance.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit, for more beliefs, and where states look alike that have no action
            in common.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.labs import ObjectRewards
        >>> things = ObjectRewards("OOPOO", kinds=2)  # one of two kinds is good, and nothing shows which
        >>> blind, told = (pm.belief_states(things, rewards_seen=seen) for seen in (False, True))
        >>> round(blind.best, 3), round(told.best, 3), round(told.optimum, 3)
        (1.609, 2.084, 2.279)
    """
    mdp, gamma = resolve_model(env_or_mdp), check_gamma(gamma)
    views, show = check_views(env_or_mdp, mdp, observations), check_progress(progress)
    rewards_seen, most = flag("rewards_seen", rewards_seen), check_count("max_beliefs", max_beliefs)
    yield
    tree = _Beliefs(mdp, views, rewards_seen, most)
    steps = tree.grow(show)
    model = tree.tables()
    values = solve_task(model, gamma).values[0]
    best = float(model.initial @ values)
    optimum = float(mdp.initial @ solve_task(mdp, gamma).values[0])
    size = np.array([len(places) for places, _ in tree.beliefs], dtype=np.int64)
    return BeliefStates(mdp, gamma, rewards_seen, size, steps, values[:-1], best, optimum)


class _Beliefs:
    """All beliefs that can come about, breadth first."""

    def __init__(self, mdp: TabularMDP, views: Views, rewards_seen: bool, most: int):
        self.mdp, self.views, self.rewards_seen, self.most = mdp, views, rewards_seen, most
        self.beliefs: list[Belief] = []
        self._number: dict[bytes, int] = {}
        self._rows: list[tuple[int, int, float, float]] = []  # row, next belief (-1: the end), probability, reward
        first = np.flatnonzero(mdp.initial)
        told = self._told(first, mdp.initial[first], None)
        self._starts = [(self._visit(belief), weight) for belief, weight, _ in told]

    def grow(self, show: bool | None) -> Places:
        """(B,) the least number of steps to each belief."""
        mdp, A = self.mdp, self.mdp.num_actions
        steps = [0] * len(self.beliefs)
        with progress_bar(None, "belief_states", show, unit=" beliefs") as bar:
            i = 0
            while i < len(self.beliefs):  # which grows
                places, weights = self.beliefs[i]
                shared = np.flatnonzero(mdp.available[places].all(axis=0))
                if not len(shared):
                    raise ValueError(
                        "observations: expected states that look alike to have an action in common, found none for "
                        f"{mdp.describe(int(places[0]))} and others"
                    )
                for a in shared.tolist():
                    entries, chances = self._entries(places * A + a, weights)
                    for part, weight, reward in self._told(mdp.successor[entries], chances, mdp.reward[entries]):
                        target = self._visit(part)
                        steps += [steps[i] + 1] * (len(self.beliefs) - len(steps))
                        self._rows.append((i * A + a, target, weight, reward))
                i += 1
                bar.update()
        return np.array(steps, dtype=np.int64)

    def _entries(self, rows: Places, weights: Floats) -> tuple[Places, Floats]:
        """The table entries of these rows, and the probability of each."""
        begins, ends = self.mdp.indptr[rows], self.mdp.indptr[rows + 1]
        entries = np.concatenate([np.arange(b, e) for b, e in zip(begins.tolist(), ends.tolist(), strict=True)])
        return entries, np.repeat(weights, ends - begins) * self.mdp.probability[entries]

    def _told(
        self, states: NDArray[Any], chances: Floats, rewards: Floats | None
    ) -> Iterator[tuple[Belief | None, float, float]]:
        """What the agent may be told: the belief then, or None at the end; its probability, and the mean reward."""
        paid = np.zeros(len(states)) if rewards is None else rewards
        ended = self.mdp.terminal[states]
        keys = [np.where(ended, -1, self.views[states])]
        if self.rewards_seen:
            keys.append(np.unique(paid, return_inverse=True)[1])
        _, told = np.unique(np.stack(keys), axis=1, return_inverse=True)
        for k in range(int(told.max()) + 1):
            here = told.reshape(-1) == k
            weight = float(chances[here].sum())
            reward = float(chances[here] @ paid[here]) / weight
            if ended[here][0]:
                yield None, weight, reward
                continue
            places, where = np.unique(states[here], return_inverse=True)
            yield (places.astype(np.int64), np.bincount(where, chances[here]) / weight), weight, reward

    def _visit(self, belief: Belief | None) -> int:
        if belief is None:
            return -1
        places, weights = belief
        key = places.tobytes() + np.round(weights, DIGITS).tobytes()
        number = self._number.setdefault(key, len(self.beliefs))
        if number == len(self.beliefs):
            if number >= self.most:
                raise ValueError(
                    f"max_beliefs: expected at most {self.most:,} beliefs, found more; raise it if time and memory "
                    "allow, or take the bounds of power_metrics.memoryless"
                )
            self.beliefs.append(belief)
        return number

    def tables(self) -> TabularMDP:
        """The decision process over beliefs; its last state is the end."""
        A, B = self.mdp.num_actions, len(self.beliefs)
        places, targets, chance, reward = np.array(self._rows, dtype=np.float64).reshape(-1, 4).T
        row = np.concatenate([places, np.arange(B * A, (B + 1) * A)]).astype(np.int64)
        target = np.concatenate([np.where(targets < 0, B, targets), np.full(A, B)]).astype(np.int32)
        chance, reward = np.concatenate([chance, np.ones(A)]), np.concatenate([reward, np.zeros(A)])
        sums = np.bincount(row, chance)
        indptr, successor, probability, paid = compress(row, (B + 1) * A, target, chance / sums[row], reward)
        initial = np.zeros(B + 1)
        for number, weight in self._starts:
            initial[number] += weight
        return TabularMDP(
            indptr=indptr,
            successor=successor,
            probability=probability,
            reward=paid,
            available=(np.diff(indptr) > 0).reshape(B + 1, A),
            terminal=np.arange(B + 1) == B,
            initial=initial / initial.sum(),
        )
