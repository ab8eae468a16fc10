"""How POWERplay's graphs name things: nodes ``[s]``, ``[a]__[s]``, ``[s2]__[a]__[s]``; pairs ``h_H^a_A``."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text, label_type
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import GIVEN_TOLERANCE
from powerenvs.sources.graphviz.dot import Graph

SEPARATOR = "]__["
JOINT = "_H^"
JOINT_END = "_A"
ENDS = ("_H", "_A")
"""How the attributes of H and of A end."""

_CELL = re.compile(r"\((0|[1-9][0-9]{0,2}), (0|[1-9][0-9]{0,2})\)")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Names(NamedTuple):
    """What the states and actions of a model are called in a graph, in the order of the model."""

    states: list[str]
    actions: list[list[str]]
    """One list for each agent."""


def node(*parts: str) -> str:
    """The node of ``s``, of ``a, s`` or of ``s2, a, s``."""
    return "[" + SEPARATOR.join(parts) + "]"


def node_parts(graph: Graph, name: str) -> tuple[str, ...]:
    """What a node stands for: ``(s,)``, ``(a, s)`` or ``(s2, a, s)``."""
    parts = tuple(name[1:-1].split(SEPARATOR))
    if len(name) < 2 or name[0] != "[" or name[-1] != "]" or len(parts) > 3:
        graph.fail(name, f"expected a node [state], [action]__[state] or [next]__[action]__[state], found {name!r}")
    return parts


def joint(human: str, ai: str) -> str:
    """The label of a pair: H first."""
    return f"{human}{JOINT}{ai}{JOINT_END}"


def joint_parts(text: str) -> tuple[str, str] | None:
    """H's and A's part of a label ``h_H^a_A``; None if it is of another form."""
    if not text.endswith(JOINT_END) or text.count(JOINT) != 1:
        return None
    human, ai = text[: -len(JOINT_END)].split(JOINT)
    return human, ai


def number(graph: Graph, where: str | tuple[str, str], key: str, found: str, lowest: float = -math.inf) -> float:
    """The value of an attribute as a finite number."""
    value = float(found) if _NUMBER.fullmatch(found) else math.nan
    if not (math.isfinite(value) and value >= lowest):
        least = "" if lowest == -math.inf else f" of at least {lowest:g}"
        graph.fail(where, f"expected a number{least} as {key!r}, found {found!r}")
    return value


def check_sum(graph: Graph, where: str, what: str, weights: Iterable[float]) -> None:
    """Raises a ValueError unless the weights sum to 1."""
    total = math.fsum(weights)
    if abs(total - 1) > GIVEN_TOLERANCE:
        graph.fail(where, f"expected the probabilities of {what} to sum to 1 (to {GIVEN_TOLERANCE}), found {total!r}")


def mdp_names(mdp: TabularMDP) -> Names:
    """The labels of a decision process as text.

    Raises:
        ValueError: if two labels read the same, or the names of nodes could not be taken apart again.
    """
    actions = [label_text(label) for label in mdp.action_labels]
    wrong = next((name for name in actions if joint_parts(name)), None)
    if wrong is not None:
        raise ValueError(f"action_labels: expected actions of one agent, found {wrong!r}, which reads as a joint one")
    return Names(
        _checked("state_labels", map(label_text, mdp.state_labels)), [_checked("action_labels", actions)]
    )  # fmt: skip


def game_names(game: TabularGame) -> Names:
    """The labels of a game of two agents as text: states in pairs, actions of each agent.

    Raises:
        ValueError: if there are other than two agents, a state is no pair, or as `mdp_names`.
    """
    if game.num_agents != 2:
        raise ValueError(f"game: expected two agents, H and A of a Graphviz file, found {game.agents}")
    states = []
    for label in game.state_labels:
        if not isinstance(label, tuple) or len(label) != 2:
            raise ValueError(f"state_labels: expected a pair, the human's part and the AI's, found {label!r}")
        states.append(joint(*_checked("state_labels", map(label_text, label), unique=False, also=JOINT)))
    actions = [
        _checked(f"action_labels of {agent}", map(label_text, game.action_labels[agent]), also=JOINT)
        for agent in game.agents
    ]
    return Names(_checked("state_labels", states), actions)


def _checked(what: str, texts: Iterable[str], unique: bool = True, also: str = SEPARATOR) -> list[str]:
    listed = list(texts)
    seen: set[str] = set()
    for text in listed:
        for separator in (SEPARATOR, also):
            if separator in text:
                raise ValueError(
                    f"{what}: expected labels without {separator!r}, which separates names, found {text!r}"
                )
        if unique and text in seen:
            raise ValueError(f"{what}: expected labels that read differently, found two of {text!r}")
        seen.add(text)
    return listed


def joint_labels(agents: Sequence[str], texts: Sequence[str]) -> tuple[Hashable, ...]:
    """Named tuples of the agents' parts, ``State(human="(0, 0)", ai="(0, 1)")``, as `product_game` makes them."""
    pairs = [joint_parts(text) or ("", "") for text in texts]
    try:
        kind = label_type("State", tuple(agents))
    except ValueError:  # a name that cannot be the name of a field
        return tuple(pairs)
    return tuple(map(kind._make, pairs))  # type: ignore[attr-defined]


def board_of(labels: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Board and cells, (S, agents, 2), where most parts of states are cells "(row, column)"; empty where they are not.

    Other parts, such as a "TERMINAL" beside the cells of a grid, are nowhere: their cell is (-1, -1).
    """
    found = [[_CELL.fullmatch(part) for part in parts] for parts in labels]
    placed = [match for parts in found for match in parts if match]
    if 2 * len(placed) <= sum(map(len, found)):
        return {}
    cells: NDArray[np.int32] = np.array(
        [[tuple(map(int, match.groups())) if match else (-1, -1) for match in parts] for parts in found], dtype=np.int32
    )
    taken = cells[np.all(cells >= 0, axis=2)]
    rows, columns = taken.max(axis=0) + 1
    free = np.zeros((rows, columns), dtype=bool)
    free[tuple(taken.T)] = True
    return {"board": tuple("".join("." if cell else "#" for cell in row) for row in free), "cells": cells}
