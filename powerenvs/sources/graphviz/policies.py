"""Policy graphs of POWERplay: nodes ``[s]`` and ``[a]__[s]``, edges with the probability of an action as ``weight``."""

from __future__ import annotations

import os

import numpy as np

from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.policy import Policy
from powerenvs.sources.graphviz.dot import Graph, read_dot, write_dot
from powerenvs.sources.graphviz.names import Names, check_sum, game_names, mdp_names, node, node_parts, number


def load_gv_policy(
    path: str | os.PathLike[str], model: TabularMDP | TabularGame, agent: str | None = None
) -> Policy:  # fmt: skip
    """Reads a policy graph.

    Args:
        path: the file.
        model: the model that the policy is for. Its states and actions are found by name, joint states as
            ``sH_H^sA_A``, whatever their order.
        agent: whose policy it is in a game; by default that of the second agent, POWERplay's A.

    Raises:
        ValueError: if the file is no policy graph, its states and actions are not those of the model, or the
            probabilities of a state do not sum to 1 (to 1e-6). The message has the file and the line.
        FileNotFoundError: if there is no such file.
    """
    if isinstance(model, TabularGame) and agent is None:
        agent = model.agents[1]
    states, actions = _names(model, agent)
    blank = Policy.uniform(model, agent)
    available = blank.table > 0
    graph = read_dot(path)
    parts = {name: node_parts(graph, name) for name in graph.nodes}
    for name, labels in parts.items():
        if len(labels) > 2:
            graph.fail(name, "expected the graph of a policy, found an outcome of a model; see load_gv")
        _known(graph, name, "state", labels[-1], states)
        if len(labels) == 2:
            _known(graph, name, "action", labels[0], actions)
            if (node(labels[1]), name) not in graph.edges:
                graph.fail(name, f"expected an edge to {name} from its state, found none")
    table = np.zeros((len(states), len(actions)))
    for edge, attributes in graph.edges.items():
        labels = parts[edge[1]]
        if len(labels) != 2 or parts[edge[0]] != labels[1:]:
            graph.fail(edge, f"expected an edge from a state to one of its actions, found {edge[0]} -> {edge[1]}")
        if edge in graph.repeated:
            graph.fail(edge, f"expected every edge once, found that to {edge[1]} again")
        if "weight" not in attributes:
            graph.fail(edge, f"expected the probability of {edge[1]} as 'weight', found none")
        s, a = states[labels[1]], actions[labels[0]]
        table[s, a] = number(graph, edge, "weight", attributes["weight"], lowest=0.0)
        if table[s, a] and not available[s, a]:
            graph.fail(edge, f"action {labels[0]!r} does not exist in state {labels[1]!r} of the model")
    for state, s in states.items():
        if node(state) not in parts:
            graph.fail(None, f"expected actions in every state of the model, found none for state {state!r}")
        check_sum(graph, node(state), f"the actions in state {state!r}", table[s].tolist())
    return Policy(model, agent, table)


def save_gv_policy(policy: Policy, path: str | os.PathLike[str]) -> None:
    """Writes a policy as a graph, whole or not at all: all available actions, those of probability 0 included.

    Raises:
        ValueError: for labels that cannot be told apart in a graph, and a ``path`` that does not end in ``.gv`` or
            ``.dot``.
    """
    states, actions = _names(policy.model, policy.agent)
    model = policy.model
    available = model.available[str(policy.agent)] if isinstance(model, TabularGame) else model.available
    graph, names = Graph("graph"), list(actions)
    for state, row, exists in zip(states, policy.table.tolist(), available, strict=True):
        graph.add_node(node(state))
        for a in np.flatnonzero(exists).tolist():
            graph.add_edge(node(state), node(names[a], state), {"weight": repr(row[a])})
    write_dot(graph, path)


def _names(model: TabularMDP | TabularGame, agent: str | None) -> tuple[dict[str, int], dict[str, int]]:
    """The number of each state and of each action of the agent, by name, in order."""
    names: Names
    if isinstance(model, TabularGame):
        position = agent_position("agent", str(agent), model.agents)
        names = game_names(model)
    else:
        position, names = 0, mdp_names(model)
    return {name: s for s, name in enumerate(names.states)}, {name: a for a, name in enumerate(names.actions[position])}


def _known(graph: Graph, where: str, kind: str, name: str, known: dict[str, int]) -> None:
    if name not in known:
        graph.fail(where, f"unknown {kind} {name!r}, which the model does not have; {closest(name, known)}")
