"""Where the states of a graph are drawn: at their cells, in layers, or as springs would have them."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
from numpy.typing import NDArray

from power_metrics.plots.heatmap import placed_states
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import entry_rows

Floats = NDArray[np.float64]
LAYOUTS = ("board", "dot", "layers", "springs")


def edges_between(model: TabularMDP, states: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The pairs (i, j), i ≠ j, of positions in ``states`` with a transition from the one state to the other."""
    source = entry_rows(model.indptr) // model.num_actions
    place = np.full(model.num_states, -1)
    place[states] = np.arange(len(states))
    pairs = np.stack([place[source], place[model.successor]], axis=1)
    pairs = pairs[np.all(pairs >= 0, axis=1) & (pairs[:, 0] != pairs[:, 1])]
    return [(int(i), int(j)) for i, j in np.unique(pairs, axis=0)]


def place_states(
    model: TabularMDP,
    states: NDArray[np.int64],
    size: tuple[float, float],
    gaps: tuple[float, float],
    layout: str | None,
) -> tuple[Floats, str]:
    """Places for the centres of these states, and the name of the layout.

    Args:
        model: whose states they are.
        states: (K,) their indices.
        size: width and height of the largest state.
        gaps: the least room between two states that are side by side, and one above the other.
        layout: one of `LAYOUTS`. By default the board where each state has a cell of its own; else Graphviz's ``dot``
            if that program is installed; else layers by the distance from the start, for models that move on from most
            states for good, and springs for others.

    Returns:
        (K, 2) x and y, in the unit of ``size``, and the layout.

    Raises:
        ValueError: for an unknown layout, ``"board"`` where two states share a cell or one has none, and ``"dot"``
            without the program.
    """
    pitch = np.array([size[0] + gaps[0], size[1] + gaps[1]])
    edges = edges_between(model, states)
    if layout is None:
        layout = "board" if _on_board(model, states) else "dot" if shutil.which("dot") else _suited(len(states), edges)
    if layout not in LAYOUTS:
        raise ValueError(f"unknown layout {layout!r}; {closest(layout, LAYOUTS)}")
    if layout == "board":
        if not _on_board(model, states) or model.cells is None:
            raise ValueError("layout: expected a board on which each state has a cell of its own, found none")
        return model.cells[states][:, ::-1] * pitch * (1, -1), layout
    if layout == "dot":
        return _dot(len(states), edges, size, gaps), layout
    if layout == "layers":
        start = np.flatnonzero(model.initial[states] > 0)
        if 2 * len(start) > len(states):  # a start anywhere says nothing of the order
            start = _first(len(states), edges)
        return _layers(len(states), edges, start) * pitch, layout
    return _springs(len(states), edges) * pitch.max(), layout


def _on_board(model: TabularMDP, states: NDArray[np.int64]) -> bool:
    if model.board is None or model.cells is None or not placed_states(model)[states].all():
        return False
    return len(np.unique(model.cells[states], axis=0)) == len(states)


def _suited(count: int, edges: list[tuple[int, int]]) -> str:
    """Layers where most states are left for good, else springs."""
    import networkx

    graph = networkx.DiGraph(edges)
    graph.add_nodes_from(range(count))
    parts = networkx.number_strongly_connected_components(graph)
    return "layers" if 2 * parts > count else "springs"


def _first(count: int, edges: list[tuple[int, int]]) -> NDArray[np.int64]:
    """One of each set of states that lead to each other, and that no other state leads to."""
    import networkx

    graph = networkx.DiGraph(edges)
    graph.add_nodes_from(range(count))
    parts = networkx.condensation(graph)
    return np.array(sorted(min(parts.nodes[k]["members"]) for k, degree in parts.in_degree if degree == 0))


def _layers(count: int, edges: list[tuple[int, int]], start: NDArray[np.int64]) -> Floats:
    """Columns by the number of steps from the start; the order within each keeps neighbours close."""
    import networkx

    graph = networkx.DiGraph(edges)
    graph.add_nodes_from(range(count))
    depth = np.full(count, -1)
    for first in (start.tolist(), *([i] for i in range(count))):  # states that the start does not lead to come after
        fresh = [i for i in first if depth[i] < 0]
        base = 0 if first is start else int(depth.max()) + 1
        for step, layer in enumerate(networkx.bfs_layers(graph, fresh) if fresh else ()):
            for i in layer:
                depth[i] = base + step if depth[i] < 0 else depth[i]
    columns = [np.flatnonzero(depth == d) for d in range(depth.max() + 1)]
    height = np.zeros(count)
    for column in columns:
        height[column] = np.arange(len(column)) - (len(column) - 1) / 2
    near = graph.to_undirected()
    for _ in range(8):  # the barycentre method of Sugiyama, Tagawa and Toda (1981)
        for column in columns:
            mean = [np.mean([height[j] for j in near[i]] or [height[i]]) for i in column]
            ordered = column[np.argsort(mean, kind="stable")]
            height[ordered] = np.arange(len(column)) - (len(column) - 1) / 2
    return np.stack([depth, -height], axis=1).astype(np.float64)


def _springs(count: int, edges: list[tuple[int, int]]) -> Floats:
    """Distances on paper like those in the graph (Kamada and Kawai, 1989); parts that do not touch side by side."""
    import networkx

    graph = networkx.Graph(edges)
    graph.add_nodes_from(range(count))
    found = np.zeros((count, 2))
    right = 0.0
    for part in networkx.connected_components(graph):
        nodes = sorted(part)
        places = networkx.kamada_kawai_layout(graph.subgraph(nodes))
        points = np.array([places[i] for i in nodes])
        if len(nodes) > 1:
            apart = np.linalg.norm(points[:, None] - points[None], axis=2)
            points /= apart[~np.eye(len(nodes), dtype=bool)].min()
        points[:, 0] += right - points[:, 0].min()
        right = float(points[:, 0].max()) + 1
        found[nodes] = points
    return found


def _dot(count: int, edges: list[tuple[int, int]], size: tuple[float, float], gaps: tuple[float, float]) -> Floats:
    """The places that Graphviz gives the states, in layers from left to right."""
    program = shutil.which("dot")
    if program is None:
        raise ValueError('layout: "dot" needs the program of that name, of Graphviz, which is not installed')
    lines = [
        f"digraph {{ rankdir=LR; nodesep={gaps[1]}; ranksep={gaps[0]};",
        f'node [shape=box fixedsize=true width={size[0]} height={size[1]} label=""];',
        *(f"{i};" for i in range(count)),
        *(f"{i} -> {j};" for i, j in edges),
        "}",
    ]
    done = subprocess.run([program, "-Tplain"], input="\n".join(lines), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise ValueError(f"layout: {program} failed: {done.stderr.strip()[:300]}")
    found = np.zeros((count, 2))
    for line in done.stdout.splitlines():
        words = line.split()
        if words[:1] == ["node"]:
            found[int(words[1])] = float(words[2]), float(words[3])
    return found
