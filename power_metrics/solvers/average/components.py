"""What decides long-run averages: the end components of a model, and the ways between them.

An end component is a set of states with some of their choices that never lead out of it, and along which
every state reaches every other (de Alfaro 1997). Whatever an agent does, with probability 1 it ends up inside
one. Within a maximal end component the optimal average reward, the *gain*, is the same everywhere; what is
left is where to end up. All this depends on the tables alone, so it is worked out once for each model.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.solvers.average.graph import Ints, drop_leaving, strong_components
from power_metrics.solvers.compiled import SolverTables, Table
from power_metrics.solvers.discounted.ordering import elimination, neighbours, profile

Floats = NDArray[np.float64]

PASSING, RESTING, CYCLING, MIXING = range(4)
"""Kinds of node: no end component; one in which every state can stay; a deterministic one; any other."""

MAX_BYTES = 4 << 30
"""Elimination is not begun if it might need more memory than this."""

ENTRY_BYTES = 24
"""What an entry of the fill needs: two numbers and two indices."""

_built: WeakKeyDictionary[SolverTables, GainTables] = WeakKeyDictionary()


class Fill(NamedTuple):
    """Where elimination in rising order can have non-zeros, whatever the policy.

    Attributes:
        pointers: (n + 1,) row pointers of ``columns``.
        columns: of each row of U the columns right of the diagonal, rising.
        mirror_pointers: (n + 1,) row pointers of ``mirror``.
        mirror: of each row of L the columns left of the diagonal, rising.
    """

    pointers: Ints
    columns: Ints
    mirror_pointers: Ints
    mirror: Ints


class Inside(NamedTuple):
    """The choices that stay in their end component. States are renumbered: those of a node are neighbours.

    Attributes:
        order: (S,) the model's state at each place.
        first: (n + 1,) the places of node x are ``first[x]`` to ``first[x + 1] - 1``.
        kind: (n,) the kind of each node.
        choices: (S + 1,) row pointers: the choices of each place.
        entries: (K + 1,) row pointers: the entries of each choice.
        successor: (N,) the place that each entry leads to.
        probability: (N,) its probability.
        extra: (K,) reward of the choice itself.
        action: (K,) the model's action.
    """

    order: Ints
    first: Ints
    kind: Ints
    choices: Ints
    entries: Ints
    successor: Ints
    probability: Floats
    extra: Floats
    action: Ints


class Outside(NamedTuple):
    """The other choices, between nodes: end components, and states in none.

    From any place of an end component every other one can be reached, so all its exits are choices of the
    node. A choice that may stay in its node is tried again until it leaves: probabilities are those of what
    comes then. Nodes are numbered so that exits lead to a lower number or into the same block; only blocks
    of more than one node can be walked round in, and not forever.

    Attributes:
        blocks: (m + 1,) the nodes of block b are ``blocks[b]`` to ``blocks[b + 1] - 1``.
        exits: (n + 1,) row pointers: the exits of each node.
        entries: (E + 1,) row pointers: the entries of each exit.
        node: the node that each entry leads to.
        probability: its probability.
        place: (E,) the place that has this exit.
        action: (E,) the model's action.
    """

    blocks: Ints
    exits: Ints
    entries: Ints
    node: Ints
    probability: Floats
    place: Ints
    action: Ints


class GainTables(NamedTuple):
    """A model as the solver of gains reads it."""

    inside: Inside
    inside_fill: Fill
    outside: Outside
    outside_fill: Fill


def gain_tables(tables: SolverTables) -> GainTables:
    """The end components of a model and the ways between them, built once for each ``tables``.

    Raises:
        ValueError: for a stochastic model that might need too much memory.
    """
    built = _built.get(tables)
    if built is None:
        built = _built[tables] = _build(tables.table(1.0))
    return built


def _build(table: Table) -> GainTables:
    S = len(table.order)
    matrix = scipy.sparse.csr_array((table.probability, table.successor, table.entries), shape=(len(table.action), S))
    source = np.repeat(np.arange(S), np.diff(table.choices))
    component, stays = _end_components(table)

    # The nodes, in the order in which they can be solved.
    leaving = np.flatnonzero(~stays)
    origin = component[source[leaving]]
    ways = _ways(matrix[leaving], component, origin)
    n = ways.shape[1]
    arrows = np.ones(ways.nnz), (np.repeat(origin, np.diff(ways.indptr)), ways.indices)
    between = scipy.sparse.coo_array(arrows, shape=(n, n)).tocsr()
    block = strong_components(between.indptr.astype(np.int32), between.indices.astype(np.int32))
    nodes, outside_fill = _arrange(block, origin, ways, (np.bincount(block) > 1)[block])
    number = _inverse(nodes)
    node = number[component]
    by_node = np.argsort(number[origin], kind="stable")
    leaving, ways = leaving[by_node], ways[by_node]

    # The states, node by node.
    staying = np.flatnonzero(stays)
    kind = _kinds(table, node, stays, source)
    order, inside_fill = _arrange(node, source[staying], matrix[staying], (kind == MIXING)[node])
    place = _inverse(order)
    staying = staying[np.argsort(place[source[staying]], kind="stable")]
    rows = matrix[staying]
    inside = Inside(
        order=table.order[order],
        first=_pointers(np.bincount(node)),
        kind=kind,
        choices=_pointers(np.bincount(place[source[staying]], minlength=S)),
        entries=rows.indptr.astype(np.int32),
        successor=place[rows.indices].astype(np.int32),
        probability=rows.data,
        extra=table.extra[staying],
        action=table.action[staying],
    )
    outside = Outside(
        blocks=_pointers(np.bincount(block)),
        exits=_pointers(np.bincount(node[source[leaving]], minlength=n)),
        entries=ways.indptr.astype(np.int32),
        node=number[ways.indices].astype(np.int32),
        probability=ways.data,
        place=place[source[leaving]].astype(np.int32),
        action=table.action[leaving],
    )
    return GainTables(inside, inside_fill, outside, outside_fill)


def _ways(
    exits: scipy.sparse.csr_array, component: NDArray[np.int64], origin: NDArray[np.int64]
) -> scipy.sparse.csr_array:
    """(E, n) the probability that each exit leads to each component, given that it leaves its own.

    Args:
        exits: (E, S) the choices that can leave.
        component: (S,) the component of each position.
        origin: (E,) the component of each exit.
    """
    S = len(component)
    member = scipy.sparse.csr_array((np.ones(S), component, np.arange(S + 1)), shape=(S, int(component.max()) + 1))
    ways = (exits @ member).tocoo()
    out = ways.col != origin[ways.row]
    ways = scipy.sparse.coo_array((ways.data[out], (ways.row[out], ways.col[out])), shape=ways.shape).tocsr()
    ways.data /= np.repeat(ways.sum(axis=1), np.diff(ways.indptr))
    return ways


def _end_components(table: Table) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The component of each position, and which choices stay in an end component.

    Components are split, and choices that can lead from one to another dropped, until nothing changes.
    """
    stays = np.ones(len(table.action), dtype=np.bool_)
    choices, entries, successor = table.choices, table.entries, table.successor
    while True:
        alive = np.repeat(stays, np.diff(entries))
        count = np.add.reduceat(alive, entries[choices[:-1]], dtype=np.int64)
        component = strong_components(_pointers(count), successor[alive])
        if not drop_leaving(component, choices, entries, successor, stays):
            return component.astype(np.int64), stays


def _kinds(
    table: Table, node: NDArray[np.int64], stays: NDArray[np.bool_], source: NDArray[np.int64]
) -> NDArray[np.int32]:
    """(n,) the kind of each node."""
    n = int(node.max()) + 1
    owner = node[source]
    single = np.diff(table.entries) == 1
    rests = single & (table.successor[table.entries[:-1]] == source) & stays
    kind = np.full(n, PASSING, dtype=np.int32)
    kind[owner[stays]] = CYCLING
    kind[owner[stays & ~single]] = MIXING
    resting = np.bincount(owner[rests], minlength=n) == np.bincount(node, minlength=n)
    resting[owner[stays & (table.extra != 0)]] = False
    kind[resting] = RESTING
    return kind


def _arrange(
    group: NDArray[np.integer],
    row_vertex: NDArray[np.int64],
    matrix: scipy.sparse.csr_array,
    eliminated: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], Fill]:
    """Puts vertices in order of their group, then so that elimination within ``eliminated`` groups fills up little.

    Args:
        group: (n,) the group of each vertex.
        row_vertex: (K,) the vertex of each row.
        matrix: (K, n) the rows.
        eliminated: (n,) whether the vertex is in such a group.

    Returns:
        The vertices in order, and the fill by place in that order.
    """
    n = len(group)
    if not eliminated.any():
        none = np.zeros(n + 1, dtype=np.int32)
        return np.argsort(group, kind="stable"), Fill(none, none[:0], none, none[:0])
    pattern = neighbours(row_vertex, matrix).tocoo()
    inner = (group[pattern.row] == group[pattern.col]) & eliminated[pattern.row] | (pattern.row == pattern.col)
    pattern = scipy.sparse.coo_array(
        (pattern.data[inner], (pattern.row[inner], pattern.col[inner])), shape=(n, n)
    ).tocsr()
    _check_memory(pattern, int(eliminated.sum()))
    found = elimination(pattern)
    step = _inverse(found.pivot)
    order = np.lexsort((step, group))  # groups do not touch: putting them one after the other changes no fill
    upper = scipy.sparse.csr_array((np.ones(len(found.columns)), found.columns, found.pointers), shape=(n, n))
    upper = upper[step[order]][:, order]
    upper.sort_indices()
    lower = upper.T.tocsr()
    lower.sort_indices()
    return order, Fill(
        upper.indptr.astype(np.int32), upper.indices.astype(np.int32),
        lower.indptr.astype(np.int32), lower.indices.astype(np.int32),
    )  # fmt: skip


def _check_memory(pattern: scipy.sparse.csr_array, count: int) -> None:
    """Raises a ValueError if elimination of ``count`` states with this pattern might need too much memory."""
    if ENTRY_BYTES * count * count // 2 <= MAX_BYTES:
        return
    needed = ENTRY_BYTES * profile(pattern)
    if needed > MAX_BYTES:
        raise ValueError(
            f"gamma: expected a model whose long-run averages take at most {MAX_BYTES / 2**30:.0f} GiB to solve for "
            f"gamma=1, found {count:,} states in which chance decides, which can take {needed / 2**30:.1f} GiB; "
            "0.9999 comes close to it"
        )


def _inverse(order: NDArray[np.integer]) -> NDArray[np.int64]:
    """The place of each thing in ``order``."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place


def _pointers(count: NDArray[np.integer]) -> NDArray[np.int32]:
    """Row pointers of rows with these lengths."""
    return np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
