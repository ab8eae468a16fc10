"""The command line, ``powerenvs``: one table of commands, and what all of them share.

Bad input ends with status 2 and one line on standard error, an interrupt with status 130.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from power_metrics.cli import (
    bench,
    compare,
    convert_config,
    edit,
    list as list_environments,
    measure,
    play,
    power,
    reproduce,
    rollout,
    safety,
    show,
    side_effects,
    sweep,
)
from power_metrics.cli.command import Command
from powerenvs.version import __version__

COMMANDS: tuple[Command, ...] = (
    list_environments.COMMAND,
    show.COMMAND,
    play.COMMAND,
    edit.COMMAND,
    power.COMMAND,
    measure.COMMAND,
    compare.COMMAND,
    sweep.COMMAND,
    reproduce.COMMAND,
    convert_config.COMMAND,
    rollout.COMMAND,
    safety.COMMAND,
    side_effects.COMMAND,
    bench.COMMAND,
)


class _Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line, as `main` does all others."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see {self.prog} --help")


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The parser of all commands; with the arguments of the ``chosen`` one only, if it is known."""
    parser = _Parser(
        prog="powerenvs",
        description="Environments with exact tabular models, and exact POWER for them.",
        epilog="example:\n  powerenvs power PowerGrid-v0 --level maze_7x7 --gamma 0.9 --plot maze.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"powerenvs {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    for command in COMMANDS:
        own = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary[0].upper() + command.summary[1:] + ".",
            epilog=f"example:\n  {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if chosen in (None, command.name):  # options of measures take time to make
            command.add_arguments(own)
        own.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        argv: the words after ``powerenvs``; those of the process when None.

    Returns:
        The exit status: 0, 2 for bad input, 130 when interrupted.
    """
    import gymnasium as gym

    _mend_streams()
    try:
        words = list(sys.argv[1:] if argv is None else argv)
        names = [command.name for command in COMMANDS]
        chosen = next((word for word in words if word in names), "")
        args, unknown = build_parser(chosen).parse_known_args(words)
        if unknown:
            raise ValueError(f"unrecognized arguments: {' '.join(unknown)}; see powerenvs {args.command} --help")
        args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _stop("interrupted", 130)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; files were written before
        _drop_output()
    except OSError as error:
        _drop_output()
        return _stop(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error), 2)
    except (ValueError, gym.error.Error) as error:
        return _stop(str(error), 2)
    return 0


def _mend_streams() -> None:
    """Makes closed standard streams empty ones; what a terminal has no sign for is printed as another."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in the order of their numbers
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # as long as the process
        elif name == "stdout" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _drop_output() -> None:
    """Lets what cannot be printed go, so that Python does not try again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop(message: str, status: int) -> int:
    """Prints one line about what went wrong."""
    print(f"powerenvs: {' '.join(message.split())}", file=sys.stderr)
    return status
