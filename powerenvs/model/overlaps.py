"""Games in which agents never share a cell: by taking the collisions out, or by bumping."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from powerenvs.model.checks import flag
from powerenvs.model.joint import AnyJointTables, JointTables
from powerenvs.model.rows import compress, entry_rows, pointers, reachable, row_sums


def without_overlaps(game: AnyJointTables, no_swaps: bool = False) -> AnyJointTables:
    """The game without the joint states in which two agents share a cell, and without the ways that lead there.

    A joint action that can only end in an overlap no longer exists, so whether a move is possible may depend on
    what the other agents do at the same time. Where chance decides, the outcomes that overlap are taken out and
    the probabilities of the others are divided by their sum, so that every row still sums to 1. Agents may follow
    each other and, unless ``no_swaps``, trade places. What is left is restricted to the states that can be reached
    from the remaining start states, whose probabilities are divided by their sum.

    Agents share a cell when their ``cells`` are equal or, in a game without cells, when the agents' parts of the
    state label are.

    Args:
        game: a game with ``cells``, or with a tuple of one label for each agent as state labels.
        no_swaps: also take out the outcomes in which two agents trade places.

    Raises:
        ValueError: if the game says nothing about where agents are, if no start state is left, or if a state is
            left without any joint action.
    """
    places = _places(game)
    overlapping = _shared(places)
    initial = _start(game, overlapping)
    state = entry_rows(game.indptr) // game.num_joint_actions
    keep = ~overlapping[state] & ~overlapping[game.successor]
    if flag("no_swaps", no_swaps):
        keep &= ~np.any(_swapped(places[state], places[game.successor]), axis=1)
    rows = entry_rows(game.indptr)[keep]
    indptr = pointers(rows, game.num_rows)
    probability = game.probability[keep]
    probability = probability / np.repeat(row_sums(indptr, probability), np.diff(indptr))
    return _restricted(
        game,
        indptr,
        game.successor[keep],
        probability,
        game.reward[:, keep],
        game.performance[:, keep],
        initial,
    )


def with_bumping(game: AnyJointTables, no_swaps: bool = False) -> AnyJointTables:
    """The game in which an agent that would enter another agent's cell stays where it is instead.

    This is the version to train on: every joint action of the game still exists, and its states are those of
    `without_overlaps`. The rule, for any number of agents: a move is refused if it would end where another agent
    ends, whether that one stays or arrives too; all such moves are refused at once, and again until no two agents
    share a cell. So of two agents that want one cell neither gets it, nobody pushes, agents may follow each other
    in a chain, and the whole chain stops when its first agent does. With ``no_swaps``, moves that trade places are
    refused as well. No agent has an advantage over another.

    A refused outcome becomes the outcome in which the refused agents keep their part of the state. It pays
    what the game pays under the first joint action that makes the same change of state (a movement world has
    one: the refused agents stay).

    Args:
        game: a game whose state labels are tuples of one label for each agent, as of `powerenvs.product_game`.
        no_swaps: whether trading places is refused.

    Raises:
        ValueError: if the labels are of another kind, if no start state is left, or if an agent has no way to stay
            where it is.
    """
    parts, places = _parts(game), _places(game)
    overlapping = _shared(places)
    initial = _start(game, overlapping)
    rows = entry_rows(game.indptr)
    keep = ~overlapping[rows // game.num_joint_actions]
    rows, successor = rows[keep], game.successor[keep].astype(np.int64)
    state = rows // game.num_joint_actions
    refused = _refused(places[state], places[successor], flag("no_swaps", no_swaps))
    changed = np.flatnonzero(refused.any(axis=1))
    mixed = np.where(refused[changed], parts[state[changed]], parts[successor[changed]])
    successor[changed] = _find_parts(game, parts, mixed)
    source = np.flatnonzero(keep)  # the entry of the game whose rewards an entry pays
    source[changed] = _first_entries(game, state[changed], successor[changed])
    indptr, target, probability, *columns = compress(
        rows,
        game.num_rows,
        successor.astype(np.int32),
        game.probability[keep],
        *game.reward[:, source],
        *game.performance[:, source],
    )
    reward, performance = np.split(np.stack(columns), 2)
    return _restricted(game, indptr, target, probability, reward, performance, initial)


def _start(game: JointTables, overlapping: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(S,) the start distribution without the states that overlap."""
    initial = np.where(overlapping, 0.0, game.initial)
    if not initial.any():
        raise ValueError(
            "initial: expected a start state in which no two agents share a cell, found none; give the game another "
            "start with with_(initial=...)"
        )
    return initial / initial.sum()  # type: ignore[no-any-return]


def _parts(game: JointTables) -> NDArray[np.int64]:
    """(S, N) each agent's part of the state label, as a number; equal labels have equal numbers.

    Raises:
        ValueError: if state labels are not tuples of one label for each agent.
    """
    numbers: dict[Hashable, int] = {}
    for label in game.state_labels:
        if not isinstance(label, tuple) or len(label) != game.num_agents:
            raise ValueError(
                f"state_labels: expected tuples of one label for each of {game.agents}, as product_game makes them, "
                f"found {label!r}; without_overlaps does with cells alone: with_(cells=...)"
            )
        for part in label:
            numbers.setdefault(part, len(numbers))
    return np.array([[numbers[part] for part in label] for label in game.state_labels])  # type: ignore[attr-defined]


def _places(game: JointTables) -> NDArray[np.int64]:
    """(S, N) where each agent is, as a number; negative for an agent that is nowhere, different for each."""
    if game.cells is None:
        return _parts(game)
    rows, columns = np.moveaxis(game.cells.astype(np.int64), -1, 0)
    nowhere = -1 - np.arange(game.num_agents)
    return np.where((rows < 0) | (columns < 0), nowhere, rows * (columns.max() + 1) + columns)


def _shared(places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(k,) whether any two of the agents, (k, N), are in one place."""
    ordered = np.sort(places, axis=1)
    return np.any(ordered[:, 1:] == ordered[:, :-1], axis=1)


def _swapped(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(k, N) which agents trade places with another."""
    traded = (before[:, :, None] == after[:, None, :]) & (after[:, :, None] == before[:, None, :])
    return np.any(traded & ~np.eye(before.shape[1], dtype=bool), axis=2)


def _refused(before: NDArray[np.int64], after: NDArray[np.int64], no_swaps: bool) -> NDArray[np.bool_]:
    """(k, N) which agents may not change place, by the rule of `with_bumping`."""
    refused = np.zeros(before.shape, dtype=bool)
    others = ~np.eye(before.shape[1], dtype=bool)
    while True:
        ends = np.where(refused, before, after)
        moving = ends != before
        clash = moving & np.any((ends[:, :, None] == ends[:, None, :]) & others, axis=2)
        if no_swaps:
            clash |= moving & _swapped(before, ends)
        if not clash.any():
            return refused
        refused |= clash


def _find_parts(game: JointTables, parts: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """(k,) the states with these parts, (k, N)."""
    base = int(parts.max()) + 1
    scale = base ** np.arange(game.num_agents)
    codes = parts @ scale
    order = np.argsort(codes)
    place = np.minimum(np.searchsorted(codes[order], wanted @ scale), len(codes) - 1)
    found = order[place]
    lost = np.flatnonzero(codes[found] != wanted @ scale)
    if lost.size:
        parts_of = wanted[lost[0]]
        examples = (int(np.flatnonzero(parts[:, i] == parts_of[i])[0]) for i in range(game.num_agents))
        labels = [game.state_labels[s][i] for i, s in enumerate(examples)]  # type: ignore[index]
        missing = ", ".join(f"{agent}={label}" for agent, label in zip(game.agents, labels, strict=True))
        raise ValueError(f"with_bumping: expected a state in which refused agents stay, found none for {missing}")
    return found


def _first_entries(game: JointTables, state: NDArray[np.int64], successor: NDArray[np.int64]) -> NDArray[np.int64]:
    """(k,) the first entry of the game that leads from each state to each successor."""
    codes = entry_rows(game.indptr) // game.num_joint_actions * game.num_states + game.successor
    known, first = np.unique(codes, return_index=True)
    wanted = state * game.num_states + successor
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    lost = np.flatnonzero(known[place] != wanted)
    if lost.size:
        s, target = int(state[lost[0]]), int(successor[lost[0]])
        raise ValueError(
            "with_bumping: expected a way for every agent to stay where it is, found no joint action that leads from "
            f"state {s} ({game.describe(s)}) to state {target} ({game.describe(target)})"
        )
    return first[place]


def _restricted(
    game: AnyJointTables,
    indptr: NDArray[np.int64],
    successor: NDArray[np.int32],
    probability: NDArray[np.float64],
    reward: NDArray[np.float64],
    performance: NDArray[np.float64],
    initial: NDArray[np.float64],
) -> AnyJointTables:
    """The game with these rows, restricted to the states that can be reached."""
    kept = reachable(indptr, successor, initial)
    states = np.flatnonzero(kept)
    number = np.cumsum(kept, dtype=np.int32) - np.int32(1)  # of each state among those kept
    rows = entry_rows(indptr)
    state, joint = np.divmod(rows, game.num_joint_actions)
    stays = kept[state]
    return game.with_(
        indptr=pointers(
            number[state[stays]].astype(np.int64) * game.num_joint_actions + joint[stays],
            len(states) * game.num_joint_actions,
        ),
        successor=number[successor[stays]],
        probability=probability[stays],
        reward=reward[:, stays],
        performance=performance[:, stays],
        terminal=game.terminal[states],
        initial=initial[states],
        state_labels=tuple(game.state_labels[s] for s in states),
        cells=None if game.cells is None else game.cells[states],
    )
