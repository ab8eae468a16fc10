"""Stores of preferences as JSON lines and as tables of comma-separated values."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from power_metrics.arguments.checks import check_choice, check_suffix
from power_metrics.preferences.schema import LABELS, put_answer, put_segment, unpacked
from power_metrics.preferences.segments import Segment
from powerenvs.model.files import atomic_path, read_text

_PAIR = ("id", "left", "right", "made", "schedule", "priority", "rater", "wanted")
_ANSWER = ("pair", "rater", "label", "shown", "responded", "response_time", "undone")
_SIDES = ("actions", "states", "observations", "rewards", "ended")
COLUMNS = (
    "rater", "label", "shown", "responded", "response_time", "schedule",
    *(f"{side}_{name}" for side in ("left", "right") for name in _SIDES),
)  # fmt: skip
"""Of the table: arrays are JSON lists, and what is unknown is empty."""


def save(db: sqlite3.Connection, path: str | os.PathLike[str]) -> None:
    """Writes a store; see `power_metrics.preferences.Store.save`."""
    suffix = check_suffix("path", path, (".jsonl", ".csv"))
    with atomic_path(path) as temporary, Path(temporary).open("w", encoding="utf-8", newline="") as out:
        if suffix == ".jsonl":
            for line in _lines(db):
                out.write(json.dumps(line) + "\n")
        else:
            writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(_rows(db))


def load(db: sqlite3.Connection, path: str | os.PathLike[str], now: float) -> int:
    """Takes a file in; see `power_metrics.preferences.Store.load`."""
    suffix, text = check_suffix("path", path, (".jsonl", ".csv")), read_text(os.fspath(path))
    try:
        return _take_lines(db, text) if suffix == ".jsonl" else _take_rows(db, text, now)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, sqlite3.Error, zlib.error) as error:
        raise ValueError(
            f"path: expected preferences in {os.fspath(path)!r}, found something else ({error!r})"
        ) from None


def _lines(db: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    yield {"about": {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM about")}}
    for number, content, frames in db.execute("SELECT id, content, frames FROM segments ORDER BY id"):
        pictures = None if frames is None else base64.b64encode(frames).decode()
        yield {"segment": {"id": number, "content": base64.b64encode(content).decode(), "frames": pictures}}
    names = ", ".join(f'"{name}"' for name in _PAIR)
    for row in db.execute(f"SELECT {names} FROM pairs ORDER BY id"):
        yield {"pair": dict(zip(_PAIR, row, strict=True))}
    for row in db.execute(f"SELECT {', '.join(_ANSWER)} FROM comparisons ORDER BY id"):
        yield {"comparison": dict(zip(_ANSWER, row, strict=True))}


def _rows(db: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    found = db.execute(
        "SELECT c.rater, c.label, c.shown, c.responded, c.response_time, p.schedule, l.content, r.content "
        'FROM comparisons c JOIN pairs p ON p.id = c.pair JOIN segments l ON l.id = p."left" '
        'JOIN segments r ON r.id = p."right" WHERE c.undone IS NULL ORDER BY c.id'
    )
    for *values, left, right in found:
        row = dict(zip(COLUMNS, values, strict=False))
        for side, content in (("left", left), ("right", right)):
            segment = unpacked(content)
            for name in _SIDES:
                value = getattr(segment, name)
                row[f"{side}_{name}"] = (
                    "" if value is None else json.dumps(value.tolist() if isinstance(value, np.ndarray) else value)
                )
        yield row


def _take_lines(db: sqlite3.Connection, text: str) -> int:
    segments: dict[int, int] = {}
    pairs: dict[int, tuple[int, tuple[int, int]]] = {}
    new = 0
    for line in text.splitlines():
        if not line.strip():
            continue
        [(kind, value)] = json.loads(line).items()
        if kind == "about":
            rows = [(key, json.dumps(one)) for key, one in value.items()]
            db.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", rows)
        elif kind == "segment":
            pictures = None if value["frames"] is None else base64.b64decode(value["frames"])
            segment = unpacked(base64.b64decode(value["content"]), pictures)
            segments[value["id"]] = put_segment(db, segment)
        elif kind == "pair":
            sides = segments[value["left"]], segments[value["right"]]
            pairs[value["id"]] = _pair_like(db, {**value, "left": sides[0], "right": sides[1]}), sides
        elif kind == "comparison":
            pair, sides = pairs[value["pair"]]
            times = value["shown"], value["responded"], value["response_time"]
            new += _new_answer(db, pair, sides, value["rater"], value["label"], times, value["undone"])
        else:
            raise ValueError(f"unknown {kind!r}")
    return new


def _pair_like(db: sqlite3.Connection, value: Mapping[str, Any]) -> int:
    """The number of this pair, which is put in if it is not there."""
    names = [name for name in _PAIR if name != "id"]
    same = db.execute(
        'SELECT id FROM pairs WHERE "left" = ? AND "right" = ? AND made = ? AND schedule = ? AND rater IS ?',
        [value[name] for name in ("left", "right", "made", "schedule", "rater")],
    ).fetchone()
    if same is not None:
        return int(same[0])
    columns = ", ".join(f'"{name}"' for name in names)
    done = db.execute(f"INSERT INTO pairs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", [value[name] for name in names])
    return int(done.lastrowid or 0)


def _new_answer(
    db: sqlite3.Connection,
    pair: int,
    sides: tuple[int, int],
    rater: str,
    label: str,
    times: tuple[Any, Any, Any],
    undone: float | None,
) -> int:
    """Puts an answer in unless it is there; 1 if it counts and was not."""
    check_choice("label", label, LABELS)
    there = db.execute(
        "SELECT 1 FROM comparisons WHERE pair = ? AND rater = ? AND responded = ?", (pair, rater, float(times[1]))
    ).fetchone()
    if there is not None:
        return 0
    if undone is None:
        db.execute("UPDATE pairs SET wanted = answered + 1 WHERE id = ? AND answered = wanted", (pair,))
    put_answer(db, pair, sides, rater, label, times, undone)
    return int(undone is None)


def _take_rows(db: sqlite3.Connection, text: str, now: float) -> int:
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(f"expected the columns {', '.join(COLUMNS)}, found {reader.fieldnames}")
    new = 0
    for row in reader:
        sides = [put_segment(db, _side(row, side)) for side in ("left", "right")]
        both = sides[0], sides[1]
        if both[0] == both[1]:
            raise ValueError("two equal segments")
        shown, responded, seconds = (
            float(row[name]) if row[name] else None for name in ("shown", "responded", "response_time")
        )
        if responded is None:
            raise ValueError("no time of an answer")
        there = db.execute(
            "SELECT 1 FROM comparisons c JOIN pairs p ON p.id = c.pair WHERE c.rater = ? AND c.responded = ? "
            'AND p."left" = ? AND p."right" = ?',
            (row["rater"], responded, *both),
        ).fetchone()
        if there is None:
            about = {
                "left": both[0], "right": both[1], "made": now, "schedule": row["schedule"], "priority": 0.0,
                "rater": row["rater"], "wanted": 1,
            }  # fmt: skip
            names = ", ".join(f'"{name}"' for name in about)
            done = db.execute(f"INSERT INTO pairs ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", list(about.values()))
            times = shown, responded, seconds
            new += _new_answer(db, int(done.lastrowid or 0), both, row["rater"], row["label"], times, None)
    return new


def _side(row: Mapping[str, str], side: str) -> Segment:
    found = {name: json.loads(row[f"{side}_{name}"]) for name in _SIDES if row[f"{side}_{name}"]}
    return Segment(**found)
