"""What a command is, and the helpers that commands share."""

from __future__ import annotations

import argparse
import os
import shlex
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from power_metrics.results.stored import json_text
from powerenvs.model.files import is_passed_on
from powerenvs.version import __version__

if TYPE_CHECKING:
    from power_metrics.results.base import Result
    from powerenvs.sources.by_name import LoadedGame, LoadedModel


@dataclass(frozen=True)
class Command:
    """One subcommand.

    Attributes:
        name: as typed.
        summary: one line for ``--help``.
        example: command lines, for the end of its ``--help``.
        add_arguments: puts its arguments on its parser.
        run: does it, raising ValueError or OSError for bad input.
    """

    name: str
    summary: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


def add_samples(parser: Any, meaning: str) -> None:
    """``--num-samples``, as Python and files of sweeps name it, and as ``--samples``."""
    parser.add_argument("--num-samples", "--samples", dest="samples", metavar="N", type=number, help=meaning)


def number(text: str) -> float | int:
    """A number from a word, whole where it is one however it is written, as 1e6 is.

    Raises:
        ValueError: for anything else.
    """
    value = float(text)
    return int(value) if value.is_integer() else value


def add_split_arguments(parser: Any) -> None:
    """Which states a picture shows, and by what its panels differ."""
    parser.add_argument(
        "--by", metavar="NAME", nargs="+", help="with --plot, a panel for each value of features of the states"
    )
    parser.add_argument(
        "--where",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="with --plot, only the states with this value of a feature (may be repeated)",
    )


def given_split(args: argparse.Namespace) -> dict[str, Any]:
    """The options of `add_split_arguments` as arguments of pictures.

    Raises:
        ValueError: for what is no NAME=VALUE, and where there is no picture.
    """
    if (args.by is not None or args.where) and args.plot is None:
        raise ValueError("--by, --where: expected them together with --plot, whose panels and states they choose")
    where = {}
    for given in args.where:
        name, equals, value = given.partition("=")
        if not equals:
            raise ValueError(f"--where: expected NAME=VALUE, found {given!r}")
        where[name.strip()] = value.strip()
    split = {"by": args.by, "where": where or None}
    return {name: value for name, value in split.items() if value is not None}


def check_writable(option: str, path: str) -> None:
    """Finds out before long work whether a file can be written.

    Raises:
        ValueError: if the path is a folder, is in one that does not exist, or is in a place where nothing can be
            written.
    """
    if not path:
        raise ValueError(f"{option}: expected the name of a file, found an empty text")
    if is_passed_on(Path(path)):
        if not (stat.S_ISCHR(mode := Path(path).stat().st_mode) or stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
            raise ValueError(f"{option}: expected a file, a pipe or a terminal, found {path!r}, which is none of these")
        return
    target = Path(os.path.realpath(path))  # of a link, what it leads to is written
    if target.is_dir():
        raise ValueError(f"{option}: expected a file, found the folder {path!r}")
    folder = target.parent
    there = next(parent for parent in target.parents if parent.exists())
    if not there.is_dir():
        raise ValueError(f"{option}: cannot write {path!r}, because {os.fspath(there)!r} is not a folder")
    if not folder.exists():
        raise ValueError(
            f"{option}: cannot write {path!r}, because there is no folder {os.fspath(Path(path).parent)!r}; "
            f"make it with: mkdir -p {shlex.quote(os.fspath(Path(path).parent))}"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{option}: cannot write {path!r}, because {os.fspath(folder)!r} does not allow it")


def check_outputs(args: argparse.Namespace) -> None:
    """Raises a ValueError, before any long work, for the first file of an option that cannot be written."""
    for option in ("csv", "json", "plot", "save"):
        if getattr(args, option, None) is not None:
            check_writable(f"--{option}", getattr(args, option))
    save, plot = getattr(args, "save", None), getattr(args, "plot", None)
    if save is not None and not save.endswith(".npz"):
        raise ValueError(f"--save: expected a name that ends in .npz, found {save!r}")
    if plot is not None:
        from power_metrics.plots.style import check_picture_path

        check_picture_path(plot, "--plot")


def show(text: str, written: Sequence[str]) -> None:
    """Prints what was found, and which files were written: that comes last, when nothing can be lost any more."""
    print(text)
    for path in written:
        print(f"wrote {path}")


def write_result(args: argparse.Namespace, result: Result) -> list[str]:
    """Writes what ``--plot`` and ``--json`` ask for, of one result; returns the paths."""
    written = []
    if args.plot is not None:
        from power_metrics.plots.style import save_figure

        save_figure(result.plot(), args.plot)
        written.append(args.plot)
    if args.json is not None:
        result.to_json(args.json)
        written.append(args.json)
    return written


def write_results(
    args: argparse.Namespace,
    source: LoadedModel | LoadedGame,
    name: str,
    results: Sequence[Result],
    suffixes: Sequence[str],
    draw: Callable[[str], list[str] | None],
) -> list[str]:
    """Writes what ``--plot``, ``--json`` and ``--save`` ask for, each file whole or not at all.

    Args:
        args: with ``plot``, ``json`` and ``save``.
        source: the model, for the JSON file.
        name: of the results in the JSON file.
        results: at least one.
        suffixes: of the names of saved files, where there are several results.
        draw: makes the picture at a path, or several beside it, and then returns their paths.

    Returns:
        The paths.
    """
    written: list[str] = []
    if args.plot is not None:
        written += draw(args.plot) or [args.plot]
    if args.json is not None:
        about = {"model": source.name, "kwargs": dict(source.kwargs), "powerenvs": __version__}
        json_text({**about, name: [result.as_dict() for result in results]}, args.json)
        written.append(args.json)
    if args.save is not None:
        for result, path in zip(results, numbered(args.save, suffixes), strict=True):
            result.save(path)
            written.append(path)
    return written


def numbered(path: str, suffixes: Sequence[str]) -> list[str]:
    """The path, or where there are several suffixes, one with each of them."""
    if len(suffixes) == 1:
        return [path]
    given = Path(path)
    return [str(given.with_name(f"{given.stem}_{suffix}{given.suffix}")) for suffix in suffixes]
