"""Games in files: Gambit's strategic form (``.nfg``), and tables of payoffs (``.csv``).

A CSV file has a line for each pair of strategies: ``row,column,payoff_row,payoff_column``. Gambit's two forms are read,
with payoffs and with outcomes; its order is that the first player's strategy changes fastest.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from power_metrics.games.bimatrix import Bimatrix, exact_number
from powerenvs.model.files import atomic_path

COLUMNS = ("row", "column", "payoff_row", "payoff_column")
SUFFIXES = (".nfg", ".csv")
MAX_BYTES = 10_000_000
"""The longest file that is read."""

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}])|([^\s{}",]+)')


def load(path: str | os.PathLike[str]) -> Bimatrix:
    """Reads a game of two players.

    Args:
        path: a file that ends in ``.nfg`` (Gambit) or ``.csv``.

    Raises:
        ValueError: for other files, damaged ones, and games of other than two players; several results of one pair of
            strategies, as from matches, are for `matches`.
        FileNotFoundError: if there is no such file.

    Example:
        >>> import os, tempfile
        >>> import power_metrics as pm
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "game.nfg")
        ...     pm.games.save(pm.games.named("chicken"), path)
        ...     pm.games.load(path) == pm.games.named("chicken")
        True
    """
    kind, text = _suffix(path), read_text(path)
    try:
        if kind == ".nfg":
            return _from_nfg(text)
        game, counts = table(read_lines(text))
        if max(map(max, counts)) > 1:
            raise ValueError(
                "expected one line for each pair of strategies, found several; "
                "power_metrics.games.matches averages results of matches"
            )
        return game
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r}: {error}") from None


def save(game: Bimatrix, path: str | os.PathLike[str]) -> None:
    """Writes a game, whole or not at all; the suffix chooses the format. Numbers are exact.

    Args:
        game: a `Bimatrix`.
        path: where to, ending in ``.nfg`` (Gambit) or ``.csv``.

    Raises:
        ValueError: for another suffix, and for what is no game.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import power_metrics as pm
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "game.csv"
        ...     pm.games.save(pm.games.Bimatrix([["1/3"]], [[2]]), path)
        ...     print(path.read_text().strip())
        row,column,payoff_row,payoff_column
        1,1,1/3,2
    """
    if not isinstance(game, Bimatrix):
        raise ValueError(f"game: expected a Bimatrix, found {type(game).__name__}")
    text = _as_nfg(game) if _suffix(path) == ".nfg" else _as_csv(game)
    with atomic_path(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file.

    Raises:
        ValueError: for a file that is too long, or no text.
    """
    if (size := Path(path).stat().st_size) > MAX_BYTES:
        raise ValueError(f"{os.fspath(path)!r}: expected at most {MAX_BYTES:,} bytes, found {size:,}")
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{os.fspath(path)!r}: expected text in UTF-8, found something else") from None


def read_lines(text: str) -> list[tuple[str, str, Fraction, Fraction]]:
    """The lines of a CSV text: the strategies of both players and their payoffs.

    Raises:
        ValueError: for other columns, and what is no number.
    """
    try:
        reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, strict=True)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"expected the columns {', '.join(COLUMNS)}, found {', '.join(reader.fieldnames or ())!r}")
        found = []
        for line in reader:
            if any(line[name] is None for name in COLUMNS):
                raise ValueError(f"line {reader.line_num}: expected {len(COLUMNS)} entries, found fewer")
            paid = [exact_number(f"line {reader.line_num}, {name}", line[name].strip()) for name in COLUMNS[2:]]
            found.append((line["row"], line["column"], paid[0], paid[1]))
    except csv.Error as error:
        raise ValueError(f"expected a CSV file, found a broken one ({error})") from None
    if not found:
        raise ValueError("expected lines of payoffs, found none")
    return found


def table(lines: Sequence[tuple[str, str, Fraction, Fraction]]) -> tuple[Bimatrix, list[list[int]]]:
    """The game of the mean payoffs, and how many lines each pair of strategies has.

    Raises:
        ValueError: for a pair without a line.
    """
    rows, columns = list(dict.fromkeys(line[0] for line in lines)), list(dict.fromkeys(line[1] for line in lines))
    paid: dict[tuple[str, str], list[tuple[Fraction, Fraction]]] = {}
    for row, column, first, second in lines:
        paid.setdefault((row, column), []).append((first, second))
    missing = next(((r, c) for r in rows for c in columns if (r, c) not in paid), None)
    if missing is not None:
        raise ValueError(
            f"expected a line for each pair of strategies, found none for {missing[0]!r} and {missing[1]!r}"
        )
    means = [
        [[sum((pair[k] for pair in paid[r, c]), Fraction()) / len(paid[r, c]) for c in columns] for r in rows]
        for k in (0, 1)
    ]
    counts = [[len(paid[r, c]) for c in columns] for r in rows]
    return Bimatrix(means[0], means[1], (tuple(rows), tuple(columns))), counts  # type: ignore[arg-type]


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"path: expected a file that ends in {' or '.join(SUFFIXES)}, found {os.fspath(path)!r}")
    return suffix


def _from_nfg(text: str) -> Bimatrix:
    tokens: list[tuple[str, str]] = []
    place = 0
    for match in _TOKEN.finditer(text):
        if text[place : match.start()].strip(" \t\r\n,"):
            break
        kind = "text" if match[1] is not None else "brace" if match[2] else "word"
        tokens.append((kind, re.sub(r"\\(.)", r"\1", match[1]) if kind == "text" else match[0]))
        place = match.end()
    if text[place:].strip(" \t\r\n,"):
        raise ValueError(f"expected a strategic game of Gambit, found {text[place:].strip()[:20]!r} in it")
    reader = _Tokens(tokens)
    if [reader.take("word") for _ in range(2)] != ["NFG", "1"]:
        raise ValueError("expected a file that begins with NFG 1, found another")
    reader.take("word")  # R or D: both hold rational numbers as well as decimal ones
    title, players = reader.take("text"), reader.group()
    if len(players) != 2 or not all(isinstance(name, str) for name in players):
        raise ValueError(f"expected two players, found {len(players)}")
    given = reader.group()
    if given and all(isinstance(part, str) for part in given):
        given = [[str(k + 1) for k in range(_whole(str(count)))] for count in given]
    if len(given) != 2 or not all(isinstance(part, list) and part for part in given):
        raise ValueError("expected the strategies of two players, found other ones")
    if reader.next_kind() == "text":
        reader.take("text")  # a comment
    m, n = (len(part) for part in given)
    outcomes: list[tuple[str, str]] = []
    if reader.next_kind() == "brace":
        for outcome in reader.group():
            if not isinstance(outcome, list) or len(outcome) != 3 or not all(isinstance(v, str) for v in outcome):
                raise ValueError("expected outcomes with a name and two payoffs, found other ones")
            outcomes.append((str(outcome[1]), str(outcome[2])))
    words = reader.rest()
    expected = m * n * (1 if outcomes else 2)
    if len(words) != expected:
        raise ValueError(f"expected {expected} numbers for {m} x {n} strategies, found {len(words)}")
    pairs = (
        [_outcome(outcomes, word) for word in words] if outcomes else list(zip(words[::2], words[1::2], strict=True))
    )
    tables = [[[exact_number("payoff", pairs[i + m * j][k]) for j in range(n)] for i in range(m)] for k in (0, 1)]
    labels = tuple(tuple(str(name) for name in part) for part in given)
    return Bimatrix(tables[0], tables[1], labels, (str(players[0]), str(players[1])), title)  # type: ignore[arg-type]


def _whole(word: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", word):
        raise ValueError(f"expected a whole number, found {word!r}")
    return int(word)


def _outcome(outcomes: list[tuple[str, str]], word: str) -> tuple[str, str]:
    """The payoffs of an outcome by its number; 0 stands for none, which pays nothing."""
    number = 0 if word == "0" else _whole(word)
    if number > len(outcomes):
        raise ValueError(f"expected outcomes 1 to {len(outcomes)}, found {number}")
    return outcomes[number - 1] if number else ("0", "0")


class _Tokens:
    """Reads words, texts and groups in braces, one after the other."""

    def __init__(self, tokens: list[tuple[str, str]]):
        self._left = tokens[::-1]

    def next_kind(self) -> str:
        return self._left[-1][0] if self._left else "end"

    def take(self, kind: str) -> str:
        if self.next_kind() != kind:
            found = self._left[-1][1] if self._left else "the end"
            raise ValueError(f"expected a {kind}, found {found!r}")
        return self._left.pop()[1]

    def group(self) -> list[str | list[str]]:
        """What stands in braces: words and texts, and groups of them."""
        self._open()
        found: list[str | list[str]] = []
        while (token := self._left.pop() if self._left else None) != ("brace", "}"):
            if token is None:
                raise ValueError("expected a closing brace, found the end")
            if token == ("brace", "{"):
                inner: list[str] = []
                while self.next_kind() in ("word", "text"):
                    inner.append(self._left.pop()[1])
                if not self._left or self._left.pop() != ("brace", "}"):
                    raise ValueError("expected a closing brace, found something else")
                found.append(inner)
            else:
                found.append(token[1])
        return found

    def rest(self) -> list[str]:
        """The words that are left."""
        wrong = next((text for kind, text in self._left[::-1] if kind != "word"), None)
        if wrong is not None:
            raise ValueError(f"expected numbers to the end, found {wrong!r}")
        return [text for _, text in self._left[::-1]]

    def _open(self) -> None:
        if self.take("brace") != "{":
            raise ValueError("expected an opening brace, found '}'")


def _as_nfg(game: Bimatrix) -> str:
    m, n = game.shape
    groups = " ".join("{ " + " ".join(map(_quoted, part)) + " }" for part in game.names)
    head = f'NFG 1 R {_quoted(game.title)} {{ {" ".join(map(_quoted, game.players))} }}\n{{ {groups} }}\n""\n'
    lines = [" ".join(f"{game.exact[0][i][j]} {game.exact[1][i][j]}" for i in range(m)) for j in range(n)]
    return head + "\n" + "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _as_csv(game: Bimatrix) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for i, row in enumerate(game.names[0]):
        for j, column in enumerate(game.names[1]):
            writer.writerow([row, column, game.exact[0][i][j], game.exact[1][i][j]])
    return out.getvalue()
