"""`Result`: what measures return. A class declares its fields; tables, files, pictures and comparisons follow."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from power_metrics.results.dims import arrays_of, hints_of, holds, stored_name
from power_metrics.results.machine import current_versions
from power_metrics.results.release_0_1 import upgraded
from power_metrics.results.shown import Shown
from power_metrics.results.stored import Stored, json_text, json_values, reading
from powerenvs.model.base import Model
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.npz import load_arrays, save_arrays, saved_kind

if TYPE_CHECKING:
    import pandas

FORMAT = 2
AnyResult = TypeVar("AnyResult", bound="Result")


@dataclass(frozen=True, eq=False, repr=False)
class Result(Shown):
    """Arrays with named dimensions, facts about how they came about, and the model that they belong to.

    A subclass is a frozen dataclass. Arrays and numbers that tables and pictures show are annotated with
    `power_metrics.Dims`; the model's field is called ``model``; every other field is a fact, another
    result, or a mapping or tuple of these. Names that begin with an underscore are saved but not shown. Fields with
    ``field(compare=False)``, such as times, do not count in comparisons.

    Attributes:
        versions: the releases that it was made with, by package; empty where that is not known.

    Example:
        >>> import os, tempfile
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import turner_figure_1
        >>> found = pm.power(turner_figure_1(), num_samples=100, progress=False)
        >>> found.to_frame().columns.tolist()
        ['power', 'standard_error']
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "found.npz")
        ...     found.save(path)
        ...     again = pm.Result.load(path)
        >>> again == found
        True
    """

    versions: Mapping[str, str | None] = field(default_factory=current_versions, kw_only=True, compare=False)

    _classes: ClassVar[dict[str, type[Result]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Makes the class known to `load`, and keeps ``@dataclass`` from replacing how results compare and print."""
        super().__init_subclass__(**kwargs)
        Result._classes[cls.__name__] = cls
        for name in ("__eq__", "__hash__", "__repr__"):
            if name not in cls.__dict__:
                setattr(cls, name, getattr(cls, name))

    def __post_init__(self) -> None:
        """Raises a ValueError for arrays whose shapes or kinds of numbers are not those declared."""
        lengths: dict[str, int] = {}
        for name, declared in arrays_of(type(self)).items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray):
                continue
            found = dict(zip(declared.names, array.shape, strict=False))
            expected = {dim: lengths.get(dim, self._length(dim, found.get(dim, 1))) for dim in declared.names}
            if array.dtype != declared.dtype or array.shape != tuple(expected.values()):
                shape = ", ".join(map(str, expected.values()))
                raise ValueError(
                    f"{stored_name(name)}: expected {declared.dtype} ({shape}), found {array.dtype} {array.shape}"
                )
            lengths |= expected

    def _length(self, dim: str, found: int) -> int:
        known = self.coordinates(dim)
        return max(1, found) if known is None else len(known)

    def coordinates(self, dim: str) -> Sequence[Any] | None:
        """What is along a dimension, such as the labels of states; None where only the arrays know how much."""
        model = getattr(self, "model", None)
        if dim == "state" and isinstance(model, Model):
            return model.state_labels
        if dim == "action" and isinstance(model, TabularMDP):
            return model.action_labels
        if dim == "agent" and isinstance(model, TabularGame):
            return model.agents
        count = getattr(self, f"num_{dim}s", None)
        return None if count is None else range(count)

    @property
    def fingerprint(self) -> str | None:
        """The fingerprint of the model; None without one."""
        model = getattr(self, "model", None)
        return model.fingerprint if isinstance(model, Model) else None

    def facts(self) -> dict[str, Any]:
        """How the result came about, and its single numbers, as JSON values (None for nan)."""
        return json_values({stored_name(name): Stored().put(getattr(self, name)) for name in self._facts()})

    def _facts(self) -> Iterator[str]:
        hints = hints_of(type(self))
        for name in (*(name for name in hints if name != "versions"), "versions"):
            if name != "model" and not name.startswith("_") and not holds(hints[name], (np.ndarray, Model, Result)):
                yield name

    def tables(self) -> dict[tuple[str, ...], dict[str, NDArray[Any]]]:
        """{dimensions: {column: array}} of what is shown."""
        found: dict[tuple[str, ...], dict[str, NDArray[Any]]] = {}
        for name, declared in arrays_of(type(self)).items():
            if (array := getattr(self, name)) is not None and not name.startswith("_"):
                found.setdefault(declared.names, {})[declared.column or name] = np.asarray(array)
        return found

    def to_frame(self, *dims: str) -> pandas.DataFrame:
        """A tidy table: one row for each state, each available action of each state, or whatever the dimensions are.

        Args:
            dims: of the table, where the result has several; by default those of its first array.

        Raises:
            ValueError: if the result has no arrays of these dimensions.
        """
        import pandas

        tables = self.tables()
        wanted = dims or next((names for names in tables if names), ())
        if wanted not in tables:
            known = ", ".join(str(names) for names in tables)
            raise ValueError(f"dims: expected one of {known}, found {wanted}")
        columns = tables[wanted]
        if len(wanted) < 2:
            index = pandas.Index(self._texts(wanted[0], columns), name=wanted[0]) if wanted else None
            return pandas.DataFrame({name: np.atleast_1d(array) for name, array in columns.items()}, index=index)
        shape = next(iter(columns.values())).shape
        kept = self.exists(wanted, shape)
        texts = {dim: self._texts(dim, columns, axis) for axis, dim in enumerate(wanted)}
        places = np.nonzero(kept)
        labels = {dim: [texts[dim][i] for i in place.tolist()] for dim, place in zip(wanted, places, strict=True)}
        return pandas.DataFrame({**labels, **{name: array[kept] for name, array in columns.items()}})

    def _texts(self, dim: str, columns: Mapping[str, NDArray[Any]], axis: int = 0) -> Sequence[Any]:
        """What tables call the places along a dimension: labels as text, else numbers."""
        known = self.coordinates(dim)
        if known is None or isinstance(known, range):
            return range(next(iter(columns.values())).shape[axis])
        return [label_text(label) for label in known]

    def exists(self, dims: tuple[str, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which entries of an array there are: those of actions that are available."""
        model = getattr(self, "model", None)
        if dims[-2:] == ("state", "action") and isinstance(model, TabularMDP):
            return np.broadcast_to(model.available, shape)
        return np.ones(shape, dtype=bool)

    def columns(self) -> list[dict[str, Any]]:
        """The columns of `to_frame` with its index, as lists; in parts where a single value holds for a whole part."""
        if not self.tables():
            return []
        frame = self.to_frame()
        return [(frame.reset_index() if frame.index.name else frame).to_dict("list")]

    def summary(self) -> dict[str, Any]:
        """A few numbers: the mean of each array, the range of the first, and the facts that are numbers."""
        found: dict[str, Any] = {}
        for dims, columns in self.tables().items():
            for name, array in columns.items():
                there = array[self.exists(dims, array.shape)] if dims else array
                found[name] = float(there.mean())
                if dims and "lowest" not in found:
                    found |= {"lowest": float(there.min()), "highest": float(there.max())}
        facts = self.facts()
        return found | {name: facts[name] for name in facts if type(facts[name]) in (int, float) and name not in found}

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values: its facts, other results in it, and lists of rows such as "states"."""
        found = self.facts()
        if self.fingerprint is not None:
            found["fingerprint"] = self.fingerprint
        for name, hint in hints_of(type(self)).items():
            if not name.startswith("_") and holds(hint, (Result,)):
                found[name] = _dicts(getattr(self, name))
        for dims in filter(None, self.tables()):
            frame = self.to_frame(*dims)
            frame = frame.reset_index() if len(dims) == 1 else frame
            found["_".join(dims) + "s"] = json_values(frame.to_dict("records"))
        return found

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """`as_dict` as JSON text; also written to ``path``, whole or not at all, if one is given."""
        return json_text(self.as_dict(), path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the result, with its model, to an ``.npz`` file without pickle, whole or not at all.

        Raises:
            ValueError: if ``path`` does not end in ``.npz``, or a state label cannot be stored.
        """
        stored = Stored()
        stored.header = stored.put(self)
        save_arrays(path, type(self).__name__, *stored.packed(), version=FORMAT)

    @classmethod
    def load(cls: type[AnyResult], path: str | os.PathLike[str]) -> AnyResult:
        """Reads a result that `save` wrote; ``Result.load`` reads any kind.

        Raises:
            ValueError: if the file is not a saved result of this kind, or is damaged.
            FileNotFoundError: if there is no such file.
        """
        kind = cls
        if cls is Result:
            try:
                kind = result_class(saved_kind(path))
            except ValueError as error:
                raise ValueError(f"{os.fspath(path)!r}: {error}") from None
        arrays, header = load_arrays(path, kind.__name__)
        with reading(path, kind.__name__):
            stored = upgraded(arrays, header) if header["version"] < FORMAT else Stored.unpacked(arrays, header)
            found: AnyResult = stored.get(kind, stored.header)
        return found

    def __eq__(self, other: object) -> bool:
        """Equal arrays, in which nan equals nan, equal facts, and models of one fingerprint; times do not count."""
        if type(other) is not type(self):
            return NotImplemented
        return other is self or all(
            same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.compare
        )

    def __hash__(self) -> int:
        return hash((type(self), self.fingerprint))

    def _short_frame(self) -> pandas.DataFrame | None:
        """The table that is printed; None without one."""
        return self.to_frame() if self.tables() else None

    def __repr__(self) -> str:
        model = getattr(self, "model", None)
        parts = [f"{model.num_states} states"] if isinstance(model, Model) else []
        shown = {f.name for f in fields(self) if f.compare}
        parts += [f"{name}={getattr(self, name)!r}" for name in self._facts() if name in shown]
        spans = [
            f"{name} {np.nanmin(array):.4g} to {np.nanmax(array):.4g}"
            for dims, columns in self.tables().items()
            for name, array in columns.items()
            if dims and not np.isnan(array).all()
        ]
        return f"{type(self).__name__}({'; '.join([', '.join(parts), *spans])})"


def result_class(kind: str | None) -> type[Any]:
    """The class of results of this name.

    Raises:
        ValueError: if there is none.
    """
    if kind is not None and kind not in Result._classes:
        getattr(importlib.import_module("power_metrics"), kind, None)  # public names load when they are asked for
    if kind is not None and kind not in Result._classes:
        importlib.import_module(
            "power_metrics.measures.registry"
        ).measures()  # those of other packages have classes too
    if kind not in Result._classes:
        raise ValueError(f"expected a Result written by save(), found {kind or 'something else'}")
    return Result._classes[kind]


def same(first: Any, second: Any) -> bool:
    """Whether two values of a field are equal; nan equals nan."""
    if first is second:
        return True
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return np.array_equal(first, second, equal_nan=np.asarray(first).dtype.kind == "f")
    if isinstance(first, Model) and isinstance(second, Model):
        return first.fingerprint == second.fingerprint
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if type(first) is not type(second):
        return bool(first == second)
    if isinstance(first, tuple | list):
        return len(first) == len(second) and all(map(same, first, second))
    if is_dataclass(first) and not isinstance(first, Result):
        return all(same(getattr(first, f.name), getattr(second, f.name)) for f in fields(first) if f.compare)
    return bool(first == second or (first != first and second != second))


def _dicts(value: Any) -> Any:
    """Results, alone or in a mapping or a tuple, as JSON values."""
    if isinstance(value, Mapping):
        return {key: _dicts(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_dicts(inner) for inner in value]
    return value.as_dict()
