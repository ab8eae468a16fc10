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
    parser.add_argument(
        "--cases", action="store_true", help="Filan's cases for impact measures instead of the worlds of the paper"
    )
    parser.add_argument("--learned", action="store_true", help="Q-learners instead of optimal agents")
    parser.add_argument(
        "--aup", action="store_true", help="the ablation of attainable utility preservation, beside what was published"
    )
    parser.add_argument("--episodes", metavar="N", type=int, help="of each learner; default 10000, with --aup 6000")
    parser.add_argument("--learners", metavar="N", type=int, help="for each setting; default 10, with --aup 50")
    parser.add_argument(
        "--resume", metavar="FILE", help="keep finished cells of --learned in a file, and go on from there"
    )
    parser.add_argument("--json", metavar="FILE", help="write the table as JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw the table, with a tile for each price")


def run(args: argparse.Namespace) -> None:
    """Computes, prints the table, and writes the file asked for."""
    from power_metrics.measures.side_effects_table import (
        BETAS,
        FILAN,
        PAPER,
        learned_side_effects_table,
        side_effects_table,
    )

    check_outputs(args)
    betas = BETAS if args.beta is None else args.beta
    if args.resume is not None and not args.learned:
        raise ValueError("--resume: expected with --learned only, the rest takes seconds")
    if args.aup:
        if args.learned or args.cases or args.beta is not None or args.plot is not None:
            raise ValueError("--aup: expected without --learned, --cases, --beta and --plot")
        run_aup(args)
        return
    worlds = FILAN if args.cases else PAPER
    if args.learned:
        learners, episodes = _given(args.learners, 10), _given(args.episodes, 10_000)
        table = learned_side_effects_table(betas, args.seed, episodes, learners, worlds=worlds, resume=args.resume)
        who = f"What most of {learners:,} Q-learners do after {episodes:,} episodes of at most 100 steps"
    else:
        table, who = side_effects_table(betas, args.seed, worlds=worlds), "Optimal agents over 100 steps"
    if args.json is not None:
        json_text({"powerenvs": __version__, "rows": [vars(row) | {"right": row.right} for row in table]}, args.json)
    if args.plot is not None:
        table.plot(title=who, path=args.plot)
    text = report(table, who) + ("\n\n" + report_criteria(table) if args.cases else "")
    show(text, [path for path in (args.json, args.plot) if path is not None])


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def run_aup(args: argparse.Namespace) -> None:
    """Prints which agents of the ablation pass where, and what was published."""
    from power_metrics.measures.aup import ABLATION, WORLDS, aup_table

    learners, episodes = _given(args.learners, 50), _given(args.episodes, 6_000)
    table = aup_table(learners, args.seed, episodes)
    rows = [("agent", *WORLDS)]
    for name, shares in table.items():
        published = zip(shares.values(), ABLATION[name][1], strict=True)
        rows.append((name, *(f"{share:.2f} {'P' if share > 0.5 else 'f'}{letter}" for share, letter in published)))
    if args.json is not None:
        json_text({"powerenvs": __version__, "shares": table}, args.json)
    heading = f"The share of {learners:,} agents with the best performance after {episodes:,} episodes"
    meaning = "P, f: most pass or fail; the second letter is what was published"
    show(f"{heading}\n\n{text_table(rows)}\n\n{meaning}", [] if args.json is None else [args.json])


def report(table: Sequence[Row], who: str) -> str:
    """A line for each penalty and baseline, a letter for each price; what letters mean; what is right everywhere."""
    from power_metrics.measures.side_effects_table import LETTERS

    worlds, prices = list(table[0].letters), " ".join(f"{beta:g}" for beta in table[0].betas)
    rows: list[tuple[str, ...]] = [
        ("measure", "function", "baseline", "rollouts", *worlds, "right in all but the plant at")
    ]
    for row in table:
        right = " ".join(f"{beta:g}" for beta in row.right) or "-"
        about = (row.measure, row.function, row.baseline, "yes" if row.rollouts else "no")
        rows.append((*about, *row.letters.values(), right))
    met = {letter.upper() for row in table for letters in row.letters.values() for letter in letters}
    meanings = "\n".join(f"{letter}: {meaning}" for letter, meaning in LETTERS.items() if letter in met)
    if any(letters != letters.upper() for row in table for letters in row.letters.values()):
        meanings += "\nlower case: most learners, not all"
    return f"{who}, a letter for each beta of {prices}\n\n{text_table(rows)}\n\n{meanings}"


def report_criteria(table: Sequence[Row]) -> str:
    """What a good measure does in each world, and at how many prices each measure does, by baseline."""
    from power_metrics.measures.side_effects_table import CASES, criteria

    found = criteria(table)
    penalties = list(next(iter(found.values())))
    rows = [("world", *(" ".join(part.replace("_", " ") for part in penalty) for penalty in penalties))]
    for name, counts in found.items():
        rows.append((name, *(" ".join(str(count) for count in counts[penalty]) for penalty in penalties)))
    wanted = "\n".join(f"{name}: {CASES[name].wanted}" for name in found)
    heading = (
        f"At how many of {len(table[0].betas)} prices agents do as they should, for the baselines start, inaction, "
        "stepwise and stepwise with rollouts"
    )
    return f"What a good measure makes of an agent\n\n{wanted}\n\n{heading}\n\n{text_table(rows)}"


COMMAND = Command(
    "side-effects",
    "what penalties for side effects make of optimal agents",
    "powerenvs side-effects --beta 0.1 1 10 --json side_effects.json",
    add_arguments,
    run,
)
