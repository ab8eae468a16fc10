"""In which order states are solved: close neighbours together, and little fill in elimination."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
import scipy.sparse.linalg
from numpy.typing import NDArray

from power_metrics.solvers.average.graph import join


class Elimination(NamedTuple):
    """How Gaussian elimination goes through I - γP, and where it can have non-zeros, whatever the policy.

    Attributes:
        pivot: (S,) the position eliminated at each step.
        pointers: (S + 1,) row pointers of ``columns``, by step.
        columns: the later positions with an entry in the row of U that each step leaves.
        mirror_pointers: (S + 1,) row pointers of ``mirror``, by step.
        mirror: the earlier steps whose rows have an entry at each step's own position, rising.
    """

    pivot: NDArray[np.int32]
    pointers: NDArray[np.int32]
    columns: NDArray[np.int32]
    mirror_pointers: NDArray[np.int32]
    mirror: NDArray[np.int32]

    @property
    def work(self) -> int:
        """Multiplications that one elimination takes at most."""
        length = np.diff(self.pointers).astype(np.int64)
        return int((length * length).sum())


def neighbours(row_state: NDArray[np.int64], matrix: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """(S, S) symmetric pattern with a diagonal: which states some choice joins.

    Args:
        row_state: (K,) the state of each row.
        matrix: (K, S) the rows.
    """
    S = matrix.shape[1]
    ends = np.repeat(row_state.astype(np.int32), np.diff(matrix.indptr)), matrix.indices.astype(np.int32)
    pointers, joined = join(*ends, S)
    return scipy.sparse.csr_array((np.ones(len(joined)), joined, pointers), shape=(S, S))


def locality_order(pattern: scipy.sparse.csr_array) -> NDArray[np.int64]:
    """(S,) the states so that neighbours are close: reverse Cuthill-McKee."""
    return scipy.sparse.csgraph.reverse_cuthill_mckee(pattern, symmetric_mode=True).astype(np.int64)


def profile(pattern: scipy.sparse.csr_array) -> int:
    """How far each state is from its first neighbour in that order, in all.

    Between them lies all that elimination can fill up (George & Liu 1981, section 4.2); an order made for little fill
    needs less.
    """
    place = np.empty(pattern.shape[0], dtype=np.int64)
    place[locality_order(pattern)] = np.arange(len(place))
    at = np.repeat(place, np.diff(pattern.indptr))
    return int(np.maximum.reduceat(at - place[pattern.indices], pattern.indptr[:-1]).sum())


def elimination(pattern: scipy.sparse.csr_array) -> Elimination:
    """An order with little fill (minimum degree), and the fill.

    Step by step, a row of U has the model's own later positions and those of the rows whose first later
    position it is (George & Liu 1981, section 5.3).
    """
    S = pattern.shape[0]
    dominant = pattern.copy()
    dominant.data[:] = -1.0
    dominant = (dominant + scipy.sparse.diags_array(np.diff(pattern.indptr) + 1.0)).tocsc()
    step = scipy.sparse.linalg.splu(
        dominant, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    ).perm_c.astype(np.int32)
    pivot = np.argsort(step).astype(np.int32)
    rows: list[NDArray[np.int32]] = []
    inherits: list[list[int]] = [[] for _ in range(S)]
    for n, i in enumerate(pivot):
        own = step[pattern.indices[pattern.indptr[i] : pattern.indptr[i + 1]]]
        row = np.unique(np.concatenate([own[own > n]] + [rows[m][1:] for m in inherits[n]]))
        rows.append(row)
        if row.size:
            inherits[row[0]].append(n)
    pointers = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int32)
    later = np.concatenate(rows)
    upper = scipy.sparse.csr_array((np.ones(len(later)), later, pointers), shape=(S, S))
    lower = upper.T.tocsr()
    lower.sort_indices()
    return Elimination(pivot, pointers, pivot[later], lower.indptr.astype(np.int32), lower.indices.astype(np.int32))
