"""``powerenvs side-effects``: what penalties for side effects make of optimal agents, exactly."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from power_metrics.cli.command import Command, check_outputs, show
from power_metrics.results.stored import json_text
from powerenvs.model.text import text_table
from powerenvs.version import __version__

if TYPE_CHECKING:
    from power_metrics.measures.side_effects_table import Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Prices, and where results go."""
    parser.add_argument(
        "--beta", metavar="X", type=float, nargs="+", help="prices of deviations; default 0.1 0.3 1 3 10 30 100"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the auxiliary reward functions; default 0")
    parser.add_argument("--json", metavar="FILE", help="write the table as JSON")


def run(args: argparse.Namespace) -> None:
    """Computes, prints the table, and writes the file asked for."""
    from power_metrics.measures.side_effects_table import BETAS, side_effects_table

    check_outputs(args)
    table = side_effects_table(BETAS if args.beta is None else args.beta, args.seed)
    if args.json is not None:
        json_text({"powerenvs": __version__, "rows": [vars(row) | {"right": row.right} for row in table]}, args.json)
    show(report(table), [] if args.json is None else [args.json])


def report(table: Sequence[Row]) -> str:
    """A line for each penalty and baseline, a letter for each price; what letters mean; what is right everywhere."""
    from power_metrics.measures.side_effects_table import LETTERS

    worlds, prices = list(table[0].letters), " ".join(f"{beta:g}" for beta in table[0].betas)
    rows = [("measure", "function", "baseline", "rollouts", *worlds, "right everywhere at")]
    for row in table:
        right = " ".join(f"{beta:g}" for beta in row.right) or "-"
        about = (row.measure, row.function, row.baseline, "yes" if row.rollouts else "no")
        rows.append((*about, *row.letters.values(), right))
    met = {letter for row in table for letters in row.letters.values() for letter in letters}
    meanings = "\n".join(f"{letter}: {meaning}" for letter, meaning in LETTERS.items() if letter in met)
    return f"Optimal agents over 100 steps, a letter for each beta of {prices}\n\n{text_table(rows)}\n\n{meanings}"


COMMAND = Command(
    "side-effects",
    "what penalties for side effects make of optimal agents",
    "powerenvs side-effects --beta 0.1 1 10 --json side_effects.json",
    add_arguments,
    run,
)
