"""Small graphs from the theory of power-seeking."""

from __future__ import annotations

from powerenvs.model.mdp import TabularMDP


def turner_figure_1() -> TabularMDP:
    """The MDP of Turner et al., "Optimal Policies Tend to Seek Power" (arXiv 1912.01683), figure 1.

    Deterministic, 8 states; an action is the choice of a successor, so action ``s`` leads to state ``s``
    and is unavailable where the graph has no such edge. Episodes start in ``star``.
    """
    graph = {
        "star": ("empty", "l", "r"),
        "empty": ("empty",),
        "l": ("l_nw", "l_sw"),
        "r": ("r_ne", "r_se"),
        "l_nw": ("l_sw",),
        "l_sw": ("l_nw", "l_sw"),
        "r_ne": ("r_ne", "r_se"),
        "r_se": ("r_se", "r_ne"),
    }
    edges = [(s, target, target, 1.0) for s, targets in graph.items() for target in targets]
    return TabularMDP.from_transitions(edges, state_labels=tuple(graph), action_labels=tuple(graph), initial="star")
