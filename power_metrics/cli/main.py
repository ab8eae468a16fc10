"""The command line, ``powerenvs``: one table of commands, and what all of them share.

Bad input ends with status 2 and one line on standard error, an interrupt with status 130.
"""

from __future__ import annotations

import argparse
import difflib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from power_metrics.cli import (
    agency,
    app,
    bench,
    compare,
    completion,
    convert_config,
    corrupt_reward,
    doctor,
    edit,
    game,
    list as list_environments,
    measure,
    play,
    power,
    prefer,
    psych,
    reproduce,
    rollout,
    safety,
    show,
    side_effects,
    sweep,
    tasks,
    train,
    train_many,
)
from power_metrics.cli.command import Command
from powerenvs.model.labels import closest
from powerenvs.version import __version__

COMMANDS: tuple[Command, ...] = (
    list_environments.COMMAND,
    show.COMMAND,
    play.COMMAND,
    app.COMMAND,
    edit.COMMAND,
    power.COMMAND,
    measure.COMMAND,
    agency.COMMAND,
    compare.COMMAND,
    train.COMMAND,
    tasks.COMMAND,
    train_many.COMMAND,
    sweep.COMMAND,
    reproduce.COMMAND,
    convert_config.COMMAND,
    rollout.COMMAND,
    safety.COMMAND,
    side_effects.COMMAND,
    corrupt_reward.COMMAND,
    game.COMMAND,
    psych.COMMAND,
    prefer.COMMAND,
    bench.COMMAND,
    doctor.COMMAND,
    completion.COMMAND,
)


class _Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line, as `main` does all others."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuses an unknown command or measure with the closest known one, not with all there are."""
        if action.choices is not None and value not in action.choices:
            choices = list(action.choices)
            raise argparse.ArgumentError(None, f"{action.dest}: unknown name {value!r}; {closest(value, choices)}")

    def options_by_command(self) -> dict[str, list[str]]:
        """{command: its options}, those of the measures of ``measure`` included."""
        [commands] = (action.choices for action in self._actions if isinstance(action.choices, dict))
        return {name: parser.options() for name, parser in commands.items()}

    def options(self) -> list[str]:
        """The options of a command and, where it has them, of those of its own."""
        found = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        for action in self._actions:
            for parser in action.choices.values() if isinstance(action.choices, dict) else ():
                found += parser.options()
        return list(dict.fromkeys(found))


def build_parser(chosen: str | None = None) -> _Parser:
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
        if chosen in (None, "completion", command.name):  # options of measures take time to make
            command.add_arguments(own)
        own.set_defaults(run=command.run, options_by_command=parser.options_by_command)
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
        parser = build_parser(chosen)
        if not words:
            parser.print_help(sys.stderr)
            return 2
        args, unknown = parser.parse_known_args(words)
        if unknown:
            option = unknown[0].partition("=")[0]
            near = difflib.get_close_matches(option, parser.options(), n=1) if option.startswith("--") else []
            hint = f"did you mean {near[0]}? See" if near else "see"
            raise ValueError(f"unrecognized arguments: {' '.join(unknown)}; {hint} powerenvs {args.command} --help")
        args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        return _stop(f"interrupted: {interrupt}" if interrupt.args else "interrupted", 130)
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
