"""`SweepConfig`: what a sweep varies and what it holds fixed."""

from __future__ import annotations

import itertools
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from power_metrics.rewards.distributions import PerState
from power_metrics.sweeps.yaml_files import read_mapping, yaml_text
from powerenvs.model.labels import closest, label_text
from powerenvs.sources.by_name import argument_names, game_name
from powerenvs.sources.files import suffixes

KINDS = ("single_agent", "fixed_policy", "two_agents")

_SHARED: dict[str, Any] = {
    "environment": "PowerGrid-v0",
    "gamma": 0.9,
    "reward": "uniform(0, 1)",
    "states_with_identical_rewards": None,
    "allow_all_equal": True,
    "num_samples": 10_000,
    "keep_samples": 0,
    "seed": 0,
}
_ONE = {"method": "monte_carlo", "tolerance": None}
_GAME = {"without_overlaps": False}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "single_agent": {**_SHARED, **_ONE},
    "fixed_policy": {**_SHARED, **_ONE, **_GAME, "policy": "uniform"},
    "two_agents": {**_SHARED, **_GAME, "gamma_a": None, "correlation": 0.0, "seed_policy": "uniform", "rounds": 1},
}
"""The keys of each kind, with their defaults."""

_ABOUT = ("name", "description", "kind")
KEYS = (*_ABOUT, *dict.fromkeys(key for defaults in DEFAULTS.values() for key in defaults))
"""Every key that is not an argument of the environment."""

CONFIG_FILE = "config.yaml"
MAX_POINTS = 100_000


@dataclass(frozen=True)
class SweepConfig:
    """A grid of settings: every key has one value, or a list of them.

    Make one with `from_dict` or `from_file`. Keys that are not listed in `KEYS` are arguments of the environment.

    Attributes:
        name: names the folder of the results; letters, digits, "_" and "-".
        description: free text.
        kind: "single_agent"; "fixed_policy", one agent of a game whose other plays a fixed policy; "two_agents".
        values: {key: its values}, of all keys, those left out with their defaults; one value where it is not swept.
        parameters: the keys that are swept, in the order of the file.
    """

    name: str
    description: str
    kind: str
    values: Mapping[str, tuple[Any, ...]]
    parameters: tuple[str, ...]

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> SweepConfig:
        """Reads a YAML or JSON file; paths in it count from its folder.

        Raises:
            ValueError: naming the file, for whatever `from_dict` refuses.
            OSError: if the file cannot be read.
        """
        mapping = read_mapping(path)
        try:
            return cls.from_dict(mapping, Path(path).parent)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r}: {error}") from None

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], folder: str | os.PathLike[str] = ".") -> SweepConfig:
        """Checks keys and kind; `power_metrics.sweep` checks every value before it starts.

        Args:
            mapping: a list is a grid; a value that is a list itself is written in a list.
            folder: relative paths count from it.

        Raises:
            ValueError: for an unknown key (with the closest known one), a key of another kind, an empty list, equal
                values in a list, and values that are not plain (texts, numbers, lists, mappings).
        """
        return cls._made(mapping, Path(folder), checked=False)

    @classmethod
    def from_folder(cls, folder: str | os.PathLike[str]) -> SweepConfig:
        """Reads the ``config.yaml`` in a folder of results; files that it names may be gone.

        Raises:
            ValueError: if the file does not parse.
            FileNotFoundError: if there is none.
        """
        path = Path(folder) / CONFIG_FILE
        try:
            return cls._made(read_mapping(path), path.parent, checked=True)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r}: expected the configuration of a sweep, found: {error}") from None

    @classmethod
    def _made(cls, mapping: Mapping[str, Any], folder: Path, checked: bool) -> SweepConfig:
        """From a mapping whose keys have been ``checked`` or have not."""
        if not isinstance(mapping, Mapping):
            raise ValueError(f"config: expected a mapping of keys to values, found {type(mapping).__name__}")
        given = {str(key): _plain(str(key), value) for key, value in mapping.items()}
        lists = {key: _grid(key, value) for key, value in given.items() if key not in _ABOUT}
        for key in ("environment", "policy", "seed_policy", "level"):
            if key in lists:
                lists[key] = tuple(_path(key, value, folder) for value in lists[key])
        kind = _kind(given, lists.get("environment", (_SHARED["environment"],)))
        if not checked:
            _check_keys(lists, kind)
        name, description = _about(given)
        values = {**lists, **{key: (value,) for key, value in _defaults(lists, kind).items() if key not in lists}}
        parameters = tuple(key for key in lists if isinstance(given[key], list))
        if math.prod(map(len, values.values())) > MAX_POINTS:
            raise ValueError(f"config: expected at most {MAX_POINTS:,} points, found more")
        return cls(name, description, kind, MappingProxyType(values), parameters)

    @property
    def points(self) -> list[dict[str, Any]]:
        """The settings of each point, all keys: the product of the lists, in the order of the file."""
        return [
            dict(zip(self.values, combination, strict=True)) for combination in itertools.product(*self.values.values())
        ]

    @property
    def environment_keys(self) -> tuple[str, ...]:
        """The keys that are arguments of the environment."""
        return tuple(key for key in self.values if key not in KEYS)

    def as_dict(self) -> dict[str, Any]:
        """All keys, those left out with their defaults; `from_dict` makes an equal configuration of it."""
        about = {"name": self.name, "description": self.description, "kind": self.kind}
        return about | {
            key: list(values) if key in self.parameters else values[0] for key, values in self.values.items()
        }

    def to_yaml(self) -> str:
        """`as_dict` as the text of a YAML file."""
        return yaml_text(self.as_dict())


def _about(given: Mapping[str, Any]) -> tuple[str, str]:
    name, description = given.get("name"), given.get("description") or ""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        found = repr(name) if "name" in given else "none"
        raise ValueError(f"name: expected a name of letters, digits, '_' and '-', found {found}")
    if not isinstance(description, str):
        raise ValueError(f"description: expected text, found {description!r}")
    return name, description


def _plain(key: str, value: Any) -> Any:
    """The value as what YAML can hold: texts, finite numbers, truth values, None, lists and mappings of these."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(key, part) for part in value]
    if isinstance(value, Mapping):
        return {part if isinstance(part, str) else label_text(part): _plain(key, v) for part, v in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, PerState):
        states = {label_text(label): _plain(key, known) for label, known in value.distributions.items()}
        return {"default": _plain(key, value.default), "states": states}
    if key == "reward" and callable(getattr(value, "sample", None)):
        return repr(value)
    raise ValueError(f"{key}: expected text, a number, a list or a mapping, found {value!r}")


def _grid(key: str, value: Any) -> tuple[Any, ...]:
    values = tuple(value) if isinstance(value, list) else (value,)
    if not values:
        raise ValueError(f"{key}: expected at least one value, found an empty list")
    texts = [json.dumps(one, sort_keys=True) for one in values]
    for one, text in zip(values, texts, strict=True):
        if texts.count(text) > 1:
            raise ValueError(f"{key}: expected different values, found {one!r} twice")
    return values


def _path(key: str, value: Any, folder: Path) -> Any:
    """A file's path made absolute; anything else as it is."""
    endings = (".txt",) if key == "level" else suffixes()
    if isinstance(value, str) and value.endswith(endings) and "\n" not in value:
        return os.fspath((folder / value).resolve())
    return value


def _kind(given: Mapping[str, Any], environments: tuple[Any, ...]) -> str:
    """The kind that is given, or that the environment and the presence of a policy tell."""
    for environment in environments:
        if not isinstance(environment, str):
            raise ValueError(f"environment: expected an id, a game or a file, found {environment!r}")
    kind = given.get("kind")
    if kind is not None:
        if kind not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}; {closest(kind, KINDS)}")
        return str(kind)
    for environment in environments:
        if environment.endswith(suffixes()) and not Path(environment).is_file():
            raise ValueError(f"environment: there is no file {environment!r}")
    games = [game_name(environment) is not None for environment in environments]
    if any(games) != all(games):
        raise ValueError(
            f"environment: expected games only or none, found the game {environments[games.index(True)]!r} and "
            f"{environments[games.index(False)]!r}"
        )
    if not all(games):
        return "single_agent"
    return "fixed_policy" if "policy" in given else "two_agents"


def _check_keys(lists: Mapping[str, Any], kind: str) -> None:
    """Refuses keys that nothing reads."""
    environments = lists.get("environment", (_SHARED["environment"],))
    known: list[str] | None = []
    for environment in environments:
        try:
            names = argument_names(environment)
        except ValueError as error:
            raise ValueError(f"environment: {error}") from None
        known = None if names is None or known is None else [*known, *names]
    for key in lists:
        if key in DEFAULTS[kind] or (key not in KEYS and (known is None or key in known)):
            continue
        if key in KEYS:
            where = ", ".join(other for other in KINDS if key in DEFAULTS[other])
            raise ValueError(f"{key}: goes with the kinds {where} only, and this is {kind}")
        raise ValueError(f"{key}: unknown key; {closest(key, [*DEFAULTS[kind], *_ABOUT, *(known or [])])}")


def _defaults(lists: Mapping[str, tuple[Any, ...]], kind: str) -> dict[str, Any]:
    """The defaults of a kind; no number of samples where a method or a tolerance may settle it."""
    found = dict(DEFAULTS[kind])
    methods, tolerances = lists.get("method", ("monte_carlo",)), lists.get("tolerance", (None,))
    if any(one in ("auto", "enumeration", "closed_form") for one in methods) or any(t is not None for t in tolerances):
        found["num_samples"] = None
    return found
