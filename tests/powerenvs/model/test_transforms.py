"""Models with fewer actions, and what can be reached: against searches and rows written out by hand."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from powerenvs.model.rows import entry_rows, pointers, reachable
from powerenvs.model.transforms import reachable_states, restricted
from powerenvs.worlds.power import PowerGrid
from tests.games import games
from tests.models import mdps


def searched(model, starts):
    """What networkx finds."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(model.num_states))
    source = entry_rows(model.indptr) // (model.num_rows // model.num_states)
    graph.add_edges_from(zip(source.tolist(), model.successor.tolist(), strict=True))
    return {t for s in np.flatnonzero(starts).tolist() for t in nx.descendants(graph, s) | {s}}


@settings(max_examples=50, deadline=None)
@given(st.one_of(mdps(), games()))
def test_reachable_states_are_those_of_a_search(model):
    assert set(np.flatnonzero(reachable_states(model)).tolist()) == searched(model, model.initial)
    last = np.eye(model.num_states)[-1]
    assert set(np.flatnonzero(reachable_states(model, last)).tolist()) == searched(model, last)


def test_pointers_of_rows_in_order():
    assert pointers(np.array([0, 0, 2]), 4).tolist() == [0, 2, 2, 3, 3]
    assert reachable(np.array([0, 1, 1, 2]), np.array([2, 0]), np.array([False, True, False])).tolist() == [0, 1, 0]


@settings(max_examples=50, deadline=None)
@given(mdps(), st.randoms(use_true_random=False))
def test_restricted_keeps_the_rows_that_are_kept(mdp, random):
    kept = np.array([[random.random() < 0.5 for _ in row] for row in mdp.available])
    kept[~(kept & mdp.available).any(axis=1)] = True
    fewer = restricted(mdp, kept)
    assert np.array_equal(fewer.available, kept & mdp.available)
    assert {s: {a: row for a, row in rows.items() if kept[s, a]} for s, rows in mdp.P.items()} == fewer.P


def test_restricted_to_everything_is_the_model_itself():
    mdp = PowerGrid("open_3x3", walls="absent").tables()
    assert restricted(mdp, np.ones(mdp.available.shape, dtype=bool)) is mdp


def test_every_state_keeps_an_action():
    mdp = PowerGrid("open_3x3").tables()
    with pytest.raises(ValueError, match=r"at least one action in every state, found none in state 0 \(\(0, 0\)\)"):
        restricted(mdp, np.zeros(mdp.available.shape, dtype=bool))


@settings(max_examples=25, deadline=None)
@given(games())
def test_joint_actions_of_games(game):
    kept = np.zeros((game.num_states, game.num_joint_actions), dtype=bool)
    kept[np.arange(game.num_states), game.joint_available.argmax(axis=1)] = True
    fewer = restricted(game, kept)
    assert np.array_equal(fewer.joint_available, kept)
    assert fewer.reward.shape == (game.num_agents, fewer.num_transitions)
