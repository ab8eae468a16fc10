"""Rows that say the same, found in time linear in their number: a kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.jit import Floats, Ints, kernel


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
