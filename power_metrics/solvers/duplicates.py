"""Rows that say the same, found in time linear in their number: a kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.jit import Floats, Ints, kernel


@kernel
def movement_choices(
    indptr: NDArray[np.int64], following: Ints, choices: Ints, successor: Ints, action: Ints, choice_of: Ints
) -> tuple[int, float]:
    """Sets the distinct choices of each state of a deterministic model, in the order of its actions.

    Args:
        indptr: (S·A + 1,) row pointers.
        following: where rows lead.
        choices: (S + 1,) out, row pointers of the choices.
        successor: (S·A,) out, where each leads.
        action: (S·A,) out, the first action that is it.
        choice_of: (S, A) out, the choice that each action is; -1 where there is none.

    Returns:
        How many choices stay, and how far choices lead in all.
    """
    S, A = choice_of.shape
    count, stays, distance = 0, 0, 0.0
    choices[0] = 0
    for s in range(S):
        for a in range(A):
            row = s * A + a
            choice_of[s, a] = -1
            if indptr[row] == indptr[row + 1]:
                continue
            target = following[indptr[row]]
            k = choices[s]
            while k < count and successor[k] != target:
                k += 1
            if k == count:
                successor[k], action[k] = target, a
                count += 1
                stays += target == s
                distance += abs(float(target) - float(s))
            choice_of[s, a] = k
        choices[s + 1] = count
    return stays, distance


@kernel
def distinct(group: Ints, signature: NDArray[np.int64], reward: Floats) -> tuple[Ints, Ints]:
    """Which rows to keep, and which kept row, by its number among them, stands for each.

    Of a group's rows with the same signature the first with the largest reward is kept. Kept rows come in order of
    their group, then of the row itself. In time linear in the rows: signatures are hashes, and are looked up as such.

    Args:
        group: (K,) a number for each row; rows of one group follow each other.
        signature: (K,) a hash of each row.
        reward: (K,) what decides between rows that are the same.
    """
    K = len(group)
    groups = 0
    for k in range(K):
        groups = max(groups, group[k] + 1)
    begin = np.zeros(groups, dtype=np.int32)
    end = np.zeros(groups, dtype=np.int32)
    longest = 1
    for k in range(K):
        if k == 0 or group[k] != group[k - 1]:
            begin[group[k]] = k
        end[group[k]] = k + 1
        longest = max(longest, k + 1 - begin[group[k]])
    size = 2
    while size < 2 * longest:
        size *= 2
    owner = np.full(size, -1, dtype=np.int32)  # the group that uses a slot of the hash table
    best = np.empty(size, dtype=np.int32)
    slot_of = np.empty(K, dtype=np.int32)
    number = np.empty(K, dtype=np.int32)
    kept = np.empty(K, dtype=np.int32)
    count = 0
    for g in range(groups):
        for k in range(begin[g], end[g]):
            slot = signature[k] & (size - 1)
            while owner[slot] == g and signature[best[slot]] != signature[k]:
                slot = (slot + 1) & (size - 1)
            if owner[slot] != g or reward[k] > reward[best[slot]]:
                owner[slot] = g
                best[slot] = k
            slot_of[k] = slot
        for k in range(begin[g], end[g]):
            if best[slot_of[k]] == k:
                number[k] = count
                kept[count] = k
                count += 1
        for k in range(begin[g], end[g]):
            slot_of[k] = number[best[slot_of[k]]]
    return kept[:count].copy(), slot_of
