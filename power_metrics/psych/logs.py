"""`TrialLog`: what happened in every trial, in one format whoever the subject is."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_suffix
from powerenvs.model.files import atomic_path, read_text
from powerenvs.model.labels import closest

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

FIELDS = ("block", "trial", "reaction_time", "step_count", "response", "correct", "difficulty_level", "probe")
"""What every line has; after it come the task's own variables."""


class TrialLog:
    """The trials of one subject, a line for each.

    Every line has what Psychlab logs: reaction_time (seconds from when answers count), step_count, response ("" for
    none in time), correct, difficulty_level (None for the task's own settings, a pair where two variables have levels),
    and the task's variables; besides these block, trial and probe.

    Args:
        rows: the lines.
        task: its name and settings.
        subject: who it was.
        seed: of the trials.

    Attributes:
        rows: as given.
        task: as given.
        subject: as given.
        seed: as given.

    Raises:
        ValueError: for lines that lack a field.

    Example:
        >>> import os, tempfile
        >>> import power_metrics as pm
        >>> log = pm.psych.run("VisualSearch", "ideal", trials=20, seed=1, levels="all")
        >>> log.accuracy()
        1.0
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "log.jsonl")
        ...     log.save(path)
        ...     pm.psych.TrialLog.load(path) == log
        True
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], task: str = "", subject: str = "", seed: int | None = None):
        try:
            self.rows = [dict(row) for row in rows]
        except (TypeError, ValueError):
            raise ValueError(f"rows: expected a list of dictionaries, found {rows!r}") from None
        for i, row in enumerate(self.rows):
            lacking = [name for name in FIELDS if name not in row]
            if lacking:
                raise ValueError(f"rows[{i}]: expected {', '.join(FIELDS)}, found no {lacking[0]!r}")
        self.task, self.subject, self.seed = str(task), str(subject), seed

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrialLog):
            return NotImplemented
        about = (self.task, self.subject, self.seed) == (other.task, other.subject, other.seed)
        return about and json.dumps(self.rows) == json.dumps(other.rows)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TrialLog({len(self)} trials of {self.task or 'a task'}, subject {self.subject or 'unknown'})"

    @property
    def names(self) -> tuple[str, ...]:
        """All fields of the lines, in order."""
        return tuple(dict.fromkeys([*FIELDS, *(name for row in self.rows for name in row)]))

    def column(self, name: str) -> NDArray[Any]:
        """(T,) one field of all lines.

        Raises:
            ValueError: for an unknown name.
        """
        if name not in self.names:
            raise ValueError(f"name: unknown field {name!r}; {closest(name, self.names)}")
        return np.array([row.get(name) for row in self.rows])

    def where(self, **values: Any) -> TrialLog:
        """The lines with these values.

        Args:
            **values: {field: value}.

        Raises:
            ValueError: for an unknown field.
        """
        for name in values:
            self.column(name)
        kept = [row for row in self.rows if all(row.get(name) == value for name, value in values.items())]
        return TrialLog(kept, self.task, self.subject, self.seed)

    def accuracy(self) -> float:
        """The share of correct answers; nan without trials."""
        return float(np.mean(self.column("correct").astype(bool))) if self.rows else float("nan")

    def by(self, name: str) -> dict[Any, TrialLog]:
        """{value of a field: the lines that have it}, in order.

        Raises:
            ValueError: for an unknown field.
        """
        values = list(dict.fromkeys(self.column(name).tolist()))
        order = sorted(values) if all(isinstance(value, int | float) for value in values) else values
        return {value: self.where(**{name: value}) for value in order}

    def to_frame(self) -> pandas.DataFrame:
        """The lines as a table."""
        import pandas

        return pandas.DataFrame(self.rows, columns=list(self.names))

    def plot(self, **options: Any) -> Figure:
        """Accuracy and times over the task's variable: see `power_metrics.plots.plot_trials`."""
        pictures = importlib.import_module("power_metrics.plots.psych")  # which knows logs
        return pictures.plot_trials(self, **options)  # type: ignore[no-any-return]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the lines, whole or not at all: as JSON lines (.jsonl, the first has task, subject and seed) or .csv.

        Raises:
            ValueError: for another suffix.
        """
        suffix = check_suffix("path", path, (".jsonl", ".csv"))
        about = {"task": self.task, "subject": self.subject, "seed": self.seed}
        if suffix == ".jsonl":
            text = "".join(json.dumps(row) + "\n" for row in [{"about": about}, *self.rows])
        else:
            out = io.StringIO()
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(["task", "subject", "seed", *self.names])
            for row in self.rows:
                cells = [json.dumps(row[name]) if name in row else "" for name in self.names]
                writer.writerow([self.task, self.subject, json.dumps(self.seed), *cells])
            text = out.getvalue()
        with atomic_path(path) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrialLog:
        """Reads what `save` wrote.

        Raises:
            ValueError: for a file that is none.
        """
        suffix, text = check_suffix("path", path, (".jsonl", ".csv")), read_text(os.fspath(path))
        try:
            if suffix == ".jsonl":
                about, *rows = [json.loads(line) for line in text.splitlines() if line.strip()]
                return cls(rows, **about["about"])
            names, *lines = list(csv.reader(io.StringIO(text)))
            if names[:3] != ["task", "subject", "seed"]:
                raise ValueError("no columns task, subject, seed")
            rows = [
                {name: json.loads(cell) for name, cell in zip(names[3:], line[3:], strict=True) if cell}
                for line in lines
            ]
            task, subject, seed = lines[0][:3] if lines else ("", "", "null")
            return cls(rows, task, subject, json.loads(seed))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"path: expected a log of trials in {os.fspath(path)!r}, found something else ({error})"
            ) from None
