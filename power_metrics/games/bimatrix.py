"""`Bimatrix`: a game of two players in two payoff tables, with exact entries."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import as_float64
from powerenvs.model.checks import as_list
from powerenvs.model.text import text_table

Floats = NDArray[np.float64]
Exact = tuple[tuple[Fraction, ...], ...]

LARGEST = 1e100
"""Payoffs are at most this, so that no sum of products overflows."""
DIGITS = 200
"""The longest number that is read from text."""
SUM_TOLERANCE = 1e-6
"""How far from 1 the probabilities of a strategy may sum; they are scaled."""


@dataclass(frozen=True, eq=False, repr=False)
class Bimatrix:
    """A game in which two players choose at the same time: x^T A y for the row player, x^T B y for the column player.

    A number is what it is printed as: 0.1 is one tenth, and "1/3" and `fractions.Fraction` are taken too. So ties of
    payoffs are those that were meant, and equilibria are exact.

    Attributes:
        A: (m, n) payoffs of the row player, who chooses the row.
        B: (m, n) payoffs of the column player.
        names: of the strategies: those of the rows and those of the columns; one list for both where they are the same
            in number. Default: 1, 2, ...
        players: what the row and the column player are called.
        title: of the game.

    Raises:
        ValueError: for tables of different shapes, and entries that are not finite numbers.

    Example:
        >>> import power_metrics as pm
        >>> game = pm.games.Bimatrix([[3, 0], [0, 2]], [[2, 0], [0, 3]], names=["opera", "movies"])
        >>> game.payoffs([1, 0], [1, 0])
        (3.0, 2.0)
        >>> game.regret([1, 0], [1, 0]), game.regret([1, 0], [0, 1])
        (0.0, 2.0)
    """

    A: Floats
    B: Floats
    names: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    players: tuple[str, str] = ("row", "column")
    title: str = ""
    exact: tuple[Exact, Exact] = field(init=False)

    def __post_init__(self) -> None:
        exact = exact_table("A", self.A), exact_table("B", self.B)
        shapes = [(len(table), len(table[0])) for table in exact]
        if shapes[0] != shapes[1]:
            raise ValueError(f"B: expected the shape of A, {shapes[0]}, found {shapes[1]}")
        players = tuple(map(str, as_list("players", self.players, "two names")))
        if len(set(players)) != 2:
            raise ValueError(f"players: expected two different names, found {players}")
        complete = {
            "A": _floats(exact[0]),
            "B": _floats(exact[1]),
            "names": _names(self.names, shapes[0]),
            "players": players,
            "title": str(self.title),
            "exact": exact,
        }
        for name, value in complete.items():
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n), how many strategies the players have."""
        return self.A.shape[0], self.A.shape[1]

    def payoffs(self, x: Any, y: Any) -> tuple[float, float]:
        """What mixed strategies ``x``, (m,), and ``y``, (n,), earn both players on average.

        Raises:
            ValueError: for what is no distribution over the strategies.
        """
        x, y = self.strategies(x, y)
        return float(x @ self.A @ y), float(x @ self.B @ y)

    def regrets(self, x: Any, y: Any) -> tuple[float, float]:
        """How much more each player would earn by its best answer to the other's strategy.

        Raises:
            ValueError: for what is no distribution over the strategies.
        """
        x, y = self.strategies(x, y)
        rows, columns = self.A @ y, x @ self.B
        return max(0.0, float(rows.max() - x @ rows)), max(0.0, float(columns.max() - columns @ y))

    def regret(self, x: Any, y: Any) -> float:
        """The larger regret of the two players: 0 at an equilibrium, and only there.

        Raises:
            ValueError: for what is no distribution over the strategies.
        """
        return max(self.regrets(x, y))

    def strategies(self, x: Any, y: Any) -> tuple[Floats, Floats]:
        """Two mixed strategies, checked and scaled to sums of 1.

        Raises:
            ValueError: for what is no distribution over the strategies.
        """
        return distribution("x", x, self.shape[0]), distribution("y", y, self.shape[1])

    def permuted(self, columns: Sequence[int]) -> Bimatrix:
        """The game with the column player's strategies in another order: new column k is the old ``columns[k]``.

        Raises:
            ValueError: for what is no order of the columns.
        """
        order = as_list("columns", columns, "an order of the columns")
        if sorted(order) != list(range(self.shape[1])):
            raise ValueError(f"columns: expected each of 0 to {self.shape[1] - 1} once, found {order}")
        tables = [[[row[j] for j in order] for row in table] for table in self.exact]
        return self._of(tables, (self.names[0], tuple(self.names[1][j] for j in order)))

    def padded(self) -> Bimatrix:
        """The game with as many rows as columns: strategies are added that a player never wants to play.

        An added strategy earns its player 1 less than the lowest payoff there is, whatever the other does, and the
        other player the lowest payoff there is. So the equilibria are those of the game, with probability 0 on what
        was added.
        """
        m, n = self.shape
        if m == n:
            return self
        own, other = self.exact if m < n else self.exact[::-1]
        worst, least = min(map(min, own)) - 1, min(map(min, other))
        size = max(m, n)
        filled = []
        for table, value in zip(self.exact, (worst, least) if m < n else (least, worst), strict=True):
            widened = [[*row, *[value] * (size - n)] for row in table]
            filled.append(widened + [[value] * size for _ in range(size - m)])
        added = tuple(f"(added {k + 1})" for k in range(abs(m - n)))
        rows, columns = self.names
        return self._of(filled, (rows + added, columns) if m < n else (rows, columns + added))

    def symmetric(self) -> bool:
        """Whether both players are in the same position, which is B = A^T."""
        return self.exact[1] == tuple(zip(*self.exact[0], strict=True))

    def zero_sum(self) -> bool:
        """Whether what one player wins the other loses, which is B = -A."""
        return all(a == -b for pair in zip(*self.exact, strict=True) for a, b in zip(*pair, strict=True))

    def _of(self, tables: Sequence[Any], names: tuple[tuple[str, ...], tuple[str, ...]]) -> Bimatrix:
        return Bimatrix(tables[0], tables[1], names, self.players, self.title)

    def __eq__(self, other: object) -> bool:
        """Equal payoffs and names."""
        if not isinstance(other, Bimatrix):
            return NotImplemented
        return (self.exact, self.names, self.players) == (other.exact, other.names, other.players)

    def __hash__(self) -> int:
        return hash((self.exact, self.names, self.players))

    def __repr__(self) -> str:
        m, n = self.shape
        return f"Bimatrix({self.title + ', ' if self.title else ''}{m} rows, {n} columns)"

    def __str__(self) -> str:
        m, n = self.shape
        pairs = [[f"{self.A[i, j]:.6g}, {self.B[i, j]:.6g}" for j in range(n)] for i in range(m)]
        rows = [["", *self.names[1]], *([name, *pair] for name, pair in zip(self.names[0], pairs, strict=True))]
        return text_table(rows)


def as_game(A: Any, B: Any = None) -> Bimatrix:
    """The game of two tables, or the game itself.

    Raises:
        ValueError: for what is neither.
    """
    if isinstance(A, Bimatrix):
        if B is not None:
            raise ValueError("B: expected nothing beside a Bimatrix, which has both tables")
        return A
    if B is None:
        raise ValueError(
            f"B: expected the column player's payoffs beside those of the row player, or one Bimatrix, found "
            f"{type(A).__name__} alone"
        )
    return Bimatrix(A, B)


def distribution(name: str, values: Any, size: int) -> Floats:
    """Probabilities (size,) that sum to 1.

    Raises:
        ValueError: for anything else.
    """
    found = as_float64(name, values)
    if found.shape != (size,) or not np.all(found >= -1e-12) or not abs(found.sum() - 1.0) <= SUM_TOLERANCE:
        raise ValueError(f"{name}: expected {size} probabilities that sum to 1, found {values!r}")
    found = np.maximum(found, 0.0)
    return found / found.sum()


def exact_number(name: str, value: Any) -> Fraction:
    """A number as it is printed, exactly.

    Raises:
        ValueError: for what is no finite number, or one beyond 1e100.
    """
    try:
        if isinstance(value, numbers.Rational):
            found = Fraction(int(value.numerator), int(value.denominator))
        elif isinstance(value, Decimal) or (isinstance(value, str) and len(value) <= DIGITS and "_" not in value):
            found = _from_text(str(value))
        elif isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)):
            found = _from_text(repr(float(value)))
        else:
            raise TypeError
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        raise ValueError(f"{name}: expected a finite number, found {value!r}") from None
    if abs(found) > LARGEST:
        raise ValueError(f"{name}: expected payoffs of at most {LARGEST:g}, found {float(value):g}")
    return found


def _from_text(text: str) -> Fraction:
    exponent = text.lower().partition("e")[2]
    if exponent and abs(int(exponent)) > 400:  # else a short text would make a number of any length
        raise ValueError
    return Fraction(text)


def exact_table(name: str, values: Any) -> Exact:
    """A table of payoffs as fractions.

    Raises:
        ValueError: for what is no table of finite numbers.
    """
    if hasattr(values, "detach"):  # a tensor
        values = values.detach().cpu().numpy()
    values = getattr(values, "to_numpy", lambda: values)()  # a frame
    expected = "a table of payoffs, one row for each strategy of the row player"
    rows = [as_list(name, row, expected) for row in as_list(name, values, expected)]
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
        raise ValueError(f"{name}: expected {expected}, found rows of {[len(row) for row in rows]} entries")
    return tuple(
        tuple(exact_number(f"{name}[{i}, {j}]", value) for j, value in enumerate(row)) for i, row in enumerate(rows)
    )


def _floats(table: Exact) -> Floats:
    found = np.array([[float(value) for value in row] for row in table])
    found.setflags(write=False)
    return found


def _names(names: Any, shape: tuple[int, int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    given = as_list("names", () if names is None else names, "names of the rows and of the columns")
    if given and all(isinstance(name, str) for name in given):
        given = [given, given]
    elif given and len(given) != 2:
        raise ValueError(f"names: expected those of the rows and those of the columns, found {names!r}")
    both = []
    for part, size, what in zip(given or ((), ()), shape, ("rows", "columns"), strict=True):
        found = tuple(str(name) for name in part) or tuple(str(k + 1) for k in range(size))
        if len(found) != size or len(set(found)) < size:
            raise ValueError(f"names: expected {size} different names of the {what}, found {list(found)}")
        both.append(found)
    return both[0], both[1]
