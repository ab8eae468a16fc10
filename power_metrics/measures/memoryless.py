"""`memoryless`: the best that an agent can do that acts on what it sees now and remembers nothing."""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from power_metrics.arguments.checks import check_count, check_gamma, check_progress, check_tolerance, resolve_model
from power_metrics.arguments.views import Views, check_views
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.solvers.optimal import solve_task
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.progress import progress_bar

Floats = NDArray[np.float64]
Actions = NDArray[np.int64]
DENSE = 400
"""Up to so many states linear systems are solved as dense ones."""
ROUNDING = 1e-12


@dataclass(frozen=True)
class Memoryless(Result):
    """The best deterministic memoryless policy of a model with S states and A actions, or the best one found.

    Attributes:
        model: the tables.
        gamma: discount.
        values: (S,) the values of the policy.
        optimal: (S,) the values of the best policy that sees the state.
        views: (S,) the number of what is seen in each state.
        policy: (S, A) it acts alike where states look alike.
        best: the mean of ``values`` over the start.
        bound: no deterministic memoryless policy has more, from the start; ``best`` where the search came to its end.
        optimum: the mean of ``optimal`` over the start.
        num_nodes: how many parts of the search were worked out.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.memoryless(PowerGrid("SG.S"), observations=[0, 1, 0, 0], gamma=0.5)
        >>> found.exact, found.best, found.optimum
        (True, 0.5, 0.75)
    """

    model: TabularMDP
    gamma: float
    values: Annotated[Floats, Dims("state", column="value")]
    optimal: Annotated[Floats, Dims("state")]
    views: Annotated[NDArray[np.int64], Dims("state", column="view", least=0, dtype=np.int64)]
    policy: Annotated[Floats, Dims("state", "action", least=0)]
    best: Annotated[float, Dims()]
    bound: Annotated[float, Dims()]
    optimum: Annotated[float, Dims()]
    num_nodes: int

    @property
    def lost(self) -> float:
        """What it costs to remember nothing: ``optimum - best``."""
        return self.optimum - self.best

    @property
    def exact(self) -> bool:
        """Whether no deterministic memoryless policy is better, but for the tolerance."""
        return self.bound == self.best


@measure()
def memoryless(
    env_or_mdp: Any,
    observations: Any = None,
    gamma: float = 0.9,
    max_nodes: int = 2000,
    tolerance: float = 1e-9,
    progress: bool | None = None,
) -> Generator[None, None, Memoryless]:
    """The best value of policies that map what is seen to an action, and how much it falls short of the optimum.

    To find it is NP-hard (Littman 1994). Branch and bound: an agent that sees the state but has to act alike in views
    that are settled already is an ordinary decision process, whose optimum is a bound; the view at which the settled
    policy made from it falls short the most is settled next. What is left open after ``max_nodes`` is in ``bound``.
    Policies are deterministic; by chance an agent without memory may do better (Singh, Jaakkola & Jordan 1994), up to
    what `power_metrics.belief_states` says of agents with memory.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        observations: (S, ...) what is seen in each state; equal entries look alike. None for what the environment
            shows, or for its board where it shows the state itself.
        gamma: discount in [0, 1).
        max_nodes: of the search; each takes a few linear systems of the size of the model.
        tolerance: of the values, where the search may stop.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit, and where states look alike that have no action in common.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.labs import Lab
        >>> lab = Lab("P  G", heading="east")
        >>> states = lab.tables().state_labels
        >>> found = pm.memoryless(lab, observations=[state.agent for state in states])  # with no sense of direction
        >>> round(found.optimum, 2), round(found.best, 2)
        (8.1, 8.1)
    """
    mdp, gamma = resolve_model(env_or_mdp), check_gamma(gamma)
    views, show = check_views(env_or_mdp, mdp, observations), check_progress(progress)
    max_nodes, tolerance = check_count("max_nodes", max_nodes), check_tolerance("tolerance", tolerance)
    allowed = _common_actions(mdp, views)
    yield
    search = _Search(mdp, gamma, views, allowed)
    nodes, bound = search.run(max_nodes, tolerance, show)
    best = float(mdp.initial @ search.values)
    bound = best if bound <= best + tolerance else bound
    optimal = solve_task(mdp, gamma).values[0]
    optimum = float(mdp.initial @ optimal)
    policy = np.zeros(mdp.available.shape)
    policy[np.arange(mdp.num_states), search.best[views]] = 1.0
    policy[mdp.terminal] = mdp.available[mdp.terminal] / mdp.available[mdp.terminal].sum(axis=1, keepdims=True)
    return Memoryless(mdp, gamma, search.values, optimal, views, policy, best, bound, optimum, nodes)


def _common_actions(mdp: TabularMDP, views: Views) -> NDArray[np.bool_]:
    """(views, A) the actions that exist wherever something looks like this; all of them where everything has ended."""
    found = np.ones((views.max() + 1, mdp.num_actions), dtype=bool)
    acting = ~mdp.terminal
    np.logical_and.at(found, views[acting], mdp.available[acting])
    alone: NDArray[np.bool_] = ~found.any(axis=1)  # type: ignore[assignment]
    for s in np.flatnonzero(alone[views])[:1]:
        raise ValueError(
            f"observations: expected states that look alike to have an action in common, found none for what is "
            f"seen in {label_text(mdp.state_labels[s])}"
        )
    return found


class _Search:
    """Best-first branch and bound over actions of views.

    Attributes:
        best: (views,) the best policy so far.
        values: (S,) its values.
    """

    def __init__(self, mdp: TabularMDP, gamma: float, views: Views, allowed: NDArray[np.bool_]):
        self.mdp, self.gamma, self.views, self.allowed = mdp, gamma, views, allowed
        self.rewards, self.chain = mdp.action_rewards(), mdp.transition_matrix()
        self.states = np.arange(mdp.num_states)
        small = mdp.num_states <= DENSE
        self.dense = self.chain.toarray().reshape(*mdp.available.shape, -1) if small else None
        self.score = -np.inf
        self.best: Actions = allowed.argmax(axis=1)
        self.values = np.zeros(mdp.num_states)

    def run(self, max_nodes: int, tolerance: float, show: bool | None) -> tuple[int, float]:
        """How many nodes were worked out, and the bound."""
        start = np.where(self.mdp.terminal[:, None], self.mdp.available, self.allowed[self.views]).argmax(axis=1)
        root = np.full(len(self.allowed), -1)
        heap: list[tuple[float, int, Actions, Actions]] = [(-np.inf, 0, root, start)]
        nodes, numbered = 0, 1
        with progress_bar(None, "memoryless", show, unit=" nodes") as bar:
            while heap and nodes < max_nodes and -heap[0][0] > self.score + tolerance:
                _, _, settled, policy = heapq.heappop(heap)
                bound, policy, view = self._node(settled, policy)
                nodes += 1
                bar.update()
                if bound <= self.score + tolerance or view < 0:
                    continue
                for action in np.flatnonzero(self.allowed[view]):
                    child, after = settled.copy(), policy.copy()
                    child[view] = after[(self.views == view) & ~self.mdp.terminal] = action
                    heapq.heappush(heap, (-bound, numbered, child, after))
                    numbered += 1
        return nodes, max([self.score, *(-entry[0] for entry in heap[:1])])

    def _node(self, settled: Actions, policy: Actions) -> tuple[float, Actions, int]:
        """The bound of a part, the policy that reaches it, and the view to settle next; -1 if there is none."""
        allowed = self.allowed.copy()
        given = settled >= 0
        allowed[given] = np.arange(allowed.shape[1]) == settled[given, None]
        free = np.where(self.mdp.terminal[:, None], self.mdp.available, allowed[self.views])
        values, q, policy = self._improved(free, policy)
        worse = np.where(free, values[:, None] - q, 0.0)  # what each action forgoes
        candidate = self._cheapest(worse, self._visits(policy), allowed)
        self._offer(candidate)
        # the candidate falls short of the bound by what its actions forgo where it comes by
        taken = candidate[self.views]
        short = np.bincount(self.views, self._visits(taken) * worse[self.states, taken], len(allowed))
        short[given] = 0.0
        view = int(short.argmax())
        return float(self.mdp.initial @ values), policy, view if short[view] > 0 else -1

    def _cheapest(self, worse: Floats, visits: Floats, allowed: NDArray[np.bool_]) -> Actions:
        """(views,) the action of each view that forgoes least, weighed by visits."""
        cost = np.zeros(allowed.shape)
        weight = (visits + ROUNDING) * ~self.mdp.terminal
        np.add.at(cost, self.views, worse * weight[:, None])
        return np.where(allowed, cost, np.inf).argmin(axis=1)

    def _offer(self, candidate: Actions) -> None:
        """Takes a policy if it is better than the best one, and looks for better ones that differ in one view."""
        values = self._solved(candidate[self.views], self.rewards)
        score = float(self.mdp.initial @ values)
        if not score > self.score:
            return
        improved = True
        while improved:
            improved = False
            visits = self._visits(candidate[self.views])
            seen = np.bincount(self.views, visits * ~self.mdp.terminal, len(self.allowed))
            for view in np.argsort(-seen)[: np.count_nonzero(seen)]:
                for action in np.flatnonzero(self.allowed[view]):
                    changed = candidate.copy()
                    changed[view] = action
                    other = self._solved(changed[self.views], self.rewards)
                    if float(self.mdp.initial @ other) > score + ROUNDING * (1 + abs(score)):
                        candidate, values, score, improved = changed, other, float(self.mdp.initial @ other), True
        self.best, self.values, self.score = candidate, values, score

    def _improved(self, free: NDArray[np.bool_], policy: Actions) -> tuple[Floats, Floats, Actions]:
        """Policy iteration with the actions that are free: values, those of actions, and the policy."""
        while True:
            values = self._solved(policy, self.rewards)
            q = self.rewards + self.gamma * (self.chain @ values).reshape(free.shape)
            choice = np.where(free, q, -np.inf).argmax(axis=1)
            gain = q[self.states, choice] - q[self.states, policy]
            better = gain > ROUNDING * (1 + np.abs(values).max())
            if not better.any():
                return values, q, policy
            policy = np.where(better, choice, policy)

    def _solved(self, policy: Actions, rewards: Floats) -> Floats:
        """(S,) the values of a policy."""
        return self._system(policy, rewards[self.states, policy] * ~self.mdp.terminal, "N")

    def _visits(self, policy: Actions) -> Floats:
        """(S,) discounted visits from the start."""
        return self._system(policy, self.mdp.initial, "T")

    def _system(self, policy: Actions, right: Floats, way: str) -> Floats:
        if self.dense is not None:
            matrix = np.eye(len(policy)) - self.gamma * self.dense[self.states, policy]
            return np.linalg.solve(matrix if way == "N" else matrix.T, right)
        rows = self.chain[self.states * self.mdp.num_actions + policy]
        return splu((scipy.sparse.identity(len(policy), format="csc") - self.gamma * rows).tocsc()).solve(right, way)
