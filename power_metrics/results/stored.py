"""Results as data: JSON text, and arrays with a header, from which results are made again with all checks."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from fractions import Fraction
from typing import Any, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.dims import Dims, dims_of, hints_of, is_array, is_record, options, stored_name
from powerenvs.model.base import Model
from powerenvs.model.files import atomic_path
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP

MODELS: Mapping[str, type[TabularMDP] | type[TabularGame]] = {kind.__name__: kind for kind in (TabularMDP, TabularGame)}


@dataclass
class Stored:
    """One or several results as data, ready for a file; results that share a model share it here too.

    Attributes:
        header: JSON values: facts by the names of the fields, models by their fingerprints.
        arrays: by the names of the fields; those inside other values as "outer.0.inner".
        models: by fingerprint, each once.
    """

    header: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    models: dict[str, TabularMDP | TabularGame] = field(default_factory=dict)

    def packed(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The arrays and the header of a file, models included."""
        arrays, headers = dict(self.arrays), {}
        for number, (fingerprint, model) in enumerate(self.models.items()):
            own, header = model.to_store()
            arrays |= {f"model.{number}.{name}": array for name, array in own.items()}
            headers[fingerprint] = {"class": type(model).__name__, **header}
        return arrays, {"content": self.header, "models": headers}

    @classmethod
    def unpacked(cls, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> Stored:
        """What `packed` made an archive of; all checks of models run again.

        Raises:
            ValueError: for a model that is damaged, or another than the header names.
            KeyError: for what is missing.
        """
        models = {}
        for number, (fingerprint, entry) in enumerate(header["models"].items()):
            if entry["class"] not in MODELS:
                raise ValueError(f"model: expected one of {', '.join(MODELS)}, found {entry['class']!r}")
            model = MODELS[entry["class"]].from_store(part(arrays, f"model.{number}."), entry)
            if model.fingerprint != fingerprint:
                raise ValueError(f"fingerprint: expected {model.fingerprint[:12]}, found {fingerprint[:12]!r}")
            models[fingerprint] = model
        own = {name: array for name, array in arrays.items() if not name.startswith("model.")}
        return cls(header["content"], own, models)

    def put(self, value: Any, name: str = "") -> Any:
        """The JSON value that stands for a value; arrays and models are taken in, arrays under ``name``."""
        prefix = f"{name}." if name else ""
        if isinstance(value, np.ndarray):
            self.arrays[name] = value
            return None
        if isinstance(value, Model):
            assert isinstance(value, TabularMDP | TabularGame)
            self.models.setdefault(value.fingerprint, value)
            return value.fingerprint
        if is_record(type(value)):
            values = {key: getattr(value, key) for key in hints_of(type(value))}
            stored = {
                stored_name(key): (inner, self.put(inner, prefix + stored_name(key))) for key, inner in values.items()
            }
            return {key: plain for key, (inner, plain) in stored.items() if not isinstance(inner, np.ndarray)}
        if isinstance(value, Mapping):
            return {key: self.put(inner, f"{prefix}{i}") for i, (key, inner) in enumerate(value.items())}
        if isinstance(value, tuple | list):
            return [self.put(inner, f"{prefix}{i}") for i, inner in enumerate(value)]
        if isinstance(value, np.generic):
            return value.item()
        return str(value) if isinstance(value, Fraction) else value

    def get(self, hint: Any, value: Any, name: str = "") -> Any:
        """The value with this annotation that `put` gave the JSON value for.

        Raises:
            ValueError: for a value of another kind, and for what the constructors of classes refuse.
            KeyError: for what is missing.
        """
        kinds = options(hint)
        if is_array(hint):
            if name in self.arrays:
                return checked_array(self.arrays[name], name, dims_of(hint))
            if type(None) in kinds:
                return None
            raise KeyError(name)
        found = dims_of(hint)
        if value is None and (type(None) in kinds or (found and not found.finite)):
            return None if type(None) in kinds else math.nan
        for kind in kinds:
            origin, inner = get_origin(kind) or kind, get_args(kind)
            if isinstance(value, dict | list) and is_record(kind):
                return self._record(kind, value, name)
            if isinstance(value, list) and origin is tuple:
                each = [inner[0]] * len(value) if inner[-1:] == (...,) else inner
                parts = zip(each, value, strict=True)
                return tuple(self.get(one, part, f"{name}.{i}") for i, (one, part) in enumerate(parts))
            if isinstance(value, dict) and origin is Mapping:
                return {key: self.get(inner[1], part, f"{name}.{i}") for i, (key, part) in enumerate(value.items())}
            if isinstance(value, str) and isinstance(origin, type) and issubclass(origin, Model):
                if isinstance(self.models[value], origin):
                    return self.models[value]
            elif isinstance(value, str) and origin is Fraction:
                return Fraction(value)
            elif type(value) is origin or (type(value) is int and origin is float):
                return value
        expected = " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
        raise ValueError(f"{name}: expected {expected}, found {value!r}")

    def _record(self, kind: Any, value: dict[str, Any] | list[Any], name: str) -> Any:
        """A dataclass or a named tuple; tuples may be stored as lists."""
        hints, prefix = hints_of(kind), f"{name}." if name else ""
        given = value if isinstance(value, dict) else dict(zip(hints, value, strict=True))
        defaults: set[str] = set()
        if is_dataclass(kind):
            defaults = {f.name for f in fields(kind) if (f.default, f.default_factory) != (MISSING, MISSING)}
        made = {}
        for key, hint in hints.items():
            stored = stored_name(key)
            if is_array(hint) or stored in given or type(None) in options(hint):
                made[key] = self.get(hint, given.get(stored), prefix + stored)
            elif key not in defaults:
                raise KeyError(prefix + stored)
        return kind(**made)


def part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays whose names begin so, under what is left of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def checked_array(array: NDArray[Any], name: str, declared: Dims | None) -> NDArray[Any]:
    """An array out of a file.

    Raises:
        ValueError: if its numbers are of another kind than declared, or make no sense.
    """
    declared = declared or Dims(finite=False)
    if array.dtype.kind != "f":
        return array  # whether this is the kind of numbers declared, the result checks, with their shape
    known = array[np.isfinite(array)] if declared.finite else array[~np.isnan(array)]
    infinite = known.size < array.size if declared.finite else declared.least > -np.inf and bool(np.isinf(known).any())
    if infinite or np.any(known < declared.least):
        kind = "finite numbers" if declared.finite else "numbers"
        raise ValueError(f"{name}: expected {kind} of at least {declared.least:g}, found others")
    return array


def json_values(value: Any) -> Any:
    """JSON values with None for numbers that JSON has no word for: nan and infinities."""
    if isinstance(value, dict):
        return {key: json_values(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [json_values(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_utf8(text: str) -> bool:
    """Whether files can hold it; half a surrogate pair, as of a label, has to be written as an escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def json_text(content: Mapping[str, Any], path: str | os.PathLike[str] | None = None) -> str:
    """The content as JSON text; also written to ``path``, whole or not at all, if one is given."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    if not _is_utf8(text):
        text = json.dumps(content, indent=1)
    if path is not None:
        with atomic_path(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    return text


@contextmanager
def reading(path: str | os.PathLike[str], kind: str) -> Iterator[None]:
    """Names the file in whatever goes wrong with what it holds.

    Raises:
        ValueError: instead of what is raised inside.
    """
    source = repr(os.fspath(path))
    try:
        yield
    except KeyError as error:
        raise ValueError(f"{source}: expected a complete {kind}, found no {error}") from None
    except (AttributeError, ValueError, TypeError, ZeroDivisionError, OverflowError, RecursionError) as error:
        raise ValueError(f"{source}: expected a {kind}, found one that is damaged ({error})") from None
