"""The tables of the store, and how segments lie in them."""

from __future__ import annotations

import json
import sqlite3
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.preferences.segments import Segment

VERSION = 1
APPLICATION = 0x70726566  # "pref"
LABELS = ("left", "right", "tie", "incomparable")
"""What a rater may say of a pair; "incomparable" is "can't tell"."""
MIRRORED = {"left": "right", "right": "left", "tie": "tie", "incomparable": "incomparable"}
PREFERENCE = {"left": 1.0, "right": 0.0, "tie": 0.5, "incomparable": float("nan")}
"""How much each label is for the left segment."""

SCHEMA = f"""
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL UNIQUE, length INTEGER NOT NULL,
    content BLOB NOT NULL, frames BLOB
);
CREATE TABLE pairs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    "left" INTEGER NOT NULL REFERENCES segments(id), "right" INTEGER NOT NULL REFERENCES segments(id),
    made REAL NOT NULL, schedule TEXT NOT NULL, priority REAL NOT NULL, rater TEXT,
    wanted INTEGER NOT NULL CHECK (wanted >= 1), answered INTEGER NOT NULL DEFAULT 0
        CHECK (answered BETWEEN 0 AND wanted)
);
CREATE INDEX pairs_open ON pairs (priority DESC, answered, id) WHERE answered < wanted AND rater IS NULL;
CREATE INDEX pairs_own ON pairs (rater, priority DESC, id) WHERE answered < wanted AND rater IS NOT NULL;
CREATE TABLE leases (
    pair INTEGER NOT NULL REFERENCES pairs(id), rater TEXT NOT NULL, shown REAL NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (rater, pair)
) WITHOUT ROWID;
CREATE INDEX leases_pair ON leases (pair);
CREATE TABLE comparisons (
    id INTEGER PRIMARY KEY AUTOINCREMENT, pair INTEGER NOT NULL REFERENCES pairs(id), rater TEXT NOT NULL,
    label TEXT NOT NULL CHECK (label IN {LABELS}), shown REAL, responded REAL NOT NULL, response_time REAL,
    undone REAL, low INTEGER NOT NULL, high INTEGER NOT NULL, choice TEXT NOT NULL, again INTEGER NOT NULL
);
CREATE UNIQUE INDEX comparisons_one ON comparisons (pair, rater) WHERE undone IS NULL;
CREATE INDEX comparisons_segments ON comparisons (low, high, id, rater, choice) WHERE undone IS NULL;
CREATE INDEX comparisons_again ON comparisons (low, high, id, rater, choice)
    WHERE undone IS NULL AND again;
CREATE INDEX comparisons_rater ON comparisons (rater, label) WHERE undone IS NULL;
CREATE INDEX comparisons_last ON comparisons (rater, id) WHERE undone IS NULL;
CREATE INDEX comparisons_time ON comparisons (responded, response_time) WHERE undone IS NULL;
CREATE INDEX comparisons_undone ON comparisons (undone) WHERE undone IS NOT NULL;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""
"""``low`` and ``high`` are the segments of a pair in order, ``choice`` the label as if ``low`` were left, ``again``
whether somebody had compared the same two before: what agreement is found by, whichever side a segment was on."""

_PARTS = ("actions", "states", "observations", "rewards")


def put_segment(db: sqlite3.Connection, segment: Segment) -> int:
    """Puts a segment in, unless one with its content is there; gives its number."""
    row = db.execute("SELECT id FROM segments WHERE digest = ?", (segment.digest,)).fetchone()
    if row is not None:
        return int(row[0])
    values = (segment.digest, len(segment), *packed(segment))
    done = db.execute("INSERT INTO segments (digest, length, content, frames) VALUES (?, ?, ?, ?)", values)
    return int(done.lastrowid or 0)


def put_answer(
    db: sqlite3.Connection,
    pair: int,
    sides: tuple[int, int],
    rater: str,
    label: str,
    times: tuple[float | None, float, float | None],
    undone: float | None = None,
) -> int:
    """Puts an answer in, and ends the rater's lease; gives its number. The times: shown, responded, how long."""
    low, high = sorted(sides)
    choice = label if low == sides[0] else MIRRORED[label]
    again = db.execute(
        "SELECT EXISTS (SELECT 1 FROM comparisons WHERE low = ? AND high = ? AND undone IS NULL)", (low, high)
    ).fetchone()[0]
    done = db.execute(
        "INSERT INTO comparisons (pair, rater, label, shown, responded, response_time, undone, low, high, choice, "
        "again) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (pair, rater, label, *times, undone, low, high, choice, again),
    )
    if undone is None:
        db.execute("UPDATE pairs SET answered = answered + 1 WHERE id = ?", (pair,))
    db.execute("DELETE FROM leases WHERE pair = ? AND rater = ?", (pair, rater))
    return int(done.lastrowid or 0)


def segment_there(db: sqlite3.Connection, number: int) -> int:
    """The number of a segment, or a ValueError if there is none of that number."""
    if db.execute("SELECT 1 FROM segments WHERE id = ?", (number,)).fetchone() is None:
        raise ValueError(f"pairs: expected numbers of segments in the store, found {number}")
    return number


def packed(segment: Segment) -> tuple[bytes, bytes | None]:
    """A segment as bytes, and its pictures."""
    kept = {name: getattr(segment, name) for name in _PARTS}
    arrays = {name: values for name, values in kept.items() if values is not None}
    pictures = None if segment.frames is None else _bytes({"frames": segment.frames}, {})
    return _bytes(arrays, {"ended": segment.ended}), pictures


def unpacked(content: bytes, frames: bytes | None = None) -> Segment:
    """What `packed` made."""
    arrays, about = _arrays(content)
    pictures = None if frames is None else _arrays(frames)[0]["frames"]
    return Segment(
        arrays["actions"], arrays.get("states"), arrays.get("observations"), arrays.get("rewards"), pictures,
        about["ended"],
    )  # fmt: skip


def _bytes(arrays: dict[str, NDArray[Any]], about: dict[str, Any]) -> bytes:
    """A line of JSON that says what follows, and that; arrays of numbers only."""
    head = {**about, "arrays": [[name, values.dtype.str, values.shape] for name, values in arrays.items()]}
    return zlib.compress(json.dumps(head).encode() + b"\n" + b"".join(v.tobytes() for v in arrays.values()), 1)


def _arrays(content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    line, _, rest = zlib.decompress(content).partition(b"\n")
    about = json.loads(line)
    found, start = {}, 0
    for name, kind, shape in about.pop("arrays"):
        dtype = np.dtype(kind)
        if dtype.kind not in "iuf":
            raise ValueError(f"segment: expected arrays of numbers, found {kind!r}")
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        found[name] = np.frombuffer(rest[start : start + size], dtype).reshape(shape)
        start += size
    return found, about


PAIR = 'SELECT id, "left", "right", schedule FROM pairs'
OWN_LEASE = """
SELECT p.id, p."left", p."right", p.schedule, l.shown FROM leases l JOIN pairs p ON p.id = l.pair
WHERE l.rater = ? AND l.until > ? AND p.answered < p.wanted ORDER BY l.until DESC LIMIT 1
"""
OWN_PAIR = f"{PAIR} WHERE rater = ? AND answered < wanted ORDER BY priority DESC, id LIMIT 1"
OPEN_PAIR = f"""
{PAIR} AS p WHERE answered < wanted AND rater IS NULL
AND NOT EXISTS (SELECT 1 FROM comparisons c WHERE c.pair = p.id AND c.rater = :rater AND c.undone IS NULL)
AND (SELECT COUNT(*) FROM leases l WHERE l.pair = p.id AND l.until > :now) < wanted - answered
ORDER BY priority DESC, answered, id LIMIT 1
"""
LEASED = """
SELECT COUNT(DISTINCT l.pair) FROM leases l JOIN pairs p ON p.id = l.pair
WHERE l.until > ? AND p.answered < p.wanted
"""
AGREEMENT = """
SELECT a.rater, b.rater, a.choice, b.choice, COUNT(*) FROM comparisons b
JOIN comparisons a ON a.low = b.low AND a.high = b.high AND a.id < b.id AND a.undone IS NULL
WHERE b.undone IS NULL AND b.again GROUP BY a.rater, b.rater, a.choice, b.choice
"""
