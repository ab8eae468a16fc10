"""Specifications of environments that can be written as JSON, whatever the arguments of their worlds."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec


class WritableSpec(EnvSpec):
    """A specification whose arguments may have cells as keys, arrays, and classes as worlds.

    In JSON they are text, lists and import paths, which worlds take as well.
    """

    def to_json(self) -> str:
        """The specification as JSON, for `EnvSpec.from_json`.

        Raises:
            ValueError: for an argument that JSON has no form for.
        """
        plain = copy.copy(self)
        plain.kwargs = {name: _written(name, value) for name, value in self.kwargs.items()}
        return EnvSpec.to_json(plain)


class WithSpec:
    """An environment that makes what `gymnasium.make` says of it a `WritableSpec`."""

    _spec: WritableSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """How the environment was made; None where it was not by `gymnasium.make`."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        given = () if spec is None else (field.name for field in dataclasses.fields(spec) if field.init)
        self._spec = None if spec is None else WritableSpec(**{name: getattr(spec, name) for name in given})


def _written(name: str, value: Any) -> Any:
    """An argument in a form that JSON has."""
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _written(name, entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(name, entry) for entry in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, type) and "." not in value.__qualname__:
        return f"{value.__module__}:{value.__qualname__}"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(
        f"{name}: expected numbers, text, lists, mappings or a class of a module, which JSON has forms for, found "
        f"{value!r}"
    )
