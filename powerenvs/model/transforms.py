"""Models made from models of either kind: with fewer actions, and what of one can be reached."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from powerenvs.model.base import AnyModel, Model
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import entry_rows, reachable, start_distribution


def restricted(model: AnyModel, kept: NDArray[np.bool_]) -> AnyModel:
    """The model without some of its rows, which are actions (joint actions of a game) that exist no longer.

    Args:
        model: a `TabularMDP` or a `TabularGame`.
        kept: which actions to keep: (S, A), or (S, J) of a game.

    Raises:
        ValueError: if a state is left without any.
    """
    kept = kept.reshape(-1)
    count = np.where(kept, np.diff(model.indptr), 0)
    if np.array_equal(count, np.diff(model.indptr)):
        return model
    entries = kept[entry_rows(model.indptr)]
    changes = {"available": (count > 0).reshape(model.num_states, -1)} if isinstance(model, TabularMDP) else {}
    return model.with_(
        indptr=np.concatenate([[0], np.cumsum(count)]),
        successor=model.successor[entries],
        probability=model.probability[entries],
        reward=model.reward[..., entries],
        performance=model.performance[..., entries],
        **changes,
    )


def reachable_states(model: Model, initial: ArrayLike | None = None) -> NDArray[np.bool_]:
    """(S,) the states that some behaviour reaches from the start.

    Args:
        model: a `TabularMDP` or a `TabularGame`.
        initial: (S,) the start distribution; the model's own when None.
    """
    starts = model.initial if initial is None else start_distribution(initial, model.state_labels, model.terminal)
    return reachable(model.indptr, model.successor, starts)
