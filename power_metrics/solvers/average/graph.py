"""Strongly connected components, and what can leave them: kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from power_metrics.solvers.jit import Ints, kernel


@kernel
def strong_components(pointers: Ints, targets: Ints) -> Ints:
    """(n,) the strongly connected component of each vertex (Tarjan 1972): arrows lead to the same or a lower number."""
    n = pointers.shape[0] - 1
    component = np.full(n, -1, dtype=np.int32)
    index = np.zeros(n, dtype=np.int32)
    low = np.zeros(n, dtype=np.int32)
    arrow = pointers[:n].copy()
    path = np.empty(n, dtype=np.int32)
    stack = np.empty(n, dtype=np.int32)
    count, clock, size = 0, 0, 0
    for start in range(n):
        if index[start] > 0:
            continue
        depth = 1
        path[0] = start
        while depth > 0:
            v = path[depth - 1]
            if index[v] == 0:
                clock += 1
                index[v] = clock
                low[v] = clock
                stack[size] = v
                size += 1
            if arrow[v] < pointers[v + 1]:
                w = targets[arrow[v]]
                arrow[v] += 1
                if index[w] == 0:
                    path[depth] = w
                    depth += 1
                elif component[w] < 0:
                    low[v] = min(low[v], index[w])
            else:
                depth -= 1
                if depth > 0:
                    low[path[depth - 1]] = min(low[path[depth - 1]], low[v])
                if low[v] == index[v]:
                    while component[v] < 0:
                        size -= 1
                        component[stack[size]] = count
                    count += 1
    return component


@kernel
def drop_leaving(component: Ints, choices: Ints, entries: Ints, successor: Ints, stays: NDArray[np.bool_]) -> bool:
    """Drops from ``stays`` the choices that can leave their component; returns whether there were any.

    Choices that can reach a state with no choice left go too, which spares rounds of looking for components.
    """
    S = choices.shape[0] - 1
    stuck = np.zeros(S, dtype=np.bool_)
    dropped = False
    changed = True
    sweep = 0
    while changed:
        changed = False
        for step in range(S):
            i = step if sweep % 2 == 0 else S - 1 - step
            left = False
            for k in range(choices[i], choices[i + 1]):
                if stays[k]:
                    for e in range(entries[k], entries[k + 1]):
                        j = successor[e]
                        if component[j] != component[i] or stuck[j]:
                            stays[k] = False
                            changed = True
                            dropped = True
                            break
                    left = left or stays[k]
            stuck[i] = not left
        sweep += 1
    return dropped
