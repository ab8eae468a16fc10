"""Files of models: NumPy archives, Graphviz, and formats that are added."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from powerenvs.model.base import Model
from powerenvs.model.formats import MODELS, Format, format_of
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.npz import saved_kind

ARCHIVE = ".npz"


def register_format(
    suffix: str,
    read: Callable[[str | os.PathLike[str]], TabularMDP | TabularGame],
    write: Callable[[Any, str | os.PathLike[str]], None],
) -> None:
    """Lets `save` and `load`, those of models, and all that takes names of files understand another format.

    Args:
        suffix: what the names of such files end in, such as ".gv".
        read: from a path to a model; raises a ValueError for a file that holds none.
        write: from a model and a path to a file, whole or not at all.

    Raises:
        ValueError: for a suffix without a dot in front, and that of NumPy archives.

    Example:
        >>> from pathlib import Path
        >>> from powerenvs.sources import register_format, tabular_model
        >>> def read(path):
        ...     return tabular_model(Path(path).read_text())
        >>> def write(model, path):
        ...     raise ValueError("path: a file of this kind holds the name of a model, and models have none")
        >>> register_format(".id", read, write)
        >>> _ = Path("grid.id").write_text("PowerGrid-v0")
        >>> tabular_model("grid.id").num_states
        104
    """
    if not suffix.startswith(".") or suffix == ARCHIVE:
        raise ValueError(f"suffix: expected one such as '.gv', other than {ARCHIVE!r}, found {suffix!r}")
    MODELS[suffix] = Format(read, write)


def suffixes() -> tuple[str, ...]:
    """What the names of files end in that hold models."""
    return (ARCHIVE, *MODELS)


def save(model: TabularMDP | TabularGame, path: str | os.PathLike[str]) -> None:
    """Writes a model in the format that the path ends in, whole or not at all.

    Raises:
        ValueError: for a path that ends in no known suffix, and what the format has no place for.

    Example:
        >>> import powerenvs, tempfile
        >>> from powerenvs.sources import load, save
        >>> mdp = powerenvs.tabular_model("turner_figure_1")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(mdp, f"{folder}/graph.npz")
        ...     load(f"{folder}/graph.npz") == mdp
        True
    """
    if not isinstance(model, Model):
        raise ValueError(f"model: expected a TabularMDP or a TabularGame, found {type(model).__name__}")
    model.save(path)


def load(path: str | os.PathLike[str]) -> TabularMDP | TabularGame:
    """Reads a model, of one agent or of several, that `save` wrote.

    Raises:
        ValueError: if the file holds none.
        FileNotFoundError: if there is no such file.

    Example:
        >>> import powerenvs, tempfile
        >>> from powerenvs.sources import load, save
        >>> game = powerenvs.tabular_model("power_pair")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(game, f"{folder}/game.npz")
        ...     load(f"{folder}/game.npz").agents
        ('human', 'ai')
    """
    special = format_of(path, MODELS)
    if special is not None:
        return special.read(path)  # type: ignore[no-any-return]
    return (TabularGame if saved_kind(path) == TabularGame.__name__ else TabularMDP).load(path)
