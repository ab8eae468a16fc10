"""Models with some of their actions taken out, and which ones were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.level import Cell
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP


def rows_of(model: TabularMDP | TabularGame, removed: Iterable[tuple[Cell, str, str | None]]) -> NDArray[np.bool_]:
    """(rows,) the rows of these (cell, action, agent): all joint actions with it, of a game."""
    assert model.cells is not None
    if isinstance(model, TabularMDP):
        gone = np.zeros(model.available.shape, dtype=bool)
        for cell, action, _ in removed:
            gone[model.index(cell), model.action_index(action)] = True
        return gone.ravel()
    gone = np.zeros((model.num_states, model.num_joint_actions), dtype=bool)
    for cell, action, agent in removed:
        i = model.agents.index(str(agent))
        there = np.all(model.cells[:, i] == cell, axis=1)
        gone |= there[:, None] & (model.joint_actions[:, i] == model.action_index(str(agent), action))
    return gone.ravel()


def removed_actions(
    model: TabularMDP | TabularGame, whole: TabularMDP | TabularGame
) -> Iterator[tuple[Cell, str, str | None]]:
    """The actions of cells that ``whole`` has and ``model`` has not: cell, action, and agent (None for the only one).

    An agent of a game lacks an action in a cell if no joint action with it exists, wherever the others are. Nothing
    for models of different sizes.
    """
    if (model.num_states, model.num_rows) != (whole.num_states, whole.num_rows) or whole.cells is None:
        return
    shape = (model.num_states, -1)
    existing, known = ((np.diff(each.indptr) > 0).reshape(shape) for each in (model, whole))
    if isinstance(whole, TabularMDP):
        for s, a in np.argwhere(known & ~existing).tolist():
            yield _cell(whole.cells[s]), str(whole.action_labels[a]), None
        return
    for i, agent in enumerate(whole.agents):
        for cell in np.unique(whole.cells[:, i], axis=0):
            there = np.all(whole.cells[:, i] == cell, axis=1)
            for a, action in enumerate(whole.action_labels[agent]):
                pairs = np.ix_(there, whole.joint_actions[:, i] == a)
                if known[pairs].any() and not existing[pairs].any():
                    yield _cell(cell), str(action), agent


def start_places(model: TabularMDP | TabularGame, whole: TabularMDP | TabularGame) -> Iterator[Cell | None]:
    """Each agent's start cell in a game whose start differs from that of ``whole``; None where it has several."""
    same = np.array_equal(model.initial, whole.initial)
    assert model.cells is not None
    for i in range(model.cells.shape[1]):
        starts = np.unique(model.cells[model.initial > 0, i], axis=0)
        yield None if same or len(starts) > 1 else _cell(starts[0])


def placed_start(game: TabularGame, allowed: Sequence[Sequence[Cell]]) -> NDArray[np.float64]:
    """(S,) the start distribution that is even over the states with each agent in one of its ``allowed`` cells.

    Raises:
        ValueError: if the game has no such state.
    """
    assert game.cells is not None
    starts = np.ones(game.num_states, dtype=bool)
    for i, cells in enumerate(allowed):
        starts &= np.any(np.all(game.cells[:, None, i] == np.array(cells)[None], axis=2), axis=1)
    if not starts.any():
        raise ValueError(f"place: no start is left in which {' and '.join(game.agents)} have a cell each")
    return starts / starts.sum()


def _cell(cell: NDArray[np.int32]) -> Cell:
    return int(cell[0]), int(cell[1])
