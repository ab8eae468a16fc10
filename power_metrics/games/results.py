"""Games from results of matches: mean payoffs, their standard errors, and how sure the equilibria are.

Results of a pair of strategies are independent draws. Equilibria are those of the mean payoffs; the bootstrap says how
they vary: results are drawn again with replacement within each pair, and the game is solved again (Efron 1979).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from power_metrics.arguments.checks import check_count, check_level
from power_metrics.games.bimatrix import Bimatrix
from power_metrics.games.enumeration import Equilibrium, nash
from power_metrics.games.files import read_lines, read_text, table

Floats = NDArray[np.float64]

DIGITS = 12
"""Of the payoffs of games that are drawn: more would make long fractions of what is noise."""


@dataclass(frozen=True, eq=False)
class Likely:
    r"""An equilibrium of the mean payoffs, and how it fares when results are drawn again.

    Attributes:
        equilibrium: of the mean payoffs.
        frequency: the share of draws with an equilibrium in which the same strategies are in play.
        x: (2, m) the interval of the row player's probabilities over these draws; nan if there are none.
        y: (2, n) that of the column player's.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import power_metrics as pm
        >>> lines = [f"{r},{c},{int(r == c) + k},{int(r == c)}" for r in "ab" for c in "ab" for k in (-0.1, 0.1)]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "matches.csv"
        ...     _ = path.write_text("\n".join(["row,column,payoff_row,payoff_column", *lines]))
        ...     found = pm.games.matches(path)
        >>> [one.frequency for one in found.likely_equilibria(num_draws=20)]
        [1.0, 1.0, 1.0]
    """

    equilibrium: Equilibrium
    frequency: float
    x: Floats
    y: Floats


@dataclass(frozen=True, eq=False)
class Matches:
    r"""Results of matches between strategies.

    Attributes:
        game: the game of the mean payoffs.
        counts: (m, n) how many results there are of each pair.
        standard_error: (2, m, n) of both players' mean payoffs.
        results: for each pair, row by row, (count, 2) the payoffs.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import power_metrics as pm
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "matches.csv"
        ...     _ = path.write_text("row,column,payoff_row,payoff_column\na,b,1,0\na,b,3,0\n")
        ...     found = pm.games.matches(path)
        >>> found.game.A.tolist(), found.standard_error[0].tolist(), found.confidence_interval()[0].round(2).tolist()
        ([[2.0]], [[1.0]], [[[-10.71, 14.71]]])
    """

    game: Bimatrix
    counts: NDArray[np.int64]
    standard_error: Floats
    results: tuple[Floats, ...]

    def confidence_interval(self, level: float = 0.95) -> Floats:
        """(2, m, n, 2) intervals of both players' mean payoffs, by Student's t.

        Raises:
            ValueError: for a level outside (0, 1).
        """
        half = stats.t.ppf((1 + check_level(level)) / 2, self.counts - 1) * self.standard_error
        mean = np.stack([self.game.A, self.game.B])
        return np.stack([mean - half, mean + half], axis=-1)

    def likely_equilibria(self, num_draws: int = 200, level: float = 0.95, seed: int = 0) -> list[Likely]:
        """The equilibria of the mean payoffs, with how often they stay and between which bounds, by the bootstrap.

        Args:
            num_draws: how often results are drawn again.
            level: of the intervals.
            seed: of the draws.

        Raises:
            ValueError: for an argument that does not fit.
        """
        level, count = check_level(level), check_count("num_draws", num_draws)
        rng = np.random.default_rng(check_count("seed", seed, least=0))
        kept: dict[tuple[bytes, bytes], list[tuple[Floats, Floats]]] = {}
        for _ in range(count):
            seen = {_support(point): (point.x, point.y) for point in nash(self._drawn(rng)).points}
            for support, pair in seen.items():
                kept.setdefault(support, []).append(pair)
        found = []
        for point in nash(self.game).points:
            pairs = kept.get(_support(point), [])
            bounds = [
                np.quantile([pair[k] for pair in pairs], [(1 - level) / 2, (1 + level) / 2], axis=0)
                if pairs
                else np.full((2, size), np.nan)
                for k, size in enumerate(self.game.shape)
            ]
            found.append(Likely(point, len(pairs) / count, bounds[0], bounds[1]))
        return found

    def _drawn(self, rng: np.random.Generator) -> Bimatrix:
        means = [one[rng.integers(len(one), size=len(one))].mean(axis=0) for one in self.results]
        tables = np.array(means).reshape(*self.game.shape, 2)
        rounded = [[[float(f"{value:.{DIGITS}g}") for value in row] for row in tables[..., k]] for k in (0, 1)]
        return Bimatrix(rounded[0], rounded[1], self.game.names)  # type: ignore[arg-type]


def matches(path: str | os.PathLike[str]) -> Matches:
    r"""Reads results of matches: ``row,column,payoff_row,payoff_column``, at least two of each pair of strategies.

    Args:
        path: of a CSV file.

    Raises:
        ValueError: for a damaged file, and pairs with fewer than two results, whose error nothing is known of; a table
            of payoffs is for `load`.
        FileNotFoundError: if there is no such file.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import power_metrics as pm
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "matches.csv"
        ...     _ = path.write_text("row,column,payoff_row,payoff_column\na,b,1,0\na,b,3,0\n")
        ...     pm.games.matches(path).counts.tolist()
        [[2]]
    """
    try:
        lines = read_lines(read_text(path))
        game, counts = table(lines)
        rows, columns = game.names
        results = tuple(
            np.array([[float(line[2]), float(line[3])] for line in lines if line[:2] == (row, column)])
            for row in rows
            for column in columns
        )
        few = next((k for k, one in enumerate(results) if len(one) < 2), None)
        if few is not None:
            i, j = divmod(few, len(columns))
            raise ValueError(
                f"expected at least two results of each pair of strategies, found one of {rows[i]!r} and "
                f"{columns[j]!r}; power_metrics.games.load reads tables of payoffs"
            )
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r}: {error}") from None
    errors = np.array([one.std(axis=0, ddof=1) / np.sqrt(len(one)) for one in results])
    return Matches(game, np.array(counts), errors.reshape(*game.shape, 2).transpose(2, 0, 1), results)


def _support(point: Equilibrium) -> tuple[bytes, bytes]:
    return (point.x > 0).tobytes(), (point.y > 0).tobytes()
