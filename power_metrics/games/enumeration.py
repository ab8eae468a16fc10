"""All equilibria of a game of two players, exactly: extreme points, components, and a certificate of each.

The equilibria of a game form finitely many convex sets, each the product of a set of row strategies and one of column
strategies. Their corners are pairs of corners of the two best-response polyhedra that are *completely labelled*: each
strategy is a best answer or is not played (Avis, Rosenberg, Savani and von Stengel 2010). Pairs of corners that hang
together by equilibria make a component; one with a single pair is an isolated equilibrium.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from power_metrics.games.bimatrix import Bimatrix, as_game, exact_table
from power_metrics.games.polyhedra import Corner, corners

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """An extreme equilibrium.

    Attributes:
        x: (m,) the row player's mixed strategy.
        y: (n,) the column player's.
        exact: both as fractions; of these the regret is exactly 0, which has been checked.
        payoffs: what both players earn.
        regret: of ``x`` and ``y`` as they are, rounded to float64.
        component: the number of the component that it belongs to.

    Example:
        >>> import power_metrics as pm
        >>> [found] = pm.games.nash(pm.games.named("matching_pennies")).points
        >>> found.exact, found.payoffs, found.regret
        (((Fraction(1, 2), Fraction(1, 2)), (Fraction(1, 2), Fraction(1, 2))), (0.0, 0.0), 0.0)
    """

    x: Floats
    y: Floats
    exact: tuple[tuple[Fraction, ...], tuple[Fraction, ...]]
    payoffs: tuple[float, float]
    regret: float
    component: int


@dataclass(frozen=True, eq=False)
class NashEquilibria:
    """All extreme equilibria of a game, and how they hang together.

    Attributes:
        game: the game.
        points: the extreme equilibria, those with fewer strategies in play first.
        components: the numbers of the points in each component. A component of several points is a continuum.
        sets: the largest convex sets of equilibria, (component, row strategies, column strategies): every mixture of
            these rows is an equilibrium with every mixture of these columns.

    Example:
        >>> import power_metrics as pm
        >>> found = pm.games.nash(pm.games.Bimatrix([[2, 2], [0, 3]], [[1, 1], [0, 0]]))
        >>> len(found.points), found.components, found.isolated
        (4, ((0, 1, 2, 3),), ())
    """

    game: Bimatrix
    points: tuple[Equilibrium, ...]
    components: tuple[tuple[int, ...], ...]
    sets: tuple[tuple[int, tuple[Floats, ...], tuple[Floats, ...]], ...]

    @property
    def pairs(self) -> list[Pair]:
        """[(x, y)] of the extreme equilibria."""
        return [(point.x, point.y) for point in self.points]

    @property
    def isolated(self) -> tuple[int, ...]:
        """The numbers of the points that are equilibria for themselves, with none beside them."""
        return tuple(numbers[0] for numbers in self.components if len(numbers) == 1)

    @property
    def degenerate(self) -> bool:
        """Whether there are infinitely many equilibria."""
        return any(len(numbers) > 1 for numbers in self.components)


def equilibria(A: Any, B: Any = None) -> list[Pair]:
    """All equilibria of a game, as pairs of mixed strategies (x, y); of a continuum its extreme points.

    They are found in rational arithmetic, so that none is missed and none is wrong; `nash` says how they hang together.

    Args:
        A: (m, n) payoffs of the row player, or a `Bimatrix`.
        B: (m, n) payoffs of the column player.

    Returns:
        [(x, y)], float64 arrays (m,) and (n,), the fewest strategies in play first.

    Raises:
        ValueError: for what is no game, and games with too many corners to enumerate.

    Example:
        >>> import power_metrics as pm
        >>> [(x.tolist(), y.tolist()) for x, y in pm.games.equilibria([[0, 1], [1, 0]], [[0, 1], [1, 0]])]
        [([1.0, 0.0], [0.0, 1.0]), ([0.0, 1.0], [1.0, 0.0]), ([0.5, 0.5], [0.5, 0.5])]
    """
    return nash(as_game(A, B)).pairs


def nash(game: Any) -> NashEquilibria:
    """All equilibria of a game with certificates, components and convex sets.

    Args:
        game: a `Bimatrix`.

    Raises:
        ValueError: for what is no game, and games with too many corners to enumerate.

    Example:
        >>> import power_metrics as pm
        >>> pm.games.nash(pm.games.named("stag_hunt")).isolated
        (0, 1, 2)
    """
    game = as_game(game)
    m, n = game.shape
    rows = corners(tuple(zip(*game.exact[1], strict=True)))
    columns = corners(game.exact[0])
    every_row, every_column = (1 << m) - 1, (1 << n) - 1
    found = []
    for r, row in enumerate(rows):
        for c, column in enumerate(columns):
            # each strategy is a best answer, or is not played
            if not (row.support & ~column.best & every_row or column.support & ~row.best & every_column):
                found.append((r, c))
    found.sort(key=lambda pair: (_order(rows[pair[0]]), _order(columns[pair[1]])))
    graph = nx.Graph((("row", r), ("column", c)) for r, c in found)
    groups = [frozenset(group) for group in nx.connected_components(graph)]
    groups.sort(key=lambda group: next(k for k, (r, _) in enumerate(found) if ("row", r) in group))
    of = {corner: number for number, group in enumerate(groups) for corner in group}
    points = tuple(_certified(game, rows[r], columns[c], of["row", r]) for r, c in found)
    members = tuple(tuple(k for k, point in enumerate(points) if point.component == g) for g in range(len(groups)))
    return NashEquilibria(game, points, members, tuple(_convex_sets(found, rows, columns, of)))


def symmetric_equilibria(table: Any) -> list[Floats]:
    """The symmetric equilibria of one population: z such that no strategy earns more against z than those that z plays.

    Args:
        table: (k, k) payoffs M; strategy i earns (M z)_i.

    Returns:
        [z], float64 arrays (k,); of continua the extreme points.

    Raises:
        ValueError: for what is no square table, and tables with too many corners to enumerate.

    Example:
        >>> import power_metrics as pm
        >>> [z.tolist() for z in pm.games.symmetric_equilibria([[3, 0], [0, 2]])]
        [[1.0, 0.0], [0.0, 1.0], [0.4, 0.6]]
    """
    exact = exact_table("table", table)
    if len(exact) != len(exact[0]):
        raise ValueError(f"table: expected as many rows as columns, found {len(exact)} and {len(exact[0])}")
    return [rounded(corner.strategy) for corner in symmetric_corners(exact)]


def symmetric_corners(table: Sequence[Sequence[Fraction]]) -> list[Corner]:
    """The extreme symmetric equilibria of a square table, the fewest strategies in play first."""
    return sorted((corner for corner in corners(table) if not corner.support & ~corner.best), key=_order)


def rounded(strategy: Iterable[Fraction]) -> Floats:
    """A mixed strategy as floats."""
    return np.array([float(value) for value in strategy])


def _order(corner: Corner) -> tuple[Any, ...]:
    return corner.support.bit_count(), [-value for value in corner.strategy]


def _certified(game: Bimatrix, row: Corner, column: Corner, component: int) -> Equilibrium:
    """The equilibrium of two corners, checked from its definition in exact arithmetic."""
    x, y = row.strategy, column.strategy
    earned = []
    for table, own, other in ((game.exact[0], x, y), (tuple(zip(*game.exact[1], strict=True)), y, x)):
        values = [sum(map(Fraction.__mul__, line, other), Fraction()) for line in table]
        earned.append(sum(map(Fraction.__mul__, values, own), Fraction()))
        if max(values) != earned[-1]:
            raise RuntimeError(f"equilibria: expected regret 0, found {max(values) - earned[-1]}; please report {game}")
    floats = rounded(x), rounded(y)
    payoffs = float(earned[0]), float(earned[1])
    return Equilibrium(*floats, (x, y), payoffs, game.regret(*floats), component)


def _convex_sets(
    pairs: Sequence[tuple[int, int]], rows: Sequence[Corner], columns: Sequence[Corner], of: dict[Any, int]
) -> Iterable[tuple[int, tuple[Floats, ...], tuple[Floats, ...]]]:
    """The largest products of sets all of whose pairs are equilibria."""
    answers: dict[int, frozenset[int]] = {}
    for r, c in pairs:
        answers[r] = answers.get(r, frozenset()) | {c}
    closed: dict[frozenset[int], None] = {}  # every intersection of the columns that go with rows, in order
    for own in answers.values():
        closed |= dict.fromkeys([own, *(own & other for other in closed)])
    for together in filter(None, closed):
        members = [r for r, own in answers.items() if together <= own]
        if frozenset.intersection(*(answers[r] for r in members)) == together:
            yield (
                of["row", members[0]],
                tuple(rounded(rows[r].strategy) for r in members),
                tuple(rounded(columns[c].strategy) for c in sorted(together)),
            )
