"""``powerenvs corrupt-reward``: what agents earn that believe a corrupt reward; published, exact, and simulated."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from power_metrics.cli.command import Command, check_outputs
from power_metrics.results.stored import json_text
from powerenvs.model.text import text_table
from powerenvs.version import __version__

if TYPE_CHECKING:
    from power_metrics.chains.rates import Rates
    from power_metrics.measures.corrupt_reward_table import Line

NOTES = """\
published: table 1 of arXiv 1705.08417, means of whole runs of learners with initial values 10, +- standard deviation
exact: what has been learned, for ever; quantilisers as in definition 22, over the states that they may draw
simulated: {runs} runs of {steps:,} steps with its settings; quantilisers as in its code, which counts bumps
one_goal: goals pay 0.7 on average, without which the published rows do not come out"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to simulate, and where results go."""
    parser.add_argument("--level", metavar="NAME", nargs="+", help="levels; default one_goal two_goals four_goals")
    parser.add_argument("--runs", metavar="N", type=int, default=100, help="simulated runs, 0 for none; default 100")
    parser.add_argument("--steps", metavar="N", type=int, default=1_000_000, help="of each run; default 1000000")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the simulations; default 0")
    parser.add_argument("--json", metavar="FILE", help="write the table as JSON")
    parser.add_argument(
        "--plot", metavar="FILE", help="write a picture; the suffix chooses the format, such as .png or .pdf"
    )


def run(args: argparse.Namespace) -> None:
    """Computes, prints the table, and writes the files asked for."""
    from power_metrics.measures.corrupt_reward_table import GOALS, corrupt_reward_table

    check_outputs(args)
    table = corrupt_reward_table(args.level or tuple(GOALS), args.runs, args.steps, args.seed)
    written = []
    if args.json is not None:
        json_text({"powerenvs": __version__, "lines": [_plain(line) for line in table]}, args.json)
        written.append(args.json)
    if args.plot is not None:
        from power_metrics.plots import save_figure
        from power_metrics.plots.corrupt_reward import plot_corrupt_reward

        save_figure(plot_corrupt_reward(), args.plot)
        written.append(args.plot)
    print(report(table, args.runs, args.steps))
    for path in written:
        print(f"wrote {path}")


def report(table: Sequence[Line], runs: int, steps: int) -> str:
    """A line for each level and agent, and what the columns mean."""
    rows: list[tuple[str, ...]] = [
        ("level", "agent", "observed: published", "exact", "simulated", "true: published", "exact", "simulated")
    ]
    for line in table:
        cells = []
        for channel in ("observed", "true"):
            for mean, spread in (
                (line.published, line.published_deviation),
                (line.exact, line.exact_deviation),
                (line.simulated, line.simulated_deviation),
            ):
                cells.append(_cell(mean, spread, channel))
        rows.append((line.level, line.agent, *cells))
    notes = NOTES.format(runs=runs, steps=steps).splitlines()
    shown = [note for note in notes if runs or not note.startswith("simulated")]
    return "Average reward of a step\n\n" + text_table(rows) + "\n\n" + "\n".join(shown)


def _cell(mean: Rates | None, deviation: Rates | None, channel: str) -> str:
    if mean is None or deviation is None:
        return "-"
    spread = getattr(deviation, channel)
    return f"{getattr(mean, channel):.4f}" + (f" +-{spread:.2g}" if spread > 0 else "")


def _plain(line: Line) -> dict[str, object]:
    return {name: value._asdict() if hasattr(value, "_asdict") else value for name, value in vars(line).items()}


COMMAND = Command(
    "corrupt-reward",
    "compare what agents earn by a corrupt reward with what that is worth",
    "powerenvs corrupt-reward --json corrupt_reward.json --plot corrupt_reward.png",
    add_arguments,
    run,
)
