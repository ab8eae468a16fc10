"""``powerenvs sweep``: POWER, or another measure, over a grid of settings, from a file into a folder."""

from __future__ import annotations

import argparse
import math
import os
from typing import TYPE_CHECKING, Any

from power_metrics.cli.command import Command
from powerenvs.model.text import text_table

if TYPE_CHECKING:
    from power_metrics.sweeps.config import SweepConfig
    from power_metrics.sweeps.results import SweepResult

MAX_ROWS = 60
EXAMPLE = """a list is a grid, as in

  name: maze
  environment: PowerGrid-v0
  level: maze_7x7
  walls: absent
  noise: [0, 0.1]
  gamma: [0.1, 0.9, 0.99]
  num_samples: 20000
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration, the folder, and how the work is done."""
    group = parser.add_argument_group("configuration", EXAMPLE)
    group.add_argument("file", metavar="FILE", help="of this form, .yaml or .json; docs/sweeps.md has all keys")
    parser.add_argument("--folder", metavar="F", help="of the results; default results/NAME")
    parser.add_argument("--executor", metavar="E", help="'processes' or 'ray'; the same numbers, bit for bit")
    parser.add_argument("--workers", metavar="N", type=int, help="of the executor; default one for each core")
    parser.add_argument("--tensorboard", action="store_true", help="log each point to FOLDER/tensorboard")
    parser.add_argument("--wandb", action="store_true", help="log each point to Weights & Biases")
    parser.add_argument(
        "--fresh", action="store_true", help="delete the results of an earlier sweep in the folder, and start anew"
    )
    parser.add_argument(
        "--allow-imports", action="store_true", help="let an environment 'module:ID' import its module, whose code runs"
    )
    parser.add_argument("--no-figures", action="store_true", help="draw nothing")
    parser.add_argument("--dry-run", action="store_true", help="check everything, and print the points and their cost")


def run(args: argparse.Namespace) -> None:
    """Sweeps, and prints a table with one line for each point."""
    import power_metrics as pm
    from power_metrics.sweeps.folder import written_files
    from power_metrics.sweeps.pictures import FOLDER

    config = pm.SweepConfig.from_file(args.file, allow_imports=args.allow_imports)
    if args.dry_run:
        print(_plan(config))
        return
    try:
        result = pm.sweep(
            config,
            args.folder,
            executor=args.executor,
            workers=args.workers,
            tensorboard=args.tensorboard,
            wandb=args.wandb,
            fresh=args.fresh,
            figures=not args.no_figures,
            allow_imports=args.allow_imports,
        )
    except ImportError as error:  # of Ray; the message says how to install it
        raise ValueError(str(error)) from None
    print(f"{config.name}: {_kind(config)}")
    if result.num_resumed:
        print(f"{result.num_resumed} of the points were finished by an earlier run, and skipped")
    print(_table(result))
    files = written_files(result.folder)
    drawn = [path for path in files if path.parent.name == FOLDER]
    for path in files:
        if path not in drawn:
            print(f"wrote {os.fspath(path)}")
    if drawn:
        print(f"wrote {len(drawn)} figures to {os.fspath(drawn[0].parent)}")


def _kind(config: SweepConfig) -> str:
    from power_metrics.sweeps.keys import KINDS

    words = {
        "single_agent": "one agent",
        "fixed_policy": "one agent of a game, the other with a fixed policy",
        "two_agents": "two agents",
    }
    count = math.prod(map(len, config.values.values()))
    swept = ", ".join(f"{key} ({len(config.values[key])})" for key in config.parameters)
    measured = "" if config.measure == KINDS[config.kind] else f" of {config.measure}"
    return f"{count:,} point{'s' * (count > 1)}{measured}, {words[config.kind]}{', over ' if swept else ''}{swept}"


def _table(result: SweepResult) -> str:
    """One line for each point: its summary, in which standard errors and intervals stand beside what they are of."""
    frame = result.summary()
    swept = list(result.parameters)
    for name in [column for column in frame if f"{column}_standard_error" in frame]:
        errors = frame.pop(f"{name}_standard_error")
        both = [f"{mean:.4f} ± {error:.4f}" for mean, error in zip(frame[name], errors, strict=True)]
        frame = frame.assign(**{name: both}).rename(columns={name: f"{name} ± standard error"})
    for name in [column for column in frame if {f"{column}_low", f"{column}_high"} <= set(frame)]:
        ends = zip(frame.pop(f"{name}_low"), frame.pop(f"{name}_high"), strict=True)
        frame["95% interval"] = [f"{low:.3f} to {high:.3f}" for low, high in ends]
    rows = [tuple(map(str, frame.columns)), *(tuple(map(_cell, row)) for row in frame.itertuples(index=False))]
    lines = [text_table(rows[: MAX_ROWS + 1], right=range(len(swept), len(frame.columns)))]
    if len(rows) > MAX_ROWS + 1:
        lines.append(f"... {len(rows) - 1 - MAX_ROWS:,} points more in summary.csv")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plan(config: SweepConfig) -> str:
    """The points, the size of each, and the time that the whole will take about."""
    from power_metrics.sweeps.points import make_plan
    from power_metrics.sweeps.solve import expected_seconds

    units = make_plan(config)
    points = config.points
    rows = [("point", *config.parameters, "states", "reward functions")]
    by_point = {number: unit for unit in units for number in unit.points}
    for number, settings in enumerate(points[:MAX_ROWS]):
        unit = by_point[number]
        count = f"{unit.num_samples:,}" if unit.num_samples else "as it takes" if unit.is_open else "default"
        values = (_cell(settings[key]) for key in config.parameters)
        rows.append((str(number), *values, f"{unit.model.num_states:,}", count))
    lines = [f"{config.name}: {_kind(config)}"]
    lines.append(text_table(rows, right=(0, len(rows[0]) - 2, len(rows[0]) - 1)))
    if len(points) > MAX_ROWS:
        lines.append(f"... {len(points) - MAX_ROWS:,} points more")
    seconds = [expected_seconds(unit) for unit in units if unit.num_samples]
    if seconds:
        lines.append(f"about {sum(seconds):.0f} s on this machine, by trial runs of a few reward functions")
    return "\n".join(lines)


COMMAND = Command(
    "sweep",
    "compute POWER, or another measure, over a grid of settings, into a folder that an interrupted run goes on with",
    "powerenvs sweep maze.yaml --folder results/maze",
    add_arguments,
    run,
)
