"""From a graph of POWERplay's form to a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.game import TabularGame
from powerenvs.model.joint import check_agents
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.graphviz.dot import Graph
from powerenvs.sources.graphviz.names import (
    ENDS,
    SEPARATOR,
    board_of,
    check_sum,
    joint_labels,
    joint_parts,
    node,
    node_parts,
    number,
)


class _Read(NamedTuple):
    """What a graph says: the states in order with their nodes, the transitions with their edges."""

    states: list[str]
    nodes: list[str]
    transitions: list[tuple[str, str, str, float]]
    edges: list[tuple[str, str]]


def model_of(graph: Graph, agents: Sequence[str]) -> TabularMDP | TabularGame:
    """The model that a graph describes; see `powerenvs.sources.graphviz.files.load_gv`."""
    agents = check_agents(agents)
    if len(agents) != 2:
        raise ValueError(f"agents: expected the names of H and A, found {agents}")
    if not graph.nodes:
        graph.fail(None, "expected states, found an empty graph")
    stochastic = any(SEPARATOR in name for name in graph.nodes)
    read = _read_stochastic(graph) if stochastic else _read_plain(graph)
    in_pairs = stochastic and any(joint_parts(action) for _, action, _, _ in read.transitions)
    try:
        return _read_game(graph, read, agents) if in_pairs else _read_mdp(graph, read, stochastic)
    except ValueError as error:
        if str(error).startswith(graph.source):
            raise
        raise ValueError(f"{graph.source}: {error}") from None


def _read_plain(graph: Graph) -> _Read:
    """Every node is a state, every edge an action that leads where it is named after."""
    for edge, attributes in graph.edges.items():
        if "weight" in attributes:
            graph.fail(
                edge,
                "expected edges without weight, as no node is an action [action]__[state], "
                f"found {attributes['weight']!r} on the edge to {edge[1]!r}",
            )
    states = list(graph.nodes)
    able = {source for source, _ in graph.edges}
    for name in states:
        if name not in able:
            graph.fail(name, f"expected an edge from every state, found none from {name!r}")
    edges = list(graph.edges)
    return _Read(states, states, [(source, target, target, 1.0) for source, target in edges], edges)


def _read_stochastic(graph: Graph) -> _Read:
    """Takes the nodes apart and checks that the edges join what belongs together."""
    parts = {name: node_parts(graph, name) for name in graph.nodes}
    if graph.repeated:
        again = min(graph.repeated, key=lambda edge: graph.places.get(edge, 0))
        graph.fail(again, f"expected every edge once, found that to {again[1]!r} again")
    if all(len(labels) < 3 for labels in parts.values()):
        first = next(name for name, labels in parts.items() if len(labels) == 2)
        graph.fail(first, "expected outcomes [next]__[action]__[state], found none; a policy is read by load_gv_policy")
    states = sorted(labels[0] for labels in parts.values() if len(labels) == 1)
    known = set(states)
    weights: dict[str, list[float]] = {name: [] for name, labels in parts.items() if len(labels) == 2}
    reached = set()
    transitions, edges = [], []
    for edge, attributes in graph.edges.items():
        source, target = edge
        labels = parts[target]
        if not 1 <= len(parts[source]) <= 2 or labels[1:] != parts[source]:
            graph.fail(
                edge,
                f"expected an edge to an action or outcome of its own state and action, found {source} -> {target}",
            )
        reached.add(target)
        if len(labels) == 2:
            if "weight" in attributes:
                graph.fail(edge, f"expected weights on edges to outcomes only, found one on that to {target}")
            continue
        if "weight" not in attributes:
            graph.fail(edge, f"expected the probability of {target} as 'weight', found none")
        if labels[0] not in known:
            graph.fail(edge, f"unknown state {labels[0]!r}; {closest(labels[0], states)}")
        weights[source].append(number(graph, edge, "weight", attributes["weight"], lowest=0.0))
        transitions.append((labels[2], labels[1], labels[0], weights[source][-1]))
        edges.append(edge)
    able = {labels[1] for labels in parts.values() if len(labels) == 2}
    for name, labels in parts.items():
        if len(labels) > 1 and name not in reached:
            graph.fail(name, f"expected an edge to {name}, found none")
        if len(labels) == 1 and labels[0] not in able:
            graph.fail(name, f"expected an action [action]__{name} for every state, found none")
    for name, row in weights.items():
        check_sum(graph, name, f"the outcomes of action {parts[name][0]!r} in state {parts[name][1]!r}", row)
    return _Read(states, [node(state) for state in states], transitions, edges)


def _read_mdp(graph: Graph, read: _Read, stochastic: bool) -> TabularMDP:
    mdp = TabularMDP.from_transitions(
        read.transitions,
        read.states,
        sorted({action for _, action, _, _ in read.transitions}) if stochastic else read.states,
        initial=_initial(graph, read),  # type: ignore[arg-type]
        terminal=_terminal(graph, read),
        reward=_numbers(graph, read, "reward"),
        performance=_numbers(graph, read, "performance", "reward"),
    )
    place = board_of([(state,) for state in read.states])
    return mdp.with_(board=place["board"], cells=place["cells"][:, 0]) if place else mdp


def _read_game(graph: Graph, read: _Read, agents: tuple[str, ...]) -> TabularGame:
    for state, name in zip(read.states, read.nodes, strict=True):
        if joint_parts(state) is None:
            graph.fail(name, f"expected a joint state 'h_H^a_A', as actions are joint, found {state!r}")
    pairs = []
    for edge, (_, action, _, _) in zip(read.edges, read.transitions, strict=True):
        pair = joint_parts(action)
        if pair is None:
            graph.fail(edge, f"expected a joint action 'h_H^a_A', as others are joint, found {action!r}")
        pairs.append(pair)
    labels = joint_labels(agents, read.states)
    index = {state: i for i, state in enumerate(read.states)}
    listed = zip(read.transitions, pairs, strict=True)
    game = TabularGame.from_transitions(
        [(labels[index[s]], pair, labels[index[s2]], p) for (s, _, s2, p), pair in listed],
        agents,
        labels,
        {agent: sorted({pair[i] for pair in pairs}) for i, agent in enumerate(agents)},
        initial=_initial(graph, read),  # type: ignore[arg-type]
        terminal=_terminal(graph, read),
        reward={a: _numbers(graph, read, f"reward{end}") for a, end in zip(agents, ENDS, strict=True)},
        performance={
            a: _numbers(graph, read, f"performance{end}", f"reward{end}") for a, end in zip(agents, ENDS, strict=True)
        },
    )
    return game.with_(**board_of(labels))  # type: ignore[arg-type]  # pairs of strings


def _numbers(graph: Graph, read: _Read, *keys: str) -> NDArray[np.float64]:
    """(transitions,) the first of these attributes that each edge has; 0 where it has none."""
    found = np.zeros(len(read.edges))
    for i, edge in enumerate(read.edges):
        attributes = graph.edges[edge]
        key = next((key for key in keys if key in attributes), None)
        if key is not None:
            found[i] = number(graph, edge, key, attributes[key])
    return found


def _initial(graph: Graph, read: _Read) -> NDArray[np.float64] | None:
    """(S,) the start distribution, if the nodes say anything about it."""
    if not any("initial" in graph.nodes[name] for name in read.nodes):
        return None
    return np.array([number(graph, name, "initial", graph.nodes[name].get("initial", "0"), 0.0) for name in read.nodes])


def _terminal(graph: Graph, read: _Read) -> NDArray[np.bool_]:
    """(S,) bool."""
    found = [graph.nodes[name].get("terminal", "false") for name in read.nodes]
    for name, value in zip(read.nodes, found, strict=True):
        if value not in ("true", "false"):
            graph.fail(name, f"expected 'true' or 'false' as 'terminal', found {value!r}")
    return np.array([value == "true" for value in found])
