"""How tables are prepared for solving: who is next to whom, which choices say the same, how far neighbours are apart."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings, strategies as st

from power_metrics.solvers.compiled import distinct_rows, prepare_tables
from power_metrics.solvers.ordering import adjacency, neighbours, profile
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from tests.models import mdps


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25))
def test_neighbours_each_once_and_in_order(extra, edges):
    n = max([extra, *(max(edge) + 1 for edge in edges)])
    source, target = np.array(edges, dtype=np.int32).reshape(-1, 2).T.copy()
    pointers, joined = adjacency(source, target, n)
    for v in range(n):
        expected = {v} | {b for a, b in edges if a == v} | {a for a, b in edges if b == v}
        assert joined[pointers[v] : pointers[v + 1]].tolist() == sorted(expected)


@st.composite
def groups_of_rows(draw):
    """Positions in any order, each with some adjoining rows; few signatures, so that many are the same."""
    order = draw(st.permutations(range(draw(st.integers(1, 5)))))
    size = [draw(st.integers(1, 9)) for _ in order]
    position = np.repeat(order, size).astype(np.int64)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # with the same low bits, signatures meet in the hash table
    signature = rng.integers(0, 3, size=len(position)).astype(np.uint64) * np.uint64(2**60)
    return position, signature, rng.integers(0, 3, size=len(position)).astype(np.float64)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(groups_of_rows())
def test_first_of_the_best_of_equal_rows_is_kept(rows):
    position, signature, bonus = rows
    chosen = {}
    for p, x in set(zip(position.tolist(), signature.tolist(), strict=True)):
        same = np.flatnonzero((position == p) & (signature == np.uint64(x)))
        chosen[p, x] = int(same[np.argmax(bonus[same])])
    kept, stands_for = distinct_rows(position, signature, bonus)
    assert kept.tolist() == sorted(chosen.values(), key=lambda row: (position[row], row))
    for row, key in enumerate(zip(position.tolist(), signature.tolist(), strict=True)):
        assert kept[stands_for[row]] == chosen[key]


@settings(max_examples=50, deadline=None)
@given(mdps())
def test_prepared_choices_are_the_models(mdp: TabularMDP):
    """Choice by choice: the same probabilities under the new numbers, and no two choices of a state alike."""
    prepared = prepare_tables(mdp)
    matrix, original = prepared.matrix().toarray(), mdp.transition_matrix().toarray()
    position = np.empty(mdp.num_states, dtype=int)
    position[prepared.order] = np.arange(mdp.num_states)
    for s, a in np.argwhere(mdp.available):
        choice = prepared.choice_of[s, a]
        assert prepared.choices[position[s]] <= choice < prepared.choices[position[s] + 1]
        assert matrix[choice, position] == pytest.approx(original[s * mdp.num_actions + a], abs=1e-15)
    for p in range(mdp.num_states):
        rows = matrix[prepared.choices[p] : prepared.choices[p + 1]]
        assert len(np.unique(rows, axis=0)) == len(rows)


@pytest.mark.slow
def test_large_grid_has_a_choice_for_each_way():
    """400×300 cells: four ways less one for each side that is an edge, and staying; bumping says the same."""
    rows, columns = 400, 300
    ways = 5 * rows * columns - 2 * (rows + columns)
    for walls in ("bump", "absent"):
        prepared = prepare_tables(PowerGrid(["." * columns] * rows, walls=walls).tables())
        assert len(prepared.action) == ways
        assert prepared.method == "stay_put"


def test_profile_of_a_path_and_of_a_plane():
    path = scipy.sparse.diags_array([np.ones(9), np.ones(9)], offsets=[-1, 1], shape=(10, 10)).tocsr()
    assert profile(neighbours(np.arange(10), path)) == 9
    plane = PowerGrid(["." * 40] * 30).tables().transition_matrix()
    count = 1200
    assert 20 * count < profile(neighbours(np.arange(5 * count) // 5, plane)) < 30 * count  # diagonals of the plane
