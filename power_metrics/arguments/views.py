"""Which states of a model look alike: from the observations of an environment, its boards, or an array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.mdp import TabularMDP

Views = NDArray[np.int64]
TELLING = ("state", "onehot")
"""Observations that are the state itself."""


def check_views(env_or_mdp: Any, mdp: TabularMDP, observations: Any) -> Views:
    """(S,) the number of each state's view: states with equal numbers look alike. They count up from the first state.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP`.
        mdp: its tables, of S states.
        observations: (S, ...) what is seen in each state; equal entries look alike. None for what the environment
            shows, or, where that is the state itself or there is no environment, for what boards show (the model's
            ``observation``); without boards every state looks different.

    Raises:
        ValueError: for another number of observations than states, and what is no array.
    """
    if observations is None:
        table = getattr(getattr(env_or_mdp, "unwrapped", env_or_mdp), "observation_table", None)
        if table is not None and table.kind not in TELLING:
            return _numbered(np.asarray(table.values))
        if mdp.observation is None:
            return np.arange(mdp.num_states)
        return _numbered(mdp.observation)
    try:
        values = np.asarray(observations)
    except (ValueError, TypeError, RuntimeError):
        raise ValueError(f"observations: expected an array, found {observations!r}") from None
    if values.ndim == 0 or len(values) != mdp.num_states or values.dtype.kind == "O":
        raise ValueError(
            f"observations: expected one for each of {mdp.num_states} states, all of one shape, found {values.dtype} "
            f"{values.shape}"
        )
    return _numbered(values + 0.0 if values.dtype.kind == "f" else values)  # -0 is 0


def _numbered(values: NDArray[Any]) -> Views:
    """Equal entries get equal numbers, counting up from the first."""
    rows = np.ascontiguousarray(values).reshape(len(values), -1)
    known: dict[bytes, int] = {}
    return np.array([known.setdefault(row.tobytes(), len(known)) for row in rows], dtype=np.int64)
