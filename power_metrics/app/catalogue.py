"""What there is, for a page: worlds, games, graphs, levels, measures and their settings, from the registries."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import threading
from collections.abc import Mapping
from typing import Any

from power_metrics.arguments.parameters import Parameter
from powerenvs.authoring.family import load
from powerenvs.authoring.styles import SHARED
from powerenvs.authoring.world import TableWorld
from powerenvs.registry import environments, families, graphs
from powerenvs.worlds.power.levels import LEVELS

TABLES_OF_OTHERS = ("FrozenLake-v1", "FrozenLake8x8-v1", "CliffWalking-v1", "Taxi-v3")
"""Gymnasium's own with exact tables."""
PATHS = {("agency", "trajectory"), ("multiagent_power", "seed_policy")}
"""Settings that may be the name of a file in programs; a page must not name files."""
CHOICES: Mapping[str, tuple[str, ...]] = {
    "method": ("monte_carlo", "antithetic", "sobol", "enumeration", "closed_form", "auto"),
    "ties": ("count", "split"),
}
"""Known words of settings that signatures do not list."""


_looking = threading.Lock()  # packages that import each other must not be imported by two threads at once


def environment_ids() -> tuple[str, ...]:
    """The ids that may be shown and played: those of all families, and known ones of Gymnasium and MiniGrid."""
    with _looking:
        return _environment_ids()


@functools.cache
def _environment_ids() -> tuple[str, ...]:
    import gymnasium as gym

    found = [entry.id for entry in environments()]
    found += [id for id in TABLES_OF_OTHERS if id in gym.registry]
    return (*found, *minigrid_ids())


@functools.cache
def minigrid_ids() -> tuple[str, ...]:
    """MiniGrid's own ids, where it is installed."""
    if importlib.util.find_spec("minigrid") is None:
        return ()
    import gymnasium as gym
    import minigrid  # noqa: F401  # registers them

    return tuple(sorted(id for id, spec in gym.registry.items() if str(spec.entry_point).startswith("minigrid.")))


def catalogue() -> dict[str, Any]:
    """Everything that a page chooses from, as JSON values."""
    from power_metrics.measures.registry import measures
    from powerenvs.version import __version__

    return {
        "version": __version__,
        "levels": {name: _rows(text) for name, text in LEVELS.items()},
        "worlds": [*_worlds(), *({**OTHER, "id": id} for id in TABLES_OF_OTHERS if id in environment_ids())],
        "minigrid": [id for id in environment_ids() if id in minigrid_ids()],
        "games": [
            {"id": entry.name, "family": family.title, "summary": entry.summary, "arguments": _arguments(entry.world)}
            for family in families()
            for entry in family.games
        ],
        "graphs": list(graphs()),
        "measures": [
            {
                "name": one.name,
                "game": one.game,
                "summary": one.summary,
                "description": one.description,
                "together": one.together,
                "settings": [
                    _setting(one.name, parameter)
                    for parameter in one.settings.values()
                    if (one.name, parameter.name) not in PATHS or parameter.name == "trajectory"
                ],
            }
            for one in measures().values()
        ],
        "glyphs": {meaning: list(style.colour) for meaning, style in SHARED.items()},
    }


OTHER: dict[str, Any] = {"family": "Gymnasium", "summary": "", "kwargs": {}, "arguments": [], "observations": []}


def _worlds() -> list[dict[str, Any]]:
    return [
        {
            "id": entry.id,
            "family": family.title,
            "summary": entry.summary,
            "kwargs": dict(entry.exact),
            "arguments": [
                *_arguments(entry.world),
                {"name": "max_episode_steps", "default": entry.max_episode_steps, "meaning": "the time limit"},
            ],
            "observations": _pictures(entry.world),
        }
        for family in families()
        for entry in family.worlds
    ]


def _pictures(target: Any) -> list[str]:
    """The kinds of observation of a world that are pictures."""
    kind = load(target)
    seen = ["first_person", "top_down"] if kind.scene is not TableWorld.scene else ["rgb"]
    return [*seen, *kind.views]


def _rows(text: str) -> list[str]:
    return inspect.cleandoc(text).split("\n")


def _arguments(target: Any) -> list[dict[str, Any]]:
    """The arguments of a world, with those defaults that JSON has."""
    from power_metrics.measures.registry import documented_arguments

    kind = load(target)
    meanings = documented_arguments(inspect.getdoc(kind) or "")
    return [
        {
            "name": name,
            "default": one.default if isinstance(one.default, (str, int, float, bool)) else None,
            "meaning": meanings.get(name, ""),
        }
        for name, one in inspect.signature(kind).parameters.items()
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    ]


def _setting(measure: str, one: Parameter) -> dict[str, Any]:
    default = None if one.default is one.empty else one.default
    if isinstance(default, tuple):
        default = list(default)
    return {
        "name": one.name,
        "kind": one.kind.metavar,
        "default": default if isinstance(default, (str, int, float, bool, list)) else _words(default),
        "required": one.default is one.empty,
        "several": one.several,
        "meaning": one.meaning.replace("``", ""),
        "choices": list(CHOICES.get(one.name, ())) if one.kind.metavar == "WORD" else [],
    }


def _words(default: Any) -> str | None:
    """A distribution as a page writes it: ``uniform(0, 1)``."""
    if default is None:
        return None
    text = repr(default)
    name, bracket, rest = text.partition("(")
    inside = ", ".join(f"{float(part.partition('=')[2]):g}" for part in rest.rstrip(")").split(",") if "=" in part)
    return f"{name.lower()}({inside})" if bracket else text
