"""`SweepConfig`: what a sweep varies and what it holds fixed."""

from __future__ import annotations

import itertools
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from power_metrics.rewards.distributions import PerState
from power_metrics.sweeps.keys import ABOUT, ENVIRONMENT, Keys
from power_metrics.sweeps.yaml_files import read_mapping, yaml_text
from powerenvs.model.files import check_text
from powerenvs.model.labels import label_text
from powerenvs.sources.by_name import code_named_by
from powerenvs.sources.model_files import suffixes

CONFIG_FILE = "config.yaml"
MAX_POINTS = 100_000


@dataclass(frozen=True)
class SweepConfig:
    """A grid of settings: every key has one value, or a list of them.

    Make one with `from_dict` or `from_file`. Keys are those of every sweep, the parameters of the measure, and the
    arguments of the environment.

    Attributes:
        name: names the folder of the results; letters, digits, "_" and "-".
        description: free text.
        kind: "single_agent"; "fixed_policy", one agent of a game whose other plays a fixed policy; "two_agents".
        measure: what is measured at each point, a key of `power_metrics.measures()`.
        values: {key: its values}, of all keys, those left out with their defaults; one value where it is not swept.
        parameters: the keys that are swept, in the order of the file.
        environment_keys: the keys that are arguments of the environment.
        measure_keys: the keys that are parameters of the measure.
        given: the keys that were given, not left out.

    Example:
        >>> import power_metrics as pm
        >>> config = pm.SweepConfig.from_dict({"name": "grid", "level": "open_3x3", "gamma": [0.5, 0.9]})
        >>> config.measure, config.parameters, len(config.points)
        ('power', ('gamma',), 2)
    """

    name: str
    description: str
    kind: str
    measure: str
    values: Mapping[str, tuple[Any, ...]]
    parameters: tuple[str, ...]
    environment_keys: tuple[str, ...] = field(compare=False)
    measure_keys: tuple[str, ...] = field(compare=False)
    given: tuple[str, ...] = field(compare=False)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, allow_imports: bool = False) -> SweepConfig:
        """Reads a YAML or JSON file; paths in it count from its folder.

        Args:
            path: of the file.
            allow_imports: see `from_dict`.

        Raises:
            ValueError: naming the file, for whatever `from_dict` refuses.
            OSError: if the file cannot be read.
        """
        mapping = read_mapping(path)
        try:
            return cls.from_dict(mapping, Path(path).parent, allow_imports=allow_imports)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r}: {error}") from None

    @classmethod
    def from_dict(
        cls, mapping: Mapping[str, Any], folder: str | os.PathLike[str] = ".", *, allow_imports: bool = False
    ) -> SweepConfig:
        """Checks keys and kind; `power_metrics.sweep` checks every value before it starts.

        Args:
            mapping: a list is a grid; a value that is a list itself is written in a list.
            folder: relative paths count from it.
            allow_imports: whether an environment "module:ID" may have its module imported, whose code then runs;
                minigrid, and what has been imported already, need no leave.

        Raises:
            ValueError: for an environment whose code may not run, an unknown key (with the closest known one), a key of
                another kind, an empty list, equal values in a list, and values that are not plain (texts,
                numbers, lists, mappings).
        """
        return cls._from_mapping(mapping, Path(folder), checked=False, allow_imports=allow_imports)

    @classmethod
    def from_folder(cls, folder: str | os.PathLike[str]) -> SweepConfig:
        """Reads the ``config.yaml`` in a folder of results; files that it names may be gone.

        Raises:
            ValueError: if the file does not parse.
            FileNotFoundError: if there is none.
        """
        path = Path(folder) / CONFIG_FILE
        try:
            # Allowing imports runs nothing here.
            return cls._from_mapping(read_mapping(path), path.parent, checked=True, allow_imports=True)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r}: expected the configuration of a sweep, found: {error}") from None

    @classmethod
    def _from_mapping(cls, mapping: Mapping[str, Any], folder: Path, checked: bool, allow_imports: bool) -> SweepConfig:
        """From a mapping whose keys have been ``checked`` or have not."""
        if not isinstance(mapping, Mapping):
            raise ValueError(f"config: expected a mapping of keys to values, found {type(mapping).__name__}")
        try:
            given = {check_text("config", str(key)): _plain(str(key), value) for key, value in mapping.items()}
        except RecursionError:
            raise ValueError("config: expected lists in lists to a reasonable depth, found more") from None
        lists = {key: _grid(key, value) for key, value in given.items() if key not in ABOUT}
        environments = tuple(
            _path("environment", one, suffixes(), folder) for one in lists.get("environment", (ENVIRONMENT,))
        )
        check_imports(environments, allow_imports)
        keys = Keys.of(given, environments)
        for key, given_values in lists.items():
            endings = suffixes() if keys.is_file(key) else (".txt",) if key == "level" else ()
            lists[key] = tuple(_path(key, value, endings, folder) for value in given_values)
        if not checked:
            keys.check(lists)
        name, description = _about(given)
        values = {**lists, **{key: (one,) for key, one in keys.defaults(lists).items() if key not in lists}}
        if math.prod(map(len, values.values())) > MAX_POINTS:
            raise ValueError(f"config: expected at most {MAX_POINTS:,} points, found more")
        return cls(
            name=name,
            description=description,
            kind=keys.kind,
            measure=keys.measure.name,
            values=MappingProxyType(values),
            parameters=tuple(key for key in lists if isinstance(given[key], list)),
            environment_keys=tuple(filter(keys.is_of_environment, values)),
            measure_keys=tuple(key for key in values if key in keys.of_measure),
            given=tuple(given),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copies, which cannot take mappings that are only read."""
        return _unpickled, ({f.name: getattr(self, f.name) for f in fields(self)} | {"values": dict(self.values)},)

    @property
    def points(self) -> list[dict[str, Any]]:
        """The settings of each point, all keys: the product of the lists, in the order of the file."""
        return [
            dict(zip(self.values, combination, strict=True)) for combination in itertools.product(*self.values.values())
        ]

    def as_dict(self) -> dict[str, Any]:
        """All keys, those left out with their defaults; `from_dict` makes an equal configuration of it."""
        about = {key: getattr(self, key) for key in ABOUT}
        return about | {
            key: list(values) if key in self.parameters else values[0] for key, values in self.values.items()
        }

    def to_yaml(self) -> str:
        """`as_dict` as the text of a YAML file."""
        return yaml_text(self.as_dict())


def _unpickled(parts: dict[str, Any]) -> SweepConfig:
    return SweepConfig(**{**parts, "values": MappingProxyType(parts["values"])})


def check_imports(environments: Iterable[Any], allowed: bool) -> None:
    """Refuses environments whose names would run code that nobody has allowed: configurations may be other people's.

    Raises:
        ValueError: with the first.
    """
    for name in () if allowed else environments:
        if isinstance(name, str) and (code := code_named_by(name)) is not None:
            raise ValueError(
                f"environment: {name!r} runs the code of {code!r}; if you trust it, allow that by allow_imports=True "
                "(--allow-imports), or import it first"
            )


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
    if isinstance(value, str):
        return check_text(key, value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(key, part) for part in value]
    if isinstance(value, Mapping):
        return {check_text(key, p if isinstance(p, str) else label_text(p)): _plain(key, v) for p, v in value.items()}
    if isinstance(value, os.PathLike):
        return check_text(key, str(value))
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
    seen = set()
    for one in values:
        text = json.dumps(one, sort_keys=True)
        if text in seen:
            raise ValueError(f"{key}: expected different values, found {one!r} twice")
        seen.add(text)
    return values


def _path(key: str, value: Any, endings: tuple[str, ...], folder: Path) -> Any:
    """A file's path, told by its suffix, made absolute; anything else as it is."""
    if isinstance(value, str) and value.endswith(endings) and "\n" not in value:
        return check_text(key, os.fspath((folder / value).resolve()))
    return value
