"""Graphviz files of POWERplay's form: what they say, what they must not say, and that nothing is lost."""

from __future__ import annotations

import random
import re
from contextlib import nullcontext, suppress

import networkx
import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularGame, TabularMDP
from powerenvs.model.policy import Policy
from powerenvs.sources.graphviz.files import (
    from_networkx,
    load_gv,
    load_gv_policy,
    save_gv,
    save_gv_policy,
    to_networkx,
)
from powerenvs.sources.graphviz.names import JOINT, SEPARATOR
from powerenvs.worlds.power.grid import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.power.turner import turner_figure_1
from tests.games import games
from tests.models import mdps
from tests.powerenvs.sources.graphviz.graph_files import CHAIN, DUEL, SIGNALS, entries, states

# Reading


def test_a_stochastic_graph(written):
    mdp = load_gv(written(CHAIN))
    assert mdp.state_labels == ("dry", "wet")
    assert mdp.action_labels == ("drain", "wait")
    assert mdp.P == {
        0: {1: [(0.75, 0, 0.0, False), (0.25, 1, 0.0, False)]},
        1: {0: [(1.0, 0, 0.0, False)], 1: [(1.0, 1, 0.0, False)]},
    }
    assert mdp.board is None
    assert TabularMDP.load(written(CHAIN)) == mdp


def test_states_are_sorted_as_text(written):
    loops = "".join(
        f'"[{s}]" -> "[stay]__[{s}]"; "[stay]__[{s}]" -> "[{s}]__[stay]__[{s}]" [weight=1];'
        for s in ("(0, 2)", "(0, 10)")
    )
    mdp = load_gv(written(f"digraph {{ {loops} }}"))
    assert mdp.state_labels == ("(0, 10)", "(0, 2)")
    assert mdp.board == ("##.#######.",)
    assert mdp.cells.tolist() == [[0, 10], [0, 2]]


def test_a_plain_graph_keeps_the_order_of_the_file(written):
    mdp = load_gv(written(SIGNALS))
    assert mdp.state_labels == mdp.action_labels == ("red", "green", "amber")
    assert mdp.successors().tolist() == [[0, 1, -1], [-1, -1, 2], [0, -1, -1]]


def test_a_joint_graph(written):
    game = load_gv(written(DUEL))
    assert game.agents == ("human", "ai")
    assert game.state_labels == (("x", "x"), ("y", "y"))
    assert game.state_labels[0].ai == "x"
    assert game.action_labels == {"human": ("go", "wait"), "ai": ("go", "wait")}
    assert not game.independent_actions  # go against wait has no node, so it does not exist
    assert entries(game) == {
        (("x", "x"), ("go", "go"), ("x", "x")): (0.5, 0, 0, 0, 0),
        (("x", "x"), ("go", "go"), ("y", "y")): (0.5, 0, 0, 0, 0),
        (("x", "x"), ("wait", "wait"), ("x", "x")): (1, 0, 0, 0, 0),
        (("y", "y"), ("wait", "go"), ("x", "x")): (1, 0, 0, 0, 0),
    }
    assert load_gv(written(DUEL), agents=("driver", "car")).agents == ("driver", "car")
    assert TabularGame.load(written(DUEL)) == game


def test_joint_states_with_the_actions_of_one_agent_are_a_decision_process(written):
    text = re.sub("(go|wait)_H\\^(go|wait)_A", r"\1 \2", DUEL)
    assert load_gv(written(text)).state_labels == ("x_H^x_A", "y_H^y_A")


def test_the_language_around_the_graph(written):
    text = """
# drawn by hand
    DiGraph lights { rankdir = LR; graph [label="by hand"] node [shape=box, color="red"]; /* no
    more */ red [label="stop"] [pos="1,2"]; green
    "say \\"go\\"" ; ; red -> green -> "say \\"go\\"" [color=blue; style=dashed]
    "say \\"go\\"" -> red }  // end
    """
    mdp = load_gv(written("\ufeff" + text))
    assert mdp.state_labels == ("red", "green", 'say "go"')
    assert mdp.successors().tolist() == [[-1, 1, -1], [-1, -1, 2], [0, -1, -1]]


def test_rounded_probabilities_are_rescaled(written):
    mdp = load_gv(written(CHAIN.replace("0.75", "0.7500000005")))
    assert abs(mdp.probability[:2].sum() - 1) < 1e-15
    assert mdp.probability[0] > 0.75


def test_outcomes_of_weight_zero_are_left_out(written):
    mdp = load_gv(written(CHAIN.replace("0.75", "0").replace("weight=0.25", "weight=1")))
    assert mdp.P[0] == {1: [(1.0, 1, 0.0, False)]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("strict digraph", "strict graph", r"line 2: expected a directed graph, 'digraph { ... }', found 'graph'"),
        ("}", "", "line 19: expected '}', found the end of the file"),
        ("}", "} more", "line 19: expected nothing after the graph, found 'more'"),
        ('"[wet]";', '"[wet];', "line 18: expected a quote to close the name that begins here, found none"),
        ('"[wet]";', '"[wet]" @;', "line 7: expected a name, an arrow, a bracket or a semicolon, found '@'"),
        ('"[wet]";', '"[wet]" -> ;', "line 7: expected the node that the edge leads to, found ';'"),
        ('"[wet]";', '"[wet]" -- "[dry]";', "line 7: expected '->', found '--'"),
        ('"[wet]";', "subgraph wet {}", "line 7: expected nodes and edges only"),
        ('"[wet]";', "edge [weight=1];", "line 7: expected 'weight' on each node or edge itself"),
        ('"[wet]";', "edge;", "line 7: expected '\\['"),
        ('"[wet]";', '"[wet]" = ;', "line 7: expected the value of an attribute, found ';'"),
        ('"[wet]";', "wet;", r"line 7: expected a node \[state\], .*, found 'wet'"),
        ('"[wet]";', '"[a]__[b]__[c]__[d]";', r"line 7: expected a node \[state\]"),
        ('"[wet]";', '"[wet]"; "[ice]";', r"line 7: expected an action \[action\]__\[ice\] .*, found none"),
        ('"[wet]";', '"[wet]"; "[swim]__[wet]";', r"line 7: expected an edge to \[swim\]__\[wet\], found none"),
        ('"[wet]__[wait]__[dry]";', '"[we]__[wait]__[dry]";', r"line 6: expected an edge to \[we\]__\[wait\]__\[dry\]"),
        ('[weight="0.75"]', "", r"line 13: expected the probability of .* as 'weight', found none"),
        ('[weight="0.75"]', '[weight="0.75"', "line 14: expected '=', found '->'"),
        ('[weight="0.75"]', "[weight]", "line 13: expected '=', found ']'"),
        ('"0.75"', '"a lot"', "line 13: expected a number of at least 0 as 'weight', found 'a lot'"),
        ('"0.75"', '"nan"', "line 13: expected a number"),
        ('"0.75"', '"1e999"', "line 13: expected a number"),
        ('"0.75"', '"-0.75"', "line 13: expected a number of at least 0 as 'weight', found '-0.75'"),
        ('"0.75"', '"0.7"', r"line 4: expected the probabilities .* 'wait' in state 'dry' to sum to 1 .* found 0.95"),
        ('-> "[wait]__[wet]";', '-> "[wait]__[wet]" [weight=1];', "line 16: expected weights .* to outcomes only"),
        ('"[dry]" -> "[wait]__[dry]";', '"[wet]" -> "[wait]__[dry]";', "line 12: expected an edge to .* its own"),
        ('"[wet]" -> "[wait]__[wet]";', '"[wet]" -> "[wait]__[wet]" -> "[wet]";', "line 16: expected an edge to"),
        ('"[wet]" -> "[wait]__[wet]";', '"[wet]" -> "[drain]__[wet]";', "line 16: expected every edge once"),
        ('"[wet]__[wait]__[wet]"', '"[wets]__[wait]__[wet]"', "line 18: unknown state 'wets'; did you mean 'wet'"),
    ],
)
def test_malformed_files(written, old, new, message):
    changed = CHAIN.replace(old, new) if message.startswith("line 18: unknown") else CHAIN.replace(old, new, 1)
    assert changed != CHAIN
    with pytest.raises(ValueError, match=rf"graph.gv', ({message})"):
        load_gv(written(changed))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a directed graph"),
        ("digraph {}", "expected states, found an empty graph"),
        ("digraph { a -> b }", "line 1: expected an edge from every state, found none from 'b'"),
        ("digraph { a -> a [weight=1] }", "line 1: expected edges without weight, as no node is an action"),
        ("digraph { a -> <b> }", "found '<'"),
        ("digraph { a:n -> a }", "found ':'"),
        ("digraph { a [initial=0.5]; a -> a }", "initial: expected probabilities that sum to 1"),
        ("digraph { a [terminal=yes]; a -> a }", "line 1: expected 'true' or 'false' as 'terminal', found 'yes'"),
        ("digraph { a [terminal=true]; a -> b -> a }", "terminal: expected a terminal state to loop to itself"),
        ("digraph { a -> a [reward=high] }", "line 1: expected a number as 'reward', found 'high'"),
        (DUEL.replace("wait_H^go_A", "wait"), "line 9: expected a joint action 'h_H\\^a_A', .* found 'wait'"),
        (DUEL.replace("y_H^y_A", "y"), "expected a joint state 'h_H\\^a_A', as actions are joint, found 'y'"),
    ],
)
def test_malformed_graphs(written, text, message):
    with pytest.raises(ValueError, match=rf"graph.gv'.*{message}"):
        load_gv(written(text))


def test_files_of_another_kind(tmp_path, written):
    path = tmp_path / "binary.gv"
    path.write_bytes(b"digraph {\n\xff}")
    with pytest.raises(ValueError, match=r"binary.gv', line 2: expected UTF-8 text"):
        load_gv(path)
    with pytest.raises(ValueError, match="expected a TabularGame, found a TabularMDP"):
        TabularGame.load(written(CHAIN))
    with pytest.raises(ValueError, match="expected a TabularMDP, found a TabularGame"):
        TabularMDP.load(written(DUEL))
    with pytest.raises(FileNotFoundError):
        load_gv(tmp_path / "nothing.gv")
    with pytest.raises(ValueError, match="agents: expected the names of H and A"):
        load_gv(written(DUEL), agents=("a", "b", "c"))


def test_changed_files_are_read_or_refused_with_a_value_error(tmp_path):
    rng = random.Random(7)
    policy = Policy.uniform(PowerPair("..", walls="absent").tables(), "ai")
    save_gv_policy(policy, tmp_path / "policy.gv")
    originals = [CHAIN, DUEL, SIGNALS, (tmp_path / "policy.gv").read_text()]
    pieces = [
        '"',
        "[",
        "]",
        "{",
        "}",
        ";",
        "->",
        "]__[",
        "weight",
        "=",
        "nan",
        "\\",
        "/*",
        "#",
        "\0",
        "_H^",
        "_A",
        "é",
        "\n",
    ]
    path, messages = tmp_path / "changed.gv", []
    for _ in range(300):
        text = rng.choice(originals)
        for _ in range(rng.choice([1, 1, 2, 5])):
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(pieces + [""] * 10) + text[at + rng.choice([0, 1, 1, 5, 40]) :]
        path.write_text(text, encoding="utf-8")
        for read in (load_gv, lambda path: load_gv_policy(path, policy.model)):
            try:
                read(path)
            except ValueError as error:
                messages.append(str(error))
    assert 300 < len(messages) < 600
    assert all(f"{path}'" in message for message in messages)


# Equal to the worlds of the same name


@pytest.mark.parametrize("level", ["open_3x3", "maze_7x7"])
def test_gridworlds(tmp_path, level):
    grid = PowerGrid(level, walls="absent", noise=0.25).tables()
    save_gv(grid, tmp_path / "grid.gv")
    mdp = load_gv(tmp_path / "grid.gv")
    assert entries(mdp) == entries(grid)
    assert mdp.board == grid.board
    for s, label in enumerate(mdp.state_labels):
        assert str(tuple(mdp.cells[s].tolist())) == label
    assert mdp.find(cell=(1, 0)).tolist() == [mdp.index("(1, 0)")]
    assert mdp.action_labels == ("down", "left", "right", "stay", "up")


def test_a_graph_of_successors(tmp_path):
    mdp = turner_figure_1()
    mdp.save(tmp_path / "turner.gv")
    assert "[" not in (tmp_path / "turner.gv").read_text().replace('[initial="1.0"]', "")
    assert TabularMDP.load(tmp_path / "turner.gv") == mdp  # even the order of states, and actions that no state has


@pytest.mark.slow
def test_two_agents_on_a_grid(tmp_path):
    pair = PowerPair("open_3x3", walls="absent").tables()
    save_gv(pair, tmp_path / "pair.gv")
    game = load_gv(tmp_path / "pair.gv")
    assert entries(game) == entries(pair)
    assert game.board == pair.board
    assert game.find(human="(0, 1)", ai="(2, 2)").tolist() == [game.index(("(0, 1)", "(2, 2)"))]
    assert game.cells[game.index(("(0, 1)", "(2, 2)"))].tolist() == [[0, 1], [2, 2]]
    apart = {key[0] for key in entries(game.without_overlaps())}
    assert apart == {key[0] for key in entries(pair.without_overlaps())}
    swapped = game.with_bumping()
    assert entries(swapped) == entries(pair.with_bumping())


def test_power_of_a_world_that_was_saved(tmp_path):
    grid = PowerGrid("open_3x3", walls="absent").tables()
    save_gv(grid, tmp_path / "grid.gv")
    mdp = load_gv(tmp_path / "grid.gv")
    rewards = np.random.default_rng(0).random((20, 9))
    order = [grid.state_labels.index(eval(label)) for label in mdp.state_labels]
    power = pm.power(grid, 0.6, rewards=rewards).mean[order]
    assert np.allclose(pm.power(mdp, 0.6, rewards=rewards[:, order]).mean, power, rtol=0, atol=1e-14)


# Nothing is lost


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(mdps(), st.integers(0, 2**32 - 1))
def test_round_trip_of_decision_processes(tmp_path_factory, mdp, seed):
    path = tmp_path_factory.mktemp("gv") / "mdp.gv"
    initial = np.random.default_rng(seed).dirichlet(np.ones(mdp.num_states))
    mdp = mdp.with_(initial=np.where(np.arange(mdp.num_states) == 0, 1 - initial[1:].sum(), initial))
    save_gv(mdp, path)
    loaded = load_gv(path)
    assert entries(loaded) == entries(mdp)
    assert states(loaded) == states(mdp)
    save_gv(loaded, path)
    assert load_gv(path) == loaded == from_networkx(to_networkx(loaded))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(games(num_agents=2), st.booleans())
def test_round_trip_of_games(tmp_path_factory, game, cooperative):
    path = tmp_path_factory.mktemp("gv") / "game.gv"
    game = game.with_(state_labels=[(s, s + 1) for s in range(game.num_states)])
    if cooperative:
        game = game.with_(performance=game.reward)
    save_gv(game, path)
    loaded = load_gv(path)
    assert entries(loaded) == entries(game)
    assert states(loaded) == states(game)
    save_gv(loaded, path)
    assert load_gv(path) == loaded == from_networkx(to_networkx(loaded))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=5, unique=True), st.booleans())
@example(["_H^"], True)
@example(["_H^", "_A"], False)
@example(["\\"], False)
def test_any_label_comes_back_or_is_refused(tmp_path_factory, labels, joint):
    path = tmp_path_factory.mktemp("gv") / "labels.gv"
    ring = list(zip(labels, labels[1:] + labels[:1], strict=True))
    if joint:
        moves = [((a, b), (a, b), (b, a), 1.0) for a, b in ring]
        model = TabularGame.from_transitions(
            [*moves, *(((b, a), (a, b), (b, a), 1.0) for a, b in ring if (b, a) not in ring)]
        )
    else:
        model = TabularMDP.from_transitions([(a, a + b, b, 1.0) for a, b in ring])
    odd = any(mark in text for text in (*labels, *(a + b for a, b in ring)) for mark in ("\\", SEPARATOR, JOINT))
    with suppress(ValueError) if odd else nullcontext():
        save_gv(model, path)
    assert odd or path.exists()
    if path.exists():
        assert entries(load_gv(path)) == entries(model)


def test_terminal_states_and_performance(tmp_path):
    mdp = TabularMDP.from_transitions(
        [("a", "x", "b", 0.5), ("a", "x", "a", 0.5), ("a", "y", "b", 1.0)],
        terminal=["b"],
        reward=[1.0, 0.0, 0.25],
        performance=[1.0, -2.0, 0.0],
        initial="a",
    )
    save_gv(mdp, tmp_path / "mdp.gv")
    assert load_gv(tmp_path / "mdp.gv") == mdp.with_(initial="a")
    graph = to_networkx(mdp)
    assert graph.nodes["[b]"] == {"terminal": True}
    assert graph.edges["[x]__[a]", "[b]__[x]__[a]"] == {"weight": 0.5, "reward": 1.0}
    assert from_networkx(graph) == mdp


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TabularMDP.from_transitions([("a]__[b", 0, "a]__[b", 1.0)]), r"state_labels: .* without '\]__\['"),
        (TabularMDP.from_transitions([("a", "x]__[", "a", 1.0)]), "action_labels: expected labels without"),
        (TabularMDP.from_transitions([("a", "l_H^r_A", "a", 1.0)]), "reads as a joint one"),
        (TabularMDP.from_transitions([(1, 0, "1", 1.0), ("1", 0, 1, 1.0)]), "labels that read .* two of '1'"),
        (TabularMDP.from_transitions([("a\\", 0, "a\\", 1.0)]), "expected no backslash"),
        (TabularMDP.from_transitions([("\ud800", 0, "\ud800", 1.0)]), "expected text that UTF-8 can hold"),
        (
            TabularMDP.from_transitions([("a", "x", "a", 0.5), ("a", "x", "a", 0.5)], reward=[0.0, 1.0]),
            r"reward: expected one reward for each transition.*state 0 \(a\), action 0 \(x\)",
        ),
        (TabularGame.from_transitions([("a", (0, 0), "a", 1.0)]), "state_labels: expected a pair.*found 'a'"),
        (TabularGame.from_transitions([(("_H^", 0), (0, 0), ("_H^", 0), 1.0)]), r"state_labels: .* without '_H\^'"),
        (TabularGame.from_transitions([((0, 0), (0, "_H^"), (0, 0), 1.0)]), "action_labels of ai: .* without"),
        (TabularGame.from_transitions([("a", (0, 0, 0), "a", 1.0)], agents=("a", "b", "c")), "game: .* two agents"),
        ("model", "model: expected a TabularMDP or a TabularGame, found str"),
    ],
)
def test_what_a_graph_cannot_say_is_refused(tmp_path, model, message):
    path = tmp_path / "kept.gv"
    path.write_text("before")
    with pytest.raises(ValueError, match=message):
        save_gv(model, path)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.gv"]


def test_the_suffix_is_checked(tmp_path, written):
    with pytest.raises(ValueError, match=r"expected a name that ends in .gv or .dot, found '.*world.png'"):
        save_gv(load_gv(written(CHAIN)), tmp_path / "world.png")


# networkx


def test_graphs_of_networkx():
    graph = networkx.relabel_nodes(networkx.grid_2d_graph(2, 2).to_directed(), str)
    mdp = from_networkx(graph)
    assert mdp.board == ("..", "..")
    assert mdp.available.sum() == 8
    back = to_networkx(mdp.with_(initial=np.array([1.0, 0, 0, 0])))
    assert set(back.edges) == set(graph.edges)
    assert back.nodes["(0, 0)"] == {"initial": 1.0}


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (networkx.path_graph(3), "graph: expected a networkx.DiGraph, found Graph"),
        (networkx.MultiDiGraph([("a", "a")]), "found MultiDiGraph"),
        ("graph.gv", "found str"),
        (networkx.DiGraph([(1, 1)]), r"expected nodes that are strings, found 1; networkx.relabel_nodes\(graph, str\)"),
        (networkx.DiGraph([("a", "b")]), "graph: expected an edge from every state, found none from 'b'"),
        (networkx.DiGraph([("a", "a", {"weight": 1})]), "graph: expected edges without weight"),
    ],
)
def test_graphs_that_are_refused(graph, message):
    with pytest.raises(ValueError, match=message):
        from_networkx(graph)
