"""`Store`: segments, pairs and comparisons in one SQLite file, for several raters and a training process at once."""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from power_metrics.arguments.checks import check_choice, check_count
from power_metrics.preferences.exchange import load, save
from power_metrics.preferences.records import Comparisons, Pair, agreement_rows, check_rater, check_segment, two_sides
from power_metrics.preferences.schema import (
    AGREEMENT,
    LABELS,
    LEASED,
    OPEN_PAIR,
    OWN_LEASE,
    OWN_PAIR,
    PAIR,
    put_answer,
    put_segment,
    segment_there,
    unpacked,
)
from power_metrics.preferences.segments import Segment
from power_metrics.preferences.sqlite_file import SqliteFile
from powerenvs.model.checks import real

LEASE = 120.0
"""Seconds for which a pair is kept for the rater to whom it is shown."""


class Taken(ValueError):  # noqa: N818  # a page says so to a rater, and goes on
    """A pair that a rater answers has been answered by others meanwhile, or is shown to another one now."""


class Store(SqliteFile):
    """Segments, pairs and comparisons in one SQLite file.

    Every change is a transaction, whole or not at all, and is on the disk when the call returns. Threads and processes
    may share the file; each opens it for itself. A pair is *open* until it has as many answers as are wanted (one
    unless asked), *leased* while it is shown to a rater, and *labelled* after that. No two raters are shown the same
    pair unless more answers than one are wanted, and nobody is shown a pair twice; a lease that is not answered ends
    after two minutes.

    Args:
        path: of the file; it is made if it is not there.
        lease: seconds that a pair is kept for a rater.
        clock: seconds since 1970.

    Attributes:
        path: as given.

    Raises:
        ValueError: for a file that is something else, and for arguments that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> store = pm.preferences.Store("labels.db")
        >>> [pair] = store.add_pairs([[pm.preferences.Segment([0], states=[0, s]) for s in (1, 2)]])
        >>> store.next_pair("ann").id, store.next_pair("bob")
        (1, None)
        >>> store.answer(pair, "ann", "tie")
        1
    """

    def __init__(self, path: str | os.PathLike[str], *, lease: float = LEASE, clock: Callable[[], float] = time.time):
        if not 0 < real(lease) < float("inf"):
            raise ValueError(f"lease: expected a number of seconds above 0, found {lease!r}")
        if not callable(clock):
            raise ValueError(f"clock: expected a function without arguments, found {clock!r}")
        self._lease, self._clock = float(lease), clock
        try:
            place = Path(path)
        except TypeError:
            raise ValueError(f"path: expected the name of a file, found {path!r}") from None
        super().__init__(place)

    def __repr__(self) -> str:
        return f"Store({os.fspath(self.path)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(Store, lease=self._lease, clock=self._clock), (self.path,)

    # segments and pairs

    def add_segments(self, segments: Iterable[Segment]) -> list[int]:
        """Puts segments in, and gives their numbers; one with the same content as another has the same.

        Raises:
            ValueError: for what is no segment.
        """
        checked = [check_segment(one) for one in segments]
        with self._write() as db:
            return [put_segment(db, one) for one in checked]

    def segment(self, number: int) -> Segment:
        """The segment of a number, with its pictures if it has any.

        Raises:
            ValueError: for a number that is not there.
        """
        row = self._read(
            "SELECT content, frames FROM segments WHERE id = ?", (check_count("number", number, 1),)
        ).fetchone()
        if row is None:
            raise ValueError(f"number: expected that of a segment in the store, found {number!r}")
        return unpacked(*row)

    def segments(self, numbers: Iterable[int] | None = None) -> dict[int, Segment]:
        """{number: segment} of these, or of all, without pictures.

        Raises:
            ValueError: for a number that is not there.
        """
        if numbers is None:
            rows = self._read("SELECT id, content FROM segments ORDER BY id").fetchall()
            return {number: unpacked(content) for number, content in rows}
        wanted = sorted({check_count("numbers", number, 1) for number in numbers})
        rows = []
        for start in range(0, len(wanted), 500):  # SQLite takes 999 values at a time
            some = wanted[start : start + 500]
            marks = ",".join("?" * len(some))
            rows += self._read(f"SELECT id, content FROM segments WHERE id IN ({marks}) ORDER BY id", some).fetchall()
        found = {number: unpacked(content) for number, content in rows}
        if missing := [number for number in wanted if number not in found]:
            raise ValueError(f"numbers: expected those of segments in the store, found {missing[0]}")
        return found

    def add_pairs(
        self,
        pairs: Iterable[Sequence[Segment | int]],
        *,
        schedule: str = "",
        priority: float = 0.0,
        labels: int = 1,
        rater: str | None = None,
    ) -> list[int]:
        """Opens pairs for comparison, and gives their numbers.

        Args:
            pairs: of two segments each, left and right, or their numbers.
            schedule: how they were chosen, for the record.
            priority: higher ones are shown first; among equals, those with fewer answers and the older ones.
            labels: how many raters are to answer each.
            rater: the only one to whom they are shown, or None.

        Raises:
            ValueError: for what is no pair of two different segments, and numbers that are not there.
        """
        checked = [two_sides(pair) for pair in pairs]
        wanted, level = check_count("labels", labels), real(priority)
        if not np.isfinite(level):
            raise ValueError(f"priority: expected a number, found {priority!r}")
        if not isinstance(schedule, str):
            raise ValueError(f"schedule: expected a text, found {schedule!r}")
        only = None if rater is None else check_rater(rater)
        if only is not None and wanted > 1:
            raise ValueError(f"labels: expected 1 for pairs of one rater, found {wanted}")
        now = self._clock()
        with self._write() as db:
            found = []
            for two in checked:
                sides = [put_segment(db, one) if isinstance(one, Segment) else segment_there(db, one) for one in two]
                if sides[0] == sides[1]:
                    raise ValueError(f"pairs: expected two different segments, found number {sides[0]} twice")
                row = (*sides, now, schedule, level, only, wanted)
                done = db.execute(
                    'INSERT INTO pairs ("left", "right", made, schedule, priority, rater, wanted) '
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
                found.append(int(done.lastrowid or 0))
            return found

    def repeat(self, pair: int, rater: str | None = None) -> int:
        """Opens a pair once more, with its sides exchanged: for a rater's agreement with oneself, or anybody.

        Raises:
            ValueError: for a number that is not there.
        """
        found = self.pair(pair)
        [again] = self.add_pairs([(found.right, found.left)], schedule="repeat", priority=1.0, rater=rater)
        return again

    def pair(self, number: int) -> Pair:
        """The pair of a number.

        Raises:
            ValueError: for a number that is not there.
        """
        row = self._read(f"{PAIR} WHERE id = ?", (check_count("pair", number, 1),)).fetchone()
        if row is None:
            raise ValueError(f"pair: expected the number of a pair in the store, found {number!r}")
        return Pair(*row)

    # raters

    def next_pair(self, rater: str) -> Pair | None:
        """The pair for a rater to answer now, kept for two minutes from now; None if there is none.

        One that is shown to the rater already comes again, so that nothing is lost by loading a page anew.

        Raises:
            ValueError: for a rater without a name.
        """
        name, now = check_rater(rater), self._clock()
        with self._write() as db:
            row = db.execute(OWN_LEASE, (name, now)).fetchone()
            if row is None:
                row = (
                    db.execute(OWN_PAIR, (name,)).fetchone()
                    or db.execute(OPEN_PAIR, {"rater": name, "now": now}).fetchone()
                )
            if row is None:
                return None
            shown = row[4] if len(row) > 4 else now
            until = now + self._lease
            db.execute("DELETE FROM leases WHERE pair = ? AND until <= ?", (row[0], now))
            db.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", (row[0], name, shown, until))
            number, left, right, schedule = row[:4]
            return Pair(number, left, right, schedule, shown, until)

    def answer(
        self,
        pair: int,
        rater: str,
        label: str,
        response_time: float | None = None,
        *,
        shown: float | None = None,
        responded: float | None = None,
    ) -> int:
        """Keeps an answer, and gives its number; it is on the disk when this returns.

        An answer that comes after the two minutes counts if nobody else has the pair by then.

        Args:
            pair: its number.
            rater: who.
            label: "left", "right", "tie", or "incomparable" for can't tell.
            response_time: seconds that it took; since the pair was shown, if that is known, when None.
            shown: when the pair was shown; when it was leased, if it was, when None.
            responded: when it was answered; now when None.

        Raises:
            Taken: (a ValueError of this module) for a pair that others have answered, or that is shown to another
                rater now.
            ValueError: for a pair that is not there, or that this rater has answered, and other labels.
        """
        name, number, word = check_rater(rater), check_count("pair", pair, 1), check_choice("label", label, LABELS)
        for what, value in (("response_time", response_time), ("shown", shown), ("responded", responded)):
            if value is not None and not 0 <= real(value) < float("inf"):
                raise ValueError(f"{what}: expected seconds of at least 0, found {value!r}")
        now = self._clock()
        with self._write() as db:
            row = db.execute(
                'SELECT "left", "right", rater, wanted - answered FROM pairs WHERE id = ?', (number,)
            ).fetchone()
            if row is None:
                raise ValueError(f"pair: expected the number of a pair in the store, found {pair!r}")
            left, right, only, open_ = row
            mine = (number, name)
            if db.execute("SELECT 1 FROM comparisons WHERE pair = ? AND rater = ? AND undone IS NULL", mine).fetchone():
                raise ValueError(f"pair: {name!r} has answered pair {number}; undo that to answer anew")
            if only not in (None, name):
                raise Taken(f"pair: pair {number} is for {only!r} only, found {name!r}")
            lease = db.execute("SELECT shown, until FROM leases WHERE pair = ? AND rater = ?", mine).fetchone()
            others = "SELECT COUNT(*) FROM leases WHERE pair = ? AND rater != ? AND until > ?"
            held = db.execute(others, (*mine, now)).fetchone()[0]
            if open_ <= 0 or (held >= open_ and (lease is None or lease[1] <= now)):
                what = "has all the answers that were wanted" if open_ <= 0 else "is shown to another rater now"
                raise Taken(f"pair: pair {number} {what}")
            ended = now if responded is None else float(responded)
            began = shown if shown is not None else None if lease is None else lease[0]
            if response_time is None and began is not None and responded is None:
                response_time = max(0.0, ended - began)
            return put_answer(db, number, (left, right), name, word, (began, ended, response_time))

    def undo(self, rater: str) -> Pair | None:
        """Takes back the last answer of a rater, and shows that pair again; None if there is no answer to take back.

        The answer stays in the file, with the time at which it was undone, and counts no more.

        Raises:
            ValueError: for a rater without a name.
        """
        name, now = check_rater(rater), self._clock()
        with self._write() as db:
            row = db.execute(
                "SELECT id, pair FROM comparisons WHERE rater = ? AND undone IS NULL ORDER BY id DESC LIMIT 1", (name,)
            ).fetchone()
            if row is None:
                return None
            db.execute("UPDATE comparisons SET undone = ? WHERE id = ?", (now, row[0]))
            db.execute("UPDATE pairs SET answered = answered - 1 WHERE id = ?", (row[1],))
            # Newer than any other lease of the rater, so that it is the one that comes next.
            db.execute(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", (row[1], name, now, now + self._lease + 1e-3)
            )
            found = db.execute(f"{PAIR} WHERE id = ?", (row[1],)).fetchone()
            number, left, right, schedule = found
            return Pair(number, left, right, schedule, now, now + self._lease)

    # what there is

    def comparisons(self, *, latest: int | None = None, rater: str | None = None, after: int = 0) -> Comparisons:
        """The answers that count, in order.

        Args:
            latest: only so many, the last ones; the paper keeps 3,000 on Atari.
            rater: only those of one.
            after: only those with higher numbers.

        Raises:
            ValueError: for numbers out of range.
        """
        where, values = "c.undone IS NULL AND c.id > ?", [check_count("after", after, 0)]
        if rater is not None:
            where, values = f"{where} AND c.rater = ?", [*values, check_rater(rater)]  # type: ignore[list-item]
        limit = "" if latest is None else f"LIMIT {check_count('latest', latest)}"
        rows = self._read(
            'SELECT c.id, c.pair, p."left", p."right", c.label, c.rater, p.schedule, c.shown, c.responded, '
            f"c.response_time FROM comparisons c JOIN pairs p ON p.id = c.pair WHERE {where} "
            f"ORDER BY c.id DESC {limit}",
            values,
        ).fetchall()[::-1]
        columns = list(zip(*rows, strict=True)) if rows else [()] * 10
        whole = [np.array(column, dtype=np.int64) for column in columns[:4]]
        times = [np.array(column, dtype=np.float64) for column in columns[7:]]  # None becomes nan
        return Comparisons(*whole, *columns[4:7], *times)  # type: ignore[arg-type]

    def num_labels(self) -> int:
        """How many answers count."""
        return int(self._read("SELECT COUNT(*) FROM comparisons WHERE undone IS NULL").fetchone()[0])

    def num_pairs(self, schedule: str | None = None) -> int:
        """How many pairs there are; of one schedule, where it is given."""
        if schedule is None:
            return int(self._read("SELECT COUNT(*) FROM pairs").fetchone()[0])
        return int(self._read("SELECT COUNT(*) FROM pairs WHERE schedule = ?", (schedule,)).fetchone()[0])

    def num_open(self) -> int:
        """How many pairs want more answers, those that are shown to somebody now included."""
        query = "SELECT (SELECT COUNT(*) FROM pairs WHERE answered < wanted AND rater IS {0} NULL)"
        return sum(int(self._read(query.format(word)).fetchone()[0]) for word in ("", "NOT"))

    def upcoming(self, count: int) -> list[Pair]:
        """The pairs for anybody that come next and are shown to nobody now; none is kept for it.

        Args:
            count: how many, at most.

        Raises:
            ValueError: for what is no such number.
        """
        query = (
            f"{PAIR} AS p WHERE answered < wanted AND rater IS NULL "
            "AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.pair = p.id AND l.until > ?) "
            "ORDER BY priority DESC, answered, id LIMIT ?"
        )
        return [Pair(*row) for row in self._read(query, (self._clock(), check_count("count", count)))]

    def counts(self) -> dict[str, Any]:
        """How many pairs are "open", "leased" and "labelled", and answers by "labels" and "raters".

        Leased pairs are no more counted as open. "undone" are answers taken back, "last_hour" those given within the
        hour, "seconds" their mean response time (None without any).
        """
        now = self._clock()
        with self._snapshot() as db:
            [pairs] = db.execute("SELECT COUNT(*) FROM pairs").fetchone()
            still = self.num_open()
            [leased] = db.execute(LEASED, (now,)).fetchone()
            by = db.execute(
                "SELECT rater, label, COUNT(*) FROM comparisons WHERE undone IS NULL GROUP BY rater, label"
            ).fetchall()
            [taken] = db.execute("SELECT COUNT(*) FROM comparisons WHERE undone IS NOT NULL").fetchone()
            recent, mean = db.execute(
                "SELECT COUNT(*), AVG(response_time) FROM comparisons WHERE undone IS NULL AND responded > ?",
                (now - 3600.0,),
            ).fetchone()
        labels, raters = dict.fromkeys(LABELS, 0), dict[str, int]()
        for rater, label, count in by:
            labels[label] += count
            raters[rater] = raters.get(rater, 0) + count
        return {
            "pairs": pairs, "open": still - leased, "leased": leased, "labelled": pairs - still,
            "comparisons": sum(raters.values()), "undone": taken, "labels": labels, "raters": raters,
            "last_hour": recent, "seconds": mean,
        }  # fmt: skip

    def agreement(self) -> list[dict[str, Any]]:
        """How often two answers about the same two segments are the same, for each two raters, and each with oneself.

        Sides may be exchanged. Each row has "raters" (two names, the same twice for oneself), "pairs" (of answers),
        "same", "agreement" (the share) and "kappa" (Cohen's, above what chance gives; None where it has no meaning).
        """
        return agreement_rows(self._read(AGREEMENT).fetchall())

    @property
    def about(self) -> dict[str, Any]:
        """What is noted about the whole: the environment, for one."""
        rows = self._read("SELECT key, value FROM about ORDER BY key").fetchall()
        return {key: json.loads(value) for key, value in rows}

    def note(self, **values: Any) -> None:
        """Notes something about the whole, as JSON.

        Args:
            **values: {key: value}.

        Raises:
            ValueError: for what JSON has no form for.
        """
        try:
            rows = [(key, json.dumps(value, allow_nan=False)) for key, value in values.items()]
        except (TypeError, ValueError) as error:
            raise ValueError(f"values: expected what JSON has, found something else ({error})") from None
        with self._write() as db:
            db.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", rows)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes all there is as JSON lines (.jsonl), or the answers that count as a table (.csv); see `load`.

        JSON lines have everything: pictures, open pairs and answers that were undone too. The table has neither.

        Raises:
            ValueError: for another suffix.
        """
        with self._snapshot() as db:
            save(db, path)

    def load(self, path: str | os.PathLike[str]) -> int:
        """Takes in what `save` wrote, whole or not at all, and gives how many answers were new.

        Answers that are here already (the same segments, rater and time) are not taken twice.

        Raises:
            ValueError: for a file of something else.
        """
        with self._write() as db:
            return load(db, path, self._clock())
