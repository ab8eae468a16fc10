"""The command line, ``powerenvs``: one table of commands, and what all of them share.

Bad input ends with status 2 and one line on standard error, an interrupt with status 130.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
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
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _stop(f"{error.filename}: {error.strerror}" if error.filename else str(error), 2)
    except (ValueError, gym.error.Error) as error:
        return _stop(str(error), 2)
    return 0


def _stop(message: str, status: int) -> int:
    """Prints one line about what went wrong."""
    print(f"powerenvs: {' '.join(message.split())}", file=sys.stderr)
    return status
