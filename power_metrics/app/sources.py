"""What a page is about, from JSON: an edited level, a registered environment or game, a graph, or a file of its own."""

from __future__ import annotations

import json
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from power_metrics.app import bounds
from power_metrics.app.catalogue import environment_ids
from powerenvs.authoring.family import load, name_of
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.registry import games, graphs
from powerenvs.sources.by_name import load_game, load_model, title_of
from powerenvs.sources.model_files import load as load_file
from powerenvs.worlds.power.edited_records import world_of
from powerenvs.worlds.power.editing import EditedWorld

KINDS = ("level", "id", "file")
TEXT_FILES = (".gv", ".dot")


@dataclass(frozen=True)
class Source:
    """A model and how a program gets it.

    Attributes:
        model: the tables.
        subject: what a measure is given: the environment, where there is one, or the tables.
        title: on one line.
        lines: Python that makes it, and calls it ``env``.
        edited: the level, where it is one.
        world: the world of one of ours, for pictures.
    """

    model: TabularMDP | TabularGame
    subject: Any
    title: str
    lines: tuple[str, ...]
    edited: EditedWorld | None = None
    world: Any = None


_kept: OrderedDict[str, Source] = OrderedDict()
_KEEP = 16


def source_of(given: Any) -> Source:
    """The source that a page names. The last few are kept.

    Raises:
        ValueError: for what is none, or too large.
    """
    given = bounds.mapping("source", given)
    key = json.dumps(given, sort_keys=True)
    if len(key) > bounds.MAX_BODY:
        raise ValueError("source: expected less than a megabyte")
    if key not in _kept:
        kind = bounds.one_of("source.kind", given.get("kind"), KINDS)
        found = {"level": _level, "id": _environment, "file": _file}[kind](given)
        if found.model.num_states > bounds.MAX_STATES:
            raise ValueError(
                f"source: expected at most {bounds.MAX_STATES:,} states for a page, found {found.model.num_states:,}; "
                "use Python or the command line"
            )
        _kept[key] = found
        if len(_kept) > _KEEP:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]


def edited_of(given: Mapping[str, Any]) -> EditedWorld:
    """The edited level of a source of kind "level"; it need not be a world.

    Raises:
        ValueError: for what is no level.
    """
    return world_of({key: value for key, value in given.items() if key not in ("kind", "name")})


def _level(given: dict[str, Any]) -> Source:
    edited = edited_of(given)
    free = sum(len(row) - row.count("#") for row in edited.rows)
    states = free**2 if edited.pair else free
    if states > bounds.MAX_STATES:
        raise ValueError(
            f"source: the model has {states:,} states, and a page takes at most {bounds.MAX_STATES:,}; save the level "
            "and use powerenvs power"
        )
    model = edited.model()
    name = bounds.text("source.name", given.get("name", "level"))
    return Source(model, model, name, level_lines(edited), edited)


def level_lines(edited: EditedWorld) -> tuple[str, ...]:
    """Python that makes an edited level."""
    options = [f"noise={edited.noise!r}"] if edited.noise else []
    options += [f"walls={edited.walls!r}"] if edited.walls != "bump" else []
    options += ["pair=True"] if edited.pair else []
    options += ["overlaps=False"] if not edited.overlaps else []
    rows = [f"    {row!r}," for row in edited.rows]
    made = ["import powerenvs", "", "level = [", *rows, "]"]
    made.append(f"world = powerenvs.EditedWorld({', '.join(['level', *options])})")
    for cell, action, agent in sorted(edited.removed, key=lambda entry: (entry[0], entry[1], entry[2] or "")):
        words = [repr(tuple(cell)), repr(action), *([repr(agent)] if agent else [])]
        made.append(f"world = world.remove({', '.join(words)})")
    for agent, place in edited.places.items():
        made.append(f"world = world.place({agent!r}, {tuple(place)!r})")
    return (*made, "env = world.model()")


def _environment(given: dict[str, Any]) -> Source:
    name = bounds.text("source.id", given.get("id"))
    kwargs = bounds.plain("source.kwargs", bounds.mapping("source.kwargs", given.get("kwargs", {})))
    if name in graphs():
        if kwargs:
            raise ValueError("source.kwargs: expected none for a graph")
        mdp = load(graphs()[name])()
        return Source(mdp, mdp, name, ("from powerenvs import tabular_model", "", f"env = tabular_model({name!r})"))
    game = next((entry for entry in games().values() if name in entry.names), None)
    if game is not None:
        loaded = load_game(game.name, kwargs)
        target = game.world if isinstance(game.world, str) else f"{game.world.__module__}:{name_of(game.world)}"
        module, _, world = target.partition(":")
        words = ", ".join(f"{key}={value!r}" for key, value in kwargs.items())
        made = (f"from {module} import {world}", "", f"env = {world}({words})")
        return Source(loaded.game, loaded.game, loaded.title, made, world=loaded.world)
    if name not in environment_ids():
        raise ValueError(f"source.id: unknown id {name!r}; the list of worlds has all that can be shown")
    model = load_model(name, kwargs)
    words = ", ".join([repr(name), *(f"{key}={value!r}" for key, value in kwargs.items())])
    lines = ("import gymnasium as gym", "import powerenvs", "", f"env = gym.make({words})")
    return Source(model.mdp, model.subject, title_of(name, kwargs), lines, world=model.world)


def _file(given: dict[str, Any]) -> Source:
    """A Graphviz file whose text the page has."""
    name = bounds.file_name(given.get("name"), TEXT_FILES)
    content = bounds.text("source.text", given.get("text"), bounds.MAX_TEXT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "graph.gv")
        path.write_text(content, encoding="utf-8")
        try:
            model = load_file(path)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), name)) from None
    lines = ("from powerenvs.sources import load", "", f"env = load({name!r})  # the file that was opened")
    return Source(model, model, name, lines)
