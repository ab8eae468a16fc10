"""`SqliteFile`: a file of preferences, opened once by each thread and process."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from power_metrics.preferences.schema import APPLICATION, SCHEMA, VERSION


class SqliteFile:
    """A file of preferences; it is made if it is not there.

    Attributes:
        path: of the file.

    Raises:
        ValueError: for a file that is something else.
    """

    def __init__(self, path: Path):
        self.path, self._local = path, threading.local()
        self._open()

    def close(self) -> None:
        """Closes the file for this thread; the next call opens it again."""
        found = getattr(self._local, "connection", None)
        if found is not None:
            found[1].close()
            self._local.connection = None

    def _open(self) -> sqlite3.Connection:
        """The connection of this thread, and of this process after a fork."""
        found = getattr(self._local, "connection", None)
        if found is not None and found[0] == os.getpid():
            return found[1]  # type: ignore[no-any-return]
        try:
            db = sqlite3.connect(self.path, timeout=60.0, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            version = _prepared(db)
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"path: expected a store of preferences, found {os.fspath(self.path)!r} ({error})"
            ) from None
        if version != (APPLICATION, VERSION):
            db.close()
            raise ValueError(
                f"path: expected a store of preferences of version {VERSION}, found {os.fspath(self.path)!r} of "
                f"{'version ' + str(version[1]) if version[0] == APPLICATION else 'something else'}"
            )
        self._local.connection = os.getpid(), db
        return db

    def _read(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._open().execute(query, values)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with _transaction(self._open(), "BEGIN IMMEDIATE") as db:
            yield db

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one state."""
        with _transaction(self._open(), "BEGIN") as db:
            yield db


@contextmanager
def _transaction(db: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
    db.execute(begin)
    try:
        yield db
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _prepared(db: sqlite3.Connection) -> tuple[int, int]:
    """Makes the tables in an empty file; gives what file it is."""

    def kind() -> tuple[int, int]:
        return (db.execute("PRAGMA application_id").fetchone()[0], db.execute("PRAGMA user_version").fetchone()[0])

    if kind() == (0, 0):
        with _transaction(db, "BEGIN IMMEDIATE"):
            empty = not db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
            if kind() == (0, 0) and empty:
                for statement in SCHEMA.split(";"):
                    db.execute(statement)
    return kind()
