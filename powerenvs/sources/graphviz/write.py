"""From a model to a graph of POWERplay's form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import entry_rows, start_distribution
from powerenvs.sources.graphviz.dot import Graph
from powerenvs.sources.graphviz.names import ENDS, game_names, joint, mdp_names, node


def graph_of(model: TabularMDP | TabularGame) -> Graph:
    """The graph of a model; see `powerenvs.sources.graphviz.files.save_gv`."""
    ends: tuple[str, ...]
    if isinstance(model, TabularGame):
        states, of_agents = game_names(model)
        actions = [joint(of_agents[0][h], of_agents[1][a]) for h, a in model.joint_actions.tolist()]
        ends = ENDS
    elif isinstance(model, TabularMDP):
        states, (actions,) = mdp_names(model)
        ends = ("",)
    else:
        raise ValueError(f"model: expected a TabularMDP or a TabularGame, found {type(model).__name__}")
    rows = entry_rows(model.indptr)
    again = np.flatnonzero((rows[1:] == rows[:-1]) & (model.successor[1:] == model.successor[:-1]))
    if again.size:
        raise ValueError(
            "reward: expected one reward for each transition, as an edge has, found several for "
            f"{model.row_name(int(rows[again[0]]))}"
        )
    choices = isinstance(model, TabularMDP) and actions == states
    plain = choices and bool(np.all(rows % len(actions) == model.successor))
    graph = Graph("graph")
    for name, attributes in zip(states, _of_states(model), strict=True):
        graph.add_node(name if plain else node(name), attributes)
    entries = zip(
        rows.tolist(), model.successor.tolist(), model.probability.tolist(), _of_entries(model, ends), strict=True
    )
    for row, target, probability, rewards in entries:
        s, a = divmod(row, len(actions))
        if plain:
            graph.add_edge(states[s], states[target], rewards)
            continue
        action = node(actions[a], states[s])
        if action not in graph.nodes:
            graph.add_edge(node(states[s]), action)
        graph.add_edge(action, node(states[target], actions[a], states[s]), {"weight": repr(probability), **rewards})
    return graph


def _of_states(model: TabularMDP | TabularGame) -> Iterator[dict[str, str]]:
    """The attributes of each state."""
    usual = np.array_equal(model.initial, start_distribution(None, model.state_labels, model.terminal))
    for probability, terminal in zip(model.initial.tolist(), model.terminal.tolist(), strict=True):
        attributes = {} if usual or not probability else {"initial": repr(probability)}
        yield {**attributes, "terminal": "true"} if terminal else attributes


def _of_entries(model: TabularMDP | TabularGame, ends: Sequence[str]) -> Iterator[dict[str, str]]:
    """The rewards of each transition, where they are not what `load_gv` takes them to be without attributes."""
    paid, hidden = (np.atleast_2d(values).T.tolist() for values in (model.reward, model.performance))
    for rewards, performances in zip(paid, hidden, strict=True):
        attributes = {}
        for end, reward, performance in zip(ends, rewards, performances, strict=True):
            if reward:
                attributes[f"reward{end}"] = repr(reward)
            if performance != reward:
                attributes[f"performance{end}"] = repr(performance)
        yield attributes
