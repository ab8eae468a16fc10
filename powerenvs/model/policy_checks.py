"""Policy tables that others give: what they must be, in every place that takes them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.base import Model
from powerenvs.model.checks import array_of
from powerenvs.model.labels import label_text
from powerenvs.model.rows import GIVEN_TOLERANCE


def checked_policy(
    model: Model,
    policy: Any,
    name: str,
    labels: Sequence[Hashable],
    available: NDArray[np.bool_] | None,
    *,
    batched: bool = False,
) -> NDArray[np.float64]:
    """A policy as an array of its own, (S, A) or (B, S, A), checked, its rows divided by their sums.

    Args:
        model: with S states.
        policy: an array, a torch tensor on any device, a DataFrame labelled by states and actions, or anything that
            NumPy makes an array of.
        name: what messages call it.
        labels: the A actions.
        available: (S, A) the actions that may have probability; None for all of them.
        batched: whether (B, S, A), several policies, are welcome.

    Raises:
        ValueError: for another shape, and rows that are no probabilities or do not sum to 1 (to `GIVEN_TOLERANCE`);
            the message names the state.
    """
    table = given_policy(model, policy, name, labels, available, batched=batched)
    return table / table.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def given_policy(
    model: Model,
    policy: Any,
    name: str,
    labels: Sequence[Hashable],
    available: NDArray[np.bool_] | None,
    *,
    batched: bool = False,
) -> NDArray[np.float64]:
    """A policy as an array, checked as by `checked_policy`, its rows as they were given."""
    table = array_of(name, policy, np.float64, (model.state_labels, labels))
    shape = (model.num_states, len(labels))
    dimensions = (2, 3) if batched else (2,)
    if table.ndim not in dimensions or table.shape[-2:] != shape or 0 in table.shape:
        several = f" or (B, {shape[0]}, {shape[1]})" if batched else ""
        raise ValueError(f"{name}: expected shape {shape}{several}, found {table.shape}")
    check_policy_rows(table, name, labels, available, model.state_name)
    return table


def check_policy_rows(
    table: NDArray[np.float64],
    name: str,
    labels: Sequence[Hashable],
    available: NDArray[np.bool_] | None,
    state_name: Callable[[int], str],
) -> None:
    """Raises a ValueError unless the rows of a table (..., n, A) are probabilities of available actions, (n, A).

    Args:
        table: the rows.
        name: what messages call the table.
        labels: the A actions.
        available: the actions that may have probability; None for all of them.
        state_name: what messages call the state of a row.
    """
    bad = ~(np.isfinite(table) & (table >= 0))
    if np.any(bad):
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name}: expected probabilities of at least 0, found {table[where]} in {state_name(where[-2])}, "
            f"action {where[-1]} ({label_text(labels[where[-1]])})"
        )
    if available is not None and np.any(absent := (table > 0) & ~available):
        where = tuple(int(i) for i in np.argwhere(absent)[0])
        raise ValueError(
            f"{name}: expected available actions only, found probability {table[where]} for action {where[-1]} "
            f"({label_text(labels[where[-1]])}), which {state_name(where[-2])} does not have"
        )
    total = table.sum(axis=-1)
    off = np.abs(total - 1) > GIVEN_TOLERANCE
    if np.any(off):
        where = tuple(int(i) for i in np.argwhere(off)[0])
        raise ValueError(
            f"{name}: expected rows that sum to 1 (to {GIVEN_TOLERANCE}), found {total[where]} in "
            f"{state_name(where[-1])}"
        )
