"""The tables of `Lab` by array operations: places, times what is left to pick up, times goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.enumeration import Found
from powerenvs.authoring.level import Cell
from powerenvs.model.rows import compress, reachable
from powerenvs.worlds.labs.text import LabText


class Parts(NamedTuple):
    """What the tables are made from.

    Attributes:
        text: the level.
        region: the cells that count.
        moves: for each heading and action the side that it goes to, or None, and the heading after it.
        goals: where the goal may be; None alone where it stays.
        starts: {goal: cells where an episode starts}.
        compass: the headings that there are.
        headings: that an episode may start with.
        bits: {cell: the bit of what is there to pick up; 0 if it renews}.
        pay: {cell: its reward}.
        ends: {cell where the episode ends: its reward}.
        good: the bits of what has to be picked up for the episode to end; 0 where it ends on a goal.
        goal_reward: of a goal that is drawn anew.
        state: the label, from cell, heading, what is left and goal.
    """

    text: LabText
    region: Sequence[Cell]
    moves: Sequence[Sequence[tuple[int | None, int]]]
    goals: Sequence[Cell | None]
    starts: Mapping[Cell | None, Sequence[Cell]]
    compass: Sequence[str]
    headings: Sequence[str]
    bits: Mapping[Cell, int]
    pay: Mapping[Cell, float]
    ends: Mapping[Cell, float]
    good: int
    goal_reward: float
    state: Callable[[Cell, str, int, Cell | None], Any]


class Walk(NamedTuple):
    """The agent alone, on n cells with D headings: pose ``D * cell + heading``.

    Attributes:
        target: (D n, A) the pose after each action.
        entered: (D n, A) whether the action leads to another cell.
    """

    target: NDArray[np.int64]
    entered: NDArray[np.bool_]


def walk(lab: Parts) -> Walk:
    """Where the actions lead."""
    cells = np.array([lab.text.number[cell] for cell in lab.region])
    place = np.full(len(lab.text.cells), -1)
    place[cells] = here = np.arange(len(cells))
    D = len(lab.compass)
    ways = (lab.text.neighbours if D == 4 else lab.text.neighbours_of_eight)[cells]
    ways = np.where(ways < 0, here[:, None], place[ways])  # region has all that can be reached from it
    targets = np.empty((len(cells), D, len(lab.moves[0])), dtype=np.int64)
    for heading, motions in enumerate(lab.moves):
        for a, (side, after) in enumerate(motions):
            targets[:, heading, a] = (here if side is None else ways[:, side]) * D + after
    entered = targets // D != here[:, None, None]
    return Walk(targets.reshape(-1, len(lab.moves[0])), entered.reshape(-1, len(lab.moves[0])))


def states_of(lab: Parts) -> Found:
    """All states: every pose with everything there, and what follows; in order of goal, what is left, and place.

    State ``(goal * M + left) * D n + pose`` of the full product has ``left``, a bit for each pickup.
    """
    cells, goals = {cell: i for i, cell in enumerate(lab.region)}, lab.goals
    D = len(lab.compass)
    M, N, A = sum(lab.bits.values()) + 1, D * len(cells), len(lab.moves[0])
    target, entered = walk(lab)
    bit, pay, ends = np.zeros(len(cells), dtype=np.int64), np.zeros(len(cells)), np.zeros(len(cells))
    final = np.zeros(len(cells), dtype=bool)
    for cell in cells.keys() & lab.pay.keys():
        bit[cells[cell]], pay[cells[cell]] = lab.bits[cell], lab.pay[cell]
    for cell in cells.keys() & lab.ends.keys():
        ends[cells[cell]], final[cells[cell]] = lab.ends[cell], True
    where, left = target // D, np.arange(M)[:, None, None]
    after = left & ~bit[where]
    paid = np.where((after != left) | (bit[where] == 0), pay[where], 0.0) + ends[where]
    wanted = np.array([-1 if goal is None else cells[goal] for goal in goals])[:, None, None, None]
    reward = np.where(entered, paid + lab.goal_reward * (where == wanted), 0.0)  # (goals, M, N, A)
    successor = (np.arange(len(goals))[:, None, None, None] * M + after) * N + target
    pose = np.arange(N) // D
    terminal = final[pose] | (pose == wanted[..., 0])
    if lab.good:
        terminal = terminal | ((np.arange(M) & lab.good) == 0)[:, None]
    terminal = np.broadcast_to(terminal, (len(goals), M, N)).reshape(-1)
    size = len(terminal)
    successor = np.where(terminal[:, None], np.arange(size)[:, None], successor.reshape(size, A))
    reward = np.where(terminal[:, None], 0.0, reward.reshape(size, A))
    initial = _initial(lab, cells, M)
    kept = np.arange(size)
    if M > 1:
        first = np.zeros((len(goals), M, N), dtype=bool)
        first[:, -1] = bit[pose] == 0
        kept = np.flatnonzero(reachable(np.arange(size * A + 1), successor.ravel(), first.ravel()))
    place = np.empty(size, dtype=np.int32)
    place[kept] = np.arange(len(kept))
    names = [(cell, heading) for cell in lab.region for heading in lab.compass]
    numbers = zip(*((kept % N).tolist(), (kept // N % M).tolist(), (kept // N // M).tolist()), strict=True)
    labels = tuple(lab.state(*names[pose], left, goals[goal]) for pose, left, goal in numbers)
    rows, columns = np.arange(len(kept) * A), reward[kept].ravel()
    table: Any = compress(rows, len(rows), place[successor[kept].ravel()], np.ones(len(rows)), columns, columns)
    indptr, successor, probability, *rewards = table
    return Found(labels, terminal[kept], initial[kept], indptr, successor, probability, rewards)


def _initial(lab: Parts, cells: dict[Any, int], num_left: int) -> NDArray[np.float64]:
    """The start distribution over the full product."""
    found = np.zeros((len(lab.goals), num_left, len(cells), len(lab.compass)))
    headings = [lab.compass.index(heading) for heading in lab.headings]
    for k, goal in enumerate(lab.goals):
        starts = [cells[cell] for cell in lab.starts[goal]]
        found[k, -1][np.ix_(starts, headings)] = 1 / (len(lab.goals) * len(starts) * len(headings))
    return found.reshape(-1)
