"""What decides long-run averages: the end components of a model, and the exits between them.

An end component is a set of states with some of their choices that never lead out of it, and along which
every state reaches every other (de Alfaro 1997). Whatever an agent does, with probability 1 it ends up inside
one. Within a maximal end component the optimal average reward, the *gain*, is the same everywhere; what is
left is where to end up. All this depends on the tables alone, so it is worked out once for each model.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.solvers.average import SOLVERS
from power_metrics.solvers.average.graph import drop_leaving, strong_components
from power_metrics.solvers.average.solver import EndComponents, Exits, GainTables, Traits
from power_metrics.solvers.jit import Ints
from power_metrics.solvers.ordering import Elimination, elimination, neighbours, profile
from power_metrics.solvers.solver import SolverTables, Table

MAX_BYTES = 4 << 30
"""Elimination is not begun if it might need more memory than this."""

ENTRY_BYTES = 24
"""What an entry of the fill needs: two numbers and two indices."""

_built: WeakKeyDictionary[SolverTables, GainTables] = WeakKeyDictionary()


def gain_tables(tables: SolverTables) -> GainTables:
    """The end components of a model and the exits between them, built once for each ``tables``.

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
    component, stays = end_components(table)

    # The nodes, in the order in which they can be solved.
    leaving = np.flatnonzero(~stays)
    origin = component[source[leaving]]
    exits = _exits(matrix[leaving], component, origin)
    n = exits.shape[1]
    arrows = np.ones(exits.nnz), (np.repeat(origin, np.diff(exits.indptr)), exits.indices)
    between = scipy.sparse.coo_array(arrows, shape=(n, n)).tocsr()
    block = strong_components(between.indptr.astype(np.int32), between.indices.astype(np.int32))
    nodes, exit_plan = _arrange(block, origin, exits, (np.bincount(block) > 1)[block])
    number = _inverse(nodes)
    node = number[component]
    by_node = np.argsort(number[origin], kind="stable")
    leaving, exits = leaving[by_node], exits[by_node]

    # The states, node by node.
    staying = np.flatnonzero(stays)
    solved_by = _solved_by(_traits(table, node, stays, source))
    eliminated = np.array([*(solver.eliminates for solver in SOLVERS), False])[solved_by]
    order, component_plan = _arrange(node, source[staying], matrix[staying], eliminated[node])
    position = _inverse(order)
    staying = staying[np.argsort(position[source[staying]], kind="stable")]
    rows = matrix[staying]
    numbers = ((solver, np.flatnonzero(solved_by == n).astype(np.int32)) for n, solver in enumerate(SOLVERS))
    return GainTables(
        EndComponents(
            order=table.order[order],
            first=_pointers(np.bincount(node)),
            choices=_pointers(np.bincount(position[source[staying]], minlength=S)),
            entries=rows.indptr.astype(np.int32),
            successor=position[rows.indices].astype(np.int32),
            probability=rows.data,
            action_reward=table.action_reward[staying],
            action=table.action[staying],
        ),
        component_plan,
        Exits(
            blocks=_pointers(np.bincount(block)),
            exits=_pointers(np.bincount(node[source[leaving]], minlength=n)),
            entries=exits.indptr.astype(np.int32),
            node=number[exits.indices].astype(np.int32),
            probability=exits.data,
            position=position[source[leaving]].astype(np.int32),
            action=table.action[leaving],
        ),
        exit_plan,
        tuple((solver, nodes) for solver, nodes in numbers if len(nodes)),
    )


def _exits(
    leaving: scipy.sparse.csr_array, component: NDArray[np.int64], origin: NDArray[np.int64]
) -> scipy.sparse.csr_array:
    """(E, n) the probability that each exit leads to each component, given that it leaves its own.

    Args:
        leaving: (E, S) the choices that can leave.
        component: (S,) the component of each position.
        origin: (E,) the component of each exit.
    """
    S = len(component)
    member = scipy.sparse.csr_array((np.ones(S), component, np.arange(S + 1)), shape=(S, int(component.max()) + 1))
    exits = (leaving @ member).tocoo()
    out = exits.col != origin[exits.row]
    exits = scipy.sparse.coo_array((exits.data[out], (exits.row[out], exits.col[out])), shape=exits.shape).tocsr()
    exits.data /= np.repeat(exits.sum(axis=1), np.diff(exits.indptr))
    return exits


def end_components(
    table: Table, allowed: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The component of each position, and which choices stay in an end component.

    Components are split, and choices that can lead from one to another dropped, until nothing changes.

    Args:
        table: the model.
        allowed: the choices that there are, where it is not all of them.
    """
    stays = np.ones(len(table.action), dtype=np.bool_) if allowed is None else allowed.copy()
    choices, entries, successor = table.choices, table.entries, table.successor
    while True:
        alive = np.repeat(stays, np.diff(entries))
        count = np.add.reduceat(alive, entries[choices[:-1]], dtype=np.int64)
        component = strong_components(_pointers(count), successor[alive])
        if not drop_leaving(component, choices, entries, successor, stays):
            return component.astype(np.int64), stays


def _traits(table: Table, node: NDArray[np.int64], stays: NDArray[np.bool_], source: NDArray[np.int64]) -> Traits:
    """What decides who solves each node."""
    n = int(node.max()) + 1
    owner = node[source]
    single = np.diff(table.entries) == 1
    component = np.zeros(n, dtype=np.bool_)
    component[owner[stays]] = True
    deterministic = component.copy()
    deterministic[owner[stays & ~single]] = False
    stays_put = single & (table.successor[table.entries[:-1]] == source) & stays
    can_stay = np.bincount(owner[stays_put], minlength=n) == np.bincount(node, minlength=n)
    can_stay[owner[stays & (table.action_reward != 0)]] = False
    return Traits(component, deterministic, can_stay)


def _solved_by(traits: Traits) -> NDArray[np.int64]:
    """(n,) the number of the solver that takes each node; -1 for states in no end component."""
    number = np.full(len(traits.component), -1)
    for n, solver in enumerate(SOLVERS):
        number[(number < 0) & solver.fits(traits)] = n
    return number


def _arrange(
    group: NDArray[np.integer],
    row_vertex: NDArray[np.int64],
    matrix: scipy.sparse.csr_array,
    eliminated: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], Elimination]:
    """Puts vertices in order of their group, then so that elimination within ``eliminated`` groups fills up little.

    Args:
        group: (n,) the group of each vertex.
        row_vertex: (K,) the vertex of each row.
        matrix: (K, n) the rows.
        eliminated: (n,) whether the vertex is in such a group.

    Returns:
        The vertices in order, and how to eliminate in that order.
    """
    n = len(group)
    in_order: Ints = np.arange(n, dtype=np.int32)
    if not eliminated.any():
        return np.argsort(group, kind="stable"), Elimination.of_upper(in_order, scipy.sparse.csr_array((n, n)))
    pattern = neighbours(row_vertex, matrix).tocoo()
    inner = (group[pattern.row] == group[pattern.col]) & eliminated[pattern.row] | (pattern.row == pattern.col)
    pattern = scipy.sparse.coo_array(
        (pattern.data[inner], (pattern.row[inner], pattern.col[inner])), shape=(n, n)
    ).tocsr()
    _check_memory(pattern, int(eliminated.sum()))
    found = elimination(pattern)
    step = _inverse(found.pivot)
    order = np.lexsort((step, group))  # groups do not touch: putting them one after the other changes no fill
    filled = np.ones(len(found.upper_columns)), found.upper_columns, found.upper_pointers
    upper = scipy.sparse.csr_array(filled, shape=(n, n))[step[order]][:, order]
    upper.sort_indices()
    return order, Elimination.of_upper(in_order, upper)


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
    """Where each thing stands in ``order``."""
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    return position


def _pointers(count: NDArray[np.integer]) -> NDArray[np.int32]:
    """Row pointers of rows with these lengths."""
    return np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
