"""Edited worlds as JSON values: records that other programs keep, and edits that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from powerenvs.authoring.level import WALL
from powerenvs.authoring.moves import DIRECTIONS
from powerenvs.model.checks import real
from powerenvs.model.labels import closest
from powerenvs.worlds.power.edited_content import GLYPHS, Content, Removal, cell_within
from powerenvs.worlds.power.editing import EditedWorld

MAX_SIDE = 100
"""Rows and columns of a level that comes as a record."""
MAX_REMOVED = 2000

KEYS = ("rows", "noise", "walls", "pair", "overlaps", "removed", "places")


def record_of(world: EditedWorld) -> dict[str, Any]:
    """The content of a world as JSON values, without its history."""
    removed = sorted(world.removed, key=lambda entry: (entry.cell, entry.action, entry.agent or ""))
    return {
        "rows": list(world.rows),
        "noise": world.noise,
        "walls": world.walls,
        "pair": world.pair,
        "overlaps": world.overlaps,
        "removed": [[*entry.cell, entry.action, entry.agent] for entry in removed],
        "places": {agent: list(cell) for agent, cell in world.places.items()},
    }


def world_of(record: Mapping[str, Any]) -> EditedWorld:
    """The world that a record holds. Like edits, it may be a level that is no world yet; `EditedWorld.model` tells.

    Args:
        record: what `record_of` gives; only "rows" has to be there.

    Raises:
        ValueError: for what is no record.

    Example:
        >>> from powerenvs import EditedWorld
        >>> from powerenvs.worlds.power.edited_records import record_of, world_of
        >>> world = EditedWorld("open_3x3").wall((1, 1)).remove((0, 0), "down")
        >>> world_of(record_of(world)) == world
        True
    """
    for key in record:
        if key not in KEYS:
            raise ValueError(f"world: unknown key {key!r}; {closest(key, KEYS)}")
    rows = _rows(record.get("rows"))
    pair, overlaps, walls = record.get("pair", False), record.get("overlaps", True), record.get("walls", "bump")
    blank = EditedWorld("..", walls=walls, pair=pair, overlaps=overlaps)
    noise = real(record.get("noise", 0.0))
    if not 0 <= noise <= 1:
        raise ValueError(f"noise: expected a number from 0 to 1, found {record.get('noise')!r}")
    shape = len(rows), len(rows[0])
    removed = frozenset(_removal(blank, shape, entry) for entry in _removals(record.get("removed", [])))
    places = record.get("places", {})
    if not isinstance(places, Mapping) or any(agent not in blank.agents for agent in places):
        raise ValueError(f"places: expected cells of {' and '.join(blank.agents) or 'no agents'}, found {places!r}")
    cells = tuple(_cell(shape, places[agent]) if places.get(agent) else None for agent in blank.agents)
    for cell in [*(entry.cell for entry in removed), *filter(None, cells)]:
        if rows[cell[0]][cell[1]] == WALL:
            raise ValueError(f"world: expected removed transitions and places in free cells, found a wall in {cell}")
    return blank.with_content(Content(rows, noise, removed, cells))


def _rows(rows: Any) -> tuple[str, ...]:
    if not isinstance(rows, (list, tuple)) or not rows or not all(isinstance(row, str) for row in rows):
        raise ValueError(f"rows: expected rows of text, found {str(rows)[:80]!r}")
    if len(rows) > MAX_SIDE or max(map(len, rows)) > MAX_SIDE:
        raise ValueError(f"rows: expected at most {MAX_SIDE} rows and columns, found {len(rows)} by {len(rows[0])}")
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError(f"rows: expected rows of one length, found lengths {sorted({len(row) for row in rows})}")
    unknown = {glyph for row in rows for glyph in row} - set(GLYPHS)
    if unknown:
        raise ValueError(f"rows: expected the glyphs {' '.join(GLYPHS)}, found {min(unknown)!r}")
    return tuple(rows)


def _removals(entries: Any) -> list[Any]:
    if not isinstance(entries, list) or len(entries) > MAX_REMOVED:
        raise ValueError(
            f"removed: expected a list of at most {MAX_REMOVED:,} transitions, found {str(entries)[:80]!r}"
        )
    return entries


def _removal(blank: EditedWorld, shape: tuple[int, int], entry: Any) -> Removal:
    if not isinstance(entry, (list, tuple)) or len(entry) != 4 or not isinstance(entry[2], str):
        raise ValueError(f"removed: expected [row, column, action, agent], found {str(entry)[:80]!r}")
    row, column, action, agent = entry
    if action not in DIRECTIONS:
        raise ValueError(f"removed: unknown action {action!r}; {closest(action, DIRECTIONS)}")
    if agent not in (blank.agents or (None,)):
        raise ValueError(f"removed: expected an agent of {blank.agents or 'none'}, found {agent!r}")
    return Removal(_cell(shape, [row, column]), action, agent)


def _cell(shape: tuple[int, int], given: Any) -> tuple[int, int]:
    if (
        not isinstance(given, (list, tuple))
        or len(given) != 2
        or not all(isinstance(number, int) and not isinstance(number, bool) for number in given)
    ):
        raise ValueError(f"cell: expected [row, column], found {str(given)[:80]!r}")
    return cell_within(shape, (given[0], given[1]))


def edited(world: EditedWorld, edit: Mapping[str, Any]) -> EditedWorld:
    """The world after an edit that is given as JSON values: {"op": ..., and what the operation takes}.

    Args:
        world: before it.
        edit: "op" is one of `EDITS`; "cell" is [row, column], "at" a row or a column.

    Raises:
        ValueError: for an unknown operation, missing or wrong values, and what the edit itself refuses.

    Example:
        >>> from powerenvs import EditedWorld
        >>> from powerenvs.worlds.power.edited_records import edited
        >>> edited(EditedWorld("..."), {"op": "draw", "cell": [0, 1], "glyph": "#"}).text
        '.#.'
    """
    if not isinstance(edit, Mapping) or not isinstance(edit.get("op"), str) or edit["op"] not in EDITS:
        found = edit.get("op") if isinstance(edit, Mapping) else edit
        raise ValueError(f"edit: expected one of {', '.join(EDITS)}, found {str(found)[:80]!r}")
    if edit["op"].startswith("add") and max(world.shape) >= MAX_SIDE:
        raise ValueError(f"edit: expected at most {MAX_SIDE} rows and columns, found one more")
    return EDITS[edit["op"]](world, edit)


def _at(world: EditedWorld, edit: Mapping[str, Any]) -> tuple[int, int]:
    return _cell(world.shape, edit.get("cell"))


def _text(edit: Mapping[str, Any], key: str) -> str:
    value = edit.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key}: expected text, found {value!r}")
    return value


def _position(edit: Mapping[str, Any]) -> int | None:
    at = edit.get("at")
    if at is not None and (not isinstance(at, int) or isinstance(at, bool)):
        raise ValueError(f"at: expected a whole number, found {at!r}")
    return at


def _place(world: EditedWorld, edit: Mapping[str, Any]) -> EditedWorld:
    return world.place(_text(edit, "agent"), None if edit.get("cell") is None else _at(world, edit))


def _agent(edit: Mapping[str, Any]) -> str | None:
    return None if edit.get("agent") is None else _text(edit, "agent")


EDITS: Mapping[str, Callable[[EditedWorld, Mapping[str, Any]], EditedWorld]] = {
    "draw": lambda world, edit: world.draw(_at(world, edit), _text(edit, "glyph")),
    "remove": lambda world, edit: world.remove(_at(world, edit), _text(edit, "action"), _agent(edit)),
    "restore": lambda world, edit: world.restore(_at(world, edit), _text(edit, "action"), _agent(edit)),
    "place": _place,
    "noise": lambda world, edit: world.with_noise(real(edit.get("noise"))),
    "add_row": lambda world, edit: world.add_row(_position(edit)),
    "add_column": lambda world, edit: world.add_column(_position(edit)),
    "remove_row": lambda world, edit: world.remove_row(_position(edit)),
    "remove_column": lambda world, edit: world.remove_column(_position(edit)),
}
"""What can be asked for, by name."""
