"""In which order states are solved: close neighbours together, and little fill in elimination."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
import scipy.sparse.linalg
from numpy.typing import NDArray

from power_metrics.solvers.jit import Ints, kernel
from power_metrics.solvers.limits import DIRECT_ALWAYS, DIRECT_MAX_ENVELOPE, DIRECT_MAX_STATES, DIRECT_MAX_WORK
from power_metrics.solvers.words import count_bits

MAX_LEVEL = 16
"""A large model of which a 16th or more is as many steps away from a state has no order with close neighbours."""


class Elimination(NamedTuple):
    """How Gaussian elimination goes through I - γP, and where it can have non-zeros, whatever the policy.

    Attributes:
        pivot: (S,) the position eliminated at each step.
        upper_pointers: (S + 1,) row pointers of ``upper_columns``, by step.
        upper_columns: the later positions with an entry in the row of U that each step leaves.
        lower_pointers: (S + 1,) row pointers of ``lower_steps``, by step.
        lower_steps: the earlier steps whose rows have an entry at each step's own position, rising.
    """

    pivot: Ints
    upper_pointers: Ints
    upper_columns: Ints
    lower_pointers: Ints
    lower_steps: Ints

    @classmethod
    def of_upper(cls, pivot: Ints, upper: scipy.sparse.csr_array) -> Elimination:
        """From the order, and where U has entries right of its diagonal, both by step."""
        lower = upper.T.tocsr()
        lower.sort_indices()
        return cls(
            pivot,
            upper.indptr.astype(np.int32),
            pivot[upper.indices],
            lower.indptr.astype(np.int32),
            lower.indices.astype(np.int32),
        )

    def with_states(self, order: Ints) -> Elimination:
        """The same for tables by state, where ``order`` (S,) has the state at each position."""
        return self._replace(pivot=order[self.pivot], upper_columns=order[self.upper_columns])

    @property
    def work(self) -> int:
        """Multiplications that one elimination takes at most."""
        length = np.diff(self.upper_pointers).astype(np.int64)
        return int((length * length).sum())

    def pays(self, entries_of_policy: float) -> bool:
        """Whether it is faster than iteration for policies with so many entries."""
        return self.work <= DIRECT_MAX_WORK * entries_of_policy


def neighbours(row_state: NDArray[np.int64], matrix: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """(S, S) symmetric pattern with a diagonal: which states some choice joins.

    Args:
        row_state: (K,) the state of each row.
        matrix: (K, S) the rows.
    """
    S = matrix.shape[1]
    ends = np.repeat(row_state.astype(np.int32), np.diff(matrix.indptr)), matrix.indices.astype(np.int32)
    pointers, joined = adjacency(*ends, S)
    return scipy.sparse.csr_array((np.ones(len(joined)), joined, pointers), shape=(S, S))


def scattered(pointers: NDArray[np.int64], successor: Ints, num_actions: int) -> bool:
    """Whether no order has neighbours close, as in random models, where a step more reaches a good part of all states.

    Not asked of models that elimination may be for.

    Args:
        pointers: (S·A + 1,) row pointers.
        successor: where rows lead.
        num_actions: A.
    """
    num_states = (len(pointers) - 1) // num_actions
    return num_states > DIRECT_MAX_STATES and bool(widens(pointers, successor, num_actions, num_states // MAX_LEVEL))


def locality_order(pattern: scipy.sparse.csr_array) -> NDArray[np.int64]:
    """(S,) the states so that neighbours are close: reverse Cuthill-McKee."""
    return scipy.sparse.csgraph.reverse_cuthill_mckee(pattern, symmetric_mode=True).astype(np.int64)


def profile(pattern: scipy.sparse.csr_array) -> int:
    """How far each state is from its first neighbour in that order, in all.

    Between them lies all that elimination can fill up (George & Liu 1981, section 4.2); an order made for little fill
    needs less.
    """
    position = np.empty(pattern.shape[0], dtype=np.int64)
    position[locality_order(pattern)] = np.arange(len(position))
    at = np.repeat(position, np.diff(pattern.indptr))
    return int(np.maximum.reduceat(at - position[pattern.indices], pattern.indptr[:-1]).sum())


def envelope(pattern: scipy.sparse.csr_array) -> NDArray[np.int64]:
    """(S,) how far each state is from its first neighbour, in the order at hand.

    An elimination in that order takes at most as many multiplications as their squares add up to.
    """
    first: NDArray[np.int64] = np.minimum.reduceat(pattern.indices, pattern.indptr[:-1]).astype(np.int64)
    return np.arange(len(first)) - first


def affordable(pattern: scipy.sparse.csr_array, entries_of_policy: float) -> bool:
    """Whether elimination can do with `DIRECT_MAX_WORK`, in the order at hand or one with little fill.

    Told in less time than it takes to find that order: as soon as what is left is too dense for any.
    """
    width = envelope(pattern)
    limit = float(max(DIRECT_MAX_WORK * entries_of_policy, DIRECT_ALWAYS))
    if float((width * width).sum()) <= limit:
        return len(width) <= DIRECT_MAX_STATES or int(width.sum()) <= DIRECT_MAX_ENVELOPE
    return len(width) <= DIRECT_MAX_STATES and least_degree_work(pattern.indptr, pattern.indices, limit) <= limit


def elimination(pattern: scipy.sparse.csr_array) -> Elimination:
    """An order with little fill (minimum degree), and the fill.

    The fill is read off the factors of a matrix with that pattern of which no entry can cancel or vanish: the
    Laplacian of the graph, with a little more on its diagonal to be regular.
    """
    laplacian = pattern.copy()
    laplacian.data[:] = -1.0
    laplacian = (laplacian + scipy.sparse.diags_array(np.diff(pattern.indptr) + 1e-6)).tocsc()
    factors = scipy.sparse.linalg.splu(
        laplacian, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    upper = scipy.sparse.csr_array(scipy.sparse.triu(factors.U, k=1, format="csr"))
    upper.sort_indices()
    return Elimination.of_upper(np.argsort(factors.perm_c).astype(np.int32), upper)


@kernel
def least_degree_work(pointers: Ints, joined: Ints, limit: float) -> float:
    """The multiplications of an elimination that takes a state with the fewest neighbours each time.

    It ends as soon as they are above ``limit``, or would be in any order: where all states that are left have d
    neighbours or more, some are eliminated with d, d - 1, and so on down to 1.

    Args:
        pointers: (n + 1,) row pointers.
        joined: the neighbours of each state, itself included.
        limit: where to end.
    """
    n = len(pointers) - 1
    words = (n + 63) // 64
    near = np.zeros((n, words), np.uint64)  # a bit for each neighbour
    one = np.uint64(1)
    degree = np.zeros(n, np.int32)
    for v in range(n):
        for e in range(pointers[v], pointers[v + 1]):
            u = joined[e]
            if u != v:
                near[v, u >> 6] |= one << np.uint64(u & 63)
                degree[v] += 1
    left = np.arange(n).astype(np.int32)
    around = np.empty(n, np.int32)
    work = 0.0
    for count in range(n, 0, -1):
        at = 0
        for p in range(count):
            if degree[left[p]] < degree[left[at]]:
                at = p
        v = left[at]
        left[at] = left[count - 1]
        d = float(degree[v])
        if work + d * d * d / 3.0 > limit:
            return work + d * d * d / 3.0
        work += d * d
        gone = near[v]
        found = 0
        for w in range(words):
            bits = gone[w]
            while bits != 0:
                low = bits & (~bits + one)
                around[found] = 64 * w + count_bits(low - one)
                found += 1
                bits ^= low
        for p in range(found):
            u = around[p]
            mine = near[u]
            for w in range(words):
                mine[w] |= gone[w]
            mine[u >> 6] &= ~(one << np.uint64(u & 63))
            mine[v >> 6] &= ~(one << np.uint64(v & 63))
            total = 0
            for w in range(words):
                total += count_bits(mine[w])
            degree[u] = total
    return work


@kernel
def widens(pointers: NDArray[np.int64], successor: Ints, num_actions: int, limit: int) -> bool:
    """Whether more than ``limit`` states are as many steps away from the first one."""
    A = num_actions
    n = (len(pointers) - 1) // A
    seen = np.zeros(n, np.bool_)
    queue = np.empty(n, np.int32)
    seen[0] = True
    queue[0] = 0
    begin, end = 0, 1
    while begin < end:
        reached = end
        for at in range(begin, end):
            for e in range(pointers[queue[at] * A], pointers[(queue[at] + 1) * A]):
                t = successor[e]
                if not seen[t]:
                    seen[t] = True
                    queue[reached] = t
                    reached += 1
        if reached - end > limit:
            return True
        begin, end = end, reached
    return False


@kernel
def adjacency(source: Ints, target: Ints, num_vertices: int) -> tuple[Ints, Ints]:
    """The neighbours of each of n vertices, itself included: pointers (n + 1,) and the neighbours, rising, each once.

    Two vertices are neighbours when an edge leads from one to the other, whichever way. In time linear in the edges:
    listing vertices in rising order with all whose neighbour they are puts them in order.

    Args:
        source: (E,) where each edge begins.
        target: (E,) where it ends.
        num_vertices: n.
    """
    n = num_vertices
    start = np.zeros(n + 1, dtype=np.int32)
    for e in range(len(source)):
        start[source[e] + 1] += 1
        start[target[e] + 1] += 1
    for v in range(n):
        start[v + 1] += start[v]
    next_free = start[:n].copy()
    other = np.empty(start[n], dtype=np.int32)
    for e in range(len(source)):
        other[next_free[source[e]]] = target[e]
        next_free[source[e]] += 1
        other[next_free[target[e]]] = source[e]
        next_free[target[e]] += 1
    last = np.full(n, -1, dtype=np.int32)
    pointers = np.zeros(n + 1, dtype=np.int32)
    for u in range(n):
        last[u] = u
        pointers[u + 1] += 1
        for k in range(start[u], start[u + 1]):
            v = other[k]
            if last[v] != u:
                last[v] = u
                pointers[v + 1] += 1
    for v in range(n):
        pointers[v + 1] += pointers[v]
        next_free[v] = pointers[v]
        last[v] = -1
    joined = np.empty(pointers[n], dtype=np.int32)
    for u in range(n):
        last[u] = u
        joined[next_free[u]] = u
        next_free[u] += 1
        for k in range(start[u], start[u + 1]):
            v = other[k]
            if last[v] != u:
                last[v] = u
                joined[next_free[v]] = u
                next_free[v] += 1
    return pointers, joined
