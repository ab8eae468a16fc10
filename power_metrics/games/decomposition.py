"""Symmetric decomposition of asymmetric games (Tuyls et al. 2018, Scientific Reports 8:1015; arXiv 1711.05074).

A game (A, B) with as many rows as columns has two counterparts, games of one population each: one with table A, played
by the column player's strategies y, and one with table B^T, played by the row player's strategies x. An equilibrium
says that (A y)_i is largest where x plays and (B^T x)_j is largest where y plays. A symmetric equilibrium of A says
that (A y)_i is largest where y plays, one of B^T that (B^T x)_j is largest where x plays. So if x and y play strategies
of the same numbers, (x, y) is an equilibrium exactly if y is one of A and x is one of B^T. Without equal supports
neither follows from the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.games.bimatrix import Bimatrix, as_game
from power_metrics.games.enumeration import NashEquilibria, Pair, nash, rounded, symmetric_corners
from power_metrics.games.polyhedra import Corner
from powerenvs.model.checks import real

Floats = NDArray[np.float64]

PLAYED = 1e-9
"""The least probability with which a strategy that is given in floats counts as played."""


@dataclass(frozen=True, eq=False)
class Counterpart:
    """The game of one population that goes with one of the tables.

    Attributes:
        table: (k, k) strategy i earns (table z)_i against a population z.
        names: of the strategies.
        equilibria: the symmetric equilibria, (k,) each; of continua the extreme points.

    Example:
        >>> import power_metrics as pm
        >>> first, second = pm.games.decompose(pm.games.named("battle_of_the_sexes")).counterparts
        >>> second.table.tolist(), [z.tolist() for z in second.equilibria]
        ([[2.0, 0.0], [0.0, 3.0]], [[1.0, 0.0], [0.0, 1.0], [0.6, 0.4]])
    """

    table: Floats
    names: tuple[str, ...]
    equilibria: tuple[Floats, ...]


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A game, its counterparts, and which of its equilibria they combine into.

    Strategies are those of the game: what `Bimatrix.padded` adds is left out of them, because it is never played.

    Attributes:
        game: the game as it was given.
        square: the game with as many rows as columns, which the counterparts are those of.
        counterparts: with A, whose equilibria are strategies y of the column player, and with B^T, whose equilibria
            are strategies x of the row player.
        combined: [(x, y)] the pairs of equilibria of the counterparts with equal supports: equilibria of the game.
        not_decomposable: [(x, y)] the extreme equilibria of the game whose supports differ.
        reasons: why, for each of them.
        orders: for each of them, the order of the columns (`Bimatrix.permuted`, of ``square``) after which its
            supports are equal; None where the supports differ in size.
        continua: (row strategies, column strategies) of the same support of which there are infinitely many: every
            mixture of these rows that plays the whole support combines with every such mixture of the columns.
        equilibria: those of the game, with certificates and components.

    Example:
        >>> import power_metrics as pm
        >>> found = pm.games.decompose(pm.games.named("chicken"))
        >>> len(found.combined), len(found.not_decomposable), found.orders
        (1, 2, ((1, 0), (1, 0)))
        >>> found.reasons[0].partition("; ")[2]
        'after permuting columns to 2, 1 it decomposes'
    """

    game: Bimatrix
    square: Bimatrix
    counterparts: tuple[Counterpart, Counterpart]
    combined: list[Pair]
    not_decomposable: list[Pair]
    reasons: tuple[str, ...]
    orders: tuple[tuple[int, ...] | None, ...]
    continua: tuple[tuple[tuple[Floats, ...], tuple[Floats, ...]], ...]
    equilibria: NashEquilibria

    def why_not(self, x: Any, y: Any, tolerance: float = 1e-9) -> str | None:
        """Why an equilibrium of the game does not decompose as labelled; None if it does.

        Args:
            x: (m,) strategy of the row player.
            y: (n,) strategy of the column player.
            tolerance: the largest regret of an equilibrium.

        Raises:
            ValueError: for what is no equilibrium.
        """
        if not 0 <= real(tolerance) < np.inf:
            raise ValueError(f"tolerance: expected a number of at least 0, found {tolerance!r}")
        x, y = self.game.strategies(x, y)
        if (regret := self.game.regret(x, y)) > tolerance:
            raise ValueError(f"x, y: expected an equilibrium of the game, found a pair with a regret of {regret:.3g}")
        return _judge(self.square, _played(x), _played(y))[0]


def decompose(A: Any, B: Any = None) -> Decomposition:
    """Decomposes a game into its two counterparts, games of one population each, and combines their equilibria.

    With unequal numbers of strategies, strategies that nobody wants to play are added first (`Bimatrix.padded`).

    Args:
        A: (m, n) payoffs of the row player, or a `Bimatrix`.
        B: (m, n) payoffs of the column player.

    Raises:
        ValueError: for what is no game, and games with too many corners to enumerate.

    Example:
        >>> import power_metrics as pm
        >>> found = pm.games.decompose([[3, 0], [0, 2]], [[2, 0], [0, 3]])
        >>> [(x.tolist(), y.tolist()) for x, y in found.combined]
        [([1.0, 0.0], [1.0, 0.0]), ([0.0, 1.0], [0.0, 1.0]), ([0.6, 0.4], [0.4, 0.6])]
        >>> found.not_decomposable
        []
    """
    game = as_game(A, B)
    square = game.padded()
    m, n = game.shape
    transposed = tuple(zip(*square.exact[1], strict=True))
    ys, xs = symmetric_corners(square.exact[0]), symmetric_corners(transposed)
    pairs = [(x, y) for x in xs for y in ys if x.support == y.support]
    found = nash(game)
    left = [point for point in found.points if _bits(point.exact[0]) != _bits(point.exact[1])]
    judged = [_judge(square, _members(_bits(p.exact[0])), _members(_bits(p.exact[1]))) for p in left]
    return Decomposition(
        game=game,
        square=square,
        counterparts=(
            Counterpart(square.A, square.names[1], tuple(rounded(y.strategy) for y in ys)),
            Counterpart(square.B.T, square.names[0], tuple(rounded(x.strategy) for x in xs)),
        ),
        combined=[(rounded(x.strategy)[:m], rounded(y.strategy)[:n]) for x, y in pairs],
        not_decomposable=[(point.x, point.y) for point in left],
        reasons=tuple(str(reason) for reason, _ in judged),
        orders=tuple(order for _, order in judged),
        continua=tuple(_continua(xs, ys, (m, n))),
        equilibria=found,
    )


def _judge(square: Bimatrix, rows: list[int], columns: list[int]) -> tuple[str | None, tuple[int, ...] | None]:
    """Why an equilibrium with these supports does not decompose, and an order of the columns after which it does."""
    if rows == columns:
        return None, None
    names = [", ".join(square.names[k][i] for i in played) for k, played in enumerate((rows, columns))]
    who = square.players
    text = f"as labelled, the {who[0]} player plays {names[0]} and the {who[1]} player {names[1]}"
    if len(rows) != len(columns):
        sizes = f"supports of {len(rows)} and {len(columns)} strategies"
        return f"{text}; no order of the strategies makes {sizes} equal", None
    size = square.shape[0]
    rest = iter(sorted(set(range(size)) - set(columns)))
    place = dict(zip(rows, columns, strict=True))
    order = tuple(place[k] if k in place else next(rest) for k in range(size))
    shown = ", ".join(str(k + 1) for k in order)
    return f"{text}; after permuting columns to {shown} it decomposes", order


def _continua(
    xs: Sequence[Corner], ys: Sequence[Corner], shape: tuple[int, int]
) -> list[tuple[tuple[Floats, ...], tuple[Floats, ...]]]:
    """The sets of strategies of equal support that combine and are more than one pair."""
    found = []
    first, second = _faces(xs), _faces(ys)
    for support in sorted(first.keys() & second.keys()):
        rows, columns = first[support], second[support]
        if len(rows) > 1 or len(columns) > 1:
            found.append(
                (
                    tuple(rounded(corner.strategy)[: shape[0]] for corner in rows),
                    tuple(rounded(corner.strategy)[: shape[1]] for corner in columns),
                )
            )
    return found


def _faces(found: Sequence[Corner]) -> dict[int, list[Corner]]:
    """{support: the corners of all symmetric equilibria that play no more}, of the supports that some play whole."""
    supports: set[int] = set()
    for corner in found:
        supports |= {corner.support | other for other in supports} | {corner.support}
    faces = {}
    for support in supports:
        inside = [corner for corner in found if not (corner.support & ~support or support & ~corner.best)]
        together = 0
        for corner in inside:
            together |= corner.support
        if together == support:
            faces[support] = inside
    return faces


def _bits(strategy: Sequence[Any]) -> int:
    return sum(1 << k for k, value in enumerate(strategy) if value)


def _members(bits: int) -> list[int]:
    return [k for k in range(bits.bit_length()) if bits >> k & 1]


def _played(strategy: Floats) -> list[int]:
    return np.flatnonzero(strategy > PLAYED).tolist()
