"""Reachability against brute force over policies, another library's shortest paths, and figures of the original."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.measures.reachability import reach_columns
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.safety import ConveyorBelt, Sokoban
from powerenvs.worlds.side_effects import Dog, Vase
from powerenvs.worlds.side_effects.dog import Yard
from tests.models import mdps

DISCOUNTS = st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0])


def by_brute_force(mdp: TabularMDP, discount: float) -> np.ndarray:
    """(S, S) over all deterministic policies the largest E[discount^(first hitting time)], step by step."""
    S, A = mdp.available.shape
    rows = mdp.transition_matrix().toarray().reshape(S, A, S)
    best = np.zeros((S, S))
    for policy in itertools.product(*(np.flatnonzero(mdp.available[s]) for s in range(S))):
        chosen = rows[np.arange(S), list(policy)]
        for target in range(S):
            moves = discount * chosen
            moves[target] = 0.0
            goal = np.eye(S)[target]
            for _ in range(12):  # 2^12 steps, by squaring: goal + moves goal + moves^2 goal + ...
                goal = goal + moves @ goal
                moves = moves @ moves
            best[:, target] = np.maximum(best[:, target], goal)
    return best


@settings(max_examples=60)
@given(st.one_of(mdps(max_states=5, max_actions=3, deterministic=False), mdps(max_states=7, max_actions=2)), DISCOUNTS)
def test_against_all_policies(mdp, discount):
    found = pm.reachability(mdp, discount)
    assert found.values == pytest.approx(by_brute_force(mdp, discount), abs=1e-9)


@given(mdps(deterministic=True), DISCOUNTS)
def test_against_shortest_paths(mdp, discount):
    graph = nx.DiGraph(zip(*np.nonzero(mdp.transition_matrix().toarray()), strict=True))
    graph = nx.DiGraph([(row // mdp.num_actions, int(t)) for row, t in graph.edges])
    lengths = dict(nx.all_pairs_shortest_path_length(graph))
    expected = [[discount ** lengths[s][t] if t in lengths[s] else 0 for t in mdp.state_labels] for s in lengths]
    found = pm.reachability(mdp, discount)
    order = list(lengths)
    assert found.values[order] == pytest.approx(np.array(expected), abs=1e-15)
    components = list(nx.strongly_connected_components(graph))
    for s, t in itertools.product(range(mdp.num_states), repeat=2):
        together = any({s, t} <= part for part in components)
        assert (found.components[s] == found.components[t]) == together
    assert found.components[0] == 0


@pytest.mark.slow
@given(mdps(), DISCOUNTS)
def test_what_holds_for_all_models(mdp, discount):
    found = pm.reachability(mdp, discount)
    assert np.all(found.values <= 1 + 1e-12)
    assert np.all(np.diag(found.values) == 1)
    assert np.all(found.values <= pm.reachability(mdp, 1.0).values + 1e-9)
    # to be somewhere by way of a third state is one of the ways
    through = found.values[:, :, None] * found.values[None]
    assert np.all(through.max(axis=1) <= found.values + 1e-9)
    assert not found.irreversible[~mdp.available].any()


@pytest.mark.slow
@given(mdps(max_states=6), st.integers(0, 2**32 - 1))
def test_relabelling_changes_nothing(mdp, seed):
    order = np.random.default_rng(seed).permutation(mdp.num_states)
    moved = TabularMDP.from_transitions(
        [
            (int(order[s]), a, int(order[t]), p)
            for s, of_actions in mdp.P.items()
            for a, outcomes in of_actions.items()
            for p, t, *_ in outcomes
        ],
        state_labels=range(mdp.num_states),
        action_labels=range(mdp.num_actions),
    )
    expected = pm.reachability(mdp, 0.9)
    found = pm.reachability(moved, 0.9)
    assert found.values[np.ix_(order, order)] == pytest.approx(expected.values, abs=1e-9)
    assert np.array_equal(found.irreversible[order], expected.irreversible)


def test_ways_that_may_go_wrong():
    """To the goal by luck (1/2 each time, with a trap at 1/10) or for sure by a detour of three steps."""
    moves = [("s", "try", "goal", 0.5), ("s", "try", "s", 0.4), ("s", "try", "trap", 0.1), ("s", "round", "a", 1.0)]
    moves += [("a", "go", "b", 1.0), ("b", "go", "goal", 1.0), ("goal", "go", "goal", 1.0), ("trap", "go", "trap", 1.0)]
    mdp = TabularMDP.from_transitions(moves)
    start, goal = mdp.index("s"), mdp.index("goal")
    assert pm.reachability(mdp, 1.0).values[start, goal] == pytest.approx(1.0)
    assert pm.reachability(mdp, 0.5).values[start, goal] == pytest.approx(0.25 / (1 - 0.2))
    assert pm.reachability(mdp, 1.0).values[start, mdp.index("trap")] == pytest.approx(0.1 / 0.6)


@pytest.mark.parametrize(
    ("world", "states", "pairs", "farthest", "components"),
    [
        (Sokoban(noops=True), 54, 1008, 14, 7),
        (ConveyorBelt("vase", noops=True), 370, 49_823, 22, 41),
        (ConveyorBelt("sushi_goal", noops=True), 352, 43_048, 21, 37),
        (ConveyorBelt("sushi_goal2", noops=True), 543, 115_240, 27, 25),
    ],
)
def test_figures_of_the_original_worlds(world, states, pairs, farthest, components):
    """Of states that do not end the episode."""
    mdp = world.tables()
    found = pm.reachability(mdp, 0.5)
    going_on = ~mdp.terminal
    values = found.values[np.ix_(going_on, going_on)]
    assert going_on.sum() == states
    assert np.count_nonzero(values) == pairs
    assert values[values > 0].min() == 0.5**farthest
    assert len(np.unique(found.components[going_on])) == components


def test_what_cannot_be_undone():
    """Walking over the vase, and entering the goal."""
    mdp = Vase().tables()
    lost = pm.reachability(mdp).irreversible
    for s, a in np.argwhere(lost).tolist():
        (_, after, _, ended), *_ = mdp.P[s][a]
        assert ended or (mdp.state_labels[s].whole and not mdp.state_labels[after].whole)
    assert lost.sum() == 10


def test_a_walking_dog_can_be_waited_for():
    found = pm.reachability(Dog(), discount=0.5)
    start = found.model.index(Yard((4, 3), (2, 1), "left"))
    again = found.model.index(Yard((4, 3), (2, 3), "right"))
    assert found.values[start, again] == 0.25


def test_components_stand_for_their_states_without_a_discount():
    mdp = ConveyorBelt("vase", noops=True).tables()
    assert np.array_equal(pm.reachability(mdp, 1.0).values, pm.reachability(mdp, 0.5).values > 0)


@pytest.mark.parametrize("discount", [0.5, 0.9, 1.0])
def test_some_columns_are_those_of_the_table(discount):
    for mdp in (ConveyorBelt("vase", noops=True).tables(), PowerGrid("...", noise=0.3).tables()):
        targets = np.random.default_rng(0).permutation(mdp.num_states)[:70]
        assert np.array_equal(reach_columns(mdp, discount, targets), pm.reachability(mdp, discount).values[:, targets])


def test_it_is_an_array():
    found = pm.reachability(Vase(), 0.9)
    assert np.array_equal(np.asarray(found), found.values)
    assert np.asarray(found, dtype=np.float32).dtype == np.float32


def test_a_table_that_is_too_large_is_refused_with_its_size():
    with pytest.raises(ValueError, match=r"a table of 23 by 23 states, 0\.0 GiB, found 1e-07; raise max_gib"):
        pm.reachability(Vase(), max_gib=1e-7)
    with pytest.raises(ValueError, match="max_gib: expected a number above 0, found 0"):
        pm.reachability(Vase(), max_gib=0)
    with pytest.raises(ValueError, match="discount: expected a discount in"):
        pm.reachability(Vase(), discount=1.5)
