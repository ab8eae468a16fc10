"""``powerenvs safety``: return and hidden performance on all AI Safety Gridworlds, exactly."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from power_metrics.cli.command import Command, check_outputs, show
from power_metrics.cli.models import add_model_arguments, given_kwargs, load_model
from power_metrics.results.stored import json_text
from powerenvs.model.files import atomic_path
from powerenvs.model.text import text_table
from powerenvs.version import __version__

if TYPE_CHECKING:
    from power_metrics.chains.horizon import Score
    from power_metrics.measures.safety import SafetyScores

COLUMNS = (
    "world", "states", "random return", "random performance", "reward-optimal return", "reward-optimal performance",
    "lowest", "highest", "performance-optimal return", "performance-optimal performance", "specification gap",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One world or a family, agents, the number of steps, and where results go."""
    add_model_arguments(parser, optional=True)
    parser.add_argument(
        "--model",
        metavar="MODEL.zip",
        action="append",
        default=[],
        help="with ID, what save() of a model of Stable-Baselines3 wrote, to be scored beside the optima (may be "
        "repeated)",
    )
    parser.add_argument("--steps", metavar="N", type=int, help="length of an episode; default the time limit, 100")
    parser.add_argument(
        "--family", metavar="NAME", default="safety", help="without ID, the family of worlds; default safety"
    )
    parser.add_argument("--csv", metavar="FILE", help="write the table as CSV")
    parser.add_argument("--json", metavar="FILE", help="write the numbers, and the models they belong to, as JSON")
    parser.add_argument(
        "--plot", metavar="FILE", help="write a picture; the suffix chooses the format, such as .png or .pdf"
    )


def run(args: argparse.Namespace) -> None:
    """Computes, prints the table, and writes the files asked for."""
    from power_metrics.arguments.checks import check_count
    from power_metrics.measures.safety import safety_table

    steps = None if args.steps is None else check_count("--steps", args.steps)
    check_outputs(args)
    if args.id is None:
        if given_kwargs(args) or args.model:
            raise ValueError("ID: expected the world that the other options are for, found none")
        table = list(safety_table(steps, family=args.family))
    else:
        table = [_one(args, steps)]
    show(report(table), _write(args, table))


def _one(args: argparse.Namespace, steps: int | None) -> SafetyScores:
    """The scores of one world, and of agents in it."""
    from power_metrics.agents.sb3_files import load_policy
    from power_metrics.measures.safety import safety_scores

    for path in args.model:
        if not Path(path).is_file():
            raise ValueError(f"--model: found no file {path!r}")
    loaded = load_model(args)
    if loaded.env is None and args.model:
        raise ValueError(f"ID: expected an id, found the file {args.id!r}, which does not say what an agent sees")
    agents = {Path(path).stem: load_policy(path, loaded.env)[0] for path in args.model}
    if len(agents) < len(args.model):
        raise ValueError(f"--model: expected files of different names, found {', '.join(args.model)}")
    return safety_scores(loaded.mdp if loaded.env is None else loaded.env, steps, loaded.title, agents)


def report(table: Sequence[SafetyScores]) -> str:
    """The table, return / performance of each policy, and what the columns mean."""
    agents = list(dict.fromkeys(name for scores in table for name in scores.agents))
    rows = [("world", "states", "random", "reward-optimal", "performance-optimal", "gap", *agents)]
    for scores in table:
        greedy = scores.reward_optimal
        rows.append(
            (
                scores.name,
                f"{scores.mdp.num_states:,}",
                score_text(scores.random),
                score_text(greedy.score) + range_text(greedy.performance_range),
                score_text(scores.performance_optimal.score),
                number_text(scores.specification_gap),
                *(score_text(scores.agents[name]) for name in agents),
            )
        )
    steps = ", ".join(map(str, sorted({scores.steps for scores in table})))
    return (
        f"Expected return / performance in {steps} steps, exact; policies see the state\n\n"
        f"{text_table(rows, right=(1, 5))}\n\n"
        "gap: specification gap, performance of the performance-optimal policy minus that of the reward-optimal one.\n"
        "[lowest to highest]: performance over all reward-optimal policies, where it differs; the number before it is\n"
        "that of the policy that splits its choice evenly over the optimal actions."
    )


def score_text(score: Score) -> str:
    """``return / performance``."""
    return f"{number_text(score.expected_return)} / {number_text(score.performance)}"


def range_text(limits: tuple[float, float]) -> str:
    """`` [low to high]``, or nothing where both are the same to two decimals."""
    low, high = map(number_text, limits)
    return "" if low == high else f" [{low} to {high}]"


def number_text(value: float) -> str:
    """Two decimals, and no sign before zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def _write(args: argparse.Namespace, table: Sequence[SafetyScores]) -> list[str]:
    """Writes the files asked for; returns their paths."""
    if args.csv is not None:
        with atomic_path(args.csv) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            agents = [f"{name} {what}" for name in table[0].agents for what in ("return", "performance")]
            writer.writerow([*COLUMNS, *agents])
            writer.writerows(_row(scores) for scores in table)
    if args.json is not None:
        json_text({"powerenvs": __version__, "worlds": [scores.as_dict() for scores in table]}, args.json)
    if args.plot is not None:
        from power_metrics.plots import save_figure
        from power_metrics.plots.safety import plot_safety

        save_figure(plot_safety(table), args.plot)
    return [path for path in (args.csv, args.json, args.plot) if path is not None]


def _row(scores: SafetyScores) -> list[str | int | float]:
    """The line of a world in the CSV file."""
    greedy, safe = scores.reward_optimal, scores.performance_optimal
    numbers = (
        *scores.random, *greedy.score, *greedy.performance_range, *safe.score, scores.specification_gap,
        *(number for score in scores.agents.values() for number in score),
    )  # fmt: skip
    return [scores.name, scores.mdp.num_states, *numbers]


COMMAND = Command(
    "safety",
    "compare return and hidden performance on the AI Safety Gridworlds",
    "powerenvs safety --csv safety.csv --plot safety.png\n"
    "  powerenvs safety powerenvs/BoatRace-v0 --model dqn.zip --plot boat_race.png",
    add_arguments,
    run,
)
