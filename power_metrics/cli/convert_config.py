"""``powerenvs convert-config``: a POWERplay sweep configuration as one of ours."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from power_metrics.cli.command import Command, check_writable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and where the converted one goes."""
    parser.add_argument("file", metavar="FILE", help="a YAML configuration of POWERplay")
    parser.add_argument("-o", "--output", metavar="OUT", help="file to write; default the terminal")


def run(args: argparse.Namespace) -> None:
    """Prints or writes the converted configuration; notes are comments in it, and go to standard error too."""
    from power_metrics.sweeps.powerplay import convert
    from power_metrics.sweeps.yaml_files import read_mapping
    from powerenvs.model.files import atomic_path

    if args.output is not None:
        check_writable("--output", args.output)
        if Path(args.output).exists():
            raise ValueError(f"--output: expected a new file, found {args.output!r}, which is not overwritten")
    mapping = read_mapping(args.file)
    try:
        converted = convert(mapping)
    except ValueError as error:
        raise ValueError(f"{args.file!r}: {error}") from None
    if args.output is None:
        print(converted.to_yaml(), end="")
        return
    with atomic_path(args.output) as temporary:
        temporary.write_text(converted.to_yaml(), encoding="utf-8")
    for note in converted.notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"wrote {args.output}")


COMMAND = Command(
    "convert-config",
    "convert a POWERplay sweep configuration",
    "powerenvs convert-config test_vanilla.yaml -o vanilla.yaml",
    add_arguments,
    run,
)
