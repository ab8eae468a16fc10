"""`reachability`: how soon an agent can be in each state from each other, and what cannot be undone."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.sparse.linalg import splu

from power_metrics.arguments.checks import check_gamma, check_progress, resolve_model
from power_metrics.measures.registry import measure
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims
from power_metrics.solvers.dispatch import in_order, num_threads
from power_metrics.solvers.jit import Ints, kernel
from powerenvs.model.checks import real
from powerenvs.model.mdp import TabularMDP
from powerenvs.progress import progress_bar

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

SOURCES = 64
"""States from which one thread searches before it reports progress."""

GAIN = 1e-12
"""An action replaces another in policy iteration if it reaches a target by so much more; rounding is below."""


@dataclass(frozen=True)
class Reachability(Result):
    """How well each of S states can be reached from each other.

    ``numpy.asarray`` of it is ``values``.

    Attributes:
        model: the tables.
        discount: γ.
        values: (S, S) over policies the largest E[γ^T], T the steps from a state to a target; 1 on the diagonal, 0
            where there is no way.
        components: (S,) the strongly connected component of each state, numbered in the order of their first states.
        irreversible: (S, A) whether an action may lead to where there is no way back from.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.side_effects import Vase
        >>> found = pm.reachability(Vase())
        >>> found.model.describe(0), int(found.irreversible.sum())  # three ways to the vase, and the last steps
        ('agent=(4, 2), whole=True [start with probability 1]', 10)
    """

    model: TabularMDP
    discount: float
    values: Annotated[Floats, Dims("state", "target", column="reachability", least=0)]
    components: Annotated[NDArray[np.int64], Dims("state", column="component", least=0, dtype=np.int64)]
    irreversible: Annotated[NDArray[np.bool_], Dims("state", "action", dtype=np.bool_)]

    def coordinates(self, dim: str) -> Any:
        """See `power_metrics.Result.coordinates`."""
        return self.model.state_labels if dim == "target" else super().coordinates(dim)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)


@measure()
def reachability(
    env_or_mdp: Any, discount: float = 1.0, max_gib: float = 7.0, progress: bool | None = None
) -> Generator[None, None, Reachability]:
    """How well each state can be reached from each other: over policies the largest E[discount^steps].

    With discount 1 it is the largest probability of ever being there. Deterministic models are searched breadth first
    from every state; in others each target is worked out by policy iteration with exact evaluation. What the states
    pay plays no part; episodes end in terminal states, from where nothing else can be reached.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        discount: in [0, 1].
        max_gib: a table (S, S) above this size, in GiB, is refused before any work. There is one, so that 30,000 states
            fit into 8 GB.
        progress: True for a progress bar, False for none, None for one in a terminal after two seconds.

    Raises:
        ValueError: for an argument that does not fit, and for a table that is too large; the message has its size.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "go", "b", 0.5), ("a", "go", "a", 0.5), ("b", "stay", "b", 1.0)]
        >>> pm.reachability(TabularMDP.from_transitions(moves), discount=0.9).values.round(3).tolist()
        [[1.0, 0.818], [0.0, 1.0]]
    """
    mdp, show = resolve_model(env_or_mdp), check_progress(progress)
    discount = check_gamma(discount, "discount", closed=True)
    check_room(mdp, max_gib)
    yield
    components, irreversible = one_way(mdp)
    return Reachability(mdp, discount, reach_table(mdp, discount, show), components, irreversible)


def check_room(mdp: TabularMDP, max_gib: float, needed: bool = True) -> None:
    """Raises a ValueError, which has the size, for a table (S, S) of more than ``max_gib`` GiB, if one is needed."""
    if not real(max_gib) > 0:
        raise ValueError(f"max_gib: expected a number above 0, found {max_gib!r}")
    gib = mdp.num_states**2 * 8 / 2**30
    if needed and gib > max_gib:
        raise ValueError(
            f"max_gib: expected room for a table of {mdp.num_states:,} by {mdp.num_states:,} states, {gib:.1f} GiB, "
            f"found {max_gib}; raise max_gib if memory allows, or use a smaller level"
        )


def edges(mdp: TabularMDP) -> Any:
    """(S, S) sparse: where some action may lead, each successor once."""
    starts = np.repeat(np.arange(mdp.num_states), np.diff(mdp.indptr[:: mdp.num_actions]))
    shape = (mdp.num_states, mdp.num_states)
    return scipy.sparse.coo_array((np.ones(len(starts)), (starts, mdp.successor)), shape=shape).tocsr()


def one_way(mdp: TabularMDP) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Strongly connected components, and which actions may lead out of one; see `Reachability`."""
    _, named = connected_components(edges(mdp), connection="strong")
    _, first, place = np.unique(named, return_index=True, return_inverse=True)
    components = np.argsort(np.argsort(first))[place].astype(np.int64)
    rows = np.repeat(np.arange(mdp.available.size), np.diff(mdp.indptr))
    leaves = components[mdp.successor] != components[rows // mdp.num_actions]
    irreversible = np.bincount(rows[leaves], minlength=mdp.available.size) > 0
    return components, irreversible.reshape(mdp.available.shape)


def reach_table(mdp: TabularMDP, discount: float, show: bool | None) -> Floats:
    """(S, S) the values of `Reachability`."""
    S = mdp.num_states
    if not mdp.deterministic:
        return reach_columns(mdp, discount, np.arange(S), show)
    found, searches = np.empty((S, S)), Searches(mdp, discount)

    def block(n: int) -> None:
        places = np.arange(n * SOURCES, min(S, (n + 1) * SOURCES))
        searches.rows(places, found[places[0] : places[-1] + 1])

    blocks = -(-S // SOURCES)
    for _ in progress_bar(in_order(block, blocks, num_threads(None)), "reachability", show, total=blocks):
        pass
    return found


def reach_columns(mdp: TabularMDP, discount: float, targets: Places, show: bool | None = False) -> Floats:
    """(S, n) the columns of `Reachability.values` of n targets, without the others."""
    if not mdp.deterministic:
        found, task = np.empty((mdp.num_states, len(targets))), Targets(mdp, discount)
        for place, target in enumerate(progress_bar(targets.tolist(), "reachability", show)):
            found[:, place] = task.reach(target)
        return found
    rows, searches = np.empty((len(targets), mdp.num_states)), Searches(mdp, discount, backwards=True)

    def block(n: int) -> None:
        part = slice(n * SOURCES, (n + 1) * SOURCES)
        searches.rows(targets[part], rows[part])

    blocks = -(-len(targets) // SOURCES)
    for _ in progress_bar(in_order(block, blocks, num_threads(None)), "reachability", show, total=blocks):
        pass
    return np.ascontiguousarray(rows.T)


class Searches:
    """Breadth first through a model in which every action has one result.

    States of one component reach the same, so without a discount components are searched and not their states.

    Args:
        mdp: with S states.
        discount: in [0, 1].
        backwards: whether to find what reaches a state, instead of what it reaches.
    """

    def __init__(self, mdp: TabularMDP, discount: float, backwards: bool = False):
        graph, self._node = edges(mdp), np.arange(mdp.num_states)
        if discount == 1:
            self._node, _ = one_way(mdp)
            starts = np.repeat(self._node, np.diff(graph.indptr))
            shape = (self._node.max() + 1,) * 2
            graph = scipy.sparse.coo_array((graph.data, (starts, self._node[graph.indices])), shape=shape).tocsr()
        if backwards:
            graph = graph.T.tocsr()
        self._indptr, self._successor = graph.indptr.astype(np.int32), graph.indices.astype(np.int32)
        self._powers = discount ** np.arange(len(self._indptr) + 0.0)

    def rows(self, states: Places, out: Floats) -> None:
        """Writes discount^distance from each of n states, or backwards to it, into the rows of ``out`` (n, S)."""
        nodes, which = np.unique(self._node[states], return_inverse=True)
        found = np.zeros((len(nodes), len(self._indptr) - 1))
        _search(self._indptr, self._successor, self._powers, nodes, found)
        for place, number in enumerate(which):
            np.take(found[number], self._node, out=out[place])


@kernel
def _search(indptr: Ints, successor: Ints, powers: Floats, starts: Places, out: Floats) -> None:
    """Breadth first from each start: writes powers[distance] into its row of ``out``, zero before."""
    S = len(indptr) - 1
    queue = np.empty(S, dtype=np.int32)
    seen = np.full(S, -1, dtype=np.int32)
    for k in range(out.shape[0]):
        queue[0], seen[starts[k]], out[k, starts[k]] = starts[k], k, 1.0
        head, tail, distance = 0, 1, 0
        while head < tail:
            distance += 1
            for place in range(head, tail):
                head += 1
                for e in range(indptr[queue[place]], indptr[queue[place] + 1]):
                    t = successor[e]
                    if seen[t] != k:
                        seen[t], out[k, t] = k, powers[distance]
                        queue[tail] = t
                        tail += 1


class Targets:
    """Policy iteration for one target after the other.

    The first policy always takes a step of a shortest possible way, so from every state that can reach the target it
    does so with some probability. Improvements keep that: a new policy that stayed for good among states without the
    target would, there, have gained nothing on the old one. So every system of equations has one solution.

    Args:
        mdp: with S states and A actions.
        discount: in [0, 1].
    """

    def __init__(self, mdp: TabularMDP, discount: float):
        self.mdp, self.discount = mdp, discount
        self.matrix = mdp.transition_matrix()
        self.backwards = edges(mdp).T.tocsr()

    def reach(self, target: int) -> Floats:
        """(S,) the largest E[discount^steps] to the target."""
        S, A = self.mdp.available.shape
        distance = self._distances(target)
        states = np.flatnonzero(np.isfinite(distance) & (distance > 0))
        values = np.zeros(S)
        values[target] = 1.0
        nearest = np.full(S * A, np.inf)
        filled = np.flatnonzero(np.diff(self.mdp.indptr))
        nearest[filled] = np.minimum.reduceat(distance[self.mdp.successor], self.mdp.indptr[filled])
        policy = nearest.reshape(S, A).argmin(axis=1)[states]
        while len(states):
            chosen = self.matrix[states * A + policy]
            system = scipy.sparse.eye_array(len(states), format="csc") - self.discount * chosen[:, states].tocsc()
            values[states] = splu(system).solve(self.discount * chosen[:, [target]].toarray().ravel())
            after = np.where(self.mdp.available, self.discount * (self.matrix @ values).reshape(S, A), -np.inf)[states]
            better = after.max(axis=1) > after[np.arange(len(states)), policy] + GAIN
            if not better.any():
                break
            policy = np.where(better, after.argmax(axis=1), policy)
        return values

    def _distances(self, target: int) -> Floats:
        """(S,) the fewest steps in which the target may be reached, inf where there is no way."""
        order, before = breadth_first_order(self.backwards, target)
        distance = np.full(self.mdp.num_states, np.inf)
        distance[target] = 0
        for state in order[1:].tolist():
            distance[state] = distance[before[state]] + 1
        return distance
