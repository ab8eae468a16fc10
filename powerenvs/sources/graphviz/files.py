"""Graphviz files of POWERplay: decision processes and games as directed graphs.

Two formats are read and written.

- *Stochastic*: a node for each state ``[s]``, for each of its actions ``[a]__[s]`` and for each outcome
  ``[s2]__[a]__[s]``; the edge to an outcome has its probability as ``weight``. States and actions are numbered in the
  sorted order of their names, as POWERplay does. Where actions are joint, ``aH_H^aA_A``, and states too, ``sH_H^sA_A``,
  the graph is a game of the human H and the AI A. What joint action has no node does not exist (see `TabularGame`).
- *Plain*: a node for each state and an edge to each possible next state. Action ``s`` leads to state ``s``.
  States keep the order of the file.

What POWERplay has no place for is written as attributes that it does not read: ``reward`` and ``performance`` of an
edge to an outcome (``reward_H``, ``reward_A`` and so on in games), ``initial`` and ``terminal`` of a state.
Without them rewards are 0, no state is terminal, and the start is uniform.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.graphviz.dot import MEANINGFUL, Graph, read_dot, write_dot
from powerenvs.sources.graphviz.policies import load_gv_policy, save_gv_policy
from powerenvs.sources.graphviz.read import model_of
from powerenvs.sources.graphviz.write import graph_of

if TYPE_CHECKING:
    import networkx

__all__ = ["from_networkx", "load_gv", "load_gv_policy", "save_gv", "save_gv_policy", "to_networkx"]


def load_gv(path: str | os.PathLike[str], agents: Sequence[str] = ("human", "ai")) -> TabularMDP | TabularGame:
    """Reads a decision process or a game from a Graphviz file.

    Labels of a decision process are the strings of the file. States of a game are named tuples of them,
    ``State(human="(0, 0)", ai="(0, 1)")``. Where most of them are cells, "(row, column)", the model gets a board, on
    which others, such as "TERMINAL", have no place.

    Args:
        path: the file.
        agents: the names of H and A in a game.

    Raises:
        ValueError: if the file is no such graph, or its probabilities do not sum to 1 (to 1e-6; rounding within that
            is removed). The message has the file, the line and what was expected.
        FileNotFoundError: if there is no such file.
    """
    return model_of(read_dot(path), agents)


def save_gv(model: TabularMDP | TabularGame, path: str | os.PathLike[str]) -> None:
    """Writes a decision process or a game of two agents to a Graphviz file, whole or not at all.

    The plain format is used where each action is the choice of a successor, the stochastic one elsewhere. `load_gv`
    gives the same model, except that labels become text and, in the stochastic format, are sorted, and that
    actions that no state has, the names of agents and the board are lost.

    Raises:
        ValueError: for a game of more than two agents, labels that cannot be told apart in a graph, transitions to
            one state with several rewards, and a ``path`` that does not end in ``.gv`` or ``.dot``.
    """
    write_dot(graph_of(model), path)


def to_networkx(model: TabularMDP | TabularGame) -> networkx.DiGraph:
    """The graph that `save_gv` writes, as a `networkx.DiGraph`; weights, rewards and probabilities are numbers.

    Raises:
        ValueError: as `save_gv`.
    """
    import networkx

    graph = graph_of(model)
    result = networkx.DiGraph()
    result.add_nodes_from((name, _values(attributes)) for name, attributes in graph.nodes.items())
    result.add_edges_from((*edge, _values(attributes)) for edge, attributes in graph.edges.items())
    return result


def from_networkx(graph: networkx.DiGraph, agents: Sequence[str] = ("human", "ai")) -> TabularMDP | TabularGame:
    """The model that a directed graph describes, by the same conventions as `load_gv`.

    Args:
        graph: nodes are strings. Edges may have ``weight``; attributes that say nothing about a model are passed over.
        agents: the names of H and A in a game.

    Raises:
        ValueError: if the graph is no such graph; the message names the node or edge.
    """
    if not hasattr(graph, "is_directed") or not graph.is_directed() or graph.is_multigraph():
        raise ValueError(f"graph: expected a networkx.DiGraph, found {type(graph).__name__}")
    wrong = next((name for name in graph if not isinstance(name, str)), None)
    if wrong is not None:
        raise ValueError(
            f"graph: expected nodes that are strings, found {wrong!r}; networkx.relabel_nodes(graph, str) makes them so"
        )
    read = Graph("graph")
    for name, attributes in graph.nodes(data=True):
        read.add_node(name, _texts(attributes))
    for source, target, attributes in graph.edges(data=True):
        read.add_edge(source, target, _texts(attributes))
    return model_of(read, agents)


def _values(attributes: Mapping[str, str]) -> dict[str, Any]:
    return {key: True if key == "terminal" else float(value) for key, value in attributes.items()}


def _texts(attributes: Mapping[Any, Any]) -> dict[str, str]:
    found = {}
    for key, value in attributes.items():
        if key in MEANINGFUL:
            found[key] = str(value).lower() if isinstance(value, (bool, np.bool_)) else str(value)
    return found
