"""What large worlds depend on: tables made and checked in parts are those made at once, and sizes are told in time."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from powerenvs import TabularMDP, product_game
from powerenvs.authoring.moves import DIRECTIONS
from powerenvs.model import rows as tables
from powerenvs.worlds.power import PowerGrid
from tests.models import mdps

product = importlib.import_module("powerenvs.model.product")


@settings(max_examples=30, deadline=None)
@given(mdps(max_states=5, max_actions=3), mdps(max_states=4, max_actions=3), st.integers(1, 40))
def test_products_made_in_parts(first, second, chunk):
    whole = product_game(first, second)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product, "CHUNK", chunk)
        assert product_game(first, second) == whole


def test_rewards_and_performance_share_their_memory_where_they_are_the_same():
    part = PowerGrid("open_3x3").tables()
    game = product_game(part, part)
    assert np.shares_memory(game.reward, game.performance)
    with pytest.raises(ValueError, match="read-only"):
        game.reward[0, 0] = 1.0
    hidden = part.with_(performance=part.reward - 1)
    game = product_game(part, hidden)
    assert np.array_equal(game.performance[0], game.reward[0])
    assert np.array_equal(game.performance[1], game.reward[1] - 1)


@pytest.mark.parametrize(
    ("change", "gib"),
    [
        ({}, "1.07"),  # next state, probability and two rewards of each transition; the rest is small
        ({"performance": True}, "1.68"),
        ({"split": True}, "4.27"),
    ],
)
def test_memory_is_stated_before_it_is_taken(change, gib):
    """For transitions of 28 bytes, 16 more with a performance of its own, and four times as much where it is sorted."""
    targets, num = np.arange(80), 80
    part = TabularMDP(
        indptr=np.arange(0, num * num + 1, num),
        successor=np.tile(targets, num),
        probability=np.full(num * num, 1 / num),
        available=np.ones((num, 1), dtype=bool),
        reward=np.zeros(num * num),
    )
    if change.get("performance"):
        part = part.with_(performance=np.ones(num * num))
    if change.get("split"):
        reward = np.tile(targets % 2.0, num)  # two rewards for each next state
        part = part.with_(successor=np.tile(targets // 2 * 2, num), reward=reward, performance=reward)
    with pytest.raises(ValueError, match=rf"6,400 joint states with 40,960,000 transitions need about {gib} GiB"):
        product_game(part, part, max_gib=0.5)


@settings(max_examples=30, deadline=None)
@given(mdps(), st.integers(1, 5))
def test_rows_checked_in_parts(mdp, rows):
    """The first row that does not sum to 1 is named, and the others are counted, wherever the parts begin."""
    sums = tables.row_sums(mdp.indptr, mdp.probability)
    bad = np.flatnonzero(sums > 0)
    broken = mdp.probability * np.where(np.arange(len(mdp.probability)) == 0, 1.0, 0.5)
    expected = [row for row in bad if not (row == bad[0] and mdp.indptr[row + 1] - mdp.indptr[row] == 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_CHECKED_ROWS", rows)
        assert mdp.with_(reward=mdp.reward) == mdp
        if not expected:
            return
        with pytest.raises(ValueError, match="probability: expected every row to sum to 1") as error:
            mdp.with_(probability=broken)
    state, action = divmod(int(expected[0]), mdp.num_actions)
    assert f"in state {state} ({state}), action {action} ({action})" in str(error.value)
    more = f" and {len(expected) - 1} more rows"
    assert str(error.value).endswith(more) == (len(expected) > 1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.integers(0, 1)), max_size=12))
def test_compressed_rows_whatever_the_order(entries):
    """Entries in order are taken as they are; the same ones in any other order give the same rows."""
    listed = np.array(entries, dtype=np.int64).reshape(-1, 4)

    def compressed(rows: np.ndarray) -> tuple[np.ndarray, ...]:
        columns = rows.T
        return tables.compress(columns[0], 4, columns[1].astype(np.int32), columns[2] * 0.25, columns[3] * 1.0)

    shuffled = compressed(listed)
    ordered = compressed(listed[np.lexsort(listed.T[[2, 3, 1, 0]])])
    again = compressed(
        np.stack([tables.entry_rows(shuffled[0]), shuffled[1], shuffled[2] * 4, shuffled[3]], axis=1).astype(int)
    )
    for ours, sorted_first, twice in zip(shuffled, ordered, again, strict=True):
        assert np.array_equal(ours, sorted_first)
        assert np.array_equal(ours, twice)
    total: dict[tuple[int, int, int], float] = {}
    for row, successor, quarters, column in entries:
        if quarters:
            total[row, successor, column] = total.get((row, successor, column), 0.0) + quarters * 0.25
    rows = tables.entry_rows(shuffled[0])
    assert dict(zip(zip(rows, shuffled[1], shuffled[3], strict=True), shuffled[2], strict=True)) == total


@pytest.mark.parametrize("walls", ["bump", "absent"])
def test_large_grid_cell_by_cell(walls):
    """300×200 cells with a wall here and there, against moves worked out one cell at a time."""
    rng = np.random.default_rng(0)
    board = ["".join("#" if wall else "." for wall in row) for row in rng.random((300, 200)) < 0.2]
    world = PowerGrid(board, walls=walls)
    mdp, grid = world.tables(), world.level.state_grid
    assert mdp.num_states == sum(row.count(".") for row in board)
    assert mdp.state_labels[:2] == tuple((r, c) for r in range(300) for c in range(200) if board[r][c] == ".")[:2]
    found = mdp.successors()
    for s in rng.integers(mdp.num_states, size=500).tolist():
        r, c = mdp.state_labels[s]
        for a, (dr, dc) in enumerate(DIRECTIONS.values()):
            free = 0 <= r + dr < 300 and 0 <= c + dc < 200 and grid[r + dr, c + dc] >= 0
            blocked = s if walls == "bump" else -1
            assert found[s, a] == (grid[r + dr, c + dc] if free else blocked)
