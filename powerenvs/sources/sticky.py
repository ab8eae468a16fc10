"""Sticky actions on tables: the last action becomes part of the state."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.sources.p_dict import read_p


def sticky_model(mdp: TabularMDP, probability: float, durations: tuple[int, int] = (1, 1)) -> TabularMDP:
    """The model in which the last action is repeated with some probability, whatever the agent chooses.

    The first states are those of the model, before the first action of an episode. The others are labelled
    ``(state, last action)``, and ``(state, last action, n)`` where it is sure to be repeated n more times. Terminal
    states need no last action.

    Args:
        mdp: the model without.
        probability: of a repetition, in [0, 1).
        durations: a repetition lasts for so many steps, drawn uniformly from the lowest to the highest number.

    Raises:
        ValueError: if some action may not exist where it is repeated.
    """
    if not mdp.available[~mdp.terminal].all():
        s, a = (int(i) for i in np.argwhere(~mdp.available & ~mdp.terminal[:, None])[0])
        raise ValueError(
            f"env: sticky actions need every action in every state, and {label_text(mdp.state_labels[s])} has no "
            f'{label_text(mdp.action_labels[a])}; make the world with walls="bump" where it has that option'
        )
    A, lengths = mdp.num_actions, range(durations[0], durations[1] + 1)
    performance = mdp.performance.tolist()
    states: list[tuple[int, int | None, int]] = [(s, None, 0) for s in range(mdp.num_states)]
    number: dict[tuple[int, int | None, int], int] = {state: i for i, state in enumerate(states)}
    P: dict[int, dict[int, list[tuple[Any, ...]]]] = {}

    def after(s: int, taken: int, left: int, weight: float) -> list[tuple[Any, ...]]:
        entries = []
        for (p, target, reward, ended), entry in zip(
            mdp.P[s][taken], range(*mdp.indptr[s * A + taken :][:2]), strict=True
        ):
            state = (target, None, 0) if ended else (target, taken, left)
            if number.setdefault(state, len(states)) == len(states):
                states.append(state)
            entries.append((weight * p, number[state], reward, ended, performance[entry]))
        return entries

    for s, last, left in states:  # which grows
        row = P[len(P)] = {}
        for action in range(A) if not mdp.terminal[s] else ():
            if last is None:
                row[action] = after(s, action, 0, 1.0)
            elif left:
                row[action] = after(s, last, left - 1, 1.0)
            else:
                row[action] = after(s, action, 0, 1.0 - probability)
                for length in lengths:
                    row[action] += after(s, last, length - 1, probability / len(lengths))
    labels: list[Hashable] = []
    for s, last, left in states:
        parts = () if last is None else (mdp.action_labels[last], left) if left else (mdp.action_labels[last],)
        labels.append((mdp.state_labels[s], *parts) if parts else mdp.state_labels[s])
    initial = np.concatenate([mdp.initial, np.zeros(len(states) - mdp.num_states)])
    below = [s for s, _, _ in states]
    return read_p(P, initial, labels, mdp.action_labels, mdp.board, None if mdp.cells is None else mdp.cells[below])
