"""Policy graphs of POWERplay's form: what they say, and what they must not say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from powerenvs.model.policy import Policy
from powerenvs.sources.graphviz.files import (
    load_gv,
    load_gv_policy,
    save_gv,
    save_gv_policy,
)
from powerenvs.worlds.power.pair import PowerPair
from tests.games import games, random_policy
from tests.powerenvs.sources.graphviz.graph_files import CHAIN, entries


def test_a_policy_graph(written):
    mdp = load_gv(written(CHAIN))
    text = """strict digraph { "[wet]" -> "[wait]__[wet]" [weight="0.25"]; "[wet]" -> "[drain]__[wet]" [weight=0.75];
    "[dry]" -> "[wait]__[dry]" [weight="1.0"]; }"""
    policy = load_gv_policy(written(text), mdp)
    assert policy.table.tolist() == [[0, 1], [0.75, 0.25]]
    assert Policy.load(written(text), mdp) == policy


def test_always_left_against_a_human(tmp_path):
    game = PowerPair("...", walls="absent").tables()
    left = Policy(game, "ai")
    for label, can in zip(game.state_labels, game.available["ai"], strict=True):
        left.set(label, "left" if can[game.action_index("ai", "left")] else "stay")
    save_gv_policy(left, tmp_path / "left.gv")
    text = (tmp_path / "left.gv").read_text()
    assert '"[(0, 0)_H^(0, 1)_A]" -> "[left]__[(0, 0)_H^(0, 1)_A]" [weight="1.0"];' in text
    assert '"[(0, 0)_H^(0, 1)_A]" -> "[stay]__[(0, 0)_H^(0, 1)_A]" [weight="0.0"];' in text
    save_gv(game, tmp_path / "game.gv")
    twin = load_gv(tmp_path / "game.gv")  # the same game with other labels, in another order
    loaded = load_gv_policy(tmp_path / "left.gv", twin)
    assert loaded.agent == "ai"
    assert entries(twin.against({"ai": loaded})) == entries(game.against({"ai": left}))
    assert load_gv_policy(tmp_path / "left.gv", game) == left


@settings(max_examples=40, deadline=None)
@given(games(num_agents=2), st.integers(0, 2**32 - 1), st.sampled_from(["human", "ai"]))
def test_round_trip_of_policies(tmp_path_factory, game, seed, agent):
    path = tmp_path_factory.mktemp("gv") / "policy.gv"
    game = game.with_(state_labels=[(s, -s) for s in range(game.num_states)])
    weights = random_policy(np.random.default_rng(seed), game, agent) * game.available[agent]
    policy = Policy(game, agent, weights / weights.sum(axis=1, keepdims=True))
    save_gv_policy(policy, path)
    loaded = load_gv_policy(path, game, agent)
    assert np.abs(loaded.table - policy.table).max() < 1e-15
    assert loaded.agent == agent


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"[wet]" -> "[drain]__[wet]" [weight=1]', "expected actions in every state .* found none for state 'dry'"),
        ('"[dry]" -> "[drain]__[dry]" [weight=1]', "action 'drain' does not exist in state 'dry' of the model"),
        ('"[dry]" -> "[wait]__[dry]" [weight=0.9]; "[wet]" -> "[wait]__[wet]" [weight=1]', "state 'dry' to sum to 1"),
        ('"[dry]" -> "[wait]__[dry]"', r"expected the probability of \[wait\]__\[dry\] as 'weight'"),
        ('"[dry]" -> "[wait]__[dry]" [weight=much]', "expected a number of at least 0 as 'weight', found 'much'"),
        ('"[dr]" -> "[wait]__[dr]" [weight=1]', "unknown state 'dr', .*; did you mean 'dry'"),
        ('"[dry]" -> "[waits]__[dry]" [weight=1]', "unknown action 'waits'.*did you mean 'wait'"),
        ('"[dry]" -> "[wet]"', r"expected an edge from a state to one of its actions, found \[dry\] -> \[wet\]"),
        ('"[dry]" -> "[wait]__[dry]" [weight=1] "[dry]" -> "[wait]__[dry]" [weight=1]', "expected every edge once"),
        ('"[wait]__[dry]"', r"expected an edge to \[wait\]__\[dry\] from its state, found none"),
    ],
)
def test_policy_graphs_that_are_refused(tmp_path, written, text, message):
    mdp = load_gv(written(CHAIN))
    with pytest.raises(ValueError, match=rf"graph.gv'.*{message}"):
        load_gv_policy(written(f"digraph {{ {text} }}"), mdp)


def test_models_and_policies_are_not_mixed_up(tmp_path, written):
    mdp = load_gv(written(CHAIN))
    with pytest.raises(ValueError, match="line 5: expected the graph of a policy, found an outcome of a model"):
        load_gv_policy(written(CHAIN), mdp)
    save_gv_policy(Policy(mdp), tmp_path / "policy.gv")
    with pytest.raises(ValueError, match="a policy is read by load_gv_policy"):
        load_gv(tmp_path / "policy.gv")
