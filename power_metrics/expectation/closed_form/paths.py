"""The discounted shares of time that are best for some reward function, in deterministic models.

An optimal agent walks along a path into a cycle. The discounted shares of time in each state make a vector f that
sums to 1, and the optimal value is the maximum of f · R over such vectors. Only the corners of their convex hull
matter (the non-dominated visit distributions of Turner et al., arXiv 1912.01683). They are found backwards, from
shorter paths to longer ones: a path whose tail is a mixture of other tails is itself a mixture, and is not continued.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Shares = tuple[tuple[int, Fraction], ...]
"""(state, share) by state, without shares of 0."""


class TooManyStepsError(Exception):
    """The paths to look at have more steps than allowed."""


def best_shares(successors: Sequence[Sequence[int]], gamma: Fraction, max_steps: int) -> list[list[Shares]]:
    """The corners of the hull of shares of time, from the next step on, for each state that a path starts from.

    States with the same corners may have the same list.

    Args:
        successors: the states that each state leads to.
        gamma: discount in [0, 1]; at 1 the shares are long-run averages.
        max_steps: the most in all paths that are looked at, together.

    Raises:
        TooManyStepsError: if there are more.
    """
    if gamma == 1:
        component = _strong_components(successors)
        return _reachable(successors, component, _cycle_shares(successors, component, max_steps))
    if gamma == 0:
        from_state: list[list[Shares]] = [[((s, Fraction(1)),)] for s in range(len(successors))]
    else:
        from_state = _from_state(successors, gamma, max_steps)
    known: dict[tuple[int, ...], list[Shares]] = {}
    for following in successors:
        key = tuple(following)
        if key not in known:
            known[key] = corners(list(dict.fromkeys(itertools.chain(*(from_state[t] for t in key)))))
    return [known[tuple(following)] for following in successors]


def _from_state(successors: Sequence[Sequence[int]], gamma: Fraction, max_steps: int) -> list[list[Shares]]:
    """For each state, shares of paths that start there, which have all others in their hull.

    Every path that is taken up is offered, one step longer, to the states before it. A step from a state that the
    path comes through makes a walk that is a mixture of two: around the cycle so closed, for ever, and the rest of
    the path, which was offered before (cycles are offered from each of their states). So only paths without
    repetition come up, and when all are in the hulls, max f · R over these satisfies the optimality equation for
    every R.
    """
    before: list[list[int]] = [[] for _ in successors]
    for s, following in enumerate(successors):
        for t in following:
            before[t].append(s)
    found: list[dict[Shares, None]] = [{} for _ in successors]
    offered: set[tuple[tuple[int, ...], int]] = set()
    queue: list[tuple[int, tuple[int, ...], int]] = []
    steps = 0

    def offer(path: tuple[int, ...], back: int) -> None:
        nonlocal steps
        if (path, back) not in offered:
            steps += len(path)
            if steps > max_steps:
                raise TooManyStepsError
            offered.add((path, back))
            heapq.heappush(queue, (len(path), path, back))

    policy = [s if s in following else following[0] for s, following in enumerate(successors)]
    for s in range(len(successors)):
        places: dict[int, int] = {}
        while s not in places:
            places[s] = len(places)
            s = policy[s]
        offer(tuple(places), places[s])
    while queue:
        _, path, back = heapq.heappop(queue)
        shares = _shares(path, back, gamma)
        known = found[path[0]]
        if shares in known or _is_mixture(shares, list(known)):
            continue
        known[shares] = None
        if back == 0:
            for k in range(1, len(path)):
                offer((*path[k:], *path[:k]), 0)
        for s in before[path[0]]:
            if s in path:
                offer((s, *path[: path.index(s)]), 0)
            else:
                offer((s, *path), back + 1)
    return [list(known) for known in found]


def _shares(path: Sequence[int], back: int, gamma: Fraction) -> Shares:
    """Discounted shares of time of a path whose last state leads back to place ``back`` in it."""
    cycle = sum((gamma**k for k in range(len(path) - back)), Fraction(0))
    shares = {s: gamma**t * (1 - gamma if t < back else 1 / cycle) for t, s in enumerate(path)}
    return tuple((s, shares[s]) for s in sorted(shares) if shares[s])


def _cycle_shares(successors: Sequence[Sequence[int]], component: list[int], max_steps: int) -> list[Shares]:
    """Shares of time of cycles, at γ = 1: all that are corners of the hull, and perhaps others.

    A cycle of states that each lead to themselves is a mixture of those loops. The others are found from their
    first state without a loop.
    """
    looped = [s in following for s, following in enumerate(successors)]
    found: dict[Shares, None] = {((s, Fraction(1)),): None for s, loop in enumerate(looped) if loop}
    steps = 0
    for first, loop in enumerate(looped):
        stack: list[tuple[int, ...]] = [] if loop else [(first,)]
        while stack:
            path = stack.pop()
            steps += len(path)
            if steps > max_steps:
                raise TooManyStepsError
            for following in successors[path[-1]]:
                if following == first:
                    found[tuple((s, Fraction(1, len(path))) for s in sorted(path))] = None
                elif (
                    component[following] == component[first]
                    and (looped[following] or following > first)
                    and following not in path
                    and not _splits_off(successors, path, following)
                ):
                    stack.append((*path, following))
    return corners(list(found))


def _splits_off(successors: Sequence[Sequence[int]], path: tuple[int, ...], following: int) -> bool:
    """Whether the end of a path can close a cycle of its own and be left out: what comes of it is a mixture."""
    return any(path[k] in successors[path[-1]] and following in successors[path[k - 1]] for k in range(1, len(path)))


def _strong_components(successors: Sequence[Sequence[int]]) -> list[int]:
    """For each state, the number of the set of states that lead there and back."""
    edges = np.array([(s, t) for s, following in enumerate(successors) for t in following])
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(successors),) * 2)
    return [int(k) for k in connected_components(graph, connection="strong")[1]]


def _reachable(successors: Sequence[Sequence[int]], component: list[int], cycles: list[Shares]) -> list[list[Shares]]:
    """Of the cycles, those that each state reaches."""
    known: dict[int, list[Shares]] = {}
    for s, of_state in enumerate(component):
        if of_state not in known:
            seen = {s}
            ahead = [s]
            while ahead:
                for t in successors[ahead.pop()]:
                    if t not in seen:
                        seen.add(t)
                        ahead.append(t)
            known[of_state] = [shares for shares in cycles if shares[0][0] in seen]
    return [known[of_state] for of_state in component]


def corners(vectors: list[Shares]) -> list[Shares]:
    """Those that are no mixture of the others, sorted."""
    kept = dict.fromkeys(sorted(vectors, key=lambda shares: (-len(shares), shares)))
    for shares in list(kept):
        if len(shares) > 1:
            del kept[shares]
            if not _is_mixture(shares, list(kept)):
                kept[shares] = None
    return sorted(kept)


def _is_mixture(shares: Shares, others: list[Shares]) -> bool:
    """Whether a vector is proved to be a convex combination of others.

    Floats choose the others that take part, fractions prove it. A mixture that the floats miss is kept, which costs
    time and changes no result.
    """
    place = {s: k for k, (s, _) in enumerate(shares)}
    inside = [other for other in others if all(s in place for s, _ in other)]
    if not inside:
        return False
    matrix = np.zeros((len(shares), len(inside)))
    for column, other in enumerate(inside):
        for s, share in other:
            matrix[place[s], column] = share
    weights, gap = nnls(matrix, np.array([float(share) for _, share in shares]))
    if gap > 1e-9:
        return False
    chosen = [inside[k] for k in np.flatnonzero(weights > 1e-9)]
    rows = [[Fraction(0)] * len(chosen) + [share] for _, share in shares]
    for column, other in enumerate(chosen):
        for s, share in other:
            rows[place[s]][column] = share
    exact = _solution(rows)
    return exact is not None and all(weight >= 0 for weight in exact)


def _solution(rows: list[list[Fraction]]) -> list[Fraction] | None:
    """The only solution of equations with their right-hand side as last column; None if there is not just one."""
    n = len(rows[0]) - 1
    for column in range(n):
        pivot = next((row for row in range(column, len(rows)) if rows[row][column]), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [c / rows[column][column] for c in rows[column]]
        for k, row in enumerate(rows):
            if k != column and row[column]:
                rows[k] = [c - row[column] * d for c, d in zip(row, rows[column], strict=True)]
    return None if any(row[-1] for row in rows[n:]) else [row[-1] for row in rows[:n]]


def independent(vectors: list[Shares]) -> tuple[Fraction, list[list[Shares]]]:
    """What all vectors have in common, and the rest of them in sets that share no state, scaled to sum to 1."""
    tables = [dict(shares) for shares in vectors]
    common = {s: share for s, share in vectors[0] if all(table.get(s) == share for table in tables)}
    if len(vectors) == 1:
        return Fraction(1), []
    scale = 1 - sum(common.values(), Fraction(0))
    leader: dict[int, int] = {}  # of the states that vectors join, step by step

    def lead(s: int) -> int:
        while leader.setdefault(s, s) != s:
            leader[s] = s = leader[leader[s]]
        return s

    rest = [tuple((s, share / scale) for s, share in shares if s not in common) for shares in vectors]
    for shares in rest:
        for s, _ in shares:
            leader[lead(s)] = lead(shares[0][0])
    sets: dict[int, list[Shares]] = {}
    for shares in rest:
        sets.setdefault(lead(shares[0][0]), []).append(shares)
    return 1 - scale, list(sets.values())


def successor_lists(successors: NDArray[np.int32], available: NDArray[np.bool_]) -> list[list[int]]:
    """From (S, A) tables, the different successors of each state."""
    return [sorted({int(t) for t in row[allowed]}) for row, allowed in zip(successors, available, strict=True)]
